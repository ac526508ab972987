#!/usr/bin/env python3
"""
Push a file to another program, no faster than it is taken there.

From the checkout directory, each in a terminal of its own:

    examples/push_file.py --method=bind --endpoint=ipc:///tmp/sock --mode=receive --file=/tmp/copy

    examples/push_file.py --method=connect --endpoint=ipc:///tmp/sock --mode=send --file=README.rst

Start either first.  However large the file is and however slow the receiver (try
--pause=1), only a few pieces are in memory: the sender is asked for the next one
when there is room for it.  Both end by themselves when the file is through, or
with Ctrl-C.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import zmq
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.internet.task import deferLater, react
from zope.interface import implementer

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqProtocol, ZmqProtocolFactory, connectZMQ, listenZMQ


class End(ZmqProtocol):
    """
    What the two ends have in common.  The messages are ``[b"data", piece]``, then
    ``[b"end", digest]``, and back comes ``[b"received", digest]``.
    """

    socketType = zmq.DEALER

    def connectionMade(self):
        self.pieces = self.bytes = 0
        self.digest = hashlib.sha256()
        self.ended = Deferred()

    def count(self, piece):
        self.pieces += 1
        self.bytes += len(piece)
        self.digest.update(piece)

    def finish(self, digest):
        if digest == self.digest.digest():
            print(f"{self.pieces} pieces, {self.bytes} bytes, have arrived")
        else:
            self.ended.errback(SystemExit("what has arrived is not what was sent"))
        self.transport.loseConnection()

    def connectionLost(self, reason):
        self.factory.file.close()
        if not self.ended.called:
            self.ended.callback(None)


@implementer(IPullProducer)
class Sender(End):
    """
    The protocol, and also the producer that the transport asks for pieces.
    """

    size = 65_536
    isWaiting = False

    def connectionMade(self):
        super().connectionMade()
        self.transport.registerProducer(self, streaming=False)

    def resumeProducing(self):
        if self.isWaiting:
            print(f"piece {self.pieces} is taken")
        piece = self.factory.file.read(self.size)
        if piece:
            self.count(piece)
            self.transport.write([b"data", piece])
            # Otherwise libzmq has taken it already.
            self.isWaiting = self.transport.getWriteBufferLength() > 0
            if self.isWaiting:
                print(f"piece {self.pieces} waits")
        else:
            self.transport.write([b"end", self.digest.digest()])
            self.transport.unregisterProducer()

    def stopProducing(self):
        print(f"stopped after piece {self.pieces}")

    def messageReceived(self, parts):
        _received, digest = parts
        self.finish(digest)


class Receiver(End):
    """
    Writes what comes, and takes its time.
    """

    def messageReceived(self, parts):
        kind, content = parts
        if kind == b"end":
            self.transport.write([b"received", self.digest.digest()])
            self.finish(content)
            return None
        self.count(content)
        self.factory.file.write(content)
        return self.rest()

    async def rest(self):
        # Nothing is delivered meanwhile; at the other end it shows soon.
        self.transport.pauseProducing()
        await deferLater(self.factory.reactor, self.factory.pause, lambda: None)
        self.transport.resumeProducing()


class Ends(ZmqProtocolFactory):
    def __init__(self, reactor, protocol, file, pause):
        self.reactor = reactor
        self.protocol = protocol
        self.file = file
        self.pause = pause


def main(reactor, options):
    isSender = options.mode == "send"
    ends = Ends(
        reactor,
        Sender if isSender else Receiver,
        open(options.file, "rb" if isSender else "wb"),  # noqa: SIM115 - closed by the protocol
        options.pause,
    )
    openZMQ = listenZMQ if options.method == "bind" else connectZMQ
    # So many pieces wait in libzmq at each end; 1000 if we did not say so.
    opening = openZMQ(reactor, options.endpoint, ends, highWaterMark=4)

    def opened(end):
        for address in end.transport.bindings():
            print(f"bound to {address}")
        return end.ended

    return opening.addCallback(opened)


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", default="ipc:///tmp/sock", help="an address")
    add("-M", "--mode", choices=["send", "receive"], default="receive")
    add("-f", "--file", required=True, help="what to send, or where to keep what comes")
    add("-p", "--pause", type=float, default=0, help="seconds to rest after each piece")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
