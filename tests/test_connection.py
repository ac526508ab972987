"""
Tests of :mod:`txzmq.connection`: opening, closing and what old programs do to
a connection.  How it reads and sends is tested in :mod:`test_descriptor`.
"""

from __future__ import annotations

import errno
import gc
import socket
import weakref
from collections import deque
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IFileDescriptor, IReadDescriptor
from twisted.internet.testing import MemoryReactorClock
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqConnection,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointError,
    ZmqEndpointType,
    ZmqFactory,
    ZmqOptionError,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
)

from .support import Recorder, ZmqTestCase, accepted, inThread, turns, until

CLASSES = [
    ZmqDealerConnection,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
]


def bind(address: Any) -> ZmqEndpoint:
    return ZmqEndpoint(ZmqEndpointType.bind, address)


def connect(address: Any) -> ZmqEndpoint:
    return ZmqEndpoint(ZmqEndpointType.connect, address)


class Pair(ZmqPairConnection):
    """
    A connection that records what it gets.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.received = Recorder()
        self.lost = Recorder()

    def messageReceived(self, message: list[bytes]) -> None:
        self.received(message)

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self.lost(reason.type)


class ConnectionTestCase(ZmqTestCase):
    """
    A test that can ask what has been left behind.
    """

    def assertNothingIsLeft(self, factory: Any = None) -> None:
        """
        There is no connection, no open socket, and nothing in the reactor.
        """
        factory = factory or self.factory
        self.assertEqual(factory.connections, set())
        readers = factory.reactor.getReaders()
        self.assertEqual([r for r in readers if isinstance(r, ZmqConnection)], [])
        calls = [call.func for call in factory.reactor.getDelayedCalls()]
        self.assertEqual([f for f in calls if f.__module__.startswith("txzmq.")], [])
        context = factory.context
        factory.shutdown()
        self.assertTrue(context.closed, "a socket is open")


class OpeningTests(ConnectionTestCase):
    """
    Construction and endpoints.
    """

    def test_known(self) -> None:
        """
        An open connection is known to its factory and watched by the reactor,
        as what the reactor can watch.
        """
        connection = self.bound(ZmqPullConnection)
        self.assertEqual(self.factory.connections, {connection})
        self.assertIn(connection, reactor.getReaders())
        self.assertIs(connection.factory, self.factory)
        verifyObject(IReadDescriptor, connection)
        verifyObject(IFileDescriptor, connection)

    def test_descriptor(self) -> None:
        """
        Its descriptor is the one of libzmq.
        """
        for cls in CLASSES:
            connection = cls(self.factory)
            fd = connection.socket.getsockopt(zmq.FD)
            self.assertEqual((connection.fileno(), connection.fd), (fd, fd))

    def test_logPrefix(self) -> None:
        """
        Log messages begin with what they always began with.
        """
        self.assertEqual(ZmqPullConnection(self.factory).logPrefix(), "ZMQ")

    def test_repr(self) -> None:
        """
        It prints as what makes it.
        """

        class ZmqTestReceiver(ZmqPullConnection):
            pass

        connection = ZmqTestReceiver(self.factory, bind("inproc://#1"))
        self.assertEqual(
            repr(connection),
            "ZmqTestReceiver(ZmqFactory(), [ZmqEndpoint(type='bind', address='inproc://#1')])",
        )

    def test_keywords(self) -> None:
        """
        All arguments have the names that they always had.
        """
        for cls in CLASSES:
            endpoint = bind(f"inproc://{cls.__name__}")
            connection = cls(factory=self.factory, endpoint=endpoint, identity=b"me")
            self.assertEqual((connection.endpoints, connection.identity), ([endpoint], b"me"))

    def test_queues(self) -> None:
        """
        Each connection has the queue that old programs look at, and the parts.
        """
        one, two = ZmqPullConnection(self.factory), ZmqPullConnection(self.factory)
        self.assertEqual((one.queue, one.recv_parts), (deque(), []))
        one.queue.append(b"message")
        one.recv_parts.append(b"part")
        self.assertEqual((two.queue, two.recv_parts), (deque(), []))

    async def test_noEndpoint(self) -> None:
        """
        A connection without endpoints can be made, configured by its socket,
        and then get some.
        """
        router = self.raw(zmq.ROUTER)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        dealer = ZmqDealerConnection(self.factory, identity=b"me")
        self.assertEqual((dealer.endpoints, dealer.boundAddresses), ([], []))
        dealer.socket.setsockopt(zmq.PROBE_ROUTER, 1)
        dealer.addEndpoints([connect(f"tcp://127.0.0.1:{port}")])
        self.assertEqual(await inThread(router.recv_multipart), [b"me", b""])

    async def test_manyEndpoints(self) -> None:
        """
        One connection can bind and connect to many, of every transport.
        """
        raw = self.raw(zmq.PUSH)
        local = self.raw(zmq.PUSH, context=self.factory.context)
        local.bind("inproc://local")
        port = raw.bind_to_random_port("tcp://127.0.0.1")
        addresses = [self.ipcAddress(), self.ipcAddress()]
        raw.bind(addresses[0])
        pull = ZmqPullConnection(self.factory, bind("tcp://127.0.0.1:*"))
        pull.onPull = Recorder()
        pull.addEndpoints(
            [
                connect(f"tcp://127.0.0.1:{port}"),
                connect(addresses[0]),
                bind(addresses[1]),
                connect("inproc://local"),
                bind("inproc://other"),
            ]
        )
        others = [
            self.raw(zmq.PUSH, pull.boundAddresses[0]),
            self.raw(zmq.PUSH, addresses[1]),
            self.raw(zmq.PUSH, "inproc://other", self.factory.context),
        ]
        for number, push in enumerate([raw, raw, local, *others]):
            await inThread(push.send, b"%d" % number)
        received = await pull.onPull.wait(6)
        self.assertEqual(sorted(received), [[b"%d" % number] for number in range(6)])

    def test_boundAddresses(self) -> None:
        """
        The real addresses of what is bound are known, in order; endpoints are
        kept as they were given.
        """
        ipc = self.ipcAddress()
        endpoints = [
            bind("tcp://127.0.0.1:*"),
            connect("inproc://a"),
            bind(ipc),
            bind("inproc://b"),
        ]
        connection = ZmqPullConnection(self.factory)
        connection.addEndpoints(endpoints[:2])
        connection.addEndpoints(endpoints[2:])
        self.assertEqual(connection.endpoints, endpoints)
        self.assertRegex(connection.boundAddresses[0], r"^tcp://127\.0\.0\.1:[1-9]\d*$")
        self.assertEqual(connection.boundAddresses[1:], [ipc, "inproc://b"])

    def test_bytesAddress(self) -> None:
        """
        An address may be bytes.
        """
        connection = ZmqPullConnection(self.factory, bind(b"inproc://bytes"))
        self.assertEqual(connection.endpoints, [("bind", b"inproc://bytes")])
        self.assertEqual(connection.boundAddresses, ["inproc://bytes"])

    def test_plainTuple(self) -> None:
        """
        An endpoint may be a plain tuple; it is kept as an endpoint.
        """
        connection = ZmqPullConnection(self.factory, ("bind", "inproc://plain"))
        self.assertEqual(repr(connection.endpoints), repr([bind("inproc://plain")]))

    def test_anyIterable(self) -> None:
        """
        Endpoints can come out of a generator; none is fine too.
        """
        connection = ZmqPullConnection(self.factory)
        connection.addEndpoints([])
        connection.addEndpoints(bind(f"inproc://{name}") for name in "ab")
        self.assertEqual(connection.boundAddresses, ["inproc://a", "inproc://b"])

    def test_unknownType(self) -> None:
        """
        The error for an endpoint of an unknown type names it.
        """
        for wrong in ("listen", b"bind", None, ["bind"]):
            endpoint = ZmqEndpoint(wrong, "inproc://a")
            error = self.assertRaises(ZmqEndpointError, ZmqPullConnection, self.factory, endpoint)
            self.assertEqual((error.errno, error.endpoint), (errno.EINVAL, endpoint))
            self.assertIn(f"{wrong!r} is neither bind nor connect", str(error))
        self.assertNothingIsLeft()

    def test_unknownAddress(self) -> None:
        """
        The error for an address that is none names it.
        """
        for wrong in ("", "nowhere", "tcp://", "tcp://127.0.0.1", None, 5):
            for endpoint in (bind(wrong), connect(wrong)):
                error = self.assertRaises(
                    ZmqEndpointError, ZmqPullConnection, self.factory, endpoint
                )
                self.assertEqual((error.errno, error.endpoint), (errno.EINVAL, endpoint))
                why = (
                    "not an address; one looks" if isinstance(wrong, str) else "an address is text"
                )
                self.assertIn(f"cannot {endpoint.type} {wrong!r}: {why}", str(error))
        self.assertNothingIsLeft()

    def test_undecodableAddress(self) -> None:
        """
        So does the error for one that is no text.
        """
        for wrong in (b"inproc://\xff", "inproc://\ud800"):
            error = self.assertRaises(
                ZmqEndpointError, ZmqPullConnection, self.factory, bind(wrong)
            )
            self.assertEqual((error.errno, error.endpoint), (errno.EINVAL, bind(wrong)))
        self.assertNothingIsLeft()

    def test_nul(self) -> None:
        """
        And for one of which libzmq would take a part only.
        """
        for wrong in ("ipc://a\0b", "inproc://a\0", b"tcp://127.0.0.1:*\0"):
            for endpoint in (bind(wrong), connect(wrong)):  # type: ignore[arg-type]
                error = self.assertRaises(
                    ZmqEndpointError, ZmqPullConnection, self.factory, endpoint
                )
                self.assertIn("an address has no NUL", str(error))
        self.assertNothingIsLeft()

    def test_unknownTransport(self) -> None:
        """
        The error for a transport that there is not says so.
        """
        error = self.assertRaises(
            ZmqEndpointError, ZmqPullConnection, self.factory, connect("carrier-pigeon://a")
        )
        self.assertEqual(error.errno, errno.EPROTONOSUPPORT)
        self.assertIn("'carrier-pigeon://a': libzmq was built without this transport", str(error))

    def test_noEndpointAtAll(self) -> None:
        """
        What is no endpoint is shown, also where several are expected.
        """
        for wrong in ("inproc://a", ("bind",), ["bind", "inproc://a"], 5):
            error = self.assertRaises(ZmqEndpointError, ZmqPullConnection, self.factory, wrong)
            self.assertEqual(error.endpoint, wrong)
            self.assertEqual(
                str(error), f"an endpoint is a ZmqEndpoint(type, address), not {wrong!r}"
            )
        connection = ZmqPullConnection(self.factory)
        self.assertRaises(ZmqEndpointError, connection.addEndpoints, bind("inproc://a"))
        connection.shutdown()
        self.assertNothingIsLeft()

    def test_failedBind(self) -> None:
        """
        A bind that fails names the address and leaves nothing; everything can
        be shut down.
        """
        other = self.bound(ZmqPullConnection)
        taken = bind(other.boundAddresses[0])
        error = self.assertRaises(ZmqEndpointError, ZmqPullConnection, self.factory, taken)
        self.assertEqual((error.errno, error.endpoint), (errno.EADDRINUSE, taken))
        self.assertEqual(
            str(error),
            f"cannot bind {taken.address!r}: the address is in use;"
            " stop whoever has it, or choose another",
        )
        self.assertEqual(self.factory.connections, {other})
        other.shutdown()
        self.assertNothingIsLeft()

    def test_failedClasses(self) -> None:
        """
        So it is with every class.
        """
        self.bound(ZmqPairConnection, "inproc://taken")
        for cls in CLASSES:
            self.assertRaises(ZmqEndpointError, self.bound, cls, "inproc://taken")
        self.assertEqual(len(self.factory.connections), 1)

    def test_failedSetting(self) -> None:
        """
        A setting that fails leaves nothing either.
        """
        for name in ("highWaterMark", "identity", "socketType"):
            cls = type("Wrong", (ZmqPullConnection,), {name: -1.5})
            self.assertRaises(ZmqOptionError, cls, self.factory)
        self.assertNothingIsLeft()

    def test_failedReactor(self) -> None:
        """
        A reactor that does not take it leaves nothing either.
        """

        class Full(MemoryReactorClock):
            def addReader(self, reader: Any) -> None:
                raise OSError(errno.ENOSPC, "no more")

        factory = ZmqFactory(Full())
        self.addCleanup(factory.shutdown)
        self.assertRaises(OSError, ZmqPullConnection, factory, bind("inproc://a"))
        self.assertNothingIsLeft(factory)

    def test_failedSet(self) -> None:
        """
        Neither does a connection that a set cannot hold.
        """

        class Equal(ZmqPullConnection):
            def __eq__(self, other: object) -> bool:
                return True

        self.assertRaises(TypeError, Equal, self.factory)
        self.assertNothingIsLeft()

    def test_failedSubclass(self) -> None:
        """
        A subclass that fails after its base is constructed is open, known, and
        can be closed by the factory.
        """

        class Failing(ZmqPullConnection):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, Failing, self.factory, bind("inproc://a"))
        context = self.factory.context
        self.factory.shutdown()
        self.assertTrue(context.closed)

    def test_factoryClosedMeanwhile(self) -> None:
        """
        A factory that is shut down while a connection is made closes that too.
        """
        logged = self.logged()

        class Fatal(ZmqPullConnection):
            def addEndpoints(self, endpoints: Any) -> None:
                try:
                    super().addEndpoints(endpoints)
                except ZmqEndpointError:
                    self.factory.shutdown()
                    raise

        context = self.factory.context
        self.assertRaises(ZmqEndpointError, Fatal, self.factory, bind("nowhere"))
        self.assertEqual((self.factory.connections, context.closed, logged), (None, True, []))

    def test_halfOfTheEndpoints(self) -> None:
        """
        Where one of several endpoints fails, those before it are undone, and
        the connection is what it was.
        """
        pull = self.bound(ZmqPullConnection, "inproc://pull")
        push = ZmqPushConnection(self.factory, bind("inproc://first"))
        more = [connect("inproc://pull"), bind("inproc://second"), bind("inproc://first")]
        self.assertRaises(ZmqEndpointError, push.addEndpoints, more)
        self.assertEqual(push.endpoints, [bind("inproc://first")])
        self.assertEqual(push.boundAddresses, ["inproc://first"])
        self.assertRaises(ZmqAgainError, push.push, b"nobody is connected")
        self.bound(ZmqPullConnection, "inproc://second")
        self.assertEqual(pull.endpoints, [bind("inproc://pull")])

    def test_halfOfTheWildcards(self) -> None:
        """
        A wildcard takes another address each time: the new one is undone, and
        the old one stays, though both were given by equal endpoints.
        """
        pull = self.bound(ZmqPullConnection)
        more = [bind("tcp://127.0.0.1:*"), bind("nowhere")]
        self.assertRaises(ZmqEndpointError, pull.addEndpoints, more)
        address = pull.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self.assertNotEqual([address], pull.boundAddresses)
        self.assertRaises(zmq.ZMQError, pull.socket.unbind, address)
        pull.socket.unbind(pull.boundAddresses[0])

    async def test_halfOfTheEndpointsTcp(self) -> None:
        """
        So it is over tcp, where the address is free again in a moment.
        """
        push = self.bound(ZmqPushConnection)
        connection = ZmqPullConnection(self.factory)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        more = [bind(address), connect(push.boundAddresses[0]), bind(push.boundAddresses[0])]
        self.assertRaises(ZmqEndpointError, connection.addEndpoints, more)
        self.assertEqual((connection.endpoints, connection.boundAddresses), ([], []))

        def free() -> bool:
            try:
                return bool(self.bound(ZmqPullConnection, address))
            except ZmqEndpointError:
                return False

        await until(free)

    def test_failingIterable(self) -> None:
        """
        Where the user's own generator fails, they are undone too.
        """

        def endpoints() -> Any:
            yield bind("inproc://a")
            raise ZeroDivisionError

        connection = ZmqPullConnection(self.factory)
        self.assertRaises(ZeroDivisionError, connection.addEndpoints, endpoints())
        self.assertEqual((connection.endpoints, connection.boundAddresses), ([], []))
        self.bound(ZmqPullConnection, "inproc://a")

    def test_closedByIterable(self) -> None:
        """
        A generator may even close the connection.
        """

        def endpoints() -> Any:
            yield bind("inproc://a")
            connection.shutdown()
            yield bind("inproc://b")

        connection = ZmqPullConnection(self.factory)
        self.assertRaises(ZmqClosedError, connection.addEndpoints, endpoints())
        self.assertNothingIsLeft()

    def test_beforeInit(self) -> None:
        """
        What is called before the base is constructed is an error that says
        that there is no connection.
        """

        class Hasty(ZmqPushConnection):
            def __init__(self, factory: Any) -> None:
                self.push(b"message")

        self.assertRaises(ZmqClosedError, Hasty, self.factory)

    async def test_afterOutermostInit(self) -> None:
        """
        No message is delivered before the outermost __init__ is done, even if
        it has arrived long before and __init__ sends, looks and adds endpoints.
        """
        other = self.bound(ZmqPairConnection, "inproc://other")
        events = Recorder()

        class Early(ZmqPairConnection):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                other.send(b"message")
                self.send(b"hello")
                self.addEndpoints([bind("inproc://more")])
                self.read_scheduled = None
                while not self.socket.poll(0):
                    pass
                self.state = "done"
                events("__init__")

            def messageReceived(self, message: Any) -> None:
                events(message, self.state)

        other.messageReceived = len
        self.connected(Early, other)
        self.assertEqual(await events.wait(2), ["__init__", ([b"message"], "done")])

    async def test_assignedCallback(self) -> None:
        """
        A callback can be assigned on a connection, before the reactor runs.
        """
        pair = self.bound(ZmqPairConnection, "inproc://a")
        self.connected(ZmqPairConnection, pair).send([b"message", b"part"])
        pair.messageReceived = Recorder()
        self.assertEqual(await pair.messageReceived.wait(), [[b"message", b"part"]])

    async def test_noCallback(self) -> None:
        """
        A class that does not care for its messages gets an error in the log
        for each, which says what to do.
        """

        class Careless(ZmqConnection):
            socketType = zmq.PULL

        pull = self.bound(Careless, "inproc://a")
        push = self.connected(ZmqPushConnection, pull)
        errors = []
        for _ in range(2):
            push.push(b"message")
            await until(
                lambda: errors.extend(self.flushLoggedErrors(NotImplementedError)) or errors
            )
        self.assertEqual(
            errors[0].getErrorMessage(), "Careless receives messages: override messageReceived"
        )

    async def test_logContext(self) -> None:
        """
        What callbacks log, they log as ZMQ, whatever has woken them.
        """
        systems = Recorder()

        def observe(event: Any) -> None:
            if event.get("message") == ("mine",):
                systems(event["system"])

        log.addObserver(observe)
        self.addCleanup(log.removeObserver, observe)
        pair = self.bound(Pair, "inproc://a")
        other = self.connected(ZmqPairConnection, pair)
        pair.messageReceived = lambda message: log.msg("mine")
        other.send(b"found by the first look")
        await systems.wait(1)
        await turns(3)
        other.send(b"found by the reactor")
        self.assertEqual(await systems.wait(2), ["ZMQ", "ZMQ"])


class ClosingTests(ConnectionTestCase):
    """
    The end of a connection.
    """

    def test_everything(self) -> None:
        """
        A closed connection is out of the reactor and the factory, and has
        neither socket nor factory any more.
        """
        for cls in CLASSES:
            connection = self.bound(cls, f"inproc://{cls.__name__}")
            connection.shutdown()
            self.assertEqual(
                (connection.socket, connection.factory, connection.fd, connection.fileno()),
                (None, None, -1, -1),
            )
        self.assertNothingIsLeft()

    def test_twice(self) -> None:
        """
        To close it twice, also after its factory, is no error.
        """
        connection = self.bound(ZmqPullConnection)
        connection.shutdown()
        connection.shutdown()
        self.factory.shutdown()
        connection.shutdown()
        self.assertIsNone(connection.socket)

    def test_connectionLost(self) -> None:
        """
        It is told once, with a reason.
        """
        pair = self.bound(Pair)
        pair.shutdown()
        pair.shutdown()
        self.factory.shutdown()
        self.assertEqual(pair.lost.events, [ConnectionDone])

    def test_byTheFactory(self) -> None:
        """
        So it is when the factory shuts down.
        """
        pair = self.bound(Pair)
        self.factory.shutdown()
        pair.shutdown()
        self.assertEqual(pair.lost.events, [ConnectionDone])

    def test_byTheReactor(self) -> None:
        """
        When the reactor says that it is lost, it closes.
        """
        pair = self.bound(Pair)
        pair.connectionLost(Failure(ConnectionLost()))
        pair.shutdown()
        self.assertEqual(pair.lost.events, [ConnectionLost])
        self.assertNothingIsLeft()

    def test_closedWhenTold(self) -> None:
        """
        When it is told, it is closed already, and may make its successor.
        """
        sockets: list[Any] = []

        class Predecessor(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                super().connectionLost(reason)
                sockets.append(self.socket)
                successors.append(ZmqPullConnection(factory))

        factory = self.factory
        successors: list[Any] = []
        self.bound(Predecessor).shutdown()
        self.assertEqual((sockets, factory.connections), ([None], set(successors)))

    def test_shutdownWhenTold(self) -> None:
        """
        Who is told may shut it down.
        """
        lost: list[Any] = []

        class Thorough(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                lost.append(reason.type)
                self.shutdown()

        self.bound(Thorough).shutdown()
        self.bound(Thorough).connectionLost(Failure(ConnectionLost()))
        # The second is told by the reactor, and again by its own shutdown.
        self.assertEqual(lost, [ConnectionDone, ConnectionLost, ConnectionDone])
        self.assertNothingIsLeft()

    def test_ownConnectionLost(self) -> None:
        """
        A subclass that overrides connectionLost without calling the base is
        closed all the same.
        """

        class Own(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                pass

        connection = self.bound(Own)
        connection.shutdown()
        self.assertIsNone(connection.socket)
        self.assertNothingIsLeft()

    def test_failingConnectionLost(self) -> None:
        """
        So is one where that fails; the error goes to who closes it.
        """

        class Failing(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                raise ZeroDivisionError

        connection = self.bound(Failing)
        self.assertRaises(ZeroDivisionError, connection.shutdown)
        self.assertNothingIsLeft()

    async def test_ownDoRead(self) -> None:
        """
        A subclass that reads by itself, as old ones do, gets its messages and
        can be closed.
        """
        received = Recorder()

        class Own(ZmqPullConnection):
            def doRead(self) -> None:
                while self.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                    self.recv_parts.append(self.socket.recv(zmq.NOBLOCK))
                    if not self.socket.getsockopt(zmq.RCVMORE):
                        message, self.recv_parts = self.recv_parts, []
                        received(message)

        pull = self.bound(Own)
        push = self.connected(ZmqPushConnection, pull)
        push.push([b"1", b"part"])
        await received.wait(1)
        push.push(b"2")
        push.push(b"3")
        self.assertEqual(await received.wait(3), [[b"1", b"part"], [b"2"], [b"3"]])
        await turns()
        pull.shutdown()
        push.shutdown()
        self.assertNothingIsLeft()

    async def test_inCallback(self) -> None:
        """
        A connection may close itself while it gets a message; it gets no more.
        """
        pair = self.bound(Pair, "inproc://a")
        other = self.connected(ZmqPairConnection, pair)
        received: list[Any] = []

        def messageReceived(message: Any) -> None:
            received.append(message)
            pair.shutdown()

        pair.messageReceived = messageReceived
        other.send(b"1")
        other.send(b"2")
        await pair.lost.wait()
        await turns(2)
        self.assertEqual(received, [[b"1"]])
        other.shutdown()
        self.assertNothingIsLeft()

    async def test_closesAnotherInCallback(self) -> None:
        """
        It may close another one that has messages to read too.
        """
        one = self.bound(Pair, "inproc://one")
        two = self.bound(Pair, "inproc://two")
        received = Recorder()

        def messageReceived(message: Any) -> None:
            one.shutdown()
            two.shutdown()
            received(message)

        one.messageReceived = two.messageReceived = messageReceived
        for pair in (one, two):
            self.connected(ZmqPairConnection, pair).send(b"message")
        await received.wait()
        await turns(2)
        self.assertEqual(received.events, [[b"message"]])

    async def test_beforeTheFirstLook(self) -> None:
        """
        What it has not looked at yet is not delivered.
        """
        pair = self.bound(Pair, "inproc://a")
        self.connected(ZmqPairConnection, pair).send(b"message")
        pair.shutdown()
        await turns(2)
        self.assertEqual(pair.received.events, [])

    def test_lookIsTakenBack(self) -> None:
        """
        The look that was scheduled is taken back.
        """
        pair = self.bound(Pair)
        call = pair.read_scheduled
        self.assertTrue(call.active())
        pair.shutdown()
        self.assertFalse(call.active())
        self.assertIsNone(pair.read_scheduled)

    def test_closedErrors(self) -> None:
        """
        What cannot be done any more is an error that says what to do.
        """
        sub = self.bound(ZmqSubConnection, "inproc://sub")
        push = self.bound(ZmqPushConnection, "inproc://push")
        for connection in (sub, push):
            connection.shutdown()
        for method, argument in [
            (push.send, b"message"),
            (push.send, [b"message"]),
            (push.push, b"message"),
            (push.addEndpoints, [bind("inproc://more")]),
            (push.addEndpoints, []),
            (sub.subscribe, b""),
            (sub.unsubscribe, b""),
        ]:
            error = self.assertRaises(ZmqClosedError, method, argument)
            self.assertEqual(str(error), f"{method.__self__!r} is closed: make a new connection")

    def test_deadReads(self) -> None:
        """
        A reactor that still calls a closed connection does no harm.
        """
        pair = self.bound(Pair)
        pair.shutdown()
        pair.doRead()
        self.assertEqual(pair.received.events, [])

    def test_laterFactory(self) -> None:
        """
        Connections of one factory are none of another's business.
        """
        other = ZmqFactory()
        self.addCleanup(other.shutdown)
        mine, theirs = ZmqPullConnection(self.factory), ZmqPullConnection(other)
        self.factory.shutdown()
        self.assertEqual((mine.socket, other.connections), (None, {theirs}))

    def test_takenOut(self) -> None:
        """
        A connection that somebody has taken out of the factory outlives it, and
        can be closed then.
        """
        connection = self.bound(ZmqPullConnection)
        context = self.factory.context
        self.factory.connections.remove(connection)
        self.factory.shutdown()
        self.assertFalse(context.closed)
        connection.shutdown()
        self.assertEqual((connection.socket, connection.factory), (None, None))

    def test_descriptorIsReused(self) -> None:
        """
        A connection can have the descriptor that another one has had.
        """
        fds = set()
        for _ in range(3):
            connection = self.bound(ZmqPullConnection)
            self.assertIn(connection, reactor.getReaders())
            fds.add(connection.fd)
            connection.shutdown()
            self.assertNotIn(connection, reactor.getReaders())
        self.assertNothingIsLeft()

    async def test_freed(self) -> None:
        """
        A closed connection is freed at once, without the garbage collector.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for cls in CLASSES:
            connection = self.bound(cls)
            await turns(2)
            connection.shutdown()
            reference = weakref.ref(connection)
            del connection
            self.assertIsNone(reference(), cls.__name__)

    async def test_freedAfterUse(self) -> None:
        """
        So is one that has sent and received.
        """
        pair = self.bound(Pair, "inproc://a")
        other = self.connected(Pair, pair)
        other.send([b"message"])
        await pair.received.wait()
        pair.send(b"answer")
        await other.received.wait()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        references = [weakref.ref(pair), weakref.ref(other)]
        pair.shutdown()
        other.shutdown()
        del pair, other
        await turns()
        self.assertEqual([reference() for reference in references], [None, None])

    def test_freedAfterFailure(self) -> None:
        """
        A connection that could not be made is freed by the next collection, at
        the latest.
        """
        references = []

        class Remembered(ZmqPullConnection):
            def __init__(self, *args: Any) -> None:
                references.append(weakref.ref(self))
                super().__init__(*args)

        self.assertRaises(ZmqEndpointError, Remembered, self.factory, bind("nowhere"))
        gc.collect()
        self.assertIsNone(references[0]())


class OldProgramTests(ConnectionTestCase):
    """
    What programs written for txZMQ 1.0 do to a connection.
    """

    async def test_ownSend(self) -> None:
        """
        A subclass may have a send of its own, on the socket, that schedules
        the reading by itself.
        """

        class Old(Pair):
            def send(self, message: Any) -> None:
                for part in message[:-1]:
                    self.socket.send(part, zmq.NOBLOCK | zmq.SNDMORE)
                self.socket.send(message[-1], zmq.NOBLOCK)
                if self.read_scheduled is None:
                    self.read_scheduled = reactor.callLater(0, self.doRead)

        one = self.bound(Old)
        two = self.connected(Old, one)
        await accepted(two.send, [b"to", b"one"])
        await one.received.wait()
        for number in range(10):
            one.send([b"%d" % number])
        await two.received.wait(10)
        two.send([b"back"])
        self.assertEqual(await one.received.wait(2), [[b"to", b"one"], [b"back"]])
        self.assertEqual(two.received.events, [[b"%d" % number] for number in range(10)])
        one.shutdown()
        two.shutdown()
        self.assertNothingIsLeft()

    async def test_ownSendInCallback(self) -> None:
        """
        Such a send may be called from a callback; nothing is left behind when
        the connection closes.
        """

        class Old(Pair):
            readBudget = Pair.readBudget._replace(messages=1)

            def messageReceived(self, message: Any) -> None:
                self.received(message)
                if self.read_scheduled is None:
                    self.read_scheduled = reactor.callLater(0, self.doRead)
                if len(self.received.events) == 2:
                    reactor.callLater(0, self.shutdown)

        one = self.bound(Old, "inproc://a")
        two = self.connected(ZmqPairConnection, one)
        for _ in range(10):
            two.send(b"message")
        await one.lost.wait()
        two.shutdown()
        self.assertNothingIsLeft()

    async def test_rawSocketEatsTheEdge(self) -> None:
        """
        Who asks the socket for its events takes the signal from the reactor;
        the message is delivered all the same.
        """
        pair = self.bound(Pair, "inproc://a")
        other = self.connected(ZmqPairConnection, pair)
        await turns(3)
        other.send(b"message")
        self.assertTrue(pair.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN)
        self.assertEqual(await pair.received.wait(), [[b"message"]])

    async def test_rawSocketSends(self) -> None:
        """
        So it is when somebody sends by the socket.
        """
        pair = self.bound(Pair, "inproc://a")
        other = self.connected(Pair, pair)
        await turns(3)
        other.send(b"message")
        pair.socket.send(b"answer", zmq.NOBLOCK)
        self.assertEqual(await pair.received.wait(), [[b"message"]])
        self.assertEqual(await other.received.wait(), [[b"answer"]])

    async def test_rawSocketReceives(self) -> None:
        """
        Who receives by the socket gets the message; the next is delivered.
        """
        pair = self.bound(Pair, "inproc://a")
        other = self.connected(Pair, pair)
        await turns(3)
        other.send(b"1")
        other.send(b"2")
        self.assertEqual(pair.socket.recv(zmq.NOBLOCK), b"1")
        self.assertEqual(await pair.received.wait(), [[b"2"]])

    async def test_rawSocketBinds(self) -> None:
        """
        Endpoints can be opened by the socket too.
        """
        pair = Pair(self.factory)
        await turns(3)
        pair.socket.bind("inproc://a")
        self.connected(Pair, "inproc://a").send(b"message")
        self.assertEqual(await pair.received.wait(), [[b"message"]])

    def test_otherSocketTypes(self) -> None:
        """
        A socket type without a class is a matter of one attribute.
        """

        class Publisher(ZmqConnection):
            socketType = zmq.XPUB

        connection = self.bound(Publisher)
        self.assertEqual(connection.socket.getsockopt(zmq.TYPE), zmq.XPUB)

    def test_baseClass(self) -> None:
        """
        The base by itself has no type; the error says what to do.
        """
        error = self.assertRaises(ZmqOptionError, ZmqConnection, self.factory)
        self.assertEqual(error.name, "socketType")
        self.assertIn("use a subclass such as ZmqPushConnection", str(error))
        self.assertNothingIsLeft()
