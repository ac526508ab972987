import errno

import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, ZmqSocketError, createZmqConnection


class Office(ZmqProtocol):
    def __init__(self):
        self.ready = defer.DeferredQueue()

    def messageReceived(self, parts):
        self.ready.put(parts)


class Printer(ZmqProtocol):
    def connectionMade(self):
        self.transport.setsockopt(zmq.ROUTING_ID, b"printer-1")
        self.transport.write("ready")


async def main(reactor):
    transport, office = await createZmqConnection(Office, zmq.ROUTER, bind="tcp://127.0.0.1:*")
    await createZmqConnection(Printer, zmq.DEALER, connect=transport.bindings())
    print(await office.ready.get())

    for name in "printer-1", "printer-2":
        try:
            await transport.writeMessage([name, "job"])
        except ZmqSocketError as error:
            print(name, errno.errorcode[error.errno])
        else:
            print(name, "has been sent a job")


task.react(main)
