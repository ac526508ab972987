"""
Peers that are connected and take nothing: stopped by a signal, or silent by
themselves.

What is kept for them is bounded by the marks that were set, all others are
served, and when they go on they get what was kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txzmq import (
    ZmqAgainError,
    ZmqDealerConnection,
    ZmqPubConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
)

from .peers import SIZE, THEIR_MARK, Peer, eventually, inKernel, memory, numbered
from .support import MEMORY, Recorder, turns
from .transports import Recording, TransportTestCase

#: Messages that may wait in libzmq, for each peer.
MARK = 10

#: As many where libzmq drops what is too much: it is late to notice that there is
#: room again, and one that does read must not lose anything.
WIDE = 5 * MARK

#: Messages that may wait here, besides.
WAITING = 20

#: Bytes of a message.
BYTES = len(b"".join(numbered(0)))

#: Bytes by which the process may grow: what the marks below allow is less than half
#: of it, and the system's allocator keeps some for later.
ALLOWED = 160_000_000 * MEMORY

#: Messages that a peer has besides those that wait for it here, and in the kernel: up to
#: its mark, and some that are just being put together, or apart.
THEIRS = THEIR_MARK + 5

#: Messages that have to be sent to show that memory is bounded: without a bound
#: they take a multiple of what is allowed.
MANY = 2 * ALLOWED // BYTES


def awhile() -> Deferred[None]:
    """
    :return: fires a little later.
    """
    return eventually(iter([False, True]).__next__)


class StalledTestCase(TransportTestCase):
    """
    A test that notices how much memory it takes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.before = memory()

    def assertBounded(self) -> None:
        """
        The process has not grown by more than it is allowed to.
        """
        self.assertLess(memory() - self.before, ALLOWED)

    def narrow(self, cls: Any, mark: int = MARK) -> Any:
        """
        :return: a bound connection of class ``cls``, with low marks.
        """
        settings = {"highWaterMark": mark, "maxWaitingMessages": WAITING}
        return self.bound(type("Narrow", (cls,), settings))

    def narrowTransport(self, kind: int, mark: int = MARK) -> tuple[Any, Recording, str]:
        """
        :return: a transport with low marks, its protocol, and its address.
        """
        transport, protocol = self.opened(kind)
        transport.setsockopt(zmq.SNDHWM, mark)
        transport.setWriteBufferLimits(high=WAITING * BYTES, highMessages=WAITING)
        return transport, protocol, transport.bind("tcp://127.0.0.1:*")

    def collector(self, kind: str, address: str, identity: str = "") -> Peer:
        """
        :return: a peer that receives, to be stopped.
        """
        return Peer(self, "collect", kind, "connect", address, identity)


class SubscriberTests(StalledTestCase):
    """
    A subscriber that is stopped, and one that never reads, beside one that does.
    """

    async def assertOthersServed(self, publish: Callable[[bytes], Any], address: str) -> None:
        """
        The one who reads gets all of it, what the others may have is bounded;
        the one who was stopped gets the oldest and the newest when it goes on.
        """
        number = -1

        async def publishUntil(done: Callable[[], object], isFast: bool = True) -> None:
            # Fast is as fast as the one who reads takes it, so that it has no gaps.
            nonlocal number
            while not done():
                if not isFast or number - good.last < MARK // 2:
                    number += 1
                    publish(numbered(number)[0])
                await (turns() if isFast else awhile())

        good, stopped = (self.collector("SUB", address) for _ in range(2))
        deaf = Peer(self, "deaf", "SUB", address, "")
        peers = (good, stopped, deaf)
        await publishUntil(lambda: all(peer.lines for peer in peers), isFast=False)
        await publishUntil(lambda: good.last == number, isFast=False)
        stopped.stop()
        begin = number
        await publishUntil(lambda: number > begin + 2 * MANY)
        self.assertBounded()
        await eventually(lambda: good.last == number)
        since = [other for other in good.numbers if other >= begin]
        self.assertEqual(since, list(range(begin, number + 1)))
        atMost = begin + WIDE + THEIRS + inKernel(address) // SIZE
        stopped.go()
        last = number
        # Slowly: as long as what it has missed is on its way, more is dropped.
        await publishUntil(lambda: last < stopped.last == number, isFast=False)
        numbers = stopped.numbers
        self.assertEqual(numbers, sorted(set(numbers)))
        gaps = [one for one, other in zip(numbers, numbers[1:]) if other != one + 1 > begin]
        # The first is behind what was kept for it.
        self.assertLess(gaps[0], atMost)

    async def test_pub(self) -> None:
        """
        Of a connection.
        """
        pub = self.narrow(ZmqPubConnection, WIDE)
        await self.assertOthersServed(pub.publish, pub.boundAddresses[0])

    async def test_transport(self) -> None:
        """
        Of a transport.
        """
        transport, protocol, address = self.narrowTransport(zmq.PUB, WIDE)
        await self.assertOthersServed(lambda body: transport.write(b"\0" + body), address)
        self.assertEqual((transport.getWriteBufferLength(), protocol.told.events), (0, []))


class PullerTests(StalledTestCase):
    """
    Pullers that are stopped, one after the other.
    """

    async def assertKept(
        self, send: Callable[[list[bytes]], bool], kind: str, address: str
    ) -> None:
        """
        While one is stopped the other is served.  When both are, no more is
        taken after a while.  When they go on all of it arrives, once, and in
        order for each.

        :param send: sends a message, if it can.
        :param kind: the type of the pullers' sockets.
        """
        one, other = peers = [self.collector(kind, address) for _ in range(2)]
        taken = refused = 0

        async def sendUntil(done: Callable[[], bool]) -> None:
            nonlocal taken, refused
            while not done():
                if send(numbered(taken)):
                    taken += 1
                    refused = 0
                else:
                    refused += 1
                    await awhile()

        await sendUntil(lambda: bool(one.lines and other.lines))
        other.stop()
        enough = len(one.lines) + MANY
        await sendUntil(lambda: len(one.lines) > enough)
        self.assertBounded()
        one.stop()
        await sendUntil(lambda: refused > 50)
        self.assertBounded()

        def kept() -> int:
            said = len(one.lines) + len(other.lines)
            return taken - said - inKernel(address) // BYTES

        # What they have said before they were stopped may be late.
        await eventually(lambda: kept() <= 2 * (MARK + THEIRS) + WAITING)
        for peer in peers:
            peer.go()
        await eventually(lambda: len(one.lines) + len(other.lines) >= taken)
        self.assertEqual(sorted(one.numbers + other.numbers), list(range(taken)))
        for peer in peers:
            peer.assertRising()

    async def assertSends(self, cls: Any, kind: str) -> None:
        """
        As :meth:`assertKept`, with ``send``.
        """
        sender = self.narrow(cls)

        def send(message: list[bytes]) -> bool:
            try:
                sender.send(message)
            except ZmqAgainError:
                return False
            return True

        await self.assertKept(send, kind, sender.boundAddresses[0])

    async def test_push(self) -> None:
        """
        Of a pusher.
        """
        await self.assertSends(ZmqPushConnection, "PULL")

    async def test_dealer(self) -> None:
        """
        Of a dealer.
        """
        await self.assertSends(ZmqDealerConnection, "DEALER")

    async def test_whenReady(self) -> None:
        """
        Of a pusher that also keeps messages itself.
        """
        push = self.narrow(ZmqPushConnection)
        failures = Recorder()

        def send(message: list[bytes]) -> bool:
            before = len(failures.events)
            push.sendWhenReady(message).addErrback(lambda f: failures(f.check(ZmqAgainError)))
            return len(failures.events) == before

        await self.assertKept(send, "PULL", push.boundAddresses[0])
        self.assertEqual(set(failures.events), {ZmqAgainError})

    async def test_transport(self) -> None:
        """
        Of a transport, whose protocol writes nothing while it is asked to pause.
        """
        transport, protocol, address = self.narrowTransport(zmq.PUSH)
        lengths = []

        def send(message: list[bytes]) -> bool:
            if protocol.told.events[-1:] == ["pause"]:
                return False
            transport.write(message)
            lengths.append(transport.getWriteBufferLength())
            return True

        await self.assertKept(send, "PULL", address)
        # It is told when there is one too many.
        self.assertEqual(max(lengths), WAITING + 1)


class RouterTests(StalledTestCase):
    """
    A peer of a router that is stopped, and one that never reads, beside one
    that does.
    """

    async def assertOthersServed(
        self, send: Callable[[bytes, list[bytes]], Any], got: Recorder, address: str
    ) -> tuple[Peer, int]:
        """
        The one who reads gets all of it, and what the others may have is
        bounded.

        :return: the one that was stopped, and goes on; and how many were sent
            to each of them.
        """
        good, stopped = (self.collector("DEALER", address, name) for name in ("good", "stopped"))
        Peer(self, "deaf", "DEALER", address, "deaf")
        await got.wait(3)
        stopped.stop()
        for number in range(MANY):
            for name in (b"good", b"stopped", b"deaf"):
                send(name, numbered(number))
            await eventually(lambda number=number: number - len(good.lines) < MARK // 2)
        self.assertBounded()
        await eventually(lambda: len(good.lines) == MANY)
        self.assertEqual(good.numbers, list(range(MANY)))
        stopped.go()
        return stopped, MANY

    async def assertGoesOn(self, send: Callable[[bytes, list[bytes]], Any], stopped: Peer) -> None:
        """
        The one that was stopped gets the oldest of what was sent, and then what
        is sent from now on.
        """
        number = MANY
        while not stopped.numbers or stopped.numbers[-1] < MANY:
            send(b"stopped", numbered(number))
            number += 1
            await awhile()
        # With gaps: the kernel may make some more room for it meanwhile.
        self.assertEqual(stopped.numbers[0], 0)
        stopped.assertRising()

    async def test_connection(self) -> None:
        """
        Of a connection: what a peer has no room for is dropped.
        """
        router = self.narrow(ZmqRouterConnection, WIDE)
        router.gotMessage = got = Recorder()
        stopped, _ = await self.assertOthersServed(
            router.sendMultipart, got, router.boundAddresses[0]
        )
        await self.assertGoesOn(router.sendMultipart, stopped)

    async def test_transport(self) -> None:
        """
        Of a transport: what a peer has no room for fails, and what was taken
        arrives.  The protocol is not asked to pause.
        """
        transport, protocol, address = self.narrowTransport(zmq.ROUTER)
        taken, failures = Recorder(), Recorder()

        def failed(failure: Failure) -> None:
            failures(failure.check(ZmqAgainError))  # itself, it would keep the message

        def send(name: bytes, message: list[bytes]) -> None:
            written = transport.writeMessage([name, *message])
            if name == b"stopped":
                number = int(message[0][:8])
                written.addCallbacks(lambda _: taken(number), failed)
            else:
                written.addErrback(failed)

        stopped, count = await self.assertOthersServed(send, protocol.got, address)
        await self.assertGoesOn(send, stopped)
        await eventually(lambda: stopped.numbers == taken.events)
        self.assertLess(sum(number < MANY for number in taken.events), count)
        self.assertEqual((protocol.told.events, set(failures.events)), ([], {ZmqAgainError}))


class ServerTests(StalledTestCase):
    """
    Requests and replies.
    """

    async def test_rep(self) -> None:
        """
        A client that asks for much and never listens: the answers that it has
        no room for are dropped, and another client gets its own.
        """
        rep = self.narrow(ZmqREPConnection)
        rep.gotMessage = rep.reply
        good = Peer(self, "ask", rep.boundAddresses[0])
        await good.says()
        bad = Peer(self, "pester", rep.boundAddresses[0])
        await eventually(lambda: bad.numbers and bad.numbers[-1] > MANY)
        self.assertBounded()
        await good.says(len(good.lines) + 10)
        good.assertGapless()

    async def test_req(self) -> None:
        """
        A server that is stopped: as many requests wait as may; all of them are
        answered when it goes on.
        """
        server = Peer(self, "answer", "bind", "tcp://127.0.0.1:*")
        await server.says()
        settings = {"maxPendingRequests": WAITING}
        req = self.connected(type("Req", (ZmqREQConnection,), settings), server.lines[0])
        self.assertEqual(await req.sendMsg(b"0"), [b"0"])
        server.stop()
        requests = [req.sendMsg(b"%d" % number) for number in range(WAITING)]
        self.failureResultOf(req.sendMsg(b"one too many"), ZmqAgainError)
        server.go()
        self.assertEqual([await d for d in requests], [[b"%d" % n] for n in range(WAITING)])
