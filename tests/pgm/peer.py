"""
One process of the multicast tests.

    python peer.py publish ADDRESS
    python peer.py subscribe ADDRESS COUNT

The publisher sends numbers until it is killed, each once with either tag, and
tells when it has begun; the subscriber prints tag and number of what it gets,
and ends after COUNT messages.
"""

from __future__ import annotations

import faulthandler
import os
import sys

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, react

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPubConnection, ZmqSubConnection

#: Seconds until a peer that nobody has stopped says where it hangs, and ends.
PATIENCE = 100

#: Where to print.  OpenPGM has warnings for what is the standard output
#: otherwise, and does not always end the line.
output = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


class Publisher(ZmqPubConnection):
    """
    Publishes by two tags.
    """

    multicastRate = 1000

    sent = 0

    def publishNext(self) -> None:
        """
        Publish the next number, once for each tag.
        """
        self.sent += 1
        self.publish(str(self.sent), "unwanted")
        self.publish(str(self.sent), "wanted")
        if self.sent == 1:
            print("publishing", file=output)


class Subscriber(ZmqSubConnection):
    """
    Prints, and counts down.
    """

    left = 0

    def __init__(self, *args: object) -> None:
        self.done: Deferred[None] = Deferred()
        super().__init__(*args)

    def gotMessage(self, message: bytes, tag: bytes) -> None:
        """
        A message has come.
        """
        if self.left:
            print(tag.decode(), message.decode(), file=output)
            self.left -= 1
            if not self.left:
                self.done.callback(None)


def main(reactor: IReactorTime, mode: str, address: str, count: str = "0") -> Deferred[None]:
    """
    :return: fires when the process may end.
    """
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    endpoint = ZmqEndpoint(ZmqEndpointType.connect, address)
    if mode == "subscribe":
        subscriber = Subscriber(factory, endpoint)
        subscriber.left = int(count)
        subscriber.subscribe("wanted")
        return subscriber.done
    calls = LoopingCall(Publisher(factory, endpoint).publishNext)
    calls.clock = reactor
    return calls.start(0.02)


if __name__ == "__main__":
    react(main, sys.argv[1:])
