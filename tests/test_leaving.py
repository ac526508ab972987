"""
What is closed is gone: freed without the garbage collector, and nothing of it is
left in the process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile
import threading
import weakref
from pathlib import Path
from typing import Any, Optional

import zmq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError

from txzmq import (
    ZmqClosedError,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqPairConnection,
    ZmqProtocol,
    ZmqProtocolFactory,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqRouterConnection,
    ZmqSubConnection,
    connectZMQ,
    createZmqConnection,
)

from .support import (
    PATIENCE,
    Recorder,
    ZmqTestCase,
    descriptors,
    descriptorsBefore,
    ourReaders,
    turns,
    until,
)

CLASSES = [
    ZmqDealerConnection,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
]

TYPES = [
    zmq.DEALER,
    zmq.PAIR,
    zmq.PUB,
    zmq.PULL,
    zmq.PUSH,
    zmq.REP,
    zmq.REQ,
    zmq.ROUTER,
    zmq.STREAM,
    zmq.SUB,
    zmq.XPUB,
    zmq.XSUB,
]


async def ended(factory: ZmqFactory, isClosed: bool) -> None:
    """
    Close a factory, or shut it down.
    """
    if isClosed:
        await factory.close(PATIENCE)
    else:
        factory.shutdown()


class FreedTests(ZmqTestCase):
    """
    All with the garbage collector off: no reference cycle keeps what is closed.
    """

    def setUp(self) -> None:
        super().setUp()
        gc.collect()
        if gc.isenabled():
            gc.disable()
            self.addCleanup(gc.enable)
        self.references: list[weakref.ref[Any]] = []

    def remember(self, *things: Any) -> None:
        self.references.extend(weakref.ref(thing) for thing in things)

    async def assertFreed(self) -> None:
        # A select in another thread holds what it waits for until it returns.
        await turns(3)
        self.assertEqual([thing for thing in (ref() for ref in self.references) if thing], [])

    async def test_connections(self) -> None:
        """
        A connection of each type, monitored.
        """
        for cls in CLASSES:
            connection = self.bound(cls)
            connection.enableMonitor()
            await turns(2)
            self.remember(connection)
            connection.shutdown()
            del connection
        await self.assertFreed()

    async def test_transports(self) -> None:
        """
        A transport of each type and its protocol, aborted or ended in order.
        """
        for zmqType in TYPES:
            for end in ("abortConnection", "loseConnection"):
                transport, protocol = await createZmqConnection(
                    ZmqProtocol, zmqType, bind="tcp://127.0.0.1:*", factory=self.factory
                )
                await turns(2)
                self.remember(transport, protocol)
                getattr(transport, end)()
                del transport, protocol
        await self.assertFreed()

    async def test_unsent(self) -> None:
        """
        A connection and a transport with messages that could not be sent.
        """
        connection = self.connected(ZmqPushConnection, "tcp://127.0.0.1:1")
        failing = connection.sendWhenReady(b"message")
        transport, protocol = await createZmqConnection(ZmqProtocol, zmq.PUSH, factory=self.factory)
        unsent = transport.writeMessage([b"message"])
        self.remember(connection, transport, protocol, failing, unsent)
        connection.shutdown()
        transport.abortConnection()
        await turns(2)
        for d in (failing, unsent):
            d.addErrback(lambda failure: None)
        del connection, transport, protocol, failing, unsent, d
        await self.assertFreed()

    async def test_requests(self) -> None:
        """
        A connection with requests that were answered, timed out, were cancelled
        and that nobody will answer.
        """
        server = self.bound(Once)
        client = self.connected(ZmqREQConnection, server)
        self.assertEqual(await client.sendMsg(b"first"), [b"first"])
        late = client.sendMsg(b"late", timeout=0.01)
        with contextlib.suppress(ZmqRequestTimeoutError):
            await late
        cancelled, pending = client.sendMsg(b"cancelled"), client.sendMsg(b"pending")
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.remember(server, client, late, cancelled, pending)
        client.shutdown()
        server.shutdown()
        self.failureResultOf(pending, ZmqClosedError)
        del server, client, late, cancelled, pending
        await self.assertFreed()

    async def test_waiting(self) -> None:
        """
        A connection for whose events somebody waits.
        """
        connection = self.connected(Monitored, "tcp://127.0.0.1:1")
        waiting = connection.whenConnected()
        self.remember(connection, waiting)
        connection.shutdown()
        self.failureResultOf(waiting, ZmqClosedError)
        del connection, waiting
        await self.assertFreed()

    async def test_factory(self) -> None:
        """
        A factory that was shut down, or closed, with what was open in it.
        """
        for isClosed in (True, False):
            factory = ZmqFactory()
            factory.registerForShutdown()
            pull = ZmqPullConnection(factory, ZmqEndpoint("bind", "tcp://127.0.0.1:*"))
            transport, protocol = await createZmqConnection(
                ZmqProtocol, zmq.DEALER, connect=pull.boundAddresses[0], factory=factory
            )
            await turns(2)
            self.remember(factory, factory.context, pull, transport, protocol)
            await ended(factory, isClosed)
            del factory, pull, transport, protocol
        await self.assertFreed()

    async def test_unused(self) -> None:
        """
        A factory that nothing was done with.
        """
        factory = ZmqFactory()
        self.remember(factory)
        factory.shutdown()
        del factory
        await self.assertFreed()


class Monitored(ZmqPushConnection):
    monitored = True


class Once(ZmqREPConnection):
    """
    Answers the first request only.
    """

    done: Optional[Any] = None

    def gotMessage(self, messageId: Any, *frames: bytes) -> None:
        if self.done is None:
            self.done = messageId
            self.reply(messageId, *frames)


class Pushing(ZmqProtocolFactory):
    protocol = ZmqProtocol
    socketType = zmq.PUSH


def threads() -> set[str]:
    """
    :return: the names of libzmq's threads and ours, as the system numbers them.
    """
    tasks = Path("/proc/self/task")
    names = set()
    for task in tasks.iterdir() if tasks.exists() else ():
        # It may end while we look.
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().strip()
            if name.startswith(("ZMQbg", "txzmq")):
                names.add(f"{name} {task.name}")
    return names | {thread.name for thread in threading.enumerate() if "txzmq" in thread.name}


class NothingLeftTests(ZmqTestCase):
    """
    What a process has, counted before and after.
    """

    def counts(self) -> dict[str, Any]:
        return {
            "threads": threads(),
            "calls": {call for call in reactor.getDelayedCalls() if "txzmq" in str(call)},
            "readers": ourReaders(),
            "writers": set(reactor.getWriters()),
            "files": set(os.listdir(self.directory)),
        }

    async def used(self) -> ZmqFactory:
        """
        :return: a factory in which there has been some of everything.
        """
        factory = ZmqFactory()
        factory.registerForShutdown()
        for address in ("tcp://127.0.0.1:*", f"ipc://{self.directory}/socket", "inproc://left"):
            server = Once(factory, ZmqEndpoint("bind", address))
            client = ZmqREQConnection(factory, ZmqEndpoint("connect", server.boundAddresses[0]))
            client.enableMonitor()
            await client.sendMsg(b"answered", timeout=60)
            client.sendMsg(b"not answered", timeout=60).addErrback(lambda failure: None)
        pull = ZmqPullConnection(factory, ZmqEndpoint("bind", "tcp://127.0.0.1:*"))
        pull.onPull = Recorder()
        protocol = await connectZMQ(reactor, pull.boundAddresses[0], Pushing(), zmqFactory=factory)
        protocol.transport.write([b"message"])
        await pull.onPull.wait()
        await createZmqConnection(ZmqProtocol, zmq.PAIR, factory=factory)
        return factory

    async def test_nothingLeft(self) -> None:
        """
        A factory that is closed or shut down leaves no descriptor, thread,
        delayed call, reader or file.
        """
        self.directory = tempfile.mkdtemp(prefix="txzmq-")
        self.addCleanup(os.rmdir, self.directory)
        openBefore, before = await descriptorsBefore(), self.counts()
        for isClosed in (True, False):
            factory = await self.used()
            self.assertNotEqual(self.counts(), before)
            await ended(factory, isClosed)
            await until(lambda: self.counts() == before and descriptors() <= openBefore)
