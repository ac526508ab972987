"""
Many clients in one process, which know plain pyzmq only.

    python crowd.py TYPE ADDRESS COUNT

Each order on the standard input is a number.  Clients ask with it, again and
again, until they get it back; subscribers wait until they get it, or one that is
higher.  When all have it, it is said.
"""

from __future__ import annotations

import os
import sys
import time

import zmq

#: After how many seconds those who have no answer ask again: what was on its way
#: when the server went is lost.
_PATIENCE = 3.0


class Crowd:
    """
    Clients of one kind.
    """

    def __init__(self, kind: str, address: str, count: int) -> None:
        context = zmq.Context()
        context.max_sockets = count + 10
        self._isAsking = kind != "SUB"
        self._poller = zmq.Poller()
        self._poller.register(0, zmq.POLLIN)
        self._sockets = [context.socket(getattr(zmq, kind)) for _ in range(count)]
        for plain in self._sockets:
            plain.linger = 0
            if kind == "REQ":
                plain.req_relaxed = plain.req_correlate = 1
            if kind == "SUB":
                plain.subscribe(b"")
            plain.connect(address)
            self._poller.register(plain, zmq.POLLIN)
        self._number = -1
        self._without: set[zmq.Socket[bytes]] = set()
        self._again = 0.0

    def run(self) -> None:
        """
        Obey.
        """
        while True:
            if self._without and time.monotonic() > self._again:
                self._ask()
            for plain, _ in self._poller.poll(500):
                if plain == 0:
                    self._number = int(os.read(0, 100))
                    self._without = set(self._sockets)
                    self._again = 0.0
                else:
                    self._listen(plain)

    def _ask(self) -> None:
        self._again = time.monotonic() + _PATIENCE
        for plain in self._without:
            if self._isAsking:
                plain.send(b"%d" % self._number)

    def _listen(self, plain: zmq.Socket[bytes]) -> None:
        try:
            number = int(plain.recv(zmq.NOBLOCK).lstrip(b"\0"))
        except zmq.Again:
            return  # an answer to what was asked before: a REQ drops it
        if number >= self._number and plain in self._without:
            self._without.discard(plain)
            if not self._without:
                print(self._number, flush=True)


if __name__ == "__main__":
    Crowd(sys.argv[1], sys.argv[2], int(sys.argv[3])).run()
