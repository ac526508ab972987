from twisted.internet import defer, task

from txzmq import (
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
)


class Server(ZmqREPConnection):
    tired = True

    def gotMessage(self, messageId, question):
        if question == b"easy":
            self.reply(messageId, "42")
        elif question == b"twice" and not self.tired:
            self.reply(messageId, "if you insist")
        elif question == b"twice":
            self.tired = False


class Client(ZmqREQConnection):
    defaultRequestTimeout = 60

    async def insist(self, question, attempts, seconds):
        for _ in range(attempts - 1):
            try:
                return await self.sendMsg(question, timeout=seconds)
            except ZmqRequestTimeoutError:
                pass
        return await self.sendMsg(question, timeout=seconds)


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    server = Server(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    client = Client(factory, ZmqEndpoint(ZmqEndpointType.connect, server.boundAddresses[0]))

    print("easy:", await client.sendMsg("easy"))

    try:
        await client.sendMsg("hard", timeout=0.1)
    except ZmqRequestTimeoutError:
        print("hard: no answer in time")

    request = client.sendMsg("hard")
    request.cancel()
    try:
        await request
    except defer.CancelledError:
        print("hard: cancelled")

    print("twice:", await client.insist("twice", attempts=10, seconds=0.5))


task.react(main)
