"""
Tests of transports: how much may wait, and who is told when it is too much.
"""

from __future__ import annotations

from typing import Any

import zmq
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txzmq import ZmqFactory, ZmqOptionError, createZmqConnection

from .support import STEADY, turns, until
from .transports import Recording, TransportTestCase, arrived, received


class SettingTests(TransportTestCase):
    """
    Saying how much may wait.
    """

    def limits(self, *args: Any, **kwargs: Any) -> Any:
        """
        :return: the limits of a new transport, after setting them.
        """
        transport, _ = self.opened(zmq.PUSH)
        transport.setWriteBufferLimits(*args, **kwargs)
        return transport.getWriteBufferLimits()

    def test_default(self) -> None:
        """
        There is a default, in front of which nothing needs to be set.
        """
        transport, _ = self.opened(zmq.PUSH)
        self.assertEqual(transport.getWriteBufferLimits(), (16_384, 65_536))
        self.assertEqual(self.limits(), (16_384, 65_536))

    def test_given(self) -> None:
        """
        What is not given follows from what is: a quarter, or four times.
        """
        self.assertEqual(self.limits(100), (25, 100))
        self.assertEqual(self.limits(low=100), (100, 400))
        self.assertEqual(self.limits(100, 100), (100, 100))
        self.assertEqual(self.limits(high=100, low=0), (0, 100))
        self.assertEqual(self.limits(0), (0, 0))
        self.assertEqual(self.limits(low=0), (0, 0))

    def test_impossible(self) -> None:
        """
        What cannot be is an error, and changes nothing.
        """
        transport, _ = self.opened(zmq.PUSH)
        for bad in [
            {"high": 1, "low": 2},
            {"high": -1},
            {"low": -1},
            {"high": 0, "low": 1},
            {"high": "x"},
            {"highMessages": 1, "lowMessages": 2},
            {"lowMessages": -1},
            {"high": 5, "highMessages": -1},
        ]:
            error = self.assertRaises(ZmqOptionError, transport.setWriteBufferLimits, **bad)
            for cls in (ValueError, OSError, zmq.ZMQError):
                self.assertIsInstance(error, cls)
            self.assertEqual(transport.getWriteBufferLimits(), (16_384, 65_536))


class PauseTests(TransportTestCase):
    """
    A protocol is told that too much waits, and that it is well again.
    """

    def waiting(self, **limits: int) -> None:
        """
        Open a transport without a peer: what is written waits, and leaves when
        it is taken back.
        """
        self.transport, self.protocol = self.opened(zmq.PUSH)
        self.transport.setWriteBufferLimits(**limits)
        self.messages: list[Any] = []

    def write(self, *sizes: int) -> list[Any]:
        """
        :return: what the protocol has been told so far.
        """
        for size in sizes:
            self.messages.append(self.transport.writeMessage(bytes(size)))
            self.messages[-1].addErrback(lambda _: None)
        told: list[Any] = self.protocol.told.events
        return list(told)

    def takeBack(self, count: int = 1) -> list[Any]:
        """
        :return: what the protocol has been told so far.
        """
        for _ in range(count):
            self.messages.pop().cancel()
        told: list[Any] = self.protocol.told.events
        return list(told)

    def test_high(self) -> None:
        """
        It is told once, when strictly more than the high mark waits.
        """
        self.waiting(high=10, low=2)
        self.assertEqual(self.write(4, 6), [])
        self.assertEqual(self.write(1), ["pause"])
        self.assertEqual(self.write(1, 1000), ["pause"])

    def test_low(self) -> None:
        """
        It is told once, when no more than the low mark waits.
        """
        self.waiting(high=10, low=2)
        self.assertEqual(self.write(2, 1, 10), ["pause"])
        self.assertEqual(self.takeBack(), ["pause"])
        self.assertEqual(self.takeBack(), ["pause", "resume"])
        self.assertEqual(self.takeBack(), ["pause", "resume"])

    def test_again(self) -> None:
        """
        It is told each time, in turn.
        """
        self.waiting(high=10, low=2)
        for i in range(1, 4):
            self.write(11)
            self.assertEqual(self.takeBack(), ["pause", "resume"] * i)

    def test_between(self) -> None:
        """
        Between the marks it is told nothing, in whichever direction.
        """
        self.waiting(high=10, low=2)
        self.write(3, 4)
        self.assertEqual(self.takeBack(), [])
        self.write(4, 4)
        self.takeBack()
        self.assertEqual(self.write(3), ["pause"])

    def test_zero(self) -> None:
        """
        Where nothing may wait, each message that does is too much, also an
        empty one.
        """
        for size in (0, 1):
            self.waiting(high=0)
            self.assertEqual(self.write(size), ["pause"])
            self.assertEqual(self.write(size), ["pause"])
            self.assertEqual(self.takeBack(), ["pause"])
            self.assertEqual(self.takeBack(), ["pause", "resume"])

    def test_zeroLow(self) -> None:
        """
        With a low mark of zero all must have left, also an empty message.
        """
        for size in (0, 1):
            self.waiting(high=10, low=0)
            self.assertEqual(self.write(size, 11), ["pause"])
            self.assertEqual(self.takeBack(), ["pause"])
            self.assertEqual(self.takeBack(), ["pause", "resume"])

    def test_emptyFrames(self) -> None:
        """
        A flood of empty messages is too much, too.
        """
        self.waiting()
        self.assertEqual(self.write(*[0] * 1000), [])
        self.assertEqual(self.write(0), ["pause"])
        self.assertEqual((self.transport.getWriteBufferSize(), len(self.messages)), (0, 1001))
        self.assertEqual(self.takeBack(750), ["pause"])
        self.assertEqual(self.takeBack(), ["pause", "resume"])

    def test_messages(self) -> None:
        """
        Messages have marks of their own.
        """
        self.waiting(highMessages=3, lowMessages=1)
        self.assertEqual(self.write(1, 1, 1), [])
        self.assertEqual(self.write(1), ["pause"])
        self.assertEqual(self.takeBack(2), ["pause"])
        self.assertEqual(self.takeBack(), ["pause", "resume"])

    def test_both(self) -> None:
        """
        It is well again when both bytes and messages are few.
        """
        self.waiting(high=10, low=5, highMessages=3, lowMessages=1)
        self.write(6, 0)
        self.write(6)
        self.assertEqual(self.takeBack(), ["pause"])
        self.assertEqual(self.takeBack(), ["pause"])
        self.assertEqual(self.takeBack(), ["pause", "resume"])

    def test_givenMessages(self) -> None:
        """
        Marks for messages that are given count, whatever the bytes are.
        """
        self.waiting(high=0, highMessages=5, lowMessages=2)
        self.assertEqual(self.write(0, 0, 0, 0, 0), [])
        self.assertEqual(self.write(0), ["pause"])
        self.waiting(low=0, high=10, highMessages=5, lowMessages=2)
        self.write(0, 0, 0, 0, 0, 0)
        self.assertEqual(self.takeBack(4), ["pause", "resume"])

    def test_changed(self) -> None:
        """
        Other marks count at once.
        """
        self.waiting()
        self.write(100)
        self.transport.setWriteBufferLimits(high=99)
        self.assertEqual(self.write(), ["pause"])
        self.transport.setWriteBufferLimits(high=1000)
        self.assertEqual(self.write(), ["pause", "resume"])

    def test_size(self) -> None:
        """
        What waits can be asked for, in bytes and in messages.
        """
        self.waiting()
        self.transport.write([b"abc", "é", b""])
        self.transport.write(b"d")
        self.assertEqual(self.transport.getWriteBufferSize(), 6)
        self.assertEqual(self.transport.getWriteBufferLength(), 2)

    def test_withinWrite(self) -> None:
        """
        It is told while it writes, in time to stop.
        """

        class Careful(Recording):
            isPaused = False

            def pauseWriting(self) -> None:
                self.isPaused = True

            def writeAll(self) -> int:
                written = 0
                while not self.isPaused:
                    self.transport.write(bytes(100))
                    written += 1
                return written

        transport, protocol = self.opened(zmq.PUSH, Careful)
        transport.setWriteBufferLimits(high=1000)
        self.assertEqual(protocol.writeAll(), 11)


class FlowTests(TransportTestCase):
    """
    A peer that reads makes room.
    """

    async def test_stream(self) -> None:
        """
        A protocol that stops when it is told, and goes on when it is told,
        loses nothing and never has more waiting than it wants.
        """

        class Stream(Recording):
            written = 0
            most = 0
            isPaused = False

            def pauseWriting(self) -> None:
                super().pauseWriting()
                self.isPaused = True

            def resumeWriting(self) -> None:
                super().resumeWriting()
                self.isPaused = False
                self.writeOn()

            def writeOn(self) -> None:
                while not self.isPaused and self.written < 1000:
                    self.written += 1
                    self.transport.write(b"%d" % self.written)
                    self.most = max(self.most, self.transport.getWriteBufferLength())

        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL, Stream)
        transport.setWriteBufferLimits(highMessages=10)
        protocol.writeOn()
        got = await arrived(raw, 1000)
        self.assertEqual(got, [[b"%d" % i] for i in range(1, 1001)])
        self.assertEqual(protocol.most, 11)
        told = protocol.told.events
        self.assertEqual(told, ["pause", "resume"] * (len(told) // 2))
        self.assertGreater(len(told), 50)

    async def test_writeWhenPaused(self) -> None:
        """
        What is written in spite of it is queued behind, and sent.
        """

        class Stubborn(Recording):
            def pauseWriting(self) -> None:
                super().pauseWriting()
                self.transport.write(b"but")

        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL, Stubborn)
        transport.setWriteBufferLimits(high=0)
        transport.writeSequence([b"0", b"1", b"2", b"3"])
        self.assertEqual(protocol.told.events, ["pause"])
        self.assertEqual(await arrived(raw, 5), [[b"0"], [b"1"], [b"2"], [b"but"], [b"3"]])

    async def test_closeWhenTold(self) -> None:
        """
        A protocol may close when it is told, in either way and in either case.
        """
        for told in ("pauseWriting", "resumeWriting"):
            for close in ("loseConnection", "abortConnection", "shutdown"):
                transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL)
                setattr(protocol, told, getattr(transport, close))
                transport.setWriteBufferLimits(high=0)
                transport.writeSequence([b"x"] * 3)
                await turns(3)
                received(raw)
                await protocol.lost.wait()
                await turns(3)
                self.assertEqual(len(protocol.lost.events), 1, (told, close))

    async def test_errors(self) -> None:
        """
        What goes wrong when it is told is logged, and costs no message.
        """

        class Failing(Recording):
            def pauseWriting(self) -> None:
                super().pauseWriting()
                raise ZeroDivisionError

            async def resumeWriting(self) -> None:
                super().resumeWriting()
                raise KeyError

        transport, protocol, raw = self.stalled(zmq.PUSH, zmq.PULL, Failing)
        transport.setWriteBufferLimits(high=0)
        transport.writeSequence([b"0", b"1", b"2"])
        self.assertEqual(await arrived(raw, 3), [[b"0"], [b"1"], [b"2"]])
        await until(lambda: protocol.told.events == ["pause", "resume"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def test_notAfterTheEnd(self) -> None:
        """
        What is lost with a transport makes no room: nothing is told but the
        end.
        """
        transport, protocol, _ = self.stalled(zmq.PUSH, zmq.PULL)
        transport.setWriteBufferLimits(high=0)
        transport.writeSequence([b"x"] * 5)
        transport.abortConnection()
        await protocol.lost.wait()
        self.assertEqual(protocol.told.events, ["pause"])


class ModelTests(SynchronousTestCase):
    """
    Against a model that is so simple that it must be right.
    """

    @STEADY
    @given(
        high=st.integers(0, 20),
        low=st.integers(0, 20),
        steps=st.lists(st.none() | st.integers(0, 12), max_size=40),
    )
    def test_marks(self, high: int, low: int, steps: list[Any]) -> None:
        """
        Whatever is written and taken back, the calls are those that the marks
        demand.
        """
        low, high = sorted((low, high))
        factory = ZmqFactory()
        d = createZmqConnection(Recording, zmq.PUSH, factory=factory)
        transport, protocol = self.successResultOf(d)
        transport.setWriteBufferLimits(high, low, 1000, 1000)
        waiting: list[Any] = []
        expected: list[str] = []
        try:
            for step in steps:
                if step is not None:
                    waiting.append((step, transport.writeMessage(bytes(step))))
                    waiting[-1][1].addErrback(lambda _: None)
                elif waiting:
                    waiting.pop(len(waiting) // 2)[1].cancel()
                size = sum(size for size, _ in waiting)
                if size > high and expected[-1:] != ["pause"]:
                    expected.append("pause")
                elif size <= low and expected[-1:] == ["pause"]:
                    expected.append("resume")
                self.assertEqual(transport.getWriteBufferSize(), size)
                self.assertEqual(protocol.told.events, expected)
        finally:
            factory.shutdown()
