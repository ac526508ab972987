#!/usr/bin/env python3
"""
Order a job once a second, or do jobs and tell how they go.

From the checkout directory, each in a terminal of its own:

    examples/router_dealer.py --method=bind --endpoint=ipc:///tmp/sock --mode=router

    examples/router_dealer.py --method=connect --endpoint=ipc:///tmp/sock --mode=dealer

A request has one reply; a router and a dealer say what they want, when they
want.  Here every order is followed by three pieces of news.  Start more dealers:
each hears of its own jobs only.  Ctrl-C ends a program.
"""

import argparse
import itertools
import os
import sys
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import (
    ZmqAgainError,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqRouterConnection,
)


class Workshop(ZmqRouterConnection):
    """
    Does jobs, any number at a time.
    """

    async def gotMessage(self, senderId, job):
        print(f"{job!r} ordered by {senderId.hex()}")
        for news in ("begun", "half done", "done"):
            self.sendMultipart(senderId, [job, news])
            await deferLater(self.factory.reactor, 0.05, lambda: None)


class Customer(ZmqDealerConnection):
    numbers = itertools.count(1)

    def order(self):
        job = f"job {next(self.numbers)} of process {os.getpid()}"
        print(f"ordering {job!r}")
        try:
            self.sendMsg(job)
        except ZmqAgainError:
            print("nobody is there to take it")

    def gotMessage(self, job, news):
        print(f"{job.decode()!r} is {news.decode()}")


def main(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()

    isRouter = options.mode == "router"
    connection = Workshop(factory) if isRouter else Customer(factory)
    connection.addEndpoints(ZmqEndpoint(options.method, e) for e in options.endpoint)
    for address in connection.boundAddresses:
        print(f"bound to {address}")

    if isRouter:
        return Deferred()  # never fires: runs until Ctrl-C
    return LoopingCall(connection.order).start(options.interval)


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", nargs="+", default=["ipc:///tmp/sock"], help="one address or more")
    add("-M", "--mode", choices=["router", "dealer"], default="dealer")
    add("-i", "--interval", type=float, default=1, help="seconds between two orders")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
