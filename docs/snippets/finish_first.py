from twisted.internet import defer, reactor, threads

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqREPConnection,
    ZmqREQConnection,
)

PATIENCE = 10  # seconds


class Server(ZmqREPConnection):
    def gotMessage(self, messageId, number):
        return threads.deferToThread(pow, int(number), 2).addCallback(
            lambda square: self.reply(messageId, str(square))
        )


class Client(ZmqREQConnection):
    def __init__(self, factory, endpoint):
        super().__init__(factory, endpoint)
        self.waiting = set()

    def ask(self, number):
        request = self.sendMsg(str(number))
        self.waiting.add(request)
        request.addBoth(self.answered, request, number)

    def answered(self, result, request, number):
        self.waiting.remove(request)
        print(number, result)

    def finish(self):
        return defer.DeferredList(self.waiting).addTimeout(
            PATIENCE, reactor, onTimeoutCancel=lambda result, seconds: None
        )


factory = ZmqFactory()
factory.registerForShutdown()
server = Server(factory, ZmqEndpoint(ZmqEndpointType.bind, "inproc://squares"))
client = Client(factory, ZmqEndpoint(ZmqEndpointType.connect, "inproc://squares"))
reactor.addSystemEventTrigger("before", "shutdown", client.finish)

reactor.callWhenRunning(client.ask, 12)
reactor.callWhenRunning(reactor.stop)
reactor.run()
