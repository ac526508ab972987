"""
Processes: the child cannot use what it has inherited, can have its own, and does
no harm to the parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from twisted.internet.defer import ensureDeferred

from txzmq import ZmqREQConnection

from .everything import FINE
from .support import PATIENCE, ZmqTestCase, inThread, until

#: Reactors with what they keep for themselves, or have in the kernel, where a
#: child finds it, too.
REACTORS = ("select", "poll", "epoll", "asyncio")

#: What the parent prints at the end.
PARENT = f"parent: {FINE}"

TWISTD = "from twisted.scripts.twistd import run; run()"

#: For ``twistd``: connections are made before it forks, or by a service after it.
TAC = """
from twisted.application.service import Application, Service
from tests.forking import Echo
from txzmq import ZmqEndpoint, ZmqFactory

factory = ZmqFactory()
factory.registerForShutdown()

class Serving(Service):
    def startService(self):
        Echo(factory, ZmqEndpoint("bind", {address!r}))

application = Application("test")
if {early}:
    Echo(factory, ZmqEndpoint("bind", {address!r}))
else:
    Serving().setServiceParent(application)
"""


class ForkTestCase(ZmqTestCase):
    """
    A test with other processes.
    """

    def program(self, *arguments: str) -> Any:
        """
        :return: fires with the lines that ``tests/forking.py`` prints.
        """

        def run() -> list[str]:
            return subprocess.run(
                [sys.executable, "-m", "tests.forking", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
            ).stdout.splitlines()

        return inThread(run)


class ChildTests(ForkTestCase):
    """
    A process forks that has connections of every kind, before its reactor runs
    and while it does; the parent receives all messages, while its child lives
    and afterwards.
    """

    async def check(self, child: str, *said: str, status: int = 0) -> None:
        for when in ("before", "during"):
            lines = await self.program(when, child)
            self.assertEqual(lines, [*said, f"child: ended with {status}", PARENT])

    async def test_exit(self) -> None:
        """
        The child ends at once.
        """
        await self.check("exits")

    async def test_return(self) -> None:
        """
        The child ends as programs do, with all finalizers.
        """
        lines = await self.program("before", "returns")
        self.assertEqual(lines, ["child: ended with 0", PARENT])

    async def test_fails(self) -> None:
        """
        The child ends with a status.
        """
        lines = await self.program("before", "failing")
        self.assertEqual(lines, [f"child: ended with {3 << 8}", PARENT])

    async def test_collected(self) -> None:
        """
        The child forgets what it has inherited.
        """
        await self.check("collects")

    async def test_used(self) -> None:
        """
        Whatever the child does with what it has inherited raises an error, which
        says what to do instead.
        """
        await self.check("using", "child: allowed: []")

    async def test_closed(self) -> None:
        """
        The child may close what it has inherited.
        """
        await self.check("closes", "child: closed")
        await self.check("closesLater", "child: closed")

    async def test_ownFactory(self) -> None:
        """
        The child talks to its parent, with a factory of its own.
        """
        await self.check("asks", "child: [b'question']")


class ReactorTests(ForkTestCase):
    """
    The child goes on with the reactor that it has inherited: there its
    connections are lost, and those of the parent are not.
    """

    async def test_runs(self) -> None:
        """
        The child runs it, until it stops it; each connection is told once.
        """
        for name in REACTORS:
            lines = await self.program("before", "runs", name)
            lost = "child: lost {'ZmqForkedError': 12}"
            self.assertEqual(lines, [lost, "child: ended with 0", PARENT])

    async def test_goesOn(self) -> None:
        """
        It runs already.
        """
        for name in REACTORS:
            lines = await self.program("during", "goesOn", name)
            lost = "child: lost {'ZmqForkedError': 2}, closed: True"
            self.assertEqual(lines, [lost, "child: ended with 0", PARENT])


class MultiprocessingTests(ForkTestCase):
    """
    The processes of Python's library, each of which asks the parent something.
    """

    async def test_process(self) -> None:
        """
        ``Process``, however it starts.
        """
        for method in ("fork", "spawn", "forkserver"):
            lines = await self.program("processes", method)
            self.assertEqual(lines, ["child: [b'question']", "child: ended with 0", PARENT])

    async def test_pool(self) -> None:
        """
        ``ProcessPoolExecutor``.
        """
        # PyPy 7.3.11 has one kind only: for the other its executor lacks a method.
        methods = ("fork",) if sys.implementation.name == "pypy" else ("fork", "spawn")
        for method in methods:
            lines = await self.program("pool", method)
            self.assertEqual(lines, ["child: [b'question']"] * 4 + ["child: ended with 0", PARENT])


class DaemonTests(ForkTestCase):
    """
    Programs that detach.
    """

    def setUp(self) -> None:
        super().setUp()
        self.address = self.ipcAddress()
        self.directory = os.path.dirname(self.address[len("ipc://") :])

    async def asks(self, question: bytes) -> None:
        """
        Whoever has bound the address replies.
        """
        req = self.connected(ZmqREQConnection, self.address)
        self.assertEqual(await req.sendMsg(question), [question])
        req.shutdown()

    async def test_factoryBefore(self) -> None:
        """
        A factory that was made before, and has no connections yet, is the
        daemon's.
        """
        ended = self.program("daemon", self.address)
        await self.asks(b"question")
        await self.asks(b"stop")
        self.assertEqual(await ended, ["daemon: ended"])
        self.assertFalse(os.path.exists(self.address[len("ipc://") :]))

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"

    def read(self, name: str) -> str:
        if not os.path.exists(self.path(name)):
            return ""
        with open(self.path(name)) as file:
            return file.read()

    async def twistd(self, early: bool) -> None:
        """
        Start a real daemon, and have it stopped when the test ends.
        """
        with open(self.path("test.tac"), "w") as file:
            file.write(TAC.format(address=self.address, early=early))
        options = [f"--{name}={self.path(name)}" for name in ("pidfile", "logfile")]
        command = [sys.executable, "-c", TWISTD, *options, "-y", self.path("test.tac")]
        result = await inThread(subprocess.call, command)
        self.assertEqual(result, 0)
        await until(lambda: self.read("pidfile"))
        self.daemon = int(self.read("pidfile"))

        async def stop() -> None:
            os.kill(self.daemon, signal.SIGTERM)
            await until(lambda: not os.path.exists(self.path("pidfile")))

        self.addCleanup(lambda: ensureDeferred(stop()))

    async def test_twistd(self) -> None:
        """
        ``twistd`` forks between the program and its services: what these open
        works.
        """
        await self.twistd(early=False)
        await self.asks(b"question")

    async def test_twistdEarly(self) -> None:
        """
        What was opened before does not, and the log says why.
        """
        await self.twistd(early=True)
        await until(lambda: "make a new ZmqFactory" in self.read("logfile"))
