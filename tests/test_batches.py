"""
What requests and replies send during a flood leaves together.
"""

from __future__ import annotations

import errno
import os
from typing import Any, Callable
from unittest import mock

import zmq

from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqEndpoint,
    ZmqREPConnection,
    ZmqREQConnection,
    _batch,
)
from txzmq._descriptor import Descriptor

from .forking import fork
from .support import ENDLESS, ZmqTestCase, until

#: How many messages are delivered in a read before it counts as a flood.
FIRST = 7

#: A flood.
MANY = 40

#: The message in whose callback something else happens.
HALF = 20


class BatchTestCase(ZmqTestCase):
    """
    A test with a flood, which is one read, however long it takes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(_batch, "_SECONDS", 3600)

    def flooded(self, cls: Any, socketType: int) -> Any:
        """
        :return: a connection that reads to the end, and the other side.
        """
        connection, raw = self.withRaw(cls, socketType)
        connection.readBudget = ENDLESS
        return connection, raw

    def arrived(self, raw: zmq.Socket[bytes]) -> list[list[bytes]]:
        """
        :return: what has come to the other side.
        """
        arrived = []
        while raw.poll(0):
            arrived.append(raw.recv_multipart())
        return arrived


def numbers(count: int) -> list[bytes]:
    """
    :return: names for messages.
    """
    return [b"%d" % number for number in range(count)]


class ReplyTests(BatchTestCase):
    server = ZmqREPConnection

    def ask(self, raw: zmq.Socket[bytes], count: int) -> None:
        """
        Send so many requests.
        """
        for number in numbers(count):
            raw.send_multipart([number, b"", number])

    def flood(self, also: Callable[[Any], object], count: int = MANY) -> tuple[Any, Any]:
        """
        Have many requests arrive at once.

        :param also: called in the midst of them, after the reply.
        :return: how many replies had arrived after each, and those that arrived.
        """
        rep, raw = self.flooded(self.server, zmq.DEALER)
        seen: list[int] = []
        arrived: list[list[bytes]] = []

        def reply(messageId: bytes, number: bytes) -> None:
            rep.reply(messageId, number)
            if number == b"%d" % HALF:
                also(rep)
            arrived.extend(self.arrived(raw))
            seen.append(len(arrived))

        rep.gotMessage = reply
        self.ask(raw, count)
        rep.doRead()
        arrived += self.arrived(raw)
        return seen, [message[-1] for message in arrived]

    def test_together(self) -> None:
        """
        The replies to a flood leave when it has been read, in order.
        """
        seen, arrived = self.flood(lambda rep: None)
        self.assertEqual(seen, [*range(1, FIRST + 1), *[FIRST] * (MANY - FIRST)])
        self.assertEqual(arrived, numbers(MANY))

    def test_few(self) -> None:
        """
        Those to a few requests leave at once.
        """
        seen, arrived = self.flood(lambda rep: None, FIRST)
        self.assertEqual(seen, [*range(1, FIRST + 1)])
        self.assertEqual(arrived, numbers(FIRST))

    def test_ebb(self) -> None:
        """
        When nothing more waits they leave, and the reply to the last one after them.
        """
        count = 2 * FIRST + 2
        seen, arrived = self.flood(lambda rep: None, count)
        self.assertEqual(seen[FIRST:], [*[FIRST] * (FIRST + 1), count])
        self.assertEqual(arrived, numbers(count))

    def test_limits(self) -> None:
        """
        Not too much may wait: a part of the high water mark, a number of bytes, a time.
        """
        marked = type("Marked", (ZmqREPConnection,), {"highWaterMark": 3 * 64})
        self.patch(self, "server", marked)
        seen, arrived = self.flood(lambda rep: None)
        self.assertEqual(seen[FIRST : FIRST + 6], [7, 7, 10, 10, 10, 13])
        self.assertEqual(arrived, numbers(MANY))
        self.patch(self, "server", type("Low", (ZmqREPConnection,), {"highWaterMark": 127}))
        seen, _ = self.flood(lambda rep: None, 14)
        self.assertEqual(seen, [*range(1, 15)])
        self.patch(self, "server", ZmqREPConnection)
        self.patch(_batch, "_BYTES", 4)
        seen, _ = self.flood(lambda rep: None, FIRST + 5)
        self.assertEqual(seen[FIRST:], [7, 7, 7, 11, 11])
        self.patch(_batch, "_SECONDS", 0)
        seen, _ = self.flood(lambda rep: None)
        self.assertEqual(seen, [*range(1, MANY + 1)])

    def test_sameList(self) -> None:
        """
        A list of frames can be used for the next message.
        """
        rep, raw = self.flooded(ZmqREPConnection, zmq.DEALER)
        message = [b"", b"", b""]

        def reply(messageId: Any, number: bytes) -> None:
            message[0], message[-1] = messageId.envelope[0], number
            rep.send(message)

        rep.gotMessage = reply
        self.ask(raw, MANY)
        rep.doRead()
        self.assertEqual([parts[-1] for parts in self.arrived(raw)], numbers(MANY))

    def test_closed(self) -> None:
        """
        A server that closes in the midst of it has sent its replies.
        """
        _, arrived = self.flood(lambda rep: rep.shutdown())
        self.assertEqual(arrived, numbers(HALF + 1))

    def test_paused(self) -> None:
        """
        Nor do those have to wait that a paused server has sent.
        """
        _, arrived = self.flood(lambda rep: rep.pauseProducing())
        self.assertEqual(arrived, numbers(HALF + 1))

    def test_afterwards(self) -> None:
        """
        What is sent after the flood does not wait for the next read, though there may be
        something to read.
        """
        rep, raw = self.flooded(ZmqREPConnection, zmq.DEALER)
        ids: list[Any] = []
        rep.gotMessage = lambda messageId, number: ids.append(messageId)
        self.ask(raw, MANY)
        rep.doRead()
        raw.send_multipart([b"one more", b"", b""])
        rep.reply(ids[0], b"late")
        self.assertEqual(self.arrived(raw), [[b"0", b"", b"late"]])

    def test_raises(self) -> None:
        """
        A callback that raises does not keep the others' replies.
        """

        def fail(rep: Any) -> None:
            raise ValueError("no")

        _, arrived = self.flood(fail)
        self.assertEqual(arrived, numbers(MANY))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_order(self) -> None:
        """
        Nothing overtakes them: they leave before whatever else is done to the socket.
        """
        lost = [b"nobody", b"", b"x"]
        ways: dict[str, Callable[[Any], object]] = {
            "socket": lambda rep: rep.socket,
            "sendWhenReady": lambda rep: rep.sendWhenReady(lost).addErrback(lambda _: None),
            "heartbeatTtl": lambda rep: setattr(rep, "heartbeatTtl", 100),
            "addEndpoints": lambda rep: rep.addEndpoints([ZmqEndpoint("bind", "inproc://more")]),
        }
        for name, also in ways.items():
            seen, arrived = self.flood(also)
            self.assertEqual(seen[HALF], HALF + 1, name)
            self.assertEqual(arrived, numbers(MANY), name)

    def test_clientGone(self) -> None:
        """
        A reply that nobody is there to take is logged and dropped; the others arrive.
        """
        texts = self.logged()
        _, arrived = self.flood(lambda rep: rep.send([b"nobody", b"", b"x"]))
        self.assertEqual(arrived, numbers(MANY))
        (text,) = texts
        self.assertIn("was dropped", text)
        self.assertIn("no route", text)

    def test_refused(self) -> None:
        """
        Whatever else libzmq has against them is logged, for each.
        """
        texts = self.logged()

        def break_(rep: Any) -> None:
            error = zmq.ZMQError(errno.EINVAL)
            patch = mock.patch.object(rep._descriptor, "_send", side_effect=error)
            self.addCleanup(patch.stop)
            patch.start()

        _, arrived = self.flood(break_)
        self.assertEqual(arrived, numbers(FIRST))
        self.assertEqual(len(texts), MANY - FIRST)

    def test_forked(self) -> None:
        """
        A child that is forked in the midst of it sends nothing, and has nothing to
        complain of.
        """
        texts = self.logged()
        rep, raw = self.flooded(ZmqREPConnection, zmq.DEALER)
        children: list[int] = []

        def reply(messageId: bytes, number: bytes) -> None:
            rep.reply(messageId, number)
            if number == b"%d" % HALF:
                children.append(fork())

        rep.gotMessage = reply
        self.ask(raw, MANY)
        rep.doRead()
        if not children[0]:
            os._exit(len(texts))
        self.assertEqual(os.waitpid(children[0], 0)[1], 0)
        self.assertEqual([message[-1] for message in self.arrived(raw)], numbers(MANY))

    async def test_newsMeanwhile(self) -> None:
        """
        What comes while they leave is not overlooked, though to send consumes the
        signal.
        """
        rep, raw = self.flooded(ZmqREPConnection, zmq.DEALER)
        got: list[bytes] = []

        def reply(messageId: bytes, number: bytes) -> None:
            rep.reply(messageId, number)
            got.append(number)

        rep.gotMessage = reply
        self.ask(raw, MANY)
        send = Descriptor.sendBatch

        def observed(descriptor: Any) -> None:
            raw.send_multipart([b"late", b"", b"late"])
            descriptor.hasRoom()
            send(descriptor)

        with mock.patch.object(Descriptor, "sendBatch", observed):
            rep.doRead()
        await until(lambda: b"late" in got)


class RequestTests(BatchTestCase):
    def flood(self, asked: Callable[[Any, bytes], object]) -> tuple[Any, list[bytes]]:
        """
        Have many replies arrive at once.

        :param asked: called with each reply, to send the next request.
        :return: the client, and the requests that arrived.
        """
        req, raw = self.flooded(ZmqREQConnection, zmq.DEALER)
        for number in numbers(MANY):
            request = req.sendMsg(number)
            request.addCallbacks(lambda parts: asked(req, parts[0]), lambda failure: None)
        for message in self.arrived(raw):
            raw.send_multipart(message)
        req.doRead()
        return req, [message[-1] for message in self.arrived(raw)]

    def test_together(self) -> None:
        """
        Requests that are sent when replies come arrive, in order.
        """

        def ask(req: Any, number: bytes) -> None:
            req.sendMsg(b"next " + number)

        _, arrived = self.flood(ask)
        self.assertEqual(arrived, [b"next " + number for number in numbers(MANY)])

    async def test_inTurn(self) -> None:
        """
        One request after the other is no flood, however fast the replies come: each is
        sent at once.
        """
        req, raw = self.flooded(ZmqREQConnection, zmq.REP)
        replies = []
        for number in numbers(MANY):
            reply = req.sendMsg(number)
            raw.send(raw.recv(zmq.NOBLOCK))
            replies += await reply
        self.assertEqual(replies, numbers(MANY))

    def test_refused(self) -> None:
        """
        A request that cannot be sent fails, as one does that is sent alone, and waits
        for nothing; whoever asks something else then is heard.
        """
        failed: list[Any] = []

        def tell(failure: Any) -> None:
            failed.append(failure.value)
            client._descriptor.hold(False)
            client.sendMsg(b"after that")

        def ask(req: Any, number: bytes) -> None:
            nonlocal client
            client = req
            request = req.sendMsg(number)
            if number == b"%d" % (MANY - 1):
                # As long as something else waits, libzmq is not asked.
                req._descriptor.hold(True)
                request.addErrback(tell)
            elif int(number) >= FIRST:
                request.addErrback(lambda failure: failed.append(failure.value))

        client: Any = None
        req, arrived = self.flood(ask)
        self.assertEqual(arrived, [*numbers(FIRST), b"after that"])
        self.assertEqual({type(error) for error in failed}, {ZmqAgainError})
        self.assertEqual((len(failed), len(req._requests)), (MANY - FIRST, FIRST + 1))

    def test_refusedAfterCancel(self) -> None:
        """
        One that was cancelled in between has ended; the log tells.
        """
        texts = self.logged()

        def ask(req: Any, number: bytes) -> None:
            request = req.sendMsg(number)
            if number == b"%d" % (MANY - 1):
                request.addErrback(lambda failure: None).cancel()
                req._descriptor.hold(True)
            else:
                request.addErrback(lambda failure: None)

        self.flood(ask)
        (text,) = texts
        self.assertIn("was dropped", text)

    def test_firedByTheUser(self) -> None:
        """
        A Deferred that the user has fired is left alone.
        """
        texts = self.logged()
        results: list[Any] = []

        def ask(req: Any, number: bytes) -> None:
            request = req.sendMsg(number).addErrback(lambda failure: None)
            if number == b"%d" % (MANY - 1):
                request.addCallback(results.append).callback(b"impatient")
                req._descriptor.hold(True)

        req, _ = self.flood(ask)
        self.assertEqual((results, texts, len(req._requests)), ([b"impatient"], [], FIRST))

    def test_closed(self) -> None:
        """
        A client that closes in the midst of it has sent its requests; all have failed.
        """
        errors: list[Any] = []

        def ask(req: Any, number: bytes) -> None:
            req.sendMsg(number).addErrback(lambda failure: errors.append(failure.type))
            if number == b"%d" % HALF:
                req.shutdown()

        _, arrived = self.flood(ask)
        self.assertEqual(arrived, numbers(HALF + 1))
        self.assertEqual(errors, [ZmqClosedError] * (HALF + 1))

    def test_closedRefused(self) -> None:
        """
        What cannot be sent when it closes has failed because it is closed; who is told
        of that finds it closed.
        """
        errors: list[Any] = []
        texts = self.logged()

        def tell(failure: Any) -> None:
            errors.append(failure.type)
            self.assertIsNone(client.socket)

        def ask(req: Any, number: bytes) -> None:
            nonlocal client
            client = req
            if FIRST <= int(number) < HALF:
                req.sendMsg(number).addErrback(tell)
            elif int(number) == HALF:
                req._descriptor.hold(True)
                req.shutdown()

        client: Any = None
        self.flood(ask)
        self.assertEqual(errors, [ZmqClosedError] * (HALF - FIRST))
        self.assertEqual(texts, [])

    def test_waitingForServer(self) -> None:
        """
        With ``immediate`` each leaves by itself, in order.
        """

        def ask(req: Any, number: bytes) -> None:
            req.immediate = int(number) % 3 == 0
            req.sendMsg(b"next " + number)

        _, arrived = self.flood(ask)
        self.assertEqual(arrived, [b"next " + number for number in numbers(MANY)])
