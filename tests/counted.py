"""
A program that counts what messages cost: calls of a socket's methods, of the
reactor's, of the clock, and of Python functions in txzmq.  ``python -m
tests.counted SCENARIO`` prints the counts as JSON; ``test_cost.py`` runs it.
``SCENARIO memory`` prints the bytes that Python takes instead, and ``SCENARIO
idle`` has other connections around.  Of requests it counts those that have a dictionary
for their attributes.

It is a process of its own because the counters must be in place before txzmq
is imported: it uses the methods of pyzmq's C class, which nobody can replace
later.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from collections import Counter
from typing import Any, Callable

import zmq
import zmq.backend

counts: Counter[str] = Counter()
options = sys.argv[2:]


def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def counter(*args: Any, **kwargs: Any) -> Any:
        counts[name] += 1
        return function(*args, **kwargs)

    return counter


#: The methods of pyzmq's C class, and what they are counted as.
METHODS = {
    "recv": "recv",
    "send": "send",
    "get": "ask",
    "getsockopt": "ask",
    "poll": "ask",
    "recv_multipart": "slow",
    "send_multipart": "slow",
}

#: Those of ``zmq.Socket``: for messages it is the long way.
WRAPPERS = {**METHODS, "recv": "slow", "send": "slow"}

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
for method, name in WRAPPERS.items():
    setattr(zmq.Socket, method, counting(name, getattr(zmq.Socket, method)))
#: Whoever wants to know where libzmq has the socket is going to ask it.
address = counting("ask", vars(RealSocket)["underlying"].__get__)
zmq.Socket.underlying = property(address)  # type: ignore[assignment]
zmq.backend.zmq_poll = counting("ask", zmq.backend.zmq_poll)
time.perf_counter = counting("clock", time.perf_counter)

from twisted.internet import reactor  # noqa: E402
from zope.interface import directlyProvides, providedBy  # noqa: E402

import txzmq  # noqa: E402
from txzmq import (  # noqa: E402
    ReadBudget,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqProtocol,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
    ZmqTransport,
    createZmqConnection,
)

#: Seconds that a scenario may take.
PATIENCE = 60

#: Messages per scenario.  Of memory some is taken once, by Python itself, and
#: differently in each of its versions: next to many messages that is little.
COUNT = 10_000 if "memory" in options else 1000

#: The bytes of a large message, and how many there are of them.
LARGE = 1 << 18
FEWER = 50

#: Connections that have nothing to do.
IDLE = 100

#: Where the two ends meet.
ADDRESS = "inproc://counted"

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
        return counting("reactor", getattr(reactor, name))


factory = ZmqFactory(CountingReactor())
requested: list[object] = []
peers: list[zmq.Socket[bytes]] = []


def opened(cls: Any, kind: str = ZmqEndpointType.bind) -> Any:
    cls.readBudget = UNBOUNDED
    return cls(factory, ZmqEndpoint(kind, ADDRESS))


def subscribed() -> Any:
    sub = opened(ZmqSubConnection, ZmqEndpointType.connect)
    sub.subscribe(b"tag")
    return sub


def protocol(socketType: int, **endpoint: Any) -> ZmqProtocol:
    ZmqTransport.readBudget = UNBOUNDED
    made = ZmqProtocol()
    createZmqConnection(lambda: made, socketType, factory=factory, **endpoint)
    return made


def raw(socketType: int) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = factory.context.socket(socketType)
    socket.linger = 0
    socket.set_hwm(0)
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
    if "memory" in options:
        tracemalloc.start()
    else:
        sys.setprofile(profile)


def hasDictionary(instance: object) -> bool:
    """
    :return: whether its attributes are in one, and not in the instance itself.
    """
    return any(type(held) is dict for held in gc.get_referents(instance))


def finish() -> None:
    """
    Print the counts once the read that is going on is over.
    """
    reactor.callLater(0, report)


def report() -> None:
    sys.setprofile(None)
    if tracemalloc.is_tracing():
        gc.collect()
        left, peak = tracemalloc.get_traced_memory()
        print(json.dumps({"left": left, "peak": peak}))
    else:
        counts["dictionaries"] = sum(map(hasDictionary, requested))
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


def receive(
    socketType: int,
    message: list[bytes],
    open: Callable[[], Any],
    callback: str = "messageReceived",
    count: int = COUNT,
) -> None:
    """
    Messages that all wait when the connection looks.

    :param socketType: who sends them.
    :param callback: the name of what gets them.
    """
    peer = raw(socketType)
    peer.bind(ADDRESS)
    left = iter(range(count - 1))

    def take(*message: object) -> None:
        if next(left, None) is None:
            finish()

    setattr(open(), callback, take)
    # It hears of its peer, and of the subscription.
    peer.poll(0, zmq.POLLOUT)
    for _ in range(count):
        peer.send_multipart(message, zmq.NOBLOCK)
    begin()


def send(socketType: int, open: Callable[[], Any], call: Callable[[Any], object]) -> None:
    """
    Messages sent in one go.

    :param socketType: who gets them.
    """
    sender = open()
    peer = raw(socketType)
    if socketType == zmq.SUB:
        peer.subscribe(b"tag")
    peer.connect(ADDRESS)

    def burst() -> None:
        begin()
        for _ in range(COUNT):
            call(sender)
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
        request = req.sendMsg(b"x").addCallback(answered)
        if "memory" not in options:
            requested.append(request)

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


def start(scenario: Callable[[], None]) -> None:
    """
    Begin with a scenario, when connections that have nothing to do have found
    that out.
    """
    for number in range(IDLE if "idle" in options else 0):
        ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, f"{ADDRESS}-{number}"))
    later(scenario)


def pull() -> Any:
    return opened(ZmqPullConnection, ZmqEndpointType.connect)


def router() -> Any:
    return opened(ZmqRouterConnection, ZmqEndpointType.connect)


def push() -> Any:
    return opened(ZmqPushConnection)


SCENARIOS: dict[str, Callable[[], None]] = {
    "receive": lambda: receive(zmq.PUSH, [b"x"], pull, "onPull"),
    "receiveMultipart": lambda: receive(zmq.PUSH, [b"x"] * 4, pull, "onPull"),
    "receiveLarge": lambda: receive(zmq.PUSH, [bytes(LARGE)], pull, "onPull", FEWER),
    "receiveTopic": lambda: receive(zmq.XPUB, [b"tag\0x"], subscribed, "gotMessage"),
    "receiveRouted": lambda: receive(zmq.DEALER, [b"x"], router, "gotMessage"),
    "receiveProtocol": lambda: receive(
        zmq.PUSH, [b"x"], lambda: protocol(zmq.PULL, connect=ADDRESS)
    ),
    "send": lambda: send(zmq.PULL, push, lambda it: it.send(b"x")),
    "sendMultipart": lambda: send(zmq.PULL, push, lambda it: it.send([b"x"] * 4)),
    "sendDealer": lambda: send(
        zmq.DEALER, lambda: opened(ZmqDealerConnection), lambda it: it.send(b"x")
    ),
    "push": lambda: send(zmq.PULL, push, lambda it: it.push([b"x"])),
    "publish": lambda: send(
        zmq.SUB, lambda: opened(ZmqPubConnection), lambda it: it.publish(b"x", b"tag")
    ),
    "write": lambda: send(
        zmq.PULL, lambda: protocol(zmq.PUSH, bind=ADDRESS), lambda it: it.transport.write([b"x"])
    ),
    "requestsInTurn": lambda: requests(1),
    "requestsInFlight": lambda: requests(100),
}

if __name__ == "__main__":
    # Whatever hangs ends here, and fails the test for want of counts.
    reactor.callLater(PATIENCE, reactor.stop)
    reactor.callWhenRunning(start, SCENARIOS[sys.argv[1]])
    reactor.run()
