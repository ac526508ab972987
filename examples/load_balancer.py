#!/usr/bin/env python3
"""
Share out requests among workers, each of which has one at a time.

From the checkout directory, each in a terminal of its own:

    examples/load_balancer.py --mode=balancer --endpoint=ipc:///tmp/front --workers=ipc:///tmp/back

    examples/load_balancer.py --mode=worker --workers=ipc:///tmp/back

    examples/load_balancer.py --mode=client --endpoint=ipc:///tmp/front

Start as many workers and clients as you like, in any order, and stop any of them.
A request waits until a worker is free, and goes to the one that has been free for
the longest time.  Ctrl-C ends a program.
"""

import argparse
import itertools
import os
import sys
from pathlib import Path

import zmq
from twisted.internet.defer import Deferred, DeferredQueue, ensureDeferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import (
    ZmqClosedError,
    ZmqEndpoint,
    ZmqFactory,
    ZmqProtocol,
    ZmqProtocolFactory,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqSocketError,
    connectZMQ,
    createZmqConnection,
)


class Clients(ZmqProtocol):
    """
    The side of the balancer where requests come from.
    """

    def __init__(self, workers):
        self.workers = workers

    def messageReceived(self, request):
        return self.assign(request)

    async def assign(self, request):
        # As long as no worker is free, further requests stay where they are.
        self.transport.pauseProducing()
        while True:
            worker = await self.workers.free.get()
            try:
                await self.workers.transport.writeMessage([worker, *request])
                break
            except ZmqSocketError as error:
                print(f"worker {worker.hex()} has gone: {error}")
        self.transport.resumeProducing()


class Workers(ZmqProtocol):
    """
    The side where the workers are.
    """

    def __init__(self):
        self.free = DeferredQueue()

    def messageReceived(self, parts):
        worker, kind, *reply = parts
        if kind == b"reply":
            # To a client that has gone, this is a line in the log.
            self.clients.transport.write(reply)
        self.free.put(worker)


class Worker(ZmqProtocol):
    """
    Says that it is ready, also to a balancer that comes back, and then has one
    request at a time.
    """

    socketType = zmq.DEALER
    isBusy = False

    def connectionMade(self):
        self.transport.enableMonitor(zmq.Event.HANDSHAKE_SUCCEEDED)

    def eventReceived(self, event):
        if not self.isBusy:
            self.transport.write("ready")

    async def messageReceived(self, parts):
        *envelope, work = parts
        self.isBusy = True
        print(f"working on {work!r}")
        await deferLater(self.factory.reactor, 0.1, lambda: None)
        self.transport.write(["reply", *envelope, b"%b, by worker %d" % (work, os.getpid())])
        self.isBusy = False


class Client(ZmqREQConnection):
    defaultRequestTimeout = 5
    # Requests that are given up are not sent to a balancer that comes later.
    immediate = True
    numbers = itertools.count(1)

    def order(self):
        ensureDeferred(self.ask(f"request {next(self.numbers)}"))

    async def ask(self, work):
        try:
            [reply] = await self.sendMsg(work)
            print(f"done: {reply.decode()}")
        except (ZmqRequestTimeoutError, ZmqClosedError):
            print(f"nobody has done {work}")


async def runBalancer(reactor, options):
    # The workers' side first: before a client comes, there is somebody to ask for workers.
    inside, workers = await createZmqConnection(
        Workers, zmq.ROUTER, bind=options.workers, reactor=reactor
    )
    outside, workers.clients = await createZmqConnection(
        lambda: Clients(workers), zmq.ROUTER, bind=options.endpoint, reactor=reactor
    )
    for transport in inside, outside:
        for address in transport.bindings():
            print(f"bound to {address}")


async def runWorker(reactor, options):
    factory = ZmqProtocolFactory.forProtocol(Worker)
    factory.reactor = reactor
    await connectZMQ(reactor, options.workers, factory)


async def runClient(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()
    client = Client(factory, ZmqEndpoint("connect", options.endpoint))
    LoopingCall(client.order).start(options.interval)


async def run(reactor, options):
    start = {"balancer": runBalancer, "worker": runWorker, "client": runClient}[options.mode]
    await start(reactor, options)
    await Deferred()  # never fires: runs until Ctrl-C


def main(reactor, options):
    return ensureDeferred(run(reactor, options))


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-e", "--endpoint", default="ipc:///tmp/front", help="the address for clients")
    add("-w", "--workers", default="ipc:///tmp/back", help="the address for workers")
    add("-M", "--mode", choices=["balancer", "worker", "client"], default="client")
    add("-i", "--interval", type=float, default=1, help="seconds between two requests")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
