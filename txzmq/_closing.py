"""
The end of a factory that closes without blocking: what waits in our own queues gets its
time, and then the context goes.  What libzmq is still to send when a socket is closed
gets the time that is left (``_termination``).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any, Optional, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from . import _termination
from ._callbacks import cancel, failQuietly, nothing, shown
from ._termination import Lingering, Termination
from .errors import ZmqClosedError, ZmqUnsentError
from .interfaces import IZmqReactor

log = Logger()

_GIVEN_UP = "libzmq may have given up what it had"

_BUSY = "not all was closed by the deadline, when libzmq gave up what it had"

_NO_THREAD = "the context is not terminated: no thread can be started for that"


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

    #: When libzmq is to let go of what it has at the latest, by ``time.monotonic``.
    _until: float

    def _closeWhenSent(self, close: Callable[[Any], None]) -> None:
        """
        Receive nothing any more; close when nothing waits, or have it closed.
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
    :param lingering: what libzmq may have to send.
    """

    def __init__(
        self,
        reactor: IZmqReactor,
        seconds: Optional[float],
        shut: Callable[[Any], None],
        terminate: Callable[[Callable[[], object]], Optional[Termination]],
        finished: Callable[[], None],
        lingering: Lingering,
    ) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._shut = shut
        self._terminate = terminate
        self._finished = finished
        self._lingering = lingering
        self._lost = (0, 0)
        self._until = inf if seconds is None else monotonic() + seconds
        # From when on libzmq may have given up something: what closes from now on tells.
        self._givesUp = self._until if lingering.left() > 0 else inf
        # Until when to wait for the termination.
        self._waitsUntil = self._until + _termination.GRACE
        self._wasLate = False
        self._open: set[Closable] = set()
        self._termination: Optional[Termination] = None
        self._isTerminating = False
        self._when = 0.0
        self._isBlocking = False
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
            self._timer = self._reactor.callLater(self._seconds, self._tooLate)
        for connection in list(connections):
            # All, before the first one closes, which may close others.
            connection._until = self._until
        for connection in list(connections):
            try:
                connection._closeWhenSent(self._shut)
            except Exception:
                log.failure("Error while closing {connection}", connection=shown(connection))
                self._shut(connection)
        self.connectionClosed()

    def socketClosed(self, until: Optional[float], messages: int, size: int) -> None:
        """
        One has closed its socket, for whatever reason.

        :param until: until when libzmq sends what it has, if that is known.
        :param messages: how many it takes with it.
        :param size: their bytes.
        """
        self._lost = (self._lost[0] + messages, self._lost[1] + size)
        if until is not None:
            self._givesUp = min(self._givesUp, until)

    def connectionClosed(self) -> None:
        """
        One has gone; if it was the last, so does the context.
        """
        if not self._open and not self._isTerminating:
            self._isTerminating = True
            self._termination = self._terminate(self._isDone)
            if self._termination is None:
                self._end("")
            elif not self._termination.isStarted and not self._isBlocking:
                # Nobody would know when, and to wait here is to block.
                self._end(_NO_THREAD)

    def hurry(self) -> None:
        """
        The reactor stops, or the factory shall: wait, blocking, for what there is to
        wait for, but not longer than for a factory that was not closing.

        :raise ZmqThreadError: this is not the reactor's thread.
        """
        for connection in list(self._open):
            connection._claimToClose()
        self._isBlocking = True
        for connection in list(self._open):
            self._shut(connection)
        self.connectionClosed()
        termination = self._termination
        if termination is not None:
            patience = self._lingering.patience()
            seconds = max(0.0, self._waitsUntil - monotonic())
            seconds = min(seconds, inf if patience is None else patience)
            if termination.wait(None if seconds == inf else seconds):
                self._terminated()
            else:
                self._notTerminated()

    def _tooLate(self) -> None:
        self._timer = None
        self._wasLate = not self._isTerminating
        for connection in list(self._open):
            self._shut(connection)
        self.connectionClosed()
        # Not before: with many messages even that may take its time.
        if not self._isOver:
            seconds = self._lingering.grace()
            self._waitsUntil = monotonic() + seconds
            self._timer = self._reactor.callLater(seconds, self._notTerminated)

    def _isDone(self) -> None:
        # In the thread: the reactor may be busy, and come to it later.
        self._when = monotonic()
        # Who has given up on it may have stopped the reactor as well.
        if not self._isOver:
            self._reactor.callFromThread(self._terminated)  # type: ignore[attr-defined]

    def _terminated(self) -> None:
        why = ""
        # With no time at all, libzmq drops what it has; that is what was wanted.
        if self._seconds != 0:
            if self._wasLate:
                # It had no time of its own: what there is to say is how many waited.
                why = "" if self._lost[0] else _BUSY
            elif self._when >= self._givesUp:
                why = _GIVEN_UP
        self._end(why)

    def _notTerminated(self) -> None:
        termination = self._termination
        why = "its connections do not close" if termination is None else termination.why()
        self._end(f"the context is not terminated: {why}")

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
