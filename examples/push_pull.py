#!/usr/bin/env python3
"""
Push pieces of work once a second, or pull them.

From the checkout directory, each in a terminal of its own:

    examples/push_pull.py --method=bind --endpoint=ipc:///tmp/sock --mode=push

    examples/push_pull.py --method=connect --endpoint=ipc:///tmp/sock --mode=pull

Start either first.  Start a second one that pulls, and they share the work:
each piece goes to one of them.  Ctrl-C ends a program.
"""

import argparse
import socket
import sys
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqAgainError, ZmqEndpoint, ZmqFactory, ZmqPullConnection, ZmqPushConnection


class Producer(ZmqPushConnection):
    def produce(self):
        data = [str(time.time()), socket.gethostname()]
        print(f"producing {data!r}")
        try:
            self.push(data)  # a list is one message of several parts
        except ZmqAgainError:
            print("Skipping, no pull consumers...")


class Consumer(ZmqPullConnection):
    def onPull(self, message):
        print(f"consuming {message!r}")


def main(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()

    isProducer = options.mode == "push"
    connection = Producer(factory) if isProducer else Consumer(factory)
    connection.addEndpoints(ZmqEndpoint(options.method, e) for e in options.endpoint)
    for address in connection.boundAddresses:
        print(f"bound to {address}")

    if isProducer:
        # The first piece after an interval: that gives others time to connect.
        return LoopingCall(connection.produce).start(options.interval, now=False)
    return Deferred()  # never fires: runs until Ctrl-C


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ["ipc:///tmp/txzmq-pc-demo"]
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", nargs="+", default=default, help="one address or more")
    add("-M", "--mode", choices=["push", "pull"], default="pull")
    add("-i", "--interval", type=float, default=1, help="seconds between two messages")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
