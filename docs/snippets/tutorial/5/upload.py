"""
A weather station that was off the network: uploads what it has measured, if
there is a hub within so many seconds, and ends.

    python upload.py tcp://127.0.0.1:5550 10 measured.txt
"""

import sys

import zmq
from twisted.internet import defer, error, task
from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from txzmq import ZmqFactory, ZmqProtocol, createZmqConnection


@implementer(IPullProducer)
class Upload(ZmqProtocol):
    """
    Each line of the file is a place and a temperature.
    """

    count = 0

    def __init__(self, file):
        self.file = file
        self.ended = defer.Deferred()

    def connectionMade(self):
        # A hundred may wait in libzmq, and one here.
        self.transport.setsockopt(zmq.SNDHWM, 100)

    def resumeProducing(self):
        line = self.file.readline()
        if line:
            place, degrees = line.split()
            self.transport.write([place, degrees])
            self.count += 1
        else:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def stopProducing(self):
        # Also called if a line makes no sense.
        self.transport.loseConnection()

    def connectionLost(self, reason):
        if reason.check(error.ConnectionDone):
            print(f"{self.count} measurements uploaded")
        else:
            print(f"not all is uploaded: {reason.getErrorMessage()}")
        self.ended.callback(None)


async def main(reactor, address, seconds, path):
    factory = ZmqFactory(reactor)
    factory.lingerPeriod = 2000
    factory.registerForShutdown()
    with open(path) as file:
        transport, upload = await createZmqConnection(
            lambda: Upload(file), zmq.PUSH, connect=address, factory=factory
        )
        try:
            await transport.whenConnected().addTimeout(float(seconds), reactor)
        except defer.TimeoutError:
            print("no hub")
            transport.abortConnection()
        else:
            transport.registerProducer(upload, streaming=False)
        await upload.ended


task.react(main, sys.argv[1:])
