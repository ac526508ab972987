import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, ZmqUnsentError, createZmqConnection


class Speaker(ZmqProtocol):
    def __init__(self):
        self.ended = defer.Deferred()

    def connectionLost(self, reason):
        if reason.check(ZmqUnsentError):
            print(reason.type.__name__, reason.value.messages, reason.value.bytes)
        else:
            print(reason.type.__name__)
        self.ended.callback(None)


async def speaker():
    # It binds, and nobody connects: nobody will take anything.
    return await createZmqConnection(Speaker, zmq.PUSH, bind="tcp://127.0.0.1:*")


async def main(reactor):
    transport, protocol = await speaker()
    transport.loseConnection()
    await protocol.ended

    transport, protocol = await speaker()
    transport.write("hello?")
    transport.abortConnection()
    await protocol.ended

    transport, protocol = await speaker()
    transport.closeTimeout = 0.1
    transport.write("hello?")
    transport.write(["is", "anybody", "there?"])
    transport.loseConnection()
    await protocol.ended


task.react(main)
