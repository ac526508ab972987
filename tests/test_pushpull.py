"""
Tests of :mod:`txzmq.pushpull`.
"""

from __future__ import annotations

import zmq

from txzmq import ZmqPullConnection, ZmqPushConnection

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

    async def test_rawPuller(self) -> None:
        """
        A plain PULL socket gets the frames that were pushed.
        """
        push = self.bound(ZmqPushConnection)
        raw = self.raw(zmq.PULL, push.boundAddresses[0])
        await accepted(push.push, [b"a", b"b"])
        self.assertEqual(await inThread(raw.recv_multipart), [b"a", b"b"])
