"""
The end of a factory that closes without blocking: what waits in our own queues gets its
time, and then the context goes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Optional, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ._callbacks import cancel, failQuietly, nothing
from ._context import GRACE, Termination
from .errors import ZmqClosedError, ZmqUnsentError
from .interfaces import IZmqReactor

log = Logger()

_GIVEN_UP = "libzmq has given up what it had"

_NOT_TERMINATED = (
    "the context cannot be terminated: a socket that is not ours is open in it, or libzmq is"
    " still sending"
)


class Closable(Protocol):
    """
    A connection, or a transport, as its factory knows it.
    """

    def shutdown(self) -> None:
        """
        Close, now; what users may override.
        """

    def _claimToClose(self) -> None:
        """
        :raise ZmqThreadError: this is not the reactor's thread.
        """

    def _meetItself(self) -> None:
        """
        The context will be terminated.
        """

    def _closeWhenSent(self, seconds: Optional[float], close: Callable[[Any], None]) -> None:
        """
        Receive nothing any more; close when nothing waits, or have it closed.
        """

    def _waiting(self) -> tuple[int, int]:
        """
        :return: how many messages wait in our queue, and their bytes.
        """

    def _closeSocket(self) -> None:
        """
        Close, if that is not done.
        """


def factoryClosed() -> ZmqClosedError:
    """
    :return: what to tell those who want to open something in a factory at its end.
    """
    return ZmqClosedError(text="this factory is shut down: make a new ZmqFactory")


class Closing:
    """
    A factory that closes while the reactor goes on.

    :param reactor: the reactor.
    :param seconds: how long messages have to leave; ``None`` is without end.
    :param shut: closes a connection, now.
    :param terminate: to be called when all are closed; terminates the context,
        calls its argument in a thread when that is done, and returns the
        :class:`Termination`, or ``None`` if there was no context.
    :param finished: called at the end.
    """

    def __init__(
        self,
        reactor: IZmqReactor,
        seconds: Optional[float],
        shut: Callable[[Any], None],
        terminate: Callable[[Callable[[], object]], Optional[Termination]],
        finished: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._shut = shut
        self._terminate = terminate
        self._finished = finished
        self._lost = (0, 0)
        self._until = inf if seconds is None else reactor.seconds() + seconds
        self._wasLate = False
        self._open: set[Closable] = set()
        self._termination: Optional[Termination] = None
        self._isTerminating = False
        self._isOver = False
        self._timer: Optional[IDelayedCall] = None
        self._waiting: list[Deferred[None]] = []

    def when(self) -> Deferred[None]:
        """
        :return: fires when all is closed.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def begin(self, connections: set[Closable]) -> None:
        """
        :param connections: those that are open; they leave it as they close.
        """
        self._open = connections
        if self._seconds is not None:
            # First: what waits then is still there to be counted.
            self._timer = self._reactor.callLater(self._seconds, self._tooLate)
        for connection in list(connections):
            try:
                connection._closeWhenSent(self._seconds, self._shut)
            except Exception:
                log.failure("Error while closing {connection}", connection=connection)
                self._shut(connection)
        self.connectionClosed()

    def connectionClosed(self) -> None:
        """
        One has gone; if it was the last, so does the context.
        """
        if not self._open and not self._isTerminating:
            self._isTerminating = True
            self._termination = self._terminate(
                lambda: self._reactor.callFromThread(  # type: ignore[attr-defined]
                    self._terminated, self._reactor.seconds()
                )
            )
            if self._termination is None:
                self._end("")

    def hurry(self) -> None:
        """
        The reactor stops: wait, blocking, for what there is to wait for.
        """
        self._count()
        for connection in list(self._open):
            self._shut(connection)
        self.connectionClosed()
        termination = self._termination
        if termination is not None:
            seconds = None if self._seconds is None else self._seconds + GRACE
            self._end("" if termination.wait(seconds) else _NOT_TERMINATED)

    def _tooLate(self) -> None:
        # If so, libzmq has had no time, and is not to blame.
        self._wasLate = not self._isTerminating
        self._count()
        self._timer = self._reactor.callLater(GRACE, self._end, _NOT_TERMINATED)
        for connection in list(self._open):
            self._shut(connection)
        self.connectionClosed()

    def _count(self) -> None:
        for connection in self._open:
            messages, size = connection._waiting()
            self._lost = (self._lost[0] + messages, self._lost[1] + size)

    def _terminated(self, when: float) -> None:
        # With no time at all, libzmq drops what it has; that is what was wanted.
        gaveUp = when >= self._until and not self._wasLate and self._seconds
        self._end(_GIVEN_UP if gaveUp else "")

    def _end(self, why: str) -> None:
        if self._isOver:
            return
        self._isOver = True
        timer, self._timer = self._timer, None
        cancel(timer)
        # They know the factory, which knows us; and these know us, too.
        self._shut = self._terminate = nothing
        self._open = set()
        self._termination = None
        finished, self._finished = self._finished, nothing
        finished()
        self._tell(why)

    def _tell(self, why: str) -> None:
        waiting, self._waiting = self._waiting, []
        messages, size = self._lost
        reasons = [f"{messages} messages, {size} bytes, waited to be sent"] if messages else []
        reasons += [why] if why else []
        if reasons:
            text = f"not everything could be sent: {', and '.join(reasons)}"
            log.error("A factory was closed: {text}", text=text)
        for deferred in waiting:
            if reasons:
                failQuietly(deferred, ZmqUnsentError(text, messages, size))
            elif not deferred.called:
                deferred.callback(None)
