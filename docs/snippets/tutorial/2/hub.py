"""
The hub: collects what the weather stations measure, and publishes it.

    python hub.py tcp://127.0.0.1:5550 tcp://127.0.0.1:5551
"""

import sys

from twisted.internet import reactor
from twisted.python import log

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPubConnection, ZmqPullConnection

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
    def __init__(self, factory, endpoint, publisher):
        super().__init__(factory, endpoint)
        self.publisher = publisher

    def onPull(self, message):
        place, degrees = parse(message)
        self.publisher.publish(str(degrees), tag=place)


log.startLogging(sys.stderr, setStdout=False)
collecting, publishing = (ZmqEndpoint(ZmqEndpointType.bind, address) for address in sys.argv[1:])
factory = ZmqFactory()
factory.registerForShutdown()
publisher = ZmqPubConnection(factory, publishing)
Collector(factory, collecting, publisher)
reactor.run()
