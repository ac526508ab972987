"""
The measured process: the other end of all peers, and its own size, again and
again.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from statistics import median
from typing import Any, Optional

import zmq
from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from txzmq import (
    ZmqEndpoint,
    ZmqFactory,
    ZmqPairConnection,
    ZmqPubConnection,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqTransport,
)

from .messages import Book
from .peer import TOPICS, Peer, replier, sender, writer
from .process import (
    MARK,
    OWED,
    ROOM,
    Asker,
    Console,
    Pace,
    Talker,
    connection,
    countLog,
    every,
    opened,
)

#: Who is talked to; the last one is in this very process.
PEERS = ("steady", "stalled", "doomed", "inner")

#: How many probes per second the latencies are taken from.
_PROBES = 25.0


#: The fields of ``struct mallinfo2``.
_MALLINFO = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)


@implementer(IPushProducer)
class Producer:
    """
    Writes to a transport as long as that has room.
    """

    def __init__(self, book: Book, stream: str, transport: ZmqTransport) -> None:
        self.isPaused = False
        self._book = book
        self.write = writer(book, stream, transport, self)
        transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """
        No room.
        """
        self.isPaused = True
        self._book.counts["pauses"] += 1

    def resumeProducing(self) -> None:
        """
        Room.
        """
        self.isPaused = False

    def stopProducing(self) -> None:
        """
        Never again.
        """
        self.isPaused = True


class Hub:
    """
    Sockets of all types and of both faces, bound over all kinds of addresses.

    :param directory: for ipc.
    """

    def __init__(self, factory: ZmqFactory, book: Book, pace: Pace, directory: str) -> None:
        self._factory = factory
        self._book = book
        self._directory = directory
        self._names = count()
        #: What was bound, by name and kind.
        self.addresses: dict[str, dict[str, str]] = {}
        #: What the peers are to bind, by peer and name.
        self.owns: dict[str, dict[str, str]] = {}
        self._probed: Any = None
        self._askers: list[Asker] = []
        #: Of probes, in seconds, since somebody has taken them.
        self.latencies: list[float] = []
        self._shared(pace)
        for name in PEERS:
            self._each(name, pace)
        own = self.owns["inner"]
        self._inner = Peer(factory, book, pace, "inner", 0, self.addresses, own)

    def _three(self, name: str) -> dict[str, str]:
        return {
            "tcp": "tcp://127.0.0.1:*",
            "ipc": f"ipc://{self._directory}/{name}",
            "inproc": f"inproc://{name}",
        }

    def _bound(self, cls: Any, name: str, kinds: tuple[str, ...], **more: Any) -> Any:
        wanted = self._three(name)
        made = connection(self._factory, cls, "bind", *(wanted[kind] for kind in kinds), **more)
        made.eventReceived = lambda event: self._book.counts.update(events=1)
        self.addresses[name] = dict(zip(kinds, made.boundAddresses))
        return made

    def _boundTransport(
        self,
        received: Callable[..., object],
        socketType: int,
        name: str,
        kinds: tuple[str, ...],
        mark: int = MARK,
    ) -> Any:
        wanted = self._three(name)
        talker = Talker(received, self._book, mark)
        transport = opened(self._factory, talker, socketType)
        self.addresses[name] = {kind: transport.bind(wanted[kind]) for kind in kinds}
        return transport

    def _shared(self, pace: Pace) -> None:
        everywhere = ("tcp", "ipc", "inproc")
        book, take = self._book, self._book.take

        pull = self._bound(ZmqPullConnection, "pull-c", everywhere, monitored=True)
        pull.onPull = take
        pull.enableMonitor()
        self._boundTransport(take, zmq.PULL, "pull-t", everywhere).enableMonitor()

        rep = self._bound(
            ZmqREPConnection, "rep", everywhere, highWaterMark=ROOM, maxPendingReplies=OWED
        )
        rep.gotMessage = replier(rep, book)
        rep.enableMonitor()

        router = self._bound(ZmqRouterConnection, "router-c", everywhere, highWaterMark=ROOM)

        def echo(*parts: bytes) -> None:
            book.counts.update(("in", "out"))
            router.send(parts)

        router.gotMessage = echo

        def echoOfTransport(parts: list[bytes]) -> None:
            book.counts.update(("in", "out"))
            routing.write(parts)

        routing = self._boundTransport(echoOfTransport, zmq.ROUTER, "router-t", everywhere, ROOM)
        routing.enableMonitor()

        pub = self._bound(ZmqPubConnection, "pub-c", everywhere, highWaterMark=ROOM)
        xpub = self._boundTransport(lambda parts: None, zmq.XPUB, "xpub-t", everywhere, ROOM)
        topics = cycle(TOPICS)

        def publish() -> None:
            topic = next(topics)
            for face, send in (("c", pub.publish), ("t", publishOfTransport)):
                stream = f"hub.0.pub-{face}-{topic[:1].decode()}"
                send(b"".join(book.compose(stream)), topic)
                book.posted(stream)

        def publishOfTransport(body: bytes, topic: bytes) -> None:
            xpub.write([topic + b"\0" + body])

        pace.things.append(publish)

    def _each(self, name: str, pace: Pace) -> None:
        """
        What is there for one peer only.
        """
        inner = name == "inner"
        mayFail = name in ("stalled", "doomed")
        book = self._book
        first, second = ("inproc", "inproc") if inner else ("tcp", "ipc")
        own = self.owns[name] = {
            what: f"inproc://own-{what}" if inner else f"ipc://{self._directory}/{name}-{what}"
            for what in ("pull", "rep")
        }
        stream = f"hub.0.{name}-"

        pushing = self._boundTransport(lambda parts: None, zmq.PUSH, f"push-t-{name}", (first,))
        producer = Producer(book, stream + "push-t", pushing)
        push = self._bound(ZmqPushConnection, f"push-c-{name}", (second,))
        there = connection(self._factory, ZmqPushConnection, "connect", own["pull"])

        asking = self._bound(ZmqREQConnection, f"req-{name}", (first,))
        away = connection(self._factory, ZmqREQConnection, "connect", own["rep"])
        if name == "steady":
            self._probed = asking
        askers = [
            Asker(book, asking, stream + "req", False, mayFail),
            Asker(book, away, stream + "req-b", False, mayFail),
        ]
        self._askers += askers
        pace.things += [
            producer.write,
            sender(book, stream + "push-c", push.push),
            sender(book, stream + "push-b", there.push),
            *(asker.ask for asker in askers),
        ]

    def waiting(self) -> int:
        """
        :return: how many requests wait that must be answered.
        """
        return sum(asker.owed() for asker in (*self._askers, *self._inner.askers))

    def probe(self) -> None:
        """
        Take the time of a request.
        """
        start = time.perf_counter()

        def replied(parts: object) -> None:
            self.latencies.append(time.perf_counter() - start)

        request = self._probed.sendMsg(b"junk:probe", timeout=60)
        # Before the peer is there, it is refused.
        request.addCallbacks(replied, lambda failure: self._book.counts.update(refused=1))

    def comeAndGo(self) -> None:
        """
        Open a pair of sockets, use it, close it: of connections, of transports,
        and with all that belongs to a factory, in turn.
        """
        number = next(self._names)
        (self._passConnections, self._passTransports, self._passFactory)[number % 3](number)

    def _passConnections(self, number: int) -> None:
        pair, other = self._pair(self._factory)

        def done(message: object) -> None:
            pair.shutdown()
            other.shutdown()

        pair.messageReceived = done
        other.send([b"passing", b""])

    def _passFactory(self, number: int) -> None:
        factory = ZmqFactory()
        pair, other = self._pair(factory)

        def close(message: object) -> None:
            factory.close(10.0).addErrback(
                lambda failure: self._book.broken("errors", 1, failure.getTraceback())
            )

        pair.messageReceived = close if number % 2 else lambda message: factory.shutdown()
        other.send(b"passing")

    def _pair(self, factory: ZmqFactory) -> tuple[Any, Any]:
        address = f"ipc://{self._directory}/passing-{next(self._names)}"
        pair = ZmqPairConnection(factory, ZmqEndpoint("bind", address))
        pair.enableMonitor()
        pair.eventReceived = lambda event: self._book.counts.update(events=1)
        other = ZmqPairConnection(factory, ZmqEndpoint("connect", pair.boundAddresses[0]))
        self._book.counts["passing"] += 1
        return pair, other

    def _passTransports(self, number: int) -> None:
        took: list[object] = []

        def take(parts: list[bytes]) -> None:
            took.append(parts)
            if len(took) == 3:
                pull.loseConnection()

        pull = opened(self._factory, Talker(take, self._book), zmq.PULL, bind="tcp://127.0.0.1:*")
        push = opened(
            self._factory, Talker(take, self._book), zmq.PUSH, connect=next(iter(pull.bindings()))
        )
        for _ in range(3):
            push.write([b"passing", b"x" * 1000])
        push.loseConnection()
        self._book.counts["passing"] += 1


class Sampler:
    """
    Measures the process.
    """

    def __init__(self, factory: ZmqFactory, hub: Hub, pace: Pace) -> None:
        self._factory = factory
        self._hub = hub
        self._pace = pace
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._start = self._last = time.monotonic()
        self._cpu = time.thread_time()

    def sample(self) -> dict[str, Any]:
        """
        :return: what there is now, and what has happened since the last time.
        """
        # Else what is resident is what the greatest backlog ever has needed.
        _trim()
        now, cpu = time.monotonic(), time.thread_time()
        passed, used = now - self._last, cpu - self._cpu
        self._last, self._cpu = now, cpu
        latencies, self._hub.latencies = sorted(self._hub.latencies), []
        late = sorted(self._pace.late)
        self._pace.late.clear()
        return {
            "seconds": round(now - self._start, 1),
            "memory": int(Path("/proc/self/statm").read_text().split()[1]) * self._page,
            "heap": _heap(),
            "blocks": sys.getallocatedblocks(),
            "objects": len(gc.get_objects()),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task")),
            "calls": len(reactor.getDelayedCalls()),
            "connections": len(self._factory.connections or ()),
            "busy": round(used / passed, 3),
            "p50": _ms(median(latencies)) if latencies else None,
            "p99": _ms(latencies[len(latencies) * 99 // 100]) if latencies else None,
            "late": _ms(late[len(late) * 99 // 100]) if late else None,
        }


class _Mallinfo(ctypes.Structure):
    """
    What glibc's ``mallinfo2`` returns.
    """

    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]


def _trim() -> None:
    """
    Have glibc give back what is free.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _heap() -> Optional[int]:
    """
    :return: how many bytes ``malloc`` has given out, which is mostly what libzmq
        has; ``None`` where it does not say.
    """
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None
    mallinfo2.restype = _Mallinfo
    info = mallinfo2()
    return int(info.uordblks + info.hblkhd)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def main() -> None:
    """
    The measured process.
    """
    settings = json.loads(sys.argv[1])
    factory = ZmqFactory()
    factory.registerForShutdown()
    pace = Pace(settings["rate"])
    probes = Pace(_PROBES)
    console: Console

    def tell(text: str) -> None:
        console.tell(broken=text)

    book = Book(tell)
    levels = countLog(book)
    hub = Hub(factory, book, pace, settings["directory"])
    probes.things.append(hub.probe)
    sampler = Sampler(factory, hub, pace)

    def counts() -> dict[str, int]:
        return {**book.counts, **{f"log {k}": v for k, v in levels.items()}}

    def report() -> None:
        console.tell(sample=sampler.sample(), counts=counts())

    def setRate(rate: float) -> None:
        pace.rate = rate

    def quiet() -> None:
        for running in (pace, probes, loop):
            running.stop()

    def end() -> None:
        console.tell(counts=counts(), sent=book.sent, received=book.received, waiting=hub.waiting())
        reactor.callLater(0.5, reactor.stop)

    console = Console({"rate": setRate, "quiet": quiet, "end": end})
    loop = every(0.25, hub.comeAndGo)
    every(settings["interval"], report)
    pace.start()
    probes.start()
    console.tell(addresses=hub.addresses, owns=hub.owns)
    reactor.run()


if __name__ == "__main__":
    main()
