"""
Tests of transports: what a protocol's methods may be, do, and fail with.
"""

from __future__ import annotations

from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .support import ENDLESS, inThread, turns, until
from .transports import Recording, TransportTestCase, arrived

#: The methods of a protocol that a transport calls, apart from the first.
CALLBACKS = [
    "messageReceived",
    "eventReceived",
    "pauseWriting",
    "resumeWriting",
    "connectionLost",
]


class Living(TransportTestCase):
    """
    A test in which each callback of a protocol is called.
    """

    async def live(self, protocolFactory: Any) -> Any:
        """
        Let a transport live through all that can happen.

        :return: its protocol.
        """
        transport, protocol = self.opened(zmq.PAIR, protocolFactory)
        transport.enableMonitor()
        transport.setWriteBufferLimits(high=0)
        transport.write(b"before there is a peer")
        raw = self.beside(transport, zmq.PAIR, "tcp://127.0.0.1:*")
        await inThread(raw.recv)
        for i in range(5):
            await inThread(raw.send, b"%d" % i)
        await protocol.got.wait(5)
        await until(lambda: "HANDSHAKE_SUCCEEDED" in protocol.told.events)
        transport.loseConnection()
        await protocol.lost.wait()
        await turns(3)
        return protocol

    def check(self, protocol: Any) -> None:
        """
        All has happened that should have.
        """
        self.assertEqual(protocol.got.events, [[b"%d" % i] for i in range(5)])
        told = [event for event in protocol.told.events if event in ("pause", "resume")]
        self.assertEqual((told, len(protocol.lost.events)), (["pause", "resume"], 1))


def recordingThen(name: str, then: Any) -> type:
    """
    :return: a class of protocols one of whose methods records, and then returns
        what ``then()`` does.
    """

    def method(self: Any, *args: Any) -> Any:
        getattr(Recording, name)(self, *args)
        return then()

    return type("Failing", (Recording,), {name: method})


def fail() -> None:
    raise ZeroDivisionError


def failLater() -> Any:
    d: Deferred[None] = Deferred()
    reactor.callLater(0, d.errback, Failure(ZeroDivisionError()))
    return d


async def failInCoroutine() -> None:
    await turns()
    fail()


class ErrorTests(Living):
    """
    What goes wrong in a callback is logged, and costs nothing else.
    """

    async def errorsIn(self, name: str) -> None:
        calls = {"messageReceived": 5}.get(name, 1)
        for then in (fail, failLater, failInCoroutine):
            protocol = await self.live(recordingThen(name, then))
            self.check(protocol)
            errors = self.flushLoggedErrors(ZeroDivisionError)
            if name == "eventReceived":
                calls = len([e for e in protocol.told.events if e.isupper()])
            self.assertEqual(len(errors), calls, then)

    async def test_messageReceived(self) -> None:
        """
        In ``messageReceived`` it costs that message, and no other.
        """
        await self.errorsIn("messageReceived")

    async def test_eventReceived(self) -> None:
        """
        In ``eventReceived`` the next events are told all the same.
        """
        await self.errorsIn("eventReceived")

    async def test_pauseWriting(self) -> None:
        """
        In ``pauseWriting`` the message is sent all the same.
        """
        await self.errorsIn("pauseWriting")

    async def test_resumeWriting(self) -> None:
        """
        So it is in ``resumeWriting``.
        """
        await self.errorsIn("resumeWriting")

    async def test_connectionLost(self) -> None:
        """
        In ``connectionLost`` all is closed already.
        """
        await self.errorsIn("connectionLost")

    async def test_batch(self) -> None:
        """
        Within a batch the next message follows at once.
        """
        _, protocol, raw = self.facing(zmq.PULL, zmq.PUSH, recordingThen("messageReceived", fail))
        for i in range(100):
            raw.send(b"%d" % i)
        await protocol.got.wait(100)
        await turns(3)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 100)

    async def test_log(self) -> None:
        """
        The log says whose error it is.
        """
        texts = self.logged()
        _, protocol, raw = self.facing(zmq.PULL, zmq.PUSH, recordingThen("messageReceived", fail))
        raw.send(b"x")
        await protocol.got.wait()
        await turns(3)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertIn("Failing object", "".join(texts))


class CoroutineTests(Living):
    """
    Callbacks may be coroutines.
    """

    async def test_all(self) -> None:
        """
        Each of them; they run until they wait, as functions do.
        """

        def coroutine(name: str) -> Any:
            async def method(self: Any, *args: Any) -> None:
                getattr(Recording, name)(self, *args)
                await turns()
                self.finished.append(name)

            return method

        members: dict[str, Any] = {name: coroutine(name) for name in CALLBACKS}
        finished = members["finished"] = []
        protocol = await self.live(type("Coroutines", (Recording,), members))
        self.check(protocol)
        await until(lambda: "connectionLost" in finished)
        self.assertEqual(set(finished), set(CALLBACKS))

    async def test_connectionMade(self) -> None:
        """
        Also the first; it can wait for a peer that the endpoints bring.
        """

        class Client(Recording):
            async def connectionMade(self) -> None:
                await self.transport.whenConnected()
                await self.transport.writeMessage(b"hello")
                self.told("said")

        raw = self.raw(zmq.PULL)
        raw.bind("tcp://127.0.0.1:*")
        _, protocol = self.opened(zmq.PUSH, Client, connect=raw.last_endpoint.decode())
        self.assertEqual(await inThread(raw.recv), b"hello")
        await protocol.told.wait()

    async def test_concurrently(self) -> None:
        """
        One that waits does not hold up the next message; who wants that pauses.
        """

        class Slow(Recording):
            async def messageReceived(self, parts: list[bytes]) -> None:
                self.got(parts)
                await turns(5)
                self.told(parts)

        class OneByOne(Recording):
            async def messageReceived(self, parts: list[bytes]) -> None:
                self.transport.pauseProducing()
                self.told("begin")
                await turns(5)
                self.told("end")
                self.transport.resumeProducing()
                self.got(parts)

        _, slow, raw = self.facing(zmq.PULL, zmq.PUSH, Slow)
        _, oneByOne, other = self.facing(zmq.PULL, zmq.PUSH, OneByOne)
        for sender in (raw, other):
            for i in range(3):
                sender.send(b"%d" % i)
        await slow.told.wait(1)
        self.assertEqual(len(slow.got.events), 3)
        await oneByOne.got.wait(3)
        self.assertEqual(oneByOne.told.events, ["begin", "end"] * 3)

    async def test_request(self) -> None:
        """
        A server may answer when it is ready, to whoever has asked.
        """

        class Server(Recording):
            async def messageReceived(self, parts: list[bytes]) -> None:
                await turns(3)
                self.transport.write([*parts[:-1], parts[-1].upper()])

        _, _, raw = self.facing(zmq.ROUTER, zmq.DEALER, Server)
        for word in (b"a", b"b"):
            raw.send(word)
        self.assertEqual(await arrived(raw, 2), [[b"A"], [b"B"]])


class DeliveryTests(TransportTestCase):
    """
    What is delivered, and when.
    """

    async def test_notSynchronously(self) -> None:
        """
        Nothing is delivered before whoever opens the transport has gone on.
        """
        address = "inproc://waiting"
        raw = self.raw(zmq.PUSH, address, self.factory.context)
        raw.send(b"x")
        _, protocol = self.opened(zmq.PULL, bind=address)
        self.assertEqual(protocol.got.events, [])
        await protocol.got.wait()

    async def test_frames(self) -> None:
        """
        A message is a list of bytes, at least one, and belongs to the receiver.
        """

        class Taking(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                super().messageReceived(list(parts))
                self.told(type(parts), {type(part) for part in parts})
                parts.clear()

        _, protocol, raw = self.facing(zmq.PULL, zmq.PUSH, Taking)
        messages = [[b""], [b"", b""], [b"x"] * 50, [b"y"]]
        for message in messages:
            raw.send_multipart(message)
        self.assertEqual(await protocol.got.wait(4), messages)
        await turns()
        self.assertEqual(protocol.told.events, [(list, {bytes})] * 4)

    async def test_echo(self) -> None:
        """
        A protocol may write while it receives, as much as it likes.
        """

        class Echo(Recording):
            def messageReceived(self, parts: list[bytes]) -> None:
                for _ in range(3):
                    self.transport.write(parts)

        _, _, raw = self.stalled(zmq.DEALER, zmq.DEALER, Echo)
        for i in range(100):
            await inThread(raw.send, b"%d" % i)
        expected = [[b"%d" % (i // 3)] for i in range(300)]
        self.assertEqual(await arrived(raw, 300), expected)

    async def test_budget(self) -> None:
        """
        Other parts of the program get their turn while much comes.
        """
        transport, protocol, raw = self.facing(zmq.PULL, zmq.PUSH)
        transport.readBudget = ENDLESS._replace(messages=10)
        for i in range(100):
            raw.send(b"%d" % i)
        most = before = 0
        while len(protocol.got.events) < 100:
            await turns()
            most = max(most, len(protocol.got.events) - before)
            before = len(protocol.got.events)
        self.assertEqual(most, 10)

    async def test_assigned(self) -> None:
        """
        Methods that are assigned later are called.
        """
        _, protocol, raw = self.facing(zmq.PULL, zmq.PUSH)
        raw.send(b"0")
        await protocol.got.wait()
        protocol.messageReceived = protocol.told
        raw.send(b"1")
        self.assertEqual(await protocol.told.wait(), [[b"1"]])
