"""
Addresses that cannot be opened: each a clear error, and nothing is left of it.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from typing import Any

import zmq

from txzmq import (
    ZmqClosedError,
    ZmqEndpoint,
    ZmqEndpointError,
    ZmqFactory,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    createZmqConnection,
)

from .support import PATIENCE, Recorder, ZmqTestCase, descriptors, descriptorsBefore, turns, until

#: Names that nobody has, and addresses: RFC 2606 and 5737.
NOBODY, NOT_HERE = "name.invalid", "192.0.2.1"

#: Listens until its input ends, and tells where.
LISTENER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


class RefusedTests(ZmqTestCase):
    """
    What is refused at once.
    """

    async def refused(self, kind: str, address: str, number: int, why: str) -> None:
        """
        Both faces refuse an address, and so does a connection that is open; it
        is named in the error.  Nothing is open afterwards, and the factory knows
        of nothing.
        """
        await turns()
        pull = ZmqPullConnection(self.factory)
        before = descriptors()
        endpoint = ZmqEndpoint(kind, address)
        opening: Any = {kind: address}
        errors = [
            self.assertRaises(ZmqEndpointError, ZmqPullConnection, self.factory, endpoint),
            self.assertRaises(ZmqEndpointError, pull.addEndpoints, [endpoint]),
            self.failureResultOf(
                createZmqConnection(ZmqProtocol, zmq.PULL, factory=self.factory, **opening)
            ).value,
        ]
        for error in errors:
            self.assertEqual((error.errno, error.endpoint), (number, endpoint))
            self.assertIn(f"cannot {kind} {address!r}: ", str(error))
            self.assertIn(why, str(error))
        self.assertEqual((self.factory.connections, pull.endpoints), ({pull}, []))
        await until(lambda: descriptors() <= before)
        pull.shutdown()

    async def test_sameFactory(self) -> None:
        """
        An address that this program has bound.
        """
        address = self.bound(ZmqPullConnection).boundAddresses[0]
        other = ZmqFactory()
        self.addCleanup(other.shutdown)
        with self.assertRaises(ZmqEndpointError) as caught:
            ZmqPullConnection(other, ZmqEndpoint("bind", address))
        self.assertIn("in use", str(caught.exception))

    async def test_sameProcess(self) -> None:
        """
        One that another part of this program listens on.
        """
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
            await self.refused("bind", address, errno.EADDRINUSE, "the address is in use")

    async def test_otherProcess(self) -> None:
        """
        One that another program listens on; when that has gone, it can be bound.
        """
        with subprocess.Popen(
            [sys.executable, "-c", LISTENER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            port = (program.stdout or sys.stdin).readline().strip()
            address = f"tcp://127.0.0.1:{port}"
            await self.refused("bind", address, errno.EADDRINUSE, "the address is in use")
            program.communicate(timeout=PATIENCE)
        self.bound(ZmqPullConnection, address)

    async def test_permission(self) -> None:
        """
        One that this user may not bind.
        """
        directory = os.path.dirname(self.ipcAddress()[len("ipc://") :])
        os.chmod(directory, 0o555)
        if os.geteuid() == 0:
            # Whom nobody can forbid anything.
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        await self.refused("bind", f"ipc://{directory}/x", errno.EACCES, "Permission denied")

    async def test_notHere(self) -> None:
        """
        One of another machine.
        """
        address = f"tcp://{NOT_HERE}:*"
        await self.refused("bind", address, errno.EADDRNOTAVAIL, "no interface of this machine")

    async def test_name(self) -> None:
        """
        One with the name of a machine: what is bound has the name of an
        interface.
        """
        address = f"tcp://{NOBODY}:*"
        await self.refused("bind", address, errno.ENODEV, "no such network interface")

    async def test_syntax(self) -> None:
        """
        What is no address.
        """
        for address in (
            "tcp:/127.0.0.1:5555",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:",
            "tcp://127.0.0.1:http",
            "127.0.0.1:5555",
            "ipc://",
            "inproc://",
        ):
            for kind in ("bind", "connect"):
                await self.refused(kind, address, errno.EINVAL, "not an address; one looks like")

    async def test_port(self) -> None:
        """
        A port that is none; libzmq would take another.
        """
        for address in ("tcp://127.0.0.1:65536", "tcp://127.0.0.1:-1"):
            for kind in ("bind", "connect"):
                await self.refused(kind, address, errno.EINVAL, "from 0 to 65535")

    async def test_wildcard(self) -> None:
        """
        An address to connect to has no wildcards.
        """
        for address in ("tcp://127.0.0.1:*", "tcp://*:5555"):
            await self.refused("connect", address, errno.EINVAL, "not an address")

    async def test_longPath(self) -> None:
        """
        A path that is longer than the system allows.
        """
        for kind in ("bind", "connect"):
            address = self.ipcAddress() + "x" * 108
            await self.refused(kind, address, errno.ENAMETOOLONG, "name too long")

    async def test_noDirectory(self) -> None:
        """
        A path in a directory that there is not.
        """
        address = self.ipcAddress() + "/below"
        await self.refused("bind", address, errno.ENOENT, "No such file or directory")

    async def test_longName(self) -> None:
        """
        The names of inproc addresses may be as long as you like.
        """
        address = f"inproc://{'x' * 300}"
        pull = self.bound(ZmqPullConnection, address)
        pull.onPull = Recorder()
        self.assertEqual(pull.boundAddresses, [address])
        self.connected(ZmqPushConnection, pull).push(b"x")
        self.assertEqual(await pull.onPull.wait(), [[b"x"]])


class UnresolvableTests(ZmqTestCase):
    """
    A name that does not resolve: libzmq looks it up in its I/O thread, and tries
    again and again.
    """

    def unresolvable(self) -> Any:
        push = ZmqPushConnection(self.factory)
        push.eventReceived = lambda event: push.told(event.name)
        push.told = Recorder()
        push.enableMonitor()
        push.addEndpoints([ZmqEndpoint("connect", f"tcp://{NOBODY}:5555")])
        return push

    async def test_events(self) -> None:
        """
        A monitor tells of attempts, and of nothing else; nobody is connected.
        """
        push = self.unresolvable()
        waiting = push.whenConnected()
        events = await push.told.wait(2)
        self.assertEqual(set(events), {"CONNECT_RETRIED"})
        self.assertNoResult(waiting)
        push.shutdown()
        self.failureResultOf(waiting, ZmqClosedError)

    async def test_others(self) -> None:
        """
        Other endpoints of the same connection work.
        """
        pull = self.bound(ZmqPullConnection)
        pull.onPull = Recorder()
        push = self.unresolvable()
        push.addEndpoints([ZmqEndpoint("connect", pull.boundAddresses[0])])
        await push.whenConnected()
        # One of two goes to the name that nobody has.
        push.push(b"x")
        push.push(b"x")
        await pull.onPull.wait()

    async def test_closes(self) -> None:
        """
        It closes at any time, and nothing is left of it; messages that wait for
        it go after the linger period.
        """
        before = await descriptorsBefore()
        for attempts in (0, 1, 3):
            push = self.unresolvable()
            push.push(b"never arrives")
            await push.told.wait(attempts)
            self.factory.shutdown()
            await until(lambda: descriptors() <= before)
            self.factory = ZmqFactory()
        self.addCleanup(self.factory.shutdown)
