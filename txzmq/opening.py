"""
The ways to open a transport.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from typing import Any, Optional, Union

import zmq
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ._callbacks import nothing, shown, watch
from ._closing import factoryClosed
from ._descriptor import checkReactor
from .errors import ZmqEndpointError, ZmqOptionError, ZmqUsageError
from .factory import ZmqFactory
from .interfaces import IZmqFactory, IZmqProtocol, IZmqProtocolFactory, IZmqReactor
from .options import OPTIONS, apply
from .transport import ZmqTransport

__all__ = ["connectZMQ", "createZmqConnection", "listenZMQ"]

#: One address, or several.
Addresses = Union[str, Iterable[str], None]

#: What ``connectZMQ`` and ``listenZMQ`` take: an address, or host and port.
Address = Union[str, tuple[str, int]]


class _Shared:
    """
    The factory of all who bring none of their own.
    """

    factory: Optional[ZmqFactory] = None
    process = 0

    def get(self, reactor: Any) -> ZmqFactory:
        factory = self.factory
        # A factory is of no use in a child process, nor after its shutdown.
        if factory is None or factory.connections is None or self.process != os.getpid():
            factory = self.factory = ZmqFactory(reactor)
            self.process = os.getpid()
            factory.registerForShutdown()
        return factory


_shared = _Shared()


def createZmqConnection(
    protocolFactory: Callable[[], IZmqProtocol],
    zmqType: int,
    *,
    bind: Addresses = None,
    connect: Addresses = None,
    zmqSocket: Optional[zmq.Socket[bytes]] = None,
    factory: Optional[IZmqFactory] = None,
    reactor: Optional[IZmqReactor] = None,
) -> Deferred[tuple[ZmqTransport, IZmqProtocol]]:
    """
    Open a socket for a protocol.

    The protocol's ``makeConnection`` is called first, then the endpoints are
    opened.  If one cannot be, everything is closed again.

    :param protocolFactory: makes the protocol; called without arguments.
    :param zmqType: the type of the socket, such as ``zmq.PUSH``.
    :param bind: addresses to open.
    :param connect: addresses to connect to.
    :param zmqSocket: a socket of that type to use, instead of a new one.  It
        belongs to the transport from then on.
    :param factory: the ``ZmqFactory`` whose context to use, and which closes
        the transport when it shuts down.  Without it, one that all such calls
        share, and that shuts down when the reactor stops.
    :param reactor: where to watch the socket; without it, the factory's.
    :return: fires with the transport and the protocol.  It fails with
        ``ZmqReactorError`` if the reactor cannot watch file descriptors, with
        ``ZmqEndpointError`` if an endpoint cannot be opened, with
        ``ZmqOptionError`` if the socket is of another type, with
        ``ZmqClosedError`` if the factory is shut down, with ``ZmqSocketError``
        if there can be no more sockets, with ``ZmqThreadError`` while the reactor
        runs in another thread, and with what ``protocolFactory`` raises.
    """

    def prepare(transport: ZmqTransport) -> None:
        for address in _addresses(bind):
            transport.bind(address)
        for address in _addresses(connect):
            transport.connect(address)

    try:
        protocol = protocolFactory()
        if protocol is None:
            raise ZmqUsageError(f"{shown(protocolFactory)} makes no protocol")
        transport = _open(protocol, zmqType, prepare, zmqSocket, factory, reactor)
    except Exception:
        return fail()
    return succeed((transport, protocol))


def connectZMQ(
    reactor: IZmqReactor, address: Address, factory: IZmqProtocolFactory, **options: Any
) -> Deferred[IZmqProtocol]:
    """
    Connect a protocol to an address.

    :param reactor: where to watch the socket.
    :param address: a libzmq address, or host and port for TCP.  With an IPv6
        address as the host, the socket speaks IPv6 (``ZMQ_IPV6``).
    :param factory: builds the protocol.  The type of the socket is the
        ``socketType`` of the protocol, else that of the factory.
    :param options: ``zmqFactory``, the ``ZmqFactory`` to use instead of the
        shared one; settings of ``ZmqConnection``, such as ``highWaterMark``; and
        options of libzmq by their names, such as ``rcvhwm`` or ``SUBSCRIBE``.
    :return: fires with the protocol; fails as :func:`createZmqConnection`, and
        with ``ZmqUsageError`` if there is no protocol or no type.
    """
    return _openFor(reactor, "connect", address, factory, options)


def listenZMQ(
    reactor: IZmqReactor, address: Address, factory: IZmqProtocolFactory, **options: Any
) -> Deferred[IZmqProtocol]:
    """
    Bind a protocol to an address; otherwise as :func:`connectZMQ`.
    """
    return _openFor(reactor, "bind", address, factory, options)


def _open(
    protocol: IZmqProtocol,
    zmqType: int,
    prepare: Callable[[ZmqTransport], None],
    socket: Optional[zmq.Socket[bytes]],
    factory: Optional[IZmqFactory],
    reactor: Optional[IZmqReactor],
    whenClosed: Callable[[], object] = nothing,
) -> ZmqTransport:
    if reactor is None:
        reactor = ZmqFactory.reactor if factory is None else factory.reactor
    checkReactor(reactor)
    if factory is None:
        factory = _shared.get(reactor)
    ours = socket is None
    if socket is None:
        socket = factory.openSocket(zmqType)
    else:
        _checkSocket(socket, zmqType)
        if factory.connections is None:
            raise factoryClosed()
    transport = ZmqTransport(reactor, socket, protocol, factory, whenClosed)
    try:
        if ours and zmqType == zmq.ROUTER:
            # Else libzmq drops what it cannot route, and says nothing.
            transport.setsockopt(zmq.ROUTER_MANDATORY, 1)
        result = protocol.makeConnection(transport)
        if result is not None:
            watch(result)
        prepare(transport)
        transport.start()
    except BaseException:
        transport.connectionLost(Failure())  # type: ignore[no-untyped-call]
        raise
    return transport


def _openFor(
    reactor: IZmqReactor,
    endpointType: str,
    address: Address,
    factory: IZmqProtocolFactory,
    options: dict[str, Any],
) -> Deferred[IZmqProtocol]:
    try:
        factory.doStart()
    except Exception:
        return fail()
    started = [factory]

    def stop() -> None:
        # Either the transport calls this at its end, or we do where there is none.
        while started:
            started.pop().doStop()

    try:
        zmqFactory = options.pop("zmqFactory", None)
        name = _toAddress(address)
        protocol = factory.buildProtocol(address)
        if protocol is None:
            raise ZmqUsageError(f"{shown(factory)} builds no protocol for {address!r}")

        def prepare(transport: ZmqTransport) -> None:
            if name.startswith("tcp://["):
                # Without it libzmq does not understand the address.
                transport.setsockopt(zmq.IPV6, 1)
            for option, value in options.items():
                _setOption(transport, option, value)
            getattr(transport, endpointType)(name)

        socketType = _socketType(protocol, factory)
        _open(protocol, socketType, prepare, None, zmqFactory, reactor, stop)
    except Exception:
        failed: Deferred[IZmqProtocol] = fail()
        stop()
        return failed
    return succeed(protocol)


def _addresses(value: Addresses) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value, (str, bytes)):
        return [value]
    if not isinstance(value, Iterable):
        text = f"addresses are text, or an iterable of text, not {value!r}"
        raise ZmqEndpointError(errno.EINVAL, text)
    return value


def _toAddress(address: Address) -> str:
    if isinstance(address, str):
        return address
    try:
        host, port = address
        # An IPv6 address has colons of its own.
        return f"tcp://[{host}]:{port:d}" if ":" in host else f"tcp://{host}:{port:d}"
    except (TypeError, ValueError) as error:
        text = f"an address is text, or host and port, not {address!r}"
        raise ZmqEndpointError(errno.EINVAL, text) from error


def _socketType(protocol: Any, factory: Any) -> int:
    for owner in (protocol, factory):
        socketType: Optional[int] = getattr(owner, "socketType", None)
        if socketType is not None:
            return socketType
    raise ZmqUsageError(
        f"neither {shown(protocol)} nor {shown(factory)} has a socketType: set one, such as"
        " zmq.PUSH"
    )


def _setOption(transport: ZmqTransport, name: str, value: Any) -> None:
    if name == "socketType":
        raise ZmqOptionError(name, "socketType is set in the protocol, or in its factory")
    if name in OPTIONS:
        apply(transport.setsockopt, name, value)
        return
    option = getattr(zmq.SocketOption, name.upper(), None)
    if option is None:
        raise ZmqOptionError(name, f"{name} is no setting, and no option of libzmq")
    transport.setsockopt(option, value)


def _checkSocket(socket: Any, zmqType: int) -> None:
    """
    :raise ZmqOptionError: it is no socket, or closed, or of another type.
    """
    if not isinstance(socket, zmq.Socket):
        raise ZmqOptionError("zmqSocket", f"zmqSocket is a zmq.Socket, not {socket!r}")
    if socket.closed:
        raise ZmqOptionError("zmqSocket", "zmqSocket is closed")
    if socket.type != zmqType:
        raise ZmqOptionError("zmqSocket", f"zmqSocket is a {socket.type!r}, not a {zmqType!r}")
