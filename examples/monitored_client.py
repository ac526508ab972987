#!/usr/bin/env python3
"""
Ask a server for the time, and report when it comes and when it goes.

From the checkout directory, each in a terminal of its own:

    examples/monitored_client.py --method=bind --endpoint=ipc:///tmp/sock --mode=server

    examples/monitored_client.py --method=connect --endpoint=ipc:///tmp/sock --mode=client

Start either first, and stop and start the server as often as you like: the client
knows, and asks only as long as it is there.  With --verbose it shows all that
libzmq tells about the connection.  Ctrl-C ends a program.
"""

import argparse
import sys
import time
from pathlib import Path

import zmq
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqClosedError, ZmqProtocol, ZmqProtocolFactory, connectZMQ, listenZMQ


class Server(ZmqProtocol):
    socketType = zmq.ROUTER

    def messageReceived(self, parts):
        client, *question = parts
        print(f"{question!r} from {client.hex()}")
        self.transport.write([client, time.strftime("%H:%M:%S")])


class Client(ZmqProtocol):
    socketType = zmq.DEALER

    def connectionMade(self):
        if self.factory.verbose:
            self.transport.enableMonitor()
        self.asking = LoopingCall(self.transport.write, ["what time is it?"])
        return self.watch()

    async def watch(self):
        try:
            while True:
                event = await self.transport.whenConnected()
                print(f"the server is there: {event.endpoint}")
                self.asking.start(self.factory.interval)
                await self.transport.whenDisconnected()
                self.asking.stop()
                print("the server has gone")
        except ZmqClosedError:
            pass  # we are closed: nothing to watch any more

    def eventReceived(self, event):
        print(f"    {event}")

    def messageReceived(self, parts):
        print(f"it is {parts[0].decode()}")

    def connectionLost(self, reason):
        if self.asking.running:
            self.asking.stop()


class Peers(ZmqProtocolFactory):
    def __init__(self, protocol, options):
        self.protocol = protocol
        self.interval = options.interval
        self.verbose = options.verbose


def main(reactor, options):
    openZMQ = listenZMQ if options.method == "bind" else connectZMQ
    peers = Peers(Server if options.mode == "server" else Client, options)

    def opened(peer):
        for address in peer.transport.bindings():
            print(f"bound to {address}")
        return Deferred()  # never fires: runs until Ctrl-C

    return openZMQ(reactor, options.endpoint, peers).addCallback(opened)


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", default="ipc:///tmp/sock", help="an address")
    add("-M", "--mode", choices=["server", "client"], default="client")
    add("-i", "--interval", type=float, default=1, help="seconds between two questions")
    add("-v", "--verbose", action="store_true", help="show all events")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
