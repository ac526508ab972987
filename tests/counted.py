"""
A program that counts what messages cost: calls of a socket's methods, of the
reactor's, of Python functions in txzmq, and memory.  ``python -m
tests.counted SCENARIO`` prints the counts as JSON; ``test_cost.py`` runs it.

It is a process of its own because the counters must be in place before txzmq
is imported: it uses the methods of pyzmq's C class, which nobody can replace
later.
"""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections import Counter
from typing import Any, Callable

import zmq
import zmq.backend

counts: Counter[str] = Counter()


def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def counter(*args: Any, **kwargs: Any) -> Any:
        counts[name] += 1
        return function(*args, **kwargs)

    return counter


#: What txzmq may call, and what it is counted as.
METHODS = {
    "recv": "recv",
    "send": "send",
    "get": "ask",
    "getsockopt": "ask",
    "poll": "ask",
    "recv_multipart": "slow",
    "send_multipart": "slow",
}

RealSocket = zmq.backend.Socket
zmq.backend.Socket = type(  # type: ignore[misc, assignment]
    "Socket",
    (),
    {
        "__module__": RealSocket.__module__,
        **{
            method: counting(name, getattr(RealSocket, method))
            for method, name in METHODS.items()
            if hasattr(RealSocket, method)
        },
    },
)
for method, name in METHODS.items():
    setattr(zmq.Socket, method, counting(name, getattr(zmq.Socket, method)))
zmq.backend.zmq_poll = counting("ask", zmq.backend.zmq_poll)

from twisted.internet import reactor  # noqa: E402
from zope.interface import directlyProvides, providedBy  # noqa: E402

import txzmq  # noqa: E402
from txzmq import (  # noqa: E402
    ReadBudget,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
)

#: Seconds that a scenario may take.
PATIENCE = 60

#: Messages per scenario.
COUNT = 1000

#: The bytes of a large message.
LARGE = 1 << 18

#: Ends a read by nothing but an empty socket: a slow machine must not change
#: the counts.
UNBOUNDED = ReadBudget(messages=10**9, seconds=1e9, bytes=10**12)


class CountingReactor:
    """
    The reactor, with its calls counted.
    """

    def __init__(self) -> None:
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return counting(name, getattr(reactor, name))


factory = ZmqFactory(CountingReactor())
peers: list[zmq.Socket[bytes]] = []


def opened(cls: Any, kind: str = ZmqEndpointType.bind) -> Any:
    cls.readBudget = UNBOUNDED
    return cls(factory, ZmqEndpoint(kind, "inproc://counted"))


class Pull(ZmqPullConnection):
    got = 0
    due = COUNT

    def onPull(self, message: list[bytes]) -> None:
        self.got += 1
        if self.got == self.due:
            finish()


def raw(socketType: int) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = factory.context.socket(socketType)
    socket.linger = 0
    socket.connect("inproc://counted")
    peers.append(socket)
    return socket


def profile(frame: Any, event: str, arg: object) -> None:
    if event == "call" and frame.f_globals.get("__package__") == txzmq.__name__:
        counts["python"] += 1


def begin() -> None:
    """
    Count from now on.
    """
    gc.collect()
    counts.clear()
    sys.setprofile(profile)


def finish() -> None:
    """
    Print the counts once the read that is going on is over.
    """
    reactor.callLater(0, report)


def report() -> None:
    sys.setprofile(None)
    print(json.dumps(counts))
    sys.stdout.flush()
    for peer in peers:
        peer.close()
    factory.shutdown()
    reactor.stop()


def later(call: Callable[[], None]) -> None:
    """
    Call something when all that opening connections has scheduled is over.
    """
    reactor.callLater(0, reactor.callLater, 0, call)


def receive(frames: int) -> None:
    """
    Messages that all wait when the connection looks.
    """
    opened(Pull)
    push = raw(zmq.PUSH)
    for _ in range(COUNT):
        push.send_multipart([b"x"] * frames)
    begin()


def send(cls: Any, socketType: int, message: Any) -> None:
    """
    Messages sent in one go.
    """
    connection = opened(cls)
    raw(socketType)

    def burst() -> None:
        begin()
        for _ in range(COUNT):
            connection.send(message)
        finish()

    later(burst)


class Rep(ZmqREPConnection):
    def gotMessage(self, messageId: Any, *parts: Any) -> None:
        self.reply(messageId, *parts)


def requests(inFlight: int) -> None:
    """
    Requests and replies, both ends in one reactor.
    """
    opened(Rep)
    req = opened(ZmqREQConnection, ZmqEndpointType.connect)
    left = [COUNT - inFlight, COUNT]

    def ask() -> None:
        req.sendMsg(b"x").addCallback(answered)

    def answered(parts: object) -> None:
        left[1] -= 1
        if left[0]:
            left[0] -= 1
            ask()
        elif not left[1]:
            finish()

    def burst() -> None:
        begin()
        for _ in range(inFlight):
            ask()

    later(burst)


def large() -> None:
    """
    The memory that large messages take as they are received.
    """

    class Measuring(Pull):
        due = 50

        def onPull(self, message: list[bytes]) -> None:
            super().onPull(message)
            counts["peak"] = tracemalloc.get_traced_memory()[1] - before

    opened(Measuring)
    push = raw(zmq.PUSH)
    for _ in range(Measuring.due):
        push.send(bytes(LARGE))
    begin()
    sys.setprofile(None)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]


def memory() -> None:
    """
    The blocks of memory that are left behind by requests and replies.
    """
    opened(Rep)
    req = opened(ZmqREQConnection, ZmqEndpointType.connect)
    rounds = iter(range(5))
    blocks = 0

    def burst() -> None:
        nonlocal blocks
        gc.collect()
        before, blocks = blocks, sys.getallocatedblocks()
        # The first rounds fill caches.
        if next(rounds, None) is None:
            counts.clear()
            counts["blocks"] = blocks - before
            finish()
            return
        waiting = [COUNT]
        for _ in range(COUNT):
            req.sendMsg(b"x").addCallback(answered, waiting)

    def answered(parts: object, waiting: list[int]) -> None:
        waiting[0] -= 1
        if not waiting[0]:
            reactor.callLater(0, burst)

    burst()


SCENARIOS: dict[str, Callable[[], None]] = {
    "receive": lambda: receive(1),
    "receiveMultipart": lambda: receive(4),
    "send": lambda: send(ZmqPushConnection, zmq.PULL, b"x"),
    "sendMultipart": lambda: send(ZmqPushConnection, zmq.PULL, [b"x"] * 4),
    "sendDealer": lambda: send(ZmqDealerConnection, zmq.DEALER, b"x"),
    "requestsInTurn": lambda: requests(1),
    "requestsInFlight": lambda: requests(100),
    "large": large,
    "memory": memory,
}

if __name__ == "__main__":
    # Whatever hangs ends here, and fails the test for want of counts.
    reactor.callLater(PATIENCE, reactor.stop)
    reactor.callWhenRunning(SCENARIOS[sys.argv[1]])
    reactor.run()
