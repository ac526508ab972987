"""
What all connections of a program, or of a part of it, have in common: a
reactor, a ZeroMQ context, and an end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Optional, Union

import zmq
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from ._callbacks import nothing, shown
from ._closing import Closable, Closing, factoryClosed
from ._context import SharedContext
from ._owner import checkThread
from ._termination import Termination
from .errors import ZmqOptionError
from .interfaces import IZmqFactory

if TYPE_CHECKING:
    from .connection import ZmqConnection
    from .transport import ZmqTransport

log = Logger()

#: Settings, with the lowest and the highest value of each.  libzmq knows no
#: upper limit for its sockets, and aborts when it finds one.
_RANGE = {
    "ioThreads": (0, 0x7FFFFFFF),
    "lingerPeriod": (-1, 0x7FFFFFFF),
    "maxSockets": (1, 65_535),
}

#: The settings that libzmq looks at when it opens the first socket.
_CONTEXT_OPTIONS: dict[str, int] = {"ioThreads": zmq.IO_THREADS, "maxSockets": zmq.MAX_SOCKETS}

#: The most that libzmq can wait, in seconds.
_LONGEST_DEADLINE = 0x7FFFFFFF // 1000 - 1


class _GlobalReactor:
    """
    The default of :attr:`ZmqFactory.reactor`.  Importing a reactor installs
    it, so we do not before somebody asks.
    """

    def __get__(self, instance: object, owner: type) -> Any:
        from twisted.internet import reactor

        return reactor


class _Connections(set[Any]):
    """
    Those that are open.

    :ivar left: called when one has left.
    """

    left: Callable[[], object] = staticmethod(nothing)

    #: Whether no more may come.
    isClosing = False

    def add(self, connection: Any) -> None:
        if self.isClosing:
            raise factoryClosed()
        super().add(connection)

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self.left()


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

    #: The open connections and transports; ``None`` after :meth:`shutdown`.
    connections: Optional[set[Union[ZmqConnection, ZmqTransport]]] = None

    _isShutDown = False
    _trigger: Optional[tuple[Any, Any]] = None
    _closing: Optional[Closing] = None

    def __init__(self, reactor: Optional[object] = None) -> None:
        if reactor is not None:
            self.reactor = reactor
        self.connections = _Connections()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def context(self) -> Optional[zmq.Context[zmq.Socket[bytes]]]:
        """
        The ZeroMQ context, made when it is first needed; ``None`` after
        :meth:`shutdown`.
        """
        context = self._shared.get()
        if context is None and not self._isShutDown:
            settings = {option: self._setting(name) for name, option in _CONTEXT_OPTIONS.items()}
            # Sockets may be made in it that we do not open.
            self._shared.lingering.opened(self._setting("lingerPeriod"))
            context = self._shared.make(settings)
        return context

    @context.setter
    def context(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        if self._isShutDown:
            raise factoryClosed()
        if self._shared.isInUse:
            raise _tooLate("context")
        self._shared.take(context)

    def _setting(self, name: str) -> int:
        # What was assigned on a class nobody has checked.
        value: int = getattr(self, name)
        _check(name, value)
        return value

    @cached_property
    def _shared(self) -> SharedContext:
        # Not of the constructor: settings may be assigned before that is called.
        return SharedContext()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _RANGE:
            _check(name, value)
            if name in _CONTEXT_OPTIONS:
                if self._shared.isInUse and value != getattr(self, name):
                    raise _tooLate(name)
                self._shared.set(_CONTEXT_OPTIONS[name], value)
        super().__setattr__(name, value)
        if name == "reactor" and self._trigger is not None:
            self._unregister()
            self.registerForShutdown()

    def openSocket(self, socketType: int) -> zmq.Socket[bytes]:
        """
        Open a socket in the context.  Connections do this by themselves.

        :param socketType: such as ``zmq.PUSH``.
        :return: a socket that lingers for :attr:`lingerPeriod`.
        :raise ZmqClosedError: the factory is shut down, or closing, or inherited
            from another process.
        :raise ZmqSocketError: libzmq cannot make a socket, or not this one.
        :raise ZmqOptionError: a setting has an invalid value.
        """
        if self._isShutDown:
            raise factoryClosed()
        linger = self._setting("lingerPeriod")
        return self._shared.openSocket(self.context, socketType, linger)

    def contextLost(self) -> None:
        """
        Somebody else terminates the context, so we must not: libzmq aborts when two
        threads do.  Connections that hear of it tell.
        """
        self._shared.lose()

    def socketClosed(self, until: Optional[float], messages: int, size: int) -> None:
        """
        A socket of ours is closed.  Connections tell, with the time until which
        libzmq may hold what it has not sent, and what was lost in the connection.
        """
        if until is not None:
            self._shared.lingering.closed(until)
        if self._closing is not None:
            self._closing.socketClosed(until, messages, size)

    def registerForShutdown(self) -> None:
        """
        Shut the factory down when the reactor stops.

        :raise ZmqThreadError: this is not the reactor's thread.
        """
        self._checkThread()
        if self._trigger is None and not self._isShutDown:
            reactor = self.reactor
            handle = reactor.addSystemEventTrigger("during", "shutdown", self._reactorStops)
            self._trigger = (reactor, handle)

    def shutdown(self) -> None:
        """
        Close all connections and terminate the context.  Blocks while messages
        are sent that wait for it, but no longer than the longest
        :attr:`lingerPeriod` that one of the connections was opened with, also
        if :meth:`close` has given them more time; and a second more if a
        socket that is not ours is open in the context, or half of one if libzmq
        may take longer to send what it has of sockets that were closed before.
        Can be called at any time and more than once.

        :raise ZmqThreadError: this is not the reactor's thread.
        """
        self._checkThread()
        if self._closing is not None:
            self._closing.hurry()
        if self._isShutDown:
            return
        connections = self._beginToClose()
        self._unregister()
        for connection in list(connections):
            self._shut(connection)
        termination = self._terminate(nothing)
        if termination is not None and not termination.wait(self._shared.lingering.patience()):
            log.error(
                "The ZeroMQ context of {factory} is not terminated: {reason}",
                factory=shown(self),
                reason=termination.why(),
            )

    def close(self, deadline: Optional[float] = None) -> Deferred[None]:
        """
        Close all connections and terminate the context, without blocking.  What
        comes is not delivered any more; what waits to be sent, in libzmq or in
        our own queues (``ZmqTransport.write``, ``sendWhenReady``), has until the
        deadline.

        :param deadline: in seconds from now; by default :attr:`lingerPeriod`.
        :return: fires when all has been sent and the context is terminated.  It
            fails with ``ZmqUnsentError`` if that was not so in time: at the
            deadline; a second later if a socket that is not ours is open in
            the context, half of one later if libzmq may take longer to send what it
            has of sockets that were closed before; and at once if no thread
            can be started, since nobody knows then.
        :raise ZmqThreadError: this is not the reactor's thread.
        :raise ZmqOptionError: the deadline is no number of seconds.
        """
        self._checkThread()
        if self._closing is None:
            if self._isShutDown or not self._shared.isOurs:
                self.shutdown()
                return succeed(None)
            seconds = self._deadline(deadline)
            connections = self._beginToClose()
            self._closing = Closing(
                self.reactor,
                seconds,
                self._shut,
                self._terminate,
                self._closed,
                self._shared.lingering,
            )
            closed = self._closing.when()
            connections.left = self._closing.connectionClosed
            self._closing.begin(connections)
            return closed
        return self._closing.when()

    def _checkThread(self) -> None:
        """
        :raise ZmqThreadError: the reactor runs, in another thread, and we are open.
        """
        # Nobody needs a reactor to be told that none runs.
        isOpen = not self._isShutDown or self._closing is not None
        if isOpen and "twisted.internet.reactor" in sys.modules:
            checkThread(self.reactor)

    def _beginToClose(self) -> _Connections:
        connections: Any = self.connections
        for connection in list(connections):
            connection._claimToClose()
        self._isShutDown = True
        if self._shared.isOurs:
            # As long as sockets of ours are open it cannot go while it is asked.
            self._shared.ask()
            for connection in list(connections):
                connection._meetItself()
        isOurs = isinstance(connections, _Connections)
        closing: _Connections = connections if isOurs else _Connections(connections)
        closing.isClosing = True
        self.connections = closing
        return closing

    def _shut(self, connection: Closable) -> None:
        try:
            connection.shutdown()
        except BaseException:
            log.failure("Error while closing {connection}", connection=shown(connection))
        # Where a subclass has a shutdown of its own that leaves it open.
        connection._closeSocket()

    def _deadline(self, seconds: Optional[float]) -> Optional[float]:
        if seconds is None:
            _check("lingerPeriod", self.lingerPeriod)
            return None if self.lingerPeriod < 0 else self.lingerPeriod / 1000
        if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _LONGEST_DEADLINE:
            raise ZmqOptionError(
                "deadline", f"a deadline is 0 seconds or more, not {shown(seconds)}"
            )
        return seconds

    def _closed(self) -> None:
        self._closing = None
        self._unregister()

    def _unregister(self) -> None:
        if self._trigger is not None:
            (reactor, handle), self._trigger = self._trigger, None
            reactor.removeSystemEventTrigger(handle)

    def _reactorStops(self) -> None:
        self._trigger = None
        self.shutdown()

    def _terminate(self, done: Callable[[], object]) -> Optional[Termination]:
        self.connections = None
        return self._shared.terminate(done)


def _check(name: str, value: object) -> None:
    lowest, highest = _RANGE[name]
    if not isinstance(value, int) or not lowest <= value <= highest:
        raise ZmqOptionError(
            name, f"{name} is a whole number from {lowest} to {highest}, not {shown(value)}"
        )


def _tooLate(name: str) -> ZmqOptionError:
    text = f"{name} cannot be changed now: set it before the first connection"
    return ZmqOptionError(name, text)
