"""
What peers may send, from a seed: messages, and bytes that are none.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Protocol

#: How many connections with noise are open at a time.
NOISES = 20

#: Frames that mean something to somebody.
SPECIAL = [
    b"",
    b"\0",
    b"\1",
    b"\1good",
    b"\0good",
    b"tag\0",
    b"id",
    b"friend",
    bytes(16),
    b"x" * 255,
]

#: Types of sockets, as they introduce themselves.
KINDS = (b"REQ", b"REP", b"DEALER", b"ROUTER", b"PUB", b"SUB", b"XSUB", b"PUSH", b"PULL", b"PAIR")

#: What identifies a friend to a ROUTER.
FRIEND = b"friend"


class Inputs:
    """
    What a peer may send, from a seed.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._last: list[bytes] = [b"x"]
        # Frames of others, such as the ids of requests.
        self._seen: deque[bytes] = deque([b"id"], maxlen=50)

    def saw(self, frames: list[bytes]) -> None:
        """
        Somebody has received these frames, and may send them again.
        """
        self._seen.extend(frames)

    def frame(self) -> bytes:
        """
        :return: short mostly, or special, or seen before, and at times huge.
        """
        draw = self.random.random()
        if draw < 0.3:
            return SPECIAL[int(draw / 0.3 * len(SPECIAL))]
        if draw < 0.4:
            return self.random.choice(self._seen)
        if draw < 0.9995:
            return self.random.randbytes(int(draw * 40))
        return self.random.randbytes(self.random.randrange(1_000_000))

    def message(self) -> list[bytes]:
        """
        :return: any frames, or an envelope, or almost the one before.
        """
        draw = self.random.random()
        if draw < 0.5:
            message = [self.frame() for _ in range(1 + int(draw * 12))]
        elif draw < 0.75:
            message = [self.frame(), b"", self.frame()]
        elif draw < 0.9995:
            message = self._changed(list(self._last))
        else:
            message = [self.frame()] * self.random.randrange(5_000) or [b""]
        if len(message) < 10:
            self._last = message
        return message

    def _changed(self, message: list[bytes]) -> list[bytes]:
        index = self.random.randrange(len(message))
        how = self.random.randrange(4)
        if how == 0 and len(message) > 1:
            del message[index]
        elif how == 1:
            message.insert(index, b"")
        elif how == 2:
            message[index] = self.frame()
        return message


def portOf(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition("//")[2].rpartition(":")
    return host, int(port)


def greeting(major: int = 3, mechanism: bytes = b"NULL") -> bytes:
    """
    :return: what a connection of ZeroMQ begins with.  Source: ZeroMQ RFC 23/ZMTP.
    """
    signature = b"\xff" + bytes(8) + b"\x7f"
    return signature + bytes([major, 0]) + mechanism.ljust(20, b"\0") + bytes(32)


def ready(socketType: bytes, identity: bytes = b"") -> bytes:
    """
    :return: the command that ends a handshake without security.
    """
    body = b"\x05READY"
    for name, value in ((b"Socket-Type", socketType), (b"Identity", identity)):
        body += bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
    return bytes([4, len(body)]) + body


class Reachable(Protocol):
    """
    Where noise goes to.

    :ivar address: a libzmq address.
    :ivar noiseKinds: what types of sockets to pretend to be.
    """

    address: str
    noiseKinds: Sequence[bytes]


class Noise:
    """
    Connections that speak garbage.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.count = 0
        self._open: deque[tuple[socket.socket, Sequence[bytes]]] = deque()

    def connect(self, target: Reachable) -> int:
        """
        Begin with one more, and end the oldest.

        :return: how many began.
        """
        if not target.address.startswith("tcp:"):
            return 0
        self.count += 1
        noise = socket.socket()
        noise.setblocking(False)
        if self.count % 2:
            # To end with a reset; else in an orderly way.
            noise.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        noise.connect_ex(portOf(target.address))
        self._open.append((noise, target.noiseKinds))
        if len(self._open) > NOISES:
            self._open.popleft()[0].close()
        # By now those are connected which have begun a while ago.
        self._say(*self._open[len(self._open) // 2])
        return 1

    def _say(self, noise: socket.socket, kinds: Sequence[bytes]) -> None:
        try:
            noise.send(self.garbage(kinds))
        except OSError:
            pass  # refused, or not connected yet

    def garbage(self, kinds: Sequence[bytes]) -> bytes:
        """
        :param kinds: what to pretend to be.
        :return: what is almost ZMTP, or not at all.
        """
        draw = self.inputs.random.randrange(9)
        frame = self.inputs.frame()
        kind = self.inputs.random.choice(kinds)
        flags = bytes([self.inputs.random.randrange(256)])
        return [
            b"",
            frame,
            greeting()[: self.inputs.random.randrange(64)],
            greeting(self.inputs.random.randrange(256)) + frame,
            greeting(mechanism=frame[:20]) + frame,
            greeting() + frame,
            greeting() + ready(frame[:80], frame[:80]),
            greeting() + ready(kind, FRIEND) + flags + bytes([len(frame) % 256]) + frame,
            # A frame that says it is endless.
            greeting() + ready(kind) + b"\x02" + b"\xff" * 8 + frame,
        ][draw]

    def close(self) -> None:
        """
        End all.
        """
        while self._open:
            self._open.popleft()[0].close()
