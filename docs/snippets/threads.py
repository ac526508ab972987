from twisted.internet import reactor, threads

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqThreadError,
)

factory = ZmqFactory()
factory.registerForShutdown()
puller = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, "inproc://results"))
pusher = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, "inproc://results"))


def work():
    """
    Runs in another thread: hands the result over, instead of sending it.
    """
    result = sum(range(1000))
    try:
        pusher.push(str(result))
    except ZmqThreadError:
        print("not from here")
    reactor.callFromThread(pusher.push, str(result))
    reactor.callFromThread(pusher.push, "that is all")


def onPull(message):
    print("got", message)
    if message == [b"that is all"]:
        reactor.stop()


puller.onPull = onPull
reactor.callWhenRunning(threads.deferToThread, work)
reactor.run()
