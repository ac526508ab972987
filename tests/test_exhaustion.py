"""
Nothing is left: file descriptors, sockets.
"""

from __future__ import annotations

import contextlib
import errno
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, Union

import zmq
from twisted.trial.unittest import SynchronousTestCase

from txzmq import (
    ZmqEndpoint,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqSocketError,
    createZmqConnection,
)
from txzmq._spare import checkForBinding, checkForContext

from .scarce import LEFT
from .support import PATIENCE, Recorder, ZmqTestCase, assigned, descriptors, turns, until

#: What an attempt may come to.
SOCKET, ENDPOINT = (f"Zmq{kind}Error EMFILE with advice" for kind in ("Socket", "Endpoint"))


@cache
def ran() -> Union[dict[str, list[list[str]]], Exception]:
    """
    :return: as :func:`scarce`, or why not; once, as it takes long.
    """
    program = [sys.executable, "-m", "tests.scarce"]
    try:
        return dict(json.loads(subprocess.check_output(program, timeout=PATIENCE * 5)))
    except Exception as error:
        return error


def scarce() -> dict[str, list[list[str]]]:
    """
    :return: the outcomes of everything in ``tests/scarce.py``, by the number of
        descriptors that were left.
    """
    outcomes = ran()
    if isinstance(outcomes, Exception):
        raise AssertionError("tests.scarce has failed, which all of these need") from outcomes
    return outcomes


class DescriptorTests(SynchronousTestCase):
    """
    However few descriptors are left: things work, or raise an error that says
    what to do; nothing remains open of what failed, and all works again when
    there are more.
    """

    def check(self, attempt: str, *errors: str) -> None:
        """
        An attempt comes to these errors with few descriptors, one after the
        other, and to none with many.
        """
        first = [outcomes[0] for outcomes in scarce()[attempt]]
        self.assertEqual(list(dict.fromkeys(first)), [*errors, "works"])
        everything = {outcome for outcomes in scarce()[attempt] for outcome in outcomes}
        self.assertEqual(everything - {"works", SOCKET, ENDPOINT}, set())
        self.assertEqual(set(scarce()[attempt][-1]), {"works"})

    def test_context(self) -> None:
        """
        A context needs one.
        """
        self.check("context", SOCKET)

    def test_first(self) -> None:
        """
        The first socket of a context is not opened if libzmq would abort.
        """
        self.check("first", SOCKET)

    def test_threads(self) -> None:
        """
        Neither if the context has several I/O threads.
        """
        self.check("threads", SOCKET)

    def test_more(self) -> None:
        """
        Later ones are opened to the last descriptor.
        """
        self.check("more", SOCKET)
        expected = [min(left, 10) for left in LEFT]
        self.assertEqual([o.count("works") for o in scarce()["more"]], expected)

    def test_bound(self) -> None:
        """
        A connection that can be made, and not bound, is closed again.
        """
        self.check("bound", SOCKET, ENDPOINT)

    def test_addresses(self) -> None:
        """
        No address is bound if libzmq would abort; inproc always is.
        """
        self.check("addresses", ENDPOINT)
        self.assertEqual({outcomes[-1] for outcomes in scarce()["addresses"]}, {"works"})

    def test_connected(self) -> None:
        """
        Connecting works always, since libzmq goes on trying.
        """
        self.check("connected")

    def test_monitored(self) -> None:
        """
        A socket that cannot be monitored goes on without.
        """
        self.check("monitored", SOCKET)

    def test_transport(self) -> None:
        """
        The same goes for a transport.
        """
        self.check("transport", SOCKET, ENDPOINT)

    def test_unmatched(self) -> None:
        """
        A factory shuts down without any, also if there are connections to
        inproc addresses that nobody has bound.
        """
        self.check("unmatched")

    def test_incoming(self) -> None:
        """
        A peer who comes while there are none waits until there are; a monitor
        is not flooded meanwhile.
        """
        self.assertEqual(scarce()["incoming"], [["quiet", "works"]] * len(LEFT))


@contextlib.contextmanager
def none() -> Iterator[None]:
    """
    No descriptors are left for a while.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class SpareTests(SynchronousTestCase):
    """
    Looking whether there are enough.
    """

    def test_enough(self) -> None:
        """
        If there are, nothing happens, and nothing stays open.
        """
        with zmq.Context() as context:
            before = descriptors()
            checkForContext(context)
            checkForBinding("tcp://lo:*")
            self.assertEqual(descriptors(), before)

    def test_none(self) -> None:
        """
        If not, there is libzmq's error, and nothing stays open.
        """
        with zmq.Context() as context:
            before = descriptors()
            with none():
                errors = [
                    self.assertRaises(zmq.ZMQError, checkForContext, context),
                    self.assertRaises(zmq.ZMQError, checkForBinding, "tcp://lo:*"),
                ]
            self.assertEqual([error.errno for error in errors], [errno.EMFILE] * 2)
            self.assertEqual(descriptors(), before)

    def test_inproc(self) -> None:
        """
        To bind inproc takes none.
        """
        with none():
            checkForBinding("inproc://x")


class SocketLimitTests(ZmqTestCase):
    """
    The context is full: ``maxSockets``.
    """

    async def full(self, free: int = 0) -> None:
        """
        Fill the factory's context, up to some.
        """
        # The reactor opens descriptors of its own when it starts.
        await turns()
        self.factory.maxSockets = 4 + free
        self.open: list[Any] = [ZmqPushConnection(self.factory) for _ in range(4)]
        self.before = descriptors()

    async def closeSome(self) -> None:
        """
        Close two connections; libzmq does it a moment later.
        """
        for connection in self.open[:2]:
            connection.shutdown()
        await until(lambda: descriptors() <= self.before - 2)

    async def test_connection(self) -> None:
        """
        One too many raises an error that names the setting, and leaves nothing
        behind; when some are closed, others can be opened.
        """
        await self.full()
        for _ in range(10):
            error = self.assertRaises(ZmqSocketError, self.bound, ZmqPullConnection)
        self.assertEqual((error.errno, "maxSockets" in str(error)), (errno.EMFILE, True))
        self.assertEqual((descriptors(), len(self.factory.connections)), (self.before, 4))
        await self.closeSome()
        self.bound(ZmqPullConnection)

    async def test_transport(self) -> None:
        """
        The same goes for transports.
        """
        await self.full()
        for _ in range(10):
            opening = createZmqConnection(ZmqProtocol, zmq.PULL, factory=self.factory)
            error = self.failureResultOf(opening, ZmqSocketError).value
        self.assertIn("maxSockets", str(error))
        self.assertEqual((descriptors(), len(self.factory.connections)), (self.before, 4))
        await self.closeSome()
        opening = createZmqConnection(ZmqProtocol, zmq.PULL, factory=self.factory)
        self.successResultOf(opening)

    async def monitorFails(self) -> None:
        """
        A monitor takes two sockets; when there are not so many, it takes none.
        """
        for _ in range(3):
            error = self.assertRaises(ZmqSocketError, self.open[0].enableMonitor)
            self.assertIn("maxSockets", str(error))
            await until(lambda: descriptors() <= self.before)

    async def test_monitor(self) -> None:
        """
        A connection that cannot be monitored goes on; and can be when others
        are closed.
        """
        await self.full()
        await self.monitorFails()
        for connection in self.open[1:]:
            connection.shutdown()
        await until(lambda: descriptors() <= self.before - 3)
        self.open[0].eventReceived = Recorder()
        self.open[0].enableMonitor()
        self.open[0].addEndpoints([ZmqEndpoint("bind", "tcp://127.0.0.1:*")])
        await self.open[0].eventReceived.wait()

    async def test_halfMonitor(self) -> None:
        """
        With room for one of a monitor's two sockets, that stays free.
        """
        await self.full(free=1)
        await self.monitorFails()
        ZmqPushConnection(self.factory)

    async def test_fails(self) -> None:
        """
        A monitored connection that cannot be is not there.
        """
        await self.full(free=2)
        with assigned(ZmqPullConnection, "monitored", True):
            self.assertRaises(ZmqSocketError, self.bound, ZmqPullConnection)
        self.assertEqual(len(self.factory.connections), 4)
        await until(lambda: descriptors() <= self.before)
        ZmqPushConnection(self.factory)

    def test_unmatched(self) -> None:
        """
        A full context is terminated, also when its sockets are connected to
        inproc addresses that nobody has bound.
        """
        self.factory.maxSockets = 3
        for number in range(3):
            self.connected(ZmqPushConnection, f"inproc://{number}")
        self.factory.shutdown()
        self.assertIsNone(self.factory.connections)
