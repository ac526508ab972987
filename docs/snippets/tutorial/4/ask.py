"""
Asks the hub for the latest measurements, of all places at the same time, and
waits so many seconds for the answers.

    python ask.py tcp://127.0.0.1:5552 2 oslo bergen
"""

import sys

from twisted.internet import defer, task

from txzmq import (
    ZmqClosedError,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
)


async def ask(desk, place):
    try:
        [degrees] = await desk.sendMsg(place)
    except ZmqRequestTimeoutError:
        print(f"{place}: no answer")
    except ZmqClosedError:
        print(f"{place}: we were stopped")
    else:
        print(f"{place}: {degrees.decode()}", flush=True)


async def main(reactor, address, seconds, *places):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    desk = ZmqREQConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    desk.defaultRequestTimeout = float(seconds)
    await defer.gatherResults([defer.ensureDeferred(ask(desk, place)) for place in places])


task.react(main, sys.argv[1:])
