"""
Tests of :mod:`txzmq.pushpull`.
"""

from __future__ import annotations

import errno
import threading

import zmq

from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqFrameTypeError,
    ZmqPullConnection,
    ZmqPushConnection,
)

from .support import Recorder, ZmqTestCase, accepted, inThread


class PushPullTests(ZmqTestCase):
    """
    Pushers and pullers, with each other and with plain sockets.
    """

    async def test_messageArrives(self) -> None:
        """
        What is pushed is pulled, as a list of frames.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        self.connected(ZmqPushConnection, pull).push(b"work")
        self.assertEqual(await pull.onPull.wait(), [[b"work"]])

    async def test_method(self) -> None:
        """
        ``onPull`` can be a method of a subclass.
        """
        got = Recorder()

        class Worker(ZmqPullConnection):
            def onPull(self, message: list[bytes]) -> None:
                got(message)

        self.connected(ZmqPushConnection, self.bound(Worker)).push(b"work")
        self.assertEqual(await got.wait(), [[b"work"]])

    async def test_frames(self) -> None:
        """
        A message can have several frames, some of them text or empty.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        push = self.connected(ZmqPushConnection, pull)
        push.push([b"1", "zwölf", bytearray(b"3"), memoryview(b"4"), b""])
        push.push("zwölf")
        push.push(b"")
        self.assertEqual(
            await pull.onPull.wait(3),
            [[b"1", "zwölf".encode(), b"3", b"4", b""], ["zwölf".encode()], [b""]],
        )

    async def test_otherWayRound(self) -> None:
        """
        The pusher can bind and the puller connect, over ipc as well.
        """
        push = self.bound(ZmqPushConnection, self.ipcAddress())
        pull = self.connected(ZmqPullConnection, push)
        pull.onPull = Recorder()
        await accepted(push.push, b"work")
        self.assertEqual(await pull.onPull.wait(), [[b"work"]])

    async def test_nobodyThere(self) -> None:
        """
        Without a puller, pushing fails with what old programs catch.
        """
        push = self.bound(ZmqPushConnection)
        error = self.assertRaises(zmq.error.Again, push.push, [b"a", b"b"])
        self.assertIsInstance(error, ZmqAgainError)
        self.assertEqual(error.errno, errno.EAGAIN)

    async def test_highWaterMark(self) -> None:
        """
        A puller that does not read stops a pusher at the high-water mark; what
        was taken arrives, in order.
        """

        class Narrow(ZmqPushConnection):
            highWaterMark = 5

        push, raw = self.withRaw(Narrow, zmq.PULL)
        raw.rcvhwm = 5
        count = 0
        try:
            while count < 100_000:
                push.push([b"%d" % count, b"x"])
                count += 1
        except ZmqAgainError:
            pass
        self.assertLess(count, 100_000)
        for i in range(count):
            self.assertEqual(raw.recv_multipart(), [b"%d" % i, b"x"])
        self.assertRaises(zmq.Again, raw.recv, zmq.NOBLOCK)

    async def test_fairPulling(self) -> None:
        """
        A puller gets the messages of all pushers.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        for i in range(3):
            self.connected(ZmqPushConnection, pull).push(b"%d" % i)
        self.assertEqual(sorted(await pull.onPull.wait(3)), [[b"0"], [b"1"], [b"2"]])

    async def test_inTurn(self) -> None:
        """
        Pullers get the messages in turn.
        """
        push = self.bound(ZmqPushConnection, "inproc://turns")
        pulls = [self.connected(ZmqPullConnection, push) for _ in range(2)]
        for pull in pulls:
            pull.onPull = Recorder()
        for i in range(6):
            push.push(b"%d" % i)
        for pull in pulls:
            self.assertEqual(len(await pull.onPull.wait(3)), 3)

    async def test_badFrame(self) -> None:
        """
        What cannot be sent is an error, and the next message is intact.
        """
        push, raw = self.withRaw(ZmqPushConnection, zmq.PULL)
        self.assertRaises(ZmqFrameTypeError, push.push, [b"a", 5])
        self.assertRaises(ZmqFrameTypeError, push.push, None)
        push.push(b"next")
        self.assertEqual(raw.recv_multipart(), [b"next"])

    async def test_closed(self) -> None:
        """
        A closed connection says so.
        """
        push = self.bound(ZmqPushConnection)
        push.shutdown()
        self.assertRaises(ZmqClosedError, push.push, b"work")

    async def test_rawPuller(self) -> None:
        """
        A plain PULL socket gets the frames that were pushed.
        """
        push = self.bound(ZmqPushConnection)
        raw = self.raw(zmq.PULL, push.boundAddresses[0])
        await accepted(push.push, [b"a", b"b"])
        self.assertEqual(await inThread(raw.recv_multipart), [b"a", b"b"])

    async def test_rawPusher(self) -> None:
        """
        We get the frames that a plain PUSH socket has sent.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        raw = self.raw(zmq.PUSH, pull.boundAddresses[0])
        await inThread(raw.send_multipart, [b"a", b"", b"b"])
        self.assertEqual(await pull.onPull.wait(), [[b"a", b"", b"b"]])

    async def test_largeMessages(self) -> None:
        """
        Messages larger than any buffer arrive.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        push = self.connected(ZmqPushConnection, pull)
        messages = [[bytes([i]) * 3_000_000, b"end"] for i in range(5)]
        threads = threading.enumerate()
        for message in messages:
            push.push(message)
        self.assertTrue(await pull.onPull.wait(5) == messages)
        # pyzmq would start one if libzmq were to share the frames.
        self.assertEqual(threading.enumerate(), threads)
