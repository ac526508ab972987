#!/usr/bin/env python3
"""
A news desk, and readers who subscribe to what they care about.

From the checkout directory, each in a terminal of its own:

    examples/news.py --method=bind --endpoint=ipc:///tmp/news --mode=desk

    examples/news.py --method=connect --endpoint=ipc:///tmp/news --mode=stocks

Every message has a tag, such as news.sports, and goes to those who subscribed
to a beginning of it.  The readers are news, weather, stocks (which understands
the JSON in the messages), all, and router (which has another function for each
topic).  Ctrl-C ends a program.
"""

import argparse
import itertools
import json
import random
import sys
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqEndpoint, ZmqFactory, ZmqPubConnection, ZmqSubConnection

STORIES = [
    (b"news.breaking", "A comet has come back early"),
    (b"weather.coast", "Fog, lifting by noon"),
    (b"news.sports", "The home team has won, for once"),
    (b"weather.hills", "Snow down to 800 m"),
    (b"news.culture", "The museum is open again"),
    (b"", "The desk closes at midnight"),  # no tag: for those who read everything
]


class Desk(ZmqPubConnection):
    stories = itertools.cycle(STORIES)

    def publishNext(self):
        tag, text = next(self.stories)
        print(f"publishing [{tag.decode()}] {text}")
        self.publish(text, tag)
        for symbol, price in (("ACME", 150), ("OCTO", 2800)):
            stock = {
                "symbol": symbol,
                "price": round(random.gauss(price, price / 100), 2),
                "volume": random.randrange(1, 100) * 100,
            }
            self.publish(json.dumps(stock), f"stocks.{symbol}")


class Reader(ZmqSubConnection):
    """
    Subscribes to :attr:`topics` as soon as it is made.
    """

    topics = []

    def __init__(self, factory, endpoint):
        super().__init__(factory, endpoint)
        for topic in self.topics:
            self.subscribe(topic)


class NewsReader(Reader):
    topics = [b"news"]

    def gotMessage(self, message, tag):
        print(f"News [{tag.decode()}]: {message.decode()}")


class WeatherReader(Reader):
    topics = [b"weather"]

    def gotMessage(self, message, tag):
        print(f"The weather: {message.decode()}")


class StockReader(Reader):
    topics = [b"stocks"]

    def gotMessage(self, message, tag):
        # What is not as we expect raises here; it is logged, and we go on.
        stock = json.loads(message)
        print(f"Stock {stock['symbol']}: {stock['price']:.2f} (volume {stock['volume']})")


class EverythingReader(Reader):
    # Every tag begins with b"", so the other two would not be necessary.  A
    # message arrives once, however many of the topics it matches.
    topics = [b"news", b"weather", b""]

    def gotMessage(self, message, tag):
        print(f"All [{tag.decode()}]: {message.decode()}")


class TopicRouter(ZmqSubConnection):
    """
    Passes each message to the function that knows most about its topic.
    """

    def __init__(self, factory, endpoint):
        super().__init__(factory, endpoint)
        self.handlers = {}

    def addTopicHandler(self, prefix, handler):
        """
        Call ``handler(message, tag)`` for tags that begin with ``prefix``,
        unless there is a handler for a longer beginning.
        """
        self.handlers[prefix] = handler
        self.subscribe(prefix)

    def gotMessage(self, message, tag):
        matching = [prefix for prefix in self.handlers if tag.startswith(prefix)]
        self.handlers[max(matching, key=len)](message, tag)


def openRouter(factory, endpoint):
    router = TopicRouter(factory, endpoint)
    router.addTopicHandler(b"news", lambda message, tag: print(f"Read later: {message.decode()}"))
    router.addTopicHandler(b"news.breaking", lambda message, tag: print(message.decode().upper()))
    router.addTopicHandler(b"weather.coast", lambda message, tag: print("Shall we go sailing?"))
    return router


READERS = {
    "news": NewsReader,
    "weather": WeatherReader,
    "stocks": StockReader,
    "all": EverythingReader,
    "router": openRouter,
}


def main(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()
    endpoint = ZmqEndpoint(options.method, options.endpoint)

    connection = READERS.get(options.mode, Desk)(factory, endpoint)
    for address in connection.boundAddresses:
        print(f"bound to {address}")

    if options.mode == "desk":
        return LoopingCall(connection.publishNext).start(options.interval)
    return Deferred()  # never fires: runs until Ctrl-C


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", default="ipc:///tmp/news", help="an address")
    add("-M", "--mode", choices=["desk", *READERS], default="all")
    add("-i", "--interval", type=float, default=1, help="seconds between two stories")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
