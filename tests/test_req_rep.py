"""
Tests of :mod:`txzmq.req_rep`.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import gc
import pickle
import warnings
from collections.abc import Iterator
from threading import Thread
from typing import Any
from unittest import mock

import zmq
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, gatherResults
from twisted.internet.task import Clock

from txzmq import (
    MessageId,
    ZmqAgainError,
    ZmqClosedError,
    ZmqEndpoint,
    ZmqEndpointError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqOptionError,
    ZmqREPConnection,
    ZmqReplyError,
    ZmqREQConnection,
    ZmqRequestIdError,
    ZmqRequestTimeoutError,
    ZmqSocketError,
    ZmqTooManyRequestsError,
    ZmqXREPConnection,
    ZmqXREQConnection,
)

from .support import Recorder, ZmqTestCase, alive, inThread, signalled, turns, until


class Echo(ZmqREPConnection):
    """
    Replies at once, with the same.
    """

    def gotMessage(self, messageId: bytes, *parts: bytes) -> None:  # type: ignore[override]
        self.reply(messageId, *parts)


class Silent(ZmqREPConnection):
    """
    Never replies.
    """

    def gotMessage(self, messageId: bytes, *parts: bytes) -> None:  # type: ignore[override]
        pass


class Forgetful(Silent):
    """
    Remembers ten requests.
    """

    maxPendingReplies = 10


@contextlib.contextmanager
def warned() -> Iterator[list[warnings.WarningMessage]]:
    """
    :return: a list that gets the warnings.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


class ReqRepTests(ZmqTestCase):
    """
    Our clients and servers with each other.
    """

    async def test_requestAndReply(self) -> None:
        """
        A request fires its Deferred with the frames of the reply, over every
        transport.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress(), "inproc://echo"):
            req = self.connected(ZmqREQConnection, self.bound(Echo, address))
            self.assertEqual(await req.sendMsg(b"a", b"", "größe"), [b"a", b"", "größe".encode()])

    async def test_clientBinds(self) -> None:
        """
        The client can bind and the server connect.
        """
        req = self.bound(ZmqREQConnection, "inproc://client")
        self.connected(Echo, req)
        self.assertEqual(await req.sendMsg(b"a"), [b"a"])

    async def test_nothing(self) -> None:
        """
        Request and reply may have no frames.
        """
        req = self.connected(ZmqREQConnection, self.bound(Echo))
        self.assertEqual(await req.sendMsg(), [])

    async def test_manyAtATime(self) -> None:
        """
        Many requests can be under way, answered in another order; each gets
        its own reply, and nothing is left.
        """
        waiting: list[Any] = []

        def hold(*request: bytes) -> None:
            waiting.append(request)
            if len(waiting) == 1000:
                for messageId, *parts in reversed(waiting):
                    rep.reply(messageId, *parts)

        rep = self.bound(ZmqREPConnection)
        rep.gotMessage = hold
        req = self.connected(ZmqREQConnection, rep)
        deferreds = [req.sendMsg(b"%d" % i) for i in range(1000)]
        self.assertEqual(
            await gatherResults(deferreds),  # type: ignore[misc]
            [[b"%d" % i] for i in range(1000)],
        )
        self.assertEqual(req._requests, {})

    async def test_manyServers(self) -> None:
        """
        A client of several servers asks them in turn.
        """
        servers = [self.bound(ZmqREPConnection) for _ in range(2)]
        got = Recorder()
        for number, server in enumerate(servers):
            server.gotMessage = lambda *request, number=number: got(number)
        req = ZmqREQConnection(self.factory)
        req.addEndpoints([ZmqEndpoint("connect", s.boundAddresses[0]) for s in servers])
        for _ in range(4):
            req.sendMsg(b"x")
        self.assertEqual(sorted(await got.wait(4)), [0, 0, 1, 1])

    async def test_identity(self) -> None:
        """
        A client can have an identity; it is not part of the message id.
        """
        rep = self.bound(ZmqREPConnection)
        rep.gotMessage = Recorder()
        req = self.connected(ZmqREQConnection, rep, identity=b"client")
        req._getNextId = lambda: b"id"
        req.sendMsg(b"a", b"b")
        self.assertEqual(await rep.gotMessage.wait(), [(b"id", b"a", b"b")])

    async def test_replyLater(self) -> None:
        """
        The reply can be given later, from anywhere.
        """

        class Slow(ZmqREPConnection):
            async def gotMessage(self, messageId: bytes, *parts: bytes) -> None:  # type: ignore[override]
                await turns(5)
                self.reply(messageId, *parts)

        req = self.connected(ZmqREQConnection, self.bound(Slow))
        self.assertEqual(await req.sendMsg(b"a"), [b"a"])


class RequestTests(ZmqTestCase):
    """
    Clients, seen from a plain socket.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()

    def client(self, cls: Any = ZmqREQConnection, socketType: int = zmq.DEALER) -> Any:
        """
        :return: a client that measures time by ``self.clock``, and a server.
        """
        req, raw = self.withRaw(cls, socketType)
        self.factory.reactor = self.clock
        return req, raw

    def assertNothingLeft(self, req: ZmqREQConnection) -> None:
        """
        No request waits, and no timer runs.
        """
        self.assertEqual((req._requests, self.clock.getDelayedCalls()), ({}, []))

    async def test_wire(self) -> None:
        """
        A request is an id, an empty delimiter, and the body.
        """
        req, raw = self.client()
        req.sendMsg(b"a", b"b")
        messageId, *rest = raw.recv_multipart()
        self.assertEqual((len(messageId), rest), (16, [b"", b"a", b"b"]))

    async def test_plainServer(self) -> None:
        """
        A plain REP socket understands it.
        """
        req, raw = self.client(socketType=zmq.REP)
        reply = req.sendMsg(b"a", b"b")
        raw.send_multipart([*raw.recv_multipart(), b"c"])
        self.assertEqual(await reply, [b"a", b"b", b"c"])

    async def test_plainServerOverTcp(self) -> None:
        """
        Also over the network.
        """
        req = self.bound(ZmqREQConnection)
        raw = self.raw(zmq.REP, req.boundAddresses[0])
        sent: list[Deferred[list[bytes]]] = []
        while not sent or sent[-1].called:
            sent.append(req.sendMsg(b"a").addErrback(lambda f: f.trap(ZmqAgainError)))  # type: ignore[arg-type]
            await turns()
        await inThread(lambda: raw.send(raw.recv() + b"!"))
        self.assertEqual(await sent[-1], [b"a!"])

    # Time

    async def test_noTimeout(self) -> None:
        """
        By default a request waits for ever.
        """
        req, _ = self.client()
        reply = req.sendMsg(b"a")
        self.clock.advance(1e9)
        self.assertNoResult(reply)
        reply.addErrback(lambda failure: None)

    async def test_timeout(self) -> None:
        """
        A request can be given a time, in seconds; it fails then, not before,
        with an error that is Twisted's and Python's.
        """
        req, raw = self.client()
        reply = req.sendMsg(b"a", timeout=5)
        messageId = raw.recv_multipart()[0]
        self.clock.advance(4.9)
        self.assertNoResult(reply)
        self.clock.advance(0.2)
        error = self.failureResultOf(reply, ZmqRequestTimeoutError).value
        self.assertEqual(error.messageId, messageId)
        self.assertIsInstance(error, TimeoutError)
        self.assertNothingLeft(req)

    async def test_timeoutRealTime(self) -> None:
        """
        The factory's reactor measures it.
        """
        req, _ = self.withRaw(ZmqREQConnection, zmq.DEALER)
        reply = req.sendMsg(b"a", timeout=0.001)
        await self.assertFailure(reply, ZmqRequestTimeoutError)

    async def test_inTime(self) -> None:
        """
        A reply in time stops the clock.
        """
        req, raw = self.client()
        reply = req.sendMsg(b"a", timeout=5)
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await reply, [b"a"])
        self.assertNothingLeft(req)

    async def test_longTimeout(self) -> None:
        """
        However long a time is, a reply ends it.
        """
        req, raw = self.client()
        for timeout in (1e306, float("inf"), 10**300):
            reply = req.sendMsg(b"a", timeout=timeout)
            raw.send_multipart(raw.recv_multipart())
            self.assertEqual(await reply, [b"a"])
        self.assertNothingLeft(req)

    async def test_defaultTimeout(self) -> None:
        """
        A class can have a default, a connection another one, a request a third.
        """

        class Impatient(ZmqREQConnection):
            defaultRequestTimeout = 3

        req, _ = self.client(Impatient)
        req.sendMsg(b"a").addErrback(lambda failure: None)
        req.sendMsg(b"a", timeout=1).addErrback(lambda failure: None)
        req.sendMsg(b"a", timeout=0).addErrback(lambda failure: None)
        req.defaultRequestTimeout = 2
        req.sendMsg(b"a", timeout=None).addErrback(lambda failure: None)
        times = sorted(call.getTime() for call in self.clock.getDelayedCalls())
        self.assertEqual(times, [0, 1, 2, 3])
        self.clock.advance(3)
        self.assertNothingLeft(req)

    async def test_badTimeout(self) -> None:
        """
        What is no time fails the request, which is not sent.
        """
        req, raw = self.client()
        for timeout in (-1, float("nan"), "soon", b"1", 10**400):
            error = self.failureResultOf(req.sendMsg(b"a", timeout=timeout), ZmqOptionError)
            self.assertIn(repr(timeout), str(error.value))
        self.failureResultOf(req.sendMsg(b"a", timeout=10**5000), ZmqOptionError)
        self.assertRaises(zmq.Again, raw.recv, zmq.NOBLOCK)
        self.assertNothingLeft(req)

    async def test_lateReply(self) -> None:
        """
        A reply that comes too late is dropped, with a line in the log.
        """
        req, raw = self.client()
        late = req.sendMsg(b"late", timeout=1)
        self.clock.advance(1)
        self.failureResultOf(late, ZmqRequestTimeoutError)
        log = self.logged()
        raw.send_multipart(raw.recv_multipart())
        reply = req.sendMsg(b"next")
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await reply, [b"next"])
        self.assertEqual(len([text for text in log if "dropped a reply" in text]), 1, log)

    # Cancelling

    async def test_cancel(self) -> None:
        """
        A request can be cancelled; the reply is dropped.
        """
        req, raw = self.client()
        reply = req.sendMsg(b"a", timeout=5)
        reply.cancel()
        self.failureResultOf(reply, CancelledError)
        self.assertNothingLeft(req)
        raw.send_multipart(raw.recv_multipart())
        reply = req.sendMsg(b"b")
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await reply, [b"b"])

    async def test_addTimeout(self) -> None:
        """
        Twisted's own ``addTimeout`` does as well.
        """
        req, _ = self.client()
        reply = req.sendMsg(b"a").addTimeout(5, self.clock)
        self.clock.advance(5)
        self.failureResultOf(reply, TimeoutError)
        self.assertNothingLeft(req)

    # What cannot be sent

    async def test_nobodyThere(self) -> None:
        """
        A request that nobody is there to take fails, and leaves nothing
        behind.
        """
        req = self.bound(ZmqREQConnection)
        self.factory.reactor = self.clock
        self.failureResultOf(req.sendMsg(b"a", timeout=5), ZmqAgainError)
        self.assertNothingLeft(req)

    async def test_badFrame(self) -> None:
        """
        So does one with a bad frame; the next is intact.
        """
        req, raw = self.client()
        self.failureResultOf(req.sendMsg(b"a", 5, timeout=5), ZmqFrameTypeError)
        self.assertNothingLeft(req)
        reply = req.sendMsg(b"next")
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await reply, [b"next"])

    async def test_badFrameNamed(self) -> None:
        """
        The error counts the frames as the user does.
        """
        req, _ = self.client()
        error = self.failureResultOf(req.sendMsg(b"a", 5), ZmqFrameTypeError).value
        self.assertIn("frame 1 ", str(error))

    async def test_tooMany(self) -> None:
        """
        More requests than ``maxPendingRequests`` are not sent.
        """

        class Modest(ZmqREQConnection):
            maxPendingRequests = 2

        req, raw = self.client(Modest)
        first = req.sendMsg(b"1")
        req.sendMsg(b"2")
        self.failureResultOf(req.sendMsg(b"3"), ZmqTooManyRequestsError)
        raw.send_multipart(raw.recv_multipart())
        await first
        req.sendMsg(b"4")
        bodies = [raw.recv_multipart()[2] for _ in range(2)]
        self.assertEqual(bodies, [b"2", b"4"])
        req.maxPendingRequests = 3
        self.assertNoResult(req.sendMsg(b"5").addErrback(lambda failure: None))

    async def test_closed(self) -> None:
        """
        A request on a closed connection fails.
        """
        req, _ = self.client()
        req.shutdown()
        self.failureResultOf(req.sendMsg(b"a", timeout=1), ZmqClosedError)
        self.assertNothingLeft(req)

    # Ids

    async def test_idsAreUnique(self) -> None:
        """
        No two requests have equal ids.
        """
        req, raw = self.client()
        for _ in range(1000):
            req.sendMsg(b"a")
        ids = {raw.recv_multipart()[0] for _ in range(1000)}
        self.assertEqual(len(ids), 1000)

    async def test_peerCannotChooseIds(self) -> None:
        """
        Whatever ids a peer makes up or repeats, none of them becomes one of
        ours.
        """
        req, raw = self.client()
        seen = {b"mine", b"", bytes(16)}
        for round_ in range(20):
            reply = req.sendMsg(b"%d" % round_)
            messageId = raw.recv_multipart()[0]
            self.assertNotIn(messageId, seen)
            seen.add(messageId)
            for forged in sorted(seen):
                raw.send_multipart([forged, b"", b"x"])
            await reply
            await turns(2)
        self.assertEqual(req._requests, {})
        self.assertLessEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE)

    async def test_repeatedReply(self) -> None:
        """
        A reply that comes twice counts once; the second does not reach the
        next request.
        """
        req, raw = self.client()
        first = req.sendMsg(b"1")
        reply = raw.recv_multipart()
        raw.send_multipart(reply)
        raw.send_multipart(reply)
        self.assertEqual(await first, [b"1"])
        second = req.sendMsg(b"2")
        await turns(3)
        self.assertNoResult(second)
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await second, [b"2"])

    async def test_unknownReplies(self) -> None:
        """
        A reply to nothing, or without delimiter, is dropped with a line in
        the log, and harms nobody.
        """
        req, raw = self.client()
        reply = req.sendMsg(b"a")
        messageId = raw.recv_multipart()[0]
        log = self.logged()
        bad = [[b"unknown", b"", b"x"], [messageId], [messageId, b"x"], [b""], [b"", messageId]]
        for message in bad:
            raw.send_multipart(message)
        raw.send_multipart([messageId, b"", b"good"])
        self.assertEqual(await reply, [b"good"])
        self.assertEqual(len([text for text in log if "dropped a reply" in text]), len(bad), log)
        self.assertIn("unknown", log[0])

    async def test_ownIds(self) -> None:
        """
        ``_getNextId`` can be overridden, or assigned.
        """

        class Counting(ZmqREQConnection):
            count = 0

            def _getNextId(self) -> bytes:
                self.count += 1
                return b"id-%d" % self.count

        req, raw = self.client(Counting)
        for _ in range(2):
            req.sendMsg(b"a")
        req._getNextId = lambda: b"own"
        reply = req.sendMsg(b"b")
        ids = [raw.recv_multipart()[0] for _ in range(3)]
        self.assertEqual(ids, [b"id-1", b"id-2", b"own"])
        raw.send_multipart([b"own", b"", b"c"])
        self.assertEqual(await reply, [b"c"])

    async def test_unusableIds(self) -> None:
        """
        An id that is not bytes, or empty, fails the request, which is not
        sent.
        """
        req, raw = self.client()
        for unusable in ("text", b"", None, 5):
            req._getNextId = lambda unusable=unusable: unusable
            self.failureResultOf(req.sendMsg(b"a"), ZmqRequestIdError)
        req._getNextId = lambda: 1 // 0
        self.failureResultOf(req.sendMsg(b"a"), ZeroDivisionError)
        self.assertRaises(zmq.Again, raw.recv, zmq.NOBLOCK)
        self.assertNothingLeft(req)

    async def test_duplicateIds(self) -> None:
        """
        Of two requests with equal ids, the second fails and the first does
        not notice; later the id can be used again.
        """
        req, raw = self.client()
        req._getNextId = lambda: b"same"
        for body in (b"1", b"2"):
            first = req.sendMsg(body)
            self.failureResultOf(req.sendMsg(b"x"), ZmqRequestIdError)
            raw.send_multipart(raw.recv_multipart())
            self.assertEqual(await first, [body])

    async def test_pool(self) -> None:
        """
        The pool of ids is as tests of old programs know it.
        """
        req, raw = self.client()
        self.assertEqual(req._uuids, [])
        first = req._getNextId()
        self.assertEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE - 1)
        req._releaseId(first)
        self.assertEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE)
        req._releaseId(first)
        self.assertEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE)
        self.assertNotIn(first, req._uuids)
        reply = req.sendMsg(b"a")
        self.assertEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE - 1)
        self.assertEqual(len(req._requests), 1)
        raw.send_multipart(raw.recv_multipart())
        await reply
        self.assertEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE)

    async def test_poolSize(self) -> None:
        """
        A subclass can have a larger pool.
        """

        class Large(ZmqREQConnection):
            UUID_POOL_GEN_SIZE = 100

        req, _ = self.client(Large)
        req._getNextId()
        self.assertEqual(len(req._uuids), 99)

    async def test_emptyPool(self) -> None:
        """
        And none at all.
        """

        class Empty(ZmqREQConnection):
            UUID_POOL_GEN_SIZE = 0

        req, raw = self.client(Empty)
        reply = req.sendMsg(b"a")
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual((await reply, req._uuids), ([b"a"], []))

    async def test_releaseIdRaises(self) -> None:
        """
        An overridden ``_releaseId`` that raises does not keep the reply back.
        """
        req, raw = self.client()
        req._releaseId = lambda messageId: 1 // 0
        reply = req.sendMsg(b"a")
        raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await reply, [b"a"])
        await turns()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_firedByTheUser(self) -> None:
        """
        A Deferred that the user has fired is left alone when the reply comes,
        or the time is over, or the connection closed.
        """
        req, raw = self.client()
        for timeout in (None, 5, None):
            req.sendMsg(b"a", timeout=timeout).callback([b"impatient"])
        raw.send_multipart(raw.recv_multipart())
        await until(lambda: len(req._requests) == 2)
        self.clock.advance(5)
        self.assertEqual(len(req._requests), 1)
        req.shutdown()
        self.assertNothingLeft(req)
        self.assertEqual(self.flushLoggedErrors(), [])

    # Closing

    async def test_shutdown(self) -> None:
        """
        Pending requests fail when the connection is shut down, once each, and
        their timers stop.
        """
        req, _ = self.client()
        got = Recorder()
        for i in range(3):
            req.sendMsg(b"%d" % i, timeout=5).addErrback(lambda failure: got(failure.type))
        req.shutdown()
        req.shutdown()
        self.assertEqual(got.events, [ZmqClosedError] * 3)
        self.assertNothingLeft(req)

    async def test_factoryShutdown(self) -> None:
        """
        And when the factory is.
        """
        req = self.connected(ZmqREQConnection, self.bound(Silent))
        replies = [req.sendMsg(b"a") for _ in range(3)]
        heard = [reply.addErrback(lambda failure: failure.type) for reply in replies]
        self.factory.shutdown()
        self.assertEqual([self.successResultOf(reply) for reply in heard], [ZmqClosedError] * 3)

    async def test_contextTerminated(self) -> None:
        """
        And when the socket is lost.
        """
        req = self.connected(ZmqREQConnection, self.bound(Silent))
        reply = req.sendMsg(b"a")
        terminated = inThread(self.factory.context.term)
        await self.assertFailure(reply, ZmqClosedError)
        await terminated

    async def test_nobodyListens(self) -> None:
        """
        A pending request that nobody listens to leaves nothing in the log.
        """
        req, _ = self.client()
        for _ in range(3):
            req.sendMsg(b"a")
        req.shutdown()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_somebodyListensLater(self) -> None:
        """
        Who begins to listen afterwards is told as well.
        """
        req, _ = self.client()
        replies = [req.sendMsg(b"a") for _ in range(2)]
        req.shutdown()
        self.failureResultOf(replies[0], ZmqClosedError)
        await self.assertFailure(replies[1], ZmqClosedError)

    async def test_failingCallbackIsLogged(self) -> None:
        """
        What the callbacks of a failed request do wrong is logged.
        """
        req, _ = self.client()
        req.sendMsg(b"a").addErrback(lambda failure: 1 // 0)
        req.shutdown()
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_sendingFromErrback(self) -> None:
        """
        Who tries again at once is told that the connection is closed.
        """
        req, _ = self.client()
        reply = req.sendMsg(b"a").addErrback(lambda failure: req.sendMsg(b"again"))
        req.shutdown()
        self.failureResultOf(reply, ZmqClosedError)
        self.assertNothingLeft(req)

    async def test_cancellingFromErrback(self) -> None:
        """
        The errback of one request can cancel another.
        """
        req, _ = self.client()
        replies = [req.sendMsg(b"a") for _ in range(2)]
        replies[0].addErrback(lambda failure: replies[1].cancel())
        req.shutdown()
        self.failureResultOf(replies[1], CancelledError)
        self.assertNothingLeft(req)


class ReplyTests(ZmqTestCase):
    """
    Servers, seen from plain sockets.
    """

    def server(self, *socketTypes: int, cls: Any = ZmqREPConnection) -> Any:
        """
        :return: a recording server, and a client of each type.
        """
        rep, raw = self.withRaw(cls, socketTypes[0])
        rep.gotMessage = Recorder()
        others = [
            self.raw(socketType, rep.boundAddresses[0], self.factory.context)
            for socketType in socketTypes[1:]
        ]
        return (rep, raw, *others)

    async def test_plainClient(self) -> None:
        """
        A plain REQ socket gets its reply.
        """
        _, raw = self.withRaw(Echo, zmq.REQ)
        for i in range(3):
            raw.send_multipart([b"%d" % i, b"", b"x"])
            await turns(3)
            self.assertEqual(raw.recv_multipart(), [b"%d" % i, b"", b"x"])

    async def test_plainClientOverTcp(self) -> None:
        """
        Also over the network.
        """
        raw = self.raw(zmq.REQ, self.bound(Echo).boundAddresses[0])
        raw.send(b"a")
        self.assertEqual(await inThread(raw.recv_multipart), [b"a"])

    def proxy(self, address: str) -> str:
        """
        Run a proxy in a thread.

        :param address: of the server behind it.
        :return: the address for clients.
        """
        context = zmq.Context()
        front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        front.linger = back.linger = 0
        front.bind("tcp://127.0.0.1:*")
        back.connect(address)

        def run() -> None:
            with front, back, contextlib.suppress(zmq.ContextTerminated):
                zmq.proxy(front, back)

        thread = Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(context.term)
        return bytes(front.last_endpoint).rstrip(b"\0").decode()

    async def test_proxies(self) -> None:
        """
        Replies find the way back through proxies, to plain clients and to ours.
        """
        behind = self.proxy(self.bound(Echo).boundAddresses[0])
        further = self.proxy(behind)
        for address in (behind, further):
            raw = self.raw(zmq.REQ, address)
            raw.send_multipart([b"a", b"b"])
            self.assertEqual(await inThread(raw.recv_multipart), [b"a", b"b"])
            req = self.connected(ZmqREQConnection, address)
            self.assertEqual(await req.sendMsg(b"c", b"d"), [b"c", b"d"])

    async def test_messageId(self) -> None:
        """
        What ``gotMessage`` gets is bytes, equal to the client's id.
        """
        rep, raw = self.server(zmq.DEALER)
        raw.send_multipart([b"id", b"", b"a"])
        ((messageId, body),) = await rep.gotMessage.wait()
        self.assertIsInstance(messageId, MessageId)
        self.assertEqual((messageId, hash(messageId), body), (b"id", hash(b"id"), b"a"))

    async def test_equalIds(self) -> None:
        """
        Two clients that use equal ids get their own answers, in whatever
        order.
        """
        rep, one, other = self.server(zmq.DEALER, zmq.DEALER)
        one.send_multipart([b"1", b"", b"from one"])
        other.send_multipart([b"1", b"", b"from other"])
        for messageId, body in reversed(await rep.gotMessage.wait(2)):
            rep.reply(messageId, b"answer " + body)
        self.assertEqual(one.recv_multipart(), [b"1", b"", b"answer from one"])
        self.assertEqual(other.recv_multipart(), [b"1", b"", b"answer from other"])

    async def test_plainBytes(self) -> None:
        """
        A program that has kept the id as plain bytes can reply with it.
        """
        rep, one, other = self.server(zmq.DEALER, zmq.DEALER)
        one.send_multipart([b"1", b"", b"a"])
        other.send_multipart([b"2", b"", b"b"])
        await rep.gotMessage.wait(2)
        rep.reply(b"2", b"to other")
        rep.reply(b"1", b"to one")
        self.assertEqual(one.recv_multipart(), [b"1", b"", b"to one"])
        self.assertEqual(other.recv_multipart(), [b"2", b"", b"to other"])

    async def test_ambiguous(self) -> None:
        """
        But not where two clients wait with equal ids: that is an error, and
        nobody gets anything.  Once one is answered, the other is meant.
        """
        rep, one, other = self.server(zmq.DEALER, zmq.DEALER)
        one.send_multipart([b"1", b"", b"from one"])
        await rep.gotMessage.wait()
        other.send_multipart([b"1", b"", b"from other"])
        await rep.gotMessage.wait(2)
        self.assertRaises(ZmqReplyError, rep.reply, b"1", b"x")
        rep.reply(rep.gotMessage.events[0][0], b"answer")
        rep.reply(b"1", b"answer")
        for raw in (one, other):
            self.assertEqual(raw.recv_multipart(), [b"1", b"", b"answer"])
            self.assertRaises(zmq.Again, raw.recv, zmq.NOBLOCK)

    async def test_sameIdFromOneClient(self) -> None:
        """
        A client that uses one id twice is answered twice.
        """
        rep, raw = self.server(zmq.DEALER)
        for body in (b"a", b"b"):
            raw.send_multipart([b"1", b"", body])
        await rep.gotMessage.wait(2)
        rep.reply(b"1", b"first")
        rep.reply(b"1", b"second")
        self.assertRaises(ZmqReplyError, rep.reply, b"1", b"third")
        self.assertEqual([raw.recv_multipart()[2] for _ in range(2)], [b"first", b"second"])

    async def test_twice(self) -> None:
        """
        A second reply is an error, that old programs catch as ``KeyError``;
        the client gets the first.
        """
        rep, raw = self.server(zmq.DEALER)
        raw.send_multipart([b"id", b"", b"a"])
        ((messageId, _),) = await rep.gotMessage.wait()
        rep.reply(messageId, b"first")
        for again in (messageId, b"id"):
            error = self.assertRaises(ZmqReplyError, rep.reply, again, b"second")
            self.assertIsInstance(error, KeyError)
            self.assertIn("answered already", str(error))
            self.assertEqual(error.messageId, b"id")
        self.assertEqual(raw.recv_multipart(), [b"id", b"", b"first"])
        self.assertRaises(zmq.Again, raw.recv, zmq.NOBLOCK)

    async def test_copies(self) -> None:
        """
        A copy of the id stands for the same request: one reply is all; so does
        what comes back out of a pickle, as far as plain bytes can.
        """
        rep, raw = self.server(zmq.DEALER)
        for _ in range(2):
            raw.send_multipart([b"id", b"", b"a"])
        got = [messageId for messageId, _ in await rep.gotMessage.wait(2)]
        rep.reply(copy.copy(got[0]), b"x")
        for again in (got[0], copy.copy(got[0]), copy.deepcopy(got[0])):
            self.assertRaises(ZmqReplyError, rep.reply, again, b"x")
        rep.reply(pickle.loads(pickle.dumps(got[1])), b"y")
        self.assertRaises(ZmqReplyError, rep.reply, got[1], b"y")
        self.assertEqual([raw.recv_multipart()[2] for _ in range(2)], [b"x", b"y"])

    async def test_unknownId(self) -> None:
        """
        A reply to nobody is an error.
        """
        rep, _ = self.server(zmq.DEALER)
        for unknown in (b"unknown", b"", "text"):
            self.assertRaises(ZmqReplyError, rep.reply, unknown, b"x")

    async def test_otherConnection(self) -> None:
        """
        So is one by the wrong connection, even if it has a request with an
        equal id.
        """
        right, one = self.server(zmq.DEALER)
        wrong, other = self.server(zmq.DEALER)
        one.send_multipart([b"1", b"", b"a"])
        other.send_multipart([b"1", b"", b"a"])
        await wrong.gotMessage.wait()
        ((messageId, _),) = await right.gotMessage.wait()
        self.assertRaises(ZmqReplyError, wrong.reply, messageId, b"x")
        right.reply(messageId, b"answer")
        self.assertEqual(one.recv_multipart(), [b"1", b"", b"answer"])
        self.assertRaises(zmq.Again, other.recv, zmq.NOBLOCK)

    async def test_badFrame(self) -> None:
        """
        A reply that cannot be sent leaves the request to be answered.
        """
        rep, raw = self.server(zmq.REQ)
        raw.send(b"a")
        ((messageId, _),) = await rep.gotMessage.wait()
        self.assertRaises(ZmqFrameTypeError, rep.reply, messageId, b"x", 5)
        rep.reply(messageId, "good", bytearray(b"y"))
        self.assertEqual(raw.recv_multipart(), [b"good", b"y"])

    async def test_badFrameNamed(self) -> None:
        """
        The error counts the frames as the user does.
        """
        rep, raw = self.server(zmq.DEALER)
        raw.send_multipart([b"id", b"", b"a"])
        ((messageId, _),) = await rep.gotMessage.wait()
        error = self.assertRaises(ZmqFrameTypeError, rep.reply, messageId, b"x", 5)
        self.assertIn("frame 1 ", str(error))

    async def test_noFrames(self) -> None:
        """
        A reply may have no frames.
        """
        rep, raw = self.server(zmq.DEALER)
        raw.send_multipart([b"id", b""])
        self.assertEqual(await rep.gotMessage.wait(), [b"id"])
        rep.reply(b"id")
        self.assertEqual(raw.recv_multipart(), [b"id", b""])

    async def test_clientGone(self) -> None:
        """
        A client that has gone away does not get its reply, and nothing else
        happens.
        """
        rep, raw = self.server(zmq.REQ)
        raw.send(b"a")
        ((messageId, _),) = await rep.gotMessage.wait()
        raw.close()
        await turns(3)
        rep.reply(messageId, b"x")
        self.assertRaises(ZmqReplyError, rep.reply, messageId, b"x")

    async def test_refused(self) -> None:
        """
        Another error is told, and the request is still to be answered.
        """
        rep, raw = self.server(zmq.DEALER)
        raw.send_multipart([b"id", b"", b"a"])
        ((messageId, _),) = await rep.gotMessage.wait()
        error = ZmqSocketError(errno.EINVAL, "no")
        with mock.patch.object(rep, "send", side_effect=error):
            self.assertRaises(ZmqSocketError, rep.reply, messageId, b"x")
        rep.reply(messageId, b"x")
        self.assertEqual(await inThread(raw.recv_multipart), [b"id", b"", b"x"])

    async def test_clientGoneIsLogged(self) -> None:
        """
        The log tells, when libzmq has noticed.
        """
        texts = self.logged()
        rep, raw = self.server(zmq.REQ)
        raw.send(b"a")
        ((messageId, _),) = await rep.gotMessage.wait()
        raw.close()
        with contextlib.suppress(ZmqSocketError):
            while True:  # libzmq closes in a thread of its own
                rep.send([messageId, b"", b"still there?"])
                await turns()
        rep.reply(messageId, b"x")
        self.assertEqual(len([text for text in texts if "was dropped" in text]), 1)
        self.assertRaises(ZmqReplyError, rep.reply, messageId, b"x")

    async def test_closed(self) -> None:
        """
        A closed server says so.
        """
        rep, raw = self.server(zmq.DEALER)
        raw.send_multipart([b"id", b"", b"a"])
        ((messageId, _),) = await rep.gotMessage.wait()
        rep.shutdown()
        for anId in (messageId, b"id", b"unknown"):
            self.assertRaises(ZmqClosedError, rep.reply, anId, b"x")

    # Requests that are never answered

    async def test_forgotten(self) -> None:
        """
        Of requests that nobody answers, the oldest are forgotten: plain bytes
        find the new ones only, the object finds its own way.
        """
        rep, raw = self.server(zmq.DEALER, cls=Forgetful)
        for i in range(30):
            raw.send_multipart([b"%d" % i, b"", b"x"])
        got = await rep.gotMessage.wait(30)
        self.assertRaises(ZmqReplyError, rep.reply, b"0", b"x")
        self.assertRaises(ZmqReplyError, rep.reply, b"19", b"x")
        rep.reply(b"29", b"new")
        rep.reply(got[0][0], b"old")
        self.assertRaises(ZmqReplyError, rep.reply, got[0][0], b"again")
        self.assertEqual([raw.recv_multipart()[0] for _ in range(2)], [b"29", b"0"])

    async def test_limitChanged(self) -> None:
        """
        ``maxPendingReplies`` can be assigned on a living server.
        """
        rep, raw = self.server(zmq.DEALER)
        rep.maxPendingReplies = 10
        for i in range(30):
            raw.send_multipart([b"%d" % i, b"", b"x"])
        await rep.gotMessage.wait(30)
        self.assertRaises(ZmqReplyError, rep.reply, b"0", b"x")
        rep.reply(b"29", b"x")

    async def test_limitWrong(self) -> None:
        """
        What is no limit fails the construction; assigned later, it is complained
        of once, and the former one stays.
        """
        endless = type("Endless", (ZmqREPConnection,), {"maxPendingReplies": None})
        self.assertRaises(ZmqOptionError, self.bound, endless)
        rep, raw = self.server(zmq.DEALER, cls=Forgetful)
        rep.maxPendingReplies = None
        texts = self.logged()
        for i in range(30):
            raw.send_multipart([b"%d" % i, b"", b"x"])
        await rep.gotMessage.wait(30)
        self.assertRaises(ZmqReplyError, rep.reply, b"0", b"x")
        rep.reply(b"29", b"x")
        self.assertEqual(len(texts), 1)
        self.assertIn("maxPendingReplies is a whole number", texts[0])

    async def test_memory(self) -> None:
        """
        They do not stay in memory.
        """
        rep, raw = self.withRaw(Forgetful, zmq.DEALER)
        before = alive(MessageId)
        for i in range(1000):
            raw.send_multipart([b"%d" % (i % 37), b"", b"x"])
        await until(lambda: not signalled(rep))
        await turns(3)
        self.assertLessEqual(alive(MessageId), before + 10)

    async def test_answeredAreForgotten(self) -> None:
        """
        Nor do those that were answered.
        """
        _, raw = self.withRaw(Echo, zmq.DEALER)
        before = alive(MessageId)
        for i in range(100):
            raw.send_multipart([b"%d" % (i % 7), b"", b"x"])
        for _ in range(100):
            await inThread(raw.recv_multipart)
        await turns()
        self.assertLessEqual(alive(MessageId), before)

    async def test_closedForgets(self) -> None:
        """
        Nor does a closed server keep what it has not answered.
        """
        rep, raw = self.withRaw(Silent, zmq.DEALER)
        before = alive(MessageId)
        raw.send_multipart([b"id", b"", b"x"])
        await until(lambda: alive(MessageId) > before)
        rep.shutdown()
        await turns()
        self.assertEqual(alive(MessageId), before)


class OwnSendTests(ZmqTestCase):
    """
    A subclass may refuse to send, for reasons of its own.
    """

    async def test_request(self) -> None:
        """
        Its error is what the request fails with.
        """

        class Picky(ZmqREQConnection):
            def send(self, message: Any) -> None:
                raise ZmqFrameError("no")

        failure = self.failureResultOf(self.bound(Picky).sendMsg(b"fine"), ZmqFrameError)
        self.assertEqual(str(failure.value), "no")

    async def test_reply(self) -> None:
        """
        Its error comes out of ``reply``.
        """

        class Picky(Silent):
            got = None

            def gotMessage(self, messageId: bytes, *parts: bytes) -> None:
                self.got = messageId

            def send(self, message: Any) -> None:
                raise ZmqFrameError("no")

        rep = self.bound(Picky)
        self.connected(ZmqREQConnection, rep).sendMsg(b"a")
        await until(lambda: rep.got)
        error = self.assertRaises(ZmqFrameError, rep.reply, rep.got, b"fine")
        self.assertEqual(str(error), "no")


class OldNamesTests(ZmqTestCase):
    """
    ``ZmqXREQConnection`` and ``ZmqXREPConnection``.
    """

    async def test_deprecated(self) -> None:
        """
        They work, with several endpoints as arguments, and warn.
        """
        addresses = ("inproc://old-1", "inproc://old-2")
        with warned() as caught:
            rep = ZmqXREPConnection(self.factory, *[ZmqEndpoint("bind", a) for a in addresses])
            req = ZmqXREQConnection(self.factory, *[ZmqEndpoint("connect", a) for a in addresses])
        self.assertEqual(
            [(warning.category, warning.filename) for warning in caught],
            [(DeprecationWarning, __file__)] * 2,
        )
        self.assertIn("ZmqREPConnection", str(caught[0].message))
        self.assertIn("ZmqREQConnection", str(caught[1].message))
        rep.gotMessage = rep.reply
        for _ in range(2):
            self.assertEqual(await req.sendMsg(b"a"), [b"a"])

    async def test_isSubclass(self) -> None:
        """
        They are what they are called now.
        """
        self.assertTrue(issubclass(ZmqXREQConnection, ZmqREQConnection))
        self.assertTrue(issubclass(ZmqXREPConnection, ZmqREPConnection))

    async def test_badEndpoint(self) -> None:
        """
        An endpoint that cannot be opened leaves nothing open.
        """
        for cls in (ZmqXREQConnection, ZmqXREPConnection):
            with warned(), self.assertRaises(ZmqEndpointError):
                cls(
                    self.factory,
                    ZmqEndpoint("bind", "inproc://fine"),
                    ZmqEndpoint("bind", "nothing://"),
                )
        self.assertEqual(self.factory.connections, set())

    async def test_noEndpoint(self) -> None:
        """
        Endpoints can be added later.
        """
        with warned():
            req = ZmqXREQConnection(self.factory)
        rep = self.bound(Echo)
        req.addEndpoints([ZmqEndpoint("connect", rep.boundAddresses[0])])
        self.assertEqual(await req.sendMsg(b"a"), [b"a"])
