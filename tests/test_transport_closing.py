"""
Tests of transports: closing them, now or when all has left.  Who is told is in
:mod:`test_transport_lost`.
"""

from __future__ import annotations

import sys
from typing import Any

import zmq
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import MemoryReactorClock

from txzmq import ZmqClosedError, ZmqFactory, ZmqOptionError, ZmqUnsentError

from .support import Recorder, inThread, turns
from .transports import TAKEN, Recording, TransportTestCase, arrived, received


class Idle:
    """
    A producer that never ends.
    """

    def __init__(self) -> None:
        self.stopProducing = Recorder()


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

    def test_noTimeForLibzmq(self) -> None:
        """
        What libzmq has then it holds for the ``lingerPeriod`` only.
        """
        lingers = self.lingers()
        self.factory.lingerPeriod = 7
        clock, transport, _ = self.waiting(5)
        transport.write(b"x")
        transport.loseConnection()
        clock.advance(5)
        self.assertEqual(lingers, [7])

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

    def test_longest(self) -> None:
        """
        Nor within our time with a very high one.
        """
        for bound in (1e300, sys.float_info.max, 10**300):
            clock, transport, protocol = self.waiting(bound)
            waiting = transport.writeMessage(b"x")
            transport.loseConnection()
            clock.pump([1e6] * 3)
            self.assertEqual(protocol.lost.events, [])
            transport.abortConnection()
            self.failureResultOf(waiting, ZmqClosedError)

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

        producer = Idle()
        transport.registerProducer(producer, True)
        transport.loseConnection()
        clock.advance(5)
        (reason,) = protocol.lost.events
        self.assertIsInstance(reason, ZmqUnsentError)
        self.assertIn("producer", str(reason))
        self.assertEqual((reason.messages, len(producer.stopProducing.events)), (0, 1))

    def test_decided(self) -> None:
        """
        Whoever hears that a message is lost may unregister the producer: how
        it ends is decided by then.
        """
        for end, expected in [
            (lambda clock, transport: clock.advance(5), ZmqUnsentError),
            (lambda clock, transport: transport.abortConnection(), ConnectionAborted),
        ]:
            clock, transport, protocol = self.waiting(5)
            transport.registerProducer(Idle(), True)
            waiting = transport.writeMessage(b"x")
            waiting.addErrback(lambda _, transport=transport: transport.unregisterProducer())
            transport.loseConnection()
            clock.triggers.clear()
            end(clock, transport)
            # It waits for the next turn, or for the reactor to stop, where it must.
            self.assertEqual(bool(clock.triggers), expected is ConnectionAborted)
            clock.pump([0] * 3)
            self.assertEqual([type(reason) for reason in protocol.lost.events], [expected])

    def test_impossible(self) -> None:
        """
        A bound that is none is an error, and the transport goes on.
        """
        for bad in (-1, "5", float("inf"), float("nan"), 10**400, 10**5000):
            _, transport, protocol = self.waiting(bad)
            error = self.assertRaises(ZmqOptionError, transport.loseConnection)
            self.assertIsInstance(error, ValueError)
            transport.write(b"x")
            self.assertEqual((transport.getWriteBufferLength(), protocol.lost.events), (1, []))

    def test_reactorStops(self) -> None:
        """
        A reactor that stops does not come to the next turn: the protocol is
        told before, and once.
        """
        for way, expected in [
            ("loseConnection", ConnectionDone),
            ("abortConnection", ConnectionAborted),
        ]:
            clock, transport, protocol = self.waiting(5)
            getattr(transport, way)()
            self.assertEqual(protocol.lost.events, [])
            for stop, args, kwargs in clock.triggers["before"]["shutdown"]:
                stop(*args, **kwargs)
            clock.pump([0] * 3)
            self.assertEqual([type(reason) for reason in protocol.lost.events], [expected])
            self.assertEqual(clock.getDelayedCalls(), [])

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
