"""
Producers, as Twisted has them, for a consumer that can tell when it has room.

A push producer (``streaming``) is paused and resumed.  A pull producer is asked
for more whenever nothing waits; it may answer at once, or some time later.  One
that fails instead is let go: it would never answer, and to ask it again and
again would fill the log.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Optional

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ._callbacks import call, cancel, shown, watch
from .interfaces import IZmqReactor

log = Logger()

#: How long a pull producer is asked until others get their turn, in seconds.
_PULL_SECONDS = 0.001


class Production:
    """
    A registered producer.

    :param producer: an ``IPushProducer`` if ``streaming``, else an
        ``IPullProducer``.
    :param hasRoom: whether the consumer wants more.
    :param failed: called when a pull producer has failed, to unregister it.
    """

    def __init__(
        self,
        reactor: IZmqReactor,
        producer: Any,
        streaming: bool,
        hasRoom: Callable[[], bool],
        failed: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._producer = producer
        self._streaming = streaming
        self._hasRoom = hasRoom
        self._failed = failed
        self._isPaused = False
        # Whether it has been asked, and has not answered yet.
        self._isAsked = False
        self._nextPull: Optional[IDelayedCall] = None
        self._isOver = False

    def crossed(self, isFull: bool) -> None:
        """
        Too much waits, or there is room again.
        """
        if self._streaming and isFull != self._isPaused:
            self._isPaused = isFull
            call(self._producer.pauseProducing if isFull else self._producer.resumeProducing)

    def wrote(self) -> None:
        """
        Something was written: by the producer, since nobody else should.
        """
        self._isAsked = False
        self.pull()

    def pull(self) -> None:
        """
        Ask for more, in a later turn, if that is what is needed.
        """
        if (
            not self._streaming
            and not self._isAsked
            and not self._isOver
            and self._nextPull is None
            and self._hasRoom()
        ):
            self._nextPull = self._reactor.callLater(0, self._pull)

    def stop(self) -> None:
        """
        There is nowhere to write to any more.
        """
        self.end()
        call(self._producer.stopProducing)

    def end(self) -> None:
        """
        Ask no more: the producer has unregistered.
        """
        self._isOver = True
        nextPull, self._nextPull = self._nextPull, None
        cancel(nextPull)

    def _pull(self) -> None:
        deadline = perf_counter() + _PULL_SECONDS
        # Still set: what is written meanwhile schedules nothing.
        while not self._isAsked and not self._isOver and self._hasRoom():
            if perf_counter() >= deadline:
                break
            self._ask()
        self._nextPull = None
        self.pull()

    def _ask(self) -> None:
        self._isAsked = True
        try:
            watch(self._producer.resumeProducing(), self._giveUp)
        except BaseException:
            self._giveUp(Failure())  # type: ignore[no-untyped-call]

    def _giveUp(self, failure: Failure) -> None:
        producer = shown(self._producer)
        log.failure("Unhandled error in {producer}: unregistered", failure, producer=producer)
        if not self._isOver:
            self._failed()
            self.stop()
