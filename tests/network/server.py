"""
A server of ours: answers requests, echoes what dealers send, and publishes.

    python server.py ADDRESS ADDRESS ADDRESS NUMBER

binds the three, says where they are, and publishes the number.  When it is told
something, it says how long the longest wait of its clock was, in seconds.
"""

from __future__ import annotations

import sys
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineOnlyReceiver

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqProtocol,
    ZmqPubConnection,
    ZmqREPConnection,
    createZmqConnection,
)


class Echo(ZmqProtocol):
    """
    Sends everything back.
    """

    def messageReceived(self, parts: list[bytes]) -> None:
        """
        A message has come.
        """
        self.transport.write(parts)


class Rep(ZmqREPConnection):
    """
    Answers with the question.
    """

    def gotMessage(self, messageId: Any, *parts: Any, **kwargs: Any) -> None:
        """
        A request has come.
        """
        self.reply(messageId, *parts)


class Clock:
    """
    Ticks a hundred times a second.

    :ivar longest: the longest time between two ticks, in seconds.
    :ivar ticks: how many there were.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self.longest = 0.0
        self._last = reactor.seconds()
        self._calls = LoopingCall(self._tick)
        self._calls.start(0.01)

    def stop(self) -> None:
        """
        Tick no more.
        """
        self._calls.stop()

    def _tick(self) -> None:
        now = reactor.seconds()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self.ticks += 1


class Server:
    """
    A connection, a transport, and a publisher.

    :param factory: the factory to use.
    :param addresses: what to bind.
    :param number: what to publish.
    :ivar addresses: what is bound.
    """

    def __init__(self, factory: ZmqFactory, addresses: list[str], number: int) -> None:
        def bind(address: str) -> ZmqEndpoint:
            return ZmqEndpoint(ZmqEndpointType.bind, address)

        self._rep = Rep(factory, bind(addresses[0]))
        self._transport: Any = None
        echo = createZmqConnection(Echo, zmq.ROUTER, bind=addresses[1], factory=factory)
        echo.addCallback(self._opened)
        self._pub = ZmqPubConnection(factory, bind(addresses[2]))
        self._publishing = LoopingCall(self._pub.publish, b"%d" % number)
        self._publishing.start(0.05)
        bound = [*self._rep.boundAddresses, *self._transport.bindings()]
        self.addresses = [*bound, *self._pub.boundAddresses]

    def close(self) -> None:
        """
        Be gone; can be called again.
        """
        if self._publishing.running:
            self._publishing.stop()
        self._rep.shutdown()
        self._transport.abortConnection()
        self._pub.shutdown()

    def _opened(self, opened: Any) -> None:
        self._transport, _ = opened


class Asked(LineOnlyReceiver):
    """
    Tells of the clock.
    """

    delimiter = b"\n"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def lineReceived(self, line: bytes) -> None:
        """
        Somebody wants to know.
        """
        print(self.clock.longest, flush=True)

    def connectionLost(self, reason: Any = None) -> None:
        """
        Nobody is there any more.
        """
        if reactor.running:
            reactor.stop()


if __name__ == "__main__":
    server = Server(ZmqFactory(), sys.argv[1:4], int(sys.argv[4]))
    StandardIO(Asked(Clock()))
    print(*server.addresses, flush=True)
    reactor.run()
