import errno
import tempfile

from twisted.internet import defer, task

from txzmq import (
    ZmqAgainError,
    ZmqEndpoint,
    ZmqEndpointError,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
)


async def pushed(reactor, pusher, message):
    """
    Push as soon as a puller is there.
    """
    while True:
        try:
            return pusher.push(message)
        except ZmqAgainError:
            await task.deferLater(reactor, 0.05)


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()

    directory = tempfile.mkdtemp()
    collector = ZmqPullConnection(factory)
    collector.addEndpoints(
        [
            ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"),
            ZmqEndpoint(ZmqEndpointType.bind, f"ipc://{directory}/collector"),
            ZmqEndpoint(ZmqEndpointType.bind, "inproc://collector"),
            ZmqEndpoint(ZmqEndpointType.connect, f"ipc://{directory}/not-there-yet"),
        ]
    )
    print(len(collector.endpoints), "endpoints,", len(collector.boundAddresses), "of them bound")

    messages = defer.DeferredQueue()
    collector.onPull = messages.put
    for address in collector.boundAddresses:
        pusher = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
        pusher.push(address.partition(":")[0])
        print("got", await messages.get())

    late = ZmqPushConnection(
        factory, ZmqEndpoint(ZmqEndpointType.bind, f"ipc://{directory}/not-there-yet")
    )
    await pushed(reactor, late, "late")
    print("got", await messages.get())

    taken = ZmqEndpoint(ZmqEndpointType.bind, collector.boundAddresses[0])
    try:
        ZmqPullConnection(factory, taken)
    except ZmqEndpointError as error:
        print(errno.errorcode[error.errno], error.endpoint == taken)


task.react(main)
