#!/usr/bin/env python3
"""
Check every pattern, over every transport, in one process.

    examples/integration_test.py

Says what it has checked and ends by itself, with status 0 if all is well: a
quick answer to "does it work on this machine?".
"""

import argparse
import sys
import tempfile
from pathlib import Path

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError,
    ensureDeferred,
    gatherResults,
)
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import (
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqEndpointType,
    ZmqFactory,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
)

COUNT = 1000


class Inbox(list):
    """
    A list of messages to wait for.
    """

    def __init__(self, size):
        super().__init__()
        self.size = size
        self.full = Deferred()

    def put(self, *message):
        self.append(message)
        if len(self) == self.size:
            self.full.callback(self)


def numbers():
    return [b"%d" % number for number in range(COUNT)]


def compare(got, expected):
    if got != expected:
        raise ValueError(f"{len(got)} arrived of {len(expected)}, or not in order: {got!r:.200}")


async def pushPull(bind, connect):
    pull = bind(ZmqPullConnection)
    inbox = Inbox(COUNT)
    pull.onPull = inbox.put
    push = connect(ZmqPushConnection, pull)
    for number in numbers():
        push.push([number, b"part two"])
    await inbox.full
    compare(inbox, [([number, b"part two"],) for number in numbers()])


async def pubSub(bind, connect):
    pub = bind(ZmqPubConnection)
    sub = connect(ZmqSubConnection, pub)
    # What is published before the subscription has arrived is lost.  So say
    # hello until somebody hears it: what was subscribed to before has arrived, too.
    hello = Inbox(1)
    sub.gotMessage = hello.put
    sub.subscribe(b"number")
    sub.subscribe(b"hello")
    knock = LoopingCall(pub.publish, b"", b"hello")
    knock.start(0.01)
    try:
        await hello.full
    finally:
        knock.stop()

    inbox = Inbox(COUNT)
    sub.unsubscribe(b"hello")
    sub.gotMessage = lambda message, tag: tag == b"hello" or inbox.put(message, tag)
    for number in numbers():
        pub.publish(number, b"other")
        pub.publish(number, b"number")
    await inbox.full
    compare(inbox, [(number, b"number") for number in numbers()])


async def reqRep(bind, connect):
    rep = bind(ZmqREPConnection)
    rep.gotMessage = lambda messageId, *parts: rep.reply(messageId, *reversed(parts))
    req = connect(ZmqREQConnection, rep)
    requests = [req.sendMsg(b"question", number) for number in numbers()]
    replies = await gatherResults(requests, consumeErrors=True)
    compare(replies, [[number, b"question"] for number in numbers()])


async def routerDealer(bind, connect):
    router = bind(ZmqRouterConnection)
    router.gotMessage = lambda senderId, *parts: router.sendMultipart(senderId, [*parts, b"seen"])
    dealers = [connect(ZmqDealerConnection, router, identity=name) for name in ("one", "two")]
    inboxes = [Inbox(COUNT), Inbox(COUNT)]
    for dealer, inbox in zip(dealers, inboxes):
        dealer.gotMessage = inbox.put
        for number in numbers():
            dealer.sendMultipart([dealer.identity, number])
    for dealer, inbox in zip(dealers, inboxes):
        name = dealer.identity.encode()
        compare(await inbox.full, [(name, number, b"seen") for number in numbers()])


async def pair(bind, connect):
    left = bind(ZmqPairConnection)
    right = connect(ZmqPairConnection, left)
    inbox = Inbox(COUNT)
    left.messageReceived = left.send
    right.messageReceived = inbox.put
    # Who connects can send at once, who binds must wait for a peer.
    for number in numbers():
        right.send(number)
    await inbox.full
    compare(inbox, [([number],) for number in numbers()])


PATTERNS = {
    "push/pull": pushPull,
    "pub/sub": pubSub,
    "req/rep": reqRep,
    "router/dealer": routerDealer,
    "pair": pair,
}


async def check(factory, pattern, address):
    """
    Run one of the checks above, on connections that are closed afterwards.
    """
    opened = []

    def bind(cls, **kwargs):
        opened.append(cls(factory, ZmqEndpoint(ZmqEndpointType.bind, address), **kwargs))
        return opened[-1]

    def connect(cls, peer, **kwargs):
        endpoint = ZmqEndpoint(ZmqEndpointType.connect, peer.boundAddresses[0])
        opened.append(cls(factory, endpoint, **kwargs))
        return opened[-1]

    try:
        await pattern(bind, connect)
    finally:
        for connection in opened:
            connection.shutdown()


async def checkAll(reactor, options):
    factory = ZmqFactory(reactor)
    factory.registerForShutdown()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="txzmq-") as directory:
        for name, pattern in PATTERNS.items():
            for address in ("tcp://127.0.0.1:*", f"ipc://{directory}/socket", "inproc://check"):
                what = f"{name} over {address.partition(':')[0]}"
                checked = ensureDeferred(check(factory, pattern, address))
                try:
                    await checked.addTimeout(options.patience, reactor)
                except CancelledError:
                    raise SystemExit("interrupted") from None
                except TimeoutError:
                    failures += 1
                    print(f"FAILED  {what}: not done after {options.patience:g} s")
                except Exception as error:
                    failures += 1
                    print(f"FAILED  {what}: {type(error).__name__}: {error}")
                else:
                    print(f"ok      {what}")
    if failures:
        print(f"{failures} checks failed.")
        raise SystemExit(1)
    print("All is well.")


def main(reactor, options):
    checking = ensureDeferred(checkAll(reactor, options))
    # Ends it on Ctrl-C, which must not look like success.
    reactor.addSystemEventTrigger("before", "shutdown", checking.cancel)
    return checking


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    help = "seconds until a check has failed"
    parser.add_argument("--patience", type=float, default=10, help=help)
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
