from twisted.internet import defer, task

from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPullConnection, ZmqPushConnection


class Worker(ZmqPullConnection):
    """
    Begins a piece of work only when it has finished the one before.
    """

    def __init__(self, factory, endpoint, seconds):
        super().__init__(factory, endpoint)
        self.seconds = seconds
        self.finished = defer.DeferredQueue()

    async def onPull(self, message):
        self.pauseProducing()
        print("begin", message)
        await task.deferLater(self.factory.reactor, self.seconds, lambda: None)
        print("end", message)
        self.finished.put(message)
        self.resumeProducing()


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    worker = Worker(factory, ZmqEndpoint(ZmqEndpointType.bind, "inproc://work"), seconds=0.01)
    pusher = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, "inproc://work"))
    for piece in "abc":
        pusher.push(piece)
    for _ in range(3):
        await worker.finished.get()


task.react(main)
