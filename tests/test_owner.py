"""
Tests of whose a socket is, without forking: what a child process would see.  With
real forks, see :mod:`test_fork`.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from unittest import mock

import zmq
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txzmq import ZmqFactory, ZmqForkedError, ZmqPullConnection, ZmqThreadError, _owner
from txzmq._descriptor import Descriptor, ReadBudget
from txzmq._owner import Owned

from .support import ZmqTestCase, inThread


class FakeSocket:
    """
    Nothing may be done to it but to be asked what it is.
    """

    closed = False

    def __init__(self, fd: int) -> None:
        self.closings: list[Any] = []
        self._answers = {zmq.FD: fd, zmq.TYPE: zmq.PULL}

    def getsockopt(self, option: int) -> int:
        """
        :return: its descriptor, or its type.
        """
        return self._answers[zmq.SocketOption(option)]

    def close(self, linger: Any = None) -> None:
        """
        It can be closed, but for how long it lingers cannot be set.
        """
        self.closings.append(linger)
        if linger is not None:
            raise zmq.ContextTerminated()


class Reader:
    """
    Has a descriptor.
    """

    def __init__(self, fd: int) -> None:
        self.lost: list[Any] = []
        self.fd = fd
        self.reactor = MemoryReactorClock()
        self.socket: Any = FakeSocket(fd)
        reader: Any = self
        self.descriptor = Descriptor(self.socket, self.reactor, reader, reader, self._lose)

    def fileno(self) -> int:
        """
        :return: the number of the descriptor.
        """
        return self.fd

    def _lose(self, reason: Any) -> None:
        self.lost.append(reason.type)
        self.descriptor.close()


class DisownTests(SynchronousTestCase):
    """
    What is done to a descriptor in a child process.
    """

    def setUp(self) -> None:
        self.fd, write = os.pipe()
        os.write(write, b"x")
        os.close(write)
        self.addCleanup(os.close, self.fd)
        self.reader = Reader(self.fd)
        self.descriptor = self.reader.descriptor
        self.reader.reactor.addReader(self.reader)  # type: ignore[arg-type]

    def test_refuses(self) -> None:
        """
        It can neither be used nor receive.
        """
        self.descriptor.disown()
        self.assertTrue(self.descriptor.isInherited)
        self.assertRaises(ZmqForkedError, self.descriptor.claim)
        self.assertRaises(ZmqForkedError, self.descriptor.sendMultipart, [b"x"])

    def test_ends(self) -> None:
        """
        In the next turn of the reactor, if there is one, it is lost; nothing is
        done to the socket.
        """
        self.descriptor.disown()
        self.reader.reactor.advance(0)
        self.assertEqual(self.reader.lost, [ZmqForkedError])
        self.assertEqual(self.reader.reactor.getReaders(), [])
        self.flushLoggedErrors(ZmqForkedError)

    def test_signalled(self) -> None:
        """
        So it is if the reactor comes first.
        """
        self.descriptor.disown()
        self.descriptor.doRead(ReadBudget())
        self.assertEqual(self.reader.lost, [ZmqForkedError])

    def test_otherFile(self) -> None:
        """
        The number of the descriptor stands for another file, so that the parent's
        entry in the kernel's lists is not ours to remove.
        """
        self.descriptor.disown()
        self.assertEqual(os.read(self.fd, 1), b"")

    def test_gone(self) -> None:
        """
        Not if somebody has closed the socket: the number is another's by now, and
        stays that.
        """
        self.reader.socket.closed = True
        self.descriptor.disown()
        self.assertEqual(os.read(self.fd, 1), b"x")

    def test_noFile(self) -> None:
        """
        If there is no descriptor left for that, all else is as ever.
        """
        with mock.patch("os.open", side_effect=OSError):
            self.descriptor.disown()
        self.assertTrue(self.descriptor.isInherited)

    def test_canBeClosed(self) -> None:
        """
        To let go of it is no error.
        """
        self.descriptor.disown()
        self.descriptor.claimToClose()
        self.descriptor.close()
        self.assertEqual(self.reader.reactor.getDelayedCalls(), [])

    def test_closedBefore(self) -> None:
        """
        One that is closed stays closed, and its number may be another's by now.
        """
        self.descriptor.disown()
        self.descriptor.close()
        self.descriptor.disown()
        self.assertEqual(self.reader.reactor.getDelayedCalls(), [])

    def test_cannotLinger(self) -> None:
        """
        Where pyzmq cannot set the time, because the context is terminated, the
        socket is closed without.
        """
        self.descriptor.close(0)
        self.assertEqual(self.reader.socket.closings, [0, None])

    def test_all(self) -> None:
        """
        After a fork, all that there are belong to nobody.
        """
        owned = [Owned(), Owned()]
        with mock.patch.object(_owner, "_alive", set(owned)):
            _owner._disownAll()
        self.assertEqual([one.isInherited for one in owned], [True, True])


class FactoryTests(ZmqTestCase):
    """
    A factory in a child process.
    """

    async def test_refuses(self) -> None:
        """
        Neither its context nor a socket is to be had.
        """
        assert self.factory.context is not None
        with mock.patch("os.getpid", return_value=-1):
            self.assertRaises(ZmqForkedError, lambda: self.factory.context)
            self.assertRaises(ZmqForkedError, self.factory.openSocket, zmq.PULL)

    async def test_shutdown(self) -> None:
        """
        It can be shut down, and the context is left alone.
        """
        context: Any = self.factory.context
        with mock.patch("os.getpid", return_value=-1):
            self.factory.shutdown()
        self.assertFalse(context.closed)
        context.term()

    async def test_close(self) -> None:
        """
        Or closed.
        """
        context: Any = self.factory.context
        with mock.patch("os.getpid", return_value=-1):
            self.assertIsNone(await self.factory.close())
        self.assertFalse(context.closed)
        context.term()

    async def test_notUsedYet(self) -> None:
        """
        One without a context can go along.
        """
        with mock.patch("os.getpid", return_value=-1):
            ZmqPullConnection(self.factory).shutdown()
            self.factory.shutdown()

    async def test_noContext(self) -> None:
        """
        That there can be no context is an error of ours.
        """
        with mock.patch("zmq.Context", side_effect=zmq.ZMQError(zmq.ENOTSUP)):
            self.assertRaises(OSError, lambda: ZmqFactory().context)


class ThreadTests(ZmqTestCase):
    """
    Other threads.
    """

    async def test_other(self) -> None:
        """
        Another thread may not, for as long as ours lives.
        """
        owned = Owned()
        for use in (owned.claim, owned.claimToClose):
            try:
                await inThread(use)
            except ZmqThreadError as error:
                self.assertIn("reactor.callFromThread", str(error))
            else:
                self.fail("it may")
        owned.claim()

    async def test_ended(self) -> None:
        """
        What belongs to a thread that has ended belongs to whoever comes next.
        """
        owned: list[Owned] = []
        thread = threading.Thread(target=lambda: owned.append(Owned()))
        thread.start()
        thread.join()
        owned[0].claim()
        self.assertTrue(owned[0].isOwned())
