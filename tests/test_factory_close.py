"""
Tests of :meth:`txzmq.ZmqFactory.close`: the end that does not block.
"""

from __future__ import annotations

import contextlib
import os
import threading
from time import monotonic
from typing import Any, Optional

import zmq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure

import txzmq._termination
from txzmq import (
    ZmqClosedError,
    ZmqFactory,
    ZmqOptionError,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREQConnection,
    ZmqSubConnection,
    ZmqThreadError,
    ZmqUnsentError,
    createZmqConnection,
)

from .support import PATIENCE, Recorder, ZmqTestCase, accepted, assigned, inThread, turns, until
from .transports import Recording

#: Nobody listens there: the port is that of a service that nobody has any more.
NOWHERE = "tcp://127.0.0.1:9"


class Pull(ZmqPullConnection):
    """
    Records what comes.
    """

    def __init__(self, *args: Any) -> None:
        self.onPull = Recorder()
        super().__init__(*args)


class Patient(ZmqPushConnection):
    """
    Keeps its messages until somebody is connected.
    """

    immediate = True


class ClosingTestCase(ZmqTestCase):
    """
    A test that closes factories.
    """

    async def assertUnsent(self, closed: Deferred[None], messages: int, size: int) -> str:
        """
        :return: the text of the error.
        """
        try:
            await closed
        except ZmqUnsentError as error:
            self.assertEqual((error.messages, error.bytes), (messages, size))
            return str(error)
        raise self.failureException("all was sent")

    def transport(self, address: str, immediate: int = 1) -> Any:
        """
        :return: a transport that is to push to an address.
        """
        opening = createZmqConnection(Recording, zmq.PUSH, factory=self.factory)
        transport, _ = self.successResultOf(opening)
        transport.setsockopt(zmq.IMMEDIATE, immediate)
        transport.setsockopt(zmq.SNDHWM, 1)
        transport.connect(address)
        return transport

    def waiting(self, address: str) -> list[tuple[Any, Deferred[None]]]:
        """
        :return: one of each face, and what fires when the message that waits in it,
            of five bytes, has gone.
        """
        push, transport = self.connected(Patient, address), self.transport(address)
        both = [
            (push, push.sendWhenReady(b"12345")),
            (transport, transport.writeMessage(b"12345")),
        ]
        for _, taken in both:
            taken.addErrback(lambda failure: None)
        return both

    def joins(self) -> list[Any]:
        """
        :return: gets the seconds for which somebody is prepared to wait for a thread,
            from now on.
        """
        waits: list[Any] = []
        join = threading.Thread.join

        def observed(thread: threading.Thread, timeout: Optional[float] = None) -> None:
            waits.append(timeout)
            join(thread, timeout)

        self.patch(threading.Thread, "join", observed)
        return waits

    async def terminated(self) -> None:
        """
        Wait until no context is being terminated.
        """
        await until(lambda: "txzmq-terminate" not in {t.name for t in threading.enumerate()})

    async def assertStillSent(self, address: str) -> None:
        """
        libzmq goes on with what it has, and ends when it has sent it.
        """
        peer = self.raw(zmq.PULL)
        peer.bind(address)
        self.assertEqual(await inThread(peer.recv), b"1")
        await self.terminated()


class CloseTests(ClosingTestCase):
    """
    Closing a factory.
    """

    async def test_nothingOpen(self) -> None:
        """
        A factory that has nothing open closes at once, and any number of times.
        """
        self.assertIsNone(await self.factory.close())
        self.assertIsNone(await self.factory.close())
        self.assertIsNone(self.factory.connections)

    async def test_sent(self) -> None:
        """
        What libzmq has arrives.
        """
        other = ZmqFactory()
        self.addCleanup(other.shutdown)
        pull = Pull(other)
        pull.addEndpoints([("bind", "tcp://127.0.0.1:*")])  # type: ignore[list-item]
        push = self.connected(ZmqPushConnection, pull)
        for number in range(1000):
            push.push(b"%d" % number)
        await self.factory.close(PATIENCE)
        await pull.onPull.wait(1000)
        self.assertEqual(pull.onPull.events, [[b"%d" % number] for number in range(1000)])

    async def test_ownQueue(self) -> None:
        """
        What waits with us gets its time: a peer that comes meanwhile gets it.
        """
        address = self.ipcAddress()
        push = self.connected(Patient, address)
        sent = [push.sendWhenReady(b"%d" % number) for number in range(10)]
        closed = self.factory.close(PATIENCE)
        other = ZmqFactory()
        self.addCleanup(other.shutdown)
        pull = Pull(other)
        pull.addEndpoints([("bind", address)])  # type: ignore[list-item]
        await closed
        for deferred in sent:
            self.assertIsNone(await deferred)
        await pull.onPull.wait(10)
        self.assertEqual(pull.onPull.events, [[b"%d" % number] for number in range(10)])

    async def test_transport(self) -> None:
        """
        So does what waits in a transport, whose protocol is told as ever.
        """
        address = self.ipcAddress()
        lost = Recorder()

        class Protocol:
            def __getattr__(self, name: str) -> Any:
                return lost if name == "connectionLost" else lambda *args: None

        transport, _ = await createZmqConnection(
            Protocol,  # type: ignore[arg-type]
            zmq.PUSH,
            factory=self.factory,
        )
        transport.setsockopt(zmq.IMMEDIATE, 1)
        transport.connect(address)
        transport.write([b"1", b"2"])
        closed = self.factory.close(PATIENCE)
        peer = self.raw(zmq.PULL)
        peer.bind(address)
        await closed
        self.assertEqual(len(lost.events), 1)
        self.assertEqual(peer.recv_multipart(), [b"1", b"2"])

    async def test_tooLate(self) -> None:
        """
        What nobody has taken by the deadline is counted.
        """
        push = self.connected(Patient, NOWHERE)
        sent = [push.sendWhenReady(b"four"), push.sendWhenReady([b"", b"1"])]
        text = await self.assertUnsent(self.factory.close(0.01), 2, 5)
        self.assertIn("2 messages, 5 bytes, waited", text)
        for deferred in sent:
            with contextlib.suppress(ZmqClosedError):
                await deferred
                self.fail("it was sent")

    async def test_givenUp(self) -> None:
        """
        What libzmq has cannot be counted, but it is told that there was some.
        """
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        self.assertIn("libzmq", await self.assertUnsent(self.factory.close(0.2), 0, 0))

    async def test_nothingToGiveUp(self) -> None:
        """
        Who has nothing to send gives up nothing, however late it is noticed that
        libzmq has ended.
        """
        self.bound(ZmqPullConnection)
        term, isLate = zmq.Context.term, threading.Event()

        def termLate(context: zmq.Context[Any]) -> None:
            term(context)
            isLate.wait(PATIENCE)

        self.patch(zmq.Context, "term", termLate)
        self.patch(txzmq._termination, "GRACE", PATIENCE)
        closed = self.factory.close(0.01)
        deadline = monotonic() + 0.01
        await until(lambda: monotonic() > deadline)
        isLate.set()
        self.assertIsNone(await closed)

    async def test_noTime(self) -> None:
        """
        Without any time what libzmq has is dropped, as was asked for.
        """
        self.patch(txzmq._termination, "GRACE", PATIENCE)
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        await self.factory.close(0)

    async def test_foreignSocket(self) -> None:
        """
        A socket that is not ours keeps the context, but not the program.
        """
        assert self.factory.context is not None
        foreign = self.factory.context.socket(zmq.PUSH)
        try:
            text = await self.assertUnsent(self.factory.close(0), 0, 0)
        finally:
            foreign.close()
        self.assertIn("a socket that is not ours", text)

    async def test_doesNotBlock(self) -> None:
        """
        The reactor goes round while libzmq still sends.
        """
        callers: list[int] = []

        def observe(cls: Any, name: str) -> None:
            blocking = getattr(cls, name)

            def observed(*args: Any) -> Any:
                callers.append(threading.get_ident())
                return blocking(*args)

            self.patch(cls, name, observed)

        for cls, name in [
            (zmq.Context, "term"),
            (zmq.Context, "destroy"),
            (threading.Thread, "join"),
        ]:
            observe(cls, name)
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        await self.assertUnsent(self.factory.close(0.1), 0, 0)
        self.assertEqual(len(callers), 1)
        self.assertNotIn(threading.get_ident(), callers)

    async def test_closedMeanwhile(self) -> None:
        """
        While it closes nothing new is opened, and what asks too is told as well.
        """
        push = self.connected(Patient, NOWHERE)
        waiting = push.sendWhenReady(b"1")
        first, second = self.factory.close(PATIENCE), self.factory.close()
        self.assertRaises(ZmqClosedError, ZmqPullConnection, self.factory)
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.assertEqual([await first, await second], [None, None])

    async def test_receivesNothing(self) -> None:
        """
        Messages that come meanwhile are not delivered.
        """
        pull, raw = self.withRaw(Pull, zmq.PUSH)
        raw.send(b"1")
        waiting = self.connected(Patient, NOWHERE).sendWhenReady(b"1")
        waiting.addErrback(lambda failure: None)
        closed = self.factory.close(PATIENCE)
        await turns(5)
        raw.close()
        waiting.cancel()
        await closed
        self.assertEqual(pull.onPull.events, [])

    async def test_requests(self) -> None:
        """
        Requests that wait for a reply fail.
        """
        self.patch(txzmq._termination, "GRACE", PATIENCE)
        reply = self.connected(ZmqREQConnection, NOWHERE).sendMsg(b"1")
        await self.factory.close(0)
        await self.assertFailure(reply, ZmqClosedError)

    async def test_shutdownMeanwhile(self) -> None:
        """
        Who shuts it down while it closes ends it, and whoever waits is told.
        """
        push = self.connected(Patient, NOWHERE)
        push.sendWhenReady(b"12345").addErrback(lambda failure: None)
        closed = self.factory.close(0.05)
        self.factory.shutdown()
        self.assertTrue(closed.called)
        await self.assertUnsent(closed, 1, 5)

    async def test_shutdownWhileTerminating(self) -> None:
        """
        The same when all is closed, and libzmq still sends.
        """
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        closed = self.factory.close(0.05)
        await turns()
        self.factory.shutdown()
        self.assertTrue(closed.called)
        self.assertIn("libzmq", await self.assertUnsent(closed, 0, 0))

    async def test_closedOnTheirOwn(self) -> None:
        """
        What is closed by somebody else meanwhile takes its messages with it, and they
        are counted.
        """
        both = self.waiting(NOWHERE)
        closed = self.factory.close(PATIENCE)
        for connection, _ in both:
            connection.shutdown()
        text = await self.assertUnsent(closed, 2, 10)
        self.assertIn("2 messages, 10 bytes, waited", text)

    async def test_abortedBefore(self) -> None:
        """
        What was lost before is not.
        """
        transport = self.transport(NOWHERE)
        transport.write(b"12345")
        transport.abortConnection()
        await self.factory.close(PATIENCE)

    async def test_tooLateForMore(self) -> None:
        """
        At the deadline libzmq gets nothing any more, which it would drop: it is
        counted.
        """
        (_, first), (transport, second) = self.waiting(NOWHERE)
        first.cancel()
        real = transport.connectionLost

        def connectionLost(reason: Failure) -> None:
            transport.setsockopt(zmq.IMMEDIATE, 0)
            transport.connect(NOWHERE)
            real(reason)

        transport.connectionLost = connectionLost
        await self.assertUnsent(self.factory.close(0.01), 1, 5)
        self.assertTrue(second.called)

    async def test_producerIsLate(self) -> None:
        """
        A producer that does not end by the deadline is told, also where nothing waits.
        """

        class Producer:
            stopProducing = Recorder()

        transport = self.transport(NOWHERE)
        transport.registerProducer(Producer(), True)
        text = await self.assertUnsent(self.factory.close(0.01), 0, 0)
        self.assertIn("not all was closed by the deadline", text)
        self.assertEqual(len(Producer.stopProducing.events), 1)

    async def test_lateLinger(self) -> None:
        """
        At the deadline libzmq lets go of what it has.
        """
        self.waiting(NOWHERE)
        lingers = self.lingers()
        await self.assertUnsent(self.factory.close(0.05), 2, 10)
        self.assertEqual(lingers, [0, 0])

    async def test_restLinger(self) -> None:
        """
        What is closed before has the time that is left, and no more.
        """
        both = self.waiting(NOWHERE)
        lingers = self.lingers()
        closed, begin = self.factory.close(PATIENCE), monotonic()
        await until(lambda: monotonic() > begin + 0.02)
        for _, taken in both:
            taken.cancel()
        await closed
        longest = (PATIENCE - 0.02) * 1000 + 2
        self.assertEqual([100 < linger <= longest for linger in lingers], [True] * 2, lingers)

    async def test_ownLinger(self) -> None:
        """
        A transport that is closing by itself is given no more than that either.
        """
        ((_, first), (transport, second)) = self.waiting(NOWHERE)
        lingers = self.lingers()
        transport.closeTimeout = 10 * PATIENCE
        transport.loseConnection()
        closed = self.factory.close(PATIENCE)
        first.cancel()
        second.cancel()
        await closed
        self.assertEqual(
            len([linger for linger in lingers if linger > PATIENCE * 1001]), 0, lingers
        )

    async def test_eachOther(self) -> None:
        """
        Connections that close each other are closed once, quietly, and each has all
        the time that there is.
        """
        lingers = self.lingers()
        self.factory.lingerPeriod = PATIENCE * 1000

        class Mutual(Patient):
            def connectionLost(self, reason: Failure) -> None:
                super().connectionLost(reason)
                for other in all_:
                    other.shutdown()

        all_ = [self.connected(Mutual, NOWHERE) for _ in range(3)]
        texts = self.logged()
        await self.factory.close(PATIENCE)
        self.assertEqual((texts, len(lingers)), ([], 3))

    async def test_hurriedElsewhere(self) -> None:
        """
        A factory that is closing is not shut down by another thread.
        """
        ((push, taken), (transport, _)) = self.waiting(NOWHERE)
        closed = self.factory.close(PATIENCE)
        await self.assertFailure(inThread(self.factory.shutdown), ZmqThreadError)
        self.assertEqual((push.fd >= 0, transport.fileno() >= 0, taken.called), (True, True, False))
        self.factory.shutdown()
        await self.assertUnsent(closed, 2, 10)

    async def test_aborted(self) -> None:
        """
        To lose what a transport has, while its factory closes, is what was wanted.
        """
        transport = self.transport(NOWHERE)
        closed = self.factory.close(PATIENCE)
        transport.abortConnection()
        await closed

    async def test_subscriber(self) -> None:
        """
        A subscription that has nobody to go to is nothing that waits to be sent.
        """
        self.connected(ZmqSubConnection, NOWHERE).subscribe(b"topic")
        await turns(5)
        await self.factory.close(0.2)

    async def test_graceIsLast(self) -> None:
        """
        The time that libzmq's threads have begins when all is closed, however long
        that takes.
        """
        self.patch(txzmq._termination, "GRACE", 3600)
        pending: list[Any] = []

        class Slow(Patient):
            def connectionLost(self, reason: Failure) -> None:
                pending.extend(reactor.getDelayedCalls())  # type: ignore[attr-defined]
                super().connectionLost(reason)

        self.connected(Slow, NOWHERE).sendWhenReady(b"12345").addErrback(lambda failure: None)
        await self.assertUnsent(self.factory.close(0.01), 1, 5)
        late = [call for call in pending if call.getTime() > reactor.seconds() + 1800]  # type: ignore[attr-defined]
        self.assertEqual(late, [])

    async def test_openedMeanwhile(self) -> None:
        """
        While it closes no transport is opened either, with a socket of somebody else,
        which stays as it is.
        """
        assert self.factory.context is not None
        ((_, first), (_, second)) = self.waiting(NOWHERE)
        socket = self.factory.context.socket(zmq.PULL)
        closed = self.factory.close(PATIENCE)
        opening = createZmqConnection(Recording, zmq.PULL, zmqSocket=socket, factory=self.factory)
        self.failureResultOf(opening, ZmqClosedError)
        self.assertFalse(socket.closed)
        socket.close()
        first.cancel()
        second.cancel()
        await closed

    async def test_sharedError(self) -> None:
        """
        All who wait are told by the same error: one for each would block the reactor
        when there are many.
        """
        transport = self.transport(NOWHERE)
        waiting = [transport.writeMessage(b"1") for _ in range(10)]
        await self.assertUnsent(self.factory.close(0), 10, 10)
        errors = {id(self.failureResultOf(taken, ZmqClosedError).value) for taken in waiting}
        self.assertEqual(len(errors), 1)

    async def assertClosesAllTheSame(self, cls: type[ZmqPushConnection]) -> None:
        """
        The factory closes a connection that raises, and logs that.
        """
        self.factory.lingerPeriod = PATIENCE * 1000
        connection = cls(self.factory)
        await self.factory.close(PATIENCE)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertRaises(ZmqClosedError, connection.push, b"1")

    async def test_ownShutdown(self) -> None:
        """
        A subclass whose own shutdown raises, or leaves it open, is closed too.
        """

        class Stubborn(ZmqPushConnection):
            def shutdown(self) -> None:
                raise RuntimeError("no")

        await self.assertClosesAllTheSame(Stubborn)

    async def test_failing(self) -> None:
        """
        A connection that fails to close is closed all the same.
        """

        class Failing(ZmqPushConnection):
            def _closeWhenSent(self, *args: Any) -> None:
                raise RuntimeError("no")

        await self.assertClosesAllTheSame(Failing)

    async def test_cancelled(self) -> None:
        """
        Who does not want to wait any longer can cancel that; it closes all the same.
        """
        self.bound(ZmqPullConnection)
        closed, other = self.factory.close(PATIENCE), self.factory.close()
        closed.addErrback(lambda failure: failure.trap(CancelledError))
        closed.cancel()
        self.assertIsNone(await other)

    async def test_shutdownWithoutContext(self) -> None:
        """
        A shutdown meanwhile, when the context is the business of somebody else.
        """
        context: Any = self.factory.context
        push = self.connected(Patient, NOWHERE)
        push.sendWhenReady(b"12345").addErrback(lambda failure: None)
        closed = self.factory.close(PATIENCE)
        self.factory.contextLost()
        self.factory.shutdown()
        await self.assertUnsent(closed, 1, 5)
        await inThread(context.destroy, 0)

    async def test_socketGone(self) -> None:
        """
        A connection whose socket somebody has closed does not keep it.
        """
        push = ZmqPushConnection(self.factory)
        assert push.socket is not None
        push.socket.close()
        await self.factory.close(PATIENCE)
        self.assertEqual(self.factory.connections, None)
        self.flushLoggedErrors()

    async def test_removesTriggers(self) -> None:
        """
        A registered factory that is closed is not shut down again.
        """
        self.factory.registerForShutdown()
        await self.factory.close(PATIENCE)
        self.assertIsNone(self.factory._trigger)

    async def test_deadlines(self) -> None:
        """
        A deadline is a number of seconds.
        """
        for wrong in (-1, "1", float("nan"), float("inf"), 1e306, 10**400, 10**5000):
            self.assertRaises(ZmqOptionError, self.factory.close, wrong)
        with assigned(ZmqFactory, "lingerPeriod", float("nan")):
            self.assertRaises(ZmqOptionError, self.factory.close)
        self.factory.lingerPeriod = -1
        await self.factory.close()

    async def test_leavesNoTimer(self) -> None:
        """
        No delayed call is left behind.
        """
        await self.factory.close(PATIENCE)
        names = [str(call) for call in reactor.getDelayedCalls()]  # type: ignore[attr-defined]
        self.assertEqual([name for name in names if "_tooLate" in name], [])

    async def test_removesFiles(self) -> None:
        """
        The files of its addresses are gone.
        """
        address = self.ipcAddress()
        self.bound(ZmqPullConnection, address)
        self.assertTrue(os.path.exists(address[len("ipc://") :]))
        await self.factory.close(PATIENCE)
        self.assertFalse(os.path.exists(address[len("ipc://") :]))


class BoundTests(ClosingTestCase):
    """
    Whoever blocks does so for as long as the ``lingerPeriod``, which is short, not
    for as long as somebody else has time.
    """

    def assertShort(self, waits: list[Any]) -> None:
        """
        Not the deadline, and not the second for a socket that is not ours.
        """
        self.assertEqual([0 <= seconds < 1 for seconds in waits], [True], waits)

    async def test_shutdownMeanwhile(self) -> None:
        """
        A shutdown while ``close()`` has given libzmq a long time does not take it; it
        goes on alone, and that is told.
        """
        address, waits = self.ipcAddress(), self.joins()
        self.connected(ZmqPushConnection, address).push(b"1")
        closed = self.factory.close(PATIENCE)
        self.factory.shutdown()
        self.assertShort(waits)
        self.assertIn("still be sending", await self.assertUnsent(closed, 0, 0))
        await self.assertStillSent(address)

    async def test_graceIsNotTakenTwice(self) -> None:
        """
        What is over of the second for a socket that is not ours is over.
        """
        assert self.factory.context is not None
        waits = self.joins()
        foreign = self.factory.context.socket(zmq.PUSH)
        closed = self.factory.close(0)
        await turns()
        self.factory.shutdown()
        foreign.close()
        self.assertIn("not ours", await self.assertUnsent(closed, 0, 0))
        self.assertShort(waits)

    async def test_endsWhenNobodyWaits(self) -> None:
        """
        A context whose end nobody waits for any more ends without a word: the reactor
        may have nothing to do with it.
        """
        assert self.factory.context is not None
        foreign = self.factory.context.socket(zmq.PUSH)
        closed = self.factory.close(0)
        self.factory.shutdown()
        await self.assertUnsent(closed, 0, 0)
        called = Recorder()
        self.patch(reactor, "callFromThread", called)
        foreign.close()
        await self.terminated()
        self.assertEqual(called.events, [])

    def stopped(self, connection: Any) -> Deferred[None]:
        """
        Stop a reactor while a factory closes that is registered with it.

        :param connection: makes a connection of it, with a message of five bytes
            that waits.
        :return: what ``close()`` has returned.
        """
        other: Any = SelectReactor()
        self.factory = ZmqFactory(other)
        self.factory.registerForShutdown()
        connection()
        told: list[Deferred[None]] = []
        other.callWhenRunning(lambda: told.append(self.factory.close(PATIENCE)))
        other.callWhenRunning(other.callLater, 0, other.stop)
        other.run(installSignalHandlers=False)
        for call in other.getDelayedCalls():
            call.cancel()
        for reader in other.getReaders():
            other.removeReader(reader)
            reader.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]
        return told[0]

    async def test_reactorStops(self) -> None:
        """
        If the reactor stops, which closes the connections before us, what waited is
        counted all the same.
        """

        def push() -> None:
            push = self.connected(Patient, NOWHERE)
            push.sendWhenReady(b"12345").addErrback(lambda failure: None)

        for make in (push, lambda: self.transport(NOWHERE).write(b"12345")):
            closed = self.stopped(make)
            self.assertTrue(closed.called)
            await self.assertUnsent(closed, 1, 5)

    async def test_reactorStopsLinger(self) -> None:
        """
        What libzmq has of them is held for the ``lingerPeriod`` then, and given up.
        """
        self.patch(txzmq._termination, "GRACE", 3600)

        def push() -> None:
            # libzmq takes the first.
            self.transport(NOWHERE, immediate=0).writeSequence([b"1", b"12345"])

        text = await self.assertUnsent(self.stopped(push), 1, 5)
        self.assertIn("libzmq may have given up what it had", text)

    async def test_socketOfTheUser(self) -> None:
        """
        What was made in the context by somebody else gets the ``lingerPeriod``, too.
        """
        waits = self.joins()
        factory = ZmqFactory()
        factory.lingerPeriod = 2000
        socket = factory.context.socket(zmq.PUSH)
        opening = createZmqConnection(Recording, zmq.PUSH, zmqSocket=socket, factory=factory)
        transport, _ = self.successResultOf(opening)
        socket.linger = -1
        transport.abortConnection()
        factory.shutdown()
        self.assertGreaterEqual(waits[0], 2)

    async def test_lostBefore(self) -> None:
        """
        What a transport has left to libzmq, for ``closeTimeout``, does not hold a
        shutdown up, and the reason is the true one.
        """
        for way in ("shutdown", "close"):
            self.patch(txzmq._termination, "GRACE", 3600)
            address, waits, logged = self.ipcAddress(), self.joins(), self.logged()
            self.factory = ZmqFactory()
            transport = self.transport(address, immediate=0)
            transport.write(b"1")
            lost = transport._protocol.lost
            transport.loseConnection()
            await lost.wait()
            if way == "shutdown":
                self.factory.shutdown()
                self.assertShort(waits)
            else:
                await self.assertUnsent(self.factory.close(0.01), 0, 0)
            self.assertIn("may still be sending", "".join(logged))
            self.assertNotIn("not ours", "".join(logged))
            await self.assertStillSent(address)


class ThreadlessTests(ClosingTestCase):
    """
    No thread can be started: there are too many, or the interpreter exits.
    """

    def setUp(self) -> None:
        super().setUp()

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        self.patch(threading.Thread, "start", refuse)

    def opened(self) -> Any:
        """
        :return: the context, in use, to be terminated afterwards.
        """
        self.bound(ZmqPullConnection, "inproc://threadless")
        context: Any = self.factory.context
        self.addCleanup(context.term)
        return context

    async def test_close(self) -> None:
        """
        ``close()`` does not block, so it cannot know how it ends, and tells that at
        once, also where it has time without end.
        """
        for period in (100, -1):
            self.factory = ZmqFactory()
            self.factory.lingerPeriod = period
            self.opened()
            text = await self.assertUnsent(self.factory.close(), 0, 0)
            self.assertIn("no thread can be started", text)

    async def test_tooLate(self) -> None:
        """
        So it is told at the deadline, too, if something waits until then.
        """
        self.opened()
        self.connected(Patient, NOWHERE).sendWhenReady(b"12345").addErrback(lambda _: None)
        closed = self.factory.close(0.01)
        await until(lambda: closed.called)
        self.assertIn("no thread can be started", await self.assertUnsent(closed, 1, 5))

    async def test_shutdownMeanwhile(self) -> None:
        """
        A shutdown meanwhile terminates the context: it may block.
        """
        context = self.opened()
        self.connected(Patient, NOWHERE).sendWhenReady(b"12345").addErrback(lambda _: None)
        closed = self.factory.close(PATIENCE)
        self.factory.shutdown()
        await self.assertUnsent(closed, 1, 5)
        self.assertTrue(context.closed)

    def test_foreignSocket(self) -> None:
        """
        A socket of somebody else is left alone, and not waited for.
        """
        for period in (10, -1):
            self.factory = ZmqFactory()
            self.factory.lingerPeriod = period
            context, logged = self.opened(), self.logged()
            foreign = context.socket(zmq.PUSH)
            self.factory.shutdown()
            self.assertEqual((foreign.closed, context.closed), (False, False))
            self.assertIn("is not terminated", "".join(logged))
            foreign.close()


class SubscriptionTests(ZmqTestCase):
    """
    What libzmq takes out of messages.
    """

    async def test_hiddenSubscription(self) -> None:
        """
        A subscription that an XPUB has, hidden in another message, costs that
        message only.
        """
        got, texts = Recorder(), self.logged()
        xpub, raw = self.withRaw(
            type("XPub", (ZmqPullConnection,), {"socketType": zmq.XPUB}), zmq.XSUB
        )
        xpub.messageReceived = got
        raw.send(b"\1x")
        await got.wait(1)
        raw.send_multipart([b"data", b"\1x"])
        await until(lambda: any("without an end" in text for text in texts))
        raw.send(b"\1y")
        await got.wait(2)
        self.assertEqual(got.events, [[b"\1x"], [b"\1y"]])
        await accepted(xpub.send, b"x1")
        self.assertEqual(raw.recv(), b"x1")


class ForeignTerminationTests(ZmqTestCase):
    """
    Somebody else terminates the context.
    """

    async def test_terminatedElsewhere(self) -> None:
        """
        While another thread waits for it, we do not: libzmq would abort.
        """
        connection = ZmqPullConnection(self.factory)
        lost = Recorder()
        connection.connectionLost = lost  # type: ignore[method-assign]
        assert self.factory.context is not None
        terminated = inThread(self.factory.context.term)
        await lost.wait(1)
        self.factory.shutdown()
        await terminated
        self.assertEqual(len(lost.events), 1)

    async def test_terminatedBefore(self) -> None:
        """
        One that is terminated by now is left alone, too.
        """
        ZmqPullConnection(self.factory).shutdown()
        assert self.factory.context is not None
        await inThread(self.factory.context.term)
        await self.factory.close(PATIENCE)

    async def test_contextTooLate(self) -> None:
        """
        A factory that is closed takes no other context.
        """
        await self.factory.close(PATIENCE)
        self.assertRaises(ZmqClosedError, setattr, self.factory, "context", None)
