"""
Programs for txZMQ's connections, as users write them: subclass, override,
push.  The same for txZMQ 1.0 and for the library of this repository.
"""

from __future__ import annotations

from time import perf_counter, thread_time
from typing import Any

import zmq
from _meter import PROBE, Meter, Opening, parameters, say
from _twisted import Bursts, Echoing, count
from twisted.internet import reactor

from txzmq import (
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
)

#: Seconds until a sender that was refused tries again.
AGAIN = 0.001

p = parameters()
factory = ZmqFactory()


class Room:
    """
    Has as much room as the others.
    """

    highWaterMark = p.highWaterMark


def opened(cls: Any, address: str = p.addresses[0], kind: str = ZmqEndpointType.connect) -> Any:
    identity = b"subject" if cls.socketType in (zmq.DEALER, zmq.ROUTER) else None
    return cls(factory, ZmqEndpoint(kind, address), identity)


class Pull(Room, ZmqPullConnection):
    got = 0

    def onPull(self, message: Any) -> None:
        self.got += 1


class Sub(Room, ZmqSubConnection):
    got = 0

    def gotMessage(self, message: Any, tag: Any) -> None:
        self.got += 1


class Dealer(Room, ZmqDealerConnection):
    got = 0

    def gotMessage(self, *parts: Any) -> None:
        self.got += 1


class Router(Room, ZmqRouterConnection):
    got = 0

    def gotMessage(self, senderId: Any, *parts: Any) -> None:
        self.got += 1


class Rep(Room, ZmqREPConnection):
    got = 0

    def gotMessage(self, messageId: Any, *parts: Any) -> None:
        self.reply(messageId, *parts)
        self.got += 1


class Push(Room, ZmqPushConnection):
    pass


class Pub(Room, ZmqPubConnection):
    pass


class Req(Room, ZmqREQConnection):
    pass


RECEIVERS = {"PULL": Pull, "SUB": Sub, "DEALER": Dealer, "ROUTER": Router, "REP": Rep}


def receive() -> None:
    """
    Take what comes, and reply if these are requests.
    """
    for _ in range(p.idle):
        opened(Pull, p.addresses[1])
    connections = [opened(RECEIVERS[p.pattern]) for _ in range(p.connections)]

    def counted() -> int:
        return sum(connection.got for connection in connections)

    if p.pattern == "SUB":
        start = thread_time()
        for number in range(p.subscriptions - 1):
            connections[0].subscribe(b"other%d" % number)
        connections[0].subscribe(b"tag")
        if p.subscriptions > 1:
            say(subscribe=(thread_time() - start) / p.subscriptions * 1e6)
    count(p, counted)


class Sender(Bursts):
    """
    Sends bursts; what is refused is tried again a little later.

    :param send: sends a message.
    :param arguments: of ``send``, one or two.
    :param probe: the same for a probe.
    """

    def __init__(self, send: Any, arguments: tuple[Any, ...], probe: tuple[Any, ...]) -> None:
        self.send = send
        self.arguments = arguments
        self.probeArguments = probe
        self.left = p.chunk
        self.begin(p)

    def sendProbe(self) -> None:
        try:
            self.send(*self.probeArguments)
        except zmq.Again:
            pass

    def burst(self) -> None:
        send = self.send
        first, *others = self.arguments
        try:
            if others:
                second = others[0]
                for left in range(self.left, 0, -1):  # noqa: B007
                    send(first, second)
            else:
                for left in range(self.left, 0, -1):  # noqa: B007
                    send(first)
        except zmq.Again:
            self.left = left
            reactor.callLater(AGAIN, self.burst)
            return
        self.left = p.chunk
        self.burstSent()


def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    message = p.message
    if p.pattern == "PUSH":
        Sender(opened(Push).push, (message,), (PROBE,))
    elif p.pattern == "PUB":
        Sender(opened(Pub).publish, (message, b"tag"), (PROBE, b"tag"))
    elif p.pattern == "DEALER":
        Sender(opened(Dealer).sendMsg, (message,), (PROBE,))
    else:
        Sender(opened(Router).sendMsg, (b"peer", message), (b"peer", PROBE))


class Client:
    """
    Sends the next request when the reply to the last has come.
    """

    def __init__(self) -> None:
        self.connection = opened(Req)
        self.got = 0
        self.latencies = Meter(p, lambda: self.got).latencies
        for _ in range(p.window):
            self.ask()

    def ask(self) -> None:
        self.connection.sendMsg(*p.frames).addCallback(self.answered)

    def answered(self, parts: list[bytes]) -> None:
        self.got += 1
        self.ask()


class PatientClient(Client):
    """
    Takes the time of each request.
    """

    def ask(self) -> None:
        self.asked = perf_counter()
        super().ask()

    def answered(self, parts: list[bytes]) -> None:
        self.latencies.append(perf_counter() - self.asked)
        super().answered(parts)


def request() -> None:
    """
    Have ``window`` requests in flight.
    """
    Client() if p.window > 1 else PatientClient()


class Echo(Echoing, Room, ZmqPullConnection):
    onPull = Echoing.took


def inproc() -> None:
    """
    Push and pull in one reactor.
    """
    pull = opened(Echo, kind=ZmqEndpointType.bind)
    pull.begin(p, opened(Push).push, p.message)


def connections() -> None:
    """
    Open connections, and see what they take.
    """
    opening = Opening(p)
    for _ in range(p.connections):
        opening.opened(opened(Pull))


ROLES = {
    "receive": receive,
    "send": send,
    "request": request,
    "inproc": inproc,
    "connections": connections,
}
reactor.callWhenRunning(ROLES[p.role])
reactor.run()
