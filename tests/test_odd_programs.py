"""
Tests of what programs do that nobody expects of them.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.testing import MemoryReactorClock

from txzmq import (
    MessageId,
    ZmqClosedError,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointError,
    ZmqEndpointType,
    ZmqFactory,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqOptionError,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqSubConnection,
)

from .support import Recorder, ZmqTestCase, inThread, program, turns, until


class RequestTests(ZmqTestCase):
    """
    Requests and replies that are used in ways of their own.
    """

    async def test_firedByTheUser(self) -> None:
        """
        Requests whose Deferred somebody else has fired are over; the others
        are told when the connection closes.
        """
        req = self.bound(ZmqREQConnection, "inproc://nobody")
        self.connected(ZmqREPConnection, req).gotMessage = lambda *args: None
        for timeout in (None, 0):
            req.sendMsg(b"fired", timeout=timeout).callback([b"by the user"])
        waiting = req.sendMsg(b"waiting")
        await turns(5)
        req.shutdown()
        self.failureResultOf(waiting, ZmqClosedError)
        self.assertEqual(req._requests, {})

    async def test_repliedAfterFired(self) -> None:
        """
        The reply to one that somebody else has fired is ignored.
        """
        rep, got = self.bound(ZmqREPConnection), Recorder()
        rep.gotMessage = got
        req = self.connected(ZmqREQConnection, rep)
        fired = req.sendMsg(b"fired")
        ((messageId, _),) = await got.wait()
        fired.callback(None)
        rep.reply(messageId, b"late")
        await until(lambda: not req._requests)

    async def test_releaseFails(self) -> None:
        """
        A ``_releaseId`` that raises costs a line in the log, not the reply.
        """
        rep = self.bound(ZmqREPConnection)
        rep.gotMessage = rep.reply
        req = self.connected(ZmqREQConnection, rep)
        req._releaseId = lambda messageId: 1 / 0
        self.assertEqual(await req.sendMsg(b"x"), [b"x"])
        await until(lambda: self.flushLoggedErrors(ZeroDivisionError))

    def test_copiedId(self) -> None:
        """
        A copy of a message id is the same id; pickled it is plain bytes.
        """
        messageId = MessageId(b"id")
        copies = [copy.copy(messageId), copy.deepcopy([messageId])[0]]
        self.assertTrue(all(other is messageId for other in copies))
        unpickled = pickle.loads(pickle.dumps(messageId))
        self.assertEqual((type(unpickled), unpickled), (bytes, b"id"))

    async def test_limitOnInstance(self) -> None:
        """
        ``maxPendingReplies`` can be assigned on a connection.
        """
        rep, got = self.bound(ZmqREPConnection), Recorder()
        rep.gotMessage, rep.maxPendingReplies = got, 1
        req = self.connected(ZmqREQConnection, rep)
        for request in (b"1", b"2"):
            req.sendMsg(request)
        (first, _), (second, _) = await got.wait(2)
        self.assertRaises(KeyError, rep.reply, bytes(first), b"forgotten")
        rep.reply(bytes(second), b"remembered")

    def test_noPool(self) -> None:
        """
        A pool of no ids still has one.
        """
        req = ZmqREQConnection(self.factory)
        req.UUID_POOL_GEN_SIZE = 0
        self.assertEqual(len(req._getNextId()), 16)


class MessageTests(ZmqTestCase):
    """
    Messages that are none.
    """

    def test_unordered(self) -> None:
        """
        A dictionary or a set is not a message, though it can be iterated over.
        """
        push = ZmqPushConnection(self.factory)
        for message in ({"a": b"1"}, {b"a"}):
            self.assertRaises(ZmqFrameTypeError, push.push, message)

    def test_surrogate(self) -> None:
        """
        Text that UTF-8 cannot express is an error of ours.
        """
        push = ZmqPushConnection(self.factory)
        for message in ("\ud800", ["\ud800"]):
            self.assertRaises(ZmqFrameError, push.push, message)

    def test_recipientIsNamed(self) -> None:
        """
        The error for something that cannot be a tag says so.
        """
        error = self.assertRaises(ZmqFrameTypeError, ZmqSubConnection(self.factory).subscribe, None)
        self.assertIn("tag must be bytes or text", str(error))

    async def test_textSeparator(self) -> None:
        """
        A separator may be text, as it was in Python 2.
        """
        sub, got = self.bound(ZmqSubConnection), Recorder()
        sub.gotMessage, sub.topicSep = got, ":"
        sub.subscribe("")
        pub = self.connected(ZmqPubConnection, sub)
        pub.topicSep = ":"

        def publish() -> bool:
            pub.publish("message", "tag")
            return bool(got.events)

        await until(publish)
        self.assertEqual(got.events[0], (b"message", b"tag"))


class FactoryTests(ZmqTestCase):
    """
    Factories that are set up in another order.
    """

    def test_reactorAfterRegistering(self) -> None:
        """
        A factory that was registered before it got its reactor is shut down
        by that reactor.
        """

        class Stopping(MemoryReactorClock):
            def addSystemEventTrigger(self, *event: Any) -> Any:
                self.due = event
                return event

            def removeSystemEventTrigger(self, event: Any) -> None:
                self.due = None

        other, factory = Stopping(), ZmqFactory()
        factory.registerForShutdown()
        factory.reactor = other
        phase, event, shutdown = other.due
        shutdown()
        self.assertEqual((phase, event, factory.context), ("during", "shutdown", None))

    def test_ownContext(self) -> None:
        """
        A context can be brought along, until there are connections; what was
        set on it is kept.
        """
        context = zmq.Context()
        context.set(zmq.MAX_SOCKETS, 42)
        self.factory.context = context
        ZmqPushConnection(self.factory)
        self.assertEqual(context.get(zmq.MAX_SOCKETS), 42)
        self.assertRaises(ZmqOptionError, setattr, self.factory, "context", zmq.Context)

    def test_contextSettings(self) -> None:
        """
        Settings reach a context that has been looked at; what is set on the
        context itself stays.
        """
        context = self.factory.context
        self.factory.ioThreads = 2
        context.set(zmq.MAX_SOCKETS, 2000)
        ZmqPushConnection(self.factory)
        told = context.get(zmq.IO_THREADS), context.get(zmq.MAX_SOCKETS)
        self.assertEqual(told, (2, 2000))

    async def test_shutdownAtExit(self) -> None:
        """
        A factory can be shut down as the interpreter exits.
        """
        source = (
            "import atexit, txzmq;"
            "f = txzmq.ZmqFactory();"
            "txzmq.ZmqPushConnection(f, ('bind', 'inproc://a'));"
            "c = f.context;"
            "atexit.register(lambda: print(c.closed));"
            "atexit.register(f.shutdown)"
        )
        out, err, code = await program("-c", source)
        self.assertEqual((out, err, code), (b"True\n", b"", 0))

    def test_noMoreThreads(self) -> None:
        """
        Where no thread can be started any more, the context is terminated all
        the same.
        """
        from threading import Thread

        def refuse(thread: Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        self.patch(Thread, "start", refuse)
        ZmqPushConnection(self.factory)
        context = self.factory.context
        self.factory.shutdown()
        self.assertTrue(context.closed)


class ConnectionTests(ZmqTestCase):
    """
    Connections that are opened and closed in ways of their own.
    """

    async def test_equalEndpoints(self) -> None:
        """
        Endpoints that could not be added do not take an older, equal one away.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        push = self.connected(ZmqPushConnection, pull)
        equal = ZmqEndpoint(ZmqEndpointType.connect, pull.boundAddresses[0])
        bad = ZmqEndpoint(ZmqEndpointType.bind, "nowhere")
        self.assertRaises(ZmqEndpointError, push.addEndpoints, [equal, bad])
        push.push(b"x")
        self.assertEqual(await pull.onPull.wait(), [[b"x"]])

    def test_usedBeforeInit(self) -> None:
        """
        Whoever uses a connection before it is constructed hears what is
        missing.
        """

        class Hasty(ZmqPushConnection):
            def __init__(self, factory: Any) -> None:
                self.push(b"too early")

        error = self.assertRaises(ZmqClosedError, Hasty, self.factory)
        self.assertIn("call __init__ first", str(error))

    async def test_cancelledCalls(self) -> None:
        """
        Somebody cancels all delayed calls, and ours among them: messages
        arrive all the same.
        """
        dealer = self.bound(ZmqDealerConnection)
        dealer.gotMessage = Recorder()
        raw = self.raw(zmq.DEALER, dealer.boundAddresses[0])
        raw.send(b"hello")
        await dealer.gotMessage.wait()
        dealer.sendMsg(b"x")
        for call in reactor.getDelayedCalls():
            if call.func.__name__ == "_look":
                call.cancel()
        raw.send(b"message")
        await inThread(raw.recv)
        dealer.sendMsg(b"y")
        self.assertEqual(await dealer.gotMessage.wait(2), [b"hello", b"message"])

    async def test_closedBehindOurBack(self) -> None:
        """
        Sockets that only send are noticed to be closed, too.
        """
        for cls in (ZmqPushConnection, ZmqPubConnection):
            connection = self.bound(cls)
            await turns(3)
            connection.socket.close()
            await until(lambda c=connection: c not in self.factory.connections)
            self.assertNotIn(connection, reactor.getReaders())

    async def test_failingConnectionLost(self) -> None:
        """
        A ``connectionLost`` that raises is logged; the connection is closed.
        """
        push = self.bound(ZmqPushConnection)
        push.connectionLost = lambda reason: 1 / 0
        push.socket.close()
        await until(lambda: push.socket is None)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.factory.connections, set())

    def test_closedWhileScheduling(self) -> None:
        """
        A connection that is closed while it asks the reactor for a look, as
        finalizers can do, looks no more.
        """

        class Closing(MemoryReactorClock):
            victim: Any = None

            def callLater(self, *args: Any, **kwargs: Any) -> Any:
                call = super().callLater(*args, **kwargs)
                if self.victim is not None:
                    self.victim.shutdown()
                return call

        factory = ZmqFactory(Closing())
        self.addCleanup(factory.shutdown)
        dealer = ZmqDealerConnection(factory)
        factory.reactor.advance(1)
        factory.reactor.victim = dealer
        dealer.socket.getsockopt  # noqa: B018
        factory.reactor.advance(1)
        self.assertIsNone(dealer.socket)
