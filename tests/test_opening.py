"""
Tests of :mod:`txzmq.opening`: the ways to open a transport, and that whatever
fails leaves nothing behind.
"""

from __future__ import annotations

import errno
from typing import Any, Callable, Optional

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zmq import Event
from zope.interface.verify import verifyObject

from txzmq import (
    SocketEvent,
    ZmqClosedError,
    ZmqEndpointError,
    ZmqError,
    ZmqFactory,
    ZmqOptionError,
    ZmqProtocol,
    ZmqProtocolFactory,
    ZmqPullConnection,
    ZmqReactorError,
    ZmqSocketError,
    ZmqTransport,
    ZmqUsageError,
    connectZMQ,
    createZmqConnection,
    listenZMQ,
)
from txzmq.interfaces import IZmqProtocol, IZmqProtocolFactory, IZmqTransport

from .support import (
    PATIENCE,
    Recorder,
    ZmqTestCase,
    descriptors,
    descriptorsBefore,
    inThread,
    ourReaders,
    program,
    turns,
    until,
)

ANY = "tcp://127.0.0.1:*"

#: An address that cannot be.
WRONG = "nonsense://"


class Recording(ZmqProtocol):
    """
    A protocol that records what happens to it.
    """

    def __init__(self, connectionMade: Callable[[Any], object] = lambda transport: None) -> None:
        self.made = connectionMade
        self.events = Recorder()

    def connectionMade(self) -> object:
        self.events("made")
        return self.made(self.transport)

    def messageReceived(self, parts: list[bytes]) -> None:
        self.events(parts)

    def eventReceived(self, event: SocketEvent) -> None:
        self.events(event)

    def connectionLost(self, reason: Failure) -> None:
        self.events(reason.type)


class Push(Recording):
    socketType = zmq.PUSH


class Pull(Recording):
    socketType = zmq.PULL


class Counting(Factory):
    """
    An ordinary factory of Twisted's, that counts what it is told.
    """

    noisy = False
    protocol = Pull

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.built: list[Any] = []

    def startFactory(self) -> None:
        self.calls.append("start")

    def buildProtocol(self, addr: object) -> Any:
        self.calls.append(addr)
        protocol = Factory.buildProtocol(self, addr)
        self.built.append(protocol)
        return protocol

    def stopFactory(self) -> None:
        self.calls.append("stop")


class OpeningTestCase(ZmqTestCase):
    """
    A test of things that may fail, and leave nothing behind.
    """

    def create(self, protocol: Any, zmqType: int, **kwargs: Any) -> Any:
        """
        :return: the transport of a protocol, opened now.
        """
        kwargs.setdefault("factory", self.factory)
        result = createZmqConnection(lambda: protocol, zmqType, **kwargs)
        transport, same = self.successResultOf(result)
        self.assertIs(same, protocol)
        return transport

    async def fails(self, open: Callable[[], Deferred[Any]], *errors: type) -> Any:
        """
        Nothing is left of what ``open`` has opened when it fails, not even
        when it does so for the second time.

        :return: the error, which is of all these classes.
        """
        before = await descriptorsBefore()
        factory = self.factory
        readers = ourReaders()
        for _ in range(2):
            error = self.failureResultOf(open()).value
            for cls in errors:
                self.assertIsInstance(error, cls)
            if factory.connections is not None:
                self.assertEqual(factory.connections, set())
            self.assertEqual(ourReaders(), readers)
        factory.shutdown()
        await until(lambda: descriptors() <= before)
        return error


class CreateTests(OpeningTestCase):
    """
    ``createZmqConnection``.
    """

    def test_interfaces(self) -> None:
        """
        What comes out is what the interfaces say.
        """
        transport = self.create(ZmqProtocol(), zmq.PULL)
        self.assertIsInstance(transport, ZmqTransport)
        verifyObject(IZmqTransport, transport)
        verifyObject(IZmqProtocol, ZmqProtocol())
        verifyObject(IZmqProtocolFactory, ZmqProtocolFactory())

    async def test_addresses(self) -> None:
        """
        Addresses to bind and to connect are one, or several, of whatever kind;
        or none.
        """
        for bind, count in (
            (None, 0),
            ((), 0),
            (ANY, 1),
            ([ANY, ANY], 2),
            ((address for address in (ANY, ANY)), 2),
            ({ANY}, 1),
        ):
            transport = self.create(Recording(), zmq.PULL, bind=bind)
            self.assertEqual(len(transport.bindings()), count)
            self.assertEqual(transport.connections(), frozenset())
            bound = transport.bindings()
            for connect in (bound, list(bound), iter(bound)):
                other = self.create(Recording(), zmq.PUSH, connect=connect)
                self.assertEqual((other.connections(), other.bindings()), (bound, frozenset()))

    async def test_bindAndConnect(self) -> None:
        """
        One socket may do both; messages come on both ways.
        """
        pull = Recording()
        transport = self.create(pull, zmq.PULL, bind=ANY)
        [address] = transport.bindings()
        both = self.create(Recording(), zmq.PUSH, bind=ANY, connect=address)
        other = Recording()
        self.create(other, zmq.PULL, connect=both.bindings())
        await both.whenConnected()
        await until(
            lambda: both.write([b"x"]) or (pull.events.events[1:] and other.events.events[1:])
        )
        self.assertEqual(pull.events.events[:2], ["made", [b"x"]])
        self.assertEqual(other.events.events[:2], ["made", [b"x"]])

    async def test_order(self) -> None:
        """
        The protocol is made, then its transport, and the endpoints at last;
        nothing is delivered before all is done.
        """
        seen = []

        def made(transport: Any) -> None:
            seen.append((transport.bindings(), transport.connections()))
            transport.enableMonitor()

        protocol = Recording(made)
        transport = self.create(protocol, zmq.PULL, bind=ANY)
        self.assertEqual(seen, [(frozenset(), frozenset())])
        self.assertEqual(protocol.events.events, ["made"])
        self.assertIs(protocol.transport, transport)
        listening = (await protocol.events.wait(2))[1]
        self.assertEqual(listening.event, Event.LISTENING)
        self.assertEqual({listening.endpoint}, transport.bindings())

    async def test_optionsInTime(self) -> None:
        """
        What is set in connectionMade counts for the endpoints.
        """
        raw = self.raw(zmq.ROUTER)
        raw.bind(ANY)

        def made(transport: Any) -> None:
            transport.setsockopt(zmq.ROUTING_ID, b"me")
            transport.write([b"hello"])

        self.create(Recording(made), zmq.DEALER, connect=raw.last_endpoint.decode())
        self.assertEqual(await inThread(raw.recv_multipart), [b"me", b"hello"])

    def test_types(self) -> None:
        """
        All types of sockets can be opened, PAIR too, whose number is 0.
        """
        for kind in ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER"):
            transport = self.create(Recording(), getattr(zmq, kind))
            self.assertEqual(transport.getsockopt(zmq.TYPE), getattr(zmq, kind))
        for kind in ("PULL", "PUSH", "XPUB", "XSUB", "STREAM"):
            transport = self.create(Recording(), getattr(zmq, kind))
            self.assertEqual(transport.getsockopt(zmq.TYPE), getattr(zmq, kind))

    async def test_wrongType(self) -> None:
        """
        A type that libzmq does not have is an error.
        """
        for kind in (99, None):
            await self.fails(
                lambda kind=kind: createZmqConnection(Recording, kind, factory=self.factory),
                ZmqSocketError,
            )
            self.factory = ZmqFactory()

    async def test_endpointError(self) -> None:
        """
        An endpoint that cannot be opened, the last of them too, is an error
        that names it; the protocol is told, with that error.
        """
        protocols: list[Recording] = []

        def make() -> Recording:
            protocols.append(Recording())
            return protocols[-1]

        for kwargs, endpoint in (
            ({"bind": WRONG}, ("bind", WRONG)),
            ({"connect": WRONG}, ("connect", WRONG)),
            ({"bind": [ANY, WRONG]}, ("bind", WRONG)),
            ({"bind": ANY, "connect": [ANY.replace("*", "1"), WRONG]}, ("connect", WRONG)),
        ):
            error = await self.fails(
                lambda kwargs=kwargs: createZmqConnection(
                    make, zmq.PULL, factory=self.factory, **kwargs
                ),
                ZmqEndpointError,
                OSError,
                zmq.ZMQError,
                ValueError,
            )
            self.assertEqual(error.endpoint, endpoint)
            self.factory = ZmqFactory()
        for protocol in protocols:
            self.assertEqual(len(protocol.events.events), 2)
            self.assertEqual(protocol.events.events[0], "made")
            self.assertTrue(issubclass(protocol.events.events[1], ZmqEndpointError))

    async def test_addressInUse(self) -> None:
        """
        The error for an address that is taken is Python's own, too.
        """
        other = self.raw(zmq.PULL)
        other.bind(ANY)
        error = await self.fails(
            lambda: createZmqConnection(
                Recording, zmq.PULL, bind=[ANY, other.last_endpoint.decode()], factory=self.factory
            ),
            ZmqEndpointError,
        )
        self.assertEqual(error.errno, errno.EADDRINUSE)

    async def test_wrongAddresses(self) -> None:
        """
        What is no address fails, too, and closes everything.
        """
        for addresses in (5, [5], [None], [b"\xff"]):
            for way in ("bind", "connect"):
                kwargs: Any = {way: addresses}
                await self.fails(
                    lambda kwargs=kwargs: createZmqConnection(
                        Recording, zmq.PULL, factory=self.factory, **kwargs
                    ),
                    Exception,
                )
                self.factory = ZmqFactory()

    async def test_protocolFactoryRaises(self) -> None:
        """
        What the protocol factory raises is what it fails with; so is what
        connectionMade and makeConnection raise, and they are told the end.
        """
        await self.fails(
            lambda: createZmqConnection(lambda: 1 / 0, zmq.PULL, factory=self.factory),
            ZeroDivisionError,
        )
        self.factory = ZmqFactory()
        protocol = Recording(lambda transport: 1 / 0)
        await self.fails(
            lambda: createZmqConnection(lambda: protocol, zmq.PULL, bind=ANY, factory=self.factory),
            ZeroDivisionError,
        )
        self.assertEqual(protocol.events.events, ["made", ZeroDivisionError] * 2)

    async def test_noProtocol(self) -> None:
        """
        A protocol factory that makes none is an error.
        """
        error = await self.fails(
            lambda: createZmqConnection(lambda: None, zmq.PULL, factory=self.factory), ZmqUsageError
        )
        self.assertIn("makes no protocol", str(error))

    async def test_interrupted(self) -> None:
        """
        What is no error of the program, such as Ctrl-C, is not swallowed, but
        closes everything.
        """

        def interrupt(transport: Any) -> None:
            raise KeyboardInterrupt

        protocol = Recording(interrupt)
        with self.assertRaises(KeyboardInterrupt):
            createZmqConnection(lambda: protocol, zmq.PULL, factory=self.factory)
        self.assertEqual(protocol.events.events, ["made", KeyboardInterrupt])
        self.assertEqual(self.factory.connections, set())

    async def test_asynchronous(self) -> None:
        """
        connectionMade may be a coroutine, or return a Deferred: nobody waits
        for it, and its failure goes to the log.
        """

        async def coroutine(transport: Any) -> None:
            await turns()
            raise ZeroDivisionError

        for made in (coroutine, lambda t: Deferred.fromCoroutine(coroutine(t))):
            protocol = Recording(made)
            transport = self.create(protocol, zmq.PULL, bind=ANY)
            await turns(3)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertIn(transport, self.factory.connections)

    async def test_loseInside(self) -> None:
        """
        connectionMade may end the connection: it is opened all the same, and
        closed a turn later.
        """
        protocol = Recording(lambda transport: transport.loseConnection())
        self.create(protocol, zmq.PULL, bind=ANY)
        await protocol.events.wait(2)
        await turns(3)
        self.assertEqual(protocol.events.events, ["made", ConnectionDone])
        self.assertEqual(self.factory.connections, set())

    async def test_abortInside(self) -> None:
        """
        Aborted in connectionMade, there is nothing to open endpoints on.
        """
        protocol = Recording(lambda transport: transport.abortConnection())
        await self.fails(
            lambda: createZmqConnection(lambda: protocol, zmq.PULL, bind=ANY, factory=self.factory),
            ZmqClosedError,
        )
        self.assertEqual(protocol.events.events, ["made", ConnectionAborted] * 2)
        self.factory = ZmqFactory()
        self.addCleanup(self.factory.shutdown)
        protocol = Recording(lambda transport: transport.abortConnection())
        self.create(protocol, zmq.PULL)
        await protocol.events.wait(2)
        self.assertEqual(protocol.events.events, ["made", ConnectionAborted])

    async def test_shutdownInside(self) -> None:
        """
        connectionMade may even shut the factory down.
        """
        factory = ZmqFactory()
        protocol = Recording(lambda transport: factory.shutdown())
        result = createZmqConnection(lambda: protocol, zmq.PULL, bind=ANY, factory=factory)
        self.failureResultOf(result, ZmqClosedError)
        self.assertEqual(protocol.events.events, ["made", ConnectionDone])

    async def test_twoInside(self) -> None:
        """
        connectionMade may open another one.
        """
        inner, outer = Recording(), Recording()
        outer.made = lambda transport: self.create(inner, zmq.PUSH, connect="inproc://two")
        self.create(outer, zmq.PULL, bind="inproc://two")
        inner.transport.write([b"x"])
        self.assertEqual(await outer.events.wait(2), ["made", [b"x"]])

    def test_router(self) -> None:
        """
        A ROUTER of ours says what it cannot route.
        """
        transport = self.create(Recording(), zmq.ROUTER)
        self.failureResultOf(transport.writeMessage([b"nobody", b"x"]), ZmqSocketError)


class SocketTests(OpeningTestCase):
    """
    ``zmqSocket``: a socket that was there before.
    """

    async def test_given(self) -> None:
        """
        A socket of the right type is used, closed at the end, and keeps its
        settings.
        """
        raw = self.raw(zmq.PULL)
        raw.linger = 7
        protocol = Recording()
        transport = self.create(protocol, zmq.PULL, zmqSocket=raw, bind=ANY)
        self.assertIs(transport.getHandle(), raw)
        self.assertIs(transport.getExtraInfo("zmq_socket"), raw)
        self.assertEqual(raw.linger, 7)
        self.raw(zmq.PUSH, *transport.bindings()).send(b"x")
        self.assertEqual(await protocol.events.wait(2), ["made", [b"x"]])
        transport.abortConnection()
        self.assertTrue(raw.closed)

    async def test_inUse(self) -> None:
        """
        It may be connected already, and have messages waiting, whose signals
        somebody else has consumed.
        """
        server = self.raw(zmq.PUSH)
        server.bind(ANY)
        raw = self.raw(zmq.PULL, server.last_endpoint.decode())
        server.send(b"x")
        raw.poll(PATIENCE * 1000)
        protocol = Recording()
        transport = self.create(protocol, zmq.PULL, zmqSocket=raw)
        self.assertEqual(await protocol.events.wait(2), ["made", [b"x"]])
        self.assertEqual((transport.connections(), transport.bindings()), (frozenset(),) * 2)

    def test_wrong(self) -> None:
        """
        A socket of another type, a closed one, and what is none, are refused,
        by an error that is a ValueError; what is open stays open, and as it is.
        """
        closed = self.raw(zmq.PULL)
        closed.close()
        wrong = self.raw(zmq.PUSH)
        for given, text in (
            (wrong, "not a <SocketType.PULL: 7>"),
            (closed, "zmqSocket is closed"),
            ("socket", "not 'socket'"),
        ):
            made: list[object] = []
            result = createZmqConnection(
                lambda made=made: made.append(1) or Recording(),
                zmq.PULL,
                zmqSocket=given,
                factory=self.factory,
            )
            error = self.failureResultOf(result, ZmqOptionError).value
            self.assertIsInstance(error, ValueError)
            self.assertEqual(error.name, "zmqSocket")
            self.assertIn(text, str(error))
        self.assertEqual(self.factory.connections, set())
        self.assertFalse(wrong.closed)

    def test_closedOnFailure(self) -> None:
        """
        A socket that was taken is closed with everything else.
        """
        raw = self.raw(zmq.PULL)
        result = createZmqConnection(
            Recording, zmq.PULL, zmqSocket=raw, bind=WRONG, factory=self.factory
        )
        self.failureResultOf(result, ZmqEndpointError)
        self.assertTrue(raw.closed)

    def test_factoryGone(self) -> None:
        """
        A factory that is shut down takes no socket, new or not.
        """
        self.factory.shutdown()
        for given in (None, self.raw(zmq.PULL)):
            result = createZmqConnection(Recording, zmq.PULL, zmqSocket=given, factory=self.factory)
            self.failureResultOf(result, ZmqClosedError)

    async def test_otherContext(self) -> None:
        """
        The context may be another one than the factory's; the factory closes
        the transport all the same.
        """
        raw, protocol = self.raw(zmq.PULL), Recording()
        self.create(protocol, zmq.PULL, zmqSocket=raw)
        self.factory.shutdown()
        self.assertTrue(raw.closed)
        self.assertEqual(protocol.events.events, ["made", ConnectionDone])


class ReactorTests(OpeningTestCase):
    """
    Which reactor, and which factory.
    """

    def test_given(self) -> None:
        """
        The reactor that is given is used, else the factory's.
        """
        mine, other = MemoryReactorClock(), MemoryReactorClock()
        factory = ZmqFactory(other)
        self.addCleanup(factory.shutdown)
        transport = self.create(Recording(), zmq.PULL, factory=factory, reactor=mine)
        self.assertIn(transport, mine.getReaders())
        self.assertNotIn(transport, other.getReaders())
        transport = self.create(Recording(), zmq.PULL, factory=factory)
        self.assertIn(transport, other.getReaders())

    async def test_useless(self) -> None:
        """
        A reactor that cannot watch descriptors is a RuntimeError that says
        what to use; nothing is opened.
        """
        clock, socket = Clock(), self.raw(zmq.PULL)
        for kwargs in (
            {"reactor": clock},
            {"reactor": clock, "factory": None},
            {"factory": ZmqFactory(clock)},
            {"reactor": clock, "zmqSocket": socket},
        ):
            given: Any = {"factory": self.factory, **kwargs}
            result = createZmqConnection(Recording, zmq.PULL, **given)
            error = self.failureResultOf(result, ZmqReactorError).value
            self.assertIsInstance(error, RuntimeError)
            self.assertIn("IReactorFDSet", str(error))
            self.assertIn("use the select, poll, epoll", str(error))
        self.assertEqual(self.factory.connections, set())
        self.assertFalse(socket.closed)
        for open in (connectZMQ, listenZMQ):
            counting = Counting()
            self.failureResultOf(open(clock, ANY, counting), ZmqReactorError)
            self.assertEqual(counting.calls, ["start", ANY, "stop"])

    async def test_afterUseless(self) -> None:
        """
        To have been called with a useless reactor, and no factory, does not
        spoil the next call.
        """
        self.failureResultOf(
            createZmqConnection(Recording, zmq.PULL, reactor=Clock()), ZmqReactorError
        )
        transport = self.create(Recording(), zmq.PULL, factory=None)
        self.assertIn(transport, reactor.getReaders())
        transport.abortConnection()
        await turns(2)

    async def test_factoryContext(self) -> None:
        """
        The factory's context is used, so inproc reaches its connections.
        """
        server = self.bound(ZmqPullConnection, "inproc://here")
        server.onPull = Recorder()
        transport = self.create(Recording(), zmq.PUSH, connect="inproc://here")
        self.assertIs(transport.getHandle().context, self.factory.context)
        transport.write([b"x"])
        self.assertEqual(await server.onPull.wait(), [[b"x"]])

    async def test_factoryShutdown(self) -> None:
        """
        The factory's shutdown closes the transport.
        """
        protocol = Recording()
        transport = self.create(protocol, zmq.PULL, bind=ANY)
        self.assertIn(transport, self.factory.connections)
        self.factory.shutdown()
        self.assertEqual(protocol.events.events, ["made", ConnectionDone])

    async def test_lingerPeriod(self) -> None:
        """
        The factory's linger period is the socket's.
        """
        self.factory.lingerPeriod = 7
        transport = self.create(Recording(), zmq.PULL)
        self.assertEqual(transport.getsockopt(zmq.LINGER), 7)

    async def test_shared(self) -> None:
        """
        Without a factory, all share a context; reading and writing work.
        """
        pull, push = Recording(), Recording()
        one = self.create(pull, zmq.PULL, bind="inproc://shared", factory=None)
        other = self.create(push, zmq.PUSH, connect="inproc://shared", factory=None)
        self.assertIs(one.getHandle().context, other.getHandle().context)
        third = await connectZMQ(reactor, "inproc://shared", _factoryOf(Push()))
        self.assertIs(third.transport.getHandle().context, one.getHandle().context)
        other.write([b"x"])
        self.assertEqual(await pull.events.wait(2), ["made", [b"x"]])
        for transport in (one, other, third.transport):
            transport.abortConnection()
        await turns(2)

    async def test_sharedEnd(self) -> None:
        """
        The shared context ends when the reactor stops, and what is open with
        it; afterwards there is a new one.
        """
        out, err, code = await program("-W", "error", "-c", SHARED)
        self.assertEqual((out.decode().split("\n"), err, code), (SHARED_OUT, b"", 0))


#: A program that uses the shared context until the reactor stops, and after.
SHARED = """
import zmq
from twisted.internet import reactor
from txzmq import ZmqProtocol, createZmqConnection

class Protocol(ZmqProtocol):
    def connectionLost(self, reason):
        print("lost", reason.type.__name__)

def opened():
    result = []
    createZmqConnection(Protocol, zmq.PULL).addCallback(result.append)
    return result[0][0]

first, second = opened(), opened()
context = first.getHandle().context
print(context is second.getHandle().context)
reactor.callWhenRunning(reactor.stop)
reactor.run()
print(context.closed)
third, fourth = opened(), opened()
print(third.getHandle().context is context)
print(third.getHandle().context is fourth.getHandle().context)
third.abortConnection()
fourth.abortConnection()
"""

SHARED_OUT = ["True", "lost ConnectionLost", "lost ConnectionLost", "True", "False", "True", ""]


class AddressTests(OpeningTestCase):
    """
    The forms that addresses have, in ``connectZMQ`` and ``listenZMQ``.
    """

    async def listen(self, address: Any, **options: Any) -> Any:
        """
        :return: the transport.
        """
        options.setdefault("zmqFactory", self.factory)
        return (await listenZMQ(reactor, address, _factoryOf(Pull()), **options)).transport

    async def connect(self, address: Any, **options: Any) -> Any:
        """
        :return: the transport.
        """
        options.setdefault("zmqFactory", self.factory)
        return (await connectZMQ(reactor, address, _factoryOf(Push()), **options)).transport

    async def test_forms(self) -> None:
        """
        Text is an address of libzmq's; host and port are TCP.
        """
        ipc = self.ipcAddress()
        for address, listening in (
            (ANY, "tcp://127.0.0.1:"),
            (ipc, ipc),
            ("inproc://forms", "inproc://forms"),
            (("127.0.0.1", 0), "tcp://127.0.0.1:"),
            (["127.0.0.1", 0], "tcp://127.0.0.1:"),
        ):
            server = await self.listen(address)
            [real] = server.bindings()
            self.assertTrue(real.startswith(listening), real)
            client = await self.connect(real)
            self.assertEqual(client.connections(), {real})
            client.write([b"x"])
            if real.startswith("tcp:"):
                port = int(real.rpartition(":")[2])
                client = await self.connect(("127.0.0.1", port))
                self.assertEqual(client.connections(), {real})
                await client.whenConnected()

    async def test_ipv6(self) -> None:
        """
        The host may be an IPv6 address; then the socket speaks IPv6, unless it
        is told not to.
        """
        for address in (("::1", 1), "tcp://[::1]:1"):
            transport = await self.connect(address)
            self.assertEqual(transport.connections(), {"tcp://[::1]:1"})
            self.assertEqual(transport.getsockopt(zmq.IPV6), 1)
            transport = await self.connect(address, ipv6=0)
            self.assertEqual(transport.getsockopt(zmq.IPV6), 0)
        transport = await self.connect(("localhost", 1))
        self.assertEqual(transport.connections(), {"tcp://localhost:1"})
        self.assertEqual(transport.getsockopt(zmq.IPV6), 0)

    async def test_wrong(self) -> None:
        """
        What is none is an error, that says what would be; the factory is
        stopped again.
        """
        for address in (None, 5, ("localhost",), ("localhost", "80"), (b"localhost", 80), b"tcp:"):
            for open in (connectZMQ, listenZMQ):
                counting = Counting()
                result = open(reactor, address, counting, zmqFactory=self.factory)
                error = self.failureResultOf(result, ZmqEndpointError).value
                self.assertIn("text, or host and port", str(error))
                self.assertIsInstance(error, ValueError)
                self.assertEqual((error.errno, counting.calls), (errno.EINVAL, ["start", "stop"]))
        for open in (connectZMQ, listenZMQ):
            result = open(reactor, WRONG, Counting(), zmqFactory=self.factory)
            self.failureResultOf(result, ZmqEndpointError)


class FactoryTests(OpeningTestCase):
    """
    Factories of protocols, for ``connectZMQ`` and ``listenZMQ``.
    """

    def open(self, factory: Any, address: Any = ANY, **options: Any) -> Deferred[Any]:
        options.setdefault("zmqFactory", self.factory)
        return listenZMQ(reactor, address, factory, **options)

    async def test_messages(self) -> None:
        """
        Protocols from Twisted's own Factory talk to each other.
        """
        server = await self.open(Factory.forProtocol(Pull))
        client = await connectZMQ(
            reactor,
            *server.transport.bindings(),
            ZmqProtocolFactory.forProtocol(Push),
            zmqFactory=self.factory,
        )
        client.transport.write([b"a", b"b"])
        self.assertEqual(await server.events.wait(2), ["made", [b"a", b"b"]])

    async def test_life(self) -> None:
        """
        The factory is started, builds a protocol for the address as it was
        given, and is stopped when the transport is closed; each once.
        """
        for address in (ANY, ("127.0.0.1", 0)):
            for close in ("loseConnection", "abortConnection", "shutdown"):
                counting = Counting()
                protocol = self.successResultOf(self.open(counting, address))
                self.assertEqual(counting.calls, ["start", address])
                self.assertIs(protocol.factory, counting)
                getattr(protocol.transport, close)()
                await protocol.events.wait(2)
                getattr(protocol.transport, close)()
                await turns(3)
                self.assertEqual(counting.calls, ["start", address, "stop"])

    async def test_stoppedLast(self) -> None:
        """
        The factory is stopped when its protocol has been told.
        """
        counting = Counting()
        protocol = self.successResultOf(self.open(counting))
        protocol.connectionLost = lambda reason: counting.calls.append("lost")
        protocol.transport.shutdown()
        self.assertEqual(counting.calls, ["start", ANY, "lost", "stop"])

    async def test_several(self) -> None:
        """
        A factory may be used several times: it starts with the first, and
        stops with the last; those that fail are stopped once, not twice.
        """
        counting = Counting()
        one, other = [self.successResultOf(self.open(counting)) for _ in range(2)]
        one.transport.shutdown()
        self.assertEqual(counting.calls, ["start", ANY, ANY])
        for made in (lambda transport: 1 / 0, lambda transport: transport.abortConnection()):
            counting.protocol = lambda made=made: Pull(made)
            self.failureResultOf(self.open(counting))
            await turns(3)
        self.assertEqual(counting.calls, ["start", *[ANY] * 4])
        other.transport.shutdown()
        self.assertEqual(counting.calls, ["start", *[ANY] * 4, "stop"])

    async def test_failures(self) -> None:
        """
        Whatever fails, the factory that was started is stopped, once.
        """

        def raising(addr: object) -> None:
            raise ZeroDivisionError

        def aborting(addr: object) -> Pull:
            return Pull(lambda transport: transport.abortConnection())

        for build, options, error in (
            (raising, {}, ZeroDivisionError),
            (lambda addr: None, {}, ZmqUsageError),
            (lambda addr: Pull(lambda transport: 1 / 0), {}, ZeroDivisionError),
            (aborting, {}, ZmqClosedError),
            (lambda addr: Recording(), {}, ZmqUsageError),
            (lambda addr: Pull(), {"nonsense": 1}, ZmqOptionError),
            (lambda addr: Pull(), {"highWaterMark": "x"}, ZmqOptionError),
            (lambda addr: Pull(), {"rcvhwm": -5}, ZmqSocketError),
        ):
            counting = Counting()
            counting.buildProtocol = build
            result = self.open(counting, **options)
            self.assertEqual(counting.calls, ["start", "stop"])
            self.failureResultOf(result, error)
            await turns(3)
            self.assertEqual(counting.calls, ["start", "stop"])
            self.assertEqual(self.factory.connections, set())

    async def test_nothingLeft(self) -> None:
        """
        An address that cannot be leaves nothing behind.
        """
        counting = Counting()
        await self.fails(lambda: self.open(counting, WRONG), ZmqEndpointError)
        self.assertEqual(counting.calls, ["start", WRONG, "stop"] * 2)
        for protocol in counting.built:
            self.assertEqual(len(protocol.events.events), 2)

    async def test_noProtocol(self) -> None:
        """
        A factory that builds no protocol opens nothing; the error names both.
        """
        counting = Counting()
        counting.buildProtocol = lambda addr: None
        error = self.failureResultOf(self.open(counting), ZmqUsageError).value
        self.assertIn(f"{counting!r} builds no protocol for '{ANY}'", str(error))

    async def test_startRaises(self) -> None:
        """
        A factory that cannot start is not stopped.
        """
        counting = Counting()
        counting.startFactory = lambda: 1 / 0
        self.failureResultOf(self.open(counting), ZeroDivisionError)
        self.assertEqual(counting.calls, [])

    async def test_stopRaises(self) -> None:
        """
        What a factory raises when it stops goes to the log, when the transport
        is closed.
        """
        counting = Counting()
        protocol = self.successResultOf(self.open(counting))
        counting.stopFactory = lambda: 1 / 0
        protocol.transport.shutdown()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.factory.connections, set())

    async def test_socketType(self) -> None:
        """
        The type of the socket is the protocol's, else the factory's; PAIR, the
        number of which is 0, is one.
        """
        for ofProtocol, ofFactory, expected in (
            (zmq.PULL, None, zmq.PULL),
            (zmq.PULL, zmq.PUSH, zmq.PULL),
            (None, zmq.PUSH, zmq.PUSH),
            (zmq.PAIR, zmq.PUSH, zmq.PAIR),
        ):
            protocol = Recording()
            factory: Any = _factoryOf(protocol)
            protocol.socketType, factory.socketType = ofProtocol, ofFactory
            await self.open(factory)
            self.assertEqual(protocol.transport.getsockopt(zmq.TYPE), expected)

    async def test_noSocketType(self) -> None:
        """
        Without one, the error says who should have it.
        """
        for factory in (_factoryOf(Recording()), Factory.forProtocol(Recording)):
            error = self.failureResultOf(self.open(factory), ZmqUsageError).value
            self.assertIn("has a socketType: set one, such as zmq.PUSH", str(error))
            self.assertIsInstance(error, ZmqError)


class OptionTests(OpeningTestCase):
    """
    Options of ``connectZMQ`` and ``listenZMQ``.
    """

    async def open(self, protocol: Optional[Any] = None, **options: Any) -> Any:
        """
        :return: the transport.
        """
        factory = _factoryOf(protocol or Pull())
        options.setdefault("zmqFactory", self.factory)
        return (await listenZMQ(reactor, ANY, factory, **options)).transport

    async def test_settings(self) -> None:
        """
        The settings of connections have the same names and meanings.
        """
        transport = await self.open(highWaterMark=7, tcpKeepalive=1, identity="me", immediate=True)
        for option, value in (
            (zmq.SNDHWM, 7),
            (zmq.RCVHWM, 7),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.ROUTING_ID, b"me"),
            (zmq.IMMEDIATE, 1),
        ):
            self.assertEqual(transport.getsockopt(option), value)

    async def test_names(self) -> None:
        """
        Options of libzmq go by their names, in any case.
        """
        transport = await self.open(rcvhwm=7, LINGER=8, Backlog=9)
        self.assertEqual(
            [transport.getsockopt(option) for option in (zmq.RCVHWM, zmq.LINGER, zmq.BACKLOG)],
            [7, 8, 9],
        )

    async def test_subscribe(self) -> None:
        """
        To subscribe is an option, and is noticed.
        """
        protocol = Recording()
        protocol.socketType = zmq.SUB
        transport = await self.open(protocol, subscribe=b"a")
        self.assertEqual(transport.subscriptions(), {b"a"})
        raw = self.raw(zmq.XPUB, *transport.bindings())
        self.assertEqual(await inThread(raw.recv), b"\1a")
        raw.send_multipart([b"b"])
        raw.send_multipart([b"ab"])
        self.assertEqual(await protocol.events.wait(2), ["made", [b"ab"]])

    async def test_inTime(self) -> None:
        """
        They are set before the endpoint is opened, after connectionMade.
        """
        seen = []
        protocol = Pull(lambda transport: seen.append(transport.getsockopt(zmq.RCVHWM)))
        transport = await self.open(protocol, identity=b"server", rcvhwm=7)
        self.assertEqual(seen, [1000])
        raw = self.raw(zmq.PUSH)
        raw.connect(*transport.bindings())
        await transport.whenConnected()

    async def test_unknown(self) -> None:
        """
        What is neither is an error that names it; so are settings that do not
        belong here, and values that cannot be.
        """
        for options, text in (
            ({"nonsense": 1}, "nonsense is no setting"),
            ({"socketType": zmq.PUSH}, "socketType is set in the protocol"),
            ({"identity": b""}, "identity has 1 to 255 bytes"),
            ({"highWaterMark": -1}, "highWaterMark is a whole number"),
        ):
            factory = _factoryOf(Pull())
            result = listenZMQ(reactor, ANY, factory, zmqFactory=self.factory, **options)
            error = self.failureResultOf(result, ZmqOptionError).value
            self.assertEqual([error.name], list(options))
            self.assertIn(text, str(error))
        self.assertEqual(self.factory.connections, set())

    async def test_refused(self) -> None:
        """
        What libzmq refuses is an error with its number.
        """
        result = listenZMQ(reactor, ANY, _factoryOf(Pull()), zmqFactory=self.factory, type=1)
        self.assertEqual(self.failureResultOf(result, ZmqSocketError).value.errno, errno.EINVAL)

    async def test_zmqFactory(self) -> None:
        """
        ``zmqFactory`` says whose context it is, and who closes it.
        """
        protocol = Pull()
        transport = await self.open(protocol)
        self.assertIs(transport.getHandle().context, self.factory.context)
        self.factory.shutdown()
        self.assertEqual(protocol.events.events, ["made", ConnectionDone])
        result = listenZMQ(reactor, ANY, _factoryOf(Pull()), zmqFactory=self.factory)
        self.failureResultOf(result, ZmqClosedError)


def _factoryOf(protocol: Any) -> ZmqProtocolFactory:
    factory = ZmqProtocolFactory()
    factory.buildProtocol = lambda addr: protocol
    return factory
