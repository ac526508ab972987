"""
The hub: collects what the weather stations measure.

    python hub.py tcp://127.0.0.1:5550
"""

import sys

from twisted.internet import reactor
from twisted.python import log

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPullConnection

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
    def onPull(self, message):
        place, degrees = parse(message)
        print(f"{place}: {degrees} degrees", flush=True)


log.startLogging(sys.stderr, setStdout=False)
factory = ZmqFactory()
factory.registerForShutdown()
Collector(factory, ZmqEndpoint(ZmqEndpointType.bind, sys.argv[1]))
reactor.run()
