"""
What tests share: a factory that is closed afterwards, connections that record
what they get, raw pyzmq peers, and ways to wait for an event.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, Callable, Optional

import zmq
from hypothesis import HealthCheck, settings
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from txzmq import (
    ReadBudget,
    ZmqAgainError,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
)

#: Seconds after which a test that waits for something has failed.  Generous:
#: it is there to end a test that hangs, not to measure one that is slow.
PATIENCE = 120

#: By how much bounds on memory are wider than for CPython: PyPy collects late, and
#: keeps what it compiles.
MEMORY = 3 if sys.implementation.name == "pypy" else 1

#: For tests with hypothesis: the same examples each time, and no opinion on how
#: long they take.
STEADY = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

#: A budget that does not end a read in our time.
ENDLESS = ReadBudget(messages=1_000_000_000, seconds=3600, bytes=1 << 40)

_names = (f"inproc://test-{number}" for number in itertools.count())


class Recorder:
    """
    A list of events to wait for.
    """

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._waiting: list[tuple[int, Deferred[list[Any]]]] = []

    def __call__(self, *event: Any) -> None:
        """
        Record an event: one argument as it is, several as a tuple.
        """
        self.events.append(event[0] if len(event) == 1 else event)
        ready = [d for n, d in self._waiting if n <= len(self.events)]
        self._waiting = [(n, d) for n, d in self._waiting if n > len(self.events)]
        for d in ready:
            d.callback(self.events)

    def wait(self, count: int = 1) -> Deferred[list[Any]]:
        """
        :return: fires with the events when there are ``count`` of them.
        """
        d: Deferred[list[Any]] = Deferred()
        if len(self.events) >= count:
            d.callback(self.events)
        else:
            self._waiting.append((count, d))
        return d


def turns(count: int = 1) -> Deferred[None]:
    """
    :return: fires after ``count`` turns of the reactor.
    """
    d: Deferred[None] = Deferred()

    def step(left: int) -> None:
        if left:
            reactor.callLater(0, step, left - 1)
        else:
            d.callback(None)

    step(count)
    return d


async def until(condition: Callable[[], object]) -> None:
    """
    Let the reactor go round until ``condition()`` is true.
    """
    # At first without a rest, most wait for little; then with one, as others, which
    # may be what we wait for, need the processor.
    for rest in itertools.chain(itertools.repeat(0, 50), itertools.repeat(0.001)):
        if condition():
            break
        await deferLater(reactor, rest)


async def deserted(client: Any, leave: Callable[[], object]) -> None:
    """
    Have the only peer of a client leave, and wait until the client's socket knows.

    The monitor knows before: what is sent in between is lost, as nothing but the
    missing reply could tell.

    :param client: is ``monitored`` and ``immediate``, and connected.
    :param leave: ends the peer.
    """
    gone = client.whenDisconnected()
    leave()
    await gone
    await until(lambda: not client.socket.events & zmq.POLLOUT)


async def accepted(send: Callable[..., None], *message: Any) -> None:
    """
    Send as soon as a peer is there to take it.
    """
    while True:
        try:
            return send(*message)
        except ZmqAgainError:
            await turns()


class ZmqTestCase(TestCase):
    """
    A test with a factory.
    """

    timeout = PATIENCE

    def setUp(self) -> None:
        self.factory = ZmqFactory()
        self.addCleanup(self.factory.shutdown)

    def bound(self, cls: Any, address: str = "tcp://127.0.0.1:*", **kwargs: Any) -> Any:
        """
        :return: a connection of class ``cls``, bound to a free address.
        """
        return cls(self.factory, ZmqEndpoint(ZmqEndpointType.bind, address), **kwargs)

    def connected(self, cls: Any, peer: Any, **kwargs: Any) -> Any:
        """
        :param peer: a connection that is bound, or an address.
        :return: a connection of class ``cls``, connected to it.
        """
        address = peer if isinstance(peer, str) else peer.boundAddresses[0]
        return cls(self.factory, ZmqEndpoint(ZmqEndpointType.connect, address), **kwargs)

    def ipcAddress(self) -> str:
        """
        :return: an unused ipc address with a short path.
        """
        directory = tempfile.mkdtemp(prefix="txzmq-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        return f"ipc://{directory}/socket"

    def raw(
        self, socketType: int, connect: Optional[str] = None, context: Optional[Any] = None
    ) -> zmq.Socket[bytes]:
        """
        A plain pyzmq socket, to be used by the test as the other side.

        Blocking calls belong into :func:`inThread`; they give up after
        :data:`PATIENCE`.

        :param connect: an address to connect to.
        :param context: instead of one of its own, the factory's (for inproc).
        """
        owned = context is None
        context = zmq.Context() if owned else context
        socket = context.socket(socketType)
        socket.linger = 0
        socket.rcvtimeo = socket.sndtimeo = PATIENCE * 1000

        def close() -> None:
            socket.close()
            if owned:
                context.term()

        self.addCleanup(close)
        if connect is not None:
            socket.connect(connect)
        return socket

    def withRaw(self, cls: Any, socketType: int, **kwargs: Any) -> tuple[Any, zmq.Socket[bytes]]:
        """
        Two ends over inproc, where nothing happens behind the scenes: what one
        has sent, the other has.

        :return: a connection of class ``cls``, and a plain socket connected to
            it.  Not for tests that shut the factory down: the socket is in its
            context.
        """
        connection = self.bound(cls, next(_names), **kwargs)
        raw = self.raw(socketType, connection.boundAddresses[0], self.factory.context)
        return connection, raw

    def lingers(self) -> list[Any]:
        """
        :return: gets the milliseconds with which sockets that push are closed from now
            on.
        """
        lingers: list[Any] = []
        close = zmq.Socket.close

        def observed(socket: Any, linger: Any = None) -> None:
            if socket.type == zmq.PUSH:
                lingers.append(linger)
            close(socket, linger)

        self.patch(zmq.Socket, "close", observed)
        return lingers

    def logged(self) -> list[str]:
        """
        :return: a list that gets the text of everything that is logged from
            now on.
        """
        texts: list[str] = []

        def observe(event: Any) -> None:
            texts.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return texts


def signalled(connection: Any) -> bool:
    """
    :return: whether libzmq tells the reactor to look at a connection.
    """
    return bool(select.select([connection], [], [], 0)[0])


def ourReaders() -> set[Any]:
    """
    :return: what the reactor reads, without what is its own: some make that anew
        when they have begun to run.
    """
    every = set(reactor.getReaders())
    return {reader for reader in every if not type(reader).__module__.startswith("twisted.")}


def alive(kind: type) -> int:
    """
    :return: how many objects of this class there are in the whole process.
    """
    gc.collect()
    return sum(type(thing) is kind for thing in gc.get_objects())


def inThread(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """
    Call something that blocks.
    """
    return deferToThread(function, *args)


@contextlib.contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """
    Trace what Python allocates, which only CPython can.

    :return: tells how many bytes have been added.
    """
    import tracemalloc

    wasTracing = tracemalloc.is_tracing()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tracemalloc.get_traced_memory()[0] - before
    finally:
        if not wasTracing:
            tracemalloc.stop()


def program(*arguments: str, **kwargs: Any) -> Deferred[tuple[bytes, bytes, int]]:
    """
    Run a Python program, in a thread: not every reactor hears of the end of
    processes.

    :param arguments: of the interpreter.
    :param kwargs: of ``subprocess.run``.
    :return: fires with what it has printed, its errors, and its exit code.
    """

    def run() -> tuple[bytes, bytes, int]:
        done = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            **kwargs,
        )
        return done.stdout, done.stderr, done.returncode

    return inThread(run)


@contextlib.contextmanager
def assigned(owner: Any, name: str, value: object) -> Any:
    """
    Give a class another attribute for a while.
    """
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def descriptors() -> int:
    """
    :return: how many file descriptors the process has open.  libzmq closes
        those of a socket a moment after the socket: wait with :func:`until`.
    """
    return len(os.listdir("/dev/fd"))


async def descriptorsBefore() -> int:
    """
    :return: as :func:`descriptors`, when those that are opened at the first use
        of ZeroMQ, and stay, are there.
    """
    factory = ZmqFactory()
    pull = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    pull.onPull = Recorder()
    address = pull.boundAddresses[0]
    push = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    push.push(b"x")
    await pull.onPull.wait()
    factory.shutdown()
    return descriptors()
