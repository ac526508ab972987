"""
The files of ipc addresses: whose they are, and when they go.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any

import zmq

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointError,
    ZmqFactory,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    createZmqConnection,
)

from .forking import fork
from .support import PATIENCE, Recorder, ZmqTestCase, inThread, turns, until

#: Binds an address, and prints what it gets until it is killed.
LISTENER = """
import sys, zmq
socket = zmq.Context().socket(zmq.PULL)
socket.bind(sys.argv[1])
print("ready", flush=True)
while True:
    print(socket.recv().decode(), flush=True)
"""


class IpcTestCase(ZmqTestCase):
    """
    A test with an address.
    """

    def setUp(self) -> None:
        super().setUp()
        self.address = self.ipcAddress()
        self.path = self.address[len("ipc://") :]

    def refused(self, number: int, why: str) -> None:
        """
        Neither face can bind the address.
        """
        opening = createZmqConnection(
            ZmqProtocol, zmq.PULL, factory=self.factory, bind=self.address
        )
        errors = [
            self.failureResultOf(opening, ZmqEndpointError).value,
            self.assertRaises(ZmqEndpointError, self.bound, ZmqPullConnection, self.address),
        ]
        for error in errors:
            self.assertEqual(error.errno, number)
            self.assertIn(f"cannot bind {self.address!r}: {why}", str(error))

    async def serves(self, pull: Any, address: str = "") -> None:
        """
        A message arrives.
        """
        pull.onPull = Recorder()
        push = self.connected(ZmqPushConnection, address or self.address)
        push.push(b"x")
        self.assertEqual(await pull.onPull.wait(), [[b"x"]])
        push.shutdown()

    async def listens(self) -> Any:
        """
        :return: another program, which has bound the address.
        """
        program: Any = subprocess.Popen(
            [sys.executable, "-c", LISTENER, self.address], stdout=subprocess.PIPE
        )

        def end() -> None:
            program.kill()
            program.communicate(timeout=PATIENCE)

        self.addCleanup(end)
        self.assertEqual(await inThread(program.stdout.readline), b"ready\n")
        return program


class InTheWayTests(IpcTestCase):
    """
    There is something where an address is to be bound.
    """

    async def test_sameFactory(self) -> None:
        """
        What this program has bound is in use, and goes on.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        self.refused(errno.EADDRINUSE, "the address is in use")
        await self.serves(pull)

    async def test_sameConnection(self) -> None:
        """
        It cannot be bound twice by one connection either.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        twice = [ZmqEndpoint("bind", self.address)]
        self.assertRaises(ZmqEndpointError, pull.addEndpoints, twice)
        await self.serves(pull)

    async def test_spelledDifferently(self) -> None:
        """
        Nor by another name of the same file.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        os.symlink(self.path, f"{self.path}-too")
        address = f"ipc://{self.path}-too"
        self.assertRaises(ZmqEndpointError, self.bound, ZmqPullConnection, address)
        await self.serves(pull)

    async def test_live(self) -> None:
        """
        What another program has bound is in use, however often one tries, and
        that program goes on.
        """
        program = await self.listens()
        for _ in range(5):
            self.refused(errno.EADDRINUSE, "the address is in use")
        self.connected(ZmqPushConnection, self.address).push(b"still there")
        self.assertEqual(await inThread(program.stdout.readline), b"still there\n")

    async def test_full(self) -> None:
        """
        So is one whose listener does not come to accepting.
        """
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen(0)
            for _ in range(5):
                self.refused(errno.EADDRINUSE, "the address is in use")

    async def test_otherKind(self) -> None:
        """
        So is a socket of another kind.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(self.path)
            self.refused(errno.EADDRINUSE, "the address is in use")

    async def test_stale(self) -> None:
        """
        What a program has left that was killed is bound over.
        """
        program = await self.listens()
        program.send_signal(signal.SIGKILL)
        program.wait(PATIENCE)
        self.assertTrue(os.path.exists(self.path))
        await self.serves(self.bound(ZmqPullConnection, self.address))

    async def test_unnoticed(self) -> None:
        """
        Whoever listens does not notice.
        """
        pull = self.bound(type("Pull", (ZmqPullConnection,), {"monitored": True}), self.address)
        pull.eventReceived = told = Recorder()
        pull.enableMonitor()
        self.refused(errno.EADDRINUSE, "the address is in use")
        await self.serves(pull)
        events = ["LISTENING", "ACCEPTED", "HANDSHAKE_SUCCEEDED", "DISCONNECTED"]
        await until(lambda: len(told.events) >= len(events))
        self.assertEqual([event.name for event in told.events], events)

    def test_notListening(self) -> None:
        """
        So is one that is bound and does not listen yet.
        """
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            self.refused(errno.EADDRINUSE, "the address is in use")

    def test_link(self) -> None:
        """
        A link stays, also if it leads nowhere, in a circle, to a file, or to what has
        been left.
        """
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(f"{self.path}-stale")
        with open(f"{self.path}-file", "w"):
            pass
        for target in (
            "gone",
            self.path,
            f"{self.path}-file",
            f"{self.path}-stale",
            "/etc/passwd/x",
        ):
            os.symlink(target, self.path)
            self.refused(errno.EEXIST, "there is a file that is no socket")
            self.assertEqual(os.readlink(self.path), target)
            os.remove(self.path)

    def test_noSocket(self) -> None:
        """
        What is no socket stays, whatever it is.
        """
        with open(self.path, "w") as file:
            file.write("precious")
        self.refused(errno.EEXIST, "there is a file that is no socket")
        with open(self.path) as file:
            self.assertEqual(file.read(), "precious")
        os.remove(self.path)
        os.mkdir(self.path)
        self.refused(errno.EEXIST, "there is a file that is no socket")
        os.rmdir(self.path)
        os.mkfifo(self.path)
        self.refused(errno.EEXIST, "there is a file that is no socket")


class RemovedTests(IpcTestCase):
    """
    The file goes with what is bound to it.
    """

    def gone(self) -> bool:
        return not os.path.lexists(self.path)

    def test_closed(self) -> None:
        """
        It is gone when the connection is closed, and there until then.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        self.assertFalse(self.gone())
        pull.shutdown()
        self.assertTrue(self.gone())

    def test_factory(self) -> None:
        """
        Or the factory.
        """
        self.bound(ZmqPullConnection, self.address)
        self.factory.shutdown()
        self.assertTrue(self.gone())

    async def test_factoryLater(self) -> None:
        """
        Or when that closes without blocking.
        """
        self.bound(ZmqPullConnection, self.address)
        await self.factory.close(PATIENCE)
        self.assertTrue(self.gone())

    def transport(self) -> Any:
        opening = createZmqConnection(
            ZmqProtocol, zmq.PULL, factory=self.factory, bind=self.address
        )
        return self.successResultOf(opening)[0]

    async def test_transport(self) -> None:
        """
        Or a transport, however it ends; or when it unbinds the address.
        """
        for end in (
            lambda transport: transport.unbind(self.address),
            lambda transport: transport.abortConnection(),
            lambda transport: transport.loseConnection(),
        ):
            transport = self.transport()
            self.assertFalse(self.gone())
            end(transport)
            await until(self.gone)
            transport.abortConnection()

    def test_halfOpened(self) -> None:
        """
        Or when another address cannot be bound, and this one is undone.
        """
        pull = ZmqPullConnection(self.factory)
        wanted = [ZmqEndpoint("bind", address) for address in (self.address, "nowhere")]
        self.assertRaises(ZmqEndpointError, pull.addEndpoints, wanted)
        self.assertTrue(self.gone())

    async def test_again(self) -> None:
        """
        The address can be bound again at once, in the same turn, any number of
        times.
        """
        for _ in range(20):
            pull = self.bound(ZmqPullConnection, self.address)
            pull.shutdown()
        await self.serves(self.bound(ZmqPullConnection, self.address))
        await turns(10)
        self.assertFalse(self.gone())

    async def test_againWhileConnected(self) -> None:
        """
        Also while somebody is connected, who is served by the next.
        """
        push = self.connected(ZmqPushConnection, self.address)
        for _ in range(5):
            pull = self.bound(ZmqPullConnection, self.address)
            pull.onPull = Recorder()
            # Until it knows that the former has gone, it sends to that one.
            while not pull.onPull.events:
                push.push(b"x")
                await turns()
            pull.shutdown()

    def test_replaced(self) -> None:
        """
        A file of somebody else that has taken its place stays.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        os.remove(self.path)
        with open(self.path, "w"):
            pass
        pull.shutdown()
        self.assertFalse(self.gone())

    async def test_replacedBySocket(self) -> None:
        """
        Also if it is a socket, of another program, that goes on.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        os.remove(self.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            other.listen()
            pull.shutdown()
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(self.path)

    def test_removed(self) -> None:
        """
        A file that somebody has removed already is no error.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        os.remove(self.path)
        pull.shutdown()
        self.assertTrue(self.gone())

    def test_directoryRemoved(self) -> None:
        """
        Nor is a directory that is gone.
        """
        pull = self.bound(ZmqPullConnection, self.address)
        os.remove(self.path)
        os.rmdir(os.path.dirname(self.path))
        pull.shutdown()

    def test_connected(self) -> None:
        """
        Who is only connected removes nothing.
        """
        self.bound(ZmqPullConnection, self.address)
        self.connected(ZmqPushConnection, self.address).shutdown()
        self.assertFalse(self.gone())

    def test_two(self) -> None:
        """
        Of two addresses that one connection is bound to, each has its file.
        """
        other = self.ipcAddress()
        pull = self.bound(ZmqPullConnection, self.address)
        pull.addEndpoints([ZmqEndpoint("bind", other)])
        pull.shutdown()
        self.assertTrue(self.gone())
        self.assertFalse(os.path.exists(other[len("ipc://") :]))

    def test_nowhere(self) -> None:
        """
        A path cannot be found from a directory that has been removed.
        """
        directory = tempfile.mkdtemp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory)
        os.rmdir(directory)
        error = self.assertRaises(ZmqEndpointError, self.bound, ZmqPullConnection, "ipc://x")
        self.assertEqual(error.errno, errno.ENOENT)

    def test_child(self) -> None:
        """
        A child process does not remove the files of its parent.
        """
        self.bound(ZmqPullConnection, self.address)
        child = fork()
        if child == 0:
            self.factory.shutdown()
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertFalse(self.gone())


class OtherNamesTests(IpcTestCase):
    """
    Addresses that are no absolute paths.
    """

    def inDirectory(self) -> None:
        """
        Be in a directory of our own until the test ends.
        """
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(os.path.dirname(self.path))

    async def test_wildcard(self) -> None:
        """
        libzmq chooses a path, which can be connected to, and is gone with its
        directory when the connection is closed.
        """
        self.inDirectory()
        pull = self.bound(ZmqPullConnection, "ipc://*")
        address = pull.boundAddresses[0]
        path = os.path.abspath(address[len("ipc://") :])
        self.assertTrue(os.path.exists(path))
        await self.serves(pull, address)
        self.factory.shutdown()
        self.assertFalse(os.path.exists(os.path.dirname(path)))

    async def test_wildcardTwice(self) -> None:
        """
        Another one each time.
        """
        self.inDirectory()
        pulls = [self.bound(ZmqPullConnection, "ipc://*") for _ in range(3)]
        self.assertEqual(len({pull.boundAddresses[0] for pull in pulls}), 3)
        self.factory.shutdown()

    async def test_abstract(self) -> None:
        """
        Linux has names that are no files; one that is in use is in use, and a
        program that is gone leaves nothing.
        """
        self.address = f"ipc://@txzmq-{os.getpid()}"
        pull = self.bound(ZmqPullConnection, self.address)
        await self.serves(pull)
        self.refused(errno.EADDRINUSE, "the address is in use")
        self.factory.shutdown()
        self.factory = ZmqFactory()
        self.addCleanup(self.factory.shutdown)
        await self.serves(self.bound(ZmqPullConnection, self.address))

    async def test_relative(self) -> None:
        """
        The file of a relative path is removed, also by a program that is
        elsewhere by then.
        """
        self.inDirectory()
        pull = self.bound(ZmqPullConnection, "ipc://socket")
        await self.serves(pull, "ipc://socket")
        os.chdir("/")
        pull.shutdown()
        self.assertFalse(os.path.exists(self.path))

    async def test_relativeTaken(self) -> None:
        """
        It is the same address as the absolute one.
        """
        self.inDirectory()
        self.bound(ZmqPullConnection, "ipc://socket")
        self.refused(errno.EADDRINUSE, "the address is in use")

    async def test_relativeElsewhere(self) -> None:
        """
        A file of the same name in another directory is another.
        """
        self.inDirectory()
        pull = self.bound(ZmqPullConnection, "ipc://socket")
        elsewhere = os.path.dirname(self.ipcAddress()[len("ipc://") :])
        os.chdir(elsewhere)
        other = self.bound(ZmqPullConnection, "ipc://socket")
        pull.shutdown()
        self.assertFalse(os.path.exists(self.path))
        await self.serves(other, "ipc://socket")
