"""
Asks the hub for the latest measurements, and waits so many seconds for each.

    python ask.py tcp://127.0.0.1:5552 2 oslo bergen
"""

import sys

from twisted.internet import task

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
)


async def main(reactor, address, seconds, *places):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    desk = ZmqREQConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    for place in places:
        try:
            [degrees] = await desk.sendMsg(place, timeout=float(seconds))
        except ZmqRequestTimeoutError:
            print(f"{place}: no answer")
        else:
            print(f"{place}: {degrees.decode()}")


task.react(main, sys.argv[1:])
