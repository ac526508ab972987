"""
Objects of users whose ``repr`` fails, and reactors that do: errors stay what they
are, and everything can be closed.
"""

from __future__ import annotations

from typing import Any

import zmq
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqEndpointError,
    ZmqFactory,
    ZmqNotSupportedError,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqSubConnection,
    ZmqUsageError,
    createZmqConnection,
)
from txzmq._callbacks import shown

from .support import ZmqTestCase, assigned, descriptors, descriptorsBefore, until
from .transports import Recording, TransportTestCase


def unprintable(cls: Any, **names: Any) -> Any:
    """
    :return: a subclass with a ``repr`` that needs what is not there.
    """
    return type("Feed", (cls,), {"__repr__": lambda self: f"Feed {self.title}", **names})


class ShownTests(SynchronousTestCase):
    """
    What shows an object in a text.
    """

    def test_shown(self) -> None:
        """
        Its ``repr``; if that fails, its class and why.
        """
        feed = unprintable(object)()
        expected = "<Feed, whose repr raises AttributeError>"
        self.assertEqual([shown(b"x"), shown(feed)], ["b'x'", expected])


class ConnectionTests(ZmqTestCase):
    """
    Connections.
    """

    async def test_cannotOpen(self) -> None:
        """
        One that cannot be opened raises the error that says why, and leaves nothing.
        """
        before = await descriptorsBefore()
        address = self.bound(ZmqPullConnection).boundAddresses[0]
        open_ = descriptors()
        for monitored in (False, True):
            feed = unprintable(ZmqSubConnection, monitored=monitored)
            self.assertRaises(ZmqEndpointError, self.bound, feed, address)
        self.assertEqual(len(self.factory.connections), 1)
        await until(lambda: descriptors() <= open_)
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)

    def test_shutdown(self) -> None:
        """
        One that is open can be closed; what is done afterwards says so.
        """
        pull = self.bound(unprintable(ZmqPullConnection))
        pull.shutdown()
        self.assertNotIn(pull, reactor.getReaders())
        self.assertEqual((self.factory.connections, pull.fd), (set(), -1))
        self.assertRaises(ZmqClosedError, pull.send, b"x")

    def test_socket(self) -> None:
        """
        A ``repr`` that needs the socket has it until the end.
        """
        names = {"__repr__": lambda self: f"Feed {self.socket.get(zmq.TYPE)}"}
        push = self.bound(type("Feed", (ZmqPushConnection,), names))
        push.maxWaitingMessages = 1
        waiting = push.sendWhenReady(b"x")
        push.shutdown()
        error = self.failureResultOf(waiting, ZmqClosedError).value
        self.assertEqual(str(error), f"Feed {int(zmq.PUSH)} was closed")

    def test_cannotSend(self) -> None:
        """
        What cannot be sent says why.
        """
        push = self.bound(unprintable(ZmqPushConnection, maxWaitingMessages=0))
        self.assertRaises(ZmqAgainError, push.push, b"x")
        self.failureResultOf(push.sendWhenReady(b"x"), ZmqAgainError)

    async def test_request(self) -> None:
        """
        A request fails in time, or when the connection is closed.
        """
        req = self.bound(unprintable(ZmqREQConnection, immediate=True))
        await self.assertFailure(req.sendMsg(b"x", timeout=0), ZmqRequestTimeoutError)
        waiting = req.sendMsg(b"x")
        req.shutdown()
        self.failureResultOf(waiting, ZmqClosedError)

    async def test_log(self) -> None:
        """
        The log tells the class, and goes on telling what was wrong.
        """
        _, raw = self.withRaw(unprintable(ZmqREPConnection), zmq.DEALER)
        texts = self.logged()
        raw.send(b"no request")
        await until(lambda: texts)
        self.assertIn("<Feed, whose repr raises AttributeError> dropped", texts[0])

    def test_factory(self) -> None:
        """
        A factory that cannot be shown is no hindrance either.
        """
        factory = unprintable(ZmqFactory)()
        push = ZmqPushConnection(factory)
        self.assertIn("<Feed, whose", repr(push))
        factory.shutdown()
        self.assertEqual(push.fd, -1)


class TransportTests(TransportTestCase):
    """
    Transports are shown without their protocols, but these are, too.
    """

    def test_noType(self) -> None:
        """
        What makes no protocol is an error of ours.
        """
        nobody: Any = unprintable(object, __call__=lambda self: None)()
        opening = createZmqConnection(nobody, zmq.PULL, factory=self.factory)
        self.failureResultOf(opening, ZmqUsageError)

    def test_notSupported(self) -> None:
        """
        A protocol is no part of what its transport is called.
        """
        transport, _ = self.opened(zmq.PULL, unprintable(ZmqProtocol))
        self.failureResultOf(transport.whenSubscribed(b"x"), ZmqNotSupportedError)


class BrokenReactorTests(TransportTestCase):
    """
    A reactor that fails when something leaves it.
    """

    def broken(self) -> Any:
        """
        :return: a context in which it does so.
        """
        real = reactor.removeReader

        def removeReader(reader: Any) -> None:
            real(reader)
            raise ZeroDivisionError

        return assigned(reactor, "removeReader", removeReader)

    async def test_connection(self) -> None:
        """
        A connection is closed, and so is its monitor; those who wait are told.
        """
        before = await descriptorsBefore()
        req = self.bound(type("Req", (ZmqREQConnection,), {"monitored": True, "immediate": True}))
        waiting = [req.sendMsg(b"x"), req.sendWhenReady(b"x"), req.whenConnected()]
        with self.broken():
            self.assertRaises(ZeroDivisionError, req.shutdown)
        for deferred in waiting:
            self.failureResultOf(deferred, ZmqClosedError)
        self.assertEqual(self.factory.connections, set())
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)

    async def test_transport(self) -> None:
        """
        So is a transport, and its protocol is told.
        """
        before = await descriptorsBefore()
        transport, protocol = self.opened(zmq.PUSH, Recording)
        transport.bind("tcp://127.0.0.1:*")
        waiting = [transport.writeMessage(b"x"), transport.whenConnected()]
        with self.broken():
            self.assertRaises(ZeroDivisionError, transport.abortConnection)
        for deferred in waiting:
            self.failureResultOf(deferred, ZmqClosedError)
        await protocol.lost.wait()
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)
