"""
Peers that are killed, in the middle of a message or of many, and come back.

What a live peer has accepted is delivered, once, whole and in order; what is
lost is told where that is promised.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import zmq
from twisted.internet.defer import DeferredList, ensureDeferred

from txzmq import (
    ZmqClosedError,
    ZmqDealerConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqRouterConnection,
    ZmqSocketError,
    ZmqSubConnection,
)

from .peers import FRAMES, Peer, eventually, numbered, numberOf, ownHost
from .support import Recorder, deserted, turns, until
from .transports import Recording, TransportTestCase

#: How often a peer is killed.
KILLS = 6

#: Messages that may wait in libzmq, for each peer.
MARK = 5

#: Whole messages in front of one that breaks off.
WHOLE = 10


class Narrow:
    """
    For connections: few messages wait, and peers are noticed.
    """

    highWaterMark = MARK
    monitored = True


class HalfTests(TransportTestCase):
    """
    A peer that is killed when it has sent half of a message.
    """

    async def assertWhole(
        self, address: str, kind: str, got: Recorder, *envelope: str, frames: int = FRAMES
    ) -> None:
        """
        Peers come, send some messages and half of one, and are killed: the
        whole ones arrive, and nothing else.

        :param kind: the type of the peer's socket.
        :param got: gets the messages, without what is put in front of them.
        :param envelope: frames that the peer puts in front.
        """
        for first in range(0, KILLS * WHOLE, WHOLE):
            peer = Peer(self, "half", kind, address, first, WHOLE, *envelope)
            await got.wait(first + WHOLE)
            await peer.says()
            peer.kill()
        # By another way in, after whatever may still be there of the last one.
        peer = Peer(self, "half", kind, address, KILLS * WHOLE, 1, *envelope)
        await got.wait(KILLS * WHOLE + 1)
        numbers = [numberOf(message, frames) for message in got.events]
        self.assertEqual(numbers, list(range(KILLS * WHOLE + 1)))

    async def test_pull(self) -> None:
        """
        A pusher, while we pull.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = got = Recorder()
        await self.assertWhole(pull.boundAddresses[0], "PUSH", got)

    async def test_router(self) -> None:
        """
        A dealer, while we are its router.
        """
        router, got = self.bound(ZmqRouterConnection), Recorder()
        router.gotMessage = lambda sender, *parts: got(list(parts))
        await self.assertWhole(router.boundAddresses[0], "DEALER", got)

    async def test_rep(self) -> None:
        """
        A client, while we are its server.
        """
        rep, got = self.bound(ZmqREPConnection), Recorder()
        rep.gotMessage = lambda messageId, *parts: got(list(parts))
        await self.assertWhole(rep.boundAddresses[0], "DEALER", got, "id", "")

    async def test_sub(self) -> None:
        """
        A publisher, while we are its subscriber.
        """
        sub, got = self.bound(ZmqSubConnection), Recorder()
        sub.subscribe(b"")
        sub.gotMessage = lambda message, tag: got([tag, message])
        await self.assertWhole(sub.boundAddresses[0], "PUB", got, frames=2)

    async def test_transports(self) -> None:
        """
        The same, while we are transports.
        """
        for mine, kind in ((zmq.PULL, "PUSH"), (zmq.DEALER, "DEALER"), (zmq.XSUB, "PUB")):
            transport, protocol = self.opened(mine)
            address = transport.bind("tcp://127.0.0.1:*")
            frames = 2 if kind == "PUB" else FRAMES
            await self.assertWhole(address, kind, protocol.got, frames=frames)


class Pump:
    """
    Sends numbered messages, each when the one before has been taken, until it
    is told to stop.

    :param send: sends one, and fires when it is taken.
    :ivar sent: how many were taken.
    :ivar lost: the numbers of those that were refused.
    """

    def __init__(self, send: Callable[[list[bytes]], Awaitable[Any]]) -> None:
        self.sent = 0
        self.lost: list[int] = []
        self._send = send
        self._going = True
        self.done = ensureDeferred(self._run())

    async def _run(self) -> None:
        for number in itertools.count():
            if not self._going:
                return
            try:
                await self._send(numbered(number))
            except ZmqClosedError:
                return
            except ZmqSocketError:
                # Nobody is there: the number is lost, which is what this tells.
                self.lost.append(number)
                await turns()
            else:
                self.sent += 1

    def stop(self) -> None:
        """
        Send no more.
        """
        self._going = False


class CollectorTests(TransportTestCase):
    """
    A peer that is killed while we send it many large messages of several
    frames, and that comes back; again and again.
    """

    async def assertCollected(
        self,
        send: Callable[[list[bytes]], Awaitable[Any]],
        start: Callable[[], Peer],
        gone: Callable[[], Awaitable[Any]] = turns,
    ) -> Pump:
        """
        No peer gets a part of a message, one that was there before, or one out
        of order; and as long as one lives it misses nothing.

        :param start: starts a peer.
        :param gone: is awaited before a peer that was killed comes back.
        """
        pump = Pump(send)
        got: list[list[int]] = []
        for kill in range(KILLS + 1):
            peer = start()
            # Killed in the middle of one message or another.
            await eventually(lambda peer=peer, kill=kill: len(peer.numbers) > 3 + 7 * kill)
            if kill == KILLS:
                pump.stop()
            else:
                peer.kill()
                await gone()
            got.append(peer.numbers)
        await pump.done
        last = peer
        await eventually(lambda: pump.sent + len(pump.lost) == last.numbers[-1] + 1)
        got[-1] = last.numbers
        for numbers in got:
            kept = [n for n in range(numbers[0], numbers[-1] + 1) if n not in set(pump.lost)]
            self.assertEqual(numbers, kept)
        flat = [number for numbers in got for number in numbers]
        self.assertEqual(flat, sorted(set(flat)))
        return pump

    async def test_push(self) -> None:
        """
        Pullers that connect to us.
        """
        push = self.bound(type("Push", (Narrow, ZmqPushConnection), {}))
        address = push.boundAddresses[0]
        await self.assertCollected(
            push.sendWhenReady, lambda: Peer(self, "collect", "PULL", "connect", address)
        )

    async def test_pushConnected(self) -> None:
        """
        A puller that we connect to.
        """
        await self.assertComesBack(ZmqPushConnection, "PULL")

    async def test_dealerConnected(self) -> None:
        """
        A dealer that we connect to.
        """
        await self.assertComesBack(ZmqDealerConnection, "DEALER")

    async def assertComesBack(self, cls: Any, kind: str) -> None:
        """
        As :meth:`assertCollected`, with a peer that is bound.
        """
        first = Peer(self, "collect", kind, "bind", f"tcp://{ownHost()}:*")
        await first.says()
        address = first.lines[0]
        peers = itertools.chain(
            [first], (Peer(self, "collect", kind, "bind", address) for _ in itertools.count())
        )
        sender = self.connected(type("Sender", (Narrow, cls), {}), address)
        await self.assertCollected(sender.sendWhenReady, lambda: next(peers))

    async def test_transportPush(self) -> None:
        """
        Pullers that connect to a transport.
        """
        transport, _ = self.opened(zmq.PUSH)
        transport.setsockopt(zmq.SNDHWM, MARK)
        address = transport.bind("tcp://127.0.0.1:*")
        await self.assertCollected(
            transport.writeMessage, lambda: Peer(self, "collect", "PULL", "connect", address)
        )

    async def test_transportRouter(self) -> None:
        """
        A peer of a router: what is for it while it is away fails, at once.
        """
        transport, protocol = self.opened(zmq.ROUTER)
        transport.setsockopt(zmq.SNDHWM, MARK)
        address = transport.bind("tcp://127.0.0.1:*")
        pump = await self.assertCollected(
            lambda message: transport.writeMessage([b"peer", *message]),
            lambda: Peer(self, "collect", "DEALER", "connect", address, "peer"),
            transport.whenDisconnected,
        )
        self.assertEqual(protocol.got.events, [[b"peer", b"hello"]] * (KILLS + 1))
        self.assertTrue(pump.lost)

    async def test_router(self) -> None:
        """
        The same for a connection, with ``ROUTER_MANDATORY``.
        """
        router = self.bound(type("Router", (Narrow, ZmqRouterConnection), {}))
        router.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        router.gotMessage = Recorder()
        address = router.boundAddresses[0]
        pump = await self.assertCollected(
            lambda message: router.sendWhenReady([b"peer", *message]),
            lambda: Peer(self, "collect", "DEALER", "connect", address, "peer"),
            router.whenDisconnected,
        )
        self.assertTrue(pump.lost)


class PubTests(TransportTestCase):
    """
    Subscribers that are killed while others stay.
    """

    async def assertStays(self, publish: Callable[[bytes], Any], address: str) -> None:
        """
        The one who stays gets everything; those who come and go, everything
        while they are there.
        """
        stays = Peer(self, "collect", "SUB", "connect", address)
        counter = itertools.count()

        def publishNext(peer: Peer, count: int) -> bool:
            # No more than the marks allow, so that nothing has to be dropped.
            while not stays.numbers or last[0] - stays.numbers[-1] < MARK:
                last[0] = next(counter)
                publish(numbered(last[0])[0])
                if not stays.numbers:
                    break
            return len(peer.numbers) >= count

        last = [0]
        await eventually(lambda: publishNext(stays, 1))
        for kill in range(KILLS):
            peer = Peer(self, "collect", "SUB", "connect", address)
            await eventually(lambda peer=peer, kill=kill: publishNext(peer, 5 + 7 * kill))
            peer.kill()
            numbers = peer.numbers
            self.assertEqual(numbers, list(range(numbers[0], numbers[-1] + 1)))
        await eventually(lambda: stays.numbers[-1] == last[0])
        self.assertEqual(stays.numbers, list(range(stays.numbers[0], last[0] + 1)))

    async def test_pub(self) -> None:
        """
        Of a connection.
        """
        pub = self.bound(ZmqPubConnection)
        await self.assertStays(pub.publish, pub.boundAddresses[0])

    async def test_transport(self) -> None:
        """
        Of a transport.
        """
        transport, _ = self.opened(zmq.PUB)
        address = transport.bind("tcp://127.0.0.1:*")
        await self.assertStays(lambda body: transport.write(b"\0" + body), address)


class ReqTests(TransportTestCase):
    """
    A server that is killed while we ask it, and that comes back.
    """

    def serve(self, address: str, first: int = 0) -> Peer:
        """
        :param first: requests with lower numbers are not answered.
        """
        return Peer(self, "answer", "bind", address, first)

    async def asking(self, **settings: Any) -> tuple[Any, Peer, str]:
        """
        :param settings: of the connection.
        :return: a connection that asks a server, and what it is bound to.
        """
        server = self.serve(f"tcp://{ownHost()}:*")
        await server.says()
        address = server.lines[0]
        return self.connected(type("Req", (ZmqREQConnection,), settings), address), server, address

    async def test_timesOut(self) -> None:
        """
        What a server had got and not answered when it was killed fails when its
        time is over; the next one gets what is asked from then on.
        """
        req, server, address = await self.asking(monitored=True)
        await req.whenConnected()
        for number in range(KILLS):
            gone = req.whenDisconnected()
            server.kill()
            await gone
            request = req.sendMsg(b"%d" % number, timeout=0.3)
            server = self.serve(address, first=KILLS)
            await server.says(2)
            with self.assertRaises(ZmqRequestTimeoutError):
                await request
            self.assertEqual(server.numbers, [number])
        server.kill()
        self.serve(address)
        self.assertEqual(await req.sendMsg(b"%d" % KILLS), [b"%d" % KILLS])

    async def test_each(self) -> None:
        """
        Of many requests each one is answered, with its own answer, or fails in
        time; and no server gets one twice.
        """
        req, server, address = await self.asking(immediate=True, defaultRequestTimeout=1)
        numbers, answered, failed = itertools.count(), Recorder(), Recorder()
        going = True

        async def worker() -> None:
            while going:
                number = b"%d" % next(numbers)
                try:
                    self.assertEqual(await req.sendMsg(number), [number])
                    answered(int(number))
                except ZmqRequestTimeoutError:
                    failed(int(number))

        workers = DeferredList([ensureDeferred(worker()) for _ in range(20)], fireOnOneErrback=True)
        seen: list[int] = []
        for _ in range(KILLS):
            await answered.wait(len(answered.events) + 200)
            server.kill()
            seen += server.numbers
            await failed.wait(len(failed.events) + 1)
            server = self.serve(address)
        await answered.wait(len(answered.events) + 200)
        going = False
        await workers
        await eventually(lambda: set(server.numbers) >= set(answered.events) - set(seen))
        seen += server.numbers
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(sorted(answered.events + failed.events), list(range(next(numbers))))

    async def test_queued(self) -> None:
        """
        With ``immediate``, what is asked while no server is there waits for the
        next one; what is given up before never arrives.
        """
        req, server, address = await self.asking(immediate=True, monitored=True)
        self.assertEqual(await req.sendMsg(b"1"), [b"1"])
        await deserted(req, server.kill)
        waiting = [req.sendMsg(b"%d" % number) for number in (2, 3, 4)]
        waiting[1].addErrback(lambda failure: None)
        waiting[1].cancel()
        server = self.serve(address)
        self.assertEqual([await waiting[0], await waiting[2]], [[b"2"], [b"4"]])
        await until(lambda: len(server.numbers) == 2)
        self.assertEqual(server.numbers, [2, 4])


class RepTests(TransportTestCase):
    """
    Clients that are killed while we answer them.
    """

    async def assertServes(self, address: str, serving: Callable[[], object]) -> None:
        """
        Clients ask for much, listen to nothing, and are killed; another one
        gets its answers all the while.

        :param serving: whether all is well.
        """
        good = Peer(self, "ask", address)
        for kill in range(KILLS):
            bad = Peer(self, "pester", address)
            await bad.says(2 + kill)
            bad.kill()
            before = len(good.lines)
            await good.says(before + 20)
        good.assertGapless()
        self.assertTrue(serving())

    async def test_rep(self) -> None:
        """
        Of a server, which logs each answer that is lost.
        """
        rep = self.bound(type("Rep", (ZmqREPConnection,), {"highWaterMark": MARK}))
        rep.gotMessage = rep.reply
        texts = self.logged()
        await self.assertServes(rep.boundAddresses[0], lambda: texts)
        self.assertEqual([text for text in texts if "was dropped" not in text], [])

    async def test_transportRouter(self) -> None:
        """
        Of a router transport, which tells of each answer that is lost.
        """

        class Echo(Recording):
            def messageReceived(self, parts: list[bytes]) -> Any:
                self.transport.writeMessage(parts).addErrback(lost)

        lost = Recorder()
        transport, _ = self.opened(zmq.ROUTER, Echo)
        transport.setsockopt(zmq.SNDHWM, MARK)
        address = transport.bind("tcp://127.0.0.1:*")
        await self.assertServes(address, lambda: lost.events)
        for failure in lost.events:
            failure.trap(ZmqSocketError)
