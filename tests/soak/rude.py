"""
A peer without manners, in plain pyzmq and plain TCP: sends what is no message
of the pattern, or not even ZeroMQ's protocol, and does not listen.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time

import zmq

from .messages import JUNK

#: Socket types to annoy others with, by the beginning of a name.
_PARTNERS = {
    "pull": zmq.PUSH,
    "rep": zmq.DEALER,
    "router": zmq.DEALER,
    "xpub": zmq.XSUB,
    "pub": zmq.XSUB,
}

#: Seconds between two bad deeds.
_PAUSE = 0.05


def frames(dice: random.Random) -> list[bytes]:
    """
    :return: something.
    """
    sizes = (0, 0, 0, 1, 16, 255, 1025, 70_000)
    made = []
    for _ in range(dice.choice((1, 1, 2, 3, 5, 40))):
        size = dice.choice(sizes)
        made.append(JUNK + dice.randbytes(size) if size else b"")
    return made


def shout(address: str, dice: random.Random) -> None:
    """
    Say something to a TCP port that is not ZeroMQ's protocol, and go.
    """
    host, port = address[len("tcp://") :].rsplit(":", 1)
    # What does not begin like this is taken for an old peer, and what it says
    # for messages.
    greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + bytes(48)
    with socket.create_connection((host, int(port))) as connection:
        if dice.random() < 0.5:
            # Gone without a good-bye.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(
            dice.choice(
                (
                    b"",
                    b"GET / HTTP/1.1\r\n\r\n",
                    greeting[: dice.randrange(64)],
                    greeting + dice.randbytes(50),
                    greeting[:11] + dice.randbytes(1000),
                )
            )
        )


def main() -> None:
    """
    Be rude until killed.
    """
    addresses = json.loads(sys.argv[1])["addresses"]
    dice = random.Random()
    names = [name for name in addresses if name.split("-")[0] in _PARTNERS]
    context = zmq.Context()
    while True:
        name = dice.choice(names)
        kind = dice.choice(("tcp", "ipc"))
        with context.socket(_PARTNERS[name.split("-")[0]]) as rude:
            rude.linger = dice.choice((0, 1000))
            rude.connect(addresses[name][kind])
            for _ in range(dice.randrange(1, 20)):
                try:
                    if rude.type == zmq.XSUB and dice.random() < 0.5:
                        rude.send(dice.choice((b"\0", b"\1")) + dice.randbytes(9), zmq.DONTWAIT)
                    rude.send_multipart(frames(dice), zmq.DONTWAIT)
                except zmq.Again:
                    pass
                time.sleep(_PAUSE)
        try:
            shout(addresses[name]["tcp"], dice)
        except OSError:
            pass


if __name__ == "__main__":
    main()
