from twisted.internet import reactor

from txzmq import ZmqEndpoint, ZmqFactory, ZmqPullConnection, ZmqPushConnection

factory = ZmqFactory()
factory.registerForShutdown()

puller = ZmqPullConnection(factory, ZmqEndpoint("bind", "tcp://127.0.0.1:*"))
pusher = ZmqPushConnection(factory, ZmqEndpoint("connect", puller.boundAddresses[0]))


def onPull(message):
    print("got", message)
    reactor.stop()


puller.onPull = onPull
pusher.push(["hello", "world"])
reactor.run()
