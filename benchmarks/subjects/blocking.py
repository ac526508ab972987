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
from time import perf_counter
from threading import Event
from typing import Any

import zmq
from _meter import PROBE, PROBE_INTERVAL, Meter, parameters, whenTold

p = parameters()
meter = Meter(p)
context = zmq.Context()
bare = p.style == "bare"


def opened(socketType: str, kind: str = "connect") -> Any:
    socket = context.socket(getattr(zmq, socketType))
    socket.hwm = p.highWaterMark
    if socketType in ("DEALER", "ROUTER"):
        socket.routing_id = b"subject"
    if socketType == "SUB":
        socket.subscribe(b"")
    getattr(socket, kind)(p.address)
    return socket


def receive() -> None:
    """
    Take what comes.
    """
    socket = opened(p.pattern)
    recv = socket.recv if bare else socket.recv_multipart
    while True:
        if p.pattern != "SUB":
            for _ in repeat(None, meter.chunk):
                recv()
        elif bare:
            for _ in repeat(None, meter.chunk):
                _tag, _, _body = recv().partition(b"\0")
        else:
            for _ in repeat(None, meter.chunk):
                _tag, _, _body = recv()[0].partition(b"\0")
        meter.mark()


def send() -> None:
    """
    Send, as fast as it goes, when the other side is there.
    """
    socket = opened(p.pattern)
    send = socket.send if bare else socket.send_multipart
    message = p.frames[0] if bare else p.frames
    head = [b"peer"] if p.pattern == "ROUTER" else []
    ready = Event()
    whenTold(ready.set)
    while not ready.is_set():
        try:
            socket.send_multipart([*head, PROBE], zmq.NOBLOCK)
        except zmq.Again:
            pass
        time.sleep(PROBE_INTERVAL)
    while not meter.done:
        if p.pattern == "PUB":
            tag = b""
            body = p.frames[0]
            if bare:
                for _ in repeat(None, meter.chunk):
                    send(tag + b"\0" + body)
            else:
                for _ in repeat(None, meter.chunk):
                    send([tag + b"\0" + body])
        elif head:
            for _ in repeat(None, meter.chunk):
                send([*head, *message])
        else:
            for _ in repeat(None, meter.chunk):
                send(message)
        meter.mark()
    Event().wait()


def request() -> None:
    """
    Have ``window`` requests in flight.  They have the frames of a request of
    txZMQ's, but always the same id: nothing here needs to tell them apart.
    """
    socket = opened("DEALER")
    message = [b"0123456789abcdef", b"", *p.frames]
    while p.window == 1:
        for _ in repeat(None, meter.chunk):
            asked = perf_counter()
            socket.send_multipart(message)
            socket.recv_multipart()
            meter.latencies.append(perf_counter() - asked)
        meter.mark()
    for _ in range(p.window):
        socket.send_multipart(message)
    while True:
        for _ in repeat(None, meter.chunk):
            socket.recv_multipart()
            socket.send_multipart(message)
        meter.mark()


def reply() -> None:
    """
    Reply to requests.
    """
    socket = opened("ROUTER")
    while True:
        for _ in repeat(None, meter.chunk):
            socket.send_multipart(socket.recv_multipart())
        meter.mark()


def inproc() -> None:
    """
    Push and pull in one thread.
    """
    pull = opened("PULL", "bind")
    push = opened("PUSH")
    send = push.send if bare else push.send_multipart
    recv = pull.recv if bare else pull.recv_multipart
    message = p.frames[0] if bare else p.frames
    while True:
        for _ in repeat(None, meter.chunk):
            send(message)
        for _ in repeat(None, meter.chunk):
            recv()
        meter.mark()


{"receive": receive, "send": send, "request": request, "reply": reply, "inproc": inproc}[p.role]()
