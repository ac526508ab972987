"""
Tests of transports: receiving, and pauses that are exact to the message.
"""

from __future__ import annotations

import random
from typing import Any

import zmq
from twisted.internet import reactor

from txzmq import createZmqConnection

from .support import ENDLESS, Recorder, inThread, signalled, turns, until
from .transports import TAKEN, Recording, TransportTestCase, arrived, received


def numbers(*those: int) -> list[list[bytes]]:
    return [[b"%d" % i] for i in those]


class PausingAt(Recording):
    """
    Pauses when a certain message comes.
    """

    at = [b"2"]

    def messageReceived(self, parts: list[bytes]) -> Any:
        super().messageReceived(parts)
        if parts == self.at:
            self.transport.pauseProducing()


class PauseTests(TransportTestCase):
    """
    Nothing is delivered after ``pauseProducing``, or before ``resumeProducing``
    has returned.
    """

    def sent(self, protocol: Any = Recording, count: int = 5) -> Any:
        """
        :return: a transport for which messages wait, with its protocol and the
            plain socket that they are from.
        """
        transport, made, raw = self.facing(zmq.DEALER, zmq.DEALER, protocol)
        transport.readBudget = ENDLESS
        for i in range(count):
            raw.send(b"%d" % i)
        return transport, made, raw

    async def test_paused(self) -> None:
        """
        A transport that is paused from the beginning delivers nothing.
        """
        transport, protocol, raw = self.sent()
        transport.pauseProducing()
        await turns(10)
        raw.send(b"5")
        await turns(10)
        self.assertEqual(protocol.got.events, [])

    async def test_resumed(self) -> None:
        """
        When it is resumed it delivers all that has come meanwhile, though
        nothing comes any more.
        """
        transport, protocol, raw = self.sent()
        transport.pauseProducing()
        await turns(10)
        raw.send(b"5")
        await turns(10)
        transport.resumeProducing()
        self.assertEqual(await protocol.got.wait(6), numbers(*range(6)))

    async def test_notSynchronously(self) -> None:
        """
        To resume delivers nothing by itself; what comes, comes in a later turn.
        """
        transport, protocol, _ = self.sent()
        transport.pauseProducing()
        await turns(5)
        for _ in range(3):
            transport.resumeProducing()
            self.assertEqual(protocol.got.events, [])
        await protocol.got.wait(5)

    async def test_batch(self) -> None:
        """
        Within a batch, the message at which it is paused is the last.
        """
        transport, protocol, _ = self.sent(PausingAt)
        await turns(20)
        self.assertEqual(protocol.got.events, numbers(0, 1, 2))
        transport.resumeProducing()
        self.assertEqual(await protocol.got.wait(5), numbers(0, 1, 2, 3, 4))

    async def test_everyMessage(self) -> None:
        """
        One at a time: paused by each message, and resumed in between.
        """

        class One(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                self.transport.pauseProducing()
                super().messageReceived(parts)

        transport, protocol, _ = self.sent(One)
        for i in range(1, 6):
            await turns(10)
            self.assertEqual(protocol.got.events, numbers(*range(i)))
            transport.resumeProducing()

    async def test_withinCallback(self) -> None:
        """
        Pausing and resuming within a callback cancel each other out: the rest
        follows, but not within the callback.
        """

        class Both(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                self.told("begin")
                self.transport.pauseProducing()
                self.transport.resumeProducing()
                super().messageReceived(parts)
                self.told("end")

        _, protocol, _ = self.sent(Both)
        self.assertEqual(await protocol.got.wait(5), numbers(*range(5)))
        await turns()
        self.assertEqual(protocol.told.events, ["begin", "end"] * 5)

    async def test_resumedByAnother(self) -> None:
        """
        Who is told that a message has been taken may resume, in the turn in
        which it was paused.
        """
        transport, protocol, raw = self.stalled(zmq.DEALER, zmq.DEALER, PausingAt)
        transport.readBudget = ENDLESS
        transport.writeSequence([b"x"] * TAKEN)
        transport.writeMessage(b"x").addCallback(lambda _: transport.resumeProducing())
        for i in range(5):
            raw.send(b"%d" % i)
        received(raw)
        self.assertEqual(await protocol.got.wait(5), numbers(*range(5)))

    async def test_once(self) -> None:
        """
        However often it was paused, it is resumed once.
        """
        transport, protocol, _ = self.sent()
        for _ in range(3):
            transport.pauseProducing()
        transport.resumeProducing()
        await protocol.got.wait(5)

    async def test_byTimer(self) -> None:
        """
        It can be paused from anywhere, between two reads, too.
        """
        transport, protocol, _ = self.sent()
        transport.readBudget = ENDLESS._replace(messages=1)
        await protocol.got.wait(2)
        transport.pauseProducing()
        count = len(protocol.got.events)
        await turns(10)
        self.assertEqual(len(protocol.got.events), count)
        transport.resumeProducing()
        await protocol.got.wait(5)

    async def test_types(self) -> None:
        """
        It is the same for each type of socket that receives, and over each kind
        of transport.
        """
        for zmqType, rawType in [
            (zmq.PULL, zmq.PUSH),
            (zmq.PAIR, zmq.PAIR),
            (zmq.ROUTER, zmq.DEALER),
            (zmq.SUB, zmq.XPUB),
        ]:
            for address in (None, self.ipcAddress(), "tcp://127.0.0.1:*"):
                transport, protocol = self.opened(zmqType)
                raw = self.beside(transport, rawType, address)
                if zmqType == zmq.SUB:
                    transport.subscribe(b"")
                    await inThread(raw.recv)
                transport.pauseProducing()
                for i in range(5):
                    raw.send(b"%d" % i)
                await until(lambda transport=transport: transport.getsockopt(zmq.EVENTS) & 1)
                await turns(10)
                self.assertEqual(protocol.got.events, [])
                transport.resumeProducing()
                got = await protocol.got.wait(5)
                self.assertEqual([message[-1:] for message in got], numbers(*range(5)))

    async def test_inTurn(self) -> None:
        """
        Also for REQ and REP, which receive only in turn.
        """
        rep, server = self.opened(zmq.REP, bind="inproc://rep")
        req, client = self.opened(zmq.REQ, connect="inproc://rep")
        for i in range(3):
            rep.pauseProducing()
            req.write(b"%d" % i)
            await turns(10)
            self.assertEqual(len(server.got.events), i)
            rep.resumeProducing()
            await server.got.wait(i + 1)
            req.pauseProducing()
            rep.write(b"%d" % i)
            await turns(10)
            self.assertEqual(len(client.got.events), i)
            req.resumeProducing()
            await client.got.wait(i + 1)


class QuietTests(TransportTestCase):
    """
    A paused transport costs nothing.
    """

    async def test_quiet(self) -> None:
        """
        It is not woken again and again by what waits, on any reactor.
        """
        transport, _, raw = self.facing(zmq.DEALER, zmq.DEALER, PausingAt)
        for i in range(5):
            raw.send(b"%d" % i)
        self.assertTrue(await self.isQuiet())
        self.assertFalse(signalled(transport))

    async def test_reads(self) -> None:
        """
        The reactor is woken by what comes, at the most, and not without end.
        """
        transport, protocol = self.opened(zmq.PULL)
        raw = self.beside(transport, zmq.PUSH, "tcp://127.0.0.1:*")
        transport.pauseProducing()
        raw.send(b"0")
        await until(lambda: transport.getsockopt(zmq.EVENTS) & zmq.POLLIN)
        await turns(10)
        woken = Recorder()
        read = transport.doRead

        def doRead() -> None:
            woken(1)
            read()

        transport.doRead = doRead
        await turns(50)
        self.assertLess(len(woken.events), 3)
        transport.resumeProducing()
        await protocol.got.wait()

    async def test_noCalls(self) -> None:
        """
        Nothing is scheduled while it is paused, however often that happens.
        """
        transport, _, raw = self.facing(zmq.DEALER, zmq.DEALER)
        await turns(5)
        before = len(reactor.getDelayedCalls())
        raw.send(b"x")
        for _ in range(10):
            transport.resumeProducing()
            transport.pauseProducing()
        await turns(5)
        self.assertEqual(len(reactor.getDelayedCalls()), before)

    async def test_otherSockets(self) -> None:
        """
        Others are not paused along.
        """
        paused, silent, raw = self.facing(zmq.DEALER, zmq.DEALER)
        paused.pauseProducing()
        raw.send(b"x")
        _, protocol, other = self.facing(zmq.DEALER, zmq.DEALER)
        other.send(b"y")
        await protocol.got.wait()
        self.assertEqual(silent.got.events, [])


class WritingTests(TransportTestCase):
    """
    Writing goes on while reading is paused.
    """

    async def test_atOnce(self) -> None:
        """
        What libzmq takes leaves at once.
        """
        transport, _, raw = self.facing(zmq.DEALER, zmq.DEALER)
        transport.pauseProducing()
        transport.write(b"x")
        self.assertEqual(await arrived(raw, 1), [[b"x"]])

    async def test_waiting(self) -> None:
        """
        What waits leaves when there is room, with messages waiting to be
        received, and they do not get lost.
        """
        transport, protocol, raw = self.stalled(zmq.DEALER, zmq.DEALER)
        transport.pauseProducing()
        raw.send(b"in")
        waiting = [transport.writeMessage(b"%d" % i) for i in range(20)]
        await turns(10)
        self.assertEqual(transport.getWriteBufferLength(), 20 - TAKEN)
        self.assertEqual(await arrived(raw, 20), numbers(*range(20)))
        self.assertEqual({self.successResultOf(d) for d in waiting}, {None})
        self.assertEqual(protocol.got.events, [])
        transport.resumeProducing()
        self.assertEqual(await protocol.got.wait(), [[b"in"]])

    async def test_elsewhere(self) -> None:
        """
        So it is over TCP.
        """
        transport, _ = self.opened(zmq.DEALER)
        transport.pauseProducing()
        transport.writeSequence(numbers(*range(20)))
        raw = self.beside(transport, zmq.DEALER, "tcp://127.0.0.1:*")
        raw.send(b"in")
        self.assertEqual(await arrived(raw, 20), numbers(*range(20)))


class RandomTests(TransportTestCase):
    """
    Ten thousand messages through a transport whose reader pauses at random.
    """

    COUNT = 10_000

    async def check(self, address: str) -> None:
        chance = random.Random(4)

        class Moody(Recording):
            isPaused = False
            pauses = 0

            def messageReceived(self, parts: list[bytes]) -> None:
                if self.isPaused:
                    raise AssertionError(f"paused, but {parts} came")
                super().messageReceived(parts)
                mood = chance.random()
                if mood < 0.05:
                    self.pause()
                    reactor.callLater(0, self.resume)
                elif mood < 0.07:
                    self.pause()
                    self.resume()

            def pause(self) -> None:
                self.isPaused = True
                self.pauses += 1
                self.transport.pauseProducing()

            def resume(self) -> None:
                self.transport.resumeProducing()
                self.isPaused = False

        pull, protocol = self.opened(zmq.PULL, Moody)
        pull.setsockopt(zmq.RCVHWM, 10)
        push, _ = await createZmqConnection(
            Recording, zmq.PUSH, connect=pull.bind(address), factory=self.factory
        )
        for i in range(self.COUNT):
            push.write([b"%d" % i, b""])
            if chance.random() < 0.01:
                await turns(chance.randrange(5))
        got = await protocol.got.wait(self.COUNT)
        await turns(10)
        self.assertEqual(got, [[b"%d" % i, b""] for i in range(self.COUNT)])
        self.assertGreater(protocol.pauses, self.COUNT // 30)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_inproc(self) -> None:
        """
        None is lost, doubled, out of order, or comes while it is paused, within
        the process.
        """
        await self.check("inproc://moody")

    async def test_tcp(self) -> None:
        """
        Nor over TCP.
        """
        await self.check("tcp://127.0.0.1:*")

    async def test_ipc(self) -> None:
        """
        Nor between processes.
        """
        await self.check(self.ipcAddress())
