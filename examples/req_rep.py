#!/usr/bin/env python3
"""
Ask for something once a second, or reply.

From the checkout directory, each in a terminal of its own:

    examples/req_rep.py --method=bind --endpoint=ipc:///tmp/sock --mode=rep

    examples/req_rep.py --method=connect --endpoint=ipc:///tmp/sock --mode=req

Start either first: a request waits for a server, but not for ever.  Start
more of either kind, too.  Ctrl-C ends a program.
"""

import argparse
import itertools
import sys
from pathlib import Path

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqEndpoint, ZmqError, ZmqFactory, ZmqREPConnection, ZmqREQConnection


class Capitals(ZmqREPConnection):
    """
    Replies with the same text in capitals.
    """

    async def gotMessage(self, messageId, text):
        print(f"asked for {text!r} in capitals")
        # Replies need not come at once, nor in the order of the requests.
        await deferLater(self.factory.reactor, 0.05, lambda: None)
        self.reply(messageId, text.upper())


class Asker(ZmqREQConnection):
    defaultRequestTimeout = 5  # seconds
    numbers = itertools.count(1)

    async def ask(self):
        text = f"question {next(self.numbers)}"
        print(f"asking for {text!r}")
        try:
            reply = await self.sendMsg(text)
        except ZmqError as error:
            print(f"no reply to {text!r}: {error}")
        else:
            print(f"the reply to {text!r} is {reply!r}")  # the list of its parts


def main(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()

    isServer = options.mode == "rep"
    connection = Capitals(factory) if isServer else Asker(factory)
    connection.addEndpoints(ZmqEndpoint(options.method, e) for e in options.endpoint)
    for address in connection.boundAddresses:
        print(f"bound to {address}")

    if isServer:
        return Deferred()  # never fires: runs until Ctrl-C
    return LoopingCall(lambda: ensureDeferred(connection.ask())).start(options.interval)


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", nargs="+", default=["ipc:///tmp/sock"], help="one address or more")
    add("-M", "--mode", choices=["req", "rep"], default="req")
    add("-i", "--interval", type=float, default=1, help="seconds between two requests")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
