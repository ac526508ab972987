"""
Tests of :mod:`txzmq.factory`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from typing import Any, Callable, Optional

import zmq
from twisted.internet import reactor as globalReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txzmq import (
    ZmqClosedError,
    ZmqConnection,
    ZmqFactory,
    ZmqOptionError,
    ZmqPairConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqReactorError,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqSocketError,
)
from txzmq.interfaces import IZmqFactory

from .support import PATIENCE, Recorder, ZmqTestCase, assigned, turns, until


def run(program: str) -> str:
    """
    :return: what a Python program prints.
    """
    # Some leave a socket open; in Python's development mode that is worth a warning.
    result = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
    )
    return result.stdout.decode("utf-8")


class FactoryTestCase(ZmqTestCase):
    """
    A test with reactors besides the global one.
    """

    def otherReactor(self) -> Any:
        """
        :return: a real reactor, which does not run yet.
        """
        reactor = SelectReactor()

        def close() -> None:
            for call in reactor.getDelayedCalls():
                call.cancel()
            for reader in reactor.getReaders():
                reactor.removeReader(reader)
                reader.connectionLost(Failure(ConnectionDone()))

        self.addCleanup(close)
        return reactor

    def runOther(self, reactor: Any, *steps: Callable[[], object]) -> None:
        """
        Run a reactor, do something in it, one turn for each step, and stop it.
        """
        for step in [*steps, reactor.stop]:
            reactor.callWhenRunning(reactor.callLater, 0, step)
        reactor.run(installSignalHandlers=False)

    def factoryOf(self, reactor: Any, cls: Any = ZmqFactory) -> Any:
        """
        :return: a factory for a reactor, to be closed afterwards.
        """
        factory = cls(reactor)
        self.addCleanup(factory.shutdown)
        return factory


class ReactorTests(FactoryTestCase):
    """
    Which reactor is used, and for what.
    """

    def test_default(self) -> None:
        """
        By default it is the global one; the class knows it too.
        """
        self.assertIs(self.factory.reactor, globalReactor)
        self.assertIs(ZmqFactory.reactor, globalReactor)

    def test_argument(self) -> None:
        """
        Another one can be given.
        """
        reactor = MemoryReactorClock()
        self.assertIs(self.factoryOf(reactor).reactor, reactor)

    def test_assigned(self) -> None:
        """
        Another one can be assigned, as old programs do; also to a class.
        """
        reactor = MemoryReactorClock()
        self.factory.reactor = reactor
        self.assertIs(self.factory.reactor, reactor)
        with assigned(ZmqFactory, "reactor", reactor):
            self.assertIs(ZmqFactory().reactor, reactor)
        self.assertIs(ZmqFactory().reactor, globalReactor)

    def test_importInstallsNone(self) -> None:
        """
        Neither to import the package nor to make a factory installs a reactor;
        to ask for it does.
        """
        printed = run(
            "import sys, pkgutil, txzmq\n"
            "for module in pkgutil.iter_modules(txzmq.__path__):\n"
            "    __import__('txzmq.' + module.name)\n"
            "factory = txzmq.ZmqFactory()\n"
            "factory.context\n"
            "print('twisted.internet.reactor' in sys.modules)\n"
            "factory.reactor\n"
            "print('twisted.internet.reactor' in sys.modules)\n"
            "factory.shutdown()\n"
        )
        self.assertEqual(printed.split(), ["False", "True"])

    def test_globalIsNotInstalled(self) -> None:
        """
        A program that has a reactor of its own never gets the global one,
        whatever it does: send, wait, time out, shut down.
        """
        printed = run(
            "import sys\n"
            "from twisted.internet.selectreactor import SelectReactor\n"
            "from txzmq import *\n"
            "factory = ZmqFactory()\n"
            "factory.reactor = reactor = SelectReactor()\n"
            "factory.registerForShutdown()\n"
            "server = ZmqREPConnection(factory, ZmqEndpoint('bind', 'inproc://server'))\n"
            "client = ZmqREQConnection(factory, ZmqEndpoint('connect', 'inproc://server'))\n"
            "def gotMessage(messageId, message):\n"
            "    if message == b'answer':\n"
            "        server.reply(messageId, b'reply')\n"
            "server.gotMessage = gotMessage\n"
            "async def talk():\n"
            "    print(*await client.sendMsg(b'answer'))\n"
            "    try:\n"
            "        await client.sendMsg(b'do not', timeout=0.01)\n"
            "    except ZmqRequestTimeoutError:\n"
            "        print('timeout')\n"
            "    reactor.stop()\n"
            "from twisted.internet.defer import ensureDeferred\n"
            "reactor.callWhenRunning(lambda: ensureDeferred(talk()))\n"
            "reactor.run()\n"
            "print(factory.connections)\n"
            "print('twisted.internet.reactor' in sys.modules)\n"
        )
        self.assertEqual(printed.split(), ["b'reply'", "timeout", "None", "False"])

    def test_everythingIsOnIt(self) -> None:
        """
        Reader and calls of a connection are on the reactor of its factory, and
        go away with the connection.
        """
        reactor = MemoryReactorClock()
        before = globalReactor.getDelayedCalls()
        self.factory = self.factoryOf(reactor)
        connection = self.bound(ZmqPullConnection)
        self.assertEqual(reactor.getReaders(), [connection])
        self.assertEqual(len(reactor.getDelayedCalls()), 1)
        self.assertNotIn(connection, globalReactor.getReaders())
        self.assertEqual(globalReactor.getDelayedCalls(), before)
        connection.shutdown()
        self.assertEqual((reactor.getReaders(), reactor.getDelayedCalls()), ([], []))

    def test_timeouts(self) -> None:
        """
        So are the timeouts of requests.
        """
        reactor = MemoryReactorClock()
        self.factory = self.factoryOf(reactor)
        client, _ = self.withRaw(ZmqREQConnection, zmq.ROUTER)
        request = client.sendMsg(b"request", timeout=5)
        reactor.advance(4)
        self.assertNoResult(request)
        reactor.advance(1)
        self.failureResultOf(request, ZmqRequestTimeoutError)

    async def test_anotherOneDelivers(self) -> None:
        """
        With another reactor, messages arrive when that one runs, and only then.
        """
        reactor = self.otherReactor()
        self.factory = self.factoryOf(reactor)
        pull = self.bound(ZmqPullConnection, "inproc://pull")
        pull.onPull = Recorder()
        self.connected(ZmqPushConnection, pull).push(b"work")
        await turns(3)
        self.assertEqual(pull.onPull.events, [])
        pull.onPull.wait().addCallback(lambda events: reactor.stop())
        reactor.run(installSignalHandlers=False)
        self.assertEqual(pull.onPull.events, [[b"work"]])

    def test_unusable(self) -> None:
        """
        A reactor that cannot watch descriptors is refused, with a word on what
        to use; nothing is left behind.
        """
        clock = Clock()
        factory = self.factoryOf(clock)
        error = self.assertRaises(ZmqReactorError, ZmqPullConnection, factory)
        self.assertIsInstance(error, RuntimeError)
        self.assertIn(repr(clock), str(error))
        self.assertIn("IReactorFDSet", str(error))
        self.assertIn("use the select, poll, epoll", str(error))
        self.assertEqual((factory.connections, clock.getDelayedCalls()), (set(), []))


class ContextTests(FactoryTestCase):
    """
    The context, and the settings that it is made with.
    """

    def options(self) -> tuple[Any, Any]:
        context = self.factory.context
        return context.get(zmq.IO_THREADS), context.get(zmq.MAX_SOCKETS)

    def test_defaults(self) -> None:
        """
        There is a context at once, with one thread and room for many sockets.
        """
        self.assertEqual(self.options(), (1, 16_384))
        self.assertIs(self.factory.context, self.factory.context)

    def test_ownContexts(self) -> None:
        """
        Each factory has its own.
        """
        self.assertIsNot(self.factory.context, self.factoryOf(None).context)

    def test_late(self) -> None:
        """
        The settings count until the first connection, even if somebody has
        seen the context before.
        """
        self.assertEqual(self.options(), (1, 16_384))
        self.factory.ioThreads = 2
        self.factory.maxSockets = 100
        ZmqPushConnection(self.factory)
        self.assertEqual(self.options(), (2, 100))

    def test_lateOnClass(self) -> None:
        """
        So they do in a subclass, and on a class.
        """

        class Busy(ZmqFactory):
            ioThreads = 2

        factory = self.factoryOf(None, Busy)
        with assigned(ZmqFactory, "maxSockets", 100):
            ZmqPushConnection(factory)
        self.assertEqual(factory.context.get(zmq.IO_THREADS), 2)
        self.assertEqual(factory.context.get(zmq.MAX_SOCKETS), 100)

    def test_tooLate(self) -> None:
        """
        After it they cannot be changed; the error says when they could.
        """
        ZmqPushConnection(self.factory)
        for name in ("ioThreads", "maxSockets"):
            error = self.assertRaises(ZmqOptionError, setattr, self.factory, name, 2)
            self.assertEqual(error.name, name)
            self.assertEqual(
                str(error), f"{name} cannot be changed now: set it before the first connection"
            )
        self.assertEqual((self.factory.ioThreads, self.factory.maxSockets), (1, 16_384))

    def test_tooLateButEqual(self) -> None:
        """
        To set what is set already is no error.
        """
        ZmqPushConnection(self.factory)
        self.factory.ioThreads = 1
        self.assertEqual(self.factory.ioThreads, 1)

    def test_wrong(self) -> None:
        """
        A value that cannot be is refused, and shown.
        """
        for name, value in [
            ("ioThreads", -1),
            ("ioThreads", "2"),
            ("ioThreads", 2**31),
            ("maxSockets", 0),
            ("maxSockets", None),
            ("maxSockets", 2**31 - 1),  # libzmq would abort the process
            ("lingerPeriod", -2),
            ("lingerPeriod", 0.5),
            ("lingerPeriod", 2**31),
        ]:
            before = getattr(self.factory, name)
            error = self.assertRaises(ZmqOptionError, setattr, self.factory, name, value)
            self.assertEqual(error.name, name)
            self.assertTrue(str(error).startswith(f"{name} "), str(error))
            self.assertIn(f"not {value!r}", str(error))
            self.assertEqual(getattr(self.factory, name), before)

    def test_wrongOnClass(self) -> None:
        """
        On a class it is noticed whenever it is needed, and nothing is left behind.
        """
        for name in ("ioThreads", "maxSockets", "lingerPeriod"):
            factory = self.factoryOf(None, type("Wrong", (ZmqFactory,), {name: -5}))
            for _ in range(2):
                error = self.assertRaises(ZmqOptionError, ZmqPushConnection, factory)
            self.assertEqual((error.name, factory.connections), (name, set()))

    def test_noThreads(self) -> None:
        """
        Without I/O threads there is still inproc; the error for others says
        what is missing.
        """
        self.factory.ioThreads = 0
        self.bound(ZmqPullConnection, "inproc://threadless")
        error = self.assertRaises(ZmqSocketError, self.bound, ZmqPullConnection)
        self.assertIn("no I/O thread", str(error))

    def test_lingerPeriod(self) -> None:
        """
        The linger period counts for what is opened later.
        """
        before = ZmqPushConnection(self.factory)
        self.factory.lingerPeriod = 500
        after = ZmqPushConnection(self.factory)
        self.assertEqual((before.socket.linger, after.socket.linger), (100, 500))

    def test_otherAttributes(self) -> None:
        """
        A factory can have attributes of a program's own.
        """
        self.factory.name = "mine"
        self.assertEqual(self.factory.name, "mine")

    def test_manySockets(self) -> None:
        """
        A factory holds more connections than libzmq allows by itself.
        """
        count = 1100
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY:
            self.assertGreater(hard, count + 100, "raise the limit: ulimit -Hn")
        if soft != resource.RLIM_INFINITY and soft < count + 100:
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, hard))
        # A reactor in memory, as select cannot watch as many descriptors.
        self.factory = self.factoryOf(MemoryReactorClock())
        for number in range(count):
            self.bound(ZmqPullConnection, f"inproc://{number}")
        self.assertEqual(len(self.factory.connections), count)
        self.factory.shutdown()

    def test_tooManySockets(self) -> None:
        """
        The error for one too many says what to raise.
        """
        self.factory.maxSockets = 1
        ZmqPushConnection(self.factory)
        error = self.assertRaises(ZmqSocketError, ZmqPushConnection, self.factory)
        self.assertIn("raise maxSockets", str(error))
        self.assertEqual(len(self.factory.connections), 1)

    def test_unknownSocketType(self) -> None:
        """
        The error for a type that libzmq does not have says so.
        """
        error = self.assertRaises(ZmqSocketError, self.factory.openSocket, 99)
        self.assertEqual(str(error), "cannot open a socket: this libzmq has no such socketType")

    def test_openSocket(self) -> None:
        """
        A plain socket can be had from the factory too.
        """
        self.factory.lingerPeriod = 7
        socket = self.factory.openSocket(zmq.PUSH)
        self.addCleanup(socket.close)
        self.assertEqual((socket.getsockopt(zmq.TYPE), socket.linger), (zmq.PUSH, 7))

    def test_terminatedElsewhere(self) -> None:
        """
        A context that somebody has terminated opens nothing; the error says
        what has happened.
        """
        context = self.factory.context
        with context.socket(zmq.PUSH):
            # It waits for the socket, and refuses new ones meanwhile.
            thread = threading.Thread(target=context.term)
            thread.start()
            while True:
                try:
                    context.socket(zmq.PUSH).close()
                except zmq.ZMQError:
                    break
            error = self.assertRaises(ZmqSocketError, ZmqPushConnection, self.factory)
        thread.join()
        self.assertIn("terminated by somebody else", str(error))

    def test_interface(self) -> None:
        """
        The factory is what connections ask for.
        """
        verifyObject(IZmqFactory, self.factory)

    def test_repr(self) -> None:
        """
        It prints as what makes it.
        """
        self.assertEqual(repr(self.factory), "ZmqFactory()")
        self.assertEqual(repr(type("Mine", (ZmqFactory,), {})()), "Mine()")


class ShutdownTests(FactoryTestCase):
    """
    The end of a factory.
    """

    def test_closesAll(self) -> None:
        """
        All connections are closed, and the context is terminated.
        """
        connections = [self.bound(ZmqPullConnection), ZmqPushConnection(self.factory)]
        context = self.factory.context
        self.factory.shutdown()
        self.assertEqual([c.socket for c in connections], [None, None])
        self.assertTrue(context.closed)

    def test_nothingIsLeft(self) -> None:
        """
        Afterwards context and connections are None, as they always were.
        """
        self.factory.shutdown()
        self.assertEqual((self.factory.context, self.factory.connections), (None, None))

    def test_twice(self) -> None:
        """
        Shutting down twice is no error, with a context or without.
        """
        self.factory.shutdown()
        self.factory.shutdown()
        other = ZmqFactory()
        ZmqPushConnection(other)
        other.shutdown()
        other.shutdown()
        self.assertEqual((other.context, other.connections), (None, None))

    def test_unused(self) -> None:
        """
        A factory that was never used makes no context, to end.
        """
        with assigned(zmq, "Context", None):
            ZmqFactory().shutdown()

    def test_afterwards(self) -> None:
        """
        Afterwards there are no new connections; the error says what to do.
        """
        self.factory.shutdown()
        error = self.assertRaises(ZmqClosedError, ZmqPushConnection, self.factory)
        self.assertEqual(str(error), "this factory is shut down: make a new ZmqFactory")
        self.assertRaises(ZmqClosedError, self.factory.openSocket, zmq.PUSH)

    def test_messagesAreHeld(self) -> None:
        """
        What was sent just before goes out, within the linger period.
        """
        self.factory.lingerPeriod = PATIENCE * 1000
        raw = self.raw(zmq.PULL)
        port = raw.bind_to_random_port("tcp://127.0.0.1")
        push = self.connected(ZmqPushConnection, f"tcp://127.0.0.1:{port}")
        push.push(b"work")
        self.factory.shutdown()
        self.assertEqual(raw.recv_multipart(), [b"work"])

    def test_messagesAreGivenUp(self) -> None:
        """
        What nobody takes does not hold it up for ever.
        """
        self.factory.lingerPeriod = 0
        self.connected(ZmqPushConnection, self.ipcAddress()).push(b"work")
        context = self.factory.context
        self.factory.shutdown()
        self.assertTrue(context.closed)

    def waits(self, *periods: int) -> list[Any]:
        """
        :return: how long shutting down is prepared to wait for the threads of
            libzmq, where connections were opened with these linger periods.
        """
        waits: list[Any] = []
        join = threading.Thread.join

        def observed(thread: threading.Thread, timeout: Optional[float] = None) -> None:
            waits.append(timeout)
            join(thread, timeout)

        self.patch(threading.Thread, "join", observed)
        for period in periods:
            self.factory.lingerPeriod = period
            ZmqPushConnection(self.factory)
        self.factory.shutdown()
        return waits

    def test_longestLinger(self) -> None:
        """
        It waits as long as any of them may linger, and little longer.
        """
        (seconds,) = self.waits(5000, 60_000, 100)
        self.assertTrue(60 <= seconds <= 70, seconds)

    def test_endlessLinger(self) -> None:
        """
        A linger period without end is one.
        """
        self.assertEqual(self.waits(100, -1, 100), [None])

    def test_foreignSocket(self) -> None:
        """
        A socket that somebody else has left open does not hold it up for ever;
        the log has a line about it.
        """
        logged = self.logged()
        context = self.factory.context
        foreign = context.socket(zmq.PUSH)
        self.factory.shutdown()
        self.assertEqual(
            logged,
            [
                "The ZeroMQ context of ZmqFactory() is not terminated: a socket that is"
                " not ours is open in it"
            ],
        )
        self.assertFalse(context.closed)
        foreign.close()

    def test_foreignSocketAtExit(self) -> None:
        """
        Nor does it keep the program from ending.
        """
        printed = run(
            "import zmq, txzmq\n"
            "factory = txzmq.ZmqFactory()\n"
            "socket = factory.context.socket(zmq.PUSH)\n"
            "factory.shutdown()\n"
            "print('done')\n"
        )
        self.assertEqual(printed.split(), ["done"])

    def test_noShutdownAtExit(self) -> None:
        """
        A program that shuts nothing down ends as well.
        """
        printed = run(
            "from txzmq import *\n"
            "factory = ZmqFactory()\n"
            f"push = ZmqPushConnection(factory, ZmqEndpoint('connect', '{self.ipcAddress()}'))\n"
            "push.push(b'work')\n"
            "print('done')\n"
        )
        self.assertEqual(printed.split(), ["done"])

    def test_failingConnection(self) -> None:
        """
        A connection that fails to shut down is logged, and is closed all the
        same, and so are the others.
        """

        class Failing(ZmqPullConnection):
            def shutdown(self) -> None:
                raise ZeroDivisionError

        connections = [
            Failing(self.factory),
            Failing(self.factory),
            ZmqPullConnection(self.factory),
        ]
        self.factory.shutdown()
        self.assertEqual([c.socket for c in connections], [None, None, None])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_failingConnectionLost(self) -> None:
        """
        So is one whose connectionLost fails.
        """

        class Failing(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                raise ZeroDivisionError

        connection = Failing(self.factory)
        self.factory.shutdown()
        self.assertIsNone(connection.socket)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_shutdownOfItsOwn(self) -> None:
        """
        A connection whose shutdown does something else is closed all the same.
        """

        class Own(ZmqPullConnection):
            def shutdown(self) -> None:
                pass

        connection = Own(self.factory)
        self.factory.shutdown()
        self.assertIsNone(connection.socket)

    def test_connectionsCloseEachOther(self) -> None:
        """
        A connection that goes may take others with it, and the factory.
        """

        class Leader(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                super().connectionLost(reason)
                for other in list(factory.connections):
                    other.shutdown()
                factory.shutdown()

        factory = self.factory
        connections = [Leader(factory) for _ in range(3)]
        factory.shutdown()
        self.assertEqual([c.socket for c in connections], [None, None, None])

    def test_reopenedMeanwhile(self) -> None:
        """
        A connection that is opened anew while the factory shuts down is
        refused, or closed too.
        """
        opened: list[ZmqConnection] = []

        class Stubborn(ZmqPullConnection):
            def connectionLost(self, reason: Failure) -> None:
                super().connectionLost(reason)
                opened.append(Stubborn(factory) if len(opened) < 3 else self)

        factory = self.factory
        context = factory.context
        Stubborn(factory)
        factory.shutdown()
        self.flushLoggedErrors(ZmqClosedError)
        self.assertEqual([c for c in opened if c.socket is not None], [])
        self.assertTrue(context.closed)

    async def test_requestsAreTold(self) -> None:
        """
        Requests that wait hear of it, and cannot be made anew.
        """
        client = self.bound(ZmqREQConnection, "inproc://told")
        self.connected(ZmqREPConnection, client)
        outcomes = Recorder()

        def again(failure: Failure) -> None:
            outcomes(failure.type)
            self.assertRaises(ZmqClosedError, ZmqREQConnection, self.factory)

        client.sendMsg(b"request").addErrback(again).addErrback(outcomes)
        context = self.factory.context
        self.factory.shutdown()
        self.assertEqual((outcomes.events, context.closed), ([ZmqClosedError], True))

    async def test_fromCallback(self) -> None:
        """
        A callback may shut the factory down; no more is delivered then.
        """
        pull = self.bound(ZmqPullConnection, "inproc://stop")
        received: list[Any] = []

        def onPull(message: Any) -> None:
            received.append(message)
            self.factory.shutdown()

        pull.onPull = onPull
        push = self.connected(ZmqPushConnection, pull)
        for _ in range(3):
            push.push(b"stop")
        await until(lambda: self.factory.connections is None)
        await turns(2)
        self.assertEqual((received, pull.socket, push.socket), ([[b"stop"]], None, None))

    async def test_beforeTheFirstLook(self) -> None:
        """
        What has come and was not looked at yet is not delivered any more.
        """
        pair = self.bound(ZmqPairConnection, "inproc://unseen")
        pair.messageReceived = Recorder()
        self.connected(ZmqPairConnection, pair).send(b"message")
        self.factory.shutdown()
        await turns(2)
        self.assertEqual(pair.messageReceived.events, [])


class RegisterTests(FactoryTestCase):
    """
    Shutting down with the reactor.
    """

    def setUp(self) -> None:
        super().setUp()
        self.reactor = self.otherReactor()
        self.other = self.factoryOf(self.reactor)
        self.connection = ZmqPullConnection(self.other)

    def assertShutDown(self) -> None:
        """
        All is closed, and nothing of it is left in the reactor.
        """
        self.assertEqual((self.other.connections, self.connection.socket), (None, None))
        self.assertNotIn(self.connection, self.reactor.getReaders())

    def test_registered(self) -> None:
        """
        A registered factory shuts down as the reactor does.
        """
        self.other.registerForShutdown()
        self.runOther(self.reactor)
        self.assertShutDown()

    def test_notRegistered(self) -> None:
        """
        Another one does not, but its connections are closed by the reactor.
        """
        self.runOther(self.reactor)
        self.assertEqual((self.other.connections, self.connection.socket), (set(), None))

    def test_reactorFirst(self) -> None:
        """
        It can be shut down again after the reactor, registered or not.
        """
        self.other.registerForShutdown()
        self.runOther(self.reactor)
        self.other.shutdown()
        self.assertShutDown()

    def test_unregisteredReactorFirst(self) -> None:
        """
        So can one that was not registered.
        """
        self.runOther(self.reactor)
        self.other.shutdown()
        self.assertShutDown()

    def counting(self) -> Any:
        """
        :return: a factory that counts how often it is told to shut down.
        """

        class Counting(ZmqFactory):
            def shutdown(self) -> None:
                self.calls.append("shutdown")
                super().shutdown()

        factory = Counting(self.reactor)
        factory.calls = []
        return factory

    def test_factoryFirst(self) -> None:
        """
        It can be shut down while the reactor runs; the reactor does not do it
        again.
        """
        other = self.counting()
        other.registerForShutdown()
        self.runOther(self.reactor, other.shutdown)
        self.assertEqual(other.calls, ["shutdown"])

    def test_inEveryPhase(self) -> None:
        """
        It can be shut down by others in any phase of the reactor's end.
        """
        for phase in ("before", "during", "after"):
            for late in (False, True):
                reactor = self.otherReactor()
                factory = self.factoryOf(reactor)
                connection = ZmqPullConnection(factory)
                if late:
                    factory.registerForShutdown()
                reactor.addSystemEventTrigger(phase, "shutdown", factory.shutdown)
                factory.registerForShutdown()
                self.runOther(reactor)
                self.assertEqual((factory.connections, connection.socket), (None, None))

    def test_twice(self) -> None:
        """
        To register twice is to register once.
        """
        other = self.counting()
        other.registerForShutdown()
        other.registerForShutdown()
        self.runOther(self.reactor)
        self.assertEqual(other.calls, ["shutdown"])

    def test_tooLate(self) -> None:
        """
        A factory that is shut down already does not register.
        """
        other = self.counting()
        other.shutdown()
        other.registerForShutdown()
        self.runOther(self.reactor)
        self.assertEqual(other.calls, ["shutdown"])

    def test_beforeInit(self) -> None:
        """
        A subclass may register before its base is constructed.
        """
        reactor = self.reactor

        class Eager(ZmqFactory):
            def __init__(self) -> None:
                self.reactor = reactor
                self.registerForShutdown()
                super().__init__()

        other = Eager()
        connection = ZmqPullConnection(other)
        self.runOther(reactor)
        self.assertEqual((other.connections, connection.socket), (None, None))

    def test_otherReactorLater(self) -> None:
        """
        It is taken back from the reactor that it was registered with.
        """
        other = self.counting()
        other.registerForShutdown()
        other.reactor = globalReactor
        other.shutdown()
        self.runOther(self.reactor)
        self.assertEqual(other.calls, ["shutdown"])

    def test_shutDownByAnother(self) -> None:
        """
        A factory may shut down another one, registered after it.
        """
        calls: list[str] = []
        last = self.factoryOf(self.reactor)

        class First(ZmqFactory):
            def shutdown(self) -> None:
                super().shutdown()
                last.shutdown()
                calls.append("shutdown")

        First(self.reactor).registerForShutdown()
        last.registerForShutdown()
        self.runOther(self.reactor)
        self.assertEqual((calls, last.connections), (["shutdown"], None))
