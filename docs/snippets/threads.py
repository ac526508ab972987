from twisted.internet import reactor, threads

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPullConnection, ZmqPushConnection

factory = ZmqFactory()
factory.registerForShutdown()
puller = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, "inproc://results"))
pusher = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, "inproc://results"))


def work():
    """
    Runs in another thread: hands the result over, instead of sending it.
    """
    result = sum(range(1000))
    reactor.callFromThread(pusher.push, str(result))


def onPull(message):
    print("got", message)
    reactor.stop()


puller.onPull = onPull
reactor.callWhenRunning(threads.deferToThread, work)
reactor.run()
