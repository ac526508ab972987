"""
A program that is in the middle of its traffic when it ends.

    python stopping.py FACE LINGER EXTRA END

FACE is ``connection`` or ``transport``; LINGER the ``lingerPeriod``.  EXTRA is one of

- ``nothing``;
- ``unsent``: messages wait for a peer that is not there;
- ``foreign``: a socket that is not ours is open in the context;
- ``stalled``: messages wait for a peer that is there, and does not read.

END is how the factory is closed: ``registered`` for the shutdown of the reactor,
``afterwards`` when that has stopped, ``close`` and ``closeLate`` with ``close()`` within
and without its time, before the reactor is stopped, or ``never``.

On its standard output it says ``running`` when traffic flows, and in the end, as JSON,
what it has measured.  It stops when told to by a signal, or by the line ``stop`` on its
standard input: then from within a callback.
"""

from __future__ import annotations

import json
import sys
import threading
from time import monotonic
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.logger import LogLevel, formatEvent, globalLogBeginner
from twisted.python.failure import Failure

import txzmq._termination
from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqProtocol,
    ZmqPushConnection,
    createZmqConnection,
)

#: How many messages are on their way, in each direction.
FLOOD = 200

#: How many must have come until traffic flows.
ENOUGH = 2_000

#: How many wait for the peer that takes none.
UNSENT = 100

#: What a socket that is not ours is waited for where there is none, in seconds: whatever
#: leans on it is noticed then, however slow the machine.
NO_GRACE = 3600.0

#: Nobody listens there.
NOWHERE = "tcp://127.0.0.1:9"


class Measured(ZmqFactory):
    """
    Knows how long it has blocked the reactor's thread.
    """

    blocked = 0.0

    def shutdown(self) -> None:
        begin = monotonic()
        super().shutdown()
        self.blocked = max(self.blocked, monotonic() - begin)


class Program:
    """
    Two ends that flood each other.
    """

    def __init__(self, face: str, linger: int, extra: str, end: str) -> None:
        self.end = end
        self.received = 0
        self.lost = 0
        self.turns = 0
        self.told = ""
        self.errors: list[str] = []
        self.shallStop = False
        self.factory = Measured()
        self.factory.lingerPeriod = linger
        if end == "registered":
            self.factory.registerForShutdown()
        begin = self.connections if face == "connection" else self.transports
        for send in begin(extra):
            for _ in range(FLOOD):
                send(b"x" * 100)
        if extra == "foreign":
            context: Any = self.factory.context
            self.foreign = context.socket(zmq.PUSH)
        else:
            txzmq._termination.GRACE = NO_GRACE

    def connections(self, extra: str) -> list[Any]:
        """
        :return: how to send in each direction.
        """
        program = self

        class Dealer(ZmqDealerConnection):
            def gotMessage(self, message: bytes) -> None:
                program.gotMessage()
                try:
                    self.sendMsg(message)
                except (ZmqAgainError, ZmqClosedError):
                    pass

            def connectionLost(self, reason: Failure) -> None:
                program.lost += 1
                super().connectionLost(reason)

        one = Dealer(self.factory, ZmqEndpoint("bind", "tcp://127.0.0.1:*"))
        other = Dealer(self.factory, ZmqEndpoint("connect", one.boundAddresses[0]))
        if extra in ("unsent", "stalled"):
            address = NOWHERE if extra == "unsent" else self.stalled()
            push = ZmqPushConnection(self.factory, ZmqEndpoint("connect", address))
            for _ in range(UNSENT):
                push.push(bytes(100_000))
        return [lambda message: one.sendWhenReady(message), other.send]

    def transports(self, extra: str) -> list[Any]:
        """
        :return: how to send in each direction.
        """
        program = self

        class Echo(ZmqProtocol):
            def messageReceived(self, parts: list[bytes]) -> None:
                program.gotMessage()
                try:
                    self.transport.write(parts)
                except ZmqClosedError:
                    pass

            def connectionLost(self, reason: Failure) -> None:
                program.lost += 1

        opened: list[Any] = []
        for zmqType in (zmq.DEALER, zmq.DEALER, zmq.PUSH):
            made = createZmqConnection(Echo, zmqType, factory=self.factory)
            made.addCallback(lambda both: opened.append(both[0]))
        one, other, push = opened
        other.connect(one.bind("tcp://127.0.0.1:*"))
        if extra in ("unsent", "stalled"):
            push.setsockopt(zmq.SNDHWM, 10)
            push.connect(NOWHERE if extra == "unsent" else self.stalled())
            # Most of them wait with us, and only the rest with libzmq.
            push.writeSequence([[bytes(100_000)]] * UNSENT)
        return [one.write, other.write]

    def stalled(self) -> str:
        """
        :return: the address of somebody who does not read.
        """
        self.stalledSocket = zmq.Context.instance().socket(zmq.PULL)
        self.stalledSocket.linger = 0
        self.stalledSocket.rcvhwm = 1
        port = self.stalledSocket.bind_to_random_port("tcp://127.0.0.1")
        return f"tcp://127.0.0.1:{port}"

    def gotMessage(self) -> None:
        """
        A message has come; perhaps it is the last.
        """
        self.received += 1
        if self.received == ENOUGH:
            print("running", flush=True)
        if self.shallStop:
            self.shallStop = False
            self.stop()

    def listen(self) -> None:
        """
        Wait for the line, in a thread: the reactor has enough to do.
        """

        def read() -> None:
            if sys.stdin.readline().startswith("stop"):
                self.shallStop = True

        threading.Thread(target=read, daemon=True).start()

    def stop(self) -> None:
        """
        Stop from within a callback.
        """
        if not self.end.startswith("close"):
            reactor.stop()
            return
        seconds = 0 if self.end == "closeLate" else None
        self.begin = monotonic()
        closed = self.factory.close(seconds)
        closed.addCallbacks(lambda _: "all was sent", lambda failure: failure.type.__name__)
        closed.addCallback(self.closed)
        self.count()

    def closed(self, told: str) -> None:
        """
        ``close()`` has told how it went.
        """
        self.told = told
        self.took = monotonic() - self.begin
        reactor.stop()

    def count(self) -> None:
        """
        The reactor has come round.
        """
        self.turns += 1
        if not self.told:
            reactor.callLater(0, self.count)

    def observe(self, event: Any) -> None:
        """
        Something is logged.
        """
        if event["log_level"] >= LogLevel.critical:
            self.errors.append(formatEvent(event))

    def run(self) -> dict[str, Any]:
        """
        :return: what to tell.
        """
        globalLogBeginner.beginLoggingTo([self.observe], redirectStandardIO=False)
        reactor.callWhenRunning(self.listen)
        reactor.run()
        if self.end == "afterwards":
            self.factory.shutdown()
        return {
            "blocked": self.factory.blocked,
            "took": getattr(self, "took", 0),
            "turns": self.turns,
            "told": self.told,
            "lost": self.lost,
            "errors": self.errors,
        }


if __name__ == "__main__":
    face, linger, extra, end = sys.argv[1:]
    print(json.dumps(Program(face, int(linger), extra, end).run()), flush=True)
