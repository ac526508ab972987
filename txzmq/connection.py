"""
The base of all connections: a socket as an object to subclass.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Any, Optional, Union

import zmq
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IFileDescriptor,
    IPushProducer,
    IReadDescriptor,
)
from twisted.python.failure import Failure
from zmq import ZMQError
from zope.interface import implementer

from ._budget import ReadBudget, checkBudget
from ._callbacks import shown
from ._descriptor import checkReactor
from ._face import noteLoss
from ._frames import Message, toFrames
from ._outbox import Outbox
from ._subscriptions import descriptorClass
from ._whole import NOBLOCK
from .endpoint import ZmqEndpoint, ZmqEndpointType
from .errors import ZmqAgainError, ZmqClosedError, ZmqEndpointError, ZmqOptionError
from .events import SocketEvent
from .interfaces import IZmqFactory, IZmqMonitored
from .monitor import Monitored
from .options import OPTIONS, Until, adopt, apply, applyAll, encode

__all__ = ["ReadBudget", "ZmqConnection", "ZmqEndpoint", "ZmqEndpointType"]


@implementer(IReadDescriptor, IFileDescriptor, IPushProducer, IZmqMonitored)
class ZmqConnection(Monitored):
    """
    A ZeroMQ socket in the reactor.

    Use one of the subclasses, such as ``ZmqPushConnection``; or make your own,
    with :attr:`socketType` and :meth:`messageReceived`, for other socket types.

    The settings below are class attributes to be overridden in a subclass.
    They can also be assigned on the class, for connections made later, and on
    a connection: then they go to its socket at once.  Where that has no effect
    any more, the assignment is an error.

    :param factory: the ``ZmqFactory`` that the connection belongs to.
    :param endpoint: the first endpoint to open; more with :meth:`addEndpoints`.
    :param identity: the routing id that peers know us by, 1 to 255 bytes, the
        first not NUL.  Peers that have equal ones lose messages, so leave it
        alone unless you need it.
    :raise ZmqEndpointError: the endpoint cannot be opened.
    :raise ZmqOptionError: a setting has an invalid value.
    :raise ZmqReactorError: the reactor cannot watch file descriptors.
    :raise ZmqClosedError: the factory is shut down.
    :raise ZmqSocketError: there can be no more sockets, or libzmq refuses a
        setting.

    The constructor, while the reactor runs, and every method raise ``ZmqThreadError`` in
    another thread than the reactor's; every method raises ``ZmqForkedError`` in a child
    process of the one that made the connection.
    """

    #: One of :mod:`zmq`'s socket types, such as ``zmq.PUSH``; set by
    #: subclasses.
    socketType: Optional[int] = None

    #: Whether multicast messages come back to the host that sends them
    #: (``ZMQ_MULTICAST_LOOP``).
    allowLoopbackMulticast: bool = False

    #: The most that multicast may take, in kilobits per second (``ZMQ_RATE``).
    multicastRate: int = 100

    #: How many messages may wait for each peer, in each direction; 0 is no
    #: bound but memory (``ZMQ_SNDHWM`` and ``ZMQ_RCVHWM``).
    highWaterMark: int = 0

    #: 1 to enable TCP keepalive; 0 leaves this and the three below as the
    #: system has them (``ZMQ_TCP_KEEPALIVE``).
    tcpKeepalive: int = 0

    #: Unanswered probes until a peer is given up (``ZMQ_TCP_KEEPALIVE_CNT``).
    tcpKeepaliveCount: int = 0

    #: Idle seconds until the first probe (``ZMQ_TCP_KEEPALIVE_IDLE``).
    tcpKeepaliveIdle: int = 0

    #: Seconds between probes (``ZMQ_TCP_KEEPALIVE_INTVL``).
    tcpKeepaliveInterval: int = 0

    #: Milliseconds until a lost connection is tried again; 0 is libzmq's
    #: default, 100, and -1 means never (``ZMQ_RECONNECT_IVL``).
    reconnectInterval: int = 100

    #: The most milliseconds that the interval may grow to, doubling each time;
    #: 0 means no growth (``ZMQ_RECONNECT_IVL_MAX``).
    reconnectIntervalMax: int = 0

    #: Milliseconds between the pings by which a peer that has silently gone is
    #: noticed; 0 means no pings (``ZMQ_HEARTBEAT_IVL``).
    heartbeatInterval: int = 0

    #: Milliseconds to wait for the answer to one, until the connection counts as
    #: lost; 0 means as long as :attr:`heartbeatInterval` (``ZMQ_HEARTBEAT_TIMEOUT``).
    heartbeatTimeout: int = 0

    #: Milliseconds after which the peer is to give up on us, if nothing comes from
    #: us, in steps of 100; 0 means never (``ZMQ_HEARTBEAT_TTL``).
    heartbeatTtl: int = 0

    #: Whether messages go only to peers that are connected; otherwise
    #: libzmq also lets them wait for one that it is still connecting to.  Counts
    #: for endpoints opened later (``ZMQ_IMMEDIATE``).
    immediate: bool = False

    #: How many messages may wait in :meth:`sendWhenReady`.
    maxWaitingMessages: int = 1_000

    #: How many bytes may wait in :meth:`sendWhenReady`.
    maxWaitingBytes: int = 16_777_216

    #: The routing id; can be assigned until the first endpoint is opened
    #: (``ZMQ_ROUTING_ID``).
    identity: Union[bytes, str, None] = None

    #: The factory; ``None`` once the connection is closed.
    factory: Any = None

    # Made when it is needed.
    _outbox: Optional[Outbox] = None

    # How long libzmq holds what it has, in milliseconds; as Descriptor.close takes it.
    _linger: Optional[int] = None

    def __init__(
        self,
        factory: IZmqFactory,
        endpoint: Optional[ZmqEndpoint] = None,
        identity: Union[bytes, str, None] = None,
    ) -> None:
        self.factory = factory
        #: The endpoints that were opened, as they were given.
        self.endpoints: list[ZmqEndpoint] = []
        #: The real addresses of the endpoints that are bound.
        self.boundAddresses: list[str] = []
        #: Kept for old programs: messages are received as a whole.
        self.recv_parts: list[bytes] = []
        adopt(type(self))
        if identity is not None:
            self.identity = identity
        checkReactor(factory.reactor)
        checkBudget(self.readBudget)
        socket = factory.openSocket(encode("socketType", self.socketType))
        kind = descriptorClass(self.socketType)
        self._descriptor = kind(socket, factory.reactor, self, self, self._socketLost)
        try:
            # Known from now on: whatever closes the factory closes us.
            factory.connections.add(self)
            applyAll(self._descriptor.setOption, self)
            if endpoint is not None:
                self.addEndpoints([endpoint])
            self._openDescriptor().start()
        except BaseException:
            self._closeSocket()
            raise

    def __repr__(self) -> str:
        # Errors show us, also before we are constructed.
        endpoints = vars(self).get("endpoints", [])
        return f"{type(self).__name__}({shown(self.factory)}, {endpoints!r})"

    # The socket

    @cached_property
    def queue(self) -> deque[Any]:
        """
        Kept for old programs; nothing is queued here.
        """
        return deque()

    @property
    def socket(self) -> Optional[zmq.Socket[bytes]]:
        """
        The socket, for options that have no attribute here; ``None`` once the
        connection is closed.

        What is done to it may hide the arrival of messages from the reactor,
        so whenever somebody reaches for it, we look for messages in the next
        turn.
        """
        if self._descriptor is None:
            return None
        descriptor = self._openDescriptor()
        descriptor.sendBatch()
        # First: a finalizer may close us while the look is being scheduled.
        socket = descriptor.socket
        descriptor.look()
        return socket

    @property
    def fd(self) -> int:
        """
        The descriptor that libzmq signals events with; -1 once closed.
        """
        return -1 if self._descriptor is None else self._descriptor.fd

    @property
    def read_scheduled(self) -> Optional[IDelayedCall]:
        """
        The delayed call that will look for messages, or ``None``.  Subclasses
        with a ``send`` of their own assign to it.
        """
        return None if self._descriptor is None else self._descriptor.scheduledLook

    @read_scheduled.setter
    def read_scheduled(self, call: Optional[IDelayedCall]) -> None:
        self._openDescriptor().scheduledLook = call

    def _settingChanged(self, name: str, value: object) -> None:
        """
        A setting is assigned: check it, and tell the socket if there is one.
        """
        encode(name, value)
        if self._descriptor is None:
            return
        until = OPTIONS[name].until
        if until is Until.made or (until is Until.opened and self.endpoints):
            raise ZmqOptionError(name, f"{name} cannot be changed now: set it before {until.value}")
        descriptor = self._openDescriptor()
        descriptor.sendBatch()
        apply(descriptor.setOption, name, value)

    # Endpoints

    def addEndpoints(self, endpoints: Iterable[ZmqEndpoint]) -> None:
        """
        Open more endpoints, of any mix of transports and types.

        :raise ZmqEndpointError: one cannot be opened; those in front of it
            are closed again.
        """
        wanted = [_toEndpoint(endpoint) for endpoint in endpoints]
        descriptor = self._openDescriptor()
        for endpoint in wanted:
            self._beforeEndpoint(endpoint.address)
        opened: list[tuple[ZmqEndpoint, str]] = []
        try:
            for endpoint in wanted:
                opened.append((endpoint, descriptor.attach(*endpoint)))
        except BaseException:
            for endpoint, address in opened:
                # To disconnect one disconnects all that are equal; no two are
                # bound to the same address.
                isBound = endpoint.type == ZmqEndpointType.bind
                if isBound or endpoint not in self.endpoints:
                    with suppress(ZmqEndpointError):
                        descriptor.detach(endpoint.type, address)
            raise
        for endpoint, address in opened:
            self.endpoints.append(endpoint)
            if endpoint.type == ZmqEndpointType.bind:
                self.boundAddresses.append(address)
            self._afterEndpoint(endpoint.type, endpoint.address)

    # Messages

    def send(self, message: Message) -> None:
        """
        Send a message now, whole or not at all.

        :param message: one frame or an iterable of frames; a frame is bytes,
            or text to be encoded as UTF-8.
        :raise ZmqAgainError: nobody is there to take it, or too many messages
            wait.  It is a ``zmq.Again``.
        :raise ZmqFrameError: it is no valid message.
        :raise ZmqClosedError: the connection is closed.
        :raise ZmqSocketError: libzmq refused it for another reason.
        """
        descriptor = self._descriptor or self._openDescriptor()
        isOwned = descriptor.isOwned
        if not isOwned():
            descriptor.claim()
        if type(message) is bytes:
            # Straight to pyzmq where nothing else is to be done.  As local
            # names: Python is slow to find a slot as if it were a method.
            sendFrame = descriptor.sendFrame
            try:
                sendFrame(message, NOBLOCK)
            except ZMQError as error:
                descriptor.sendAnyway([message], error)
        else:
            descriptor.sendMultipart(toFrames(message))

    def sendWhenReady(self, message: Message) -> Deferred[None]:
        """
        Send a message now, or as soon as libzmq takes it, in order.  As long as
        something waits, :meth:`send` finds no room.

        :param message: as for :meth:`send`.
        :return: fires when libzmq has taken it; cancel it to take the message
            back, as long as it waits.  Fails with ``ZmqAgainError`` if as many
            wait as :attr:`maxWaitingMessages` and :attr:`maxWaitingBytes`
            allow, with ``ZmqClosedError`` if the connection is closed before,
            and with the other errors of :meth:`send`.
        """
        try:
            return self._postAndTell(toFrames(message), self.maxWaitingMessages)
        except Exception:
            return fail()

    def _postAndTell(self, frames: list[bytes], limit: int) -> Deferred[None]:
        descriptor = self._openDescriptor()
        descriptor.sendBatch()
        if self._outbox is None:
            self._outbox = Outbox(descriptor, descriptor.reactor)
        queue = self._outbox.queue
        try:
            isFull = len(queue) >= limit or queue.size >= self.maxWaitingBytes
        except TypeError:
            raise ZmqOptionError(
                "maxWaitingBytes",
                "maxWaitingMessages and maxWaitingBytes are numbers, as memory has an end",
            ) from None
        if isFull:
            raise ZmqAgainError(
                text=f"{len(queue)} messages wait in {shown(self)}: slow down, or raise"
                " maxWaitingMessages and maxWaitingBytes"
            )
        return self._outbox.postAndTell(frames)

    def messageReceived(self, message: list[bytes]) -> object:
        """
        A message has come; to be overridden, or assigned, by users.

        What it raises is logged, and so is what the Deferred or coroutine that
        it may return fails with.

        :param message: the frames, at least one.
        """
        raise NotImplementedError(
            f"{type(self).__name__} receives messages: override messageReceived"
        )

    # Pausing

    def pauseProducing(self) -> None:
        """
        Deliver no more messages, from now on; sending goes on.
        """
        if self._descriptor is not None:
            self._openDescriptor().pause()

    def resumeProducing(self) -> None:
        """
        Deliver messages again, from a later turn of the reactor on.
        """
        if self._descriptor is not None:
            self._openDescriptor().resume()

    def stopProducing(self) -> None:
        """
        Close: nobody wants the messages.
        """
        self.shutdown()

    # Monitoring

    def eventReceived(self, event: SocketEvent) -> object:
        """
        Something has happened to a connection of the socket; to be overridden,
        or assigned, by users.  Called after :meth:`enableMonitor` only.

        :param event: what.
        """

    def _tellEvent(self, event: SocketEvent) -> object:
        return self.eventReceived(event)

    def _opened(self) -> Iterable[tuple[str, str]]:
        return self.endpoints

    # Closing

    def shutdown(self) -> None:
        """
        Close the socket and leave the factory.  Messages that wait to be sent
        are held for the factory's ``lingerPeriod``.  Can be called at any time
        and more than once.
        """
        if self._descriptor is not None:
            self._claimToClose()
            self._socketLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        """
        The connection is closed: by :meth:`shutdown`, by the reactor as it
        stops, or because the socket failed.  Subclasses that override this
        should call it.

        :param reason: why; a ``ConnectionDone`` after :meth:`shutdown`.
        """
        self._claimToClose()
        self._closeSocket()

    def _socketLost(self, reason: Failure) -> None:
        noteLoss(self.factory, reason)
        # Closed first, in case that an override does not call ours.
        self._closeSocket()
        self.connectionLost(reason)

    def _closeSocket(self) -> None:
        descriptor = self._descriptor
        if descriptor is None:
            return
        # Asked for now: to show us may need the socket, and the factory.
        text = f"{shown(self)} was closed"
        self._descriptor = None
        outbox, self._outbox = self._outbox, None
        factory, self.factory = self.factory, None
        peers, until = self._peers, None
        # Whatever goes wrong with the one, the other is done.
        try:
            try:
                self._stopMonitor()
            finally:
                until = descriptor.close(self._linger, self._until)
        finally:
            factory.socketClosed(until, *((0, 0) if outbox is None else outbox.unsent))
            if factory.connections is not None:
                factory.connections.discard(self)
            peers.close(lambda: ZmqClosedError(text=text))
            if outbox is not None:
                outbox.close(lambda: ZmqClosedError(text=text))

    def _closeWhenSent(self, close: Callable[[Any], None]) -> None:
        def finish() -> None:
            # All the time that is left then; whoever closes us earlier means it.
            self._linger = -1
            close(self)

        if self._descriptor is None:
            return
        self._descriptor.pause()
        if self._outbox is not None and len(self._outbox.queue):
            self._outbox.emptied = finish
        else:
            finish()

    def _closedError(self) -> ZmqClosedError:
        isClosed = "endpoints" in vars(self)
        what = "closed: make a new connection" if isClosed else "not open: call __init__ first"
        return ZmqClosedError(text=f"{shown(self)} is {what}")


def _toEndpoint(value: object) -> ZmqEndpoint:
    if isinstance(value, tuple) and len(value) == 2:
        return value if isinstance(value, ZmqEndpoint) else ZmqEndpoint(*value)
    error = ZmqEndpointError(
        errno.EINVAL, f"an endpoint is a ZmqEndpoint(type, address), not {value!r}"
    )
    error.endpoint = value
    raise error
