import zmq
from twisted.internet import defer, reactor, task

from txzmq import ZmqConnection, ZmqEndpoint, ZmqEndpointType, ZmqFactory


class Talker(ZmqConnection):
    socketType = zmq.PAIR

    def send(self, message):
        self.socket.send_multipart(message, zmq.NOBLOCK)
        if self.read_scheduled is None:
            self.read_scheduled = reactor.callLater(0, self.doRead)


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    one = Talker(factory, ZmqEndpoint(ZmqEndpointType.bind, "inproc://talk"))
    other = Talker(factory, ZmqEndpoint(ZmqEndpointType.connect, "inproc://talk"))
    one.messageReceived = lambda message: one.send([*message, b"and you?"])
    messages = defer.DeferredQueue()
    other.messageReceived = messages.put
    other.send([b"fine"])
    print(await messages.get())


task.react(main)
