"""
Peers that send anything: each message costs itself and perhaps a line in the
log, never more.
"""

from __future__ import annotations

from typing import Any

import zmq
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from txzmq import (
    MessageId,
    ZmqClosedError,
    ZmqConnection,
    ZmqDealerConnection,
    ZmqPairConnection,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
)

from .support import ENDLESS, STEADY, Recorder, ZmqTestCase, alive, inThread, turns, until
from .transports import TransportTestCase, received

#: Frames: any bytes, those that mean something to somebody, and long ones.
FRAMES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"", b"\0", b"tag\0", b"id", bytes(16), b"x" * 255, b"x" * 2000]),
)

#: Messages, as frames.
MESSAGES = st.lists(FRAMES, min_size=1, max_size=8)

#: What one peer sends.
BATCHES = st.lists(MESSAGES, min_size=1, max_size=10)


class Counting:
    """
    A callback that counts.
    """

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *message: Any) -> None:
        self.count += 1


class Server(ZmqREPConnection):
    """
    Answers what is well-formed, leaves the rest unanswered.
    """

    maxPendingReplies = 20

    def gotMessage(self, messageId: bytes, *parts: bytes) -> None:  # type: ignore[override]
        if parts == (b"good",):
            self.reply(messageId, b"answer")


class MalformedTests(ZmqTestCase):
    """
    Random messages over inproc, where the test takes the reactor's place: what
    the peer has sent is read with the next ``doRead``.
    """

    def tearDown(self) -> None:
        self.assertEqual(self.flushLoggedErrors(), [])

    def withRaw(self, cls: Any, socketType: int, **kwargs: Any) -> Any:
        connection, raw = super().withRaw(cls, socketType, **kwargs)
        # One ``doRead`` reads all that has come, however long it takes.
        connection.readBudget = ENDLESS
        return connection, raw

    def feed(self, connection: ZmqConnection, raw: Any, batch: list[list[bytes]]) -> None:
        """
        Send some messages and let them be read.
        """
        for message in batch:
            raw.send_multipart(message)
        connection.doRead()
        self.assertIsNotNone(connection.socket)

    def test_server(self) -> None:
        """
        A server survives what a DEALER sends, and goes on to serve others.
        """
        rep, raw = self.withRaw(Server, zmq.DEALER)
        good = self.raw(zmq.REQ, rep.boundAddresses[0], self.factory.context)

        @STEADY
        @given(BATCHES)
        def check(batch: list[list[bytes]]) -> None:
            self.feed(rep, raw, batch)
            self.feed(rep, good, [[b"good"]])
            self.assertEqual(good.recv(), b"answer")

        check()

    def test_serverOfRouters(self) -> None:
        """
        And what a ROUTER sends, which the server knows by its id.
        """
        rep, raw = self.withRaw(Server, zmq.ROUTER, identity=b"server")
        raw.router_mandatory = 1

        @STEADY
        @given(BATCHES)
        def check(batch: list[list[bytes]]) -> None:
            self.feed(rep, raw, [[b"server", *message] for message in batch])

        check()

    def test_serverMemory(self) -> None:
        """
        What it keeps of requests that are never answered is bounded, in number
        and in size.
        """
        rep, raw = self.withRaw(Server, zmq.DEALER)

        def measure(messageId: MessageId, *parts: bytes) -> None:
            self.assertLess(sum(map(len, messageId.envelope)), 1500)

        rep.gotMessage = measure
        before = alive(MessageId)

        @STEADY
        @given(st.lists(FRAMES, max_size=4), st.lists(FRAMES, max_size=2))
        def check(envelope: list[bytes], body: list[bytes]) -> None:
            self.feed(rep, raw, [[*envelope, b"", *body]])

        check()
        self.assertLessEqual(alive(MessageId), before + rep.maxPendingReplies)

    def test_client(self) -> None:
        """
        A client survives what a DEALER sends; its own request is answered in
        the end, by the right reply and no other.
        """
        req, raw = self.withRaw(ZmqREQConnection, zmq.DEALER)

        @STEADY
        @given(BATCHES)
        def check(batch: list[list[bytes]]) -> None:
            reply = req.sendMsg(b"question")
            messageId, *rest = raw.recv_multipart()
            self.feed(req, raw, batch)
            self.assertNoResult(reply)
            self.feed(req, raw, [[messageId, *rest]])
            self.assertEqual(self.successResultOf(reply), [b"question"])
            self.assertEqual(req._requests, {})
            self.assertLessEqual(len(req._uuids), req.UUID_POOL_GEN_SIZE)

        check()

    def test_clientsId(self) -> None:
        """
        Nor does it answer the wrong request where the peer knows the ids, or
        believe what has no delimiter.
        """
        req, raw = self.withRaw(ZmqREQConnection, zmq.DEALER)

        @STEADY
        @given(st.integers(0, 1), st.lists(FRAMES, min_size=1, max_size=4))
        def check(which: int, frames: list[bytes]) -> None:
            replies = [req.sendMsg(b"question") for _ in range(2)]
            ids = [raw.recv_multipart()[0] for _ in range(2)]
            self.feed(req, raw, [[ids[which], *frames]])
            if frames[0]:
                self.assertNoResult(replies[which])
                self.feed(req, raw, [[ids[which], b"", b"late"]])
            else:
                self.assertEqual(self.successResultOf(replies[which]), frames[1:])
            self.assertNoResult(replies[1 - which])
            replies[1 - which].addErrback(lambda failure: None).cancel()

        check()

    def test_subscriber(self) -> None:
        """
        A subscriber gets each message of one frame or two, whatever is in it.
        """
        sub, raw = self.withRaw(ZmqSubConnection, zmq.PUB)
        sub.subscribe(b"")
        sub.doRead()
        raw.poll(0)
        sub.gotMessage = got = Counting()

        @STEADY
        @given(BATCHES)
        def check(batch: list[list[bytes]]) -> None:
            before = got.count
            self.feed(sub, raw, batch)
            self.assertEqual(got.count - before, sum(len(message) < 3 for message in batch))

        check()

    def test_others(self) -> None:
        """
        Where any message is welcome, every one is delivered.
        """
        for cls, socketType, name in (
            (ZmqRouterConnection, zmq.DEALER, "gotMessage"),
            (ZmqDealerConnection, zmq.DEALER, "gotMessage"),
            (ZmqPullConnection, zmq.PUSH, "onPull"),
            (ZmqPairConnection, zmq.PAIR, "messageReceived"),
        ):
            connection, raw = self.withRaw(cls, socketType)
            got = Counting()
            setattr(connection, name, got)

            @STEADY
            @given(BATCHES)
            def check(batch: list[list[bytes]]) -> None:
                before = got.count  # noqa: B023
                self.feed(connection, raw, batch)  # noqa: B023
                self.assertEqual(got.count - before, len(batch))  # noqa: B023

            check()

    def test_replyToAnything(self) -> None:
        """
        Whatever a client puts in front of the delimiter comes back to it.
        """
        rep, raw = self.withRaw(ZmqREPConnection, zmq.DEALER)
        rep.gotMessage = rep.reply

        @STEADY
        @given(st.lists(st.binary(min_size=1, max_size=100), max_size=5), st.lists(FRAMES))
        def check(envelope: list[bytes], body: list[bytes]) -> None:
            self.feed(rep, raw, [[*envelope, b"", *body]])
            self.assertEqual(raw.recv_multipart(), [*envelope, b"", *body])

        check()


#: What subscribers send: subscriptions, their ends, and anything else.
UPSTREAM = st.lists(
    st.one_of(FRAMES, st.sampled_from([b"\1", b"\1good", b"\0good", b"\1other", b"\0other"])),
    min_size=1,
    max_size=5,
)


class CountingProtocol(ZmqProtocol):
    """
    Counts its messages, and answers if it is to.
    """

    answers = False

    def __init__(self) -> None:
        self.count = 0
        self.isLost = False

    def messageReceived(self, parts: list[bytes]) -> None:
        self.count += 1
        if self.answers:
            self.transport.write(parts)

    def connectionLost(self, reason: Any) -> None:
        self.isLost = True


class Answering(CountingProtocol):
    """
    Answers with what was asked.
    """

    answers = True


class MalformedTransportTests(TransportTestCase):
    """
    The same for transports, of each type of socket.
    """

    def tearDown(self) -> None:
        self.assertEqual(self.flushLoggedErrors(), [])

    def against(self, zmqType: int, rawType: int, protocol: Any = CountingProtocol) -> Any:
        """
        :return: a function that has the other end send some messages, and lets them
            be read; transport, protocol and the other end.
        """
        transport, receiver, raw = self.facing(zmqType, rawType, protocol)
        transport.readBudget = ENDLESS

        def feed(batch: list[list[bytes]]) -> None:
            for message in batch:
                raw.send_multipart(message)
            transport.doRead()
            self.assertFalse(receiver.isLost)

        return feed, transport, receiver, raw

    def test_anything(self) -> None:
        """
        Where any message is welcome, every one is delivered.
        """
        for zmqType, rawType in (
            (zmq.PULL, zmq.PUSH),
            (zmq.DEALER, zmq.DEALER),
            (zmq.ROUTER, zmq.DEALER),
            (zmq.PAIR, zmq.PAIR),
        ):
            feed, _, protocol, _ = self.against(zmqType, rawType)

            @STEADY
            @given(BATCHES)
            def check(batch: list[list[bytes]]) -> None:
                before = protocol.count  # noqa: B023
                feed(batch)  # noqa: B023
                self.assertEqual(protocol.count - before, len(batch))  # noqa: B023

            check()

    def test_subscribers(self) -> None:
        """
        So is what publishers send, to whom has subscribed to all of it.
        """
        for zmqType in (zmq.SUB, zmq.XSUB):
            feed, transport, protocol, raw = self.against(zmqType, zmq.PUB)
            transport.subscribe(b"")
            transport.doRead()
            raw.poll(0)

            @STEADY
            @given(BATCHES)
            def check(batch: list[list[bytes]]) -> None:
                before = protocol.count  # noqa: B023
                feed(batch)  # noqa: B023
                self.assertEqual(protocol.count - before, len(batch))  # noqa: B023

            check()

    def test_publisher(self) -> None:
        """
        A publisher survives what subscribers send, and goes on to serve others; also
        a message whose end libzmq swallows, a subscription that it has already.
        """
        for zmqType in (zmq.XPUB, zmq.PUB):
            feed, transport, _, _ = self.against(zmqType, zmq.XSUB)
            good = self.beside(transport, zmq.XSUB)
            good.send(b"\1good")
            transport.doRead()

            @STEADY
            @given(st.lists(UPSTREAM, min_size=1, max_size=10))
            def check(batch: list[list[bytes]]) -> None:
                feed(batch)  # noqa: B023
                transport.write(b"good news")  # noqa: B023
                self.assertEqual(received(good), [[b"good news"]])  # noqa: B023

            check()

    def test_knowsItsSubscribers(self) -> None:
        """
        A publisher knows what is subscribed to, however that was said: who is told
        that somebody has subscribed is right.
        """
        feed, transport, _, raw = self.against(zmq.XPUB, zmq.XSUB)

        @STEADY
        @given(st.lists(UPSTREAM, min_size=1, max_size=10))
        def check(batch: list[list[bytes]]) -> None:
            feed(batch)
            for topic in (b"good", b"other", b"something"):
                received(raw)
                transport.write(topic)
                waiting = transport.whenSubscribed(topic).addErrback(lambda failure: None)
                self.assertEqual(waiting.called, received(raw) == [[topic]])
                waiting.cancel()

        check()

    def test_strictServer(self) -> None:
        """
        A REP survives what a DEALER sends, and answers others.
        """
        feed, transport, _, raw = self.against(zmq.REP, zmq.DEALER, Answering)
        good = self.beside(transport, zmq.REQ)

        @STEADY
        @given(BATCHES)
        def check(batch: list[list[bytes]]) -> None:
            feed(batch)
            good.send(b"good")
            transport.doRead()
            self.assertEqual(good.recv(), b"good")
            received(raw)

        check()

    def test_strictClient(self) -> None:
        """
        A REQ takes the first reply that is one, and asks on.
        """
        feed, transport, protocol, raw = self.against(zmq.REQ, zmq.ROUTER)

        @STEADY
        @given(BATCHES)
        def check(batch: list[list[bytes]]) -> None:
            transport.write(b"question")
            before = protocol.count
            client, *_ = raw.recv_multipart()
            feed([[client, *message] for message in [*batch, [b"", b"answer"]]])
            self.assertEqual(protocol.count - before, 1)

        check()


class ExamplesTests(ZmqTestCase):
    """
    Single messages, over the network, and what the log says.
    """

    async def test_serverLogs(self) -> None:
        """
        A server drops what has no delimiter, or an endless envelope, with a
        line each.
        """
        rep = self.bound(ZmqREPConnection)
        rep.gotMessage = Recorder()
        raw = self.raw(zmq.DEALER, rep.boundAddresses[0])
        log = self.logged()
        bad = [[b"no delimiter"], [b"a", b"b", b"c"], [b"x" * 100_000, b"", b"a"]]
        bad.append([b"x"] * 5000 + [b"", b"a"])
        for message in [*bad, [b"", b"good"]]:
            await inThread(raw.send_multipart, message)
        ((_, body),) = await rep.gotMessage.wait()
        self.assertEqual(body, b"good")
        self.assertEqual(len([text for text in log if "dropped" in text]), len(bad), log)
        self.assertLess(max(map(len, log)), 500)

    async def test_clientLogsLittle(self) -> None:
        """
        A long reply to nothing does not make a long line in the log.
        """
        req, raw = self.withRaw(ZmqREQConnection, zmq.DEALER)
        log = self.logged()
        raw.send(b"x" * 100_000)
        raw.send_multipart([b"y" * 100_000, b"", b"z" * 100_000])
        await until(lambda: len(log) == 2)
        self.assertLess(max(map(len, log)), 500)
        self.assertIsNotNone(req.socket)

    async def test_anEmptyMessage(self) -> None:
        """
        A message of one empty frame is a message, or a line in the log.
        """
        for cls, name, expected in (
            (ZmqRouterConnection, "gotMessage", b""),
            (ZmqREPConnection, "gotMessage", None),
        ):
            connection, raw = self.withRaw(cls, zmq.DEALER)
            setattr(connection, name, got := Recorder())
            raw.send(b"")
            await got.wait()
            ids = got.events[0]
            self.assertEqual(ids[1] if isinstance(ids, tuple) else None, expected)

    async def test_noise(self) -> None:
        """
        What is not ZeroMQ at all never reaches us.
        """
        rep = self.bound(Server)
        stream = self.raw(zmq.STREAM)
        stream.connect(rep.boundAddresses[0])
        peer = await inThread(stream.recv)
        await inThread(stream.recv)
        for noise in (b"GET / HTTP/1.0\r\n\r\n", bytes(1000), b"\xff" * 1000):
            stream.send_multipart([peer, noise], zmq.NOBLOCK)
        raw = self.raw(zmq.REQ, rep.boundAddresses[0])
        raw.send(b"good")
        self.assertEqual(await inThread(raw.recv), b"answer")

    async def test_peersComeAndGo(self) -> None:
        """
        Clients that ask and leave without their answer cost nothing.
        """
        rep = self.bound(Server)
        for _ in range(30):
            raw = self.raw(zmq.DEALER, rep.boundAddresses[0])
            raw.send_multipart([b"id", b"", b"good"])
            raw.close()
        raw = self.raw(zmq.REQ, rep.boundAddresses[0])
        raw.send(b"good")
        self.assertEqual(await inThread(raw.recv), b"answer")

    async def test_replyThatNobodyAwaits(self) -> None:
        """
        A client whose requests are never answered fails them all in the end.
        """
        req, _ = self.withRaw(ZmqREQConnection, zmq.DEALER)
        replies: list[Deferred[Any]] = [req.sendMsg(b"x") for _ in range(100)]
        await turns(2)
        req.shutdown()
        for reply in replies:
            self.failureResultOf(reply, ZmqClosedError)
