#!/usr/bin/env python3
"""
Publish many measurements as JSON, or watch them and notice what is missing.

From the checkout directory, each in a terminal of its own:

    examples/telemetry.py --method=bind --endpoint=tcp://127.0.0.1:5555 --mode=publisher

    examples/telemetry.py --method=connect --endpoint=tcp://127.0.0.1:5555 --mode=subscriber

Stop the publisher and start it again: the subscriber reconnects by itself.
With --batches=10 it ends by itself after ten batches; otherwise Ctrl-C ends a
program.
"""

import argparse
import json
import random
import sys
from datetime import datetime, timezone
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react

# Lets the example run from a checkout that is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from txzmq import ZmqEndpoint, ZmqFactory, ZmqPubConnection, ZmqSubConnection


class DataPublisher(ZmqPubConnection):
    """
    Publishes anything that JSON can express.
    """

    def publishJson(self, data, tag):
        self.publish(json.dumps(data), tag)

    def publishTimestamped(self, data, tag):
        now = datetime.now(timezone.utc).isoformat()
        self.publishJson({"timestamp": now, "data": data}, tag)


class HighThroughputPublisher(DataPublisher):
    """
    Set for many messages over links that come and go.
    """

    highWaterMark = 10_000  # messages that may wait for each subscriber; more are dropped
    multicastRate = 1000  # kbit/s, for epgm:// only

    tcpKeepalive = 1  # notice peers that vanish without a word
    tcpKeepaliveIdle = 600  # after 10 minutes of silence,
    tcpKeepaliveInterval = 60  # ask once a minute,
    tcpKeepaliveCount = 3  # and give up after three times

    reconnectInterval = 50  # milliseconds at first,
    reconnectIntervalMax = 5000  # doubling up to here


class Sensors(HighThroughputPublisher):
    sent = 0

    def publishBatch(self, size):
        for _ in range(size):
            self.sent += 1
            value = round(random.gauss(20, 2), 1)
            self.publishJson({"number": self.sent, "celsius": value}, "sensor.kitchen")
        self.publishTimestamped({"sent": self.sent}, "status")
        self.publish(b"\x00\xff raw bytes", "raw")
        print(f"published {self.sent} measurements")


class DataSubscriber(ZmqSubConnection):
    """
    Tells apart JSON with a timestamp, other JSON, and anything else.
    """

    reconnectInterval = 50
    reconnectIntervalMax = 5000

    def gotMessage(self, message, tag):
        try:
            data = json.loads(message)
        except ValueError:  # neither JSON nor even UTF-8
            self.gotRaw(message, tag)
            return
        if isinstance(data, dict) and "timestamp" in data:
            self.gotTimestamped(data["timestamp"], data["data"], tag)
        else:
            self.gotJson(data, tag)


class Watcher(DataSubscriber):
    """
    Counts measurements.  The publisher drops what a slow subscriber has no
    room for; because measurements are numbered, we know how many.
    """

    received = missed = batches = 0
    last = None

    def __init__(self, factory, endpoint, batches):
        super().__init__(factory, endpoint)
        self.wanted = batches
        self.done = Deferred()
        self.subscribe("")

    def gotJson(self, data, tag):
        number = data["number"]
        # A number that is not higher comes from a publisher that was started anew.
        if self.last is not None and number > self.last:
            self.missed += number - self.last - 1
        self.last = number
        self.received += 1

    def gotTimestamped(self, timestamp, data, tag):
        print(
            f"[{timestamp}] {tag.decode()}: {data}, received {self.received}, missed {self.missed}"
        )

    def gotRaw(self, message, tag):
        print(f"{tag.decode()}: {message!r}")
        self.batches += 1
        if self.batches == self.wanted:
            self.done.callback(None)


def main(reactor, options):
    factory = ZmqFactory(reactor)
    # Closes everything when the reactor stops, as it does after Ctrl-C.
    factory.registerForShutdown()
    endpoint = ZmqEndpoint(options.method, options.endpoint)

    if options.mode == "subscriber":
        return Watcher(factory, endpoint, options.batches).done

    connection = Sensors(factory, endpoint)
    for address in connection.boundAddresses:
        print(f"bound to {address}")
    return LoopingCall(connection.publishBatch, options.size).start(options.interval)


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-m", "--method", choices=["bind", "connect"], default="connect")
    add("-e", "--endpoint", default="tcp://127.0.0.1:5555", help="an address")
    add("-M", "--mode", choices=["publisher", "subscriber"], default="subscriber")
    add("-i", "--interval", type=float, default=1, help="seconds between two batches")
    add("-s", "--size", type=int, default=1000, help="measurements in a batch")
    add("-b", "--batches", type=int, default=0, help="how many to watch; 0 is no end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
