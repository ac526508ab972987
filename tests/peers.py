"""
Peers that are processes of their own, to be killed and to be stopped.

They know plain pyzmq, or plain TCP, and nothing of ours.  What they say is
lines on their standard output:

    python peers.py collect TYPE bind|connect ADDRESS [IDENTITY [EVERY]]
    python peers.py answer bind|connect ADDRESS [FIRST]
    python peers.py ask ADDRESS
    python peers.py pester ADDRESS
    python peers.py send TYPE ADDRESS COUNT SIZE
    python peers.py flood TYPE ADDRESS COUNT [ENVELOPE ...]
    python peers.py publish ADDRESS
    python peers.py half TYPE ADDRESS FIRST COUNT [ENVELOPE ...]
    python peers.py deaf TYPE ADDRESS IDENTITY

Messages are numbered, and of several frames that all tell the number, so that
one which is torn, or mixed with another, is noticed.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import zmq

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.trial.unittest import TestCase

#: Frames of a message.
FRAMES = 4

#: How many messages a peer holds, as far as it can choose.
THEIR_MARK = 5

#: What the kernel calls that: net/tcp_states.h.
_LISTENS = "0A"

#: Bytes of a frame, if nobody says otherwise.
SIZE = 100_000


def numbered(number: int, size: int = SIZE, frames: int = FRAMES) -> list[bytes]:
    """
    :return: a message.
    """
    return [b"%08d" % number * (size // 8)] * frames


def numberOf(message: Sequence[bytes], frames: int = FRAMES) -> int:
    """
    :return: the number of a message; -1 if it is not whole.
    """
    first = message[0]
    isWhole = len(message) == frames and first == first[:8] * (len(first) // 8)
    return int(first[:8]) if isWhole and set(message) == {first} else -1


# For the tests.


class Peer:
    """
    A peer that runs.

    :param case: the test that ends it.
    :param arguments: what follows ``peers.py``.
    :param before: what to run it with, such as ``ip netns exec``.
    :param program: what to run instead.
    :ivar lines: what it has said.
    """

    def __init__(
        self,
        case: TestCase,
        *arguments: object,
        before: Sequence[str] = (),
        program: str = __file__,
    ) -> None:
        command = [*before, sys.executable, program, *map(str, arguments)]
        self.lines: list[str] = []
        self._case = case
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # It imports what we import.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        # Lines are read as they come, so that no peer ever waits for us.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        case.addCleanup(self.kill)

    @property
    def descriptors(self) -> int:
        """
        How many file descriptors it has open.
        """
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def hasEnded(self) -> bool:
        """
        Whether it has ended.
        """
        return self._process.poll() is not None

    @property
    def numbers(self) -> list[int]:
        """
        What it has said, as far as that is numbers.
        """
        return [int(line) for line in list(self.lines) if line.lstrip("-").isdigit()]

    @property
    def last(self) -> int:
        """
        The last number that it has said; -1 if there is none.
        """
        numbers = (line for line in reversed(self.lines) if line.lstrip("-").isdigit())
        return int(next(numbers, "-1"))

    def assertGapless(self) -> None:
        """
        It has said all numbers from 0, in order.
        """
        numbers = self.numbers  # once: it may go on meanwhile
        self._case.assertEqual(numbers, list(range(len(numbers))))

    def assertRising(self) -> None:
        """
        It has said no number twice, and none after a higher one.
        """
        numbers = self.numbers
        self._case.assertEqual(numbers, sorted(set(numbers)))

    def kill(self) -> None:
        """
        Kill it, without a warning; what it has said is there afterwards.
        """
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()  # type: ignore[union-attr]

    def stop(self) -> None:
        """
        Let it do nothing at all, until :meth:`go`.
        """
        self._process.send_signal(signal.SIGSTOP)

    def go(self) -> None:
        """
        Undo :meth:`stop`.
        """
        self._process.send_signal(signal.SIGCONT)

    def tell(self, line: str) -> None:
        """
        Say something to it.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def says(self, count: int = 1) -> Deferred[None]:
        """
        :return: fires when it has said ``count`` lines.
        """
        return eventually(lambda: len(self.lines) >= count)

    def _read(self) -> None:
        for line in self._process.stdout:  # type: ignore[union-attr]
            self.lines.append(line.rstrip())


def eventually(condition: Callable[[], object]) -> Deferred[None]:
    """
    :return: fires when ``condition()`` is true.  The reactor rests meanwhile:
        nothing but its descriptors wakes it up for a message.
    """
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    d: Deferred[None] = Deferred()

    def look() -> None:
        if d.called:
            return  # the test has given up
        try:
            if not condition():
                reactor.callLater(0.01, look)
                return
        except BaseException:
            d.errback()
        else:
            d.callback(None)

    look()
    return d


def ownHost() -> str:
    """
    :return: an address of this machine that nobody else uses, for what is bound
        again on the same port.  Nobody takes the port meanwhile; nor does TCP
        connect to itself, as it can where the port is one of those for clients.
    """
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def memory() -> int:
    """
    :return: the bytes that this process has in memory.
    """
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def inKernel(address: str) -> int:
    """
    :return: the bytes that are under way between those who are bound to a TCP address
        and their peers: of this machine, both ends.
    """
    port = f"{int(address.rpartition(':')[2]):04X}"
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file][1:]
    # Local and remote address, state, and the queues for sending and for receiving.
    queues = [
        queued
        for _, local, remote, state, queued, *_ in rows
        if port in (local[-4:], remote[-4:]) and state != _LISTENS
    ]
    return sum(int(size, 16) for queued in queues for size in queued.split(":"))


# The peers.


def say(word: object) -> None:
    """
    Tell the test.
    """
    print(word, flush=True)


def opened(
    kind: str, how: str, address: str, identity: str = "", mark: int = THEIR_MARK
) -> zmq.Socket[bytes]:
    """
    :return: a plain socket; where it is bound, its address is said.
    """
    plain = zmq.Context.instance().socket(getattr(zmq, kind))
    plain.linger = 0
    plain.sndhwm = plain.rcvhwm = mark
    if identity:
        plain.routing_id = identity.encode()
    getattr(plain, how)(address)
    if kind == "SUB":
        plain.subscribe(b"")
    if how == "bind":
        say(plain.last_endpoint.rstrip(b"\0").decode())
    return plain


def collect(kind: str, how: str, address: str, identity: str = "", every: str = "1") -> None:
    """
    Receive, and say the number of each message; the first word to a ROUTER is
    ours.

    :param every: say one in so many only.
    """
    plain = opened(kind, how, address, identity)
    if identity:
        plain.send(b"hello")
    while True:
        message = plain.recv_multipart()
        if kind == "SUB":
            # Published: a tag, which is empty, a separator, and one frame.
            message = [message[0].lstrip(b"\0")]
        number = numberOf(message, len(message) if kind == "SUB" else FRAMES)
        if number < 0 or number % int(every) == 0:
            say(number)


def answer(how: str, address: str, first: str = "0") -> None:
    """
    Say the number of each request, and answer it with what it was.

    :param first: requests with lower numbers are not answered.
    """
    plain = opened("ROUTER", how, address, mark=0)
    while True:
        *envelope, request = plain.recv_multipart()
        say(int(request))
        if int(request) >= int(first):
            plain.send_multipart([*envelope, request])


def ask(address: str) -> None:
    """
    Ask, with one number after the other, and say those of the answers.
    """
    plain = opened("REQ", "connect", address)
    number = 0
    while True:
        plain.send(b"%d" % number)
        say(int(plain.recv()))
        number += 1


def pester(address: str) -> None:
    """
    Ask as much as possible, and listen to no answer.
    """
    plain = opened("DEALER", "connect", address)
    for number in range(1_000_000):
        plain.send_multipart([b"%d" % number, b"", *numbered(number)])
        if number % 10 == 9:
            say(number)


def send(kind: str, address: str, count: str, size: str) -> None:
    """
    Send so many messages.
    """
    plain = opened(kind, "connect", address, mark=0)
    for number in range(int(count)):
        plain.send_multipart(numbered(number, int(size)))
    say("sent")
    signal.pause()


def flood(kind: str, address: str, count: str, *envelope: str) -> None:
    """
    Send so many numbers, as fast as libzmq takes them; an XPUB when it is
    subscribed to.
    """
    plain = opened(kind, "connect", address, mark=0)
    if kind == "XPUB":
        plain.recv()
    route = [part.encode() for part in envelope]
    for number in range(int(count)):
        plain.send_multipart([*route, b"%d" % number])
    say("sent")
    signal.pause()


def publish(address: str) -> None:
    """
    Publish a hundred numbers a second.
    """
    plain = opened("PUB", "bind", address)
    for number in itertools.count():
        plain.send(b"%d" % number)
        time.sleep(0.01)


def shaken(kind: str, address: str, identity: str = "") -> socket.socket:
    """
    :return: a TCP connection, after the handshake of ZMTP 3.0 (RFC 23).
    """
    host, port = address[len("tcp://") :].rsplit(":", 1)
    tcp = socket.create_connection((host, int(port)))
    tcp.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    ready = b"\x05READY"
    for name, value in ((b"Socket-Type", kind.encode()), (b"Identity", identity.encode())):
        ready += struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value
    tcp.sendall(struct.pack(">BB", 4, len(ready)) + ready)
    everything(tcp, 64)
    _, size = everything(tcp, 2)
    everything(tcp, size)
    return tcp


def everything(tcp: socket.socket, size: int) -> bytes:
    """
    :return: so many bytes.
    """
    return tcp.recv(size, socket.MSG_WAITALL)


def framed(message: Sequence[bytes]) -> bytes:
    """
    :return: a message as it goes over the wire.
    """
    last = len(message) - 1
    flags = [2 | (index < last) for index in range(len(message))]
    return b"".join(
        struct.pack(">BQ", flag, len(frame)) + frame for flag, frame in zip(flags, message)
    )


def half(kind: str, address: str, first: str, count: str, *envelope: str) -> None:
    """
    Send whole messages, and one that breaks off in its second frame.  libzmq
    would not: it hands out no frame before it has the last.
    """
    route = [part.encode() for part in envelope]
    parts = 2 if kind == "PUB" else FRAMES
    tcp = shaken(kind, address)
    for number in range(int(first), int(first) + int(count)):
        tcp.sendall(framed([*route, *numbered(number, frames=parts)]))
    broken = [*route, *numbered(int(first) + int(count), frames=parts)]
    tcp.sendall(framed(broken)[: len(framed(broken[:-1])) + SIZE // 2])
    say("half")
    signal.pause()


def deaf(kind: str, address: str, identity: str) -> None:
    """
    Connect, say what has to be said, and never read.
    """
    tcp = shaken(kind, address, identity)
    tcp.sendall(framed([b"\1"] if kind == "SUB" else [b"hello"]))
    say("deaf")
    signal.pause()


#: What can be asked of us.
_MODES: dict[str, Callable[..., None]] = {
    mode.__name__: mode for mode in (collect, answer, ask, pester, send, flood, publish, half, deaf)
}


def main(mode: str, *arguments: str) -> None:
    """
    :param mode: what to do.
    """
    # Not without whoever has started us.
    threading.Thread(target=_endWithInput, daemon=True).start()
    _MODES[mode](*arguments)


def _endWithInput() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
