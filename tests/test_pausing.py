"""
Tests of pausing a connection: exact to the message, without spinning, and
without holding up what is sent.
"""

from __future__ import annotations

import random
from typing import Any, Callable

import zmq
from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from txzmq import (
    ReadBudget,
    ZmqConnection,
    ZmqDealerConnection,
    ZmqPairConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqSubConnection,
)

from .support import (
    ENDLESS,
    Recorder,
    ZmqTestCase,
    accepted,
    descriptors,
    descriptorsBefore,
    inThread,
    turns,
    until,
)


class Pair(ZmqConnection):
    """
    A connection that records messages, and counts how often it is read.
    """

    socketType = zmq.PAIR

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messageReceived = Recorder()
        self.reads = 0
        super().__init__(*args, **kwargs)

    def doRead(self) -> None:
        self.reads += 1
        super().doRead()

    @property
    def received(self) -> list[list[bytes]]:
        return self.messageReceived.events


def numbers(count: int) -> list[list[bytes]]:
    """
    :return: messages.
    """
    return [[b"%d" % number] for number in range(count)]


def sendAll(raw: zmq.Socket[bytes], count: int) -> None:
    for message in numbers(count):
        raw.send_multipart(message, zmq.NOBLOCK)


class PausingTests(ZmqTestCase):
    """
    ``pauseProducing``, ``resumeProducing`` and ``stopProducing``.
    """

    def pair(self) -> tuple[Any, zmq.Socket[bytes]]:
        return self.withRaw(Pair, zmq.PAIR)

    def test_interface(self) -> None:
        """
        A connection is a push producer.
        """
        verifyObject(IPushProducer, self.pair()[0])

    async def test_paused(self) -> None:
        """
        Nothing is delivered as long as it is paused, and everything after.
        """
        connection, raw = self.pair()
        connection.pauseProducing()
        sendAll(raw, 5)
        await turns(20)
        self.assertEqual(connection.received, [])
        connection.resumeProducing()
        self.assertEqual(await connection.messageReceived.wait(5), numbers(5))

    async def test_neverSynchronous(self) -> None:
        """
        resumeProducing returns before the first message is delivered.
        """
        connection, raw = self.pair()
        connection.pauseProducing()
        sendAll(raw, 5)
        await turns(5)
        connection.resumeProducing()
        self.assertEqual(connection.received, [])
        await connection.messageReceived.wait(5)

    async def test_insideBatch(self) -> None:
        """
        A pause inside of a batch is exact to the message, whatever the budget.
        """
        for budget in (ReadBudget(), ENDLESS, ReadBudget(messages=2)):
            connection, raw = self.pair()
            connection.readBudget = budget
            got = Recorder()

            def receive(message: list[bytes], connection: Any = connection, got: Any = got) -> None:
                connection.pauseProducing()
                got(message)

            connection.messageReceived = receive
            sendAll(raw, 5)
            for count in range(1, 6):
                await got.wait(count)
                await turns(5)
                self.assertEqual(got.events, numbers(count))
                connection.resumeProducing()

    async def test_resumedInside(self) -> None:
        """
        To pause and resume in one callback changes nothing: no message comes
        in between, and none is lost.
        """
        connection, raw = self.pair()
        got, depth = Recorder(), [0]

        def receive(message: list[bytes]) -> None:
            depth[0] += 1
            connection.pauseProducing()
            connection.resumeProducing()
            got((message, depth[0]))
            depth[0] -= 1

        connection.messageReceived = receive
        sendAll(raw, 50)
        await got.wait(50)
        self.assertEqual(got.events, [(message, 1) for message in numbers(50)])

    async def test_tokens(self) -> None:
        """
        Pauses are not counted: to resume once is enough; to resume what is not
        paused does nothing.
        """
        connection, raw = self.pair()
        connection.resumeProducing()
        connection.pauseProducing()
        connection.pauseProducing()
        connection.resumeProducing()
        connection.resumeProducing()
        sendAll(raw, 3)
        self.assertEqual(await connection.messageReceived.wait(3), numbers(3))

    async def test_resumedAndPaused(self) -> None:
        """
        To pause takes back a resumption that has not come about yet.
        """
        connection, raw = self.pair()
        connection.pauseProducing()
        sendAll(raw, 3)
        for _ in range(3):
            connection.resumeProducing()
            connection.pauseProducing()
            await turns(5)
        self.assertEqual(connection.received, [])
        connection.resumeProducing()
        await connection.messageReceived.wait(3)

    async def test_noSpinning(self) -> None:
        """
        A paused connection with messages waiting is looked at a few times, not
        in each turn of the reactor.
        """
        connection, raw = self.pair()
        connection.pauseProducing()
        sendAll(raw, 5)
        await turns(10)
        reads = connection.reads
        await turns(200)
        self.assertEqual(connection.reads, reads)
        self.assertEqual(reactor.getDelayedCalls(), _timeouts())

    async def test_arrivals(self) -> None:
        """
        Each arrival while it is paused wakes it at most once.
        """
        connection, raw = self.pair()
        await turns(5)
        connection.pauseProducing()
        reads = connection.reads
        for number in range(20):
            raw.send(b"%d" % number)
            await turns(5)
        self.assertLessEqual(connection.reads - reads, 20)
        connection.resumeProducing()
        self.assertEqual(await connection.messageReceived.wait(20), numbers(20))

    async def test_sending(self) -> None:
        """
        A paused connection sends, at once or when there is room.
        """
        connection, raw = self.pair()
        connection.pauseProducing()
        connection.send(b"a")
        connection.sendWhenReady(b"b")
        self.assertEqual([await inThread(raw.recv), await inThread(raw.recv)], [b"a", b"b"])
        push = self.bound(ZmqPushConnection)
        push.pauseProducing()
        waiting = push.sendWhenReady(b"c")
        pull = self.raw(zmq.PULL, push.boundAddresses[0])
        await waiting
        self.assertEqual(await inThread(pull.recv), b"c")

    async def test_pausedBeforeFirst(self) -> None:
        """
        A connection paused right after it was made delivers nothing, although
        messages were there before.
        """
        raw = self.raw(zmq.PAIR, context=self.factory.context)
        raw.bind("inproc://before")
        connection = self.connected(Pair, "inproc://before")
        sendAll(raw, 3)
        connection.pauseProducing()
        await turns(10)
        self.assertEqual(connection.received, [])
        connection.resumeProducing()
        await connection.messageReceived.wait(3)

    async def test_stop(self) -> None:
        """
        To stop closes it, also while it is paused, and gives everything back.
        """
        before = await descriptorsBefore()
        for pause in (False, True):
            connection, raw = self.pair()
            if pause:
                connection.pauseProducing()
            sendAll(raw, 3)
            connection.stopProducing()
            connection.stopProducing()
            self.assertEqual((connection.fileno(), connection.factory), (-1, None))
            await turns(5)
            self.assertEqual(connection.received, [])
            raw.close()
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)

    async def test_closed(self) -> None:
        """
        On a closed connection, all three do nothing.
        """
        connection, _ = self.pair()
        connection.pauseProducing()
        connection.shutdown()
        connection.resumeProducing()
        connection.pauseProducing()
        connection.stopProducing()
        await turns(3)
        self.assertEqual(reactor.getDelayedCalls(), _timeouts())

    async def test_closedInside(self) -> None:
        """
        A callback may pause and close, or close and resume: nothing follows.
        """
        steps: list[list[Callable[[Any], None]]] = [
            [lambda c: c.pauseProducing(), lambda c: c.stopProducing()],
            [lambda c: c.shutdown(), lambda c: c.resumeProducing()],
            [lambda c: c.pauseProducing(), lambda c: c.shutdown(), lambda c: c.resumeProducing()],
        ]
        for order in steps:
            connection, raw = self.pair()
            got = Recorder()

            def receive(message: Any, c: Any = connection, got: Any = got, o: Any = order) -> None:
                for step in o:
                    step(c)
                got(message)

            connection.messageReceived = receive
            sendAll(raw, 5)
            await got.wait()
            await turns(5)
            self.assertEqual(got.events, numbers(1))

    async def test_error(self) -> None:
        """
        An error in a callback that has paused does not undo the pause.
        """
        connection, raw = self.pair()
        got = Recorder()

        def receive(message: list[bytes]) -> None:
            connection.pauseProducing()
            got(message)
            raise ZeroDivisionError

        connection.messageReceived = receive
        sendAll(raw, 3)
        await got.wait()
        await turns(5)
        self.assertEqual(got.events, numbers(1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_transports(self) -> None:
        """
        It is the same over all transports.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress(), "inproc://pausing"):
            pull = self.bound(ZmqPullConnection, address)
            pull.onPull = Recorder()
            push = self.connected(ZmqPushConnection, pull)
            pull.pauseProducing()
            await accepted(push.push, b"x")
            await turns(50)
            self.assertEqual(pull.onPull.events, [])
            pull.resumeProducing()
            self.assertEqual(await pull.onPull.wait(), [[b"x"]])

    async def test_patterns(self) -> None:
        """
        Connections of every kind can be paused.
        """
        rep = self.bound(ZmqREPConnection)
        rep.gotMessage = lambda messageId, *parts: rep.reply(messageId, *parts)
        req = self.connected(ZmqREQConnection, rep)
        req.pauseProducing()
        reply = req.sendMsg(b"x")
        await turns(50)
        self.assertNoResult(reply)
        req.resumeProducing()
        self.assertEqual(await reply, [b"x"])

        sub, xpub = self.withRaw(ZmqSubConnection, zmq.XPUB)
        sub.gotMessage = Recorder()
        sub.subscribe(b"")
        await inThread(xpub.recv)
        sub.pauseProducing()
        xpub.send_multipart([b"tag", b"x"])
        await turns(20)
        self.assertEqual(sub.gotMessage.events, [])
        sub.resumeProducing()
        await sub.gotMessage.wait()

    async def test_backPressure(self) -> None:
        """
        Who does not read makes the sender wait: libzmq takes what its queues
        hold, then no more.
        """

        class Small(ZmqPairConnection):
            highWaterMark = 10

        connection = self.bound(Small, "inproc://pressure")
        connection.pauseProducing()
        connection.messageReceived = got = Recorder()
        raw = self.raw(zmq.PAIR, context=self.factory.context)
        raw.sndhwm = raw.rcvhwm = 10
        raw.connect("inproc://pressure")
        sent = 0
        with self.assertRaises(zmq.Again):
            for sent in range(1000):
                raw.send(b"%d" % sent, zmq.NOBLOCK)
        self.assertEqual(sent, 20)
        connection.resumeProducing()
        self.assertEqual(await got.wait(20), numbers(20))

    async def test_random(self) -> None:
        """
        Ten thousand messages through a connection that is paused and resumed
        at random: none is lost, none comes twice, the order is kept, and none
        comes while it is paused.
        """
        total = 10_000
        choice = random.Random(7)
        dealer = self.bound(ZmqDealerConnection)
        dealer.readBudget = ReadBudget(messages=50)
        state, got = {"paused": False}, Recorder()

        def resume() -> None:
            state["paused"] = False
            dealer.resumeProducing()

        def receive(message: list[bytes]) -> None:
            self.assertFalse(state["paused"])
            if choice.random() < 0.05:
                state["paused"] = True
                dealer.pauseProducing()
                reactor.callLater(0, resume)
            got(message)

        dealer.messageReceived = receive
        raw = self.raw(zmq.DEALER, dealer.boundAddresses[0])
        sending = inThread(lambda: [raw.send(message[0]) for message in numbers(total)])
        await got.wait(total)
        await sending
        await turns(5)
        self.assertEqual(got.events, numbers(total))


def _timeouts() -> list[Any]:
    """
    :return: the delayed calls that are trial's own: the time-out of the test.
    """
    return [call for call in reactor.getDelayedCalls() if call.getTime() - reactor.seconds() > 1]
