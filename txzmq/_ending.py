"""
How a transport comes to its end: what may follow what, and the calls that are to come
on the way.  No socket here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Optional

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from ._callbacks import cancel, shown
from .errors import ZmqOptionError
from .interfaces import IZmqReactor
from .options import isSeconds

#: The most that libzmq takes, in seconds.
_LONGEST_LINGER = 0x7FFFFFFF / 1000


class State(Enum):
    """
    Where a transport is on its way.
    """

    #: Nothing has come to an end.
    OPEN = "open"

    #: Nothing is received any more, and nothing new accepted but from a producer.
    CLOSING = "closing"

    #: Nothing at all is accepted; what waits has its last chance, at once.
    LEAVING = "leaving"

    #: It is decided how it ends.
    ENDING = "ending"

    #: As before, and nothing else can be decided.
    ABORTED = "aborted"

    #: The protocol is told.
    OVER = "over"


OPEN, CLOSING, LEAVING, ENDING, ABORTED, OVER = State

#: What may follow.  Everything else is ignored: whoever is told of one step may ask
#: for another.
_NEXT = {
    OPEN: {CLOSING, LEAVING, ABORTED},
    CLOSING: {LEAVING, ENDING, ABORTED},
    LEAVING: {LEAVING, ENDING, ABORTED},
    ENDING: {ABORTED, OVER},
    ABORTED: {OVER},
    OVER: set(),
}


class Ending:
    """
    The way of one transport.

    :param reactor: for what is to come later.
    :ivar state: how far it has come.
    :ivar linger: how long libzmq is to hold what it has not sent, in milliseconds, -1
        without end; ``None`` as the socket is set.
    """

    def __init__(self, reactor: IZmqReactor) -> None:
        self.state = OPEN
        self.linger: Optional[int] = None
        self._reactor = reactor
        self._reason: Optional[Failure] = None
        # How long libzmq is to hold it if the transport comes to an orderly end;
        # ``None`` if nobody has asked for one.
        self._patience: Optional[int] = None
        self._deadline: Optional[IDelayedCall] = None
        self._lastCall: Optional[IDelayedCall] = None
        self._trigger: Any = None

    def close(self, seconds: Optional[float], tooLate: Callable[[], None]) -> None:
        """
        To be closed when nothing waits.

        :param seconds: how long that may take; ``None`` is without end.
        :param tooLate: called after that.
        """
        self._go(CLOSING)
        self._patience = -1 if seconds is None else int(min(seconds, _LONGEST_LINGER) * 1000)
        if seconds is not None:
            self._deadline = self._reactor.callLater(seconds, tooLate)

    def leave(self) -> bool:
        """
        To be closed now.

        :return: whether it is still to be decided how.
        """
        return self._go(LEAVING)

    def finish(self, unsent: Optional[Failure] = None) -> bool:
        """
        Decide: the end that was asked for by :meth:`close`.

        :param unsent: what is wrong with it; without it, it is an orderly one.
        :return: whether it was asked for, and nothing else is decided.
        """
        if self._patience is None:
            return False
        if unsent is not None:
            # It has had its time: now libzmq gets what every socket gets.
            return self._decide(ENDING, unsent, None)
        done = Failure(ConnectionDone())  # type: ignore[no-untyped-call]
        return self._decide(ENDING, done, self._patience)

    def lose(self, reason: Failure) -> None:
        """
        Decide, if nothing is decided: nobody has asked for it.
        """
        self._decide(ENDING, reason, None)

    def abort(self) -> bool:
        """
        Decide: the end at once, whatever was decided before.

        :return: whether there is something to end.
        """
        aborted = Failure(ConnectionAborted())  # type: ignore[no-untyped-call]
        return self._decide(ABORTED, aborted, 0)

    def soon(self, end: Callable[[], None]) -> None:
        """
        End when our caller has finished; at the latest when the reactor stops.
        """
        if self._lastCall is None:
            self._noDeadline()
            self._lastCall = self._reactor.callLater(0, end)
            self._trigger = self._reactor.addSystemEventTrigger(
                "before", "shutdown", self._stop, end
            )

    def over(self) -> Optional[Failure]:
        """
        Everything ends now.

        :return: the reason for the protocol; ``None`` if it has been told.
        """
        if not self._go(OVER):
            return None
        self._noDeadline()
        lastCall, self._lastCall = self._lastCall, None
        cancel(lastCall)
        trigger, self._trigger = self._trigger, None
        if trigger is not None:
            self._reactor.removeSystemEventTrigger(trigger)
        reason, self._reason = self._reason, None
        return reason

    def _go(self, state: State) -> bool:
        if state not in _NEXT[self.state]:
            return False
        self.state = state
        return True

    def _decide(self, state: State, reason: Failure, linger: Optional[int]) -> bool:
        isNew = self._go(state)
        if isNew:
            self._reason, self.linger = reason, linger
        return isNew

    def _noDeadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        cancel(deadline)

    def _stop(self, end: Callable[[], None]) -> None:
        self._trigger = None
        end()


def checkTimeout(seconds: Optional[float]) -> None:
    """
    :raise ZmqOptionError: it is no ``closeTimeout``.
    """
    if seconds is not None and not isSeconds(seconds):
        text = f"closeTimeout is None, or seconds from 0 up, not {shown(seconds)}"
        raise ZmqOptionError("closeTimeout", text)
