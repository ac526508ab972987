import tempfile

import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, createZmqConnection


class Guest(ZmqProtocol):
    def connectionMade(self):
        # Only what can leave at once is given to libzmq; the rest waits here.
        self.transport.setsockopt(zmq.IMMEDIATE, 1)

    async def order(self, dish, seconds):
        try:
            await self.transport.writeMessage(dish).addTimeout(seconds, self.reactor)
        except defer.TimeoutError:
            print(dish, "is not wanted any more")
        else:
            print(dish, "is ordered")


class Cook(ZmqProtocol):
    def __init__(self):
        self.orders = defer.DeferredQueue()

    def messageReceived(self, parts):
        self.orders.put(parts)


async def main(reactor):
    address = f"ipc://{tempfile.mkdtemp()}/kitchen"
    _, guest = await createZmqConnection(Guest, zmq.PUSH, connect=address)
    guest.reactor = reactor

    hurried = defer.ensureDeferred(guest.order("soup", seconds=0.1))
    patient = defer.ensureDeferred(guest.order("stew", seconds=60))
    await hurried

    _, cook = await createZmqConnection(Cook, zmq.PULL, bind=address)
    await patient
    print("the cook got", await cook.orders.get())


task.react(main)
