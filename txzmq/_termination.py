"""
The end of a context: it is terminated in a thread, since that waits for every socket in
it, for ever if need be, and must not take the reactor with it.

A socket that is closed still sends what libzmq has, for as long as it was told to
when it was closed.  That can neither be shortened nor watched: all that there is to
know is when it ends at the latest, and when all of them have ended, which is when
the context is terminated.  So whatever closes a socket tells until when it may
take.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import inf
from threading import Thread
from time import monotonic, sleep
from typing import Any, Optional

import zmq

from ._owner import keep

#: How long to wait for libzmq's own threads when the context is terminated, in
#: seconds and on top of the time for sending.  They need milliseconds; what takes
#: longer is a socket that somebody else has left open.
GRACE = 1.0

#: The same where libzmq may go on sending for longer, and to wait would help nobody.
MARGIN = 0.5

_FOREIGN = "a socket that is not ours is open in it"

_SENDING = "libzmq may still be sending what it has of sockets that are closed"


class Lingering:
    """
    How long sockets may send when they are closed.
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._until = 0.0

    def opened(self, milliseconds: int) -> None:
        """
        A socket is opened that is to linger for so long; -1 is without end.
        """
        seconds = inf if milliseconds < 0 else milliseconds / 1000
        self._longest = max(self._longest, seconds)

    def closed(self, until: float) -> None:
        """
        A socket is closed, and may send until then, by ``time.monotonic``.
        """
        self._until = max(self._until, until)

    def left(self) -> float:
        """
        :return: for how many seconds at most those that are closed may send.
        """
        return max(0.0, self._until - monotonic())

    def grace(self) -> float:
        """
        :return: how many seconds to wait when the time for sending is over.
        """
        return GRACE if self.left() <= MARGIN else MARGIN

    def patience(self) -> Optional[float]:
        """
        :return: for how many seconds to block, at most, when all is closed:
            ``None`` is without end.
        """
        if self._longest == inf:
            return None
        # What was given more time than that cannot be called back.
        isBounded = self.left() <= self._longest + MARGIN
        return self._longest + (GRACE if isBounded else MARGIN)


class Termination:
    """
    A context that is being terminated.

    :param context: the context.
    :param lingering: what libzmq may have to send.
    :param done: called in the thread, when it is.
    :ivar isStarted: whether there is a thread.
    """

    def __init__(
        self, context: zmq.Context[Any], lingering: Lingering, done: Callable[[], object]
    ) -> None:
        self._context = context
        self._lingering = lingering
        self._done = done
        self._thread = Thread(target=self._terminate, name="txzmq-terminate", daemon=True)
        self.isStarted = True
        try:
            self._thread.start()
        except RuntimeError:
            # There are too many, or the interpreter exits.
            self.isStarted = False
            # Its finalizer would close all sockets, and wait for them.
            keep(context)

    def wait(self, seconds: Optional[float]) -> bool:
        """
        Block until it is done.

        :param seconds: the longest; ``None`` is without end.
        :return: whether it is.
        """
        if self.isStarted:
            self._thread.join(seconds)
            return not self._thread.is_alive()
        longest = inf if seconds is None else seconds
        left = self._lingering.left()
        if left <= longest and not self._hasSockets():
            # Then it is bounded: nothing but what is closed keeps it.
            self._terminate()
            return True
        if longest < inf:
            # All that we can do for what is still to be sent.
            sleep(min(left, longest))
        return False

    def why(self) -> str:
        """
        :return: what keeps it.
        """
        isSending = self._lingering.left() > 0 and not self._hasSockets()
        return _SENDING if isSending else _FOREIGN

    def _hasSockets(self) -> bool:
        """
        :return: whether there are sockets in the context that are not closed.
        """
        # There is no public way to ask; where there is none at all, assume so.
        sockets: Any = getattr(self._context, "_sockets", None)
        return sockets is None or not all(socket.closed for socket in list(sockets))

    def _terminate(self) -> None:
        # An error is that of somebody else, who terminates it as well.
        with suppress(zmq.ZMQError):
            self._context.term()
        self._done()
