import tempfile
from collections import deque

from twisted.internet import defer, task

from txzmq import (
    ZmqAgainError,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
)


class Outbox(ZmqPushConnection):
    """
    Keeps messages that cannot be sent, the newest ``size`` of them, and tries
    again.
    """

    highWaterMark = 3
    size = 2
    seconds = 0.1
    _retry = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = deque(maxlen=self.size)

    def push(self, message):
        self.waiting.append(message)
        if self._retry is None:
            self.flush()

    def flush(self):
        self._retry = None
        while self.waiting:
            try:
                super().push(self.waiting[0])
            except ZmqAgainError:
                self._retry = self.factory.reactor.callLater(self.seconds, self.flush)
                break
            self.waiting.popleft()

    def connectionLost(self, reason):
        super().connectionLost(reason)
        if self._retry is not None:
            self._retry.cancel()
        if self.waiting:
            print("never sent:", list(self.waiting))


async def main(reactor):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    address = f"ipc://{tempfile.mkdtemp()}/collector"

    outbox = Outbox(factory, ZmqEndpoint(ZmqEndpointType.connect, address))
    for number in range(7):
        outbox.push(str(number))
    print("waiting:", list(outbox.waiting))

    collector = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, address))
    messages = defer.DeferredQueue()
    collector.onPull = messages.put
    print("got", [(await messages.get())[0] for _ in range(5)])

    collector.shutdown()
    unheard = Outbox(factory, ZmqEndpoint(ZmqEndpointType.connect, f"{address}-2"))
    for number in range(4):
        unheard.push(str(number))


task.react(main)
