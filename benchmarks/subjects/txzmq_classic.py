"""
Programs for txZMQ's connections, as users write them: subclass, override,
push.  The same for txZMQ 1.0 and for the library of this repository.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import zmq
from _meter import PROBE, PROBE_INTERVAL, Meter, parameters, whenTold
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

p = parameters()
meter = Meter(p)
factory = ZmqFactory()


def opened(cls: Any, address: str = p.address, kind: str = ZmqEndpointType.connect) -> Any:
    cls.highWaterMark = p.highWaterMark
    identity = b"subject" if cls.socketType in (zmq.DEALER, zmq.ROUTER) else None
    return cls(factory, ZmqEndpoint(kind, address), identity)


class Pull(ZmqPullConnection):
    left = meter.chunk

    def onPull(self, message):
        self.left -= 1
        if not self.left:
            self.left = meter.mark()


class Sub(ZmqSubConnection):
    left = meter.chunk

    def gotMessage(self, message, tag):
        self.left -= 1
        if not self.left:
            self.left = meter.mark()


class Dealer(ZmqDealerConnection):
    left = meter.chunk

    def gotMessage(self, *parts):
        self.left -= 1
        if not self.left:
            self.left = meter.mark()


class Router(ZmqRouterConnection):
    left = meter.chunk

    def gotMessage(self, senderId, *parts):
        self.left -= 1
        if not self.left:
            self.left = meter.mark()


class Rep(ZmqREPConnection):
    left = meter.chunk

    def gotMessage(self, messageId, *parts):
        self.reply(messageId, *parts)
        self.left -= 1
        if not self.left:
            self.left = meter.mark()


def receive() -> None:
    """
    Take what comes.
    """
    connection = opened({"PULL": Pull, "SUB": Sub, "DEALER": Dealer, "ROUTER": Router}[p.pattern])
    if p.pattern == "SUB":
        connection.subscribe(b"")


class Sender:
    """
    Sends in bursts, and gives the reactor its turn in between.
    """

    def __init__(self, send: Any, *arguments: Any) -> None:
        self.send = send
        self.arguments = arguments
        self.left = meter.chunk
        self.ready = False
        whenTold(lambda: reactor.callFromThread(self.start))

    def probe(self) -> None:
        if not self.ready:
            try:
                self.send(*self.arguments[:-1], PROBE)
            except zmq.Again:
                pass
            reactor.callLater(PROBE_INTERVAL, self.probe)

    def start(self) -> None:
        self.ready = True
        self.burst()

    def burst(self) -> None:
        send, message = self.send, self.arguments[-1]
        try:
            if len(self.arguments) == 1:
                for left in range(self.left, 0, -1):
                    send(message)
            else:
                recipient = self.arguments[0]
                for left in range(self.left, 0, -1):
                    send(recipient, message)
        except zmq.Again:
            self.left = left
        else:
            self.left = meter.mark()
        if not meter.done:
            reactor.callLater(0, self.burst)


def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    if p.pattern == "PUSH":
        sender = Sender(opened(ZmqPushConnection).push, p.message)
    elif p.pattern == "PUB":
        sender = Sender(opened(ZmqPubConnection).publish, p.message)
    elif p.pattern == "DEALER":
        sender = Sender(opened(ZmqDealerConnection).sendMsg, p.message)
    else:
        sender = Sender(opened(ZmqRouterConnection).sendMsg, b"peer", p.message)
    sender.probe()


class Client:
    """
    Sends the next request when the reply to the last has come.
    """

    def __init__(self) -> None:
        self.connection = opened(ZmqREQConnection)
        self.left = meter.chunk
        for _ in range(p.window):
            self.ask(None)

    def ask(self, _: object) -> None:
        self.connection.sendMsg(*p.frames).addCallback(self.answered)

    def answered(self, parts: list[bytes]) -> None:
        self.left -= 1
        if not self.left:
            self.left = meter.mark()
        self.ask(None)


class PatientClient(Client):
    """
    Takes the time of each request.
    """

    def ask(self, _: object) -> None:
        self.asked = perf_counter()
        super().ask(None)

    def answered(self, parts: list[bytes]) -> None:
        meter.latencies.append(perf_counter() - self.asked)
        super().answered(parts)


def request() -> None:
    """
    Have ``window`` requests in flight.
    """
    Client() if p.window > 1 else PatientClient()


def reply() -> None:
    """
    Reply to requests.
    """
    opened(Rep)


def inproc() -> None:
    """
    Push and pull in one reactor.
    """
    pull = opened(Pull, kind=ZmqEndpointType.bind)
    push = opened(ZmqPushConnection).push

    def burst() -> None:
        for _ in range(meter.chunk):
            push(p.message)
        pull.due += 1
        step()

    def step() -> None:
        # No more than two chunks under way: what waits costs cache misses.
        ahead = pull.due - meter.chunks
        reactor.callLater(0, burst if ahead < 2 else step)

    pull.due = 0
    burst()


reactor.callWhenRunning(
    {"receive": receive, "send": send, "request": request, "reply": reply, "inproc": inproc}[p.role]
)
reactor.run()
