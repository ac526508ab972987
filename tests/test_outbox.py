"""
Tests of :mod:`txzmq._outbox`: what waits to be sent, at transports of all types
but those that route, which are in :mod:`test_transport_routing`.
"""

from __future__ import annotations

from typing import Any

import zmq
from twisted.internet.defer import CancelledError

import txzmq._descriptor
import txzmq._outbox
from txzmq import ZmqClosedError, ZmqSocketError, createZmqConnection

from .support import Recorder, turns, until
from .transports import TAKEN, Recording, TransportTestCase, arrived, received


def numbered(count: int) -> list[list[bytes]]:
    """
    :return: messages of several frames, some of them empty.
    """
    return [[b"%d" % i, b"", bytes(i)] for i in range(count)]


class WriteTests(TransportTestCase):
    """
    Writing never blocks, keeps messages whole, and in order.
    """

    async def test_atOnce(self) -> None:
        """
        A message that libzmq takes waits nowhere.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        transport.write([b"a", b"b"])
        self.assertEqual(transport.getWriteBufferLength(), 0)
        self.assertEqual(received(raw), [[b"a", b"b"]])

    async def test_beforePeer(self) -> None:
        """
        What is written before there is a peer is sent when there is one, and
        before what is written then.
        """
        for zmqType, rawType in [
            (zmq.PUSH, zmq.PULL),
            (zmq.DEALER, zmq.DEALER),
            (zmq.PAIR, zmq.PAIR),
        ]:
            transport, _ = self.opened(zmqType)
            transport.writeSequence(numbered(5))
            self.assertEqual(transport.getWriteBufferLength(), 5)
            raw = self.beside(transport, rawType)
            transport.write(b"then")
            self.assertEqual(await arrived(raw, 6), [*numbered(5), [b"then"]])
            self.assertEqual(transport.getWriteBufferLength(), 0)

    async def test_beforePeerElsewhere(self) -> None:
        """
        So it is over TCP and between processes, and when the peer binds.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress()):
            raw = self.raw(zmq.PULL)
            raw.bind(address)
            transport, _ = self.opened(zmq.PUSH)
            transport.writeSequence(numbered(5))
            transport.connect(raw.last_endpoint.decode())
            self.assertEqual(await arrived(raw, 5), numbered(5))

    async def test_stalled(self) -> None:
        """
        What a slow peer does not take waits, and arrives whole and in order.
        """
        for zmqType, rawType in [
            (zmq.PUSH, zmq.PULL),
            (zmq.DEALER, zmq.ROUTER),
            (zmq.PAIR, zmq.PAIR),
        ]:
            transport, _, raw = self.stalled(zmqType, rawType)
            transport.writeSequence(numbered(20))
            self.assertEqual(transport.getWriteBufferLength(), 20 - TAKEN)
            got = [message[-3:] for message in await arrived(raw, 20)]
            self.assertEqual(got, numbered(20))

    async def test_interleaved(self) -> None:
        """
        Nothing overtakes, however writing and reading take turns.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        got = []
        for i, message in enumerate(numbered(60)):
            transport.write(message)
            if i % 3 == 0:
                got += received(raw)
            if i % 5 == 0:
                await turns()
        self.assertEqual(got + await arrived(raw, 60 - len(got)), numbered(60))

    async def test_turns(self) -> None:
        """
        Other parts of the program get their turn while much is sent.
        """
        self.patch(txzmq._outbox, "_FLUSH_SECONDS", 0)
        transport, _ = self.opened(zmq.PUSH)
        transport.writeSequence(numbered(10))
        raw = self.beside(transport, zmq.PULL)
        left = []
        while transport.getWriteBufferLength():
            await turns()
            left.append(transport.getWriteBufferLength())
        self.assertEqual(sorted(set(left), reverse=True), left)
        self.assertEqual((len(left), received(raw)), (10, numbered(10)))

    async def test_ownList(self) -> None:
        """
        The list of a message that waits can be used for the next one.
        """
        transport, _ = self.opened(zmq.PUSH)
        message = [b"x"]
        for letter in (b"a", b"b"):
            message[0] = letter
            transport.write(message)
        raw = self.beside(transport, zmq.PULL)
        self.assertEqual(await arrived(raw, 2), [[b"a"], [b"b"]])

    async def test_received(self) -> None:
        """
        While messages wait to be sent, others are received.
        """
        transport, protocol, raw = self.stalled(zmq.DEALER, zmq.DEALER)
        transport.writeSequence(numbered(10))
        raw.send(b"a")
        await protocol.got.wait()
        raw.send(b"b")
        self.assertEqual(await protocol.got.wait(2), [[b"a"], [b"b"]])
        self.assertEqual(transport.getWriteBufferLength(), 10 - TAKEN)

    async def test_quiet(self) -> None:
        """
        What waits costs nothing until something happens, also where messages
        wait to be received by one who has paused.
        """
        transport, protocol, raw = self.stalled(zmq.DEALER, zmq.DEALER)
        transport.writeSequence(numbered(10))
        self.assertTrue(await self.isQuiet())
        transport.pauseProducing()
        raw.send(b"x")
        self.assertTrue(await self.isQuiet())
        self.assertEqual(protocol.got.events, [])

    async def test_roomMeanwhile(self) -> None:
        """
        Room that comes while it is asked what has been received is used: no
        signal tells of it.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        transport.writeSequence(numbered(4))
        await turns(5)
        asked = self.polls()
        got: list[Any] = []

        def read() -> None:
            # After libzmq has refused, and has said that this is true.
            if asked.events[-1:] == [zmq.POLLOUT]:
                got.extend(received(raw))

        self.beforePoll(read)
        transport.getHandle()
        await until(lambda: len(got) == TAKEN)
        await until(lambda: transport.getWriteBufferLength() == 0)

    def beforePoll(self, function: Any) -> None:
        """
        Have something happen each time before a socket is asked for events.
        """
        real = txzmq._descriptor.zmq_poll

        def poll(items: Any, timeout: int) -> Any:
            if items[0][1] & zmq.POLLIN:
                function()
            return real(items, timeout)

        self.patch(txzmq._descriptor, "zmq_poll", poll)


class WriteMessageTests(TransportTestCase):
    """
    Deferreds that tell how a message goes.
    """

    def test_atOnce(self) -> None:
        """
        A message that libzmq takes is told at once.
        """
        transport, _, raw = self.facing(zmq.PUSH, zmq.PULL)
        self.assertIsNone(self.successResultOf(transport.writeMessage([b"a", b"b"])))
        self.assertEqual(received(raw), [[b"a", b"b"]])

    async def test_later(self) -> None:
        """
        A message that waits is told when libzmq takes it; one after the other.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        told = Recorder()
        for i in range(6):
            transport.writeMessage(b"%d" % i).addCallback(lambda _, i=i: told(i))
        self.assertEqual(told.events, list(range(TAKEN)))
        await arrived(raw, 6)
        self.assertEqual(told.events, list(range(6)))

    async def test_cancel(self) -> None:
        """
        Who cancels takes back the one message, as long as it waits.
        """
        transport, _ = self.opened(zmq.PUSH)
        waiting = [transport.writeMessage(b"%d" % i) for i in range(4)]
        for i in (0, 2):
            waiting[i].cancel()
            self.failureResultOf(waiting[i], CancelledError)
        self.assertEqual(transport.getWriteBufferLength(), 2)
        raw = self.beside(transport, zmq.PULL)
        self.assertEqual(await arrived(raw, 2), [[b"1"], [b"3"]])
        self.assertEqual([self.successResultOf(waiting[i]) for i in (1, 3)], [None, None])

    async def test_cancelAll(self) -> None:
        """
        When all are taken back nothing waits, and what is written then is sent.
        """
        transport, _ = self.opened(zmq.PUSH)
        for deferred in [transport.writeMessage(b"x") for _ in range(3)]:
            deferred.addErrback(lambda _: None)
            deferred.cancel()
        self.assertEqual(transport.getWriteBufferSize(), 0)
        raw = self.beside(transport, zmq.PULL)
        transport.write(b"y")
        self.assertEqual(await arrived(raw, 1), [[b"y"]])

    async def test_cancelTooLate(self) -> None:
        """
        What libzmq has taken is on its way: to cancel changes nothing.
        """
        transport, _ = self.opened(zmq.PUSH)
        waiting = transport.writeMessage(b"x")
        raw = self.beside(transport, zmq.PULL)
        await waiting
        waiting.cancel()
        self.assertEqual((received(raw), transport.getWriteBufferLength()), ([[b"x"]], 0))

    async def test_cancelNext(self) -> None:
        """
        Who is told may take back the next message.
        """
        transport, _ = self.opened(zmq.PUSH)
        first, second, third = (transport.writeMessage(b"%d" % i) for i in range(3))
        first.addCallback(lambda _: second.cancel())
        raw = self.beside(transport, zmq.PULL)
        await third
        self.failureResultOf(second, CancelledError)
        self.assertEqual(received(raw), [[b"0"], [b"2"]])

    async def test_cancelWhenThereIsRoom(self) -> None:
        """
        A message has been taken before the protocol is told that there is room
        again: to take it back then is too late.
        """
        transport, protocol = self.opened(zmq.PUSH)
        transport.setWriteBufferLimits(high=0)
        waiting = transport.writeMessage(b"x")
        protocol.resumeWriting = waiting.cancel
        raw = self.beside(transport, zmq.PULL)
        self.assertEqual(await arrived(raw, 1), [[b"x"]])
        self.assertIsNone(self.successResultOf(waiting))

    async def test_writeWhenTold(self) -> None:
        """
        Who is told may write the next message, which goes behind all others.
        """
        transport, _ = self.opened(zmq.PUSH)
        transport.writeMessage(b"0").addCallback(lambda _: transport.write(b"2"))
        transport.write(b"1")
        raw = self.beside(transport, zmq.PULL)
        self.assertEqual(await arrived(raw, 3), [[b"0"], [b"1"], [b"2"]])

    async def test_errorWhenTold(self) -> None:
        """
        What goes wrong in a callback is its own, and the others are told.
        """
        transport, _ = self.opened(zmq.PUSH)
        failing = transport.writeMessage(b"0").addCallback(lambda _: 1 / 0)
        following = transport.writeMessage(b"1")
        self.beside(transport, zmq.PULL)
        await following
        self.failureResultOf(failing, ZeroDivisionError)

    async def test_await(self) -> None:
        """
        A coroutine that awaits each message is as fast as its peer.
        """
        transport, _, raw = self.stalled(zmq.PUSH, zmq.PULL)
        for i in range(20):
            await transport.writeMessage(b"%d" % i)
            if i >= TAKEN - 1:
                self.assertEqual(raw.recv(), b"%d" % (i - TAKEN + 1))
            self.assertEqual(transport.getWriteBufferLength(), 0)

    async def test_closed(self) -> None:
        """
        At the end whoever waits is told; who does not listen fills no log.
        """
        transport, _ = self.opened(zmq.PUSH)
        listened, _ = transport.writeMessage(b"x"), transport.writeMessage(b"y")
        transport.abortConnection()
        self.failureResultOf(listened, ZmqClosedError)
        self.assertEqual(transport.getWriteBufferLength(), 0)

    async def test_closedWhenTold(self) -> None:
        """
        Who is told may close; the others hear of that.
        """
        transport, protocol = self.opened(zmq.PUSH)
        first, second = transport.writeMessage(b"0"), transport.writeMessage(b"1")
        first.addCallback(lambda _: transport.abortConnection())
        self.beside(transport, zmq.PULL)
        await first
        self.failureResultOf(second, ZmqClosedError)
        await protocol.lost.wait()


class RequestTests(TransportTestCase):
    """
    REQ and REP send and receive in turn.
    """

    async def test_reqWaits(self) -> None:
        """
        A REQ keeps a request until the one before has its reply.
        """
        transport, protocol, raw = self.facing(zmq.REQ, zmq.REP)
        for i in range(3):
            transport.write(b"%d" % i)
        self.assertEqual(transport.getWriteBufferLength(), 2)
        for i in range(3):
            self.assertEqual(await arrived(raw, 1), [[b"%d" % i]])
            raw.send(b"reply %d" % i)
            await protocol.got.wait(i + 1)
        self.assertEqual(protocol.got.events, [[b"reply %d" % i] for i in range(3)])

    async def test_reqIsQuiet(self) -> None:
        """
        To wait for a reply costs nothing.
        """
        transport, _, raw = self.facing(zmq.REQ, zmq.REP)
        transport.writeSequence([b"0", b"1"])
        self.assertTrue(await self.isQuiet())
        self.assertEqual(received(raw), [[b"0"]])

    async def test_reqCancelled(self) -> None:
        """
        A request that is taken back while it waits never leaves.
        """
        transport, protocol, raw = self.facing(zmq.REQ, zmq.REP)
        transport.write(b"0")
        waiting = transport.writeMessage(b"1")
        transport.write(b"2")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(raw.recv(), b"0")
        raw.send(b"reply")
        await protocol.got.wait()
        self.assertEqual(await arrived(raw, 1), [[b"2"]])

    async def test_repRefuses(self) -> None:
        """
        A REP without a request has nobody to reply to: an error, at once.
        """
        transport, _, _ = self.facing(zmq.REP, zmq.REQ)
        error = self.assertRaises(ZmqSocketError, transport.write, b"x")
        self.assertEqual(error.errno, zmq.EFSM)
        self.failureResultOf(transport.writeMessage(b"x"), ZmqSocketError)
        self.assertEqual(transport.getWriteBufferLength(), 0)

    async def test_repOnce(self) -> None:
        """
        There is one reply to a request; a second is an error, and the next
        request can be replied to all the same.
        """
        transport, protocol, raw = self.facing(zmq.REP, zmq.REQ)
        for i in range(2):
            raw.send(b"request")
            await protocol.got.wait(i + 1)
            transport.write(b"reply %d" % i)
            self.assertRaises(ZmqSocketError, transport.write, b"another")
            self.assertEqual(raw.recv(), b"reply %d" % i)

    async def test_repInCallback(self) -> None:
        """
        The reply can be written as soon as the request is there.
        """

        class Echo(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                self.transport.write(parts)

        _, _, raw = self.facing(zmq.REP, zmq.REQ, Echo)
        for i in range(3):
            raw.send(b"%d" % i)
            self.assertEqual(await arrived(raw, 1), [[b"%d" % i]])


class PublisherTests(TransportTestCase):
    """
    Publishers drop what nobody wants, or what is too much, unless told not to.
    """

    async def test_drops(self) -> None:
        """
        A PUB never has anything that waits.
        """
        transport, _ = self.opened(zmq.PUB)
        transport.writeSequence(numbered(5))
        self.assertEqual(transport.getWriteBufferLength(), 0)
        self.successResultOf(transport.writeMessage(b"x"))

    async def test_nothingDropped(self) -> None:
        """
        With ``XPUB_NODROP`` what is too much for a subscriber waits for it.
        """
        transport, _ = self.opened(zmq.XPUB)
        transport.setsockopt(zmq.XPUB_NODROP, 1)
        transport.setsockopt(zmq.SNDHWM, 1)
        raw = self.beside(transport, zmq.SUB, rcvhwm=1)
        raw.subscribe(b"")
        await transport.whenSubscribed(b"")
        transport.writeSequence(numbered(10))
        self.assertEqual(transport.getWriteBufferLength(), 10 - TAKEN)
        self.assertEqual(await arrived(raw, 10), numbered(10))

    async def test_quiet(self) -> None:
        """
        Nor does that spin: libzmq says that a publisher can always be written
        to.
        """
        self.patch(txzmq._outbox, "_RETRY_SECONDS", 1000)
        transport, _ = self.opened(zmq.XPUB)
        transport.setsockopt(zmq.XPUB_NODROP, 1)
        transport.setsockopt(zmq.SNDHWM, 1)
        raw = self.beside(transport, zmq.SUB, rcvhwm=1)
        raw.subscribe(b"")
        await transport.whenSubscribed(b"")
        transport.writeSequence(numbered(10))
        self.assertTrue(await self.isQuiet())


class GoneTests(TransportTestCase):
    """
    The end of a socket is not the error of one message.
    """

    async def test_closedSocket(self) -> None:
        """
        Where somebody closes the socket while messages wait, the transport is
        lost, and so is each message.
        """
        transport, protocol = self.opened(zmq.PUSH)
        waiting = transport.writeMessage(b"x")
        transport.getHandle().close()
        await protocol.lost.wait()
        self.failureResultOf(waiting, ZmqClosedError)


class TogetherTests(TransportTestCase):
    """
    Both ends, and both directions.
    """

    async def test_twoTransports(self) -> None:
        """
        Two transports talk to each other; the one that is ahead waits.
        """
        pull, protocol = self.opened(zmq.PULL, bind="tcp://127.0.0.1:*")
        (address,) = pull.bindings()
        push, _ = await createZmqConnection(
            Recording, zmq.PUSH, connect=address, factory=self.factory
        )
        push.writeSequence(numbered(2000))
        self.assertEqual(await protocol.got.wait(2000), numbered(2000))

    async def test_both(self) -> None:
        """
        Messages go both ways at the same time.
        """
        transport, protocol, raw = self.facing(zmq.PAIR, zmq.PAIR)
        for i in range(100):
            transport.write(b"%d" % i)
            raw.send(b"%d" % i)
        await protocol.got.wait(100)
        self.assertEqual(protocol.got.events, received(raw))
