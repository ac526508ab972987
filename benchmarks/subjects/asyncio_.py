"""
Programs for pyzmq's own binding to asyncio, with asyncio's loop or uvloop.
"""

from __future__ import annotations

import asyncio
from itertools import repeat
from time import perf_counter
from typing import Any

import zmq
import zmq.asyncio
from _meter import PROBE, PROBE_INTERVAL, Meter, Opening, TickerMeter, parameters, whenTold

p = parameters()
context = zmq.asyncio.Context()
count = 0


def opened(socketType: str, kind: str = "connect", number: int = 0) -> Any:
    socket = context.socket(getattr(zmq, socketType))
    socket.hwm = p.highWaterMark
    if socketType in ("DEALER", "ROUTER"):
        socket.routing_id = b"subject"
    if socketType == "SUB":
        socket.subscribe(b"tag")
    getattr(socket, kind)(p.addresses[number])
    return socket


def receiving(socket: Any) -> Any:
    """
    :return: how to receive; messages of one frame as users do where they know
        that there is one.
    """
    isOne = p.parts == 1 and p.pattern in ("PULL", "SUB", "DEALER")
    return socket.recv if isOne else socket.recv_multipart


async def idle() -> None:
    """
    Wait for a message at a socket to which none comes.
    """
    await opened("PULL", number=1).recv()


async def receive() -> None:
    """
    Take what comes, and reply if these are requests.
    """
    global count
    # Kept, or they would be collected.
    _idle = [asyncio.ensure_future(idle()) for _ in range(p.idle)]
    socket = opened({"REP": "ROUTER"}.get(p.pattern, p.pattern))
    if p.ticker:
        loop = asyncio.get_running_loop()
        TickerMeter(p, lambda: count, loop.call_later, loop.call_soon_threadsafe)
    else:
        Meter(p, lambda: count)
    recv = receiving(socket)
    while True:
        message = await recv()
        if p.pattern == "REP":
            await socket.send_multipart(message)
        elif p.pattern == "SUB":
            _tag, _, _body = message.partition(b"\0")
        count += 1


async def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    global count
    socket = opened(p.pattern)
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    whenTold(lambda: loop.call_soon_threadsafe(ready.set))
    head = [b"peer"] if p.pattern == "ROUTER" else []
    probe = [*head, b"tag" + PROBE if p.pattern == "PUB" else PROBE]
    while not ready.is_set():
        await socket.send_multipart(probe)
        await asyncio.sleep(PROBE_INTERVAL)
    meter = Meter(p, lambda: count)
    tag = b"tag"
    while not meter.done:
        for _ in repeat(None, p.chunk):
            if p.pattern == "PUB":
                await socket.send(tag + b"\0" + p.message)
            elif head:
                await socket.send_multipart([*head, *p.frames])
            elif p.parts > 1:
                await socket.send_multipart(p.message)
            else:
                await socket.send(p.message)
        count += p.chunk
    await socket.send_multipart(probe)
    await asyncio.Event().wait()


async def request() -> None:
    """
    Have ``window`` requests in flight.
    """
    global count
    socket = opened("DEALER")
    meter = Meter(p, lambda: count)
    message = [b"0123456789abcdef", b"", *p.frames]
    for _ in range(p.window - 1):
        await socket.send_multipart(message)
    while True:
        asked = perf_counter()
        await socket.send_multipart(message)
        await socket.recv_multipart()
        if p.window == 1:
            meter.latencies.append(perf_counter() - asked)
        count += 1


async def inproc() -> None:
    """
    Push and pull in one loop.
    """
    global count
    pull = opened("PULL", "bind")
    push = opened("PUSH")
    recv = receiving(pull)
    Meter(p, lambda: count)
    while True:
        for _ in repeat(None, p.chunk):
            await push.send(p.message)
        for _ in repeat(None, p.chunk):
            await recv()
        count += p.chunk


async def connections() -> None:
    """
    Open sockets, and see what they take.
    """
    opening = Opening(p)
    for _ in range(p.connections):
        opening.opened(opened("PULL"))
    await asyncio.Event().wait()


ROLES = {
    "receive": receive,
    "send": send,
    "request": request,
    "inproc": inproc,
    "connections": connections,
}
if p.uvloop:
    import uvloop

    uvloop.run(ROLES[p.role]())
else:
    asyncio.run(ROLES[p.role]())
