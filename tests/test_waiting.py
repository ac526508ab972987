"""
Tests of messages that wait in a connection: ``sendWhenReady``, the setting
``immediate``, and requests that leave no sooner than a server is there.
"""

from __future__ import annotations

import errno
import gc
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost

from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqOptionError,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqRouterConnection,
    ZmqSocketError,
    ZmqSubConnection,
    ZmqTooManyRequestsError,
)

from .support import (
    Recorder,
    ZmqTestCase,
    accepted,
    descriptors,
    descriptorsBefore,
    deserted,
    inThread,
    turns,
    until,
)


class Pull(ZmqPullConnection):
    """
    Records messages.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.onPull = Recorder()
        super().__init__(*args, **kwargs)


class Push(ZmqPushConnection):
    """
    Takes few messages.
    """

    maxWaitingMessages = 5
    maxWaitingBytes = 100


class SendWhenReadyTests(ZmqTestCase):
    """
    ``sendWhenReady``.
    """

    def pull(self, push: Any) -> Any:
        """
        :return: a peer that takes messages.
        """
        return self.connected(Pull, push)

    async def test_atOnce(self) -> None:
        """
        Where libzmq takes it, there is no wait.
        """
        for cls in (ZmqPushConnection, ZmqPairConnection):
            connection, raw = self.withRaw(cls, zmq.PULL if cls is ZmqPushConnection else zmq.PAIR)
            self.assertIs(self.successResultOf(connection.sendWhenReady([b"a", "b"])), None)
            self.assertEqual(raw.recv_multipart(zmq.NOBLOCK), [b"a", b"b"])

    async def test_waits(self) -> None:
        """
        Otherwise the message waits for a peer; it arrives whole, and its
        sender is told.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress(), "inproc://waits"):
            push = self.bound(ZmqPushConnection, address)
            waiting = push.sendWhenReady([b"a", "b", b""])
            await turns(10)
            self.assertNoResult(waiting)
            pull = self.pull(push)
            self.assertIs(await waiting, None)
            self.assertEqual(await pull.onPull.wait(), [[b"a", b"b", b""]])

    async def test_order(self) -> None:
        """
        Messages leave in order, and their senders are told in order.
        """
        push, told = self.bound(ZmqPushConnection), []
        for number in range(500):
            waiting = push.sendWhenReady(b"%d" % number)
            waiting.addCallback(lambda _, number=number: told.append(number))
        pull = self.pull(push)
        await pull.onPull.wait(500)
        self.assertEqual(pull.onPull.events, [[b"%d" % number] for number in range(500)])
        await until(lambda: len(told) == 500)
        self.assertEqual(told, list(range(500)))

    async def test_sendRefuses(self) -> None:
        """
        As long as something waits, send() finds no room, although libzmq would
        have some: nothing overtakes.
        """
        push = self.bound(ZmqPushConnection)
        waiting = push.sendWhenReady(b"first")
        raw = self.raw(zmq.PULL, push.boundAddresses[0])
        # libzmq takes messages by now, but the reactor has not gone round.
        push.socket.poll(self.timeout * 1000, zmq.POLLOUT)
        self.assertNoResult(waiting)
        for message in (b"second", [b"second"], [b"second", b"frame"]):
            error = self.assertRaises(ZmqAgainError, push.send, message)
            self.assertEqual(error.errno, errno.EAGAIN)
        self.assertRaises(ZmqAgainError, push.push, b"second")
        later = push.sendWhenReady(b"third")
        await later
        push.send(b"fourth")
        got = [await inThread(raw.recv) for _ in range(3)]
        self.assertEqual(got, [b"first", b"third", b"fourth"])

    async def test_sendFromCallback(self) -> None:
        """
        Whoever is told may send again: after all that waits before.
        """
        push = self.bound(ZmqPushConnection)
        order = Recorder()

        def again(result: object) -> None:
            push.sendWhenReady(b"again").addCallback(lambda _: order("again"))
            order("told")

        push.sendWhenReady(b"1").addCallback(again)
        push.sendWhenReady(b"2")
        pull = self.pull(push)
        await pull.onPull.wait(3)
        self.assertEqual(pull.onPull.events, [[b"1"], [b"2"], [b"again"]])
        self.assertEqual(order.events, ["told", "again"])

    async def test_cancel(self) -> None:
        """
        To cancel takes the message back as long as it waits; the others go.
        """
        push = self.bound(ZmqPushConnection)
        waiting = [push.sendWhenReady(b"%d" % number) for number in range(4)]
        for cancelled in (waiting[0], waiting[2]):
            cancelled.cancel()
            self.failureResultOf(cancelled, CancelledError)
        pull = self.pull(push)
        await waiting[3]
        waiting[3].cancel()
        self.assertEqual(await pull.onPull.wait(2), [[b"1"], [b"3"]])

    async def test_cancelAll(self) -> None:
        """
        When the last that waits is taken back, send() is free again.
        """
        push = self.bound(ZmqPushConnection)
        waiting = push.sendWhenReady(b"x")
        raw = self.raw(zmq.PULL, push.boundAddresses[0])
        push.socket.poll(self.timeout * 1000, zmq.POLLOUT)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        push.send(b"y")
        self.assertEqual(await inThread(raw.recv), b"y")

    async def test_cancelInside(self) -> None:
        """
        Whoever is told may cancel others.
        """
        push = self.bound(ZmqPushConnection)
        first, second, third = (push.sendWhenReady(message) for message in (b"1", b"2", b"3"))
        first.addCallback(lambda _: second.cancel())
        pull = self.pull(push)
        await third
        self.failureResultOf(second, CancelledError)
        self.assertEqual(await pull.onPull.wait(2), [[b"1"], [b"3"]])

    async def test_boundMessages(self) -> None:
        """
        Only so many messages may wait; there is room again when one has gone.
        """
        push = self.bound(Push)
        waiting = [push.sendWhenReady(b"%d" % number) for number in range(5)]
        error = self.failureResultOf(push.sendWhenReady(b"5"), ZmqAgainError).value
        self.assertIn("5 messages wait", str(error))
        self.assertIn("maxWaitingMessages", str(error))
        waiting[0].cancel()
        self.failureResultOf(waiting[0], CancelledError)
        waiting.append(push.sendWhenReady(b"6"))
        pull = self.pull(push)
        await waiting[-1]
        self.assertEqual(await pull.onPull.wait(5), [[b"1"], [b"2"], [b"3"], [b"4"], [b"6"]])

    async def test_boundBytes(self) -> None:
        """
        Only so many bytes may wait: one message may cross the bound.
        """
        push = self.bound(Push)
        push.sendWhenReady([b"x" * 60, b"y" * 39])
        waiting = push.sendWhenReady(b"z" * 1000)
        self.failureResultOf(push.sendWhenReady(b""), ZmqAgainError)
        pull = self.pull(push)
        await waiting
        self.assertEqual(len(await pull.onPull.wait(2)), 2)
        await push.sendWhenReady(b"")

    async def test_boundEmpty(self) -> None:
        """
        A flood of empty messages is bounded, too.
        """
        push = self.bound(Push)
        results = [push.sendWhenReady(b"") for _ in range(1000)]
        failed = [each for each in results if each.called]
        self.assertEqual(len(failed), 995)
        for each in failed:
            self.failureResultOf(each, ZmqAgainError)

    async def test_boundChanges(self) -> None:
        """
        The bounds can be set at any time, on a connection too.
        """
        push = self.bound(Push)
        push.maxWaitingMessages = 0
        self.failureResultOf(push.sendWhenReady(b"x"), ZmqAgainError)
        push.maxWaitingMessages = 1
        self.assertNoResult(push.sendWhenReady(b"x"))

    async def test_noBounds(self) -> None:
        """
        A bound is a number.
        """
        for name in ("maxWaitingMessages", "maxWaitingBytes"):
            push = self.bound(Push)
            setattr(push, name, None)
            self.failureResultOf(push.sendWhenReady(b"x"), ZmqOptionError)

    async def test_wrong(self) -> None:
        """
        What cannot be a message fails, and does not wait.
        """
        push = self.bound(ZmqPushConnection)
        self.failureResultOf(push.sendWhenReady([]), ZmqFrameError)
        self.failureResultOf(push.sendWhenReady([b"a", 5]), ZmqFrameTypeError)
        waiting = push.sendWhenReady(b"right")
        self.assertEqual(await self.pull(push).onPull.wait(), [[b"right"]])
        await waiting

    async def test_copied(self) -> None:
        """
        What waits is what was sent, whatever happens to it later.
        """
        push = self.bound(ZmqPushConnection)
        frame, frames = bytearray(b"before"), [b"a"]
        push.sendWhenReady([frame])
        push.sendWhenReady(frames)
        frame[:] = b"after!"
        frames.append(b"b")
        self.assertEqual(await self.pull(push).onPull.wait(2), [[b"before"], [b"a"]])

    async def test_refused(self) -> None:
        """
        What libzmq refuses for another reason fails with that: a PULL socket
        does not send.
        """
        error = self.failureResultOf(self.bound(Pull).sendWhenReady(b"x"), ZmqSocketError).value
        self.assertNotIsInstance(error, ZmqAgainError)

    async def test_pub(self) -> None:
        """
        PUB never waits: it drops what nobody has subscribed to.
        """
        self.successResultOf(self.bound(ZmqPubConnection).sendWhenReady([b"tag", b"x"]))

    async def test_router(self) -> None:
        """
        A ROUTER sends what it can; as ever, it drops the rest.
        """
        router = self.bound(ZmqRouterConnection)
        self.successResultOf(router.sendWhenReady([b"nobody", b"x"]))

    async def test_closed(self) -> None:
        """
        When the connection is closed, whoever waits is told, once; afterwards
        nothing can wait.
        """
        push = self.bound(ZmqPushConnection)
        waiting = [push.sendWhenReady(b"%d" % number) for number in range(3)]
        push.shutdown()
        for each in [*waiting, push.sendWhenReady(b"x")]:
            error = self.failureResultOf(each, ZmqClosedError).value
            self.assertIsInstance(error, ConnectionLost)
            self.assertIn("closed", str(error))

    async def test_closedInside(self) -> None:
        """
        Whoever is told may close the connection: the rest is told that.
        """
        push = self.bound(ZmqPushConnection)
        first, second = push.sendWhenReady(b"1"), push.sendWhenReady(b"2")
        first.addCallback(lambda _: push.shutdown())
        raw = self.raw(zmq.PULL, push.boundAddresses[0])
        await first
        self.failureResultOf(second, ZmqClosedError)
        self.assertEqual(await inThread(raw.recv), b"1")
        await turns(5)

    async def test_closedQuietly(self) -> None:
        """
        Who does not listen does not fill the log, and nothing is left.
        """
        before, log = await descriptorsBefore(), self.logged()
        push = self.bound(ZmqPushConnection)
        for number in range(10):
            push.sendWhenReady(b"%d" % number)
        self.factory.shutdown()
        gc.collect()
        self.assertEqual(log, [])
        await until(lambda: descriptors() <= before)

    async def test_noSpinning(self) -> None:
        """
        What waits does not keep the reactor busy.
        """

        class Counting(ZmqPushConnection):
            reads = 0

            def doRead(self) -> None:
                self.reads += 1
                super().doRead()

        push = self.bound(Counting)
        push.sendWhenReady(b"x")
        await turns(10)
        reads = push.reads
        await turns(200)
        self.assertEqual(push.reads, reads)
        soon = [
            each for each in reactor.getDelayedCalls() if each.getTime() - reactor.seconds() < 1
        ]
        self.assertEqual(soon, [])

    async def test_pressure(self) -> None:
        """
        A peer that does not read lets messages wait; when it does, all come,
        in order, beside those that were sent.
        """

        class Small(ZmqPairConnection):
            highWaterMark = 5

        one = self.bound(Small, "inproc://pressure")
        other = self.connected(Small, one)
        other.messageReceived = got = Recorder()
        other.pauseProducing()
        waiting = [one.sendWhenReady(b"%d" % number) for number in range(100)]
        self.assertEqual(sum(each.called for each in waiting), 10)
        other.resumeProducing()
        await waiting[-1]
        await accepted(one.send, b"100")
        await got.wait(101)
        self.assertEqual(got.events, [[b"%d" % number] for number in range(101)])

    async def test_both(self) -> None:
        """
        What is received is not held up by what waits.
        """

        class Small(ZmqPairConnection):
            highWaterMark = 1

        one = self.bound(Small, "inproc://both")
        one.messageReceived = got = Recorder()
        raw = self.raw(zmq.PAIR, context=self.factory.context)
        raw.sndhwm = raw.rcvhwm = 1
        raw.connect("inproc://both")
        waiting = [one.sendWhenReady(b"%d" % number) for number in range(20)]
        raw.send(b"hello")
        self.assertEqual(await got.wait(), [[b"hello"]])
        self.assertNoResult(waiting[-1])
        received = [await inThread(raw.recv) for _ in range(20)]
        self.assertEqual(received, [b"%d" % number for number in range(20)])
        await waiting[-1]


class ImmediateTests(ZmqTestCase):
    """
    The setting ``immediate``.
    """

    def client(self, cls: Any, address: str, **attributes: Any) -> Any:
        """
        :return: a connection of a subclass, that tries again soon.
        """
        cls = type(cls.__name__, (cls,), {"reconnectInterval": 1, **attributes})
        return self.connected(cls, address)

    async def test_setting(self) -> None:
        """
        With it, a message only goes to a peer that is connected; without, it
        may wait in libzmq.
        """
        address = self.ipcAddress()
        patient = self.client(ZmqPushConnection, address)
        patient.push(b"waits")
        self.assertEqual(patient.socket.immediate, 0)
        strict = self.client(ZmqPushConnection, address, immediate=True)
        self.assertEqual(strict.socket.immediate, 1)
        self.assertRaises(ZmqAgainError, strict.push, b"does not")
        pull = self.bound(Pull, address)
        await accepted(strict.push, b"goes")
        await pull.onPull.wait(2)
        self.assertEqual(sorted(pull.onPull.events), [[b"goes"], [b"waits"]])

    def test_assigned(self) -> None:
        """
        It can be assigned on a connection, for endpoints opened later; what it
        cannot be is refused.
        """
        push = self.bound(ZmqPushConnection)
        push.immediate = True
        self.assertEqual(push.socket.immediate, 1)
        push.immediate = False
        self.assertEqual(push.socket.immediate, 0)
        error = self.assertRaises(ZmqOptionError, setattr, push, "immediate", "soon")
        self.assertEqual(error.name, "immediate")

    async def test_sendWhenReady(self) -> None:
        """
        Together with sendWhenReady, messages wait here, and can be taken back.
        """
        address = self.ipcAddress()
        push = self.client(ZmqPushConnection, address, immediate=True)
        first, second = push.sendWhenReady(b"1"), push.sendWhenReady(b"2")
        await turns(5)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        pull = self.bound(Pull, address)
        await second
        self.assertEqual(await pull.onPull.wait(), [[b"2"]])


class Rep(ZmqREPConnection):
    """
    Records requests, and answers each with itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.got = Recorder()
        super().__init__(*args, **kwargs)

    def gotMessage(self, messageId: Any, *parts: bytes) -> None:
        self.reply(messageId, *parts)
        self.got(list(parts))


class Req(ZmqREQConnection):
    """
    A client whose requests wait here.
    """

    immediate = True
    monitored = True
    reconnectInterval = 1


class RequestTests(ZmqTestCase):
    """
    ``ZmqREQConnection.immediate``.
    """

    async def close(self, server: Any, client: Any) -> None:
        """
        Close a server, and wait until its client knows.
        """
        # A reply may be faster than the event that tells of the server.
        await client.whenConnected()
        await deserted(client, server.shutdown)

    async def test_default(self) -> None:
        """
        It is off: as ever, libzmq keeps a request for a server that comes.
        """
        address = self.ipcAddress()
        client = self.connected(ZmqREQConnection, address)
        request = client.sendMsg(b"x")
        request.cancel()
        self.failureResultOf(request, CancelledError)
        self.assertEqual(await self.bound(Rep, address).got.wait(), [[b"x"]])

    async def test_serverThere(self) -> None:
        """
        With a server there, requests and replies go as ever, in order.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress(), "inproc://there"):
            server = self.bound(Rep, address)
            client = self.connected(Req, server)
            await client.whenConnected()
            requests = [client.sendMsg(b"%d" % number, b"") for number in range(50)]
            for number, request in enumerate(requests):
                self.assertEqual(await request, [b"%d" % number, b""])
            self.assertEqual(server.got.events, [[b"%d" % number, b""] for number in range(50)])

    async def test_serverLater(self) -> None:
        """
        Without one, they wait, and go in order when it comes.
        """
        address = self.ipcAddress()
        client = self.connected(Req, address)
        requests = [client.sendMsg(b"%d" % number) for number in range(50)]
        await turns(10)
        server = self.bound(Rep, address)
        for number, request in enumerate(requests):
            self.assertEqual(await request, [b"%d" % number])
        self.assertEqual(server.got.events, [[b"%d" % number] for number in range(50)])

    async def test_cancelled(self) -> None:
        """
        A request that is cancelled while it waits never reaches a server that
        comes later.
        """
        address = self.ipcAddress()
        client = self.connected(Req, address)
        cancelled, kept = client.sendMsg(b"cancelled"), client.sendMsg(b"kept")
        await turns(10)
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        server = self.bound(Rep, address)
        self.assertEqual(await kept, [b"kept"])
        self.assertEqual(await client.sendMsg(b"last"), [b"last"])
        self.assertEqual(server.got.events, [[b"kept"], [b"last"]])

    async def test_timedOut(self) -> None:
        """
        Nor does one whose time is over.
        """
        address = self.ipcAddress()
        client = self.connected(Req, address)
        kept = client.sendMsg(b"kept")
        for timedOut in (client.sendMsg(b"a", timeout=0), client.sendMsg(b"b", timeout=0.01)):
            with self.assertRaises(ZmqRequestTimeoutError):
                await timedOut
        server = self.bound(Rep, address)
        self.assertEqual(await kept, [b"kept"])
        self.assertEqual(await client.sendMsg(b"last", timeout=self.timeout), [b"last"])
        self.assertEqual(server.got.events, [[b"kept"], [b"last"]])

    async def test_defaultTimeout(self) -> None:
        """
        The default time-out counts while a request waits.
        """
        client = self.connected(Req, self.ipcAddress())
        client.defaultRequestTimeout = 0
        with self.assertRaises(ZmqRequestTimeoutError):
            await client.sendMsg(b"x")

    async def test_serverRestarts(self) -> None:
        """
        When the server goes, requests wait for it to come back; those that are
        cancelled meanwhile never reach it.
        """
        address = self.ipcAddress()
        client = self.connected(Req, address)
        for _ in range(3):
            server = self.bound(Rep, address)
            self.assertEqual(await client.sendMsg(b"before"), [b"before"])
            await self.close(server, client)
            cancelled, kept = client.sendMsg(b"cancelled"), client.sendMsg(b"kept")
            cancelled.cancel()
            self.failureResultOf(cancelled, CancelledError)
            server = self.bound(Rep, address)
            self.assertEqual(await kept, [b"kept"])
            self.assertEqual(server.got.events, [[b"kept"]])
            await self.close(server, client)

    async def test_closed(self) -> None:
        """
        To close fails those that wait, once, and takes their time-outs back.
        """
        client = self.connected(Req, self.ipcAddress())
        requests = [client.sendMsg(b"x", timeout=self.timeout) for _ in range(3)]
        client.shutdown()
        for request in [*requests, client.sendMsg(b"x")]:
            self.failureResultOf(request, ZmqClosedError)

    async def test_closedQuietly(self) -> None:
        """
        Who does not listen does not fill the log.
        """
        client = self.connected(Req, self.ipcAddress())
        log = self.logged()
        for _ in range(3):
            client.sendMsg(b"x")
        client.shutdown()
        gc.collect()
        self.assertEqual(log, [])

    async def test_closedInside(self) -> None:
        """
        Whoever is told that may ask for something else, and cancel others.
        """
        client = self.connected(Req, self.ipcAddress())
        first, second = client.sendMsg(b"1"), client.sendMsg(b"2")
        seen = []

        def failed(failure: Any) -> None:
            seen.append(failure.type)
            second.cancel()
            self.failureResultOf(client.sendMsg(b"3"), ZmqClosedError)

        first.addErrback(failed)
        client.shutdown()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(len(seen), 1)
        self.assertTrue(issubclass(seen[0], ZmqClosedError))

    async def test_bounded(self) -> None:
        """
        What waits is bounded in number, as all pending requests are, and in
        bytes; what was cancelled makes room.
        """
        client = self.connected(Req, self.ipcAddress())
        client.maxPendingRequests = 3
        requests = [client.sendMsg(b"%d" % number) for number in range(3)]
        self.failureResultOf(client.sendMsg(b"x"), ZmqTooManyRequestsError)
        requests[0].cancel()
        self.failureResultOf(requests[0], CancelledError)
        self.assertNoResult(client.sendMsg(b"x"))
        client.maxPendingRequests = 1000
        client.maxWaitingBytes = 1
        self.failureResultOf(client.sendMsg(b"x"), ZmqAgainError)
        client.maxWaitingBytes = 1000
        self.assertNoResult(client.sendMsg(b"x"))

    async def test_refusedLeavesNothing(self) -> None:
        """
        A request that finds no room is not pending: neither its time-out nor
        its id is left.
        """
        client = self.connected(Req, self.ipcAddress())
        client.maxWaitingBytes = 0
        client.maxPendingRequests = 1
        for _ in range(3):
            error = self.failureResultOf(client.sendMsg(b"x", timeout=5), ZmqAgainError).value
            self.assertNotIsInstance(error, ZmqTooManyRequestsError)

    async def test_sendRefuses(self) -> None:
        """
        As long as requests wait, send() finds no room; a request made so,
        neither.
        """
        client = self.connected(Req, self.ipcAddress())
        client.sendMsg(b"x")
        self.assertRaises(ZmqAgainError, client.send, [b"id", b"", b"x"])
        client.immediate = False
        self.failureResultOf(client.sendMsg(b"y"), ZmqAgainError)

    async def test_answeredNotCancelled(self) -> None:
        """
        To cancel a request that has been answered does nothing.
        """
        client = self.connected(Req, self.bound(Rep))
        request = client.sendMsg(b"x")
        self.assertEqual(await request, [b"x"])
        request.cancel()
        self.assertEqual(await client.sendMsg(b"y"), [b"y"])

    async def test_plainServer(self) -> None:
        """
        A plain REP socket understands such a client.
        """
        address = self.ipcAddress()
        client = self.connected(Req, address)
        request = client.sendMsg(b"a", b"b")
        raw = self.raw(zmq.REP)
        raw.bind(address)
        self.assertEqual(await inThread(raw.recv_multipart), [b"a", b"b"])
        raw.send(b"c")
        self.assertEqual(await request, [b"c"])


class SubTests(ZmqTestCase):
    """
    What has nothing to do with waiting stays as it was.
    """

    async def test_subscribing(self) -> None:
        """
        A connection that only receives is subscribed at once.
        """
        sub, xpub = self.withRaw(ZmqSubConnection, zmq.XPUB)
        sub.subscribe("topic")
        self.assertEqual(await inThread(xpub.recv), b"\1topic")
