from multiprocessing import get_context

from twisted.internet import reactor

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPullConnection, ZmqPushConnection


def work(address, number):
    """
    Runs in a process of its own, and so has a factory of its own.
    """
    factory = ZmqFactory()
    factory.lingerPeriod = 10_000
    pusher = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    pusher.push(str(sum(range(number))))
    # Blocks until the result has left, for up to ten seconds.
    factory.shutdown()


def main():
    factory = ZmqFactory()
    factory.registerForShutdown()
    puller = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, "tcp://127.0.0.1:*"))
    results = []

    def onPull(message):
        results.append(int(message[0]))
        if len(results) == 3:
            print("got", sorted(results))
            reactor.stop()

    puller.onPull = onPull
    for number in (10, 100, 1000):
        arguments = (puller.boundAddresses[0], number)
        get_context("spawn").Process(target=work, args=arguments).start()
    reactor.run()


if __name__ == "__main__":
    main()
