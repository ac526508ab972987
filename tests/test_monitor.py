"""
Tests of :mod:`txzmq.monitor`: what is told about the connections under a
socket, to whom, and that telling never gets in anybody's way.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import itertools
import socket
from collections.abc import Iterator
from typing import Any, Callable

import zmq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReadDescriptor
from zmq import Event
from zope.interface.verify import verifyObject

from txzmq import (
    SocketEvent,
    ZmqClosedError,
    ZmqConnection,
    ZmqFactory,
    ZmqOptionError,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqSocketError,
    createZmqConnection,
)
from txzmq.interfaces import IZmqMonitored
from txzmq.monitor import Peers, tell

from .support import (
    PATIENCE,
    Recorder,
    ZmqTestCase,
    descriptors,
    descriptorsBefore,
    inThread,
    ourReaders,
    turns,
    until,
)

#: What a peer that comes and goes brings about where it comes to.
VISIT = [Event.ACCEPTED, Event.HANDSHAKE_SUCCEEDED, Event.DISCONNECTED]

#: How many strangers call while the reactor is busy.  Each makes three events,
#: and two queues of libzmq hold a thousand messages each by default.
STRANGERS = 1_000

PEER = "tcp://127.0.0.1:1"
OTHER = "tcp://127.0.0.1:2"


class Monitored(ZmqConnection):
    """
    A connection that is watched from the beginning, tries again soon, and
    records what it gets.
    """

    monitored = True
    reconnectInterval = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messageReceived = Recorder()
        self.eventReceived = Recorder()
        super().__init__(*args, **kwargs)

    def kinds(self) -> list[Any]:
        """
        :return: what kinds of events were received.
        """
        return [event.event for event in self.eventReceived.events]


class Pull(Monitored):
    socketType = zmq.PULL


class Push(Monitored):
    socketType = zmq.PUSH


class Unwatched(ZmqPushConnection):
    """
    A connection that nobody watches.
    """


class MonitorTestCase(ZmqTestCase):
    """
    A test with peers that are not ours.
    """

    def newFactory(self) -> None:
        """
        Go on with another factory.
        """
        self.factory = ZmqFactory()
        self.addCleanup(self.factory.shutdown)

    def addresses(self) -> Iterator[str]:
        """
        :return: an address for each transport that has events.
        """
        yield "tcp://127.0.0.1:*"
        yield self.ipcAddress()

    def free(self) -> str:
        """
        :return: a TCP address that nobody else takes, for somebody to bind
            later.
        """
        placeholder = socket.socket()
        self.addCleanup(placeholder.close)
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        placeholder.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{placeholder.getsockname()[1]}"

    def stranger(self, address: str) -> socket.socket:
        """
        :return: a plain TCP connection that libzmq has greeted.
        """
        host, port = address[len("tcp://") :].split(":")
        stranger = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.addCleanup(stranger.close)
        self.assertEqual(stranger.recv(1), b"\xff")
        return stranger

    async def rebound(self, kind: int, address: str) -> zmq.Socket[bytes]:
        """
        :return: a plain socket, bound as soon as libzmq has let go of the
            address.
        """
        raw = self.raw(kind)
        while True:
            try:
                raw.bind(address)
                return raw
            except zmq.ZMQError as error:
                self.assertEqual(error.errno, errno.EADDRINUSE)
                await turns()


class WhenTests(MonitorTestCase):
    """
    Waiting for peers to come and go.
    """

    def test_interface(self) -> None:
        """
        A connection does what the interface says.
        """
        verifyObject(IZmqMonitored, self.bound(Pull))

    async def test_peerThere(self) -> None:
        """
        Both sides are told when they are connected, by which endpoint.
        """
        for address in self.addresses():
            server = self.bound(Pull, address)
            client = self.connected(Push, server)
            for side in (client, server):
                event = await side.whenConnected()
                self.assertEqual(event.event, Event.HANDSHAKE_SUCCEEDED)
                self.assertEqual(event.endpoint, server.boundAddresses[0])

    async def test_peerLater(self) -> None:
        """
        The peer may come later.
        """
        for address in (self.free(), self.ipcAddress()):
            client = self.connected(Push, address)
            waiting = client.whenConnected()
            await turns(10)
            self.assertNoResult(waiting)
            self.raw(zmq.PULL).bind(address)
            self.assertEqual((await waiting).endpoint, address)

    async def test_comesBack(self) -> None:
        """
        A peer that goes, and comes back, is told of each time.
        """
        for address in (self.free(), self.ipcAddress()):
            client, raw = self.connected(Push, address), self.raw(zmq.PULL)
            raw.bind(address)
            for _ in range(2):
                await client.whenConnected()
                gone = client.whenDisconnected()
                self.assertNoResult(gone)
                raw.close()
                self.assertEqual((await gone).event, Event.DISCONNECTED)
                waiting = client.whenConnected()
                self.assertNoResult(waiting)
                raw = await self.rebound(zmq.PULL, address)
                await waiting

    async def test_atOnce(self) -> None:
        """
        Where it is the case already, there is no wait.
        """
        server = self.bound(Pull)
        raw = self.raw(zmq.PUSH, server.boundAddresses[0])
        event = await server.whenConnected()
        self.assertEqual(self.successResultOf(server.whenConnected()), event)
        raw.close()
        event = await server.whenDisconnected()
        self.assertEqual(self.successResultOf(server.whenDisconnected()), event)

    async def test_several(self) -> None:
        """
        The disconnection of each peer is told; as long as there is another,
        only when it happens.
        """
        server = self.bound(Pull)
        server.enableMonitor()
        first, second = (self.raw(zmq.PUSH, server.boundAddresses[0]) for _ in range(2))
        await until(lambda: server.kinds().count(Event.HANDSHAKE_SUCCEEDED) == 2)
        gone = server.whenDisconnected()
        first.close()
        await gone
        self.successResultOf(server.whenConnected())
        gone = server.whenDisconnected()
        self.assertNoResult(gone)
        second.close()
        await gone
        self.assertNoResult(_quiet(server.whenConnected()))

    async def test_unwatched(self) -> None:
        """
        Whoever asks a connection that nobody has watched gets an error that
        says what to do: the peer may have come already.  To ask in the same
        turn is too late, too.
        """
        for connection in (self.bound(ZmqPullConnection), self.connected(Unwatched, self.free())):
            for _ in range(2):
                error = self.failureResultOf(connection.whenConnected(), ZmqOptionError).value
                self.assertEqual(error.name, "monitored")
                self.assertIn("set monitored = True in its class", str(error))
                await turns(2)

    async def test_askedInTime(self) -> None:
        """
        To ask before the first endpoint is opened needs no setting.
        """
        server = self.bound(Pull)
        client = Unwatched(self.factory)
        waiting = client.whenConnected()
        client.addEndpoints([("connect", server.boundAddresses[0])])
        await waiting

    async def test_watchedLate(self) -> None:
        """
        A connection that is watched late knows of those that come after that,
        and can tell who goes.
        """
        server = self.bound(ZmqPullConnection)
        server.onPull = Recorder()
        first = self.raw(zmq.PUSH, server.boundAddresses[0])
        first.send(b"x")
        await server.onPull.wait()
        gone = server.whenDisconnected()
        first.close()
        await gone
        server.eventReceived = Recorder()
        server.enableMonitor(Event.HANDSHAKE_SUCCEEDED)
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.eventReceived.wait()
        await server.whenConnected()

    async def test_closed(self) -> None:
        """
        On a closed connection there is nothing to wait for; whoever waits when
        it is closed is told.
        """
        connection = self.bound(Pull)
        waiting = [
            connection.whenConnected(),
            connection.whenDisconnected(),
            connection.whenHandshakeFailed(),
        ]
        for deferred in waiting:
            self.assertNoResult(deferred)
        connection.shutdown()
        for deferred in [*waiting, connection.whenConnected(), connection.whenDisconnected()]:
            error = self.failureResultOf(deferred, ZmqClosedError).value
            self.assertIn("closed", str(error))

    async def test_closedQuietly(self) -> None:
        """
        Whoever waits, and does not listen, does not fill the log.
        """
        log = self.logged()
        connection = self.bound(Pull)
        connection.whenConnected()
        connection.shutdown()
        gc.collect()
        self.assertEqual(log, [])

    async def test_socketClosed(self) -> None:
        """
        When somebody else closes the socket, a monitored connection is lost;
        its monitor reads what libzmq has left to say, and goes too.
        """
        before = await descriptorsBefore()
        readers = ourReaders()
        for cls in (Pull, Push):
            connection = self.bound(cls)
            connection.enableMonitor()
            waiting = connection.whenConnected()
            self.stranger(connection.boundAddresses[0]).close()
            connection.socket.close()
            await until(lambda connection=connection: connection.factory is None)
            self.failureResultOf(waiting, ZmqClosedError)
            self.assertEqual(self.factory.connections, set())
            count = len(connection.eventReceived.events)
            await until(lambda: ourReaders() == readers)
            self.assertEqual(len(connection.eventReceived.events), count)
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)

    async def test_contextTerminated(self) -> None:
        """
        When the context goes, a monitored connection goes with it: one line in
        the log, nothing left in the factory, and whoever waits is told.
        """
        connection = self.bound(Push)
        waiting, log = connection.whenConnected(), self.logged()
        await inThread(self.factory.context.term)
        await until(lambda: connection.factory is None)
        self.failureResultOf(waiting, ZmqClosedError)
        self.assertEqual(self.factory.connections, set())
        self.assertEqual([line for line in log if "lost its socket" not in line], [])

    async def test_disconnect(self) -> None:
        """
        A transport that disconnects is not connected any more, although libzmq
        does not say so.
        """
        server = self.bound(Pull)
        for address in (server.boundAddresses[0], self.bound(Pull, "inproc://d").boundAddresses[0]):
            transport, _ = await createZmqConnection(
                ZmqProtocol, zmq.PUSH, connect=address, factory=self.factory
            )
            await transport.whenConnected()
            gone = transport.whenDisconnected()
            self.assertNoResult(gone)
            transport.disconnect(address)
            event = self.successResultOf(gone)
            self.assertEqual(event, (Event.DISCONNECTED, 0, address))
            self.assertNoResult(_quiet(transport.whenConnected()))

    async def test_disconnectUnwatched(self) -> None:
        """
        To disconnect where nobody watches is nothing to tell.
        """
        transport, _ = await createZmqConnection(
            ZmqProtocol, zmq.PUSH, connect="inproc://nobody", factory=self.factory
        )
        transport.disconnect("inproc://nobody")
        self.assertNoResult(_quiet(transport.whenConnected()))

    async def test_unbind(self) -> None:
        """
        A transport that unbinds loses those who came there, and nobody else.
        """
        for address in ("tcp://127.0.0.1:*", "tcp://*:*", self.ipcAddress()):
            transport, _ = await createZmqConnection(
                ZmqProtocol, zmq.PULL, bind=address, factory=self.factory
            )
            [address] = transport.bindings()
            self.raw(zmq.PUSH, address.replace("0.0.0.0", "127.0.0.1"))
            other = transport.bind("tcp://127.0.0.1:*")
            await transport.whenConnected()
            transport.unbind(other)
            gone = transport.whenDisconnected()
            self.assertNoResult(gone)
            transport.unbind(address)
            self.assertEqual(self.successResultOf(gone), (Event.DISCONNECTED, 0, address))
            self.assertNoResult(_quiet(transport.whenConnected()))

    async def test_foreignSocket(self) -> None:
        """
        What was done to a socket before a transport got it is not known, not
        even with inproc.
        """
        raw = self.raw(zmq.PUSH, "inproc://foreign", self.factory.context)
        transport, _ = await createZmqConnection(
            ZmqProtocol, zmq.PUSH, zmqSocket=raw, factory=self.factory
        )
        self.failureResultOf(transport.whenConnected(), ZmqOptionError)


class InprocTests(MonitorTestCase):
    """
    libzmq has no events for inproc.
    """

    async def test_connecting(self) -> None:
        """
        To connect counts as to be connected, watched or not, and however it
        was done.
        """
        address = self.bound(Pull, "inproc://it").boundAddresses[0]
        for cls in (Push, Unwatched):
            for form in (address, address.encode()):
                client = cls(self.factory)
                waiting = client.whenConnected()
                self.assertNoResult(waiting)
                client.addEndpoints([("connect", form)])
                event = (Event.HANDSHAKE_SUCCEEDED, 0, address)
                self.assertEqual(self.successResultOf(waiting), event)
                client = cls(self.factory, ("connect", form))
                await turns(2)
                self.assertEqual(self.successResultOf(client.whenConnected()), event)

    async def test_binding(self) -> None:
        """
        The side that binds is not told.
        """
        server = self.bound(Pull, "inproc://it")
        waiting = server.whenConnected()
        client = self.connected(Push, server)
        client.send(b"x")
        await server.messageReceived.wait()
        self.assertNoResult(_quiet(waiting))

    async def test_cost(self) -> None:
        """
        A connection that has nothing to watch needs no more sockets.
        """
        self.factory.maxSockets = 2
        self.connected(Push, self.bound(Pull, "inproc://it"))

    async def test_mixed(self) -> None:
        """
        One connection may have both kinds of endpoints.
        """
        tcp, inproc = self.bound(Pull), self.bound(Pull, "inproc://it")
        client = Push(self.factory, ("connect", "inproc://it"))
        client.addEndpoints([("connect", tcp.boundAddresses[0])])
        self.assertEqual(
            self.successResultOf(client.whenConnected()).endpoint, inproc.boundAddresses[0]
        )
        await tcp.whenConnected()


class HandshakeTests(MonitorTestCase):
    """
    Peers that do not become peers.
    """

    async def test_stranger(self) -> None:
        """
        A peer that does not speak ZeroMQ's protocol is a failed handshake, and
        no peer.
        """
        server = self.bound(Pull)
        waiting = server.whenHandshakeFailed()
        stranger = self.stranger(server.boundAddresses[0])
        self.assertNoResult(waiting)
        stranger.close()
        event = await waiting
        self.assertEqual(event.event, Event.HANDSHAKE_FAILED_NO_DETAIL)
        self.assertEqual(self.successResultOf(server.whenHandshakeFailed()), event)
        for deferred in (server.whenConnected(), server.whenDisconnected()):
            self.assertNoResult(_quiet(deferred))

    async def test_strangerServer(self) -> None:
        """
        The same where we connect to it.
        """
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = self.connected(Push, f"tcp://127.0.0.1:{server.getsockname()[1]}")
            waiting = client.whenHandshakeFailed()
            (await inThread(server.accept))[0].close()
            self.assertEqual((await waiting).event, Event.HANDSHAKE_FAILED_NO_DETAIL)
            self.assertNoResult(_quiet(client.whenConnected()))
            client.shutdown()

    async def test_strangersAndFriends(self) -> None:
        """
        Strangers who come and go do not change who is connected.
        """
        server = self.bound(Pull)
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()
        gone = server.whenDisconnected()
        server.enableMonitor(Event.DISCONNECTED)
        strangers = [self.stranger(server.boundAddresses[0]) for _ in range(5)]
        for stranger in strangers:
            stranger.close()
        await server.eventReceived.wait(5)
        self.successResultOf(server.whenConnected())
        self.assertNoResult(_quiet(gone))

    async def test_mechanisms(self) -> None:
        """
        A server that wants another security mechanism than the client has:
        both hear of it, and why.
        """
        for options in ({"plain_server": 1}, *_curveServer()):
            server = Pull(self.factory)
            for name, value in options.items():
                setattr(server.socket, name, value)
            server.addEndpoints([("bind", "tcp://127.0.0.1:*")])
            client = self.connected(Push, server)
            for side in (server, client):
                event = await side.whenHandshakeFailed()
                self.assertEqual(event.event, Event.HANDSHAKE_FAILED_PROTOCOL)
                self.assertEqual(str(event.value), "ZMTP_MECHANISM_MISMATCH")
            client.shutdown()
            server.shutdown()

    async def test_connectedAfterwards(self) -> None:
        """
        A failure is the case until somebody is connected.
        """
        server = self.bound(Pull)
        self.stranger(server.boundAddresses[0]).close()
        await server.whenHandshakeFailed()
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()
        self.assertNoResult(_quiet(server.whenHandshakeFailed()))


class EventTests(MonitorTestCase):
    """
    The stream of events.
    """

    async def test_visit(self) -> None:
        """
        What happens is told in order, decoded.
        """
        for address in self.addresses():
            server = Pull(self.factory)
            server.enableMonitor()
            server.addEndpoints([("bind", address)])
            [real] = server.boundAddresses
            raw = self.raw(zmq.PUSH, real)
            await server.eventReceived.wait(3)
            raw.close()
            events = await server.eventReceived.wait(4)
            self.assertEqual(server.kinds(), [Event.LISTENING, *VISIT])
            self.assertEqual([event.endpoint for event in events], [real] * 4)
            self.assertIsInstance(events[0], SocketEvent)

    async def test_client(self) -> None:
        """
        A client hears of its attempts: why it has to wait, and for how long.
        """
        client = Push(self.factory)
        client.enableMonitor(Event.CONNECT_DELAYED | Event.CONNECT_RETRIED)
        client.addEndpoints([("connect", self.free())])
        delayed, retried = (await client.eventReceived.wait(2))[:2]
        self.assertEqual(delayed.name, "CONNECT_DELAYED")
        self.assertIn("EINPROGRESS", str(delayed))
        self.assertEqual(retried.name, "CONNECT_RETRIED")
        self.assertTrue(str(retried.value).endswith(" ms"))

    async def test_mask(self) -> None:
        """
        Only what was asked for is told; asking again takes its place.
        """
        server = self.bound(Pull)
        server.enableMonitor(Event.ACCEPTED)
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()
        self.assertEqual(server.kinds(), [Event.ACCEPTED])
        server.enableMonitor(int(Event.DISCONNECTED | Event.HANDSHAKE_SUCCEEDED))
        raw = self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.eventReceived.wait(2)
        raw.close()
        await server.eventReceived.wait(3)
        self.assertEqual(server.kinds(), VISIT)

    async def test_nothing(self) -> None:
        """
        Without being asked for, and with an empty combination, nothing is
        told, though those who wait are.
        """
        server = self.bound(Pull)
        for enable in (lambda: None, lambda: server.enableMonitor(0)):
            enable()
            raw = self.raw(zmq.PUSH, server.boundAddresses[0])
            await server.whenConnected()
            raw.close()
            await server.whenDisconnected()
        self.assertEqual(server.eventReceived.events, [])

    def test_wrong(self) -> None:
        """
        What is no combination of events is refused.
        """
        for events in (-1, 1 << 16, 1.5, "ACCEPTED", [Event.ACCEPTED]):
            error = self.assertRaises(ZmqOptionError, Unwatched(self.factory).enableMonitor, events)
            self.assertEqual(error.name, "events")
            self.assertIn("zmq.EVENT_", str(error))

    async def test_disable(self) -> None:
        """
        Disabled, nothing is told; enabled again, it is.
        """
        server = self.bound(Pull)
        server.disableMonitor()
        server.enableMonitor()
        server.disableMonitor()
        server.disableMonitor()
        raw = self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()
        self.assertEqual(server.eventReceived.events, [])
        server.enableMonitor()
        raw.close()
        await server.eventReceived.wait()
        self.assertEqual(server.kinds(), [Event.DISCONNECTED])

    async def test_paused(self) -> None:
        """
        A connection that is paused hears of events, not of messages.
        """
        server = self.bound(Pull)
        server.enableMonitor()
        server.pauseProducing()
        raw = self.raw(zmq.PUSH, server.boundAddresses[0])
        raw.linger = PATIENCE * 1000  # the message is to arrive
        raw.send(b"x")
        raw.close()
        await until(lambda: Event.DISCONNECTED in server.kinds())
        self.assertEqual(server.kinds()[-3:], VISIT)
        self.assertEqual(server.messageReceived.events, [])
        server.resumeProducing()
        self.assertEqual(await server.messageReceived.wait(), [[b"x"]])

    async def test_error(self) -> None:
        """
        An error in eventReceived, or in the coroutine or Deferred that it
        returns, goes to the log; the next event comes all the same.
        """

        def raising(event: SocketEvent) -> None:
            raise ZeroDivisionError(event.name)

        async def coroutine(event: SocketEvent) -> None:
            raising(event)

        def deferred(event: SocketEvent) -> Deferred[None]:
            return Deferred.fromCoroutine(coroutine(event))

        for failing in (raising, coroutine, deferred):
            server, seen = self.bound(Pull), []
            server.eventReceived = lambda event, f=failing, s=seen: (
                s.append(event.event) or f(event)
            )
            server.enableMonitor()
            self.raw(zmq.PUSH, server.boundAddresses[0])
            await server.whenConnected()
            self.assertEqual(seen[-2:], VISIT[:2])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), len(seen))

    async def test_askedInside(self) -> None:
        """
        eventReceived can ask what is the case: the event has happened.
        """
        server = self.bound(Pull)
        again = Recorder()

        def ask(event: SocketEvent) -> None:
            self.assertTrue(server.whenDisconnected().called)
            server.whenConnected().addCallback(again)

        server.eventReceived = ask
        server.enableMonitor(Event.DISCONNECTED)
        raw = self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()
        raw.close()
        await server.whenDisconnected()
        self.assertEqual(again.events, [])
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await again.wait()

    async def test_tellsThoseWhoWaitLast(self) -> None:
        """
        When whoever waits is told, eventReceived has had the event.
        """
        server = self.bound(Pull)
        server.enableMonitor()
        self.raw(zmq.PUSH, server.boundAddresses[0])
        event = await server.whenConnected()
        self.assertIs(server.eventReceived.events[-1], event)

    async def test_closedByOneWhoWaits(self) -> None:
        """
        Whoever waited may close the connection: no more events come, although
        libzmq has told them.
        """
        server = self.bound(Pull)
        server.enableMonitor()
        for _ in range(2):
            self.stranger(server.boundAddresses[0]).close()
        await server.whenHandshakeFailed()
        server.shutdown()
        count = len(server.eventReceived.events)
        await turns(5)
        self.assertEqual(len(server.eventReceived.events), count)

    async def test_nobodyListens(self) -> None:
        """
        Where eventReceived is not overridden, events go nowhere.
        """

        class Bare(ZmqPullConnection):
            monitored = True

        server = self.bound(Bare)
        server.enableMonitor()
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()

    async def test_replies(self) -> None:
        """
        Where a subclass has a messageReceived of its own, it gets no events.
        """

        class Req(ZmqREQConnection):
            monitored = True

        class Rep(ZmqREPConnection):
            def gotMessage(self, messageId: Any, *parts: bytes) -> None:
                self.reply(messageId, *parts)

        client = self.connected(Req, self.bound(Rep))
        client.enableMonitor()
        await client.whenConnected()
        self.assertEqual(await client.sendMsg(b"x"), [b"x"])

    def test_reader(self) -> None:
        """
        The monitor is a reader of its own, and can be told from others.
        """
        before = ourReaders()
        connection = self.bound(Pull)
        [monitor] = ourReaders() - before - {connection}
        verifyObject(IReadDescriptor, monitor)
        self.assertEqual(monitor.logPrefix(), "ZMQ")
        self.assertGreater(monitor.fileno(), -1)
        connection.shutdown()
        self.assertEqual(monitor.fileno(), -1)
        monitor.doRead()
        self.assertEqual(ourReaders(), before)


class ClosingTests(MonitorTestCase):
    """
    The end of watching, in every order, with nothing left behind.
    """

    async def test_orders(self) -> None:
        """
        Enabling, disabling, asking and closing can follow each other in any
        order; nothing stays open.
        """
        steps: list[Callable[[Any], object]] = [
            lambda c: _closing(c.enableMonitor),
            lambda c: c.disableMonitor(),
            lambda c: _quiet(c.whenConnected()),
            lambda c: c.pauseProducing(),
            lambda c: c.shutdown(),
        ]
        before = await descriptorsBefore()
        readers = len(ourReaders())
        for cls in (Push, Unwatched):
            for order in itertools.permutations(steps):
                connection = cls(self.factory)
                for step in order:
                    step(connection)
                connection.shutdown()
        self.assertEqual(len(ourReaders()), readers)
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)

    async def test_descriptors(self) -> None:
        """
        A monitored connection gives back every descriptor: closed with peers,
        by its factory, or by the reactor.
        """

        def byReactor(connection: Any) -> None:
            for reader in ourReaders():
                if reader not in readers:
                    reactor.removeReader(reader)
                    reader.connectionLost(None)

        # The reactor runs, and has its own readers, from the first wait on.
        before = await descriptorsBefore()
        readers = ourReaders()
        for close in (
            lambda connection: connection.shutdown(),
            lambda connection: connection.stopProducing(),
            lambda connection: connection.factory.shutdown(),
            byReactor,
        ):
            self.newFactory()
            server = self.bound(Pull)
            client = self.connected(Push, server)
            await client.whenConnected()
            await server.whenConnected()
            close(client)
            self.assertIs(client.factory, None)
            self.factory.shutdown()
            await until(lambda: descriptors() <= before)
        self.assertEqual(ourReaders(), readers)

    async def test_closedInside(self) -> None:
        """
        eventReceived may close the connection: it gets no more events, and
        whoever waits is told.
        """
        server = self.bound(Pull)
        received = Recorder()

        def close(event: SocketEvent) -> None:
            server.shutdown()
            received(event.event)

        server.eventReceived = close
        server.enableMonitor(Event.ACCEPTED | Event.HANDSHAKE_SUCCEEDED)
        waiting = server.whenConnected()
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await received.wait()
        self.failureResultOf(waiting, ZmqClosedError)
        await turns(5)
        self.assertEqual(received.events, [Event.ACCEPTED])

    async def test_disabledInside(self) -> None:
        """
        eventReceived may disable the monitor, also in the middle of a batch.
        """
        server = self.bound(Pull)
        received = Recorder()

        def disable(event: SocketEvent) -> None:
            received(event.event)
            server.disableMonitor()

        server.eventReceived = disable
        server.enableMonitor(Event.ACCEPTED | Event.HANDSHAKE_SUCCEEDED)
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await server.whenConnected()
        self.assertEqual(received.events, [Event.ACCEPTED])

    async def test_closedByTransport(self) -> None:
        """
        The same for protocols: closing in eventReceived ends the events, the
        waits, and the protocol, once.
        """
        for way in ("loseConnection", "abortConnection", "stopProducing"):
            protocol = Closing(way)
            transport, _ = await createZmqConnection(
                lambda protocol=protocol: protocol,
                zmq.PULL,
                bind="tcp://127.0.0.1:*",
                factory=self.factory,
            )
            waiting = _quiet(transport.whenDisconnected())
            self.raw(zmq.PUSH, *transport.bindings())
            await protocol.events.wait(2)
            await waiting
            self.failureResultOf(transport.whenConnected(), ZmqClosedError)
            await turns(5)
            self.assertEqual(protocol.events.events[-1], "connectionLost")
            self.assertEqual(protocol.events.events.count("connectionLost"), 1)

    async def test_closedBetween(self) -> None:
        """
        A connection that is closed while its events wait to be read does not
        get them.
        """
        server = self.bound(Pull)
        server.enableMonitor()
        self.stranger(server.boundAddresses[0])  # libzmq has told of it by now
        server.shutdown()
        await turns(5)
        self.assertEqual(server.eventReceived.events, [])

    def test_tooManySockets(self) -> None:
        """
        Where there can be no socket for the monitor, a monitored connection
        cannot be opened; one that is open stays so.
        """
        self.factory.maxSockets = 1
        readers = len(ourReaders())
        self.assertRaises(ZmqSocketError, self.bound, Pull)
        self.assertEqual((self.factory.connections, len(ourReaders())), (set(), readers))
        self.newFactory()
        self.factory.maxSockets = 1
        connection = Unwatched(self.factory)
        error = self.assertRaises(ZmqSocketError, connection.enableMonitor)
        self.assertIn("raise maxSockets", str(error))
        self.failureResultOf(connection.whenConnected(), ZmqSocketError)
        connection.shutdown()


class FreezeTests(MonitorTestCase):
    """
    libzmq's threads wait for nobody.
    """

    async def test_busyReactor(self) -> None:
        """
        Thousands of events while the reactor is busy hold nothing up: not
        those who connect, not an established peer, not the next bind; and none
        is lost.
        """
        server = self.bound(Pull)
        [address] = server.boundAddresses
        raw = self.raw(zmq.PUSH, address)
        await server.whenConnected()
        server.enableMonitor()
        # From here on the reactor does not go round: whatever is held up ends
        # in a time-out of a blocking call.
        for _ in range(STRANGERS):
            self.stranger(address).close()
        friend = self.raw(zmq.PULL)
        push = Push(self.factory)
        push.enableMonitor()
        push.addEndpoints([("bind", "tcp://127.0.0.1:*")])
        friend.connect(push.boundAddresses[0])
        raw.send(b"x")
        # Now it may.
        await until(lambda: server.kinds().count(Event.DISCONNECTED) == STRANGERS)
        self.assertEqual(server.kinds().count(Event.ACCEPTED), STRANGERS)
        self.assertEqual(server.kinds().count(Event.HANDSHAKE_FAILED_NO_DETAIL), STRANGERS)
        self.assertEqual(await server.messageReceived.wait(), [[b"x"]])
        await push.whenConnected()

    async def test_nobodyAsked(self) -> None:
        """
        The same where nobody wants to hear of events, and the connection is
        paused: what is unread does not pile up before libzmq.
        """
        server = self.bound(Pull)
        server.pauseProducing()
        for _ in range(STRANGERS):
            self.stranger(server.boundAddresses[0]).close()
        waiting = server.whenConnected()
        self.raw(zmq.PUSH, server.boundAddresses[0])
        await waiting
        self.assertEqual(server.eventReceived.events, [])

    async def test_disabledBusy(self) -> None:
        """
        To disable, and to close, with thousands of events unread.
        """
        before = await descriptorsBefore()
        server = self.bound(Pull)
        server.enableMonitor()
        for _ in range(STRANGERS):
            self.stranger(server.boundAddresses[0]).close()
        server.disableMonitor()
        server.shutdown()
        self.assertEqual(server.eventReceived.events, [])
        self.factory.shutdown()
        await until(lambda: descriptors() <= before)


def event(kind: int, endpoint: str = PEER) -> SocketEvent:
    return SocketEvent(kind, 0, endpoint)


CAME, WENT, REFUSED = map(
    event, (Event.HANDSHAKE_SUCCEEDED, Event.DISCONNECTED, Event.HANDSHAKE_FAILED_AUTH)
)


def happen(peers: Peers, event: SocketEvent) -> None:
    tell(peers.happened(event), event)


class PeersTests(ZmqTestCase):
    """
    The account of who is connected, without sockets.
    """

    def peers(self, *events: SocketEvent) -> Peers:
        peers = Peers()
        for each in events:
            happen(peers, each)
        return peers

    def case(self, peers: Peers) -> list[str]:
        """
        :return: what is the case now.
        """
        whats = ("connected", "disconnected", "failed")
        return [what for what in whats if _quiet(peers.when(what)).called]

    def test_case(self) -> None:
        """
        What is the case, after which events.
        """
        other = event(Event.HANDSHAKE_SUCCEEDED, OTHER)
        for events, case in (
            ([], []),
            ([event(Event.ACCEPTED)], []),
            ([event(0x8000)], []),
            ([CAME], ["connected"]),
            ([CAME, CAME, WENT], ["connected"]),
            ([CAME, other, WENT], ["connected"]),
            ([CAME, WENT], ["disconnected"]),
            ([WENT], ["disconnected"]),
            ([WENT, WENT, CAME], ["connected"]),
            ([CAME, WENT, CAME, CAME, WENT], ["connected"]),
            ([REFUSED, WENT], ["failed"]),
            ([CAME, REFUSED, WENT], ["connected", "failed"]),
            ([CAME, REFUSED, REFUSED, WENT, WENT], ["connected", "failed"]),
            ([CAME, REFUSED, REFUSED, WENT, WENT, WENT], ["disconnected"]),
            ([CAME, REFUSED, event(Event.DISCONNECTED, OTHER)], ["connected", "failed"]),
            ([REFUSED, WENT, CAME], ["connected"]),
            ([CAME, WENT, REFUSED], ["disconnected", "failed"]),
        ):
            peers = self.peers(*events)
            self.assertEqual(self.case(peers), case, events)
            self.assertEqual(peers.isConnected, "connected" in case)

    def test_left(self) -> None:
        """
        To close an endpoint is to lose all who were reached by it, and nobody
        else.
        """
        peers = self.peers(CAME, CAME, event(Event.HANDSHAKE_SUCCEEDED, OTHER))
        peers.left("tcp://127.0.0.1:3")
        gone = peers.when("disconnected")
        self.assertNoResult(gone)
        peers.left(PEER)
        self.assertEqual(self.successResultOf(gone), WENT)
        self.assertEqual(self.case(peers), ["connected"])
        peers.left("tcp://0.0.0.0:1")
        self.assertEqual(self.case(peers), ["connected"])
        peers.left("tcp://0.0.0.0:2")
        self.assertEqual(self.case(peers), ["disconnected"])

    def test_cancel(self) -> None:
        """
        Who does not want to wait any more is not told; others are.
        """
        peers = Peers()
        one, other = peers.when("connected"), peers.when("connected")
        one.cancel()
        self.failureResultOf(one, CancelledError)
        happen(peers, CAME)
        self.assertEqual(self.successResultOf(other), CAME)

    def test_cancelInside(self) -> None:
        """
        Who is told may cancel others who wait, for the same or for something
        else.
        """
        for end in (lambda p: happen(p, CAME), lambda p: p.close(ZmqClosedError)):
            peers = Peers()
            one, other, third = (peers.when(w) for w in ("connected", "connected", "failed"))

            def cancel(result: object, other: Any = other, third: Any = third) -> None:
                other.cancel()
                third.cancel()

            one.addBoth(cancel)
            end(peers)
            self.assertIs(self.successResultOf(one), None)
            self.failureResultOf(other, CancelledError)
            self.failureResultOf(third, CancelledError)

    def test_askInside(self) -> None:
        """
        Who is told may ask again.
        """
        peers = Peers()
        again = peers.when("connected").addCallback(lambda _: peers.when("connected"))
        gone = peers.when("disconnected").addCallback(lambda _: peers.when("connected"))
        happen(peers, CAME)
        self.assertEqual(self.successResultOf(again), CAME)
        happen(peers, WENT)
        self.assertNoResult(gone)
        happen(peers, CAME)
        self.assertEqual(self.successResultOf(gone), CAME)

    def test_close(self) -> None:
        """
        At the end, all who wait are told, with an error each.
        """
        peers = Peers()
        waiting = [peers.when(what) for what in ("connected", "connected", "failed")]
        peers.close(ZmqClosedError)
        errors = [self.failureResultOf(each, ZmqClosedError).value for each in waiting]
        self.assertEqual(len(set(map(id, errors))), 3)
        happen(peers, CAME)


class Closing(ZmqProtocol):
    """
    Does something to its transport on the first event.
    """

    def __init__(self, way: str) -> None:
        self.way = way
        self.events = Recorder()

    def connectionMade(self) -> None:
        self.transport.enableMonitor(Event.ACCEPTED | Event.HANDSHAKE_SUCCEEDED)

    def eventReceived(self, event: SocketEvent) -> None:
        self.events(event.event)
        getattr(self.transport, self.way)()

    def connectionLost(self, reason: Any) -> None:
        self.events("connectionLost")


def _curveServer() -> Iterator[dict[str, Any]]:
    """
    The options of a CURVE server, where libzmq has that.
    """
    if zmq.has("curve"):
        public, secret = zmq.curve_keypair()
        yield {"curve_server": 1, "curve_publickey": public, "curve_secretkey": secret}


def _quiet(deferred: Deferred[Any]) -> Deferred[Any]:
    """
    Not interested in how it ends.
    """
    return deferred.addErrback(lambda failure: None)


def _closing(function: Callable[[], object]) -> None:
    with contextlib.suppress(ZmqClosedError):
        function()
