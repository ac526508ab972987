"""
The context of a factory: made late, and shared by its sockets.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Optional

import zmq

from ._advice import socketError
from ._owner import keep
from ._spare import checkForContext
from ._termination import Lingering, Termination
from .errors import ZmqForkedError

#: Error numbers of a context that cannot have more sockets.
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

#: How often to ask, since pyzmq looks for the reason of a refusal so late that whoever
#: traces or profiles the program may have left another one.
_QUESTIONS = 3

#: All that pyzmq knows.
_SOCKET_TYPES = frozenset(zmq.SocketType)


class SharedContext:
    """
    A context, before, while and after it is there.

    :ivar isInUse: whether a socket has been opened in it: libzmq looks at the settings
        of a context then.
    :ivar lingering: what libzmq may have to send when the sockets are closed.
    """

    def __init__(self) -> None:
        self.isInUse = False
        self._context: Optional[zmq.Context[zmq.Socket[bytes]]] = None
        # That of the context: until there is one, a factory can go along.
        self._process: Optional[int] = None
        # Somebody else terminates it.
        self._isLost = False
        self.lingering = Lingering()

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
        self.lingering.opened(linger)
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
        for _ in range(_QUESTIONS):
            try:
                context.socket(zmq.PAIR).close(0)
                return
            except zmq.ZMQError as error:
                if error.errno in _SCARCE:
                    return
        self.lose()

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
        return Termination(context, self.lingering, done)
