from twisted.internet import task

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqOptionError, ZmqPubConnection


class Publisher(ZmqPubConnection):
    highWaterMark = 10_000
    tcpKeepalive = 1
    tcpKeepaliveIdle = 600


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    factory.ioThreads = 2
    factory.lingerPeriod = 500

    publisher = Publisher(factory)
    publisher.identity = "newsroom"
    publisher.reconnectInterval = 50
    publisher.addEndpoints([ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*")])
    publisher.highWaterMark = 1000

    Publisher.highWaterMark = 2000
    print(publisher.highWaterMark, Publisher(factory).highWaterMark)

    for owner, name, value in [
        (publisher, "highWaterMark", -1),
        (publisher, "identity", "sports"),
        (factory, "ioThreads", 4),
    ]:
        try:
            setattr(owner, name, value)
        except ZmqOptionError as error:
            print(error)


task.react(main)
