"""
Programs for txZMQ's transports and protocols, as users write them: override
``messageReceived``, write lists of frames, stop at ``pauseWriting``.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

import zmq
from _meter import PROBE, Opening, parameters
from _twisted import Bursts, Echoing, count
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txzmq import ZmqFactory, ZmqProtocol, createZmqConnection

p = parameters()
factory = ZmqFactory()


class Protocol(ZmqProtocol):
    """
    Has as much room as the others.
    """

    def connectionMade(self) -> None:
        self.transport.setsockopt(zmq.SNDHWM, p.highWaterMark)
        self.transport.setsockopt(zmq.RCVHWM, p.highWaterMark)


class Receiver(Protocol):
    """
    Takes what comes.
    """

    got = 0

    def messageReceived(self, parts: list[bytes]) -> None:
        self.got += 1


class Subscriber(Receiver):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.subscribe(b"tag")

    def messageReceived(self, parts: list[bytes]) -> None:
        _tag, _, _body = parts[0].partition(b"\0")
        self.got += 1


class Sender(Bursts, Protocol):
    """
    Sends a burst; the next when there is room for it.
    """

    probeMessage = [PROBE]
    isPaused = False

    def sendProbe(self) -> None:
        if not self.isPaused:
            self.transport.write(self.probeMessage)

    def burst(self) -> None:
        self.writeBurst(self.transport.write)
        if not self.isPaused:
            self.burstSent()

    def writeBurst(self, write: Any) -> None:
        message = p.frames
        for _ in repeat(None, p.chunk):
            write(message)

    def pauseWriting(self) -> None:
        self.isPaused = True

    def resumeWriting(self) -> None:
        self.isPaused = False
        if self.meter is not None:
            self.burstSent()


class RouterSender(Sender):
    probeMessage = [b"peer", PROBE]

    def writeBurst(self, write: Any) -> None:
        message = p.frames
        for _ in repeat(None, p.chunk):
            write([b"peer", *message])


class Publisher(Sender):
    probeMessage = [b"tag\0" + PROBE]

    def writeBurst(self, write: Any) -> None:
        message, tag = p.message, b"tag"
        for _ in repeat(None, p.chunk):
            write([tag + b"\0" + message])


class Echo(Echoing, Protocol):
    messageReceived = Echoing.took


SENDERS = {"PUB": Publisher, "ROUTER": RouterSender}


async def opened(cls: Any, socketType: str, kind: str = "connect", number: int = 0) -> Any:
    opening = createZmqConnection(
        cls, getattr(zmq, socketType), factory=factory, **{kind: p.addresses[number]}
    )
    _transport, protocol = await opening
    return protocol


async def receive() -> None:
    """
    Take what comes.
    """
    for _ in range(p.idle):
        await opened(Receiver, "PULL", number=1)
    protocol = await opened(Subscriber if p.pattern == "SUB" else Receiver, p.pattern)
    count(p, lambda: protocol.got)


async def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    protocol = await opened(SENDERS.get(p.pattern, Sender), p.pattern)
    protocol.begin(p)


async def inproc() -> None:
    """
    Push and pull in one reactor.
    """
    pull = await opened(Echo, "PULL", "bind")
    push = await opened(Protocol, "PUSH")
    pull.begin(p, push.transport.write, p.frames)


async def connections() -> None:
    """
    Open connections, and see what they take.
    """
    opening = Opening(p)
    for _ in range(p.connections):
        opening.opened(await opened(Receiver, "PULL"))


ROLES = {"receive": receive, "send": send, "inproc": inproc, "connections": connections}


async def main(reactor: object) -> None:
    """
    Play a role for ever.
    """
    await ROLES[p.role]()
    await Deferred()


react(main)
