import tempfile

from twisted.internet import task

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
)


class Client(ZmqREQConnection):
    immediate = True


class Shop(ZmqREPConnection):
    def gotMessage(self, messageId, order):
        print("the shop got", order)
        self.reply(messageId, "thank you")


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    address = f"ipc://{tempfile.mkdtemp()}/shop"

    client = Client(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    try:
        await client.sendMsg("a hundred roses", timeout=0.1)
    except ZmqRequestTimeoutError:
        print("the shop is closed")

    Shop(factory, ZmqEndpoint(ZmqEndpointType.bind, address))
    print(await client.sendMsg("one tulip", timeout=60))


task.react(main)
