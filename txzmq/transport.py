"""
The second face: a transport that queues, pauses and closes in an orderly way,
for protocols that are objects of their own.

What the transport does itself is to know what is bound and connected to, and to
bring together those who do the rest: everything about the socket is the business
of the descriptor, waiting to be sent that of the outbox; producers, subscriptions
and the way to the end have modules of their own.  What comes does not pass through
here at all: the descriptor hands it to the protocol.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Optional, Union

import zmq
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zmq import ZMQError
from zope.interface import implementer

from ._advice import endpointError, goneError
from ._callbacks import call, nothing, shown
from ._ending import CLOSING, OPEN, Ending, checkTimeout
from ._endpoints import UNDO
from ._face import noteLoss
from ._flow import Pauses, limits
from ._frames import Message, toFrames
from ._outbox import OF_THE_PEER, Outbox, logLost
from ._production import Production
from ._subscribers import Subscribers
from ._subscriptions import Subscriptions, checkTopic, descriptorClass, subscriptionsOf
from ._whole import NOBLOCK
from .errors import (
    ZmqClosedError,
    ZmqNotSupportedError,
    ZmqProducerError,
    ZmqSocketError,
    ZmqUnsentError,
)
from .events import SocketEvent
from .interfaces import IZmqFactory, IZmqProtocol, IZmqReactor, IZmqTransport
from .monitor import Monitored

__all__ = ["ZmqTransport"]

log = Logger()

#: Options that are methods.
_SUBSCRIPTION_OPTIONS = {int(zmq.SUBSCRIBE): "subscribe", int(zmq.UNSUBSCRIBE): "unsubscribe"}

#: Newer than the oldest pyzmq that we support.
_ONLY_FIRST_SUBSCRIBE = 108


class _Nobody:
    """
    Who gets what comes when nothing is received any more.
    """

    def messageReceived(self, message: list[bytes]) -> None:
        """
        It is dropped.
        """


@implementer(IZmqTransport, IReadDescriptor)
class ZmqTransport(Monitored):
    """
    A socket for a protocol.  Made by ``createZmqConnection``, ``connectZMQ`` and
    ``listenZMQ``; :class:`~txzmq.interfaces.IZmqTransport` says what the methods
    promise.

    :param reactor: where to watch the socket.
    :param socket: the socket, which belongs to the transport from now on.
    :param protocol: who gets the messages.
    :param factory: the ``ZmqFactory`` that closes us when it shuts down.
    :param whenClosed: called at the very end.
    """

    #: How many seconds :meth:`loseConnection` waits until libzmq has taken all
    #: messages, and how long libzmq then holds them until they have left;
    #: ``None`` is without end.
    closeTimeout: Optional[float] = 30.0

    monitored = True

    def __init__(
        self,
        reactor: IZmqReactor,
        socket: zmq.Socket[bytes],
        protocol: IZmqProtocol,
        factory: IZmqFactory,
        whenClosed: Callable[[], object] = nothing,
    ) -> None:
        self._reactor = reactor
        self._protocol: Optional[IZmqProtocol] = protocol
        self._name = type(protocol).__name__
        self._factory = factory
        self._whenClosed = whenClosed
        self._ending = Ending(reactor)
        self._endpoints: set[tuple[str, str]] = set()
        self._production: Optional[Production] = None
        self._pauses = Pauses(self._pauseReading)
        self._type: Any = socket.type
        self._subscriptions = subscriptionsOf(self._type)
        self._subscribers = Subscribers(protocol) if self._type == zmq.XPUB else None
        self._descriptor = descriptorClass(self._type)(
            socket, reactor, self, self._subscribers or protocol, self.connectionLost
        )
        # Opened by somebody else, who may have been connected for long.
        before: Any = self._descriptor.getOption(zmq.LAST_ENDPOINT)
        self._foreign = before.rstrip(b"\0").decode("utf-8", "replace")
        self._outbox = Outbox(self._descriptor, reactor, self._crossed, self._emptied)
        factory.connections.add(self)

    def __repr__(self) -> str:
        name = zmq.SocketType(self._type).name
        return f"<{type(self).__name__} {name} of {self._name}>"

    def start(self) -> None:
        """
        Begin to deliver messages, in a later turn of the reactor.
        """
        if self._descriptor is not None:
            self._descriptor.start()

    def logPrefix(self) -> str:
        """
        :return: what log messages from the protocol begin with.
        """
        return self._name

    # Writing

    def write(self, parts: Message) -> None:
        """
        Send a message, or queue it.
        """
        # The short way of a message of one frame, which most are.
        frame = parts[0] if type(parts) is list and len(parts) == 1 else parts
        if type(frame) is bytes:
            direct, descriptor = self._outbox.direct, self._descriptor
            if direct is not None and descriptor is not None and descriptor.isOwned():
                try:
                    direct(frame, NOBLOCK)
                    return
                except ZMQError:
                    pass  # the long way finds out why
        frames = toFrames(parts)
        try:
            self._writable().post(frames)
        except ZmqSocketError as error:
            if error.errno not in OF_THE_PEER:
                raise
            logLost(error)
        if self._production is not None:
            self._production.wrote()

    def writeMessage(self, parts: Message) -> Deferred[None]:
        """
        Send a message, or queue it, and tell how it goes.
        """
        try:
            taken = self._writable().postAndTell(toFrames(parts))
        except Exception:
            taken = fail()
        if self._production is not None:
            self._production.wrote()
        return taken

    def writeSequence(self, messages: Iterable[Message]) -> None:
        """
        Send several messages.
        """
        for message in messages:
            self.write(message)

    def setWriteBufferLimits(
        self,
        high: Optional[int] = None,
        low: Optional[int] = None,
        highMessages: Optional[int] = None,
        lowMessages: Optional[int] = None,
    ) -> None:
        """
        Say how much may wait.
        """
        self._claimToClose()
        self._outbox.queue.setLimits(*limits(high, low, highMessages, lowMessages))

    def getWriteBufferLimits(self) -> tuple[int, int]:
        """
        :return: ``low`` and ``high``, in bytes.
        """
        inBytes = self._outbox.queue.bytes
        return inBytes.low, inBytes.high

    def getWriteBufferSize(self) -> int:
        """
        :return: how many bytes wait.
        """
        return self._outbox.queue.size

    def getWriteBufferLength(self) -> int:
        """
        :return: how many messages wait.
        """
        return len(self._outbox.queue)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        Have somebody write as much as there is room for.

        :param producer: an ``IPushProducer`` if ``streaming``, which is paused
            and resumed; else an ``IPullProducer``, which is asked for more.
        :raise ZmqProducerError: there is one already; a ``RuntimeError``.
        """
        self._claimToClose()
        if self._production is not None:
            raise ZmqProducerError(f"{shown(self)} has a producer already: unregister it first")
        if self._descriptor is None or self._ending.state is not OPEN:
            call(producer.stopProducing)
            return
        self._openDescriptor()
        self._production = Production(
            self._reactor, producer, streaming, self._hasRoom, self._unregisterProducer
        )
        # It is told of each message.
        self._outbox.detour(True)
        if self._outbox.queue.isFull:
            self._production.crossed(True)
        self._production.pull()

    def unregisterProducer(self) -> None:
        """
        The producer has no more to write.
        """
        self._claimToClose()
        self._unregisterProducer()

    def _unregisterProducer(self) -> None:
        production, self._production = self._production, None
        if production is not None:
            production.end()
            self._outbox.detour(False)
            self._closeIfDone()

    def _writable(self) -> Outbox:
        """
        :raise ZmqClosedError: nothing can be written any more.
        """
        self._openDescriptor()
        state = self._ending.state
        if state is not OPEN and (state is not CLOSING or self._production is None):
            raise self._closedError()
        return self._outbox

    def _hasRoom(self) -> bool:
        return not len(self._outbox.queue)

    def _crossed(self, isFull: bool) -> None:
        protocol = self._protocol
        if protocol is not None:
            call(protocol.pauseWriting if isFull else protocol.resumeWriting)
        # It may have been crossed again meanwhile, and that been told.
        if self._production is not None and self._outbox.queue.isFull is isFull:
            self._production.crossed(isFull)

    def _emptied(self) -> None:
        if self._production is not None:
            self._production.pull()
        self._closeIfDone()

    # Reading

    def pauseProducing(self) -> None:
        """
        Deliver no more messages, from now on.
        """
        self._claimToClose()
        if self._ending.state is OPEN:
            self._pauses.add("user")

    def resumeProducing(self) -> None:
        """
        Deliver messages again, from a later turn of the reactor on.
        """
        self._claimToClose()
        self._pauses.remove("user")

    def stopProducing(self) -> None:
        """
        Close: nobody wants the messages.
        """
        self.loseConnection()

    def _pauseReading(self, isPaused: bool) -> None:
        if self._descriptor is not None:
            self._descriptor.pause() if isPaused else self._descriptor.resume()

    # Closing

    def loseConnection(self) -> None:
        """
        Send what waits, and close.
        """
        self._claimToClose()
        if self._ending.state is OPEN:
            checkTimeout(self.closeTimeout)
            self._lose(self.closeTimeout)

    def _lose(self, seconds: Optional[float]) -> None:
        if self._descriptor is None or self._ending.state is not OPEN:
            return
        self._outbox.refuse()
        if self._type == zmq.REQ:
            # It can send only after it has received.
            self._descriptor.deliverTo(_Nobody())
            self._pauses.remove("user")
        else:
            self._pauses.add("closing")
        self._ending.close(seconds, self._tooLate)
        self._closeIfDone()

    def abortConnection(self) -> None:
        """
        Close now, and lose what waits.
        """
        self._claimToClose()
        if self._ending.abort():
            try:
                self._closeSocket()
            finally:
                self._ending.soon(self._end)

    def shutdown(self) -> None:
        """
        Close now, as the factory does.
        """
        self._claimToClose()
        self.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]

    def _closeWhenSent(self, close: Callable[[Any], None]) -> None:
        # The factory sees to the time.
        self._lose(None)

    def connectionLost(self, reason: Failure) -> None:
        """
        The socket has failed, or the reactor stops, or the factory shuts down:
        close now.  libzmq gets what it takes.
        """
        self._claimToClose()
        noteLoss(self._factory, reason)
        if self._ending.leave():
            if self._descriptor is not None and self._descriptor.isGone:
                # The reactor has noticed it first, and knows less.
                error = goneError(zmq.ZMQError(zmq.ENOTSOCK))
                reason = Failure(error)  # type: ignore[no-untyped-call]
            self._outbox.refuse()
            self._endProduction()
            self._flush()
            if not self._hasRoom():
                reason = self._unsent("the socket had to be closed")
            self._ending.lose(reason)
        self._end()

    def _flush(self) -> None:
        # There may be no socket any more to send to.
        with suppress(zmq.ZMQError):
            # Too late, libzmq would drop it, and nobody could count it any more.
            self._outbox.flushUntil(self._until)

    def _closeIfDone(self) -> None:
        if self._production is None and self._hasRoom() and self._ending.finish():
            self._ending.soon(self._end)

    def _tooLate(self) -> None:
        who = "nobody took them" if self._production is None else "the producer did not unregister"
        self._ending.finish(self._unsent(f"{who} within {self.closeTimeout} s (closeTimeout)"))
        self._end()

    def _unsent(self, why: str) -> Failure:
        messages, size = self._outbox.unsent
        text = f"{messages} messages, {size} bytes, were lost: {why}"
        error = ZmqUnsentError(text, messages, size)
        log.error("{transport}: {error}", transport=shown(self), error=error)
        return Failure(error)  # type: ignore[no-untyped-call]

    def _end(self) -> None:
        """
        Close, and tell the protocol; once.
        """
        reason = self._ending.over()
        protocol, self._protocol = self._protocol, None
        if reason is None or protocol is None:
            return
        try:
            self._closeSocket()
        finally:
            if self._factory.connections is not None:
                self._factory.connections.discard(self)
            call(protocol.connectionLost, reason)
            call(self._whenClosed)

    def _closeSocket(self) -> None:
        """
        Close, and tell all who wait for something that it will not happen.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        peers, until = self._peers, None
        # Whatever goes wrong with the one, the other is done.
        try:
            try:
                self._stopMonitor()
            finally:
                until = descriptor.close(self._ending.linger, self._until)
        finally:
            self._factory.socketClosed(until, *self._outbox.unsent)
            # Whoever is told may do anything: nothing of ours is open any more.
            peers.close(self._closedError)
            self._outbox.close(self._closedError)
            self._pauses.close()
            if self._subscribers is not None:
                self._subscribers.close(self._closedError)
            self._endProduction()

    def _endProduction(self) -> None:
        production, self._production = self._production, None
        if production is not None:
            production.stop()

    def _closedError(self) -> ZmqClosedError:
        return ZmqClosedError(text=f"{shown(self)} is closed, or closing: open a new one")

    # The socket

    def getHandle(self) -> zmq.Socket[bytes]:
        """
        :return: the socket.
        """
        descriptor = self._openDescriptor()
        # What is done to it may hide arrivals from the reactor.
        descriptor.look()
        return descriptor.socket

    def getExtraInfo(self, name: str, default: Any = None) -> Any:
        """
        :return: the socket, for ``"zmq_socket"``.
        """
        if name != "zmq_socket" or self._descriptor is None:
            return default
        return self.getHandle()

    def getsockopt(self, option: int) -> Union[int, bytes]:
        """
        :return: the value of an option of libzmq.
        """
        return self._openDescriptor().getOption(option)

    def setsockopt(self, option: int, value: Union[int, bytes]) -> None:
        """
        Set an option of libzmq.
        """
        method = _SUBSCRIPTION_OPTIONS.get(option)
        if method is not None:
            getattr(self, method)(value)
        else:
            self._openDescriptor().setOption(option, value)
            if option == _ONLY_FIRST_SUBSCRIBE and self._subscribers is not None:
                self._subscribers.onlyFirst = bool(value)

    # Endpoints

    def bind(self, address: str) -> str:
        """
        Open an address.

        :return: the real address.
        """
        return self._attach("bind", address)

    def unbind(self, address: str) -> None:
        """
        Undo :meth:`bind`.
        """
        self._detach("bind", address)

    def bindings(self) -> frozenset[str]:
        """
        :return: the addresses that are bound.
        """
        return frozenset(address for kind, address in self._endpoints if kind == "bind")

    def connect(self, address: str) -> str:
        """
        Connect to an address.

        :return: the address.
        """
        return self._attach("connect", address)

    def disconnect(self, address: str) -> None:
        """
        Undo :meth:`connect`.
        """
        self._detach("connect", address)

    def connections(self) -> frozenset[str]:
        """
        :return: the addresses that are connected to.
        """
        return frozenset(address for kind, address in self._endpoints if kind == "connect")

    def _attach(self, endpointType: str, address: str) -> str:
        descriptor = self._openDescriptor()
        self._beforeEndpoint(address)
        real = descriptor.attach(endpointType, address)
        self._endpoints.add((endpointType, real))
        self._afterEndpoint(endpointType, real)
        return real

    def _detach(self, endpointType: str, address: str) -> None:
        descriptor = self._openDescriptor()
        # libzmq undoes the one as well as the other.
        kinds = {kind for kind, known in self._endpoints if known == address}
        if kinds and endpointType not in kinds:
            raise endpointError((UNDO[endpointType], address), errno.ENOENT)
        descriptor.detach(endpointType, address)
        self._endpoints.discard((endpointType, address))
        self._afterDetach(address)

    def _opened(self) -> Iterable[tuple[str, str]]:
        return [*self._endpoints, *([("foreign", self._foreign)] if self._foreign else [])]

    def _tellEvent(self, event: SocketEvent) -> object:
        return None if self._protocol is None else self._protocol.eventReceived(event)

    # Subscriptions

    def subscribe(self, value: bytes) -> None:
        """
        Ask for messages that begin with ``value``.
        """
        self._asked().add(checkTopic(value), self._openDescriptor())

    def unsubscribe(self, value: bytes) -> None:
        """
        Undo :meth:`subscribe`.
        """
        self._asked().remove(checkTopic(value), self._openDescriptor())

    def subscriptions(self) -> frozenset[bytes]:
        """
        :return: what was subscribed to.
        """
        return self._asked().topics()

    def whenSubscribed(self, topic: bytes) -> Deferred[bytes]:
        """
        Wait for a subscriber to ``topic``.
        """
        try:
            if self._subscribers is None:
                raise ZmqNotSupportedError(f"only XPUB knows subscriptions, not {shown(self)}")
            self._openDescriptor()
            return self._subscribers.when(checkTopic(topic))
        except Exception:
            return fail()

    def _asked(self) -> Subscriptions:
        if self._subscriptions is None:
            raise ZmqNotSupportedError(f"only SUB and XSUB have subscriptions, not {shown(self)}")
        return self._subscriptions
