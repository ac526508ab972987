"""
Tests of transports: how they come to their end, and who is told.
"""

from __future__ import annotations

from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from txzmq import ZmqClosedError, ZmqFactory, ZmqOptionError, ZmqUnsentError

from .support import Recorder, alive, inThread, turns
from .transports import TAKEN, Recording, TransportTestCase, arrived, received

#: Ways to close.
WAYS = ["loseConnection", "abortConnection", "shutdown", "stopProducing"]


class LoseTests(TransportTestCase):
    """
    ``loseConnection`` sends what waits, and closes.
    """

    async def test_nothingWaits(self) -> None:
        """
        Where nothing waits it closes in the next turn, not within the call.
        """
        transport, protocol = self.opened(zmq.PUSH)
        transport.loseConnection()
        self.assertEqual(protocol.lost.events, [])
        (reason,) = await protocol.lost.wait()
        self.assertIsInstance(reason, ConnectionDone)

    async def test_flushes(self) -> None:
        """
        What waits is sent first, and those who wait for it are told.
        """
        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
        waiting = [transport.writeMessage(b"%d" % i) for i in range(10)]
        transport.loseConnection()
        await turns(10)
        self.assertEqual(protocol.lost.events, [])
        self.assertEqual(await arrived(raw, 10), [[b"%d" % i] for i in range(10)])
        self.assertEqual({self.successResultOf(d) for d in waiting}, {None})
        self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)

    async def test_arrives(self) -> None:
        """
        What was written arrives, though nobody was there when it was closed,
        over each kind of transport.
        """
        for address in ("inproc://arrives", self.ipcAddress(), "tcp://127.0.0.1:*"):
            transport, protocol = self.opened(zmq.PUSH)
            transport.writeSequence([[b"%d" % i, b""] for i in range(100)])
            transport.loseConnection()
            raw = self.beside(transport, zmq.PULL, address)
            for i in range(100):
                self.assertEqual(await inThread(raw.recv_multipart), [b"%d" % i, b""])
            self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)

    async def test_takenIsSent(self) -> None:
        """
        What libzmq has taken is sent after the end, too: a connection that is
        still being made delays it, and does not lose it.
        """
        for address in (self.ipcAddress(), "tcp://127.0.0.1:*"):
            raw = self.raw(zmq.PULL)
            raw.bind(address)
            transport, protocol = self.opened(zmq.PUSH)
            transport.connect(raw.last_endpoint.decode())
            transport.write(bytes(1_000_000))
            transport.loseConnection()
            await protocol.lost.wait()
            self.assertEqual(await inThread(raw.recv), bytes(1_000_000))

    async def test_request(self) -> None:
        """
        A request that waits for the reply to another leaves when that has come;
        the reply is not delivered any more, also where reading was paused.
        """
        for isPaused in (False, True):
            transport, protocol, raw = self.facing(zmq.REQ, zmq.REP)
            if isPaused:
                transport.pauseProducing()
            transport.writeSequence([b"0", b"1"])
            transport.loseConnection()
            self.assertEqual(await arrived(raw, 1), [[b"0"]])
            raw.send(b"reply")
            self.assertEqual(await arrived(raw, 1), [[b"1"]])
            self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)
            self.assertEqual(protocol.got.events, [])

    async def test_noReply(self) -> None:
        """
        Without a reply it is lost, after the time.
        """
        transport, protocol, _ = self.facing(zmq.REQ, zmq.REP)
        transport.closeTimeout = 0
        transport.writeSequence([b"0", b"1"])
        transport.loseConnection()
        self.assertIsInstance((await protocol.lost.wait())[0], ZmqUnsentError)

    async def test_receivesNoMore(self) -> None:
        """
        Nothing is received any more, and to resume changes nothing.
        """
        transport, protocol, raw = self.stalled(zmq.DEALER, zmq.DEALER)
        transport.writeSequence([b"x"] * 10)
        raw.send(b"x")
        transport.loseConnection()
        transport.pauseProducing()
        transport.resumeProducing()
        await arrived(raw, 10)
        await protocol.lost.wait()
        self.assertEqual(protocol.got.events, [])

    async def test_writesNoMore(self) -> None:
        """
        From then on nothing can be written.
        """
        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.writeSequence([b"x"] * (TAKEN + 1))
        transport.loseConnection()
        self.assertRaises(ZmqClosedError, transport.write, b"y")
        self.failureResultOf(transport.writeMessage(b"y"), ZmqClosedError)
        self.assertEqual(await arrived(raw, TAKEN + 1), [[b"x"]] * (TAKEN + 1))
        await protocol.lost.wait()

    async def test_socketStays(self) -> None:
        """
        The socket is there until the end: a peer can still be connected to.
        """
        transport, protocol = self.opened(zmq.PUSH)
        transport.write(b"x")
        transport.loseConnection()
        self.assertEqual(transport.getsockopt(zmq.TYPE), zmq.PUSH)
        raw = self.beside(transport, zmq.PULL)
        self.assertEqual(await arrived(raw, 1), [[b"x"]])
        await protocol.lost.wait()

    async def test_takenBack(self) -> None:
        """
        When all that waits is taken back there is nothing to wait for.
        """
        transport, protocol = self.opened(zmq.PUSH)
        waiting = transport.writeMessage(b"x").addErrback(lambda _: None)
        transport.loseConnection()
        waiting.cancel()
        self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)

    async def test_wantedNoMore(self) -> None:
        """
        ``stopProducing`` is the same.
        """
        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.writeSequence([b"x"] * 5)
        transport.stopProducing()
        await arrived(raw, 5)
        self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)

    async def test_quiet(self) -> None:
        """
        To wait costs nothing.
        """
        transport, _, raw = self.stalled(zmq.DEALER, zmq.DEALER)
        transport.writeSequence([b"x"] * 10)
        transport.loseConnection()
        raw.send(b"x")
        self.assertTrue(await self.isQuiet())


class TimeoutTests(TransportTestCase):
    """
    ``closeTimeout`` bounds how long a transport waits.
    """

    def waiting(self, closeTimeout: Any) -> tuple[Any, Any, Any]:
        """
        :return: a reactor with a clock that stands still, and on it a transport
            that cannot send, and its protocol.
        """
        clock = MemoryReactorClock()
        transport, protocol = self.opened(zmq.PUSH, reactor=clock)
        transport.closeTimeout = closeTimeout
        return clock, transport, protocol

    def test_tooLate(self) -> None:
        """
        What has not left by then is lost, and the reason says how much.
        """
        clock, transport, protocol = self.waiting(5)
        waiting = transport.writeMessage([b"abc", b"de"])
        transport.write(b"f")
        transport.loseConnection()
        texts = self.logged()
        clock.advance(4.9)
        self.assertEqual(protocol.lost.events, [])
        clock.advance(0.2)
        (reason,) = protocol.lost.events
        self.assertIsInstance(reason, ZmqUnsentError)
        self.assertEqual((reason.messages, reason.bytes), (2, 6))
        for cls in (OSError, zmq.ZMQError, TimeoutError):
            self.assertIsInstance(reason, cls)
        self.assertIn("closeTimeout", str(reason))
        self.assertIn("2 messages, 6 bytes", "".join(texts))
        self.failureResultOf(waiting, ZmqClosedError)

    def test_default(self) -> None:
        """
        By default it is half a minute.
        """
        clock, transport, protocol = self.waiting(30.0)
        del transport.closeTimeout
        transport.write(b"x")
        transport.loseConnection()
        clock.advance(29.9)
        self.assertEqual(protocol.lost.events, [])
        clock.advance(0.2)
        self.assertEqual(len(protocol.lost.events), 1)

    def test_endless(self) -> None:
        """
        Without a bound there is none.
        """
        clock, transport, protocol = self.waiting(None)
        transport.write(b"x")
        transport.loseConnection()
        clock.pump([1e6] * 3)
        self.assertEqual((protocol.lost.events, clock.getDelayedCalls()), ([], []))

    def test_inTime(self) -> None:
        """
        Nothing remains to be called when all has left.
        """
        clock, transport, protocol = self.waiting(5)
        waiting = transport.writeMessage(b"x").addErrback(lambda _: None)
        transport.loseConnection()
        waiting.cancel()
        clock.pump([0] * 3)
        self.assertEqual((len(protocol.lost.events), clock.getDelayedCalls()), (1, []))

    def test_producer(self) -> None:
        """
        A producer that does not end is waited for as long, and the reason says
        so.
        """
        clock, transport, protocol = self.waiting(5)

        class Idle:
            stopProducing = Recorder()

        transport.registerProducer(Idle, True)
        transport.loseConnection()
        clock.advance(5)
        (reason,) = protocol.lost.events
        self.assertIsInstance(reason, ZmqUnsentError)
        self.assertIn("producer", str(reason))
        self.assertEqual((reason.messages, len(Idle.stopProducing.events)), (0, 1))

    def test_impossible(self) -> None:
        """
        A bound that is none is an error, and the transport goes on.
        """
        for bad in (-1, "5", float("inf"), float("nan")):
            _, transport, protocol = self.waiting(bad)
            error = self.assertRaises(ZmqOptionError, transport.loseConnection)
            self.assertIsInstance(error, ValueError)
            transport.write(b"x")
            self.assertEqual((transport.getWriteBufferLength(), protocol.lost.events), (1, []))

    def test_abort(self) -> None:
        """
        Who does not want to wait any longer aborts.
        """
        clock, transport, protocol = self.waiting(5)
        transport.write(b"x")
        transport.loseConnection()
        transport.abortConnection()
        clock.pump([0] * 3)
        self.assertIsInstance(protocol.lost.events[0], ConnectionAborted)
        self.assertEqual(clock.getDelayedCalls(), [])


class AbortTests(TransportTestCase):
    """
    ``abortConnection`` closes now.
    """

    async def test_lost(self) -> None:
        """
        What waits is lost, and the reason is that it was aborted; the protocol
        is told in a later turn.
        """
        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.writeSequence([b"x"] * 10)
        transport.abortConnection()
        self.assertEqual((protocol.lost.events, transport.fileno()), ([], -1))
        self.assertIsInstance((await protocol.lost.wait())[0], ConnectionAborted)
        self.assertLessEqual(len(received(raw)), TAKEN)

    async def test_takenIsLost(self) -> None:
        """
        So is what libzmq has taken, however long it lingers.
        """
        factory = ZmqFactory()
        factory.lingerPeriod = -1
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        transport.connect("tcp://127.0.0.1:9")
        transport.write(b"x")
        self.assertEqual(transport.getWriteBufferLength(), 0)
        transport.abortConnection()
        await protocol.lost.wait()
        # Would wait without end otherwise.
        factory.shutdown()

    async def test_nothingDelivered(self) -> None:
        """
        Nothing is delivered any more, also within a batch.
        """

        class Leaving(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                super().messageReceived(parts)
                self.transport.abortConnection()

        _, protocol, raw = self.facing(zmq.PULL, zmq.PUSH, Leaving)
        for i in range(5):
            raw.send(b"%d" % i)
        await protocol.lost.wait()
        await turns(5)
        self.assertEqual(protocol.got.events, [[b"0"]])


class OnceTests(TransportTestCase):
    """
    The end comes once, whoever brings it about, and how often.
    """

    async def test_twice(self) -> None:
        """
        Each way to close can follow each other one; the first, or the worse,
        gives the reason.
        """
        for first in WAYS:
            for second in WAYS:
                transport, protocol = self.opened(zmq.PUSH)
                getattr(transport, first)()
                getattr(transport, second)()
                await protocol.lost.wait()
                getattr(transport, second)()
                await turns(3)
                (reason,) = protocol.lost.events
                aborted = first == "abortConnection" or (
                    second == "abortConnection" and first != "shutdown"
                )
                expected = ConnectionAborted if aborted else ConnectionDone
                self.assertIsInstance(reason, expected, (first, second))

    async def test_fromCallbacks(self) -> None:
        """
        It can be closed from within each callback, in each way.
        """
        for callback in ("messageReceived", "eventReceived", "connectionLost"):
            for way in WAYS:
                transport, protocol = self.opened(zmq.PULL)
                lost = Recorder()

                def close(
                    *args: Any, transport: Any = transport, way: str = way, lost: Any = lost
                ) -> None:
                    if isinstance(args[0], Failure):
                        lost(args[0].value)
                    getattr(transport, way)()

                protocol.connectionLost = lambda reason, lost=lost: lost(reason.value)
                setattr(protocol, callback, close)
                transport.enableMonitor()
                # The protocol of the transport is asked for its methods anew.
                raw = self.beside(transport, zmq.PUSH, "tcp://127.0.0.1:*")
                await inThread(raw.send, b"x")
                if callback == "connectionLost":
                    transport.loseConnection()
                await lost.wait()
                await turns(3)
                self.assertEqual(len(lost.events), 1, (callback, way))
                raw.close()

    async def test_connectionMade(self) -> None:
        """
        Also before the first endpoint is opened: there is none then.
        """
        for way in ("loseConnection", "stopProducing"):

            class Shy(Recording):
                def connectionMade(self, way: str = way) -> None:
                    getattr(self.transport, way)()

            _, protocol = self.opened(zmq.PULL, Shy)
            await protocol.lost.wait()
            await turns(3)
            self.assertEqual(len(protocol.lost.events), 1)

    async def test_nothingAfterwards(self) -> None:
        """
        After ``connectionLost`` nothing is called any more: no message, no
        event.
        """
        transport, protocol, raw = self.facing(zmq.DEALER, zmq.DEALER)
        transport.enableMonitor()
        transport.loseConnection()
        raw.send(b"x")
        await protocol.lost.wait()
        del protocol.told.events[:]
        await turns(10)
        self.assertEqual((protocol.got.events, protocol.told.events), ([], []))

    async def test_error(self) -> None:
        """
        What goes wrong in ``connectionLost`` is logged, and the transport is
        closed all the same.
        """

        class Failing(Recording):
            def connectionLost(self, reason: Failure) -> None:
                super().connectionLost(reason)
                raise ZeroDivisionError

        for way in WAYS:
            transport, protocol = self.opened(zmq.PULL, Failing)
            getattr(transport, way)()
            await protocol.lost.wait()
            await turns()
            self.assertNotIn(transport, self.factory.connections)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_nothingLeft(self) -> None:
        """
        Nothing remains with the reactor: no reader, and no call.
        """
        await turns(5)
        before = len(reactor.getReaders()), len(reactor.getDelayedCalls())
        for way in WAYS:
            transport, protocol, raw = self.stalled(zmq.ROUTER, zmq.DEALER, routing_id=b"a")
            transport.enableMonitor()
            raw.send(b"x")
            await protocol.got.wait()
            transport.writeSequence([[b"a", b"x"]] * 5)
            transport.closeTimeout = 0
            getattr(transport, way)()
            await protocol.lost.wait()
            await turns(5)
            after = len(reactor.getReaders()), len(reactor.getDelayedCalls())
            self.assertEqual(after, before, way)


class LostTests(TransportTestCase):
    """
    The end that others bring about.
    """

    async def test_factory(self) -> None:
        """
        A factory that shuts down closes its transports at once, in an orderly
        way.
        """
        factory = ZmqFactory()
        _, protocol = self.opened(zmq.PUSH, factory=factory)
        factory.shutdown()
        self.assertIsInstance(protocol.lost.events[0], ConnectionDone)
        await turns(3)
        self.assertEqual(len(protocol.lost.events), 1)

    async def test_factoryFlushes(self) -> None:
        """
        libzmq gets what it takes then.
        """
        factory = ZmqFactory()
        raw = self.raw(zmq.PULL)
        raw.bind("tcp://127.0.0.1:*")
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        transport.writeSequence([b"%d" % i for i in range(10)])
        transport.connect(raw.last_endpoint.decode())
        factory.shutdown()
        self.assertIsInstance(protocol.lost.events[0], ConnectionDone)
        self.assertEqual(await arrived(raw, 10), [[b"%d" % i] for i in range(10)])

    async def test_factoryTooEarly(self) -> None:
        """
        What it does not take is lost, and the protocol told how much.
        """
        factory = ZmqFactory()
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        waiting = transport.writeMessage(b"abc")
        factory.shutdown()
        (reason,) = protocol.lost.events
        self.assertIsInstance(reason, ZmqUnsentError)
        self.assertEqual((reason.messages, reason.bytes), (1, 3))
        self.failureResultOf(waiting, ZmqClosedError)

    async def test_factoryAgainstWriters(self) -> None:
        """
        Who would write on and on is not waited for: a producer is told that it
        is over, a protocol is refused.
        """
        factory = ZmqFactory()
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        transport.setsockopt(zmq.SNDHWM, 1)
        transport.setWriteBufferLimits(high=0)
        raw = self.raw(zmq.PULL, context=factory.context)
        raw.rcvhwm = 1
        raw.connect(transport.bind("inproc://writers"))
        refused = Recorder()

        class Endless:
            stopProducing = Recorder()
            pauseProducing = Recorder()

            @staticmethod
            def resumeProducing() -> None:
                received(raw)
                try:
                    transport.writeSequence([b"x"] * 10)
                except ZmqClosedError:
                    refused(1)

        protocol.resumeWriting = Endless.resumeProducing
        transport.registerProducer(Endless, True)
        transport.writeSequence([b"x"] * (TAKEN + 1))
        received(raw)
        transport.shutdown()
        raw.close()
        factory.shutdown()
        self.assertEqual((len(refused.events), len(Endless.stopProducing.events)), (1, 1))

    async def test_factoryMeanwhile(self) -> None:
        """
        A transport that is closing already ends for the reason that it has.
        """
        for way, expected in [
            ("loseConnection", ConnectionDone),
            ("abortConnection", ConnectionAborted),
        ]:
            factory = ZmqFactory()
            transport, protocol = self.opened(zmq.PUSH, factory=factory)
            getattr(transport, way)()
            factory.shutdown()
            await turns(3)
            (reason,) = protocol.lost.events
            self.assertIsInstance(reason, expected)

    async def test_openedMeanwhile(self) -> None:
        """
        A transport over a socket of others, opened while the factory shuts
        down, can be closed in an orderly way, too.
        """
        factory = ZmqFactory()
        _, protocol = self.opened(zmq.PUSH, factory=factory)
        opened: list[Any] = []
        socket = self.raw(zmq.PUSH)

        def connectionLost(reason: Failure) -> None:
            opened.extend(self.opened(zmq.PUSH, factory=factory, zmqSocket=socket))

        protocol.connectionLost = connectionLost
        factory.shutdown()
        transport, late = opened
        transport.loseConnection()
        self.assertIsInstance((await late.lost.wait())[0], ConnectionDone)

    async def test_reactor(self) -> None:
        """
        The reactor tells its readers when it stops, or when a descriptor has
        gone: the protocol hears for which reason.
        """
        transport, protocol = self.opened(zmq.PULL)
        transport.connectionLost(Failure(ConnectionLost("gone")))
        transport.connectionLost(Failure(ConnectionLost("gone again")))
        await turns(3)
        (reason,) = protocol.lost.events
        self.assertEqual(reason.args, ("gone",))

    async def test_socket(self) -> None:
        """
        Where somebody closes the socket, the protocol gets the error.
        """
        transport, protocol = self.opened(zmq.PULL)
        await turns(3)
        transport.getHandle().close()
        (reason,) = await protocol.lost.wait()
        self.assertIsInstance(reason, zmq.ZMQError)
        await turns(3)
        self.assertEqual(len(protocol.lost.events), 1)
        self.assertNotIn(transport, self.factory.connections)

    async def test_forgotten(self) -> None:
        """
        A closed transport keeps no protocol alive, and the factory no
        transport.
        """
        before = alive(Recording)
        transport, protocol = self.opened(zmq.PULL)
        transport.loseConnection()
        await protocol.lost.wait()
        await turns()
        del protocol
        self.assertEqual((alive(Recording), self.factory.connections), (before, set()))
        self.assertIn("PULL", repr(transport))
