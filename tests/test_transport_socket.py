"""
Tests of transports: the socket behind one, its options, endpoints and
subscriptions.
"""

from __future__ import annotations

import errno
from typing import Any

import zmq
from twisted.internet import reactor

from txzmq import (
    ZmqEndpointError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqNotSupportedError,
    ZmqOptionError,
    ZmqSocketError,
)
from txzmq._subscriptions import MAX_TOPIC

from .support import inThread, turns
from .transports import Recording, TransportTestCase, arrived, received

#: Types that cannot subscribe.
OTHERS = [
    zmq.REQ,
    zmq.REP,
    zmq.PUB,
    zmq.XPUB,
    zmq.PUSH,
    zmq.PULL,
    zmq.DEALER,
    zmq.ROUTER,
    zmq.PAIR,
    zmq.STREAM,
]


class OptionTests(TransportTestCase):
    """
    Options of libzmq.
    """

    def test_options(self) -> None:
        """
        Options can be set and asked for, numbers and bytes.
        """
        transport, _ = self.opened(zmq.DEALER)
        for option, value in [(zmq.RCVHWM, 7), (zmq.LINGER, 0), (zmq.ROUTING_ID, b"me")]:
            transport.setsockopt(option, value)
            self.assertEqual(transport.getsockopt(option), value)
            self.assertEqual(transport.getHandle().getsockopt(option), value)
        self.assertEqual(transport.getsockopt(zmq.TYPE), zmq.DEALER)

    def test_numbers(self) -> None:
        """
        An option can be a plain number.
        """
        transport, _ = self.opened(zmq.SUB)
        transport.setsockopt(int(zmq.RCVHWM), 7)
        self.assertEqual(transport.getsockopt(int(zmq.RCVHWM)), 7)
        transport.setsockopt(int(zmq.SUBSCRIBE), b"x")
        self.assertEqual(transport.subscriptions(), {b"x"})

    def test_refused(self) -> None:
        """
        What libzmq refuses is an error that names the option.
        """
        transport, _ = self.opened(zmq.DEALER)
        for method, args in [
            (transport.setsockopt, (zmq.RCVHWM, -5)),
            (transport.getsockopt, (zmq.ROUTER_MANDATORY,)),
        ]:
            error = self.assertRaises(ZmqSocketError, method, *args)
            for cls in (OSError, zmq.ZMQError):
                self.assertIsInstance(error, cls)
            self.assertEqual(error.errno, errno.EINVAL)
            self.assertIn(args[0].name, str(error))

    def test_wrongTypes(self) -> None:
        """
        What cannot be an option, or a value, is an error of ours, too.
        """
        transport, _ = self.opened(zmq.DEALER)
        for method, args in [
            (transport.setsockopt, (zmq.RCVHWM, b"x")),
            (transport.setsockopt, (zmq.RCVHWM, None)),
            (transport.setsockopt, (zmq.RCVHWM, 1 << 70)),
            (transport.setsockopt, (zmq.ROUTING_ID, 5)),
            (transport.setsockopt, ("RCVHWM", 5)),
            (transport.getsockopt, ("RCVHWM",)),
        ]:
            error = self.assertRaises(ZmqOptionError, method, *args)
            for cls in (OSError, zmq.ZMQError, ValueError):
                self.assertIsInstance(error, cls)

    async def test_events(self) -> None:
        """
        To ask for events consumes the signal of a message, which is delivered
        all the same.
        """
        for address in (None, "tcp://127.0.0.1:*"):
            transport, protocol = self.opened(zmq.PULL)
            raw = self.beside(transport, zmq.PUSH, address)
            await turns(5)
            for i in range(10):
                raw.send(b"%d" % i)
                while not transport.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                    # The reactor does not get to see it.
                    pass
                await protocol.got.wait(i + 1)

    async def test_eventsInCallback(self) -> None:
        """
        Also within a callback, also if that pauses.
        """

        class Asking(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                super().messageReceived(parts)
                self.transport.getsockopt(zmq.EVENTS)
                self.transport.pauseProducing()
                self.transport.getsockopt(zmq.EVENTS)
                reactor.callLater(0, self.transport.resumeProducing)

        _, protocol, raw = self.facing(zmq.PULL, zmq.PUSH, Asking)
        for i in range(10):
            raw.send(b"%d" % i)
        await protocol.got.wait(10)
        await turns(3)

    async def test_handle(self) -> None:
        """
        Who gets hold of the socket may use it, and nothing is lost by that.
        """
        for get in (
            lambda transport: transport.getHandle(),
            lambda transport: transport.getExtraInfo("zmq_socket"),
        ):
            transport, protocol, raw = self.facing(zmq.PULL, zmq.PUSH)
            await turns(5)
            for i in range(5):
                raw.send(b"%d" % i)
                self.assertTrue(get(transport).get(zmq.EVENTS) & zmq.POLLIN)
                await protocol.got.wait(i + 1)

    def test_extraInfo(self) -> None:
        """
        There is the socket, and nothing else.
        """
        transport, _ = self.opened(zmq.PULL)
        self.assertIsInstance(transport.getExtraInfo("zmq_socket"), zmq.Socket)
        self.assertIs(transport.getExtraInfo("zmq_socket"), transport.getHandle())
        self.assertIsNone(transport.getExtraInfo("peername"))
        self.assertEqual(transport.getExtraInfo("peername", "x"), "x")


class EndpointTests(TransportTestCase):
    """
    Binding and connecting.
    """

    def addresses(self) -> list[str]:
        return ["inproc://endpoints", self.ipcAddress(), "tcp://127.0.0.1:*"]

    def test_bind(self) -> None:
        """
        What is bound is known by its real address, until it is undone.
        """
        transport, _ = self.opened(zmq.PULL)
        real = [transport.bind(address) for address in self.addresses()]
        self.assertEqual(transport.bindings(), set(real))
        self.assertNotIn("*", "".join(real))
        for address in real:
            transport.unbind(address)
        self.assertEqual(transport.bindings(), set())

    async def test_bound(self) -> None:
        """
        Peers can come to each of them, and to none that was undone.
        """
        transport, protocol = self.opened(zmq.PULL)
        addresses = [transport.bind("tcp://127.0.0.1:*") for _ in range(2)]
        raws = [self.raw(zmq.PUSH, address) for address in addresses]
        for i, raw in enumerate(raws):
            await inThread(raw.send, b"%d" % i)
        self.assertEqual(sorted(await protocol.got.wait(2)), [[b"0"], [b"1"]])
        transport.enableMonitor(zmq.EVENT_CLOSED)
        transport.unbind(addresses[0])
        # libzmq closes it when it gets round to it.
        self.assertEqual(await protocol.told.wait(), ["CLOSED"])
        other, _ = self.opened(zmq.PULL, bind=addresses[0])
        self.assertEqual(other.bindings(), {addresses[0]})

    def test_connect(self) -> None:
        """
        What is connected to is known by its address, until it is undone; the
        other end need not be there.
        """
        transport, _ = self.opened(zmq.PUSH)
        addresses = ["inproc://nobody", self.ipcAddress(), "tcp://127.0.0.1:9", "tcp://localhost:9"]
        self.assertEqual([transport.connect(address) for address in addresses], addresses)
        self.assertEqual(transport.connections(), set(addresses))
        for address in addresses:
            transport.disconnect(address)
        self.assertEqual(transport.connections(), set())

    async def test_disconnected(self) -> None:
        """
        Nothing goes to where it was disconnected from.
        """
        transport, _ = self.opened(zmq.PUSH)
        raws = [self.raw(zmq.PULL, context=self.factory.context) for _ in range(2)]
        for i, raw in enumerate(raws):
            raw.bind(f"inproc://disconnected-{i}")
            transport.connect(f"inproc://disconnected-{i}")
        transport.disconnect("inproc://disconnected-0")
        transport.writeSequence([b"x"] * 4)
        self.assertEqual((await arrived(raws[1], 4), received(raws[0])), ([[b"x"]] * 4, []))

    def test_immutable(self) -> None:
        """
        The sets do not change, and cannot be changed.
        """
        transport, _ = self.opened(zmq.PULL)
        before = transport.bindings(), transport.connections()
        transport.bind("inproc://immutable")
        transport.connect("inproc://immutable-too")
        self.assertEqual(before, (frozenset(), frozenset()))
        for endpoints in (transport.bindings(), transport.connections()):
            self.assertIsInstance(endpoints, frozenset)

    def test_apart(self) -> None:
        """
        What is bound is not connected to, and the other way round: the wrong
        method is an error and undoes nothing.
        """
        transport, _ = self.opened(zmq.PULL)
        bound = transport.bind("tcp://127.0.0.1:*")
        connected = transport.connect("tcp://127.0.0.1:9")
        self.assertRaises(ZmqEndpointError, transport.disconnect, bound)
        self.assertRaises(ZmqEndpointError, transport.unbind, connected)
        self.assertEqual(transport.bindings(), {bound})
        self.assertEqual(transport.connections(), {connected})

    def test_foreign(self) -> None:
        """
        What was opened by others is not listed, and can be undone.
        """
        raw = self.factory.openSocket(zmq.PULL)
        raw.bind("tcp://127.0.0.1:*")
        address = raw.last_endpoint.decode()
        transport, _ = self.opened(zmq.PULL, zmqSocket=raw)
        self.assertEqual(transport.bindings(), set())
        transport.unbind(address)
        self.assertRaises(ZmqEndpointError, transport.unbind, address)

    def test_errors(self) -> None:
        """
        What cannot be opened, or undone, is an error that names it, and
        changes nothing.
        """
        transport, _ = self.opened(zmq.PULL)
        taken = transport.bind("tcp://127.0.0.1:*")
        for method, address, number in [
            ("bind", taken, errno.EADDRINUSE),
            ("bind", "nonsense", errno.EINVAL),
            ("bind", "ipc:///no/such/directory/socket", errno.ENOENT),
            ("bind", "xyz://1", errno.EPROTONOSUPPORT),
            ("connect", "tcp://", errno.EINVAL),
            ("connect", 5, None),
            ("unbind", 5, errno.EINVAL),
            ("disconnect", None, errno.EINVAL),
            ("unbind", "tcp://127.0.0.1:9", errno.ENOENT),
            ("disconnect", "tcp://127.0.0.1:9", errno.ENOENT),
        ]:
            error = self.assertRaises(OSError, getattr(transport, method), address)
            self.assertIsInstance(error, zmq.ZMQError)
            if number is not None:
                self.assertIsInstance(error, ZmqEndpointError)
                self.assertEqual(error.errno, number, (method, address))
                self.assertIsInstance(error, type(OSError(number, "")))
                self.assertIn(repr(address), str(error))
        self.assertEqual((transport.bindings(), transport.connections()), ({taken}, set()))

    async def test_between(self) -> None:
        """
        To open and undo consumes the signal of a message, which is delivered
        all the same.
        """
        transport, protocol, raw = self.facing(zmq.PULL, zmq.PUSH)
        await turns(5)
        steps = [
            lambda: transport.bind("inproc://between"),
            lambda: transport.unbind("inproc://between"),
            lambda: transport.connect("inproc://between"),
            lambda: transport.disconnect("inproc://between"),
        ]
        for i, step in enumerate(steps):
            raw.send(b"%d" % i)
            step()
            await protocol.got.wait(i + 1)


class SubscriptionTests(TransportTestCase):
    """
    Subscriptions at SUB and XSUB.
    """

    async def test_tooLong(self) -> None:
        """
        What libzmq might not survive is refused, whichever way it is asked for, and
        nothing of the message is sent.
        """
        longest, tooLong = b"x" * MAX_TOPIC, b"x" * (MAX_TOPIC + 1)
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, _ = self.opened(zmqType)
            transport.subscribe(longest)
            self.assertRaises(ZmqFrameError, transport.subscribe, tooLong)
            self.assertRaises(ZmqFrameError, transport.setsockopt, zmq.SUBSCRIBE, tooLong)
        transport, _, raw = await self.subscriber(zmq.XSUB)
        for message in (b"\1" + tooLong, [b"begin", b"\1" + tooLong]):
            self.assertRaises(ZmqFrameError, transport.write, message)
            await self.assertFailure(transport.writeMessage(message), ZmqFrameError)
        transport.write([b"\1" + longest])
        transport.write([tooLong, b"end"])
        self.assertEqual(await arrived(raw, 2), [[b"\1" + longest], [tooLong, b"end"]])

    async def subscriber(self, zmqType: int, address: Any = None) -> Any:
        """
        :return: a transport, its protocol, and a plain XPUB that shows what
            arrives there.
        """
        transport, protocol = self.opened(zmqType)
        raw = self.beside(transport, zmq.XPUB, address)
        raw.setsockopt(zmq.XPUB_VERBOSER, 1)
        # Until the transport knows its peer.
        await turns(5)
        return transport, protocol, raw

    async def test_once(self) -> None:
        """
        To subscribe twice is to subscribe once, and to undo it once is enough.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, _, raw = await self.subscriber(zmqType)
            for topic in (b"a", b"b", b"a", b""):
                transport.subscribe(topic)
            self.assertEqual(transport.subscriptions(), {b"a", b"b", b""})
            for topic in (b"a", b"a", b"c"):
                transport.unsubscribe(topic)
            self.assertEqual(transport.subscriptions(), {b"b", b""})
            await turns(3)
            self.assertEqual(received(raw), [[b"\1a"], [b"\1b"], [b"\1"], [b"\0a"]])

    async def test_filter(self) -> None:
        """
        What was subscribed to is delivered, and nothing else.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            for address in (None, self.ipcAddress(), "tcp://127.0.0.1:*"):
                transport, protocol, raw = await self.subscriber(zmqType, address)
                for topic in (b"a", b"b"):
                    transport.subscribe(topic)
                transport.unsubscribe(b"b")
                transport.subscribe(b"end")
                while await inThread(raw.recv) != b"\1end":
                    pass
                for message in (b"a1", b"b1", b"c1", b"a2", b"end"):
                    raw.send_multipart([message, b"x"])
                got = await protocol.got.wait(3)
                self.assertEqual([message[0] for message in got], [b"a1", b"a2", b"end"])

    async def test_laterPublisher(self) -> None:
        """
        Subscriptions count for publishers that come later.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, protocol = self.opened(zmqType)
            transport.subscribe(b"a")
            raw = self.beside(transport, zmq.XPUB)
            self.assertEqual(await arrived(raw, 1), [[b"\1a"]])
            raw.send(b"a")
            await protocol.got.wait()

    async def test_options(self) -> None:
        """
        The options of libzmq do the same, and are known.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, _, raw = await self.subscriber(zmqType)
            transport.setsockopt(zmq.SUBSCRIBE, b"a")
            transport.setsockopt(zmq.SUBSCRIBE, b"a")
            transport.setsockopt(zmq.SUBSCRIBE, b"b")
            transport.setsockopt(zmq.UNSUBSCRIBE, b"a")
            self.assertEqual(transport.subscriptions(), {b"b"})
            self.assertEqual(await arrived(raw, 3), [[b"\1a"], [b"\1b"], [b"\0a"]])

    def test_immutable(self) -> None:
        """
        The set does not change, and cannot be changed.
        """
        transport, _ = self.opened(zmq.SUB)
        before = transport.subscriptions()
        transport.subscribe(b"x")
        self.assertEqual(before, frozenset())
        self.assertIsInstance(before, frozenset)

    def test_others(self) -> None:
        """
        Sockets of other types do not subscribe, and say so.
        """
        for zmqType in OTHERS:
            transport, _ = self.opened(zmqType)
            for method, args in [
                (transport.subscribe, (b"x",)),
                (transport.unsubscribe, (b"x",)),
                (transport.setsockopt, (zmq.SUBSCRIBE, b"x")),
                (transport.subscriptions, ()),
            ]:
                error = self.assertRaises(ZmqNotSupportedError, method, *args)
                for cls in (NotImplementedError, OSError, zmq.ZMQError):
                    self.assertIsInstance(error, cls)

    def test_bytes(self) -> None:
        """
        A subscription is bytes.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, _ = self.opened(zmqType)
            for value in ("x", None, 5, bytearray(b"x")):
                for method in (transport.subscribe, transport.unsubscribe):
                    error = self.assertRaises(ZmqFrameTypeError, method, value)
                    self.assertIsInstance(error, TypeError)
                    self.assertIsInstance(error, OSError)
            self.assertEqual(transport.subscriptions(), set())

    async def test_signal(self) -> None:
        """
        To subscribe at an XSUB is to send, which consumes the signal of a
        message; that is delivered all the same.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            transport, protocol, raw = await self.subscriber(zmqType)
            transport.subscribe(b"")
            await arrived(raw, 1)
            for i in range(5):
                raw.send(b"%d" % i)
                transport.subscribe(b"topic %d" % i)
                await protocol.got.wait(i + 1)
