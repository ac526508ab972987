"""
What the parts of txZMQ ask of each other, and what transports and protocols
promise each other.

The life of a protocol: ``makeConnection`` once; then ``messageReceived``,
``eventReceived``, and ``pauseWriting`` and ``resumeWriting`` in turn, any number
of times; ``connectionLost`` once, and nothing after it.
"""

from __future__ import annotations

from typing import Any, Optional, Union

import zmq
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    IReactorCore,
    IReactorFDSet,
    IReactorTime,
)
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from ._frames import Message
from .events import SocketEvent


class IZmqReactor(IReactorCore, IReactorFDSet, IReactorTime):
    """
    What a reactor must be able to do: watch descriptors, call later, and tell
    when it stops.  Only a name for types: no reactor declares it.
    """


class IZmqFactory(Interface):
    """
    What connections, and those who use them, expect of a factory.
    ``ZmqFactory`` is one.
    """

    reactor = Attribute("The reactor of all the connections, an ``IZmqReactor``.")

    connections = Attribute(
        "The set of the open connections and transports; ``None`` after shutdown."
    )

    context = Attribute("The ``zmq.Context`` to open sockets in.")

    lingerPeriod = Attribute("How long to hold unsent messages when closing, in milliseconds.")

    def openSocket(socketType: int) -> zmq.Socket[bytes]:
        """
        Open a socket that lingers for ``lingerPeriod`` when it is closed.

        :raise ZmqClosedError: the factory is shut down.
        :raise ZmqSocketError: there can be no more sockets.
        :raise ZmqOptionError: a setting has an invalid value.
        """

    def contextLost() -> None:
        """
        A socket has failed because somebody else terminates the context.
        """

    def socketClosed(until: Optional[float], messages: int, size: int) -> None:
        """
        A connection has closed its socket.

        :param until: when libzmq will have let go of what it has not sent, by
            ``time.monotonic``; ``inf`` if it need not, ``None`` if there is nothing to know.
        :param messages: how many waited in the connection, and are lost.
        :param size: their bytes.
        """


class IZmqMonitored(Interface):
    """
    Something with a socket whose connections can be watched.

    libzmq reports on ``tcp`` and ``ipc``.  It is silent about ``inproc``: there,
    to connect counts as being connected.
    """

    monitored = Attribute(
        "Whether to watch from before the first endpoint is opened.  What happens before"
        " anybody watches is not known."
    )

    def enableMonitor(events: Optional[int] = None) -> None:
        """
        Report socket events to ``eventReceived``, in the order in which they
        happen; also while messages are paused.

        :param events: which, a combination of ``zmq.EVENT_...``; ``None`` for
            all.  Takes the place of what was asked for before.
        :raise ZmqOptionError: that is no combination of events.
        :raise ZmqSocketError: there can be no more sockets.
        :raise ZmqClosedError: it is closed.
        """

    def disableMonitor() -> None:
        """
        Report no more; at any time, also if nothing was reported.
        """

    def whenConnected() -> Deferred[SocketEvent]:
        """
        :return: fires when a peer is connected, handshake and all, or at once
            if one is.  Fails with ``ZmqClosedError`` when the socket is closed
            before, and with ``ZmqOptionError`` if it cannot be known because
            nobody has watched (``monitored``).
        """

    def whenDisconnected() -> Deferred[SocketEvent]:
        """
        :return: fires when a peer goes, or at once if there were some and all
            have gone; otherwise as :meth:`whenConnected`.
        """

    def whenHandshakeFailed() -> Deferred[SocketEvent]:
        """
        :return: fires when a peer is refused, or refuses us, or does not speak
            ZeroMQ's protocol; at once if that was the last thing that
            happened.  Otherwise as :meth:`whenConnected`.
        """


class IZmqTransport(IConsumer, IPushProducer, IZmqMonitored):
    """
    A ZeroMQ socket that queues, pauses, and closes in an orderly way.  All of
    it belongs to the thread of the reactor.

    Nothing here blocks.  Whatever goes wrong is an ``OSError`` and a
    ``zmq.ZMQError``; on a closed transport it is ``ZmqClosedError``.
    """

    closeTimeout = Attribute(
        "How many seconds ``loseConnection`` waits until libzmq has taken all messages, and how"
        " long libzmq then holds them until they have left; ``None`` is without end."
    )

    # Writing

    def write(parts: Message) -> None:
        """
        Send a message, whole and in order: at once, or as soon as libzmq takes
        it.

        A message for a peer that a ROUTER does not know, or that is full and
        for which enough waits already, is dropped with a line in the log.

        :param parts: the frames, at least one; ``bytes``, or text to be encoded
            as UTF-8.
        :raise ZmqFrameError: it is no valid message; a ``ValueError``.
        :raise ZmqSocketError: sockets of this type do not send, or not now
            (REP without a request).
        :raise ZmqClosedError: the transport is closing, or closed.
        """

    def writeMessage(parts: Message) -> Deferred[None]:
        """
        Send a message as :meth:`write` does, and tell how it goes.

        :return: fires when libzmq has taken it; fails with what :meth:`write`
            raises or logs, and with ``ZmqClosedError`` if the transport closes
            before.  Cancel it to take the message back, as long as it waits.
        """

    def writeSequence(messages: Any) -> None:
        """
        Send several messages, an iterable of what :meth:`write` takes.
        """

    def setWriteBufferLimits(
        high: Optional[int] = None,
        low: Optional[int] = None,
        highMessages: Optional[int] = None,
        lowMessages: Optional[int] = None,
    ) -> None:
        """
        Say how much may wait here before ``pauseWriting``, and how little until
        ``resumeWriting``; and the same for a producer.

        :param high: bytes; above them is too much.  By default 65 536, or four
            times ``low``.
        :param low: bytes; by default a quarter of ``high``.
        :param highMessages: the same in messages; by default 1000, or 0 if
            ``high`` is 0.
        :param lowMessages: by default a quarter of ``highMessages``, or 0 if
            ``low`` is 0.
        :raise ZmqOptionError: not ``high >= low >= 0``; a ``ValueError``.
        """

    def getWriteBufferLimits() -> tuple[int, int]:
        """
        :return: ``low`` and ``high``, in bytes.
        """

    def getWriteBufferSize() -> int:
        """
        :return: how many bytes wait here.  What libzmq has taken does not.
        """

    def getWriteBufferLength() -> int:
        """
        :return: how many messages wait here.
        """

    # Reading: pauseProducing, resumeProducing and stopProducing of
    # IPushProducer.  No message is delivered after pauseProducing has returned,
    # and none before resumeProducing has.

    # Closing

    def loseConnection() -> None:
        """
        Receive no more, send what waits, and close.  While a producer is
        registered, this waits for it to unregister.  What libzmq has not taken after
        ``closeTimeout`` is lost, and ``connectionLost`` says so.
        """

    def abortConnection() -> None:
        """
        Close now.  What waits, here or in libzmq, is lost.
        """

    # The socket

    def getHandle() -> zmq.Socket[bytes]:
        """
        :return: the socket, for what has no method here.
        """

    def getExtraInfo(name: str, default: Any = None) -> Any:
        """
        :param name: ``"zmq_socket"``; there is nothing else.
        :return: the socket; ``default`` for another name, or when closed.
        """

    def getsockopt(option: int) -> Union[int, bytes]:
        """
        :param option: such as ``zmq.RCVHWM``.
        :raise ZmqSocketError: libzmq has no such option.
        """

    def setsockopt(option: int, value: Union[int, bytes]) -> None:
        """
        :param option: such as ``zmq.RCVHWM``.  Most count for endpoints that
            are opened later.  ``zmq.SUBSCRIBE`` and ``zmq.UNSUBSCRIBE`` are
            :meth:`subscribe` and :meth:`unsubscribe`.
        :raise ZmqSocketError: libzmq refuses it.
        """

    def bind(address: str) -> str:
        """
        Open an address, and wait there for peers.

        :return: the real address, without wildcards.
        :raise ZmqEndpointError: it cannot be opened.
        """

    def unbind(address: str) -> None:
        """
        :param address: a real address, one of :meth:`bindings`.
        :raise ZmqEndpointError: it is not one of them.
        """

    def bindings() -> frozenset[str]:
        """
        :return: the real addresses that were bound here.
        """

    def connect(address: str) -> str:
        """
        Connect to an address, now or when somebody is there.

        :return: the address.
        :raise ZmqEndpointError: it is invalid.
        """

    def disconnect(address: str) -> None:
        """
        :param address: one of :meth:`connections`.
        :raise ZmqEndpointError: it is not one of them.
        """

    def connections() -> frozenset[str]:
        """
        :return: the addresses that were connected to here.
        """

    def subscribe(value: bytes) -> None:
        """
        Ask for messages that begin with ``value``; nothing happens if they were
        asked for already.

        :raise ZmqNotSupportedError: this is neither SUB nor XSUB; a
            ``NotImplementedError``.
        :raise ZmqFrameTypeError: the value is not ``bytes``; a ``TypeError``.
        :raise ZmqFrameError: it has more than 8192 bytes, which libzmq might not survive.
        """

    def unsubscribe(value: bytes) -> None:
        """
        Undo :meth:`subscribe`; nothing happens if there is nothing to undo.
        """

    def subscriptions() -> frozenset[bytes]:
        """
        :return: what was subscribed to here.
        """

    def whenSubscribed(topic: bytes) -> Deferred[bytes]:
        """
        On XPUB: wait for a subscriber who would get a message that begins with
        ``topic``.  The subscriptions are delivered as messages all the same.
        Set ``ONLY_FIRST_SUBSCRIBE`` with :meth:`setsockopt`: what is done to the
        socket itself is not noticed here.

        :return: fires with the subscription, at once if there is one.
        :raise ZmqNotSupportedError: this is not XPUB.
        """


class IZmqProtocol(Interface):
    """
    What a transport calls.  Each method may be ``async def``, or return a
    Deferred: what that fails with is logged, as is what they raise.
    """

    transport = Attribute("The ``IZmqTransport``, from ``makeConnection`` on.")

    def makeConnection(transport: IZmqTransport) -> object:
        """
        The socket is open; its endpoints are opened when this has returned.
        What this raises itself, other than a coroutine that it returns, is what
        the opening fails with.
        """

    def connectionMade() -> object:
        """
        :meth:`makeConnection` has set the transport.  Everything can be used
        now; nothing is delivered before the next turn of the reactor.
        """

    def messageReceived(parts: list[bytes]) -> object:
        """
        :param parts: a message, at least one frame.
        """

    def eventReceived(event: SocketEvent) -> object:
        """
        Something has happened to a connection; after ``enableMonitor`` only.
        """

    def pauseWriting() -> object:
        """
        More waits to be sent than the limits allow: slow down.  Called from
        within ``write``.
        """

    def resumeWriting() -> object:
        """
        There is room again.
        """

    def connectionLost(reason: Failure) -> object:
        """
        The end.

        :param reason: ``ConnectionDone`` after ``loseConnection`` and at the
            shutdown of the factory, ``ConnectionAborted`` after
            ``abortConnection``, ``ConnectionLost`` where the reactor stops
            first, otherwise the error; ``ZmqUnsentError`` if not all could be
            sent in time.
        """


class IZmqProtocolFactory(Interface):
    """
    What ``connectZMQ`` and ``listenZMQ`` take; any ``twisted.internet.protocol.Factory``
    whose protocols are ours will do.
    """

    socketType = Attribute(
        "The type of the sockets, such as ``zmq.PUSH``, where the protocol has none of its own."
    )

    def doStart() -> None:
        """
        A transport is about to be opened.
        """

    def doStop() -> None:
        """
        It is closed, or could not be opened.
        """

    def buildProtocol(addr: Any) -> Any:
        """
        :param addr: the address, as it was given.
        :return: a new ``IZmqProtocol``; ``None`` to open nothing.
        """
