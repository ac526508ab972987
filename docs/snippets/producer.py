import tempfile

import zmq
from twisted.internet import defer, task
from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from txzmq import ZmqProtocol, createZmqConnection


@implementer(IPullProducer)
class Sender(ZmqProtocol):
    written = most = 0

    def __init__(self):
        self.waits = defer.Deferred()

    def connectionMade(self):
        self.transport.setsockopt(zmq.SNDHWM, 10)
        self.transport.registerProducer(self, streaming=False)

    def resumeProducing(self):
        """
        Nothing waits: write the next message.
        """
        self.transport.write(str(self.written))
        self.written += 1
        self.most = max(self.most, self.transport.getWriteBufferLength())
        if self.most and not self.waits.called:
            self.waits.callback(None)
        if self.written == 1000:
            self.transport.unregisterProducer()

    def stopProducing(self):
        """
        The transport is closed: there is nowhere to write to.
        """


class Receiver(ZmqProtocol):
    received = 0

    def __init__(self):
        self.done = defer.Deferred()

    def messageReceived(self, parts):
        self.received += 1
        if self.received == 1000:
            self.done.callback(None)


async def main(reactor):
    address = f"ipc://{tempfile.mkdtemp()}/receiver"
    _, sender = await createZmqConnection(Sender, zmq.PUSH, connect=address)
    await sender.waits
    print(sender.written, "written")

    _, receiver = await createZmqConnection(Receiver, zmq.PULL, bind=address)
    await receiver.done
    print(receiver.received, "received; never did more than", sender.most, "wait")


task.react(main)
