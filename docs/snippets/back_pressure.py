import tempfile

import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, createZmqConnection


class Sensor(ZmqProtocol):
    mayWrite = True

    def connectionMade(self):
        self.transport.setsockopt(zmq.SNDHWM, 2)
        self.transport.setWriteBufferLimits(highMessages=4, lowMessages=1)

    def pauseWriting(self):
        print("pause:", self.transport.getWriteBufferLength(), "messages wait")
        self.mayWrite = False

    def resumeWriting(self):
        print("resume:", self.transport.getWriteBufferLength(), "messages wait")
        self.mayWrite = True


class Collector(ZmqProtocol):
    def __init__(self):
        self.messages = defer.DeferredQueue()

    def messageReceived(self, parts):
        self.messages.put(parts)


async def main(reactor):
    address = f"ipc://{tempfile.mkdtemp()}/collector"

    transport, sensor = await createZmqConnection(Sensor, zmq.PUSH, connect=address)
    written = 0
    while sensor.mayWrite:
        transport.write(str(written))
        written += 1
    print(written, "written")

    _, collector = await createZmqConnection(Collector, zmq.PULL, bind=address)
    received = [await collector.messages.get() for _ in range(written)]
    print("got", [int(number) for [number] in received])


task.react(main)
