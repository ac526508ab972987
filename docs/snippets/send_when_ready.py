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
    highWaterMark = 2
    maxWaitingMessages = 3


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    address = f"ipc://{tempfile.mkdtemp()}/collector"

    sensor = Sensor(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    sent = [sensor.sendWhenReady(str(number)) for number in range(6)]
    try:
        await sent[5]
    except ZmqAgainError:
        print("5 is refused")
    print([number for number in range(5) if sent[number].called], "are taken")
    sent[3].cancel()
    sent[3].addErrback(lambda failure: print("3 is cancelled"))

    collector = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, address))
    messages = defer.DeferredQueue()
    collector.onPull = messages.put
    await sent[4]
    print("got", [int((await messages.get())[0]) for _ in range(4)])


task.react(main)
