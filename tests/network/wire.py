"""
A wire between two network namespaces, as bad as one likes.

    python wire.py

It makes two network devices, and says their names; to put them into namespaces
is up to the test.  Then it carries packets from one to the other, and takes
orders on its standard input, each a line, and says it again when it is done:

    good            everything passes
    cut             nothing passes, and nobody is told
    delay SECONDS   everything passes later
    lose PART       some packets are lost, in either direction
    shuffle PART    some packets pass later than those behind them

The kernel can do this, too (``tc netem``), but only if it was built for it, and
many are not.  A wire of our own loses the same packets each time.
"""

from __future__ import annotations

import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import sys
import time

#: Of the kernel: linux/if_tun.h.
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000

#: More than any packet has.
_LARGEST = 65_536

#: How much later a packet passes that others are to overtake, in seconds.
_LATE = 0.02


def device(name: str) -> int:
    """
    :return: the descriptor of a new network device, which gives and takes IP
        packets.
    """
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
    fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


class Wire:
    """
    Two devices, and the packets that are on their way.
    """

    def __init__(self, one: int, other: int) -> None:
        self.ends = {one: other, other: one}
        self.order = ["good"]
        self._dice = random.Random(5)
        self._serial = itertools.count()
        # When it is to pass, a number, where to, and what.
        self._travelling: list[tuple[float, int, int, bytes]] = []

    def obey(self, order: list[str]) -> None:
        """
        Be as bad as this says, from now on.
        """
        self.order = order
        if order == ["cut"]:
            self._travelling.clear()

    def take(self, end: int, packet: bytes) -> None:
        """
        A packet has come in at one end.
        """
        what, *much = self.order
        later = 0.0
        if what == "delay":
            later = float(much[0])
        elif what != "good":
            isHit = what == "cut" or self._dice.random() < float(much[0])
            if isHit and what in ("cut", "lose"):
                return
            later = _LATE if isHit else 0.0
        due = time.monotonic() + later
        heapq.heappush(self._travelling, (due, next(self._serial), self.ends[end], packet))

    def deliver(self) -> float | None:
        """
        Let out what has arrived.

        :return: the seconds until something else does.
        """
        while self._travelling:
            left = self._travelling[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, end, packet = heapq.heappop(self._travelling)
            try:
                os.write(end, packet)
            except OSError:
                pass  # the device is down, or was taken away: the packet is lost
        return None


def packets(end: int) -> list[bytes]:
    """
    :return: those that wait at an end, or some of them.
    """
    found = []
    try:
        for _ in range(100):
            found.append(os.read(end, _LARGEST))
    except OSError:
        pass  # no more, or the device is down
    return found


def main() -> None:
    """
    Carry packets until nobody gives orders any more.
    """
    names = [f"wire{os.getpid()}{side}" for side in "ab"]
    wire = Wire(*map(device, names))
    print(*names, flush=True)
    while True:
        ready, _, _ = select.select([0, *wire.ends], [], [], wire.deliver())
        for end in ready:
            if end:
                for packet in packets(end):
                    wire.take(end, packet)
            else:
                order = os.read(0, 1000).decode()
                if not order:
                    sys.exit()
                wire.obey(order.split())
                print(order.strip(), flush=True)


if __name__ == "__main__":
    main()
