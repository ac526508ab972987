import zmq
from twisted.internet import defer, task

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPubConnection, ZmqSubConnection


class WatchfulPublisher(ZmqPubConnection):
    """
    A publisher that is told who subscribes, and to what.
    """

    socketType = zmq.XPUB

    def messageReceived(self, message):
        [frame] = message
        if frame.startswith(b"\x01"):
            self.publish("welcome", tag=frame[1:])


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    publisher = WatchfulPublisher(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    subscriber = ZmqSubConnection(
        factory, ZmqEndpoint(ZmqEndpointType.connect, publisher.boundAddresses[0])
    )
    messages = defer.DeferredQueue()
    subscriber.gotMessage = lambda message, tag: messages.put((message, tag))
    subscriber.subscribe("news")
    print(await messages.get())


task.react(main)
