"""
What all connections of a program, or of a part of it, have in common: a
reactor, a ZeroMQ context, and an end.
"""

from __future__ import annotations

import errno
from threading import Thread
from typing import TYPE_CHECKING, Any, Optional

import zmq
from twisted.logger import Logger
from zope.interface import implementer

from ._advice import socketError
from .errors import ZmqClosedError, ZmqOptionError
from .interfaces import IZmqFactory

if TYPE_CHECKING:
    from .connection import ZmqConnection

log = Logger()

#: How long to wait for libzmq's own threads when the context is terminated,
#: in seconds and on top of the linger period.  They need milliseconds; what
#: takes longer is a socket that somebody else has left open.
_TERMINATION_GRACE = 1.0

#: Settings, with the lowest and the highest value of each.  libzmq knows no
#: upper limit for its sockets, and aborts when it finds one.
_RANGE = {
    "ioThreads": (0, 0x7FFFFFFF),
    "lingerPeriod": (-1, 0x7FFFFFFF),
    "maxSockets": (1, 65_535),
}

#: The settings that libzmq looks at when it opens the first socket.
_CONTEXT_OPTIONS = {"ioThreads": zmq.IO_THREADS, "maxSockets": zmq.MAX_SOCKETS}


#: All that pyzmq knows.
_SOCKET_TYPES = frozenset(zmq.SocketType)


class _GlobalReactor:
    """
    The default of :attr:`ZmqFactory.reactor`.  Importing a reactor installs
    it, so we do not before somebody asks.
    """

    def __get__(self, instance: object, owner: type) -> Any:
        from twisted.internet import reactor

        return reactor


@implementer(IZmqFactory)
class ZmqFactory:
    """
    Holds the ZeroMQ context, and the connections opened in it, to close them.

    The settings can be assigned on the class, in a subclass, or on a factory.

    :param reactor: the reactor to use, instead of the global one.
    """

    #: The reactor of all connections; by default the global one, which is
    #: found when it is first needed.  Assign before the first connection.
    reactor: Any = _GlobalReactor()

    #: How many threads libzmq does its input and output in; one is good for
    #: about a gigabyte per second.  Assign before the first connection.
    ioThreads: int = 1

    #: How long the messages that wait to be sent are held when a connection
    #: is closed, in milliseconds.  :meth:`shutdown` blocks for as long, at the
    #: most; -1 is without end.  Counts for connections opened later.
    lingerPeriod: int = 100

    #: How many sockets the context can have (``ZMQ_MAX_SOCKETS``; libzmq
    #: alone stops at 1023).  Each also needs about one file descriptor.
    maxSockets: int = 16_384

    #: The open connections; ``None`` after :meth:`shutdown`.
    connections: Optional[set[ZmqConnection]] = None

    _context: Optional[zmq.Context[zmq.Socket[bytes]]] = None
    _isInUse = False
    _isShutDown = False
    _trigger: Optional[tuple[Any, Any]] = None

    def __init__(self, reactor: Optional[object] = None) -> None:
        if reactor is not None:
            self.reactor = reactor
        self.connections = set()
        # The periods that sockets were opened with: their longest bounds the
        # termination.
        self._lingers: set[int] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def context(self) -> Optional[zmq.Context[zmq.Socket[bytes]]]:
        """
        The ZeroMQ context, made when it is first needed; ``None`` after
        :meth:`shutdown`.
        """
        if self._context is None and not self._isShutDown:
            self._context = zmq.Context()
            self._configure(self._context)
        return self._context

    @context.setter
    def context(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        if self._isInUse:
            raise ZmqOptionError(
                "context", "context cannot be changed now: set it before the first connection"
            )
        self._context = context

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _RANGE:
            _check(name, value)
            if name in _CONTEXT_OPTIONS and self._isInUse and value != getattr(self, name):
                raise ZmqOptionError(
                    name, f"{name} cannot be changed now: set it before the first connection"
                )
            if name in _CONTEXT_OPTIONS and self._context is not None and not self._isInUse:
                self._context.set(_CONTEXT_OPTIONS[name], value)
        super().__setattr__(name, value)
        if name == "reactor" and self._trigger is not None:
            self._unregister()
            self.registerForShutdown()

    def openSocket(self, socketType: int) -> zmq.Socket[bytes]:
        """
        Open a socket in the context.  Connections do this by themselves.

        :param socketType: such as ``zmq.PUSH``.
        :return: a socket that lingers for :attr:`lingerPeriod`.
        :raise ZmqClosedError: the factory is shut down.
        :raise ZmqSocketError: libzmq cannot make a socket, or not this one.
        :raise ZmqOptionError: a setting has a value that cannot be.
        """
        context = self.context
        if context is None or self._isShutDown:
            raise ZmqClosedError(text="this factory is shut down: make a new ZmqFactory")
        self._isInUse = True
        _check("lingerPeriod", self.lingerPeriod)
        try:
            # pyzmq looks for the reason of a refusal too late to be sure of it.
            if socketType not in _SOCKET_TYPES:
                raise zmq.ZMQError(errno.EINVAL)
            socket = context.socket(socketType)
        except zmq.ZMQError as error:
            raise socketError(error) from error
        socket.setsockopt(zmq.LINGER, self.lingerPeriod)
        self._lingers.add(self.lingerPeriod)
        return socket

    def registerForShutdown(self) -> None:
        """
        Shut the factory down when the reactor stops.
        """
        if self._trigger is None and not self._isShutDown:
            reactor = self.reactor
            handle = reactor.addSystemEventTrigger("during", "shutdown", self._reactorStops)
            self._trigger = (reactor, handle)

    def shutdown(self) -> None:
        """
        Close all connections and terminate the context.  Blocks while messages
        are sent that wait for it, but no longer than the longest
        :attr:`lingerPeriod` that one of the connections was opened with; and a
        second more if a socket that is not ours is open in the context.  Can
        be called at any time and more than once.
        """
        if self._isShutDown:
            return
        self._isShutDown = True
        self._unregister()
        for connection in list(self.connections or ()):
            try:
                connection.shutdown()
            except BaseException:
                log.failure("Error while closing {connection}", connection=connection)
            # Where a subclass has a shutdown of its own that leaves it open.
            connection._closeSocket()
        self.connections = None
        context, self._context = self._context, None
        if context is not None:
            self._terminate(context)

    def _unregister(self) -> None:
        if self._trigger is not None:
            (reactor, handle), self._trigger = self._trigger, None
            reactor.removeSystemEventTrigger(handle)

    def _reactorStops(self) -> None:
        self._trigger = None
        self.shutdown()

    def _configure(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        for name, option in _CONTEXT_OPTIONS.items():
            value = getattr(self, name)
            _check(name, value)
            context.set(option, value)

    def _terminate(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        # Termination waits for every socket of the context, for ever if need
        # be.  It must not take the reactor with it.
        thread = Thread(target=context.term, name="txzmq-terminate", daemon=True)
        endless = min(self._lingers, default=0) < 0
        longest = max(self._lingers, default=0)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter exits, and starts no more threads.
            context.destroy(-1 if endless else longest)
            return
        thread.join(None if endless else longest / 1000 + _TERMINATION_GRACE)
        if thread.is_alive():
            log.error(
                "The ZeroMQ context of {factory} cannot be terminated: a socket is"
                " still open in it, or has messages to send for longer than lingerPeriod",
                factory=self,
            )


def _check(name: str, value: object) -> None:
    lowest, highest = _RANGE[name]
    if not isinstance(value, int) or not lowest <= value <= highest:
        raise ZmqOptionError(
            name, f"{name} is a whole number from {lowest} to {highest}, not {value!r}"
        )
