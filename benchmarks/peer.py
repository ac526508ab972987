"""
The other side of whatever is measured: plain pyzmq, as fast as Python can.

Parameters come as JSON in ``argv[1]``.  The first line printed has the
addresses that it is bound to; then there is ``{"ready": true}`` once the
measured side has been heard, where that matters, and what was measured here.
Then it goes on until it is killed.
"""

from __future__ import annotations

import json
import sys
from itertools import repeat
from pathlib import Path
from time import perf_counter
from typing import Any

import zmq
from zmq.backend import Socket as BaseSocket

sys.path.insert(0, str(Path(__file__).parent / "subjects"))

from _meter import PROBE, Meter, say
from types import SimpleNamespace

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

#: Milliseconds of silence after which a sender has sent everything.
SILENCE = 300

p = SimpleNamespace(**json.loads(sys.argv[1]))
body = [b"x" * p.size] * p.parts
context = zmq.Context()
socket = context.socket(PARTNERS[p.pattern])
socket.hwm = p.highWaterMark
if socket.type == zmq.DEALER:
    socket.routing_id = b"peer"
elif socket.type == zmq.SUB:
    socket.subscribe(b"")
elif socket.type == zmq.XPUB:
    # Wait for a slow subscriber; PUB would drop.
    socket.xpub_nodrop = True
socket.bind(p.bind)
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
    if p.pattern == "SUB":
        socket.recv()
        frames = [b"tag\0" + body[0]]
    if len(frames) == 1:
        for message in repeat(frames[0]):
            send(message, 0)
    while True:
        sendAll(frames)


def take() -> None:
    """
    Receive until nothing comes any more, and say how fast it came.
    """
    frame = recv()
    say(ready=True)
    while frame.endswith(PROBE):
        frame = recv()
    # The rest of the first message, of which there is a routing id already.
    frames = p.parts
    chunk = Meter(p).chunk
    socket.rcvtimeo = SILENCE
    for _ in repeat(None, frames - 1):
        recv()
    first = last = perf_counter()
    chunks = 0
    try:
        while True:
            for _ in repeat(None, chunk * frames):
                recv()
            chunks += 1
            last = perf_counter()
    except zmq.Again:
        say(peerRate=chunks * chunk / (last - first))


def echo() -> None:
    """
    Reply to requests, with their own frames.
    """
    count = p.parts + 3
    while True:
        sendAll([recv() for _ in repeat(None, count)])


def ask() -> None:
    """
    Have ``window`` requests in flight.
    """
    meter = Meter(p)
    count = p.parts + 2
    for number in range(p.window):
        sendAll([b"request%09d" % number, b"", *body])
    while p.window > 1:
        sendAll([recv() for _ in repeat(None, count)])
    message = [recv() for _ in repeat(None, count)]
    while True:
        for _ in repeat(None, meter.chunk):
            asked = perf_counter()
            sendAll(message)
            message = [recv() for _ in repeat(None, count)]
            meter.latencies.append(perf_counter() - asked)
        meter.mark()


say(addresses=[socket.last_endpoint.decode()])
{"receive": flood, "send": take, "request": echo, "reply": ask}[p.role]()
