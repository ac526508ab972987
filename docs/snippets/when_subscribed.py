import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, createZmqConnection


class Reader(ZmqProtocol):
    def __init__(self):
        self.messages = defer.DeferredQueue()

    def connectionMade(self):
        self.transport.subscribe(b"sports")

    def messageReceived(self, parts):
        self.messages.put(parts)


async def main(reactor):
    desk, _ = await createZmqConnection(ZmqProtocol, zmq.XPUB, bind="tcp://127.0.0.1:*")
    _, reader = await createZmqConnection(Reader, zmq.SUB, connect=desk.bindings())
    print("subscribed to", await desk.whenSubscribed(b"sports.rowing"))
    desk.write(["sports.rowing", "the eight has won"])
    print(await reader.messages.get())


task.react(main)
