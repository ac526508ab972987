"""
A program with connections of every kind, two and two, that exchange messages;
for tests of what must not disturb them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Callable

import zmq
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from txzmq import (
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqPairConnection,
    ZmqProtocol,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
    createZmqConnection,
)

#: How it goes if nothing is wrong.
FINE = "received everything; files there: True, removed: True"

#: How often each is used.
ROUNDS = 20


def allowed(
    uses: Iterable[tuple[str, Callable[[], object]]], error: type[Exception], hint: str
) -> list[str]:
    """
    :param error: what each use is to be refused with.
    :param hint: what is to be in its text.
    :return: those that are not refused like that.
    """
    wrong = []
    for name, use in uses:
        try:
            use()
        except error as refusal:
            if hint not in str(refusal):
                wrong.append(f"{name}: {refusal}")
        except BaseException as other:
            wrong.append(f"{name}: {other!r}")
        else:
            wrong.append(name)
    return wrong


class Echo(ZmqREPConnection):
    """
    Replies with the question.
    """

    def gotMessage(self, messageId: Any, *parts: bytes) -> None:
        self.reply(messageId, *parts)
        if parts == (b"stop",):
            self.stop()


class Router(ZmqRouterConnection):
    """
    Gives to the program what it gets.
    """

    def gotMessage(self, sender: bytes, *parts: bytes) -> None:
        self.got(parts[0])


class Dealer(ZmqDealerConnection):
    """
    Only sends.
    """


class Pair(ZmqPairConnection):
    """
    As the router.
    """

    def messageReceived(self, message: list[bytes]) -> None:
        self.got(message[0])


class Protocol(ZmqProtocol):
    """
    As the router; tells how it ended.
    """

    lost: Any = None

    def messageReceived(self, parts: list[bytes]) -> None:
        self.got(parts[0])

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason.value


class Program:
    """
    Connections of every kind, two and two, and what was received last.
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.directory = tempfile.mkdtemp(prefix="txzmq-")
        self.factory = ZmqFactory(reactor)
        self.paths: list[str] = []
        self.received: dict[str, bytes] = {}
        self.count = 0
        pull = self.bound(ZmqPullConnection, "tcp://127.0.0.1:*")
        pull.onPull = lambda message: self.got("push", message[0])
        push = self.connected(ZmqPushConnection, pull)
        pub = self.bound(ZmqPubConnection, self.ipc())
        sub = self.connected(ZmqSubConnection, pub)
        sub.subscribe(b"")
        sub.gotMessage = lambda message, tag: self.got("pub", message)
        self.rep = rep = self.bound(Echo, "tcp://127.0.0.1:*")
        self.req = req = self.connected(ZmqREQConnection, rep)
        router = self.bound(Router, self.ipc())
        router.got = lambda message: self.got("dealer", message)
        dealer = self.connected(Dealer, router)
        pair = self.bound(Pair, "inproc://pair")
        pair.got = lambda message: self.got("pair", message)
        other = self.connected(Pair, pair)
        reader, readerProtocol = self.transport(zmq.PULL, bind=self.ipc())
        readerProtocol.got = lambda message: self.got("transport", message)
        writer, writerProtocol = self.transport(zmq.PUSH, connect=f"ipc://{self.paths[-1]}")
        self.protocols = [readerProtocol, writerProtocol]
        self.transports = [reader, writer]
        self.connections = [pull, push, pub, sub, rep, req, router, dealer, pair, other]
        for each in [*self.connections, *self.transports]:
            each.enableMonitor()
        self.senders: dict[str, Callable[[bytes], Any]] = {
            "push": push.push,
            "pub": pub.publish,
            "dealer": dealer.sendMsg,
            "pair": other.send,
            "transport": lambda message: writer.write([message]),
        }

    def ipc(self) -> str:
        self.paths.append(f"{self.directory}/{len(self.paths)}")
        return f"ipc://{self.paths[-1]}"

    def bound(self, cls: Any, address: str) -> Any:
        return cls(self.factory, ZmqEndpoint("bind", address))

    def connected(self, cls: Any, peer: Any) -> Any:
        return cls(self.factory, ZmqEndpoint("connect", peer.boundAddresses[0]))

    def transport(self, zmqType: int, **opening: Any) -> Any:
        results: list[Any] = []
        createZmqConnection(Protocol, zmqType, factory=self.factory, **opening).addBoth(
            results.append
        )
        return results[0]

    def got(self, kind: str, message: bytes) -> None:
        self.received[kind] = message

    async def turn(self, seconds: float = 0) -> None:
        waiting: Deferred[None] = Deferred()
        self.reactor.callLater(seconds, waiting.callback, None)
        await waiting

    async def exchange(self) -> None:
        """
        A message goes through each of them; the first time until subscriptions
        have arrived.
        """
        self.count += 1
        message = b"%d" % self.count
        self.received.clear()
        for send in self.senders.values():
            send(message)
        while set(self.received.values()) != {message} or len(self.received) < len(self.senders):
            await self.turn()
            if self.count == 1 and "pub" not in self.received:
                self.senders["pub"](message)
        reply = await self.req.sendMsg(message)
        if reply != [message]:
            raise ValueError(reply)

    async def goOn(self) -> None:
        """
        Many messages through each.
        """
        for _ in range(ROUNDS):
            await self.exchange()

    def end(self) -> str:
        """
        :return: how it went, when all is closed.
        """
        files = all(map(os.path.exists, self.paths))
        self.factory.shutdown()
        removed = not any(map(os.path.exists, self.paths))
        shutil.rmtree(self.directory)
        return f"received everything; files there: {files}, removed: {removed}"

    def run(self, main: Any) -> None:
        """
        Run the reactor until a coroutine has ended.
        """

        def end(result: object) -> None:
            if isinstance(result, Failure):
                say(result.getTraceback())
            self.reactor.stop()

        self.reactor.callWhenRunning(lambda: ensureDeferred(main).addBoth(end))
        self.reactor.run()


def say(text: str) -> None:
    print(text, flush=True)


def uses(program: Program) -> Iterator[tuple[str, Callable[[], object]]]:
    """
    All that one can do with what was inherited, but for closing.
    """
    for c in program.connections:
        name = type(c).__name__
        yield f"{name}.send", lambda c=c: c.send(b"x")  # type: ignore[misc]
        yield f"{name}.addEndpoints", lambda c=c: c.addEndpoints([("bind", "inproc://x")])  # type: ignore[misc]
        yield f"{name}.highWaterMark", lambda c=c: setattr(c, "highWaterMark", 1)  # type: ignore[misc]
        yield f"{name}.socket", lambda c=c: c.socket  # type: ignore[misc]
        yield f"{name}.enableMonitor", lambda c=c: c.enableMonitor()  # type: ignore[misc]
        yield f"{name}.sendWhenReady", lambda c=c: now(c.sendWhenReady(b"x"))  # type: ignore[misc]
        yield f"{name}.whenConnected", lambda c=c: now(c.whenConnected())  # type: ignore[misc]
        yield f"{name}.pauseProducing", lambda c=c: c.pauseProducing()  # type: ignore[misc]
    for kind, send in program.senders.items():
        yield kind, lambda send=send: send(b"x")  # type: ignore[misc]
    yield "req", lambda: now(program.req.sendMsg(b"x"))
    for t in program.transports:
        yield "write", lambda t=t: t.write([b"x"])  # type: ignore[misc]
        yield "writeMessage", lambda t=t: now(t.writeMessage([b"x"]))  # type: ignore[misc]
        yield "bind", lambda t=t: t.bind("inproc://x")  # type: ignore[misc]
        yield "getsockopt", lambda t=t: t.getsockopt(zmq.TYPE)  # type: ignore[misc]
        yield "setsockopt", lambda t=t: t.setsockopt(zmq.RCVHWM, 1)  # type: ignore[misc]
        yield "transport.enableMonitor", lambda t=t: t.enableMonitor()  # type: ignore[misc]
    yield "new", lambda: ZmqPushConnection(program.factory)
    yield "openSocket", lambda: program.factory.openSocket(zmq.PUSH)
    yield "context", lambda: program.factory.context
    yield "create", lambda: now(createZmqConnection(Protocol, zmq.PULL, factory=program.factory))


def now(result: Deferred[Any]) -> None:
    """
    :raise Exception: what a Deferred has failed with.
    """
    results: list[Any] = []
    result.addBoth(results.append)
    if results and isinstance(results[0], Failure):
        results[0].raiseException()
