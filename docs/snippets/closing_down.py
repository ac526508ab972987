from twisted.internet import task

from txzmq import (
    ZmqClosedError,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqREPConnection,
    ZmqREQConnection,
)


class Server(ZmqREPConnection):
    def gotMessage(self, messageId, *parts):
        pass  # thinks about it, for ever


class Client(ZmqREQConnection):
    def connectionLost(self, reason):
        super().connectionLost(reason)
        print("client:", reason.type.__name__)


def failed(failure):
    failure.trap(ZmqClosedError)
    print("request:", failure.type.__name__)


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    server = Server(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    client = Client(factory, ZmqEndpoint(ZmqEndpointType.connect, server.boundAddresses[0]))
    client.sendMsg("how are you?").addErrback(failed)

    factory.shutdown()
    factory.shutdown()

    print(client.socket, client.factory, factory.connections, factory.context)
    try:
        client.send("one more")
    except ZmqClosedError:
        print("client: closed, as we know")


task.react(main)
