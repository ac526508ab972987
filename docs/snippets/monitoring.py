import tempfile

import zmq
from twisted.internet import defer, task

from txzmq import ZmqProtocol, createZmqConnection


class Client(ZmqProtocol):
    def connectionMade(self):
        self.transport.enableMonitor(zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED)

    def eventReceived(self, event):
        what = {
            zmq.Event.HANDSHAKE_SUCCEEDED: "connected to",
            zmq.Event.DISCONNECTED: "disconnected from",
        }
        print(what[event.event], event.endpoint.rpartition("/")[2])


class Server(ZmqProtocol):
    def __init__(self):
        self.ended = defer.Deferred()

    def connectionLost(self, reason):
        self.ended.callback(None)


async def main(reactor):
    address = f"ipc://{tempfile.mkdtemp()}/server"
    client, _ = await createZmqConnection(Client, zmq.DEALER, connect=address)
    for _ in range(2):
        server, protocol = await createZmqConnection(Server, zmq.DEALER, bind=address)
        await client.whenConnected()
        server.abortConnection()
        await protocol.ended
        await client.whenDisconnected()


task.react(main)
