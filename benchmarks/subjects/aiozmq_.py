"""
Programs for aiozmq's transports and protocols, its fastest interface.
"""

from __future__ import annotations

import asyncio
from itertools import repeat
from time import perf_counter
from typing import Any

import aiozmq
import zmq
from _meter import PROBE, PROBE_INTERVAL, Meter, Opening, TickerMeter, parameters, whenTold

p = parameters()


class Receiver(aiozmq.ZmqProtocol):
    """
    Takes what comes.
    """

    count = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.writable = asyncio.Event()
        self.writable.set()

    def msg_received(self, message: list[bytes]) -> None:
        self.count += 1

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


class Subscriber(Receiver):
    def msg_received(self, message: list[bytes]) -> None:
        _tag, _, _body = message[0].partition(b"\0")
        self.count += 1


class Replier(Receiver):
    def msg_received(self, message: list[bytes]) -> None:
        self.transport.write(message)
        self.count += 1


class Client(Receiver):
    """
    Sends the next request when the reply to the last has come.
    """

    def ask(self) -> None:
        self.asked = perf_counter()
        self.transport.write([b"0123456789abcdef", b"", *p.frames])

    def msg_received(self, message: list[bytes]) -> None:
        if p.window == 1:
            self.meter.latencies.append(perf_counter() - self.asked)
        self.count += 1
        self.ask()


class Echo(Receiver):
    """
    Pulls a burst, and has the next one pushed.
    """

    due = 0

    def burst(self) -> None:
        self.due += p.chunk
        for _ in repeat(None, p.chunk):
            self.push.write(p.frames)

    def msg_received(self, message: list[bytes]) -> None:
        self.count += 1
        if self.count == self.due:
            asyncio.get_running_loop().call_soon(self.burst)


async def opened(cls: Any, socketType: str, kind: str = "connect", number: int = 0) -> Any:
    transport, protocol = await aiozmq.create_zmq_connection(cls, getattr(zmq, socketType))
    transport.setsockopt(zmq.SNDHWM, p.highWaterMark)
    transport.setsockopt(zmq.RCVHWM, p.highWaterMark)
    if socketType == "SUB":
        transport.subscribe(b"tag")
    await getattr(transport, kind)(p.addresses[number])
    return protocol


async def receive() -> None:
    """
    Take what comes, and reply if these are requests.
    """
    for _ in range(p.idle):
        await opened(Receiver, "PULL", number=1)
    cls = {"SUB": Subscriber, "REP": Replier}.get(p.pattern, Receiver)
    protocol = await opened(cls, {"REP": "ROUTER"}.get(p.pattern, p.pattern))
    if p.ticker:
        loop = asyncio.get_running_loop()
        TickerMeter(p, lambda: protocol.count, loop.call_later, loop.call_soon_threadsafe)
    else:
        Meter(p, lambda: protocol.count)


async def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    protocol = await opened(Receiver, p.pattern)
    write = protocol.transport.write
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    whenTold(lambda: loop.call_soon_threadsafe(ready.set))
    head = [b"peer"] if p.pattern == "ROUTER" else []
    probe = [*head, b"tag" + PROBE if p.pattern == "PUB" else PROBE]
    while not ready.is_set():
        write(probe)
        await asyncio.sleep(PROBE_INTERVAL)
    meter = Meter(p, lambda: protocol.count)
    tag = b"tag"
    while not meter.done:
        if p.pattern == "PUB":
            for _ in repeat(None, p.chunk):
                write([tag + b"\0" + p.message])
        elif head:
            for _ in repeat(None, p.chunk):
                write([*head, *p.frames])
        else:
            for _ in repeat(None, p.chunk):
                write(p.frames)
        protocol.count += p.chunk
        await protocol.writable.wait()
        await asyncio.sleep(0)
    write(probe)


async def request() -> None:
    """
    Have ``window`` requests in flight.
    """
    protocol = await opened(Client, "DEALER")
    protocol.meter = Meter(p, lambda: protocol.count)
    for _ in range(p.window):
        protocol.ask()


async def inproc() -> None:
    """
    Push and pull in one loop.
    """
    pull = await opened(Echo, "PULL", "bind")
    pull.push = (await opened(Receiver, "PUSH")).transport
    Meter(p, lambda: pull.count)
    pull.burst()


async def connections() -> None:
    """
    Open connections, and see what they take.
    """
    opening = Opening(p)
    for _ in range(p.connections):
        opening.opened(await opened(Receiver, "PULL"))


ROLES = {
    "receive": receive,
    "send": send,
    "request": request,
    "inproc": inproc,
    "connections": connections,
}


async def main() -> None:
    """
    Play a role for ever.
    """
    await ROLES[p.role]()
    await asyncio.Event().wait()


asyncio.run(main())
