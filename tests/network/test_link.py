"""
Peers behind a link that is slow, loses packets, mixes them up, or is cut.
"""

from __future__ import annotations

from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from txzmq import (
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqSubConnection,
)

from ..peers import eventually, numbered, numberOf
from ..support import Recorder
from .namespaces import OURS, NetworkTestCase, ip

#: How many messages are sent in each way.
COUNT = 500

#: Bytes of one of their frames.
SIZE = 800

#: How many requests are asked.
REQUESTS = 100

#: How long the link is cut, in seconds, where nobody is to notice: TCP tries
#: again after fractions of a second at first.
CUT = 1.0

#: Settings with which a cut is noticed, in milliseconds; and a peer that only has to wait
#: for the processor is not.
HEARTBEATS = {"heartbeatInterval": 1000, "heartbeatTimeout": 3000, "heartbeatTtl": 3000}

#: Where to bind.
ADDRESS = f"tcp://{OURS}:*"


def made(cls: Any, **settings: Any) -> Any:
    """
    :return: a connection class, watched from the beginning.
    """
    return type(cls.__name__, (cls,), {"monitored": True, **settings})


class TransferTests(NetworkTestCase):
    """
    Whatever the link does, as long as it does something: all that is sent
    arrives, once and in order.
    """

    async def assertArrives(self, *orders: str) -> None:
        """
        Send in all ways at once.

        :param orders: for the wire; each but the last lasts for a while.
        """
        pullers = [await self.boundPeer("collect", "PULL", "bind") for _ in range(2)]
        _, server = await self.boundPeer("answer", "bind")
        push = self.connected(made(ZmqPushConnection), pullers[0][1])
        transport, _ = self.opened(zmq.PUSH, connect=pullers[1][1])
        pull = self.bound(ZmqPullConnection, ADDRESS)
        pull.onPull = got = Recorder()
        rep = self.bound(ZmqREPConnection, ADDRESS)
        rep.gotMessage = rep.reply
        req = self.connected(made(ZmqREQConnection), server)
        self.peer("send", "PUSH", pull.boundAddresses[0], COUNT, SIZE)
        asker = self.peer("ask", rep.boundAddresses[0])
        await gatherResults([push.whenConnected(), req.whenConnected(), asker.says()])
        gone = [push.whenDisconnected(), req.whenDisconnected()]

        await self.order(orders[0])
        for number in range(COUNT):
            push.push(numbered(number, SIZE))
            transport.write(numbered(number, SIZE))
        requests = [req.sendMsg(b"%d" % number) for number in range(REQUESTS)]
        for order in orders[1:]:
            await deferLater(reactor, CUT)
            await self.order(order)
        await got.wait(COUNT)
        for peer, _ in pullers:
            await eventually(lambda peer=peer: len(peer.numbers) >= COUNT)
            self.assertEqual(peer.numbers, list(range(COUNT)))
        self.assertEqual([numberOf(message) for message in got.events], list(range(COUNT)))
        answers = [b"%d" % number for number in range(REQUESTS)]
        self.assertEqual([await request for request in requests], [[a] for a in answers])
        await asker.says(len(asker.lines) + 10)
        asker.assertGapless()
        # These were the connections of the beginning.
        self.assertEqual([d.called for d in gone], [False, False])

    async def test_slow(self) -> None:
        """
        Each packet takes a tenth of a second.
        """
        await self.assertArrives("delay 0.1")

    async def test_lossy(self) -> None:
        """
        One packet in ten is lost.
        """
        await self.assertArrives("lose 0.1")

    async def test_shuffled(self) -> None:
        """
        One packet in four is overtaken by those behind it.
        """
        await self.assertArrives("shuffle 0.25")

    async def test_cut(self) -> None:
        """
        Nothing passes for a while.
        """
        await self.assertArrives("cut", "good")

    async def test_worse(self) -> None:
        """
        One after the other.
        """
        await self.assertArrives("lose 0.1", "cut", "shuffle 0.25", "cut", "delay 0.1", "good")

    async def test_down(self) -> None:
        """
        The device is taken down and up again, which the system does know of.
        """
        peer, address = await self.boundPeer("collect", "PULL", "bind")
        push = self.connected(ZmqPushConnection, address)
        push.push(numbered(0, SIZE))
        await peer.says(2)
        ip("-n", self.namespace, "link", "set", self.device, "down")
        for number in range(1, COUNT):
            push.push(numbered(number, SIZE))
        await deferLater(reactor, CUT)
        ip("-n", self.namespace, "link", "set", self.device, "up")
        await eventually(lambda: len(peer.numbers) >= COUNT)
        self.assertEqual(peer.numbers, list(range(COUNT)))


class HeartbeatTests(NetworkTestCase):
    """
    A link that is cut, which nobody is told of.
    """

    async def test_connected(self) -> None:
        """
        Who has connected notices, with heartbeats only; when the link is back
        it connects again, and what waited in the queue arrives.
        """
        peer, address = await self.boundPeer("collect", "PULL", "bind")
        push = self.connected(made(ZmqPushConnection, **HEARTBEATS), address)
        careless = self.connected(made(ZmqPushConnection), address)
        await gatherResults([push.whenConnected(), careless.whenConnected()])
        push.push(numbered(0, SIZE))
        await peer.says(2)
        noticed = careless.whenDisconnected()
        await self.order("cut")
        event = await push.whenDisconnected()
        self.assertEqual((event.event, event.endpoint), (zmq.EVENT_DISCONNECTED, address))
        for number in range(1, COUNT):
            push.push(numbered(number, SIZE))
        await self.order("good")
        await push.whenConnected()
        await eventually(lambda: len(peer.numbers) >= COUNT)
        self.assertEqual(peer.numbers, list(range(COUNT)))
        self.assertFalse(noticed.called)

    async def test_bound(self) -> None:
        """
        Who is bound notices, with heartbeats only.
        """
        connections = [
            self.bound(made(ZmqPullConnection, **each), ADDRESS) for each in (HEARTBEATS, {})
        ]
        for connection in connections:
            connection.onPull = Recorder()
            self.peer("send", "PUSH", connection.boundAddresses[0], 1, SIZE)
        await gatherResults([connection.onPull.wait() for connection in connections])
        careful, careless = (connection.whenDisconnected() for connection in connections)
        await self.order("cut")
        await careful
        self.assertFalse(careless.called)

    async def test_transport(self) -> None:
        """
        A transport, by its monitor.
        """
        _, address = await self.boundPeer("collect", "PULL", "bind")
        transport, protocol = self.opened(zmq.PUSH)
        transport.enableMonitor(zmq.EVENT_DISCONNECTED)
        transport.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEATS["heartbeatInterval"])
        transport.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEATS["heartbeatTimeout"])
        transport.connect(address)
        await transport.whenConnected()
        await self.order("cut")
        await protocol.told.wait()
        self.assertEqual(protocol.told.events, ["DISCONNECTED"])

    async def test_sub(self) -> None:
        """
        A subscriber gets what is published again, without subscribing again.
        """
        _, address = await self.boundPeer("publish")
        sub = self.connected(made(ZmqSubConnection, **HEARTBEATS), address)
        sub.subscribe(b"")
        sub.gotMessage = got = Recorder()
        await got.wait(10)
        await self.order("cut")
        await sub.whenDisconnected()
        await self.order("good")
        await got.wait(len(got.events) + 50)
        numbers = [int(message) for message, _ in got.events]
        self.assertEqual(numbers, sorted(set(numbers)))

    async def test_pub(self) -> None:
        """
        A publisher's heartbeats tell the subscribers how long to wait
        for the next: one that has none of its own comes back, too.
        """
        pub = self.bound(made(ZmqPubConnection, **HEARTBEATS), ADDRESS)
        peer = self.peer("collect", "SUB", "connect", pub.boundAddresses[0])
        number = 0

        def publish(count: int) -> bool:
            nonlocal number
            pub.publish(numbered(number)[0][:SIZE])
            number += 1
            return len(peer.lines) >= count

        await eventually(lambda: publish(10))
        gone = pub.whenDisconnected()
        await self.order("cut")
        await gone
        before = len(peer.lines)
        await self.order("good")
        await eventually(lambda: publish(before + 50))
        peer.assertRising()


class RequestTests(NetworkTestCase):
    """
    Requests while the link is cut.
    """

    async def assertRecovers(self, **settings: Any) -> None:
        """
        They fail in time, and those that are asked when it is back are
        answered.
        """
        server, address = await self.boundPeer("answer", "bind")
        req = self.connected(made(ZmqREQConnection, **settings), address)
        self.assertEqual(await req.sendMsg(b"0"), [b"0"])
        noticed = req.whenDisconnected()
        await self.order("cut")
        for number in range(1, 4):
            with self.assertRaises(ZmqRequestTimeoutError):
                await req.sendMsg(b"%d" % number, timeout=0.3)
        if settings:
            await noticed
        await self.order("good")
        number = 4
        # A server that is starved of the processor may be given up once more.
        while True:
            try:
                self.assertEqual(await req.sendMsg(b"%d" % number, timeout=5), [b"%d" % number])
                break
            except ZmqRequestTimeoutError:
                number += 1
        server.assertRising()

    async def test_req(self) -> None:
        """
        Without heartbeats: TCP does it.
        """
        await self.assertRecovers()

    async def test_heartbeats(self) -> None:
        """
        With heartbeats, which connect anew.
        """
        await self.assertRecovers(immediate=True, **HEARTBEATS)
