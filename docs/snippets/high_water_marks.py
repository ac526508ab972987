import tempfile

from twisted.internet import defer, task

from txzmq import (
    ZmqAgainError,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
)


class Sensor(ZmqPushConnection):
    highWaterMark = 3


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    address = f"ipc://{tempfile.mkdtemp()}/collector"

    sensor = Sensor(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    for number in range(5):
        try:
            sensor.push(str(number))
        except ZmqAgainError:
            print(number, "refused")
        else:
            print(number, "accepted")

    collector = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, address))
    messages = defer.DeferredQueue()
    collector.onPull = messages.put
    for _ in range(3):
        print("got", await messages.get())


task.react(main)
