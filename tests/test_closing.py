"""
Closing in every state, in every way, from everywhere: tables, of which each row
leaves nothing behind.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from threading import Thread
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from txzmq import (
    ReadBudget,
    ZmqConnection,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqPairConnection,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREQConnection,
    createZmqConnection,
)

from .support import Recorder, ZmqTestCase, descriptors, descriptorsBefore, ourReaders, turns, until

_names = (f"inproc://closing-{number}" for number in itertools.count())

#: Longer than any test.
LONG = 10_000


class Producer:
    """
    A producer that only takes note of what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.then: Callable[[], object] = lambda: None

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
        self.then()

    def stopProducing(self) -> None:
        self.told.append("stop")


class Case:
    """
    One row: a factory of its own, one end in it, and what is known of it.

    :ivar lost: gets the reason each time that the end is told of its end.
    :ivar got: gets what was delivered.
    :ivar answers: how each Deferred has ended, by its number.
    :ivar acts: what to do where, by the name of a callback; done once.
    """

    def __init__(self, test: Any) -> None:
        self.test = test
        self.factory = ZmqFactory()
        test.addCleanup(self.factory.shutdown)
        self.end: Any = None
        self.lost = Recorder()
        self.got = Recorder()
        self.answers: dict[int, list[Any]] = {}
        self.acts: dict[str, Callable[[], object]] = {}
        self.readers = ourReaders()
        self.calls = set(reactor.getDelayedCalls())
        self._threads: list[Thread] = []
        self._raws: list[Any] = []

    # Beginnings

    def connection(self, cls: Any, address: str = "", **settings: Any) -> Any:
        """
        :return: the end, a connection that is bound to an address; inproc without
            one.
        """
        case = self

        class End(cls):  # type: ignore[misc]
            def connectionLost(self, reason: Failure) -> None:
                case.lost(reason.value)
                case.happens("connectionLost")
                super().connectionLost(reason)

            def messageReceived(self, message: Any) -> Any:
                case.got(message)
                case.happens("messageReceived")
                if isinstance(self, ZmqREQConnection):
                    return super().messageReceived(message)
                return None

            def eventReceived(self, event: Any) -> None:
                case.happens("eventReceived")

        for name, value in settings.items():
            setattr(End, name, value)
        self.end = End(self.factory, ZmqEndpoint("bind", address or next(_names)))
        self.address = self.end.boundAddresses[0]
        return self.end

    def transport(self, zmqType: int, address: str = "") -> Any:
        """
        :return: the end, a transport.
        """
        case = self

        class End(ZmqProtocol):
            def connectionMade(self) -> None:
                case.end = self.transport
                self.transport.closeTimeout = 0
                case.happens("connectionMade")

            def messageReceived(self, parts: list[bytes]) -> None:
                case.got(parts)
                case.happens("messageReceived")

            def eventReceived(self, event: Any) -> None:
                case.happens("eventReceived")

            def pauseWriting(self) -> None:
                case.happens("pauseWriting")

            def resumeWriting(self) -> None:
                case.happens("resumeWriting")

            def connectionLost(self, reason: Failure) -> None:
                case.lost(reason.value)
                case.happens("connectionLost")

        self.address = address or next(_names)
        opened = createZmqConnection(End, zmqType, bind=self.address, factory=self.factory)
        # Fails if it is closed before the first endpoint is opened.
        opened.addErrback(lambda failure: None)
        if not self.lost.events and self.end.bindings():
            (self.address,) = self.end.bindings()
        return self.end

    def raw(self, socketType: int) -> zmq.Socket[bytes]:
        """
        :return: a plain socket that is connected to the end, closed in the end.
        """
        inproc = self.address.startswith("inproc:")
        context: Any = self.factory.context if inproc else zmq.Context()
        raw = context.socket(socketType)
        raw.linger = 0
        raw.connect(self.address)
        self._raws.append((raw, None if inproc else context))
        return raw

    def watch(self, waiting: Deferred[Any], name: str = "") -> Any:
        """
        Take note of how a Deferred ends.

        :param name: the name of the callback that it is.
        """
        ends: list[Any] = []
        self.answers[len(self.answers)] = ends

        def ended(result: Any) -> None:
            ends.append(result)
            if name:
                self.happens(name)

        waiting.addBoth(ended)
        return waiting

    def happens(self, name: str) -> None:
        """
        A callback was called: do what is to be done there, if anything.
        """
        act = self.acts.pop(name, None)
        if act is not None:
            act()

    def leave(self) -> None:
        """
        Close what is not ours in the context: to terminate it would wait for that.
        """
        for raw, context in self._raws:
            if context is None:
                raw.close()

    def terminate(self) -> None:
        """
        Terminate the context behind everybody's back.
        """
        self.leave()
        socket = self.end.socket if isinstance(self.end, ZmqConnection) else self.end.getHandle()
        thread = Thread(target=self.factory.context.term)
        thread.start()
        self._threads.append(thread)
        try:
            while True:
                socket.getsockopt(zmq.EVENTS)
        except zmq.ContextTerminated:
            pass

    # The end

    async def check(self, row: object) -> None:
        """
        Nothing is left.
        """
        test = self.test
        await until(lambda: self.lost.events)
        self.happens("later")
        for raw, context in self._raws:
            raw.close()
            if context is not None:
                context.term()
        for thread in self._threads:
            await until(lambda thread=thread: not thread.is_alive())
        self.factory.shutdown()
        await until(lambda: all(self.answers.values()))
        await turns(3)
        test.assertEqual(len(self.lost.events), 1, row)
        test.assertEqual(
            [len(ends) for ends in self.answers.values()], [1] * len(self.answers), row
        )
        test.assertEqual(self.acts, {}, row)
        test.assertEqual(ourReaders() - self.readers, set(), row)
        if set(reactor.getDelayedCalls()) - self.calls:
            # With asyncio it is one what a thread says last, who may be late.
            await turns()
        test.assertEqual(set(reactor.getDelayedCalls()) - self.calls, set(), row)
        test.assertEqual([str(failure) for failure in test.flushLoggedErrors()], [], row)


# The states of a connection


async def constructed(case: Case) -> None:
    case.connection(ZmqDealerConnection)


async def looked(case: Case) -> None:
    case.connection(ZmqDealerConnection)
    await turns(3)


async def connected(case: Case) -> None:
    case.connection(ZmqDealerConnection, "tcp://127.0.0.1:*")
    case.raw(zmq.DEALER).send(b"x")
    await case.got.wait()


async def unread(case: Case) -> None:
    case.connection(ZmqDealerConnection)
    case.raw(zmq.DEALER).send(b"x")


async def paused(case: Case) -> None:
    case.connection(ZmqDealerConnection)
    case.end.pauseProducing()
    case.raw(zmq.DEALER).send(b"x")
    await turns(3)


async def resumed(case: Case) -> None:
    await paused(case)
    case.end.resumeProducing()


async def spent(case: Case) -> None:
    case.connection(ZmqDealerConnection, readBudget=ReadBudget(messages=1))
    raw = case.raw(zmq.DEALER)
    for _ in range(5):
        raw.send(b"x")
    await case.got.wait()


async def requests(case: Case) -> None:
    case.connection(ZmqREQConnection)
    case.raw(zmq.DEALER)
    case.watch(case.end.sendMsg(b"x"))
    case.watch(case.end.sendMsg(b"x", timeout=LONG))


async def requestsWaiting(case: Case) -> None:
    case.connection(ZmqREQConnection, immediate=True)
    case.watch(case.end.sendMsg(b"x"))
    case.watch(case.end.sendMsg(b"x", timeout=LONG))
    await turns(3)


async def waiting(case: Case) -> None:
    case.connection(ZmqPushConnection)
    for _ in range(3):
        case.watch(case.end.sendWhenReady(b"x"))
    await turns(3)


async def waitingAndReady(case: Case) -> None:
    await waiting(case)
    case.raw(zmq.PULL)


async def monitored(case: Case) -> None:
    case.connection(ZmqDealerConnection, "tcp://127.0.0.1:*", monitored=True)
    case.end.enableMonitor()
    case.watch(case.end.whenConnected())
    case.watch(case.end.whenHandshakeFailed())
    await turns(3)


async def monitoredAndConnected(case: Case) -> None:
    case.connection(ZmqDealerConnection, "tcp://127.0.0.1:*", monitored=True)
    case.raw(zmq.DEALER)
    await case.end.whenConnected()
    case.watch(case.end.whenDisconnected())


async def closed(case: Case) -> None:
    await connected(case)
    case.end.shutdown()


async def terminated(case: Case) -> None:
    await looked(case)
    case.terminate()


async def terminatedUnseen(case: Case) -> None:
    await requests(case)
    case.terminate()


async def terminatedMonitored(case: Case) -> None:
    await monitored(case)
    case.terminate()


async def socketClosed(case: Case) -> None:
    await looked(case)
    case.end.socket.close()


async def socketClosedMonitored(case: Case) -> None:
    await monitored(case)
    case.end.socket.close()


async def socketClosedWaiting(case: Case) -> None:
    await waiting(case)
    case.end.socket.close()


#: By their functions.
CONNECTION_STATES = [
    constructed,
    looked,
    connected,
    unread,
    paused,
    resumed,
    spent,
    requests,
    requestsWaiting,
    waiting,
    waitingAndReady,
    monitored,
    monitoredAndConnected,
    closed,
    terminated,
    terminatedUnseen,
    terminatedMonitored,
    socketClosed,
    socketClosedMonitored,
    socketClosedWaiting,
]


# The states of a transport


async def opened(case: Case) -> None:
    case.transport(zmq.DEALER)


async def openedBefore(case: Case) -> None:
    case.transport(zmq.DEALER)
    await turns(3)


async def receiving(case: Case) -> None:
    case.transport(zmq.DEALER, "tcp://127.0.0.1:*")
    case.raw(zmq.DEALER).send(b"x")
    await case.got.wait()


async def readingPaused(case: Case) -> None:
    case.transport(zmq.DEALER)
    case.end.pauseProducing()
    case.raw(zmq.DEALER).send(b"x")
    await turns(3)


async def budgetSpent(case: Case) -> None:
    case.transport(zmq.DEALER).readBudget = ReadBudget(messages=1)
    raw = case.raw(zmq.DEALER)
    for _ in range(5):
        raw.send(b"x")
    await case.got.wait()


async def writing(case: Case) -> None:
    case.transport(zmq.PUSH)
    case.end.write(b"x")
    for _ in range(3):
        case.watch(case.end.writeMessage(b"x"))
    await turns(3)


async def writingPaused(case: Case) -> None:
    case.transport(zmq.PUSH).setWriteBufferLimits(high=0)
    case.watch(case.end.writeMessage(b"x"))


async def routing(case: Case) -> None:
    case.transport(zmq.ROUTER).setsockopt(zmq.SNDHWM, 1)
    raw = case.raw(zmq.DEALER)
    raw.send(b"x")
    ((peer, _),) = await case.got.wait()
    for _ in range(5_000):
        case.end.write([peer, b"x"])
    case.watch(case.end.writeMessage([peer, b"x"]))
    await turns(3)


async def pushing(case: Case) -> None:
    await writing(case)
    case.end.registerProducer(Producer(), True)


async def pulling(case: Case) -> None:
    case.transport(zmq.PUSH).registerProducer(Producer(), False)


async def pullingAsked(case: Case) -> None:
    await pulling(case)
    await turns(3)


async def watching(case: Case) -> None:
    case.transport(zmq.DEALER, "tcp://127.0.0.1:*").enableMonitor()
    case.watch(case.end.whenConnected())
    case.watch(case.end.whenHandshakeFailed())
    await turns(3)


async def publishing(case: Case) -> None:
    case.transport(zmq.XPUB)
    case.watch(case.end.whenSubscribed(b"x"))


async def closing(case: Case) -> None:
    await writing(case)
    case.end.closeTimeout = LONG
    case.end.loseConnection()
    await turns(3)


async def closingProducer(case: Case) -> None:
    await pullingAsked(case)
    case.end.closeTimeout = LONG
    case.end.loseConnection()
    await turns(3)


async def closingSoon(case: Case) -> None:
    await openedBefore(case)
    case.end.loseConnection()


async def aborted(case: Case) -> None:
    await writing(case)
    case.end.abortConnection()


async def shut(case: Case) -> None:
    await receiving(case)
    case.end.shutdown()


async def contextTerminated(case: Case) -> None:
    await writing(case)
    case.terminate()


async def contextTerminatedWatching(case: Case) -> None:
    await watching(case)
    case.terminate()


async def handleClosed(case: Case) -> None:
    await writing(case)
    case.end.getHandle().close()


async def handleClosedProducer(case: Case) -> None:
    await pullingAsked(case)
    case.end.getHandle().close()


async def handleClosedWatching(case: Case) -> None:
    await watching(case)
    case.end.getHandle().close()


#: By their functions.
TRANSPORT_STATES = [
    opened,
    openedBefore,
    receiving,
    readingPaused,
    budgetSpent,
    writing,
    writingPaused,
    routing,
    pushing,
    pulling,
    pullingAsked,
    watching,
    publishing,
    closing,
    closingProducer,
    closingSoon,
    aborted,
    shut,
    contextTerminated,
    contextTerminatedWatching,
    handleClosed,
    handleClosedProducer,
    handleClosedWatching,
]

#: What cannot be, by states.
IMPOSSIBLE: dict[str, set[Any]] = {
    # The reactor stumbles itself over a descriptor that has been closed.
    "disconnectAll": {
        socketClosed,
        socketClosedMonitored,
        socketClosedWaiting,
        handleClosed,
        handleClosedProducer,
        handleClosedWatching,
    },
}

#: In these, what is asked for has been asked for already, and takes its time.
PATIENT = {closing, closingProducer}


# The ways


def shutdown(case: Case) -> None:
    case.end.shutdown()


def loseConnection(case: Case) -> None:
    case.end.loseConnection()


def abortConnection(case: Case) -> None:
    case.end.abortConnection()


def stopProducing(case: Case) -> None:
    case.end.stopProducing()


def factoryShutdown(case: Case) -> None:
    case.leave()
    case.factory.shutdown()


def factoryClose(case: Case) -> None:
    case.leave()
    case.watch(case.factory.close(0))


def disconnectAll(case: Case) -> None:
    # As the reactor does it when it stops.
    readers = ourReaders() - case.readers
    for reader in readers:
        reactor.removeReader(reader)
    for reader in readers:
        reader.connectionLost(Failure(ConnectionLost()))


#: For each face.
CONNECTION_WAYS = [shutdown, stopProducing, factoryShutdown, factoryClose, disconnectAll]
TRANSPORT_WAYS = [*CONNECTION_WAYS, loseConnection, abortConnection]


class ClosingTests(ZmqTestCase):
    """
    Each state, closed in each way.
    """

    async def table(self, states: Any, ways: Any, act: Callable[..., Any]) -> None:
        """
        :param act: called with a way and a case, when it is in its state.
        """
        # For the other connection; the context stays.
        self.bound(ZmqPullConnection, next(_names)).shutdown()
        before = await descriptorsBefore()
        for state in states:
            for way in ways:
                if state in IMPOSSIBLE.get(way.__name__, ()):
                    continue
                case = Case(self)
                await state(case)
                await act(way, case)
                if state in PATIENT and not case.lost.events:
                    case.end.abortConnection()
                await case.check((state.__name__, way.__name__))
        # libzmq closes its own in its own time.
        await until(lambda: descriptors() <= before)

    async def inATurn(self, way: Callable[[Case], None], case: Case) -> None:
        """
        Close from an ordinary call.
        """
        way(case)
        await turns(3)

    async def inAnotherCallback(self, way: Callable[[Case], None], case: Case) -> None:
        """
        Close while another connection delivers.
        """
        pull, raw = self.withRaw(ZmqPullConnection, zmq.PUSH)
        done = Recorder()

        def close(message: list[bytes]) -> None:
            way(case)
            done(message)

        pull.onPull = close
        raw.send(b"now")
        await done.wait()
        pull.shutdown()
        raw.close()

    async def twice(self, way: Callable[[Case], None], case: Case) -> None:
        """
        Close two times, and once more when it is told.
        """
        case.acts["connectionLost"] = lambda: way(case)
        if case.lost.events:
            case.happens("connectionLost")
        way(case)
        way(case)
        await turns(3)

    async def test_connections(self) -> None:
        """
        A connection, from an ordinary call.
        """
        await self.table(CONNECTION_STATES, CONNECTION_WAYS, self.inATurn)

    async def test_connectionsInACallback(self) -> None:
        """
        A connection, while another one delivers.
        """
        await self.table(CONNECTION_STATES, CONNECTION_WAYS, self.inAnotherCallback)

    async def test_connectionsTwice(self) -> None:
        """
        A connection, again and again.
        """
        await self.table(CONNECTION_STATES, CONNECTION_WAYS, self.twice)

    async def test_transports(self) -> None:
        """
        A transport, from an ordinary call.
        """
        await self.table(TRANSPORT_STATES, TRANSPORT_WAYS, self.inATurn)

    async def test_transportsInACallback(self) -> None:
        """
        A transport, while a connection delivers.
        """
        await self.table(TRANSPORT_STATES, TRANSPORT_WAYS, self.inAnotherCallback)

    async def test_transportsTwice(self) -> None:
        """
        A transport, again and again.
        """
        await self.table(TRANSPORT_STATES, TRANSPORT_WAYS, self.twice)


# From where


async def fromMessage(case: Case) -> None:
    case.connection(ZmqDealerConnection)
    raw = case.raw(zmq.DEALER)
    for _ in range(3):
        raw.send(b"x")


async def fromEvent(case: Case) -> None:
    case.connection(ZmqDealerConnection, "tcp://127.0.0.1:*").enableMonitor()
    case.raw(zmq.DEALER)


async def fromReply(case: Case) -> None:
    case.connection(ZmqREQConnection)
    raw = case.raw(zmq.DEALER)
    case.watch(case.end.sendMsg(b"x"), "deferred")
    case.watch(case.end.sendMsg(b"y"))
    raw.send_multipart(raw.recv_multipart())


async def fromTimeout(case: Case) -> None:
    case.connection(ZmqREQConnection)
    case.raw(zmq.DEALER)
    case.watch(case.end.sendMsg(b"x", timeout=0), "deferred")
    case.watch(case.end.sendMsg(b"y"))


async def fromSent(case: Case) -> None:
    case.connection(ZmqPairConnection)
    for _ in range(3):
        case.watch(case.end.sendWhenReady(b"x"), "deferred")
    case.raw(zmq.PAIR)


async def fromConnected(case: Case) -> None:
    case.connection(ZmqDealerConnection, "tcp://127.0.0.1:*", monitored=True)
    case.watch(case.end.whenConnected(), "deferred")
    case.watch(case.end.whenConnected())
    case.raw(zmq.DEALER)


async def fromLost(case: Case) -> None:
    await requests(case)
    case.acts["later"] = case.acts["connectionLost"]
    case.end.shutdown()


#: Each with the name of the callback.
CONNECTION_PLACES = [
    (fromMessage, "messageReceived"),
    (fromEvent, "eventReceived"),
    (fromReply, "deferred"),
    (fromTimeout, "deferred"),
    (fromSent, "deferred"),
    (fromConnected, "deferred"),
    (fromLost, "connectionLost"),
]


async def fromMade(case: Case) -> None:
    case.transport(zmq.DEALER)


async def fromParts(case: Case) -> None:
    case.transport(zmq.DEALER)
    raw = case.raw(zmq.DEALER)
    for _ in range(3):
        raw.send(b"x")


async def fromTransportEvent(case: Case) -> None:
    case.transport(zmq.DEALER, "tcp://127.0.0.1:*").enableMonitor()
    case.raw(zmq.DEALER)


async def fromPause(case: Case) -> None:
    case.transport(zmq.PUSH).setWriteBufferLimits(high=0)
    case.watch(case.end.writeMessage(b"x"))


async def fromPauseOfWrite(case: Case) -> None:
    case.transport(zmq.PUSH).setWriteBufferLimits(highMessages=1)
    case.watch(case.end.writeMessage(b"x"))
    case.end.write(b"x")


async def fromResume(case: Case) -> None:
    case.transport(zmq.PUSH).setWriteBufferLimits(high=0)
    for _ in range(3):
        case.watch(case.end.writeMessage(b"x"))
    case.raw(zmq.PULL)


async def fromTaken(case: Case) -> None:
    case.transport(zmq.PUSH)
    for _ in range(3):
        case.watch(case.end.writeMessage(b"x"), "deferred")
    case.raw(zmq.PULL)


async def fromTransportConnected(case: Case) -> None:
    case.transport(zmq.DEALER, "tcp://127.0.0.1:*")
    case.watch(case.end.whenConnected(), "deferred")
    case.watch(case.end.whenConnected())
    case.raw(zmq.DEALER)


async def fromSubscribed(case: Case) -> None:
    case.transport(zmq.XPUB)
    case.watch(case.end.whenSubscribed(b"x"), "deferred")
    case.watch(case.end.whenSubscribed(b"x"))
    case.raw(zmq.XSUB).send(b"\1x")


async def fromPushProducer(case: Case) -> None:
    case.transport(zmq.PUSH).setWriteBufferLimits(high=0)
    producer = Producer()
    producer.then = lambda: case.happens("producer")
    case.end.registerProducer(producer, True)
    case.watch(case.end.writeMessage(b"x"))
    case.raw(zmq.PULL)


async def fromPullProducer(case: Case) -> None:
    case.transport(zmq.PUSH)
    producer = Producer()
    producer.then = lambda: case.happens("producer")
    case.end.registerProducer(producer, False)


async def fromTransportLost(case: Case) -> None:
    case.transport(zmq.DEALER).shutdown()


#: Each with the name of the callback.
TRANSPORT_PLACES = [
    (fromMade, "connectionMade"),
    (fromParts, "messageReceived"),
    (fromTransportEvent, "eventReceived"),
    (fromPause, "pauseWriting"),
    (fromPauseOfWrite, "pauseWriting"),
    (fromResume, "resumeWriting"),
    (fromTaken, "deferred"),
    (fromTransportConnected, "deferred"),
    (fromSubscribed, "deferred"),
    (fromPushProducer, "producer"),
    (fromPullProducer, "producer"),
    (fromTransportLost, "connectionLost"),
]


class PlacesTests(ZmqTestCase):
    """
    An end that is closed from one of its own callbacks.
    """

    async def table(self, places: Any, ways: Any) -> None:
        """
        Each place with each way.
        """
        before = await descriptorsBefore()
        for place, name in places:
            for way in ways:
                if place is fromMade and way is disconnectAll:
                    # The reactor does not know it yet.
                    continue
                case = Case(self)
                case.acts[name] = lambda case=case, way=way: way(case)
                await place(case)
                await case.check((place.__name__, way.__name__))
                # What has come after that was not delivered.
                self.assertLessEqual(len(case.got.events), 1, (place.__name__, way.__name__))
        await until(lambda: descriptors() <= before)

    async def test_connections(self) -> None:
        """
        A connection.
        """
        await self.table(CONNECTION_PLACES, CONNECTION_WAYS)

    async def test_transports(self) -> None:
        """
        A transport.
        """
        await self.table(TRANSPORT_PLACES, TRANSPORT_WAYS)
