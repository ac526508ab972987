"""
Tests of transports: the end, whoever brings it about, comes once.
"""

from __future__ import annotations

from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from txzmq import ZmqClosedError, ZmqFactory, ZmqUnsentError, createZmqConnection

from .support import Recorder, alive, inThread, ourReaders, turns
from .transports import TAKEN, Recording, TransportTestCase, arrived, received

#: Ways to close.
WAYS = ["loseConnection", "abortConnection", "shutdown", "stopProducing"]


class OnceTests(TransportTestCase):
    """
    The end comes once, whoever brings it about, and how often.
    """

    async def test_twice(self) -> None:
        """
        Each way to close can follow each other one; the first, or the worse,
        gives the reason.
        """
        for first in WAYS:
            for second in WAYS:
                transport, protocol = self.opened(zmq.PUSH)
                getattr(transport, first)()
                getattr(transport, second)()
                await protocol.lost.wait()
                getattr(transport, second)()
                await turns(3)
                (reason,) = protocol.lost.events
                aborted = first == "abortConnection" or (
                    second == "abortConnection" and first != "shutdown"
                )
                expected = ConnectionAborted if aborted else ConnectionDone
                self.assertIsInstance(reason, expected, (first, second))

    async def test_fromCallbacks(self) -> None:
        """
        It can be closed from within each callback, in each way.
        """
        for callback in ("messageReceived", "eventReceived", "connectionLost"):
            for way in WAYS:
                transport, protocol = self.opened(zmq.PULL)
                lost = Recorder()

                def close(
                    *args: Any, transport: Any = transport, way: str = way, lost: Any = lost
                ) -> None:
                    if isinstance(args[0], Failure):
                        lost(args[0].value)
                    getattr(transport, way)()

                protocol.connectionLost = lambda reason, lost=lost: lost(reason.value)
                setattr(protocol, callback, close)
                transport.enableMonitor()
                # The protocol of the transport is asked for its methods anew.
                raw = self.beside(transport, zmq.PUSH, "tcp://127.0.0.1:*")
                await inThread(raw.send, b"x")
                if callback == "connectionLost":
                    transport.loseConnection()
                await lost.wait()
                await turns(3)
                self.assertEqual(len(lost.events), 1, (callback, way))
                raw.close()

    async def test_connectionMade(self) -> None:
        """
        Also before the first endpoint is opened: there is none then.
        """
        for way in ("loseConnection", "stopProducing"):

            class Shy(Recording):
                def connectionMade(self, way: str = way) -> None:
                    getattr(self.transport, way)()

            _, protocol = self.opened(zmq.PULL, Shy)
            await protocol.lost.wait()
            await turns(3)
            self.assertEqual(len(protocol.lost.events), 1)

    async def test_nothingAfterwards(self) -> None:
        """
        After ``connectionLost`` nothing is called any more: no message, no
        event.
        """
        transport, protocol, raw = self.facing(zmq.DEALER, zmq.DEALER)
        transport.enableMonitor()
        transport.loseConnection()
        raw.send(b"x")
        await protocol.lost.wait()
        del protocol.told.events[:]
        await turns(10)
        self.assertEqual((protocol.got.events, protocol.told.events), ([], []))

    async def test_error(self) -> None:
        """
        What goes wrong in ``connectionLost`` is logged, and the transport is
        closed all the same.
        """

        class Failing(Recording):
            def connectionLost(self, reason: Failure) -> None:
                super().connectionLost(reason)
                raise ZeroDivisionError

        for way in WAYS:
            transport, protocol = self.opened(zmq.PULL, Failing)
            getattr(transport, way)()
            await protocol.lost.wait()
            await turns()
            self.assertNotIn(transport, self.factory.connections)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_whenTold(self) -> None:
        """
        Who is told that what it waits for will not happen may do anything: it
        is too late for all of it.
        """
        for way in ("abortConnection", "shutdown"):
            transport, protocol = self.opened(zmq.PUSH)
            transport.pauseProducing()
            transport.write(b"x")
            refused = Recorder()

            def told(failure: Failure, transport: Any = transport, refused: Any = refused) -> None:
                failure.trap(ZmqClosedError)
                transport.setWriteBufferLimits(high=0)
                for method in [*WAYS, "pauseProducing", "resumeProducing"]:
                    getattr(transport, method)()
                try:
                    transport.write(b"y")
                except ZmqClosedError:
                    refused(1)

            transport.whenConnected().addErrback(told)
            transport.writeMessage(b"z").addErrback(told)
            getattr(transport, way)()
            await protocol.lost.wait()
            await turns(3)
            self.assertEqual((len(refused.events), len(protocol.lost.events)), (2, 1))

    async def test_nothingLeft(self) -> None:
        """
        Nothing remains with the reactor: no reader, and no call.
        """
        await turns(5)
        before = len(ourReaders()), len(reactor.getDelayedCalls())
        for way in WAYS:
            transport, protocol, raw = self.stalled(zmq.ROUTER, zmq.DEALER, routing_id=b"a")
            transport.enableMonitor()
            raw.send(b"x")
            await protocol.got.wait()
            transport.writeSequence([[b"a", b"x"]] * 5)
            transport.closeTimeout = 0
            getattr(transport, way)()
            await protocol.lost.wait()
            await turns(5)
            after = len(ourReaders()), len(reactor.getDelayedCalls())
            self.assertEqual(after, before, way)


class LostTests(TransportTestCase):
    """
    The end that others bring about.
    """

    async def test_factory(self) -> None:
        """
        A factory that shuts down closes its transports at once, in an orderly
        way.
        """
        factory = ZmqFactory()
        _, protocol = self.opened(zmq.PUSH, factory=factory)
        factory.shutdown()
        self.assertIsInstance(protocol.lost.events[0], ConnectionDone)
        await turns(3)
        self.assertEqual(len(protocol.lost.events), 1)

    async def test_factoryFlushes(self) -> None:
        """
        libzmq gets what it takes then.
        """
        factory = ZmqFactory()
        raw = self.raw(zmq.PULL)
        raw.bind("tcp://127.0.0.1:*")
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        transport.writeSequence([b"%d" % i for i in range(10)])
        transport.connect(raw.last_endpoint.decode())
        factory.shutdown()
        self.assertIsInstance(protocol.lost.events[0], ConnectionDone)
        self.assertEqual(await arrived(raw, 10), [[b"%d" % i] for i in range(10)])

    async def test_factoryTooEarly(self) -> None:
        """
        What it does not take is lost, and the protocol told how much.
        """
        factory = ZmqFactory()
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        waiting = transport.writeMessage(b"abc")
        factory.shutdown()
        (reason,) = protocol.lost.events
        self.assertIsInstance(reason, ZmqUnsentError)
        self.assertEqual((reason.messages, reason.bytes), (1, 3))
        self.failureResultOf(waiting, ZmqClosedError)

    async def test_factoryAgainstWriters(self) -> None:
        """
        Who would write on and on is not waited for: a producer is told that it
        is over, a protocol is refused.
        """
        factory = ZmqFactory()
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        transport.setsockopt(zmq.SNDHWM, 1)
        transport.setWriteBufferLimits(high=0)
        raw = self.raw(zmq.PULL, context=factory.context)
        raw.rcvhwm = 1
        raw.connect(transport.bind("inproc://writers"))
        refused = Recorder()

        class Endless:
            stopProducing = Recorder()
            pauseProducing = Recorder()

            @staticmethod
            def resumeProducing() -> None:
                received(raw)
                try:
                    transport.writeSequence([b"x"] * 10)
                except ZmqClosedError:
                    refused(1)

        protocol.resumeWriting = Endless.resumeProducing
        transport.registerProducer(Endless, True)
        transport.writeSequence([b"x"] * (TAKEN + 1))
        received(raw)
        transport.shutdown()
        raw.close()
        factory.shutdown()
        self.assertEqual((len(refused.events), len(Endless.stopProducing.events)), (1, 1))

    async def test_factoryMeanwhile(self) -> None:
        """
        A transport that is closing already ends for the reason that it has.
        """
        for way, expected in [
            ("loseConnection", ConnectionDone),
            ("abortConnection", ConnectionAborted),
        ]:
            factory = ZmqFactory()
            transport, protocol = self.opened(zmq.PUSH, factory=factory)
            getattr(transport, way)()
            factory.shutdown()
            await turns(3)
            (reason,) = protocol.lost.events
            self.assertIsInstance(reason, expected)

    async def test_openedMeanwhile(self) -> None:
        """
        No transport is opened while the factory shuts down, not even over a socket of
        others, which stays theirs.
        """
        factory = ZmqFactory()
        _, protocol = self.opened(zmq.PUSH, factory=factory)
        opening: list[Deferred[Any]] = []
        socket = self.raw(zmq.PUSH)

        def connectionLost(reason: Failure) -> None:
            opening.append(
                createZmqConnection(Recording, zmq.PUSH, factory=factory, zmqSocket=socket)
            )

        protocol.connectionLost = connectionLost
        factory.shutdown()
        self.failureResultOf(opening[0], ZmqClosedError)
        self.assertFalse(socket.closed)

    def test_shutdownMeanwhile(self) -> None:
        """
        Who hears that a message is lost may shut the factory down.
        """
        factory = ZmqFactory()
        transport, protocol = self.opened(zmq.PUSH, factory=factory)
        transport.writeMessage(b"x").addErrback(lambda failure: factory.shutdown())
        transport.shutdown()
        self.assertEqual((len(protocol.lost.events), factory.connections), (1, None))

    async def test_reactor(self) -> None:
        """
        The reactor tells its readers when it stops, or when a descriptor has
        gone: the protocol hears for which reason.
        """
        transport, protocol = self.opened(zmq.PULL)
        transport.connectionLost(Failure(ConnectionLost("gone")))
        transport.connectionLost(Failure(ConnectionLost("gone again")))
        await turns(3)
        (reason,) = protocol.lost.events
        self.assertEqual(reason.args, ("gone",))

    async def test_socket(self) -> None:
        """
        Where somebody closes the socket, the protocol gets the error.
        """
        transport, protocol = self.opened(zmq.PULL)
        await turns(3)
        transport.getHandle().close()
        (reason,) = await protocol.lost.wait()
        self.assertIsInstance(reason, zmq.ZMQError)
        await turns(3)
        self.assertEqual(len(protocol.lost.events), 1)
        self.assertNotIn(transport, self.factory.connections)

    async def test_forgotten(self) -> None:
        """
        A closed transport keeps no protocol alive, and the factory no
        transport.
        """
        before = alive(Recording)
        transport, protocol = self.opened(zmq.PULL)
        transport.loseConnection()
        await protocol.lost.wait()
        await turns()
        del protocol
        self.assertEqual((alive(Recording), self.factory.connections), (before, set()))
        self.assertIn("PULL", repr(transport))
