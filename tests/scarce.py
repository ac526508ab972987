"""
What happens when file descriptors run out: ``python -m tests.scarce`` does each
of the things below once for every number of them that may be left, each time in
a child process, and prints the outcomes as JSON; ``test_exhaustion.py`` runs it.

The children are forked by one process that has imported everything, and has no
reactor and no context yet: that is quick, and they share nothing.  A child that
libzmq aborts, or that hangs, has the outcome "died".
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from typing import Any, Callable

import zmq
from twisted.internet.error import ConnectionDone
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure

from txzmq import (
    ZmqEndpoint,
    ZmqError,
    ZmqFactory,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqPushConnection,
    createZmqConnection,
)

from .forking import fork
from .support import Recorder

#: How many may be left: from none to more than anything here needs.
LEFT = range(25)

#: Seconds after which a child has hung.
PATIENCE = 100

#: The most that a child has open at once.
LIMIT = 300


class Child:
    """
    One attempt.

    :param left: how many descriptors to leave.
    """

    def __init__(self, left: int) -> None:
        self.left = left
        self.outcomes: list[str] = []
        self.reactor = SelectReactor()
        self.factory = self.newFactory()
        self.directory = tempfile.mkdtemp()
        self._taken: list[int] = []

    def newFactory(self) -> ZmqFactory:
        factory = ZmqFactory(self.reactor)
        factory.lingerPeriod = 0
        return factory

    def scarce(self) -> None:
        """
        From now on there are no more than those.
        """
        try:
            while True:
                self._taken.append(os.dup(0))
        except OSError:
            for _ in range(self.left):
                os.close(self._taken.pop())

    def plenty(self) -> None:
        """
        There are enough again.
        """
        while self._taken:
            os.close(self._taken.pop())

    def attempt(self, function: Callable[..., Any], *args: Any) -> Any:
        """
        Call something, and record how that goes.
        """
        try:
            result = function(*args)
        except ZmqError as error:
            self.outcomes.append(described(error))
            return None
        self.outcomes.append("works")
        return result

    def push(self, *endpoint: str) -> Any:
        return ZmqPushConnection(self.factory, ZmqEndpoint(*endpoint) if endpoint else None)

    def pull(self, *endpoint: str) -> Any:
        return ZmqPullConnection(self.factory, ZmqEndpoint(*endpoint))

    def ipc(self) -> str:
        return f"ipc://{self.directory}/socket"

    def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.reactor.iterate(0.01)

    def works(self) -> None:
        """
        A message gets through, with a factory of its own.
        """
        factory = self.newFactory()
        pull = ZmqPullConnection(factory, ZmqEndpoint("bind", "tcp://127.0.0.1:*"))
        pull.onPull = Recorder()
        push = ZmqPushConnection(factory, ZmqEndpoint("connect", pull.boundAddresses[0]))
        push.push(b"x")
        self.until(lambda: pull.onPull.events)
        factory.shutdown()


def described(error: ZmqError) -> str:
    """
    :return: the kind of an error, and whether it tells what to do.
    """
    number = errno.errorcode.get(getattr(error, "errno", 0), "?")
    advice = " with advice" if "ulimit -n" in str(error) else ""
    return f"{type(error).__name__} {number}{advice}"


def opened() -> int:
    return len(os.listdir("/dev/fd"))


# What is attempted.


def context(child: Child) -> None:
    child.scarce()
    child.attempt(lambda: child.factory.context)


def first(child: Child) -> None:
    child.scarce()
    child.attempt(child.push)


def threads(child: Child) -> None:
    child.factory.ioThreads = 4
    child.scarce()
    child.attempt(child.push)


def more(child: Child) -> None:
    child.push()
    child.scarce()
    for _ in range(10):
        child.attempt(child.push)


def bound(child: Child) -> None:
    child.scarce()
    child.attempt(child.pull, "bind", "tcp://127.0.0.1:*")


def addresses(child: Child) -> None:
    pull = child.pull("bind", "inproc://first")
    child.scarce()
    for address in ("tcp://127.0.0.1:*", "tcp://lo:*", "tcp://*:*", child.ipc(), "inproc://x"):
        child.attempt(pull.addEndpoints, [ZmqEndpoint("bind", address)])


def connected(child: Child) -> None:
    push = child.push()
    child.scarce()
    for address in ("tcp://127.0.0.1:1", "tcp://name.invalid:1", child.ipc(), "inproc://x"):
        child.attempt(push.addEndpoints, [ZmqEndpoint("connect", address)])


def monitored(child: Child) -> None:
    push = child.push("bind", "tcp://127.0.0.1:*")
    child.scarce()
    child.attempt(push.enableMonitor)
    child.attempt(push.addEndpoints, [ZmqEndpoint("connect", "inproc://x")])


def transport(child: Child) -> None:
    child.push()
    child.scarce()

    def create() -> None:
        results: list[Any] = []
        opening = createZmqConnection(
            ZmqProtocol, zmq.PULL, bind="tcp://127.0.0.1:*", factory=child.factory
        )
        opening.addBoth(results.append)
        if isinstance(results[0], Failure):
            results[0].raiseException()

    child.attempt(create)


def unmatched(child: Child) -> None:
    """
    What nobody has bound keeps libzmq busy when the context ends.
    """
    for number in range(4):
        child.push("connect", f"inproc://{number}")
    child.scarce()
    child.attempt(child.factory.shutdown)


def incoming(child: Child) -> None:
    """
    A peer comes while there are none, and is served when there are.
    """
    pull = child.pull("bind", "tcp://127.0.0.1:*")
    pull.onPull = Recorder()
    events = Recorder()
    pull.eventReceived = events
    pull.enableMonitor()
    port = int(pull.boundAddresses[0].rpartition(":")[2])
    with socket.socket() as peer:
        child.scarce()
        peer.connect(("127.0.0.1", port))
        for _ in range(100):
            child.reactor.iterate(0)
        child.outcomes.append("quiet" if len(events.events) < 10 else "noisy")
        child.plenty()
        # A greeting of ZMTP begins so.
        child.outcomes.append("works" if peer.recv(1) == b"\xff" else "nobody")


ATTEMPTS = (
    context,
    first,
    threads,
    more,
    bound,
    addresses,
    connected,
    monitored,
    transport,
    unmatched,
    incoming,
)


def run(attempt: Callable[[Child], None], left: int) -> list[str]:
    """
    :return: the outcomes of an attempt, and what remained of it.
    """
    child = Child(left)
    child.works()
    before = opened()
    attempt(child)
    child.plenty()
    child.factory.shutdown()
    for reader in child.reactor.removeAll():
        reader.connectionLost(Failure(ConnectionDone()))
    deadline = time.monotonic() + PATIENCE / 2
    while opened() != before and time.monotonic() < deadline:
        time.sleep(0.001)
    child.works()
    remain = opened() - before
    return child.outcomes + ([f"{remain} remain"] if remain > 0 else [])


def forked(attempt: Callable[[Child], None], left: int) -> list[str]:
    """
    As :func:`run`, in a child process.
    """
    ours, theirs = os.pipe()
    if fork() == 0:
        signal.alarm(PATIENCE)
        os.close(ours)
        try:
            outcomes = run(attempt, left)
        except BaseException as error:
            outcomes = [f"raises {error!r}"]
        os.write(theirs, json.dumps(outcomes).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as file:
        result = file.read()
    os.wait()
    return list(json.loads(result)) if result else ["died"]


def main() -> None:
    # libzmq says why it aborts; that is told by the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, hard))
    json.dump({a.__name__: [forked(a, left) for left in LEFT] for a in ATTEMPTS}, sys.stdout)


if __name__ == "__main__":
    main()
