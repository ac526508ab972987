"""
Tests of transports that route: ROUTER, whose messages are each for one peer, and
STREAM.
"""

from __future__ import annotations

import errno
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError

import txzmq._outbox
from txzmq import ZmqAgainError, ZmqClosedError, ZmqFrameError, ZmqSocketError
from txzmq._descriptor import Descriptor

from .support import Recorder, inThread, turns, until
from .transports import TAKEN, TransportTestCase, arrived, received

#: How many full peers are tried at a time.
FEW = txzmq._outbox._FLUSH_FAILURES

#: How many messages a full peer may have waiting, where nobody says otherwise.
LANE = 250


class RouterTestCase(TransportTestCase):
    """
    A test with a ROUTER and some peers.
    """

    async def peers(self, *names: bytes) -> tuple[Any, list[zmq.Socket[bytes]]]:
        """
        :return: a ROUTER, and a plain socket for each name that is known to it
            and takes :data:`TAKEN` messages.
        """
        transport, self.protocol = self.opened(zmq.ROUTER)
        transport.setsockopt(zmq.SNDHWM, 1)
        raws = []
        for i, name in enumerate(names):
            raws.append(self.beside(transport, zmq.DEALER, routing_id=name, rcvhwm=1))
            raws[-1].send(b"here")
            await self.protocol.got.wait(i + 1)
        return transport, raws


class UnknownTests(RouterTestCase):
    """
    A message for nobody is the error of that message.
    """

    async def test_deferred(self) -> None:
        """
        Its Deferred fails at once, and says who is not there.
        """
        transport, _ = await self.peers(b"a")
        error = self.failureResultOf(transport.writeMessage([b"b", b"x"])).value
        self.assertIsInstance(error, ZmqSocketError)
        self.assertEqual((error.errno, "no route" in str(error)), (errno.EHOSTUNREACH, True))

    async def test_log(self) -> None:
        """
        Without one there is a line in the log, and no exception.
        """
        transport, _ = await self.peers(b"a")
        texts = self.logged()
        transport.write([b"b", b"x"])
        (text,) = texts
        self.assertIn("A message was dropped", text)
        self.assertIn("no route", text)

    async def test_others(self) -> None:
        """
        Messages for others are sent, before and after.
        """
        transport, (raw,) = await self.peers(b"a")
        transport.writeSequence([[b"a", b"0"], [b"b", b"x"], [b"a", b"1"]])
        self.assertEqual(received(raw), [[b"0"], [b"1"]])
        self.assertEqual(transport.getWriteBufferLength(), 0)

    async def test_justCome(self) -> None:
        """
        A peer that has just connected is known, though libzmq has not looked
        since it said of another that it is not.
        """
        transport, _ = await self.peers()
        self.failureResultOf(transport.writeMessage([b"b", b"x"]))
        raw = self.beside(transport, zmq.DEALER, routing_id=b"a")
        self.successResultOf(transport.writeMessage([b"a", b"x"]))
        self.assertEqual(received(raw), [[b"x"]])

    async def test_noBody(self) -> None:
        """
        A message that is only a name is refused: libzmq would take it, and send
        nothing.
        """
        transport, (raw,) = await self.peers(b"a")
        self.assertRaises(ZmqFrameError, transport.write, [b"a"])
        self.assertRaises(ZmqFrameError, transport.write, b"a")
        self.failureResultOf(transport.writeMessage([b"a"]), ZmqFrameError)
        transport.write([b"a", b"x"])
        self.assertEqual(received(raw), [[b"x"]])

    async def test_unasked(self) -> None:
        """
        Who sets ``ROUTER_MANDATORY`` to 0 hears nothing.
        """
        transport, _ = await self.peers(b"a")
        transport.setsockopt(zmq.ROUTER_MANDATORY, 0)
        texts = self.logged()
        self.successResultOf(transport.writeMessage([b"b", b"x"]))
        self.assertEqual(texts, [])


class FullTests(RouterTestCase):
    """
    A peer that does not read is the problem of that peer.
    """

    async def test_others(self) -> None:
        """
        What is for it waits; what is for others does not.
        """
        transport, (_, raw) = await self.peers(b"full", b"b")
        transport.writeSequence([[b"full", b"x"]] * 10)
        for i in range(10):
            transport.write([b"b", b"%d" % i])
            self.assertEqual(received(raw), [[b"%d" % i]])
        self.assertEqual(transport.getWriteBufferLength(), 10 - TAKEN)

    async def test_order(self) -> None:
        """
        Each gets its own messages in order, however many wait for others.
        """
        transport, raws = await self.peers(b"a", b"b", b"c")
        for i in range(30):
            for name in (b"a", b"b", b"c"):
                transport.write([name, b"%d" % i, b""])
        expected = [[b"%d" % i, b""] for i in range(30)]
        for raw in reversed(raws):
            self.assertEqual(await arrived(raw, 30), expected)
        self.assertEqual(transport.getWriteBufferLength(), 0)

    async def test_bounded(self) -> None:
        """
        So many messages wait for one peer, and no more; the next is refused.
        """
        transport, (full, raw) = await self.peers(b"full", b"b")
        waiting = [transport.writeMessage([b"full", b"%d" % i]) for i in range(TAKEN + LANE)]
        self.assertEqual(transport.getWriteBufferLength(), LANE)
        error = self.failureResultOf(transport.writeMessage([b"full", b"x"]), ZmqAgainError).value
        self.assertIn("b'full'", str(error))
        transport.write([b"b", b"x"])
        self.assertEqual(received(raw), [[b"x"]])
        got = await arrived(full, TAKEN + LANE)
        self.assertEqual(got, [[b"%d" % i] for i in range(TAKEN + LANE)])
        self.assertEqual({self.successResultOf(d) for d in waiting}, {None})

    async def test_boundedLog(self) -> None:
        """
        Without a Deferred a refused message is a line in the log.
        """
        transport, _ = await self.peers(b"full")
        transport.writeSequence([[b"full", b"x"]] * (TAKEN + LANE))
        texts = self.logged()
        transport.write([b"full", b"x"])
        self.assertIn("b'full' does not take its messages", texts[0])
        self.assertEqual((len(texts), transport.getWriteBufferLength()), (1, LANE))

    async def test_boundedBytes(self) -> None:
        """
        Large messages are bounded by their bytes, one may always wait, and a
        peer alone cannot make the transport pause.
        """
        transport, _ = await self.peers(b"full")
        transport.setWriteBufferLimits(high=4000, low=1000)
        transport.writeSequence([[b"full", bytes(400)]] * 10)
        self.assertEqual(transport.getWriteBufferLength(), 2)
        other, _ = await self.peers(b"full")
        other.setWriteBufferLimits(high=4000, low=1000)
        other.writeSequence([[b"full", b""]] * TAKEN + [[b"full", bytes(2000)]] * 3)
        self.assertEqual(other.getWriteBufferSize(), 2004)

    async def test_several(self) -> None:
        """
        Several that are full make the transport pause its protocol.
        """
        names = [b"%d" % i for i in range(5)]
        transport, raws = await self.peers(*names)
        protocol = self.protocol
        for name in names:
            transport.writeSequence([[name, b"x"]] * (TAKEN + LANE))
        self.assertEqual(protocol.told.events, ["pause"])
        for raw in raws:
            await arrived(raw, TAKEN + LANE)
        await until(lambda: protocol.told.events == ["pause", "resume"])

    async def test_quiet(self) -> None:
        """
        Nothing spins meanwhile, though the socket is always writable.
        """
        self.patch(txzmq._outbox, "_RETRY_SECONDS", 1000)
        transport, (_, raw) = await self.peers(b"full", b"b")
        transport.writeSequence([[b"full", b"x"]] * 10)
        self.assertTrue(await self.isQuiet())
        raw.send(b"hello")
        self.assertTrue(await self.isQuiet())

    async def test_oneRetry(self) -> None:
        """
        However much is written, and to whomever, there is one call that tries
        again.
        """
        self.patch(txzmq._outbox, "_RETRY_SECONDS", 1000)
        transport, _ = await self.peers(b"a", b"b")
        await turns(5)
        before = len(reactor.getDelayedCalls())
        for _ in range(20):
            transport.writeSequence([[b"a", b"x"], [b"b", b"x"]])
            await turns()
        await turns(5)
        self.assertEqual(len(reactor.getDelayedCalls()), before + 1)
        transport.abortConnection()
        await turns(5)
        self.assertEqual(len(reactor.getDelayedCalls()), before)

    async def test_missedSignal(self) -> None:
        """
        A peer that has room again gets its messages, also where the signal of
        that was consumed by asking for something else.
        """
        transport, (full,) = await self.peers(b"full")
        socket = transport.getHandle()
        transport.writeSequence([[b"full", b"%d" % i] for i in range(TAKEN + 1)])
        await turns(5)
        got = received(full)
        socket.get(zmq.EVENTS)
        got += await arrived(full, 1)
        self.assertEqual(got, [[b"%d" % i] for i in range(TAKEN + 1)])

    async def test_manyMissedSignals(self) -> None:
        """
        So do all, if there are many of them.
        """
        names = [b"%d" % i for i in range(3 * FEW)]
        transport, raws = await self.peers(*names)
        socket = transport.getHandle()
        transport.writeSequence([[name, b"x"] for name in names for _ in range(TAKEN + 1)])
        await turns(5)
        got = [received(raw) for raw in raws]
        socket.get(zmq.EVENTS)
        for raw, messages in zip(raws, got):
            messages += await arrived(raw, TAKEN + 1 - len(messages))
        self.assertEqual(got, [[[b"x"]] * (TAKEN + 1)] * len(names))

    async def test_fewAtATime(self) -> None:
        """
        However many are full, a wake-up for somebody else tries few of them.
        """
        self.patch(txzmq._outbox, "_RETRY_SECONDS", 1000)
        names = [b"%d" % i for i in range(5 * FEW)]
        transport, raws = await self.peers(*names, b"other")
        transport.writeSequence([[name, b"x"] for name in names for _ in range(TAKEN + 1)])
        await turns(5 * FEW)
        tried = Recorder()
        real = Descriptor.sendWaiting
        self.patch(Descriptor, "sendWaiting", lambda *args: (tried(args[1][0]), real(*args)))
        raws[-1].send(b"hello")
        await self.protocol.got.wait(len(names) + 2)
        await turns()
        # There may have been another wake-up meanwhile.
        self.assertIn(len(tried.events), (FEW, 2 * FEW))

    async def test_cancel(self) -> None:
        """
        A message that waits for a full peer can be taken back.
        """
        transport, (full,) = await self.peers(b"full")
        waiting = [transport.writeMessage([b"full", b"%d" % i]) for i in range(TAKEN + 3)]
        waiting[TAKEN + 1].cancel()
        self.failureResultOf(waiting[TAKEN + 1], CancelledError)
        self.assertEqual(await arrived(full, 4), [[b"0"], [b"1"], [b"2"], [b"4"]])


class GoneTests(RouterTestCase):
    """
    A peer that goes while messages wait for it.
    """

    async def test_fail(self) -> None:
        """
        Those messages fail, each for itself; those without a Deferred are
        logged; the others stay.
        """
        transport, (gone, full) = await self.peers(b"gone", b"full")
        waiting = []
        for name in (b"gone", b"full"):
            transport.writeSequence([[name, b"x"]] * (TAKEN + 1))
            waiting.append(transport.writeMessage([name, b"last"]))
        texts = self.logged()
        gone.close()
        error = await self.assertFailure(waiting[0], ZmqSocketError)
        self.assertEqual(error.errno, errno.EHOSTUNREACH)
        self.assertEqual(len([t for t in texts if "no route" in t]), 1)
        self.assertNoResult(waiting[1])
        await arrived(full, TAKEN + 2)
        self.successResultOf(waiting[1])

    async def test_abortWhenTold(self) -> None:
        """
        Who is told may close the transport.
        """
        transport, (gone,) = await self.peers(b"gone")
        protocol = self.protocol
        transport.writeSequence([[b"gone", b"x"]] * TAKEN)
        first, second = (transport.writeMessage([b"gone", b"x"]) for _ in range(2))
        first.addErrback(lambda _: transport.abortConnection())
        gone.close()
        await protocol.lost.wait()
        self.failureResultOf(second, ZmqClosedError)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_overTCP(self) -> None:
        """
        So it is over TCP, where libzmq notices by itself.
        """
        transport, protocol = self.opened(zmq.ROUTER)
        transport.setsockopt(zmq.SNDHWM, 1)
        transport.setsockopt(zmq.SNDBUF, 1000)
        raw = self.beside(transport, zmq.DEALER, "tcp://127.0.0.1:*", routing_id=b"a", rcvhwm=1)
        await inThread(raw.send, b"here")
        await protocol.got.wait()
        errors = Recorder()

        async def fill() -> None:
            while not transport.getWriteBufferLength() and not errors.events:
                transport.writeMessage([b"a", bytes(1_000_000)]).addErrback(errors)
                # As much as the system takes.
                await turns(5)

        await fill()
        raw.close()
        while not errors.events:
            await fill()
            await turns()
        self.assertEqual({failure.value.errno for failure in errors.events}, {errno.EHOSTUNREACH})


class StreamTests(TransportTestCase):
    """
    STREAM has peers, too.
    """

    async def test_unknown(self) -> None:
        """
        A peer that is not there is the error of the message.
        """
        transport, _ = self.opened(zmq.STREAM)
        error = self.failureResultOf(transport.writeMessage([b"nobody", b"x"])).value
        self.assertEqual(error.errno, errno.EHOSTUNREACH)
        texts = self.logged()
        transport.write([b"nobody", b"x"])
        self.assertEqual(len(texts), 1)

    async def test_frames(self) -> None:
        """
        A message of another form is refused: libzmq would take it, and mix up
        all that follow.
        """
        transport, protocol = self.opened(zmq.STREAM)
        raw = self.beside(transport, zmq.STREAM, "tcp://127.0.0.1:*")
        name, _ = await inThread(raw.recv_multipart)
        ((ours, _),) = await protocol.got.wait()
        for bad in ([ours], ours, [ours, b"x", b"y"]):
            self.assertRaises(ZmqFrameError, transport.write, bad)
            self.failureResultOf(transport.writeMessage(bad), ZmqFrameError)
        transport.write([ours, b"good"])
        self.assertEqual(await inThread(raw.recv_multipart), [name, b"good"])

    async def test_hangUp(self) -> None:
        """
        An empty frame hangs up.
        """
        transport, protocol = self.opened(zmq.STREAM)
        raw = self.beside(transport, zmq.STREAM, "tcp://127.0.0.1:*")
        name, _ = await inThread(raw.recv_multipart)
        ((ours, _),) = await protocol.got.wait()
        transport.write([ours, b""])
        self.assertEqual(await inThread(raw.recv_multipart), [name, b""])
