"""
Programs that run the reactor in a thread, and do the rest in the main thread:
``python -m tests.threaded SCENARIO``; ``test_thread.py`` runs them.
"""

from __future__ import annotations

import atexit
import sys
import threading
from typing import Any, Callable

from twisted.internet import reactor as _reactor
from twisted.internet.threads import blockingCallFromThread

from txzmq import (
    ZmqEndpoint,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqThreadError,
)

from .everything import say

reactor: Any = _reactor


class Running(threading.Thread):
    """
    The reactor, and two connections that were made before it runs.
    """

    def __init__(self) -> None:
        # For the program that never stops it.
        super().__init__(daemon=True)
        self.factory = ZmqFactory()
        self.pull = ZmqPullConnection(self.factory, ZmqEndpoint("bind", "inproc://x"))
        self.push = ZmqPushConnection(self.factory, ZmqEndpoint("connect", "inproc://x"))
        self.messages: list[bytes] = []
        self.pull.onPull = lambda message: self.messages.extend(message)

    def run(self) -> None:
        reactor.run(installSignalHandlers=False)

    def wait(self) -> None:
        """
        The reactor has read each connection.
        """
        self.start()
        while not self.messages:
            blockingCallFromThread(reactor, lambda: None)
        # The other one, which has nothing to read, in the same turn at the latest.
        blockingCallFromThread(reactor, lambda: None)

    def stop(self) -> None:
        reactor.callFromThread(reactor.stop)
        self.join()


def attempt(what: str, function: Callable[..., object], *args: Any) -> None:
    try:
        function(*args)
    except ZmqThreadError:
        say(f"{what}: refused")
    else:
        say(f"{what}: sent")


def madeBefore() -> None:
    running = Running()
    attempt("before", running.push.push, b"1")
    running.wait()
    attempt("then", running.push.push, b"wrong")
    attempt("told", blockingCallFromThread, reactor, running.push.push, b"2")
    while len(running.messages) < 2:
        blockingCallFromThread(reactor, lambda: None)
    say(f"received {len(running.messages)}")
    blockingCallFromThread(reactor, running.factory.close, 60)
    running.stop()
    say("closed")


def shutdownAfter(when: Callable[[Callable[[], None]], object] = lambda call: call()) -> None:
    running = Running()
    running.push.push(b"1")
    running.wait()
    attempt("while it runs", running.factory.shutdown)
    running.stop()

    def shutdown() -> None:
        running.factory.shutdown()
        say(f"after: {'closed' if running.push.factory is None else 'open'}")

    when(shutdown)


def shutdownAtExit() -> None:
    shutdownAfter(atexit.register)


def registered() -> None:
    running = Running()
    running.factory.registerForShutdown()
    running.push.push(b"1")
    running.wait()
    running.stop()
    say("closed" if running.factory.connections is None else "open")


def never() -> None:
    running = Running()
    running.push.push(b"1")
    running.wait()
    say("end")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
