"""
Tests of :mod:`txzmq._production`: producers, at transports.
"""

from __future__ import annotations

import gc
from io import BytesIO
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.protocols.basic import FileSender
from zope.interface import implementer

import txzmq._production
from txzmq import ZmqProducerError

from .support import Recorder, traced, turns, until
from .transports import TAKEN, TransportTestCase, arrived, received


@implementer(IPullProducer)
class Pull:
    """
    Writes a number each time it is asked, as soon as it is asked.
    """

    def __init__(self, transport: Any, count: int = 1_000_000_000) -> None:
        self.transport = transport
        self.count = count
        self.written = 0
        self.stopped = 0

    def resumeProducing(self) -> Any:
        self.writeNext()

    def writeNext(self) -> None:
        self.written += 1
        self.transport.write(b"%d" % self.written)
        if self.written == self.count:
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.stopped += 1


class Late(Pull):
    """
    Answers in a later turn.
    """

    def resumeProducing(self) -> Any:
        reactor.callLater(0, self.writeNext)


class Async(Pull):
    """
    Answers when libzmq has taken what it writes.
    """

    async def resumeProducing(self) -> None:
        self.written += 1
        await turns()
        await self.transport.writeMessage(b"%d" % self.written)
        if self.written == self.count:
            self.transport.unregisterProducer()


@implementer(IPushProducer)
class Push(Pull):
    """
    Writes as long as it is not paused.
    """

    isPaused = False

    def start(self) -> Any:
        self.transport.registerProducer(self, True)
        self.resumeProducing()
        return self

    def pauseProducing(self) -> None:
        self.isPaused = True

    def resumeProducing(self) -> Any:
        self.isPaused = False
        while not self.isPaused and not self.stopped and self.written < self.count:
            self.writeNext()


class LatePush(Push):
    """
    Writes one number per turn as long as it is not paused.
    """

    def resumeProducing(self) -> Any:
        self.isPaused = False
        reactor.callLater(0, self.tick)

    def tick(self) -> None:
        if not self.isPaused and not self.stopped and self.written < self.count:
            self.writeNext()
            reactor.callLater(0, self.tick)


class PullTests(TransportTestCase):
    """
    Pull producers are asked for more when nothing waits.
    """

    async def all(self, cls: Any, count: int) -> None:
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        producer = cls(transport, count)
        transport.registerProducer(producer, False)
        got = await arrived(raw, count)
        self.assertEqual(got, [[b"%d" % i] for i in range(1, count + 1)])
        self.assertEqual((producer.written, producer.stopped), (count, 0))

    async def test_atOnce(self) -> None:
        """
        One that answers at once has all its messages delivered, in order.
        """
        await self.all(Pull, 500)

    async def test_late(self) -> None:
        """
        So has one that answers later.
        """
        await self.all(Late, 100)

    async def test_coroutine(self) -> None:
        """
        And one that is a coroutine.
        """
        await self.all(Async, 100)

    async def test_stalled(self) -> None:
        """
        With a peer that does not read, one message waits, and the producer is
        asked no more; also if it answers late.
        """
        for cls in (Pull, Late, Async):
            transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
            producer = cls(transport)
            transport.registerProducer(producer, False)
            await until(transport.getWriteBufferLength)
            self.assertTrue(await self.isQuiet())
            self.assertEqual((producer.written, transport.getWriteBufferLength()), (TAKEN + 1, 1))
            # A new message for each that is read, and none more.
            await arrived(raw, 10)
            transport.unregisterProducer()

    async def test_limits(self) -> None:
        """
        One that is asked is not paused: that is for the protocol.
        """
        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.setWriteBufferLimits(high=0)
        transport.registerProducer(Pull(transport, TAKEN + 1), False)
        await until(lambda: protocol.told.events == ["pause"])
        await arrived(raw, TAKEN + 1)
        await until(lambda: protocol.told.events == ["pause", "resume"])

    async def test_notSynchronously(self) -> None:
        """
        To register asks for nothing yet.
        """
        transport, _ = self.opened(zmq.PUSH)
        producer = Pull(transport, 1)
        transport.registerProducer(producer, False)
        self.assertEqual(producer.written, 0)
        await until(lambda: producer.written)

    async def test_askedOnce(self) -> None:
        """
        One that has been asked is not asked again before it answers.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        producer = Pull(transport)
        asked = producer.resumeProducing = Recorder()
        transport.registerProducer(producer, False)
        await turns(20)
        self.assertEqual(len(asked.events), 1)
        transport.writeSequence([b"a", b"b"])
        self.assertEqual(len(asked.events), 1)
        await turns(20)
        self.assertEqual(len(asked.events), 2)
        transport.writeMessage(b"c")
        await turns(20)
        self.assertEqual((len(asked.events), len(received(raw))), (3, 3))

    async def test_whenEmpty(self) -> None:
        """
        Where something waits already, it is asked when that has left.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.writeSequence([b"x"] * (TAKEN + 1))
        producer = Pull(transport, 2)
        transport.registerProducer(producer, False)
        await turns(20)
        self.assertEqual(producer.written, 0)
        self.assertEqual((await arrived(raw, TAKEN + 3))[-2:], [[b"1"], [b"2"]])

    async def test_turns(self) -> None:
        """
        Other parts of the program get their turn, however fast all is.
        """
        self.patch(txzmq._production, "_PULL_SECONDS", 0.0001)
        transport, _ = self.opened(zmq.PUB)
        producer = Pull(transport)
        transport.registerProducer(producer, False)
        before = -1
        for _ in range(10):
            await turns(3)
            self.assertGreater(producer.written, before)
            before = producer.written
        transport.unregisterProducer()

    async def test_unregister(self) -> None:
        """
        One that has unregistered is asked no more, also if that was about to
        happen; another may take its place.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        first, second = Pull(transport), Pull(transport, 2)
        transport.registerProducer(first, False)
        transport.unregisterProducer()
        transport.unregisterProducer()
        transport.registerProducer(second, False)
        self.assertEqual(await arrived(raw, 2), [[b"1"], [b"2"]])
        await turns(5)
        self.assertEqual((first.written, first.stopped, second.written), (0, 0, 2))

    async def test_nothingLeft(self) -> None:
        """
        One that unregisters before it was asked leaves no call behind.
        """
        transport, _ = self.opened(zmq.PUSH)
        await turns(5)
        before = len(reactor.getDelayedCalls())
        transport.registerProducer(Pull(transport), False)
        self.assertEqual(len(reactor.getDelayedCalls()), before + 1)
        transport.unregisterProducer()
        self.assertEqual(len(reactor.getDelayedCalls()), before)

    async def test_replaceWhenAsked(self) -> None:
        """
        A producer may hand over to another when it is asked.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        second = Pull(transport, 2)

        class First(Pull):
            def resumeProducing(self) -> None:
                transport.unregisterProducer()
                transport.registerProducer(second, False)

        transport.registerProducer(First(transport), False)
        self.assertEqual(await arrived(raw, 2), [[b"1"], [b"2"]])

    async def test_closeWhenAsked(self) -> None:
        """
        A producer may close the transport when it is asked, and is told that it
        is over.
        """
        for close in ("abortConnection", "shutdown"):
            transport, protocol = self.opened(zmq.PUSH)
            producer = Pull(transport)
            producer.resumeProducing = getattr(transport, close)
            transport.registerProducer(producer, False)
            await protocol.lost.wait()
            await turns(3)
            self.assertEqual((producer.stopped, len(protocol.lost.events)), (1, 1))

    async def test_file(self) -> None:
        """
        Twisted's own way to send a file works.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        content = bytes(range(256)) * 1000
        done = FileSender().beginFileTransfer(BytesIO(content), transport)
        got = b""
        while len(got) < len(content):
            got += b"".join(part for (part,) in await arrived(raw, 1))
        await done
        self.assertEqual(got, content)


class FailingTests(TransportTestCase):
    """
    A pull producer that fails is let go.
    """

    async def check(self, resumeProducing: Any) -> None:
        transport, protocol, raw = self.facing(zmq.PUSH, zmq.PULL)
        producer = Pull(transport)
        producer.resumeProducing = resumeProducing
        transport.registerProducer(producer, False)
        await until(lambda: producer.stopped)
        await turns(5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        transport.registerProducer(Pull(transport, 1), False)
        self.assertEqual(await arrived(raw, 1), [[b"1"]])
        transport.loseConnection()
        self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)
        self.assertEqual(producer.stopped, 1)

    async def test_raises(self) -> None:
        """
        It is told, and the transport can be used.
        """
        await self.check(lambda: 1 / 0)

    async def test_coroutine(self) -> None:
        """
        So it is if the failure comes later, from a coroutine.
        """

        async def resumeProducing() -> None:
            await turns()
            1 / 0  # noqa: B018

        await self.check(resumeProducing)

    async def test_deferred(self) -> None:
        """
        Or from a Deferred.
        """
        d: Deferred[None] = Deferred()
        reactor.callLater(0, d.errback, ZeroDivisionError())
        await self.check(lambda: d)

    async def test_afterwards(self) -> None:
        """
        One that fails when it has unregistered already harms nobody.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        second = Pull(transport, 2)

        class First(Pull):
            def resumeProducing(self) -> None:
                transport.unregisterProducer()
                transport.registerProducer(second, False)
                raise ZeroDivisionError

        first = First(transport)
        transport.registerProducer(first, False)
        self.assertEqual(await arrived(raw, 2), [[b"1"], [b"2"]])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(first.stopped, 0)

    async def test_errors(self) -> None:
        """
        What goes wrong in the other methods is logged, and costs nothing.
        """

        class Failing(Push):
            def pauseProducing(self) -> None:
                super().pauseProducing()
                raise ZeroDivisionError

            def stopProducing(self) -> None:
                super().stopProducing()
                raise ZeroDivisionError

        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.setWriteBufferLimits(high=0)
        producer = Failing(transport).start()
        got = await arrived(raw, 5)
        self.assertEqual(got, [[b"%d" % i] for i in range(1, len(got) + 1)])
        transport.abortConnection()
        await protocol.lost.wait()
        self.assertEqual(producer.stopped, 1)
        self.assertGreater(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class PushTests(TransportTestCase):
    """
    Push producers are paused and resumed.
    """

    async def test_all(self) -> None:
        """
        All messages are delivered, in order, whether it writes at once or in
        later turns.
        """
        for cls in (Push, LatePush):
            transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
            transport.setWriteBufferLimits(highMessages=4)
            producer = cls(transport, 200).start()
            self.assertEqual(await arrived(raw, 200), [[b"%d" % i] for i in range(1, 201)])
            self.assertEqual((producer.written, producer.stopped), (200, 0))

    async def test_stalled(self) -> None:
        """
        With a peer that does not read, as much waits as the limits say, and the
        producer rests.
        """
        for cls in (Push, LatePush):
            transport, protocol, _ = self.stalled(zmq.PUSH, zmq.PULL)
            transport.setWriteBufferLimits(highMessages=10)
            producer = cls(transport).start()
            await until(lambda producer=producer: producer.isPaused)
            self.assertTrue(await self.isQuiet())
            self.assertEqual(producer.written, TAKEN + 11)
            self.assertEqual(transport.getWriteBufferLength(), 11)
            self.assertEqual(protocol.told.events, ["pause"])

    async def test_fullAlready(self) -> None:
        """
        Where too much waits already, it is paused at once, and resumed when
        there is room.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.setWriteBufferLimits(high=0)
        transport.writeSequence([b"x"] * (TAKEN + 1))
        producer = Push(transport, 2)
        transport.registerProducer(producer, True)
        self.assertEqual((producer.isPaused, producer.written), (True, 0))
        self.assertEqual((await arrived(raw, TAKEN + 3))[-2:], [[b"1"], [b"2"]])

    async def test_notAsked(self) -> None:
        """
        It begins by itself: to register does not resume it.
        """
        transport, _, _ = self.facing(zmq.PUSH, zmq.PULL)
        producer = Push(transport)
        transport.registerProducer(producer, True)
        await turns(10)
        self.assertEqual((producer.written, producer.isPaused), (0, False))

    async def test_unregistered(self) -> None:
        """
        One that has unregistered hears nothing any more.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.setWriteBufferLimits(high=0)
        producer = Push(transport).start()
        transport.unregisterProducer()
        written = producer.written
        await arrived(raw, written)
        await turns(5)
        self.assertEqual(
            (producer.written, producer.isPaused, producer.stopped), (written, True, 0)
        )


class MemoryTests(TransportTestCase):
    """
    A producer does not fill the memory.
    """

    async def test_flat(self) -> None:
        """
        However long a producer has something to write for a peer that does not
        read, the memory stays as it is; so it does when the peer reads slowly.
        """
        for cls, streaming in [(Pull, False), (LatePush, True)]:

            class Large(cls):  # type: ignore
                def writeNext(self) -> None:
                    self.written += 1
                    self.transport.write(bytes(10_000))

            transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
            producer = Large(transport)
            transport.registerProducer(producer, streaming)
            if streaming:
                producer.resumeProducing()
            await turns(50)
            with traced() as added:
                for _ in range(200):
                    raw.recv()
                    await turns(3)
                gc.collect()
                self.assertLess(added(), 200_000)
            self.assertGreater(producer.written, 200)
            self.assertLess(transport.getWriteBufferSize(), 65_536 + 10_001)
            transport.abortConnection()


class EndTests(TransportTestCase):
    """
    Producers, and the end of a transport.
    """

    async def test_waits(self) -> None:
        """
        A transport that is to close waits for its producer, who goes on writing.
        """
        for cls, streaming in [(Pull, False), (Late, False), (Async, False), (LatePush, True)]:
            transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
            producer = cls(transport, 20)
            transport.registerProducer(producer, streaming)
            if streaming:
                producer.resumeProducing()
            transport.loseConnection()
            got = await arrived(raw, 20)
            self.assertEqual(got, [[b"%d" % i] for i in range(1, 21)])
            self.assertIsInstance((await protocol.lost.wait())[0], ConnectionDone)
            self.assertEqual(producer.stopped, 0)

    async def test_unregisterEnds(self) -> None:
        """
        When it unregisters and nothing waits, the transport closes.
        """
        transport, protocol, _ = self.facing(zmq.PUSH, zmq.PULL)
        transport.registerProducer(Push(transport), True)
        transport.loseConnection()
        await turns(5)
        self.assertEqual(protocol.lost.events, [])
        transport.unregisterProducer()
        await protocol.lost.wait()

    async def test_stopped(self) -> None:
        """
        A transport that closes now tells its producer, once.
        """
        for close in ("abortConnection", "shutdown"):
            for cls, streaming in [(Push, True), (Pull, False)]:
                transport, protocol, _ = self.stalled(zmq.PUSH, zmq.PULL)
                producer = cls(transport)
                transport.registerProducer(producer, streaming)
                await turns(5)
                for _ in range(2):
                    getattr(transport, close)()
                await protocol.lost.wait()
                self.assertEqual(producer.stopped, 1)

    async def test_tooLate(self) -> None:
        """
        So does one that has waited long enough.
        """
        transport, protocol, _ = self.stalled(zmq.PUSH, zmq.PULL)
        transport.closeTimeout = 0
        producer = Push(transport).start()
        transport.loseConnection()
        await protocol.lost.wait()
        self.assertEqual(producer.stopped, 1)

    async def test_registerLate(self) -> None:
        """
        At a transport that is closing, or closed, a producer is told at once
        that it is over.
        """
        for close in ("loseConnection", "abortConnection", "shutdown"):
            transport, _ = self.opened(zmq.PUSH)
            getattr(transport, close)()
            producer = Push(transport)
            transport.registerProducer(producer, True)
            self.assertEqual((producer.stopped, producer.isPaused), (1, False))

    async def test_one(self) -> None:
        """
        There is one producer at a time; the other one is not touched.
        """
        transport, _ = self.opened(zmq.PUSH)
        first, second = Push(transport), Push(transport)
        transport.registerProducer(first, True)
        error = self.assertRaises(ZmqProducerError, transport.registerProducer, second, True)
        self.assertIsInstance(error, OSError)
        self.assertEqual((first.stopped, second.stopped), (0, 0))
