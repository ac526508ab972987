"""
Tests of :mod:`txzmq.pair`.
"""

from __future__ import annotations

import contextlib

import zmq

from txzmq import ZmqAgainError, ZmqPairConnection

from .support import Recorder, ZmqTestCase, accepted, inThread, turns


class PairTests(ZmqTestCase):
    """
    Two connections, and nobody else.
    """

    def pair(self, address: str) -> tuple[ZmqPairConnection, ZmqPairConnection]:
        """
        :return: two connections that record what they get.
        """
        one = self.bound(ZmqPairConnection, address)
        other = self.connected(ZmqPairConnection, one)
        one.messageReceived, other.messageReceived = Recorder(), Recorder()
        return one, other

    async def test_bothWays(self) -> None:
        """
        Messages go both ways, over every transport.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress(), "inproc://pair"):
            one, other = self.pair(address)
            await accepted(one.send, [b"a", "b"])
            other.send(b"c")
            self.assertEqual(await other.messageReceived.wait(), [[b"a", b"b"]])
            self.assertEqual(await one.messageReceived.wait(), [[b"c"]])

    async def test_order(self) -> None:
        """
        They arrive in order.
        """
        one, other = self.pair("tcp://127.0.0.1:*")
        for i in range(1000):
            other.send(b"%d" % i)
        self.assertEqual(await one.messageReceived.wait(1000), [[b"%d" % i] for i in range(1000)])

    async def test_nobodyThere(self) -> None:
        """
        Without the other one, sending fails.
        """
        self.assertRaises(ZmqAgainError, self.bound(ZmqPairConnection).send, b"x")

    async def test_otherOneGone(self) -> None:
        """
        When the other one has gone, sending fails; a new one can take its
        place, and gets whole messages.
        """
        one, other = self.pair("tcp://127.0.0.1:*")
        await accepted(one.send, b"hello")
        await other.messageReceived.wait()
        other.shutdown()
        with contextlib.suppress(ZmqAgainError):
            while True:  # libzmq closes in a thread of its own
                one.send([b"a", b"b"])
                await turns()
        new = self.connected(ZmqPairConnection, one)
        new.messageReceived = Recorder()
        await accepted(one.send, [b"c", b"d"])
        self.assertEqual(await new.messageReceived.wait(), [[b"c", b"d"]])

    async def test_raw(self) -> None:
        """
        A plain PAIR socket understands us, and we it.
        """
        one = self.bound(ZmqPairConnection)
        one.messageReceived = Recorder()
        raw = self.raw(zmq.PAIR, one.boundAddresses[0])
        await inThread(raw.send_multipart, [b"a", b"b"])
        self.assertEqual(await one.messageReceived.wait(), [[b"a", b"b"]])
        one.send([b"c", b"d"])
        self.assertEqual(await inThread(raw.recv_multipart), [b"c", b"d"])
