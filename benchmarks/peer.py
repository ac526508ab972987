"""
The other side of whatever is measured: plain pyzmq, as fast as Python can, or libzmq.

Parameters come as JSON in ``argv[1]``.  The first line printed has the
addresses that it is bound to; then there may be ``{"ready": true}``, once the
measured side has been heard, and what is measured here.  It goes on until it
is killed.
"""

from __future__ import annotations

import json
import sys
from itertools import repeat
from pathlib import Path
from threading import Event
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import zmq
from zmq.backend import Socket as BaseSocket

sys.path.insert(0, str(Path(__file__).parent / "subjects"))

from _meter import PROBE, Meter, say

SNDMORE = int(zmq.SNDMORE)

#: Who talks to whom.
PARTNERS = {
    "PULL": zmq.PUSH,
    "PUSH": zmq.PULL,
    "SUB": zmq.XPUB,
    "PUB": zmq.SUB,
    "DEALER": zmq.DEALER,
    "ROUTER": zmq.DEALER,
    "REQ": zmq.ROUTER,
    "REP": zmq.DEALER,
}

p = SimpleNamespace(**json.loads(sys.argv[1]))
body = [b"x" * p.size] * p.parts
context = zmq.Context()


def bound(socketType: int) -> zmq.Socket[bytes]:
    socket = context.socket(socketType)
    socket.hwm = p.highWaterMark
    # Thousands connect at the same moment.
    socket.backlog = 4096
    if socketType == zmq.DEALER:
        socket.routing_id = b"peer"
    elif socketType == zmq.SUB:
        socket.subscribe(b"tag")
    elif socketType == zmq.XPUB:
        # Wait for a slow subscriber; PUB would drop.
        socket.xpub_nodrop = True
    if socketType == zmq.PUSH:
        monitors[socket] = socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED)
    socket.bind(p.bind)
    return socket


def awaitConnections(socket: zmq.Socket[bytes], count: int) -> None:
    """
    Wait until so many are connected.
    """
    for _ in range(count):
        monitors[socket].recv_multipart()
    socket.disable_monitor()


monitors: dict[Any, Any] = {}
socket = bound(PARTNERS[p.pattern])
# The methods of pyzmq's C class: those of zmq.Socket wrap them.
send: Any = BaseSocket.send.__get__(socket)
recv: Any = BaseSocket.recv.__get__(socket)


def sendAll(frames: list[bytes]) -> None:
    """
    Send one message.
    """
    for frame in frames[:-1]:
        send(frame, SNDMORE)
    send(frames[-1], 0)


def flood() -> None:
    """
    Send without end.
    """
    frames = body
    if p.pattern == "PULL":
        if p.idle:
            awaitConnections(idle, p.idle)
        awaitConnections(socket, p.connections)
    elif p.pattern == "SUB":
        for _ in range(p.subscriptions):
            socket.recv()
        frames = [b"tag\0" + body[0]]
    if len(frames) == 1:
        for message in repeat(frames[0]):
            send(message, 0)
    while True:
        sendAll(frames)


def take() -> None:
    """
    Receive what is sent, between probes, and say how fast it came.
    """
    frame = recv()
    say(ready=True)
    while frame.endswith(PROBE):
        frame = recv()
    start = perf_counter()
    chunks = 0
    while not frame.endswith(PROBE):
        for _ in repeat(None, p.chunk * p.parts - 1):
            recv()
        chunks += 1
        end = perf_counter()
        frame = recv()
    say(rate=chunks * p.chunk / (end - start))


def sendBack() -> None:
    """
    Send whatever comes back to where it came from, without Python: where many are in
    flight, what is measured would else wait for us.
    """
    zmq.proxy(socket, socket)


def echo() -> None:
    """
    Reply to requests, with their own frames.
    """
    if p.window > 1:
        sendBack()
    count = p.parts + 3
    while True:
        sendAll([recv() for _ in repeat(None, count)])


def ask() -> None:
    """
    Have ``window`` requests in flight.
    """
    count = p.parts + 2
    for number in range(p.window):
        sendAll([b"request%09d" % number, b"", *body])
    if p.window > 1:
        sendBack()
    asked = 0
    latencies = Meter(p, lambda: asked).latencies
    message = [recv() for _ in repeat(None, count)]
    while True:
        start = perf_counter()
        sendAll(message)
        message = [recv() for _ in repeat(None, count)]
        latencies.append(perf_counter() - start)
        asked += 1


def accept() -> None:
    """
    Wait until all are connected.
    """
    awaitConnections(socket, p.connections)
    say(ready=True)
    Event().wait()


addresses = [socket.last_endpoint.decode()]
if p.idle:
    idle = bound(zmq.PUSH)
    addresses.append(idle.last_endpoint.decode())
say(addresses=addresses)
ROLES = {"receive": flood, "send": take, "request": echo, "connections": accept}
(ask if p.pattern == "REP" else ROLES[p.role])()
