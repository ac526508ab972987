import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, createZmqConnection


class Router(ZmqProtocol):
    def messageReceived(self, parts):
        client, question = parts
        self.transport.write([client, question.upper()])


class Dealer(ZmqProtocol):
    def __init__(self):
        self.answers = defer.DeferredQueue()
        self.closed = defer.Deferred()

    def messageReceived(self, parts):
        self.answers.put(parts)

    def connectionLost(self, reason):
        self.closed.callback(reason.type.__name__)


async def main(reactor):
    router, _ = await createZmqConnection(Router, zmq.ROUTER, bind="tcp://127.0.0.1:*")
    dealer, protocol = await createZmqConnection(Dealer, zmq.DEALER, connect=router.bindings())
    dealer.write(["hello"])
    print(await protocol.answers.get())
    dealer.loseConnection()
    print(await protocol.closed)


task.react(main)
