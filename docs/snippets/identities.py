import errno

import zmq
from twisted.internet import defer, task

from txzmq import (
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqRouterConnection,
    ZmqSocketError,
)


class Office(ZmqRouterConnection):
    """
    Hears from printers, and sends them jobs.
    """

    def gotMessage(self, senderId, *parts):
        print(senderId.decode(), "says", parts)
        self.sendMultipart(senderId, ["job", "page 1", "page 2"])


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()

    office = Office(factory)
    # libzmq's options without an attribute are set before the first endpoint.
    office.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    office.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    office.addEndpoints([ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*")])

    printer = ZmqDealerConnection(
        factory,
        ZmqEndpoint(ZmqEndpointType.connect, office.boundAddresses[0]),
        identity="printer-1",
    )
    jobs = defer.DeferredQueue()
    printer.gotMessage = lambda *parts: jobs.put(parts)
    printer.sendMsg("ready")
    print(await jobs.get())

    try:
        office.sendMsg("printer-2", "job")
    except ZmqSocketError as error:
        print("printer-2:", errno.errorcode[error.errno])


task.react(main)
