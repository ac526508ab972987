"""
Tests of :mod:`txzmq.transport`: what it provides, each type of socket over each
kind of transport, and what is left when it is closed.
"""

from __future__ import annotations

import errno
from typing import Any

import zmq
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer, IReadDescriptor
from zope.interface.verify import verifyObject

from txzmq import (
    ZmqClosedError,
    ZmqFactory,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqProtocol,
    ZmqProtocolFactory,
    ZmqSocketError,
)
from txzmq.interfaces import (
    IZmqFactory,
    IZmqMonitored,
    IZmqProtocol,
    IZmqProtocolFactory,
    IZmqTransport,
)

from .support import inThread, turns
from .transports import Recording, TransportTestCase

#: A message with all kinds of frames.  None begins with a 0 or 1, which XPUB
#: takes for a subscription.
MESSAGE = [b"topic", b"", b"\xff\0\1", b"x" * 1000]


class InterfaceTests(TransportTestCase):
    """
    What the objects say of themselves.
    """

    def test_transport(self) -> None:
        """
        A transport is what its interface describes, a consumer, a producer, and
        something that a reactor can watch.
        """
        transport, _ = self.opened(zmq.PAIR)
        for interface in (IZmqTransport, IZmqMonitored, IConsumer, IPushProducer, IReadDescriptor):
            self.assertTrue(verifyObject(interface, transport))

    def test_protocol(self) -> None:
        """
        Protocols are what their interface describes, before there is a
        transport and after.
        """
        _, protocol = self.opened(zmq.PAIR, ZmqProtocol)
        for one in (protocol, ZmqProtocol()):
            self.assertTrue(verifyObject(IZmqProtocol, one))

    def test_factories(self) -> None:
        """
        So are the factories.
        """
        self.assertTrue(verifyObject(IZmqProtocolFactory, ZmqProtocolFactory()))
        self.assertTrue(verifyObject(IZmqFactory, self.factory))

    def test_repr(self) -> None:
        """
        A transport shows its type, and the class of its protocol; also when it
        is closed.
        """
        transport, _ = self.opened(zmq.PAIR)
        self.assertEqual(repr(transport), "<ZmqTransport PAIR of Recording>")
        transport.shutdown()
        self.assertEqual(repr(transport), "<ZmqTransport PAIR of Recording>")

    def test_logPrefix(self) -> None:
        """
        What is logged while a protocol runs carries the name of its class.
        """
        transport, _ = self.opened(zmq.PAIR)
        self.assertEqual(transport.logPrefix(), "Recording")

    async def test_defaults(self) -> None:
        """
        A protocol that overrides nothing can be used.
        """
        transport, _, raw = self.stalled(zmq.DEALER, zmq.DEALER, ZmqProtocol)
        transport.enableMonitor()
        raw.send(b"x")
        transport.setWriteBufferLimits(high=0)
        transport.writeSequence([b"x"] * 5)
        while transport.getWriteBufferLength():
            raw.recv()
            await turns()
        transport.loseConnection()
        await turns(2)
        self.assertEqual(self.flushLoggedErrors(), [])


class Both(TransportTestCase):
    """
    Each type of socket sends and receives what it can.
    """

    def address(self) -> Any:
        raise NotImplementedError

    def between(self, zmqType: int, rawType: int) -> Any:
        """
        :return: a transport, its protocol, and a plain socket connected to it.
        """
        transport, protocol = self.opened(zmqType)
        return transport, protocol, self.beside(transport, rawType, self.address())

    async def sends(self, transport: Any, raw: Any, *route: bytes) -> list[bytes]:
        """
        :return: what libzmq has put in front of the message.
        """
        transport.write([*route, *MESSAGE])
        got: list[bytes] = await inThread(raw.recv_multipart)
        self.assertEqual(got[-4:], MESSAGE)
        return got[:-4]

    async def receives(self, protocol: Any, raw: Any, *route: bytes) -> list[bytes]:
        """
        :return: what libzmq has put in front of the message.
        """
        before = len(protocol.got.events)
        await inThread(raw.send_multipart, [*route, *MESSAGE])
        got: list[bytes] = (await protocol.got.wait(before + 1))[before]
        self.assertEqual(got[-4:], MESSAGE)
        return got[:-4]

    async def test_pair(self) -> None:
        """
        PAIR sends and receives.
        """
        transport, protocol, raw = self.between(zmq.PAIR, zmq.PAIR)
        await self.sends(transport, raw)
        await self.receives(protocol, raw)

    async def test_push(self) -> None:
        """
        PUSH sends.
        """
        transport, _, raw = self.between(zmq.PUSH, zmq.PULL)
        await self.sends(transport, raw)

    async def test_pull(self) -> None:
        """
        PULL receives.
        """
        _, protocol, raw = self.between(zmq.PULL, zmq.PUSH)
        await self.receives(protocol, raw)

    async def test_req(self) -> None:
        """
        REQ sends, and then receives; once more, too.
        """
        transport, protocol, raw = self.between(zmq.REQ, zmq.REP)
        for _ in range(2):
            await self.sends(transport, raw)
            await self.receives(protocol, raw)

    async def test_rep(self) -> None:
        """
        REP receives, and then sends; once more, too.
        """
        transport, protocol, raw = self.between(zmq.REP, zmq.REQ)
        for _ in range(2):
            await self.receives(protocol, raw)
            await self.sends(transport, raw)

    async def test_dealer(self) -> None:
        """
        DEALER sends, and a ROUTER knows its way back.
        """
        transport, protocol, raw = self.between(zmq.DEALER, zmq.ROUTER)
        await self.receives(protocol, raw, *await self.sends(transport, raw))

    async def test_router(self) -> None:
        """
        ROUTER knows where a message has come from.
        """
        transport, protocol, raw = self.between(zmq.ROUTER, zmq.DEALER)
        await self.sends(transport, raw, *await self.receives(protocol, raw))

    async def test_pub(self) -> None:
        """
        PUB sends to those who have subscribed.
        """
        transport, _, raw = self.between(zmq.PUB, zmq.SUB)
        raw.subscribe(b"topic")
        while not raw.poll(0):
            transport.write(b"topic, are you there?")
            await turns()
        transport.write(b"topic, I see")
        while await inThread(raw.recv) != b"topic, I see":
            pass
        await self.sends(transport, raw)

    async def test_sub(self) -> None:
        """
        SUB receives what it has subscribed to.
        """
        transport, protocol, raw = self.between(zmq.SUB, zmq.XPUB)
        transport.subscribe(b"topic")
        self.assertEqual(await inThread(raw.recv), b"\1topic")
        raw.send(b"another")
        await self.receives(protocol, raw)

    async def test_xpub(self) -> None:
        """
        XPUB receives subscriptions, sends to the subscribers, and hears them.
        """
        transport, protocol, raw = self.between(zmq.XPUB, zmq.XSUB)
        raw.send(b"\1topic")
        self.assertEqual(await protocol.got.wait(), [[b"\1topic"]])
        await self.sends(transport, raw)
        await self.receives(protocol, raw)

    async def test_xsub(self) -> None:
        """
        XSUB receives what it has subscribed to, and sends upstream.
        """
        transport, protocol, raw = self.between(zmq.XSUB, zmq.XPUB)
        transport.subscribe(b"topic")
        self.assertEqual(await inThread(raw.recv), b"\1topic")
        await self.receives(protocol, raw)
        await self.sends(transport, raw)


class TCPTests(Both):
    """
    Over TCP.
    """

    def address(self) -> Any:
        return "tcp://127.0.0.1:*"


class IPCTests(Both):
    """
    Between processes.
    """

    def address(self) -> Any:
        return self.ipcAddress()


class InprocTests(Both):
    """
    Within the process.
    """

    def address(self) -> Any:
        return None


del Both


class StreamTests(TransportTestCase):
    """
    STREAM speaks to programs that know nothing of ZeroMQ.
    """

    async def test_stream(self) -> None:
        """
        Bytes come and go behind the name of a peer.
        """
        transport, protocol = self.opened(zmq.STREAM)
        raw = self.beside(transport, zmq.STREAM, "tcp://127.0.0.1:*")
        name, empty = await inThread(raw.recv_multipart)
        raw.send_multipart([name, b"hello"])
        greeting, hello = await protocol.got.wait(2)
        self.assertEqual((empty, greeting[1], hello), (b"", b"", [greeting[0], b"hello"]))
        transport.write([greeting[0], b"world"])
        self.assertEqual(await inThread(raw.recv_multipart), [name, b"world"])


class CannotTests(TransportTestCase):
    """
    What a type of socket cannot do is an error at once.
    """

    def test_receivers(self) -> None:
        """
        SUB and PULL do not send, now or later.
        """
        for zmqType in (zmq.SUB, zmq.PULL):
            transport, _ = self.opened(zmqType)
            error = self.assertRaises(ZmqSocketError, transport.write, b"x")
            self.assertEqual(error.errno, errno.ENOTSUP)
            self.failureResultOf(transport.writeMessage(b"x"), ZmqSocketError)
            self.assertEqual(transport.getWriteBufferLength(), 0)

    def test_frames(self) -> None:
        """
        What cannot be a message is refused, and nothing of it is sent.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        for bad, cls in [([], ZmqFrameError), ([b"a", None], ZmqFrameTypeError), (5, TypeError)]:
            self.assertRaises(cls, transport.write, bad)
            self.assertRaises(OSError, transport.write, bad)
            self.failureResultOf(transport.writeMessage(bad), cls)
        self.assertRaises(ValueError, transport.write, [])
        transport.write([b"good"])
        self.assertEqual((raw.recv_multipart(), raw.poll(0)), ([b"good"], 0))

    def test_text(self) -> None:
        """
        Text is sent as UTF-8, and a single frame need not be in a list.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        transport.writeSequence(["é", ["a", bytearray(b"b")], memoryview(b"c")])
        got = [raw.recv_multipart() for _ in range(3)]
        self.assertEqual(got, [["é".encode()], [b"a", b"b"], [b"c"]])


class ClosedTests(TransportTestCase):
    """
    A closed transport says so, whatever it is asked.
    """

    #: Methods, with arguments.
    CALLS = [
        ("write", b"x"),
        ("writeMessage", b"x"),
        ("writeSequence", [b"x"]),
        ("getHandle",),
        ("getsockopt", zmq.TYPE),
        ("setsockopt", zmq.LINGER, 0),
        ("bind", "inproc://x"),
        ("unbind", "inproc://x"),
        ("connect", "inproc://x"),
        ("disconnect", "inproc://x"),
        ("enableMonitor",),
        ("whenConnected",),
        ("whenDisconnected",),
        ("whenHandshakeFailed",),
    ]

    def refuses(self, transport: Any, name: str, *args: Any) -> None:
        try:
            result = getattr(transport, name)(*args)
            self.assertIsInstance(result, Deferred, name)
            error = self.failureResultOf(result).value
        except OSError as raised:
            error = raised
        self.assertIsInstance(error, ZmqClosedError, name)
        self.assertIsInstance(error, OSError)
        self.assertIsInstance(error, zmq.ZMQError)

    def test_closed(self) -> None:
        """
        Nothing can be done with the socket any more: not after an end, and not
        between an abort and the end.
        """
        for close in ("abortConnection", "shutdown"):
            transport, _ = self.opened(zmq.PAIR)
            getattr(transport, close)()
            for call in self.CALLS:
                self.refuses(transport, *call)

    def test_subscriptions(self) -> None:
        """
        Nor with subscriptions.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, _ = self.opened(zmqType)
            transport.subscribe(b"there")
            transport.abortConnection()
            for name in ("subscribe", "unsubscribe"):
                for topic in (b"there", b"new"):
                    self.refuses(transport, name, topic)
            self.refuses(transport, "setsockopt", zmq.SUBSCRIBE, b"there")
        transport, _ = self.opened(zmq.XPUB)
        transport.abortConnection()
        self.refuses(transport, "whenSubscribed", b"")

    def test_harmless(self) -> None:
        """
        What only asks about the past, or undoes something, can be called
        always.
        """
        transport, _ = self.opened(zmq.PAIR)
        address = transport.bind("inproc://harmless")
        transport.abortConnection()
        for name in (
            "disableMonitor",
            "pauseProducing",
            "resumeProducing",
            "stopProducing",
            "unregisterProducer",
            "loseConnection",
            "abortConnection",
            "setWriteBufferLimits",
            "doRead",
            "start",
        ):
            self.assertIsNone(getattr(transport, name)(), name)
        self.assertEqual(transport.bindings(), {address})
        self.assertEqual((transport.getWriteBufferSize(), transport.fileno()), (0, -1))
        self.assertEqual(transport.getExtraInfo("zmq_socket", "gone"), "gone")
        self.assertIn("PAIR", repr(transport))

    def test_atShutdown(self) -> None:
        """
        A factory that is shut down takes its transports along, and keeps none.
        """
        factory = ZmqFactory()
        transport, protocol = self.opened(zmq.PAIR, Recording, factory=factory)
        self.assertEqual(factory.connections, {transport})
        factory.shutdown()
        self.assertEqual((len(protocol.lost.events), factory.connections), (1, None))
        self.refuses(transport, "write", b"x")
