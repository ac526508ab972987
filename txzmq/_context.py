"""
The context of a factory: made late, shared by its sockets, and terminated in a thread,
since that waits for every socket in it, for ever if need be, and must not take the
reactor with it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, Optional

import zmq

from ._advice import socketError
from ._owner import keep
from ._spare import checkForContext
from .errors import ZmqForkedError

#: How long to wait for libzmq's own threads when the context is terminated, in
#: seconds and on top of the time for sending.  They need milliseconds; what takes
#: longer is a socket that somebody else has left open.
GRACE = 1.0

#: Error numbers of a context that cannot have more sockets.
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

#: All that pyzmq knows.
_SOCKET_TYPES = frozenset(zmq.SocketType)


class SharedContext:
    """
    A context, before, while and after it is there.

    :ivar isInUse: whether a socket has been opened in it: libzmq looks at the settings
        of a context then.
    """

    def __init__(self) -> None:
        self.isInUse = False
        self._context: Optional[zmq.Context[zmq.Socket[bytes]]] = None
        # That of the context: until there is one, a factory can go along.
        self._process: Optional[int] = None
        # Somebody else terminates it.
        self._isLost = False
        # The periods that sockets were opened with: their longest bounds the
        # termination.
        self._lingers: set[int] = set()

    @property
    def isOurs(self) -> bool:
        """
        Whether it is of this process, and not inherited from another.
        """
        return self._process in (None, os.getpid())

    def get(self) -> Optional[zmq.Context[zmq.Socket[bytes]]]:
        """
        :return: the context, if there is one.
        :raise ZmqForkedError: it is inherited.
        """
        if not self.isOurs:
            raise ZmqForkedError()
        return self._context

    def make(self, settings: dict[int, int]) -> zmq.Context[zmq.Socket[bytes]]:
        """
        :param settings: options, and their values.
        :return: a new context.
        :raise ZmqSocketError: there can be none.
        """
        try:
            context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        except zmq.ZMQError as error:
            raise socketError(error) from error
        self.take(context)
        for option, value in settings.items():
            context.set(option, value)
        return context

    def take(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """
        This is the context from now on.
        """
        self._context = context
        self._process = os.getpid()

    def set(self, option: int, value: int) -> None:
        """
        Set an option, if there is a context and it can still count.
        """
        if self._context is not None and not self.isInUse:
            self._context.set(option, value)

    def openSocket(self, context: Any, socketType: int, linger: int) -> zmq.Socket[bytes]:
        """
        :param context: the context; that of a subclass may be another.
        :param linger: how long the socket lingers, in milliseconds.
        :raise ZmqSocketError: libzmq cannot make a socket, or not this one.
        """
        try:
            if not self.isInUse:
                checkForContext(context)
            # pyzmq looks for the reason of a refusal too late to be sure of it.
            if socketType not in _SOCKET_TYPES:
                raise zmq.ZMQError(errno.EINVAL)
            socket: zmq.Socket[bytes] = context.socket(socketType)
        except zmq.ZMQError as error:
            raise socketError(error) from error
        self.isInUse = True
        socket.setsockopt(zmq.LINGER, linger)
        self._lingers.add(linger)
        return socket

    def lose(self) -> None:
        """
        Somebody else terminates it, so we must not: libzmq aborts when two threads do.
        """
        self._isLost = True

    def ask(self) -> None:
        """
        Find out whether somebody else terminates it.
        """
        context = self._context
        if context is None or not self.isInUse or self._isLost or not self.isOurs:
            return
        try:
            context.socket(zmq.PAIR).close(0)
        except zmq.ZMQError as error:
            if error.errno not in _SCARCE:
                self.lose()

    def longestLinger(self) -> int:
        """
        :return: how long the last socket may linger, in milliseconds; -1 is without end.
        """
        endless = min(self._lingers, default=0) < 0
        return -1 if endless else max(self._lingers, default=0)

    def terminate(self, done: Callable[[], object]) -> Optional[Termination]:
        """
        :param done: called in a thread, when it is terminated.
        :return: ``None`` if there is nothing for us to terminate.
        """
        self.ask()
        context, self._context = self._context, None
        if context is not None and not self.isOurs:
            keep(context)
            context = None
        if context is None or self._isLost:
            return None
        return Termination(context, self.longestLinger(), done)


class Termination:
    """
    A context that is being terminated.

    :param context: the context.
    :param linger: for sockets that are still open where no thread can be started,
        in milliseconds.
    :param done: called in the thread, when it is.
    """

    def __init__(self, context: zmq.Context[Any], linger: int, done: Callable[[], object]) -> None:
        self._thread: Optional[Thread] = None

        def terminate() -> None:
            # An error is that of somebody else, who terminates it as well.
            with suppress(zmq.ZMQError):
                context.term()
            done()

        thread = Thread(target=terminate, name="txzmq-terminate", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter exits, and starts no more threads.
            context.destroy(linger)
        else:
            self._thread = thread

    def wait(self, seconds: Optional[float]) -> bool:
        """
        Block until it is done.

        :param seconds: the longest; ``None`` is without end.
        :return: whether it is.
        """
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()
