"""
Threads: what is used by another than the reactor's refuses, and is not disturbed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread, get_ident
from typing import Any, Callable
from unittest import mock

import zmq
from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import blockingCallFromThread
from twisted.python import threadable
from twisted.python.failure import Failure

from txzmq import (
    ZmqClosedError,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqSubConnection,
    ZmqThreadError,
    ZmqUsageError,
    createZmqConnection,
)

from .everything import FINE, Program, allowed, now, uses
from .support import PATIENCE, Recorder, ZmqTestCase, inThread, turns

Uses = Iterator[tuple[str, Callable[[], object]]]


def closes(program: Program) -> Uses:
    """
    All that closes something, or changes how it closes, or who calls whom.
    """
    lost = Failure(ConnectionDone())  # type: ignore[no-untyped-call]
    for c in [*program.connections, *program.transports]:
        for method in ("shutdown", "stopProducing", "resumeProducing", "disableMonitor", "doRead"):
            yield f"{type(c).__name__}.{method}", getattr(c, method)
        yield f"{type(c).__name__}.connectionLost", lambda c=c: c.connectionLost(lost)  # type: ignore[misc]
    for t in program.transports:
        for method in (
            "unregisterProducer",
            "setWriteBufferLimits",
            "abortConnection",
            "loseConnection",
            "pauseProducing",
        ):
            yield f"transport.{method}", getattr(t, method)
        yield "registerProducer", lambda t=t: t.registerProducer(object(), True)  # type: ignore[misc]
        yield "writeSequence", lambda t=t: t.writeSequence([[b"x"]])  # type: ignore[misc]
        yield "disconnect", lambda t=t: t.disconnect("inproc://x")  # type: ignore[misc]
        yield "connect", lambda t=t: t.connect("inproc://x")  # type: ignore[misc]
    yield "factory.registerForShutdown", program.factory.registerForShutdown
    yield "factory.shutdown", program.factory.shutdown
    yield "factory.close", lambda: now(program.factory.close())


def refusals(things: Uses) -> list[str]:
    """
    :return: what is not refused as it should be.
    """
    return allowed(things, ZmqThreadError, "reactor.callFromThread")


class OtherThreadTests(ZmqTestCase):
    """
    A thread of the pool uses what the reactor's thread has made.
    """

    #: What the reactor has nothing to do with: plain sockets.
    ELSEWHERE = frozenset({"openSocket", "context"})

    async def test_everything(self) -> None:
        """
        Whatever it does is refused, with an error that says what to do instead;
        everything goes on.
        """
        program = Program(reactor)
        self.addCleanup(program.factory.shutdown)
        await program.goOn()
        used = [use for use in uses(program) if use[0] not in self.ELSEWHERE]
        self.assertGreater(len(used), 80)
        self.assertEqual(await inThread(refusals, used), [])
        self.assertEqual(await inThread(refusals, closes(program)), [])
        await program.goOn()
        self.assertEqual(program.end(), FINE)

    async def test_whileInUse(self) -> None:
        """
        So it is while the reactor's thread uses them, however often it tries.
        """
        program = Program(reactor)
        self.addCleanup(program.factory.shutdown)
        await program.exchange()

        def tries() -> list[str]:
            return [wrong for _ in range(50) for wrong in refusals(closes(program))]

        trying = inThread(tries)
        while not trying.called:
            await program.exchange()
        self.assertEqual(await trying, [])
        self.assertEqual(program.end(), FINE)

    async def test_subscriptions(self) -> None:
        """
        Subscriptions are uses.
        """
        sub = self.bound(ZmqSubConnection)
        await turns(3)
        for method in (sub.subscribe, sub.unsubscribe):
            await self.assertFailure(inThread(method, b"tag"), ZmqThreadError)
        opening = createZmqConnection(ZmqProtocol, zmq.SUB, factory=self.factory)
        transport = self.successResultOf(opening)[0]
        for method in (transport.subscribe, transport.unsubscribe):
            await self.assertFailure(inThread(method, b"tag"), ZmqThreadError)

    async def test_error(self) -> None:
        """
        It is an error of the program, and a ``RuntimeError``.
        """
        push = self.bound(ZmqPushConnection)
        error = await self.assertFailure(inThread(push.push, b"x"), ZmqThreadError)
        self.assertIsInstance(error, ZmqUsageError)
        self.assertIsInstance(error, RuntimeError)

    async def test_deferToThread(self) -> None:
        """
        A callback that continues in another thread cannot reply from there, and
        can back in the reactor's.
        """
        push, raw = self.withRaw(ZmqPushConnection, zmq.PULL)
        await self.assertFailure(inThread(lambda: push.push(b"wrong")), ZmqThreadError)
        push.push(await inThread(lambda: b"right"))
        self.assertEqual(raw.recv(), b"right")

    async def test_callFromThread(self) -> None:
        """
        As the error says: the reactor can be told to do it.
        """
        push, raw = self.withRaw(ZmqPushConnection, zmq.PULL)
        await inThread(reactor.callFromThread, push.push, b"told")
        self.assertEqual(await inThread(raw.recv), b"told")

    async def test_blockingCallFromThread(self) -> None:
        """
        One can wait for that, and gets the errors.
        """
        push, raw = self.withRaw(ZmqPushConnection, zmq.PULL)
        await inThread(blockingCallFromThread, reactor, push.push, b"told")
        self.assertEqual(raw.recv(), b"told")
        push.shutdown()
        call = inThread(blockingCallFromThread, reactor, push.push, b"late")
        await self.assertFailure(call, ZmqClosedError)

    async def test_closed(self) -> None:
        """
        What is closed says that, in any thread; closing it again is nothing.
        """
        push = self.bound(ZmqPushConnection)
        push.shutdown()
        self.factory.shutdown()
        await inThread(push.shutdown)
        await inThread(self.factory.shutdown)
        self.assertIsNone(push.socket)

    async def test_subscribers(self) -> None:
        """
        So is to wait for subscribers.
        """
        opening = createZmqConnection(ZmqProtocol, zmq.XPUB, factory=self.factory)
        transport = self.successResultOf(opening)[0]
        await turns(3)
        waiting = inThread(lambda: now(transport.whenSubscribed(b"x")))
        await self.assertFailure(waiting, ZmqThreadError)

    async def test_noConnections(self) -> None:
        """
        A factory that has none is the reactor's, too, as long as that runs, until it
        is closed.
        """
        for method in ("registerForShutdown", "close", "shutdown"):
            await self.assertFailure(inThread(getattr(self.factory, method)), ZmqThreadError)
        self.assertIsNotNone(self.factory.context)
        closed = self.factory.close(PATIENCE)
        with ThreadPoolExecutor(1) as pool:
            # The reactor waits meanwhile.
            refused = pool.submit(self.factory.close).exception()
        self.assertIsInstance(refused, ZmqThreadError)
        await closed
        # A thread cannot hand over a Deferred.
        await inThread(lambda: self.successResultOf(self.factory.close()))

    async def test_twoReactors(self) -> None:
        """
        Whoever is called by the global reactor is in the right thread, also if another
        one was started later somewhere else, which is all that Twisted remembers.
        """
        await turns()
        release = Event()
        self.addCleanup(release.set)
        other = Thread(target=release.wait, args=(PATIENCE,))
        other.start()
        self.patch(threadable, "ioThread", other.ident)
        self.assertTrue(self.bound(ZmqPullConnection).boundAddresses)
        release.set()
        other.join()

    async def test_making(self) -> None:
        """
        Nothing is made, and nothing stays open, while the reactor runs in another
        thread.
        """

        def create() -> None:
            now(createZmqConnection(ZmqProtocol, zmq.PULL, factory=self.factory))

        for make in (create, lambda: self.bound(ZmqPullConnection)):
            await self.assertFailure(inThread(make), ZmqThreadError)
        self.assertEqual(self.factory.connections, set())


class BeforeItRunsTests(ZmqTestCase):
    """
    Whose a connection is that was made before the reactor runs, or for one that
    only a test runs.
    """

    def setUp(self) -> None:
        super().setUp()
        self.factory.reactor = MemoryReactorClock()
        pool = ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)

        def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
            return pool.submit(function, *args).result()

        self.elsewhere = elsewhere

    def test_untilTheFirstRead(self) -> None:
        """
        What a thread has made is its own, until the reactor reads it, in whichever
        thread; then it is that one's.
        """
        push = self.bound(ZmqPushConnection, "inproc://x")
        pull = self.connected(ZmqPullConnection, push)
        pull.onPull = Recorder()
        with mock.patch.object(threadable, "ioThread", None):
            self.assertRaises(ZmqThreadError, self.elsewhere, push.push, b"x")
            push.push(b"x")
            self.elsewhere(self.factory.reactor.advance, 0)
            self.assertRaises(ZmqThreadError, push.push, b"y")
            self.elsewhere(push.push, b"y")
            self.assertRaises(ZmqThreadError, pull.doRead)
            self.elsewhere(pull.doRead)
            self.assertEqual(pull.onPull.events, [[b"x"], [b"y"]])
            self.elsewhere(self.factory.shutdown)

    def test_reactorsThread(self) -> None:
        """
        The thread in which a reactor was started may also use it before, and close it,
        and go on reading what it has read by hand in another.
        """
        used, read = [self.elsewhere(self.bound, ZmqPullConnection) for _ in range(2)]
        self.elsewhere(read.doRead)
        with mock.patch.object(threadable, "ioThread", get_ident()):
            used.pauseProducing()
            self.assertRaises(ZmqThreadError, read.pauseProducing)
            read.doRead()
            read.pauseProducing()


class ReactorInThreadTests(ZmqTestCase):
    """
    Programs that run the reactor in a thread of its own.
    """

    async def says(self, *scenario: str) -> list[str]:
        """
        :return: what ``tests/threaded.py`` prints.
        """
        result = await inThread(
            lambda: subprocess.run(
                [sys.executable, "-W", "error", "-m", "tests.threaded", *scenario],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
            )
        )
        return [*result.stdout.splitlines(), f"status {result.returncode}"]

    async def test_madeBefore(self) -> None:
        """
        Connections can be made, and used, in the main thread before; then they
        belong to the reactor's, and are closed there.
        """
        expected = ["before: sent", "then: refused", "told: sent", "received 2", "closed"]
        self.assertEqual(await self.says("madeBefore"), [*expected, "status 0"])

    async def test_shutdownAfter(self) -> None:
        """
        When the reactor has stopped, and its thread ended, the main thread can
        close what is open: by itself, or as the interpreter exits.
        """
        for how in ("shutdownAfter", "shutdownAtExit"):
            expected = ["while it runs: refused", "after: closed", "status 0"]
            self.assertEqual(await self.says(how), expected)

    async def test_registered(self) -> None:
        """
        A factory that is registered is closed in the reactor's thread.
        """
        self.assertEqual(await self.says("registered"), ["closed", "status 0"])

    async def test_never(self) -> None:
        """
        A program that closes nothing ends anyway.
        """
        self.assertEqual(await self.says("never"), ["end", "status 0"])
