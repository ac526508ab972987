"""
Large numbers of messages: all of them arrive, in order, and other parts of the
program have their turns meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from txzmq import (
    ReadBudget,
    ZmqAgainError,
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

from .peers import Peer
from .support import PATIENCE, Recorder, ZmqTestCase, inThread, turns, until

#: How many messages make a load.
COUNT = 30_000

#: How many a peer floods us with; enough for the clock to tick meanwhile.
FLOOD = 100_000

#: How many are sent in one turn of the reactor.
CHUNK = 500

#: How many requests wait for their reply at a time.
WINDOW = 200

#: How much a flooded connection reads before the reactor goes round.
BUDGET = 2000


class Arrivals:
    """
    Counts messages that are numbered, and complains about the first that is
    out of order; notices how many ticks of a clock fall between the first and
    the last.
    """

    def __init__(self, case: ZmqTestCase) -> None:
        self.count = 0
        self.wrong: list[Any] = []
        self.firstTick = self.lastTick = 0
        self._expected: Iterator[bytes] = map(b"%d".__mod__, itertools.count())
        self._ticks = 0
        #: The most messages that came without the reactor going round.
        self.mostPerTurn = 0
        self._before = 0
        ticker = LoopingCall(self._tick)
        ticker.start(0.01, now=False)
        case.addCleanup(ticker.stop)
        self._going = True
        case.addCleanup(self._stop)
        self._turn()

    def __call__(self, number: bytes) -> None:
        if number != next(self._expected):
            self.wrong.append((self.count, number))
        if not self.count:
            self.firstTick = self._ticks
        self.count += 1
        self.lastTick = self._ticks

    @property
    def ticksDuring(self) -> int:
        """
        How often the clock ticked between the first message and the last.
        """
        return self.lastTick - self.firstTick

    def _tick(self) -> None:
        self._ticks += 1

    def _turn(self) -> None:
        self.mostPerTurn = max(self.mostPerTurn, self.count - self._before)
        self._before = self.count
        if self._going:
            reactor.callLater(0, self._turn)

    def _stop(self) -> Any:
        self._going = False
        return turns()


class LoadTests(ZmqTestCase):
    """
    Many messages in each pattern, over tcp, between connections
    of ours in one reactor; a clock ticks beside them every ten milliseconds.
    """

    def setUp(self) -> None:
        super().setUp()
        self.arrived = Arrivals(self)

    async def send(self, send: Any, count: int = COUNT) -> None:
        """
        Send numbered messages, some in each turn.

        :param send: is called with each.
        """
        for start in range(0, count, CHUNK):
            for number in range(start, start + CHUNK):
                send(b"%d" % number)
            await turns()

    async def assertArrived(self, count: int = COUNT) -> None:
        """
        Everything arrives, once, in order, and the clock was not stopped.
        """
        await until(lambda: self.arrived.count >= count)
        await turns(5)
        self.assertEqual((self.arrived.count, self.arrived.wrong), (count, []))
        self.assertGreater(self.arrived.ticksDuring, 0)

    async def test_pushPull(self) -> None:
        """
        Push and pull.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = lambda message: self.arrived(*message)
        await self.send(self.connected(ZmqPushConnection, pull).push)
        await self.assertArrived()

    async def test_pubSub(self) -> None:
        """
        Publish and subscribe, from when the subscription is known.
        """
        pub = self.bound(ZmqPubConnection)
        sub = self.connected(ZmqSubConnection, pub)
        sub.subscribe(b"")
        sub.gotMessage = known = Recorder()
        while not known.events:
            pub.publish(b"is anybody there?")
            await turns()
        pub.publish(b"start", b"start")
        await until(lambda: (b"start", b"start") in known.events)
        sub.gotMessage = lambda message, tag: self.arrived(message)
        await self.send(lambda message: pub.publish(message, b"tag"))
        await self.assertArrived()

    async def test_pair(self) -> None:
        """
        A pair, one way.
        """
        one = self.bound(ZmqPairConnection)
        one.messageReceived = lambda message: self.arrived(*message)
        await self.send(self.connected(ZmqPairConnection, one).send)
        await self.assertArrived()

    async def test_dealerToRouter(self) -> None:
        """
        From a dealer to a router.
        """
        router = self.bound(ZmqRouterConnection)
        router.gotMessage = lambda sender, message: self.arrived(message)
        await self.send(self.connected(ZmqDealerConnection, router).sendMsg)
        await self.assertArrived()

    async def test_routerToDealer(self) -> None:
        """
        From a router to a dealer that it knows, in two frames.
        """
        router = self.bound(ZmqRouterConnection)
        router.gotMessage = Recorder()
        dealer = self.connected(ZmqDealerConnection, router, identity=b"dealer")
        dealer.gotMessage = lambda number, rest: self.arrived(number)
        dealer.sendMsg(b"hello")
        await router.gotMessage.wait()
        await turns()
        await self.send(lambda message: router.sendMultipart(b"dealer", [message, b"rest"]))
        await self.assertArrived()

    async def test_reqRep(self) -> None:
        """
        Requests and replies, many at a time.
        """
        rep = self.bound(ZmqREPConnection)
        rep.gotMessage = rep.reply
        req = self.connected(ZmqREQConnection, rep)
        numbers = iter(range(COUNT))

        def request(reply: Any = None) -> None:
            if reply is not None:
                self.arrived(*reply)
            number = next(numbers, None)
            if number is not None:
                req.sendMsg(b"%d" % number).addCallback(request)

        for _ in range(WINDOW):
            request()
        await self.assertArrived()
        self.assertEqual(req._requests, {})

    async def test_pairBothWays(self) -> None:
        """
        A pair where each message is answered from the callback.
        """
        count = COUNT // 4
        one = self.bound(ZmqPairConnection)
        one.messageReceived = one.send
        other = self.connected(ZmqPairConnection, one)
        other.messageReceived = lambda message: self.arrived(*message)
        await self.send(other.send, count)
        await self.assertArrived(count)


class PeersTests(ZmqTestCase):
    """
    Peers that come and go under load.
    """

    async def assertWhole(self, cls: Any, socketType: int) -> None:
        """
        Send messages of several frames as fast as they are taken, to peers
        that connect, receive some, and go: none gets a part of a message, or
        parts of two.
        """

        class Narrow(cls):  # type: ignore[misc, valid-type]
            highWaterMark = 20

        sender = self.bound(Narrow)
        context = zmq.Context()
        self.addCleanup(context.term)
        received: list[list[bytes]] = []

        def receive() -> None:
            for count in range(1, 40):
                with context.socket(socketType) as peer:
                    peer.linger, peer.rcvhwm, peer.rcvtimeo = 0, 10, PATIENCE * 1000
                    peer.connect(sender.boundAddresses[0])
                    received.extend(peer.recv_multipart() for _ in range(count))

        done = inThread(receive)
        number = 0
        while not done.called:
            with contextlib.suppress(ZmqAgainError):
                while not done.called:
                    sender.send([b"%d" % number] * 5)
                    number += 1
            await turns()
        await done
        self.assertEqual({(len(frames), len(set(frames))) for frames in received}, {(5, 1)})

    async def test_push(self) -> None:
        """
        A pusher.
        """
        await self.assertWhole(ZmqPushConnection, zmq.PULL)

    async def test_dealer(self) -> None:
        """
        A dealer.
        """
        await self.assertWhole(ZmqDealerConnection, zmq.DEALER)


class BusySenderTests(ZmqTestCase):
    """
    A plain socket, in another process, that sends as fast as libzmq takes it.
    """

    async def flood(self, cls: Any, callback: str, kind: str, *envelope: str) -> None:
        """
        Everything arrives, once, in order; the clock was not stopped, and no
        turn took more than its budget.

        :param cls: the class of the connection that receives.
        :param callback: the name of its callback.
        :param kind: the type of the plain socket.
        :param envelope: frames to send before each message.
        """

        class Limited(cls):  # type: ignore[misc, valid-type]
            readBudget = ReadBudget(messages=BUDGET)

        connection = self.bound(Limited)
        if cls is ZmqSubConnection:
            connection.subscribe(b"")
        arrived = Arrivals(self)
        if callback == "gotMessage":
            which = 0 if cls is ZmqSubConnection else -1
            connection.gotMessage = lambda *message: arrived(message[which])
        else:
            setattr(connection, callback, lambda message: arrived(*message))
        Peer(self, "flood", kind, connection.boundAddresses[0], FLOOD, *envelope)
        await until(lambda: arrived.count >= FLOOD)
        await turns(5)
        self.assertEqual((arrived.count, arrived.wrong), (FLOOD, []))
        self.assertGreater(arrived.ticksDuring, 0)
        # In one turn there may be a read of ours and one that libzmq's signal
        # asks for, and reactors differ in what they call first.
        self.assertLessEqual(arrived.mostPerTurn, 3 * BUDGET)

    async def test_pull(self) -> None:
        """
        Push to pull.
        """
        await self.flood(ZmqPullConnection, "onPull", "PUSH")

    async def test_sub(self) -> None:
        """
        Publish to subscribe.
        """
        await self.flood(ZmqSubConnection, "gotMessage", "XPUB")

    async def test_pair(self) -> None:
        """
        Pair to pair.
        """
        await self.flood(ZmqPairConnection, "messageReceived", "PAIR")

    async def test_router(self) -> None:
        """
        Dealer to router.
        """
        await self.flood(ZmqRouterConnection, "gotMessage", "DEALER")

    async def test_dealer(self) -> None:
        """
        Dealer to dealer.
        """
        await self.flood(ZmqDealerConnection, "gotMessage", "DEALER")

    async def test_rep(self) -> None:
        """
        Requests that are never answered, all with one id.
        """
        await self.flood(ZmqREPConnection, "gotMessage", "DEALER", "id", "")
