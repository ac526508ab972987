"""
A peer: everything that talks to the measured process.

It runs in processes of its own, and once more inside the measured process, over
inproc.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import zmq
from twisted.internet import reactor

from txzmq import (
    ZmqAgainError,
    ZmqDealerConnection,
    ZmqFactory,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqSubConnection,
    ZmqTransport,
)

from .messages import UNANSWERED, Book, identify
from .process import OWED, ROOM, Asker, Console, Pace, Talker, connection, countLog, every, opened

#: What is published is about these.
TOPICS = (b"a/", b"b/", b"c/", b"d/")

#: Which of the addresses a peer uses, by its name; the others come last.
_KINDS = {"steady": ("tcp", "ipc"), "inner": ("inproc", "inproc")}


def sender(book: Book, stream: str, send: Callable[[list[bytes]], object]) -> Callable[[], None]:
    """
    :param send: raises ``ZmqAgainError`` if there is no room.
    :return: what sends the next message of a stream, or counts that it could
        not.
    """

    def post() -> None:
        try:
            send(book.compose(stream))
        except ZmqAgainError:
            book.counts["refused"] += 1
        else:
            book.posted(stream)

    return post


def writer(book: Book, stream: str, transport: ZmqTransport, talker: Any) -> Callable[[], None]:
    """
    :param talker: knows whether it ``isPaused``.
    :return: the same, for a transport.
    """

    def write() -> None:
        if talker.isPaused:
            book.counts["held back"] += 1
        else:
            transport.write(book.compose(stream))
            book.posted(stream)

    return write


def replier(rep: ZmqREPConnection, book: Book) -> Callable[..., None]:
    """
    :return: a ``gotMessage`` that echoes most requests, some of them later.
    """

    def gotMessage(messageId: Any, *parts: bytes) -> None:
        book.counts["in"] += 1
        try:
            number = identify(parts)[1] if parts else 0
        except ValueError:
            number = 0  # junk, or a probe
        if number % UNANSWERED == UNANSWERED - 1:
            return
        book.counts["out"] += 1
        if number % 10 == 3:
            reactor.callLater(0.05, later, messageId, *parts)
        else:
            rep.reply(messageId, *parts)

    def later(messageId: Any, *parts: bytes) -> None:
        if rep.factory is not None:
            rep.reply(messageId, *parts)

    return gotMessage


class Peer:
    """
    Both ends of all that there is between one peer and the measured process,
    as the peer sees it.

    :param name: ``steady`` and ``inner``, whose messages may not be lost;
        ``doomed``, which is killed from time to time; ``stalled``, which is
        stopped and continued.
    :param incarnation: how often it was started before.
    :param addresses: by name and kind, what the measured process has bound.
    :param own: by name, what this one is to bind.
    """

    def __init__(
        self,
        factory: ZmqFactory,
        book: Book,
        pace: Pace,
        name: str,
        incarnation: int,
        addresses: dict[str, dict[str, str]],
        own: dict[str, str],
    ) -> None:
        self._factory = factory
        self._book = book
        self._name = name
        self._start = f"{name}.{incarnation}."
        self._addresses = addresses
        self._first, self._second = _KINDS.get(name, ("ipc", "tcp"))
        #: Whether the measured process may miss what we should have answered.
        self._mayMiss = name not in _KINDS
        self.askers: list[Asker] = []
        self._passing = 0
        pace.things += [*self._senders(), *self._questions(), *self._dealers()]
        self._pullers(own)
        self._servers(own)
        self._subscribers()

    def _address(self, name: str, kind: str) -> str:
        return self._addresses[name].get(kind) or next(iter(self._addresses[name].values()))

    def _connection(self, cls: Any, name: str, kind: str, **more: Any) -> Any:
        return connection(self._factory, cls, "connect", self._address(name, kind), **more)

    def _transport(self, received: Any, socketType: int, name: str, kind: str) -> Any:
        talker = Talker(received, self._book)
        address = self._address(name, kind)
        return opened(self._factory, talker, socketType, connect=address), talker

    def _senders(self) -> list[Callable[[], None]]:
        book = self._book
        push = self._connection(ZmqPushConnection, "pull-t", self._second)

        def later(frames: list[bytes]) -> None:
            outcome: list[Any] = []
            push.sendWhenReady(frames).addErrback(outcome.append)
            if outcome:
                outcome[0].raiseException()

        transport, talker = self._transport(None, zmq.PUSH, "pull-c", self._first)
        return [
            writer(book, self._start + "push-t", transport, talker),
            sender(book, self._start + "push-c", later),
        ]

    def _questions(self) -> list[Callable[[], None]]:
        # Whoever is stopped has its own time stopped, too.
        mayFail = self._mayMiss
        book, start = self._book, self._start
        req = self._connection(ZmqREQConnection, "rep", self._first)
        ready = self._connection(ZmqREQConnection, "router-t", self._second, immediate=True)
        self.askers += [
            Asker(book, req, start + "req", answersAll=False, mayFail=mayFail),
            Asker(book, ready, start + "req-i", answersAll=True, mayFail=mayFail),
        ]
        return [asker.ask for asker in self.askers]

    def _dealers(self) -> list[Callable[[], None]]:
        book, start = self._book, self._start

        def take(parts: list[bytes]) -> None:
            # What a router has no room for it drops.
            book.take(parts, gaps=self._mayMiss)

        dealer = self._connection(ZmqDealerConnection, "router-c", self._first)
        dealer.gotMessage = lambda *parts: take(list(parts))
        transport, talker = self._transport(take, zmq.DEALER, "router-t", self._second)
        return [
            sender(book, start + "dealer-c", dealer.sendMultipart),
            writer(book, start + "dealer-t", transport, talker),
        ]

    def _pullers(self, own: dict[str, str]) -> None:
        # Whoever is started again comes into the middle.
        isNew = self._name == "doomed"

        def take(parts: list[bytes]) -> None:
            self._book.take(parts, fromAnywhere=isNew)

        pull = self._connection(ZmqPullConnection, f"push-t-{self._name}", self._first)
        pull.onPull = take
        transport, _ = self._transport(
            lambda parts: pausing(parts), zmq.PULL, f"push-c-{self._name}", self._second
        )
        count = 0

        def pausing(parts: list[bytes]) -> None:
            nonlocal count
            take(parts)
            count += 1
            if count % 200 == 0:
                transport.pauseProducing()
                reactor.callLater(0.1, transport.resumeProducing)

        bound = connection(self._factory, ZmqPullConnection, "bind", own["pull"])
        bound.onPull = take

    def _servers(self, own: dict[str, str]) -> None:
        # They drop what there is no room for, and libzmq sees late that there is.
        more = {"highWaterMark": ROOM, "maxPendingReplies": OWED}
        for rep in (
            self._connection(ZmqREPConnection, f"req-{self._name}", self._first, **more),
            connection(self._factory, ZmqREPConnection, "bind", own["rep"], **more),
        ):
            rep.gotMessage = replier(rep, self._book)

    def _subscribers(self) -> None:
        gaps = self._mayMiss
        sub = self._connection(ZmqSubConnection, "xpub-t", self._second)
        sub.gotMessage = lambda message, tag: self._book.takeJoined(message, gaps)
        transport, _ = self._transport(
            lambda parts: self._book.takeJoined(parts[0].partition(b"\0")[2], gaps),
            zmq.SUB,
            "pub-c",
            self._first,
        )
        for topic in TOPICS[::2]:
            sub.subscribe(topic)
            transport.subscribe(topic)

    def comeAndGo(self) -> None:
        """
        Open connections, use them, and close them.
        """
        self._passing += 1
        number = self._passing
        kind = (self._first, self._second)[number % 2]
        sub = self._connection(ZmqSubConnection, "xpub-t", kind)
        sub.subscribe(TOPICS[number % len(TOPICS)])
        sub.gotMessage = lambda message, tag: sub.shutdown()
        reactor.callLater(5, sub.shutdown)
        req = self._connection(ZmqREQConnection, "rep", kind)
        if number % 3:
            req.enableMonitor()
            req.eventReceived = lambda event: self._book.counts.update(events=1)
        asker = Asker(self._book, req, self._start + "passing", False, self._mayMiss)
        asker.ask()
        if number % 4 == 0:
            req.shutdown()
            return

        def done() -> None:
            if not asker.waiting or number % 7 == 0:
                req.shutdown()
                loop.stop()

        loop = every(0.05, done)


def main() -> None:
    """
    A process with a peer in it.
    """
    settings = json.loads(sys.argv[1])
    factory = ZmqFactory()
    factory.registerForShutdown()
    pace = Pace(settings["rate"])
    console: Console

    def tell(text: str) -> None:
        console.tell(broken=text)

    book = Book(tell)
    levels = countLog(book)

    def report(**more: Any) -> None:
        console.tell(counts={**book.counts, **{f"log {k}": v for k, v in levels.items()}}, **more)

    def setRate(rate: float) -> None:
        pace.rate = rate

    def quiet() -> None:
        pace.stop()
        loop.stop()

    def end() -> None:
        waiting = sum(asker.owed() for asker in peer.askers)
        report(sent=book.sent, received=book.received, waiting=waiting)
        reactor.callLater(0.5, reactor.stop)

    console = Console({"rate": setRate, "quiet": quiet, "end": end})
    peer = Peer(
        factory,
        book,
        pace,
        settings["name"],
        settings["incarnation"],
        settings["addresses"],
        settings["own"],
    )
    loop = every(0.25, peer.comeAndGo)
    every(settings["interval"], report)
    pace.start()
    console.tell(ready=True)
    reactor.run()


if __name__ == "__main__":
    main()
