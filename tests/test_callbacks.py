"""
What callbacks may do: send, close, shut down, raise, wait.  What goes wrong in
them is logged and costs one message, never the connection.  And, at the end,
tests of :mod:`txzmq._callbacks` by itself.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import zmq
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python import log
from twisted.trial.unittest import SynchronousTestCase

from txzmq import (
    ReadBudget,
    ZmqClosedError,
    ZmqConnection,
    ZmqDealerConnection,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
)
from txzmq._callbacks import call, failQuietly

from .support import Recorder, ZmqTestCase, accepted, turns, until

#: Each class that receives, the type of a plain peer, the name of its
#: callback, and a message that the peer may send.
RECEIVERS = [
    (ZmqPullConnection, zmq.PUSH, "onPull", [b"message"]),
    (ZmqSubConnection, zmq.PUB, "gotMessage", [b"tag\0message"]),
    (ZmqPairConnection, zmq.PAIR, "messageReceived", [b"message"]),
    (ZmqDealerConnection, zmq.DEALER, "gotMessage", [b"message"]),
    (ZmqRouterConnection, zmq.DEALER, "gotMessage", [b"message"]),
    (ZmqREPConnection, zmq.DEALER, "gotMessage", [b"id", b"", b"message"]),
]


class Oops(Exception):
    """
    What callbacks raise here.
    """


class Worse(BaseException):
    """
    What callbacks raise that want to be sure.
    """


class EveryPattern(ZmqTestCase):
    """
    What holds for the callbacks of all patterns.
    """

    async def sendTo(self, cls: Any, socketType: int, callback: Any, message: list[bytes]) -> Any:
        """
        Send three equal messages to a connection of class ``cls``.

        :param callback: name and function.
        :return: the connection.
        """
        connection, raw = self.withRaw(cls, socketType)
        setattr(connection, *callback)
        if issubclass(cls, ZmqSubConnection):
            connection.subscribe("")
            await turns(2)
            raw.poll(0, zmq.POLLOUT)  # reads the subscription
        for _ in range(3):
            raw.send_multipart(message)
        return connection

    async def test_raising(self) -> None:
        """
        A callback that raises costs one message, and is in the log.
        """
        for cls, socketType, name, message in RECEIVERS:
            got = Recorder()

            def oops(*args: Any, got: Recorder = got) -> None:
                got(args)
                if len(got.events) == 2:
                    raise Oops

            await self.sendTo(cls, socketType, (name, oops), message)
            self.assertEqual(len(await got.wait(3)), 3)
            await turns()
            self.assertEqual(len(self.flushLoggedErrors(Oops)), 1)

    async def test_closing(self) -> None:
        """
        A callback that closes its connection gets no more messages, and no
        error arises.
        """
        for cls, socketType, name, message in RECEIVERS:
            got = Recorder()

            def close(*args: Any, got: Recorder = got) -> None:
                got(args)
                connection.shutdown()  # noqa: B023

            connection = await self.sendTo(cls, socketType, (name, close), message)
            await got.wait()
            await turns(2)
            self.assertEqual(len(got.events), 1)
            self.assertEqual(self.flushLoggedErrors(), [])

    async def test_coroutine(self) -> None:
        """
        A callback can be a coroutine function; its failure is logged.
        """
        for cls, socketType, name, message in RECEIVERS:
            got = Recorder()

            async def wait(*args: Any, got: Recorder = got) -> None:
                await turns()
                got(args)
                raise Oops

            await self.sendTo(cls, socketType, (name, wait), message)
            await got.wait(3)
            await turns()
            self.assertEqual(len(self.flushLoggedErrors(Oops)), 3)

    async def test_missing(self) -> None:
        """
        A class without a callback logs what to do, for each message.
        """
        for cls, socketType, name, message in RECEIVERS:
            del name

            class Bare(cls):  # type: ignore[misc, valid-type]
                pass

            texts: list[str] = []
            await self.sendTo(Bare, socketType, ("unused", None), message)
            while len(texts) < 3:
                await turns()
                texts += [
                    str(failure.value) for failure in self.flushLoggedErrors(NotImplementedError)
                ]
            self.assertTrue(texts[0].startswith("Bare"), texts[0])
            self.assertIn("override", texts[0])


class CallbackTests(ZmqTestCase):
    """
    Callbacks, shown with one pattern.
    """

    def receiving(self, callback: Any, *messages: bytes) -> ZmqDealerConnection:
        """
        :return: a connection with this callback, for which ``messages`` wait.
        """
        dealer, raw = self.withRaw(ZmqDealerConnection, zmq.DEALER)
        dealer.gotMessage = callback
        for message in messages:
            raw.send(message)
        return dealer

    async def test_everythingThatCanBeRaised(self) -> None:
        """
        Whatever a callback raises, the connection goes on.
        """
        for kind in (
            Oops,
            Worse,
            SystemExit,
            KeyboardInterrupt,
            GeneratorExit,
            StopIteration,
            CancelledError,
            asyncio.CancelledError,
            zmq.ZMQError,
            zmq.Again,
            zmq.ContextTerminated,
            ZmqClosedError,
        ):
            got = Recorder()

            def oops(message: bytes, got: Recorder = got, kind: Any = kind) -> None:
                got(message)
                raise kind

            self.receiving(oops, b"first", b"second")
            self.assertEqual(await got.wait(2), [b"first", b"second"])
            await turns()
            self.assertEqual(len(self.flushLoggedErrors(kind)), 2, kind)

    async def test_raisingWithTheLastOfTheBudget(self) -> None:
        """
        The same where the budget ends with the message.
        """

        class Limited(ZmqDealerConnection):
            readBudget = ReadBudget(messages=1)

        dealer, raw = self.withRaw(Limited, zmq.DEALER)
        got = Recorder()

        def oops(message: bytes) -> None:
            got(message)
            raise Oops

        dealer.gotMessage = oops
        for message in (b"1", b"2", b"3", b"4", b"5"):
            raw.send(message)
        self.assertEqual(await got.wait(5), [b"1", b"2", b"3", b"4", b"5"])
        await turns()
        self.assertEqual(len(self.flushLoggedErrors(Oops)), 5)

    async def test_traceback(self) -> None:
        """
        The log has the traceback, with the line that raised.
        """

        def oops(message: bytes) -> None:
            raise Oops("here")

        self.receiving(oops, b"message")
        failures: list[Any] = []
        while not failures:
            await turns()
            failures = self.flushLoggedErrors(Oops)
        self.assertIn('raise Oops("here")', failures[0].getTraceback())

    async def test_raisingAfterClosing(self) -> None:
        """
        A callback can close its connection and then raise.
        """

        def oops(message: bytes) -> None:
            dealer.shutdown()
            raise Oops

        dealer = self.receiving(oops, b"first", b"second")
        await until(lambda: dealer.socket is None)
        await turns(2)
        self.assertEqual(len(self.flushLoggedErrors(Oops)), 1)

    async def test_closingAnother(self) -> None:
        """
        A connection that another one's callback closes gets nothing any more.
        """
        got = Recorder()

        def close(message: bytes) -> None:
            got(message)
            for dealer in dealers:
                dealer.shutdown()

        dealers = [self.receiving(close, b"1", b"2") for _ in range(3)]
        await got.wait()
        await turns(3)
        self.assertEqual((got.events, self.factory.connections), ([b"1"], set()))

    async def test_factoryShutdown(self) -> None:
        """
        A callback can shut the factory down.
        """
        pull = self.bound(ZmqPullConnection)
        push = self.connected(ZmqPushConnection, pull)
        got = Recorder()

        def shutDown(message: list[bytes]) -> None:
            self.factory.shutdown()
            got(message)

        pull.onPull = shutDown
        for _ in range(3):
            push.push(b"work")
        await got.wait()
        await turns(2)
        self.assertEqual(got.events, [[b"work"]])
        self.assertIsNone(self.factory.context)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_opening(self) -> None:
        """
        A callback can open connections.
        """
        got = Recorder()

        def reopen(message: bytes) -> None:
            other, raw = self.withRaw(ZmqDealerConnection, zmq.DEALER)
            other.gotMessage = got
            raw.send(message + b"!")

        self.receiving(reopen, b"message")
        self.assertEqual(await got.wait(), [b"message!"])

    async def test_sending(self) -> None:
        """
        A callback can send, by the same connection and by others.
        """
        push, puller = self.withRaw(ZmqPushConnection, zmq.PULL)
        router, asker = self.withRaw(ZmqRouterConnection, zmq.DEALER)

        def answer(sender: bytes, message: bytes) -> None:
            router.sendMsg(sender, message + b"!")
            push.push(message)

        router.gotMessage = answer
        asker.send(b"question")
        await turns(3)
        self.assertEqual((asker.recv(), puller.recv()), (b"question!", b"question"))

    async def test_results(self) -> None:
        """
        What a callback returns is of no importance.
        """
        for result in (None, 5, "text", object(), succeed("fine"), Deferred()):
            got = Recorder()

            def answer(message: bytes, got: Recorder = got, result: Any = result) -> Any:
                got(message)
                return result

            self.receiving(answer, b"1", b"2")
            self.assertEqual(await got.wait(2), [b"1", b"2"])

    async def test_failedDeferred(self) -> None:
        """
        The failure of a Deferred that a callback returns is logged.
        """
        got = Recorder()

        def answer(message: bytes) -> Deferred[None]:
            got(message)
            return fail(Oops())

        self.receiving(answer, b"1", b"2")
        self.assertEqual(await got.wait(2), [b"1", b"2"])
        await turns()
        self.assertEqual(len(self.flushLoggedErrors(Oops)), 2)

    async def test_deferredFailsLater(self) -> None:
        """
        Also when it fails much later, with the connection closed.
        """
        later: Deferred[None] = Deferred()
        got = Recorder()

        def answer(message: bytes) -> Deferred[None]:
            got(message)
            return later

        dealer = self.receiving(answer, b"message")
        await got.wait()
        await turns()
        dealer.shutdown()
        later.errback(Oops())
        self.assertEqual(len(self.flushLoggedErrors(Oops)), 1)

    async def test_coroutinesDoNotWaitForEachOther(self) -> None:
        """
        The next message is delivered while a coroutine is at work on the last.
        """
        gate: Deferred[None] = Deferred()
        got = Recorder()

        async def work(message: bytes) -> None:
            got(message)
            await gate
            got(message + b" done")

        self.receiving(work, b"1", b"2")
        self.assertEqual(await got.wait(2), [b"1", b"2"])
        await turns()
        gate.callback(None)
        self.assertEqual(len(got.events), 4)

    async def test_coroutineSends(self) -> None:
        """
        A coroutine that waits before it sends still gets answers.
        """
        got = Recorder()
        one = self.bound(ZmqPairConnection)
        other = self.connected(ZmqPairConnection, one)

        async def answer(message: list[bytes], end: Any) -> None:
            await turns()
            if len(got.events) < 100:
                end.send(message)
                got(message)

        one.messageReceived = lambda message: answer(message, one)
        other.messageReceived = lambda message: answer(message, other)
        await accepted(one.send, b"ball")
        self.assertEqual(len(await got.wait(100)), 100)

    async def test_coroutineAndDeferredResult(self) -> None:
        """
        A coroutine that succeeds leaves nothing in the log.
        """
        got = Recorder()

        async def work(message: bytes) -> str:
            got(message)
            return "done"

        self.receiving(work, b"message")
        await got.wait()
        await turns()
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_assignedLater(self) -> None:
        """
        A callback can be exchanged at any time, also from within; deleting it
        brings the method of the class back.
        """
        got = Recorder()

        class Named(ZmqDealerConnection):
            def gotMessage(self, message: bytes) -> None:
                got("class", message)

        dealer, raw = self.withRaw(Named, zmq.DEALER)

        def once(message: bytes) -> None:
            got("instance", message)
            del dealer.gotMessage

        dealer.gotMessage = once
        raw.send(b"1")
        raw.send(b"2")
        self.assertEqual(await got.wait(2), [("instance", b"1"), ("class", b"2")])

    async def test_messageReceivedAssigned(self) -> None:
        """
        ``messageReceived`` can be assigned as well, on any class.
        """
        for cls, socketType, _, message in RECEIVERS:
            if cls is ZmqSubConnection:
                continue
            connection, raw = self.withRaw(cls, socketType)
            connection.messageReceived = Recorder()
            raw.send_multipart(message)
            (frames,) = await connection.messageReceived.wait()
            self.assertEqual(frames[-len(message) :], message)

    async def test_namedFrames(self) -> None:
        """
        An override can name the frames that it expects; a message with others
        costs an error in the log.
        """
        got = Recorder()

        class Named(ZmqREPConnection):
            def gotMessage(self, messageId: bytes, verb: bytes, what: bytes = b"all") -> None:
                got(verb, what)

        _, raw = self.withRaw(Named, zmq.DEALER)
        raw.send_multipart([b"", b"get", b"it"])
        raw.send_multipart([b"", b"too", b"many", b"frames"])
        raw.send_multipart([b"", b"get"])
        self.assertEqual(await got.wait(2), [(b"get", b"it"), (b"get", b"all")])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    async def test_logPrefix(self) -> None:
        """
        What a callback logs is marked with the connection's prefix, whether
        libzmq's signal or our own look brought the message.
        """
        systems: list[str] = []
        got = Recorder()

        class Prefixed(ZmqDealerConnection):
            def logPrefix(self) -> str:
                return "prefix"

            def gotMessage(self, message: bytes) -> None:
                log.msg("in the callback")
                got(message)

        def observe(event: Any) -> None:
            if event["message"] == ("in the callback",):
                systems.append(event["system"])

        log.addObserver(observe)
        self.addCleanup(log.removeObserver, observe)
        _, raw = self.withRaw(Prefixed, zmq.DEALER)
        await turns(2)
        raw.send(b"signalled")
        await got.wait()
        dealer, raw = self.withRaw(Prefixed, zmq.DEALER)
        await turns(2)
        raw.send(b"unseen")
        dealer.socket.get(zmq.EVENTS)
        await got.wait(2)
        self.assertEqual(systems, ["prefix", "prefix"])


class RequestCallbackTests(ZmqTestCase):
    """
    Callbacks on the Deferred of a request.
    """

    async def test_raising(self) -> None:
        """
        A callback that raises costs its own reply only.
        """
        req, raw = self.withRaw(ZmqREQConnection, zmq.DEALER)
        deferreds = [req.sendMsg(b"%d" % i).addCallback(lambda reply: 1 / 0) for i in range(2)]
        fine = req.sendMsg(b"fine")
        for _ in range(3):
            raw.send_multipart(raw.recv_multipart())
        self.assertEqual(await fine, [b"fine"])
        for deferred in deferreds:
            self.failureResultOf(deferred, ZeroDivisionError)

    async def test_closing(self) -> None:
        """
        A callback can close the connection; the other requests fail.
        """
        req, raw = self.withRaw(ZmqREQConnection, zmq.DEALER)
        first = req.sendMsg(b"first").addCallback(lambda reply: req.shutdown())
        second = req.sendMsg(b"second")
        for _ in range(2):
            raw.send_multipart(raw.recv_multipart())
        await first
        self.failureResultOf(second, ZmqClosedError)

    async def test_factoryShutdown(self) -> None:
        """
        A callback can shut the factory down.
        """

        class Echo(ZmqREPConnection):
            def gotMessage(self, messageId: bytes, *parts: bytes) -> None:  # type: ignore[override]
                self.reply(messageId, *parts)

        req = self.connected(ZmqREQConnection, self.bound(Echo))
        await req.sendMsg(b"x").addCallback(lambda reply: self.factory.shutdown())
        self.assertIsNone(req.factory)

    async def test_nextRequest(self) -> None:
        """
        A callback can send the next request, and so on.
        """
        req, raw = self.withRaw(ZmqREQConnection, zmq.REP)
        replies = []
        for i in range(10):
            reply = req.sendMsg(b"%d" % i)
            raw.send(raw.recv())
            replies += await reply
        self.assertEqual(replies, [b"%d" % i for i in range(10)])


class ConstructionTests(ZmqTestCase):
    """
    Callbacks and constructors.
    """

    async def test_notBeforeConstruction(self) -> None:
        """
        No message comes before the subclass's ``__init__`` is done, even where
        it lets the peer send at once.
        """
        got = Recorder()

        class Late(ZmqConnection):
            socketType = zmq.PAIR

            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                raw = peer.raw(zmq.PAIR, self.boundAddresses[0], self.factory.context)
                raw.send(b"message")
                self.socket.get(zmq.EVENTS)  # type: ignore[union-attr]
                self.ready = True

            def messageReceived(self, message: list[bytes]) -> None:
                got(self.ready, message)

        peer = self
        self.bound(Late, "inproc://late")
        self.assertEqual(await got.wait(), [(True, [b"message"])])

    async def test_publisherHasNoCallback(self) -> None:
        """
        Connections that only send never call back.
        """
        publisher, raw = self.withRaw(ZmqPubConnection, zmq.SUB)
        publisher.messageReceived = Recorder()
        raw.subscribe(b"")
        await turns(3)
        publisher.doRead()
        self.assertEqual(publisher.messageReceived.events, [])


class CallTests(SynchronousTestCase):
    """
    A call of something that is a user's.
    """

    def assertLogged(self, kind: type[BaseException]) -> None:
        """
        One error was logged, and no other.
        """
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [kind])

    def test_arguments(self) -> None:
        """
        A callback gets its arguments, at once.
        """
        got = Recorder()
        call(got, "one", 2)
        call(got)
        self.assertEqual(got.events, [("one", 2), ()])

    def test_raising(self) -> None:
        """
        Whatever it raises is logged.
        """
        for kind in (Oops, Worse, KeyboardInterrupt, SystemExit, GeneratorExit):

            def oops(kind: type[BaseException] = kind) -> None:
                raise kind

            call(oops)
            self.assertLogged(kind)

    def test_wrongArguments(self) -> None:
        """
        So is a callback that takes other arguments, or that is none.
        """
        for callback in (lambda: None, None):
            call(callback, "argument")
            self.assertLogged(TypeError)

    def test_coroutine(self) -> None:
        """
        A coroutine begins at once, and goes on when what it waits for is there.
        """
        gate: Deferred[str] = Deferred()
        got = Recorder()

        async def work() -> None:
            got("begin")
            got(await gate)

        call(work)
        self.assertEqual(got.events, ["begin"])
        gate.callback("end")
        self.assertEqual(got.events, ["begin", "end"])

    def test_coroutineRaising(self) -> None:
        """
        What it raises is logged, then or later.
        """
        for kind in (Oops, Worse, SystemExit, CancelledError):
            gate: Deferred[None] = Deferred()

            async def work(gate: Any = gate, kind: type[BaseException] = kind) -> None:
                await gate
                raise kind

            call(work)
            self.assertEqual(self.flushLoggedErrors(), [])
            gate.callback(None)
            self.assertLogged(kind)

    def test_deferred(self) -> None:
        """
        What a Deferred fails with is logged, once, and then it is done.
        """
        deferred: Deferred[None] = fail(Oops())
        call(lambda: deferred)
        self.assertLogged(Oops)
        self.assertIsNone(self.successResultOf(deferred))

    def test_deferredResult(self) -> None:
        """
        What it comes to otherwise is left as it is.
        """
        deferred = succeed("result")
        call(lambda: deferred)
        self.assertEqual(self.successResultOf(deferred), "result")

    def test_otherResults(self) -> None:
        """
        Anything else may be returned, also what could be run, or waited for.
        """
        ran = Recorder()

        def generator() -> Any:
            yield ran("generator")

        class Awaitable:
            def __await__(self) -> Any:
                yield ran("awaitable")

        for result in (5, "text", generator(), Awaitable(), ran):
            call(lambda result=result: result)
        gc.collect()
        self.assertEqual((ran.events, self.flushLoggedErrors()), ([], []))


class FailQuietlyTests(SynchronousTestCase):
    """
    The end of a Deferred, for which maybe nobody waits.
    """

    def setUp(self) -> None:
        self.deferred: Deferred[Any] = Deferred()
        self.error = ZmqClosedError()

    def assertQuiet(self) -> None:
        """
        Nothing is in the log, when all is forgotten.
        """
        del self.deferred
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_heard(self) -> None:
        """
        Who waits is told.
        """
        got = Recorder()
        self.deferred.addErrback(lambda failure: got(failure.value))
        failQuietly(self.deferred, self.error)
        self.assertEqual(got.events, [self.error])
        self.assertQuiet()

    def test_heardLater(self) -> None:
        """
        So is who comes afterwards.
        """
        failQuietly(self.deferred, self.error)
        self.assertIs(self.failureResultOf(self.deferred).value, self.error)

    def test_unheard(self) -> None:
        """
        If nobody listens, nobody is disturbed.
        """
        failQuietly(self.deferred, self.error)
        self.assertQuiet()

    def test_halfHeard(self) -> None:
        """
        Nor if those who listen have no mind to errors, or pass them on.
        """
        self.deferred.addCallback(len).addErrback(lambda failure: failure)
        failQuietly(self.deferred, self.error)
        self.assertQuiet()

    def test_errorOfTheListener(self) -> None:
        """
        What a listener itself does wrong is in the log.
        """
        self.deferred.addErrback(lambda failure: 1 // 0)
        failQuietly(self.deferred, self.error)
        del self.deferred
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_fired(self) -> None:
        """
        What has its result keeps it.
        """
        self.deferred.callback("result")
        failQuietly(self.deferred, self.error)
        self.assertEqual(self.successResultOf(self.deferred), "result")

    def test_failed(self) -> None:
        """
        Also if that is an error, which is for others to hear.
        """
        self.deferred.errback(Oops())
        failQuietly(self.deferred, self.error)
        self.failureResultOf(self.deferred, Oops)

    def test_cancelled(self) -> None:
        """
        Or if nobody wants it any more.
        """
        self.deferred.cancel()
        failQuietly(self.deferred, self.error)
        self.failureResultOf(self.deferred, CancelledError)

    def test_listenerWaits(self) -> None:
        """
        A listener may wait for something else first; what that fails with is
        in the log.
        """
        gate: Deferred[None] = Deferred()
        self.deferred.addErrback(lambda failure: gate)
        failQuietly(self.deferred, self.error)
        gate.errback(Oops())
        del self.deferred
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(Oops)), 1)
