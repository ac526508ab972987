#!/usr/bin/env python3
"""
Publish the time once a second, or print what is published.

From the checkout directory, each in a terminal of its own:

    examples/pub_sub.py --method=bind --endpoint=ipc:///tmp/sock --mode=publisher

    examples/pub_sub.py --method=connect --endpoint=ipc:///tmp/sock --mode=subscriber

Start either first, and as many subscribers as you like: each gets everything
from the moment its subscription has arrived.  Ctrl-C ends a program.

A libzmq with PGM can also publish by multicast; then all of them connect:
--method=connect --endpoint='epgm://eth1;239.0.5.3:10011'
"""

import argparse
import sys
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqEndpoint, ZmqFactory, ZmqPubConnection, ZmqSubConnection


class TimePublisher(ZmqPubConnection):
    def publishTime(self):
        data = str(time.time())
        print(f"publishing {data!r}")
        self.publish(data)


class PrintingSubscriber(ZmqSubConnection):
    def gotMessage(self, message, tag):
        print(f"message received: {(message, tag)!r}")


def main(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()

    isPublisher = options.mode == "publisher"
    connection = TimePublisher(factory) if isPublisher else PrintingSubscriber(factory)
    connection.addEndpoints(ZmqEndpoint(options.method, e) for e in options.endpoint)
    for address in connection.boundAddresses:
        print(f"bound to {address}")

    if isPublisher:
        return LoopingCall(connection.publishTime).start(options.interval)
    connection.subscribe("")  # every tag begins with nothing
    return Deferred()  # never fires: runs until Ctrl-C


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", nargs="+", default=["ipc:///tmp/sock"], help="one address or more")
    add("-M", "--mode", choices=["publisher", "subscriber"], default="subscriber")
    add("-i", "--interval", type=float, default=1, help="seconds between two messages")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
