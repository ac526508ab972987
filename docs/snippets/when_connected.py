from twisted.internet import defer, task

from txzmq import (
    ZmqAgainError,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
)


class Pusher(ZmqPushConnection):
    monitored = True


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    pusher = Pusher(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    try:
        pusher.push("too early")
    except ZmqAgainError:
        print("nobody is there")

    puller = ZmqPullConnection(
        factory, ZmqEndpoint(ZmqEndpointType.connect, pusher.boundAddresses[0])
    )
    messages = defer.DeferredQueue()
    puller.onPull = messages.put
    event = await pusher.whenConnected().addTimeout(60, reactor)
    print(event.name)
    pusher.push("in time")
    print("got", await messages.get())


task.react(main)
