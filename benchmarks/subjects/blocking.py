"""
Programs for plain pyzmq in a loop that blocks: what Python can do at best, if
it does nothing else.

In the style ``multipart``, messages are lists of frames, as in every library
compared here; in the style ``bare`` they have one frame, and nobody looks
whether more follow.
"""

from __future__ import annotations

import time
from itertools import repeat
from threading import Event
from time import perf_counter
from typing import Any

import zmq
from _meter import PROBE, PROBE_INTERVAL, Meter, Opening, parameters, whenTold

p = parameters()
context = zmq.Context()
bare = p.style == "bare"
count = 0
latencies: list[float] = []


def opened(socketType: str, kind: str = "connect") -> Any:
    socket = context.socket(getattr(zmq, socketType))
    socket.hwm = p.highWaterMark
    if socketType in ("DEALER", "ROUTER"):
        socket.routing_id = b"subject"
    if socketType == "SUB":
        socket.subscribe(b"tag")
    getattr(socket, kind)(p.addresses[0])
    return socket


def receive() -> None:
    """
    Take what comes, and reply if these are requests.
    """
    global count
    socket = opened({"REP": "ROUTER"}.get(p.pattern, p.pattern))
    recv = socket.recv if bare else socket.recv_multipart
    send = socket.send_multipart
    Meter(p, lambda: count)
    while True:
        if p.pattern == "REP":
            for _ in repeat(None, p.chunk):
                send(recv())
        elif p.pattern != "SUB":
            for _ in repeat(None, p.chunk):
                recv()
        elif bare:
            for _ in repeat(None, p.chunk):
                _tag, _, _body = recv().partition(b"\0")
        else:
            for _ in repeat(None, p.chunk):
                _tag, _, _body = recv()[0].partition(b"\0")
        count += p.chunk


def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    global count
    socket = opened(p.pattern)
    message = p.frames[0] if bare else p.frames
    send = socket.send if bare else socket.send_multipart
    tag = b"tag"
    head, probe = [], [PROBE]
    if p.pattern == "ROUTER":
        head, probe = [b"peer"], [b"peer", PROBE]
    elif p.pattern == "PUB":
        probe = [tag + PROBE]
    ready = Event()
    whenTold(ready.set)
    while not ready.is_set():
        try:
            socket.send_multipart(probe, zmq.NOBLOCK)
        except zmq.Again:
            pass
        time.sleep(PROBE_INTERVAL)
    meter = Meter(p, lambda: count)
    while not meter.done:
        if p.pattern == "PUB" and bare:
            for _ in repeat(None, p.chunk):
                send(tag + b"\0" + message)
        elif p.pattern == "PUB":
            for _ in repeat(None, p.chunk):
                send([tag + b"\0" + message[0]])
        elif head:
            for _ in repeat(None, p.chunk):
                send([*head, *message])
        else:
            for _ in repeat(None, p.chunk):
                send(message)
        count += p.chunk
    socket.send_multipart(probe)
    Event().wait()


def request() -> None:
    """
    Have ``window`` requests in flight.  They have the frames of a request of
    txZMQ's, but always the same id: nobody here tells them apart.
    """
    global count
    socket = opened("DEALER")
    send, recv = socket.send_multipart, socket.recv_multipart
    message = [b"0123456789abcdef", b"", *p.frames]
    latencies = Meter(p, lambda: count).latencies
    while p.window == 1:
        asked = perf_counter()
        send(message)
        recv()
        latencies.append(perf_counter() - asked)
        count += 1
    for _ in range(p.window):
        send(message)
    while True:
        for _ in repeat(None, p.chunk):
            recv()
            send(message)
        count += p.chunk


def inproc() -> None:
    """
    Push and pull in one thread.
    """
    global count
    pull = opened("PULL", "bind")
    push = opened("PUSH")
    send = push.send if bare else push.send_multipart
    recv = pull.recv if bare else pull.recv_multipart
    message = p.frames[0] if bare else p.frames
    Meter(p, lambda: count)
    while True:
        for _ in repeat(None, p.chunk):
            send(message)
        for _ in repeat(None, p.chunk):
            recv()
        count += p.chunk


def connections() -> None:
    """
    Open sockets, and see what they take.
    """
    opening = Opening(p)
    for _ in range(p.connections):
        opening.opened(opened("PULL"))
    Event().wait()


ROLES = {
    "receive": receive,
    "send": send,
    "request": request,
    "inproc": inproc,
    "connections": connections,
}
ROLES[p.role]()
