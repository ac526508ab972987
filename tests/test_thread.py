"""
Threads: what is used by another than the reactor's refuses, and is not disturbed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import zmq
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread

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
    All that closes something, or changes how it closes.
    """
    for c in program.connections:
        for method in ("shutdown", "stopProducing", "resumeProducing"):
            yield f"{type(c).__name__}.{method}", getattr(c, method)
    for t in program.transports:
        for method in (
            "shutdown",
            "abortConnection",
            "loseConnection",
            "pauseProducing",
            "resumeProducing",
            "stopProducing",
        ):
            yield f"transport.{method}", getattr(t, method)
        yield "registerProducer", lambda t=t: t.registerProducer(object(), True)  # type: ignore[misc]
        yield "writeSequence", lambda t=t: t.writeSequence([[b"x"]])  # type: ignore[misc]
        yield "disconnect", lambda t=t: t.disconnect("inproc://x")  # type: ignore[misc]
        yield "connect", lambda t=t: t.connect("inproc://x")  # type: ignore[misc]
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

    #: What is no use of a socket: to make something new.
    ELSEWHERE = frozenset({"new", "openSocket", "context", "create"})

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

    async def test_untilTheFirstRead(self) -> None:
        """
        What a thread has made is its own, until the reactor reads it.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        with ThreadPoolExecutor(1) as thread:
            # The reactor waits meanwhile.
            push = thread.submit(self.connected, ZmqPushConnection, pull).result()
            self.assertRaises(ZmqThreadError, push.push, b"x")
            self.assertIsNone(thread.submit(push.push, b"x").exception())
            await turns(3)
            push.push(b"y")
            self.assertIsInstance(thread.submit(push.push, b"z").exception(), ZmqThreadError)
        self.assertEqual(await pull.onPull.wait(2), [[b"x"], [b"y"]])


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
