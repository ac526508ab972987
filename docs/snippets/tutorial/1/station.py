"""
A weather station: measures once a second, and pushes it to the hub.

    python station.py tcp://127.0.0.1:5550 oslo
"""

import random
import sys

from twisted.internet import reactor, task

from txzmq import ZmqAgainError, ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPushConnection


class Station(ZmqPushConnection):
    # A minute of measurements may wait for a hub that is away.
    highWaterMark = 60

    def measure(self, place):
        degrees = round(random.uniform(-10, 30), 1)
        try:
            self.push([place, str(degrees)])
        except ZmqAgainError:
            print(f"{degrees} is lost: no hub for a minute", flush=True)
        else:
            print(f"{degrees} measured", flush=True)


address, place = sys.argv[1:]
factory = ZmqFactory()
factory.registerForShutdown()
station = Station(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
task.LoopingCall(station.measure, place).start(1)
reactor.run()
