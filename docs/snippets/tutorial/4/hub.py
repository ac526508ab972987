"""
The hub: collects what the weather stations measure, publishes it, and answers
questions about it.  When it is stopped, it says so.

    python hub.py tcp://127.0.0.1:5550 tcp://127.0.0.1:5551 tcp://127.0.0.1:5552
"""

import sys

from twisted.internet import reactor
from twisted.python import log

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqREPConnection,
)

PLACES = {b"bergen", b"oslo", b"tromso"}


def parse(message):
    """
    Whoever can reach us can send us anything, so check it.
    """
    place, degrees = message
    if place not in PLACES:
        raise ValueError(f"unknown place {place!r}")
    return place.decode(), float(degrees)


class Collector(ZmqPullConnection):
    def __init__(self, factory, endpoint, publisher, latest):
        super().__init__(factory, endpoint)
        self.publisher = publisher
        self.latest = latest

    def onPull(self, message):
        place, degrees = parse(message)
        self.latest[place] = degrees
        self.publisher.publish(str(degrees), tag=place)


class Desk(ZmqREPConnection):
    def __init__(self, factory, endpoint, latest):
        super().__init__(factory, endpoint)
        self.latest = latest

    def gotMessage(self, messageId, place):
        degrees = self.latest.get(place.decode(), "unknown")
        self.reply(messageId, str(degrees))


def close():
    """
    Called when we are told to stop, while all connections are still open.
    """
    collector.shutdown()
    publisher.publish("the hub is closing", tag="hub")
    print("closing, the latest are", latest, flush=True)


log.startLogging(sys.stderr, setStdout=False)
collecting, publishing, answering = (
    ZmqEndpoint(ZmqEndpointType.bind, address) for address in sys.argv[1:]
)
factory = ZmqFactory()
factory.lingerPeriod = 2000
factory.registerForShutdown()
reactor.addSystemEventTrigger("before", "shutdown", close)
latest = {}
publisher = ZmqPubConnection(factory, publishing)
collector = Collector(factory, collecting, publisher, latest)
Desk(factory, answering, latest)
reactor.run()
