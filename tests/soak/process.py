"""
What the processes of the soak have in common: they are told what to do on
standard input, and tell how it goes on standard output, in lines of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.logger import formatEvent, globalLogBeginner
from twisted.protocols.basic import LineReceiver

from txzmq import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqProtocol,
    ZmqREQConnection,
    ZmqRequestTimeoutError,
    ZmqTransport,
    createZmqConnection,
)

from .messages import UNANSWERED, Book

#: Seconds between two looks at what is to be sent.
TICK = 0.02

#: A process that was held up makes up for this many seconds, not more.
_MOST_ARREARS = 0.2

#: Of how many ticks the delays are kept.
_MOST_LATE = 1000

#: How many messages may wait for each peer: few enough for a stalled one to
#: reach it.
MARK = 200

#: The same for what is dropped, rather than refused, when there is no room: enough
#: for a machine that stands still for many seconds.
ROOM = 20_000

#: How many requests to remember that are never answered.
OWED = 200


class Console(LineReceiver):
    """
    Standard input and output.

    :param commands: by name, what to do; called with a number, if there is one.
    """

    delimiter = b"\n"

    def __init__(self, commands: dict[str, Callable[..., object]]) -> None:
        self._commands = commands
        StandardIO(self)

    def lineReceived(self, line: bytes) -> None:
        """
        A command.
        """
        name, *arguments = line.decode().split()
        self._commands[name](*map(float, arguments))

    def tell(self, **values: Any) -> None:
        """
        Say something.
        """
        self.sendLine(json.dumps(values).encode())

    def connectionLost(self, reason: Any = None) -> None:
        """
        Nobody is there to tell any more.
        """
        if reactor.running:
            reactor.stop()


class Pace:
    """
    Does things at a rate.

    :param rate: how often to do each, per second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.things: list[Callable[[], object]] = []
        #: How much later than it should the reactor has called, in seconds.
        self.late: deque[float] = deque(maxlen=_MOST_LATE)
        self._owed = 0.0
        self._last = time.monotonic()
        self._loop = LoopingCall(self._tick)

    def start(self) -> None:
        """
        Begin.
        """
        self._loop.start(TICK).addErrback(_stopProgram)

    def stop(self) -> None:
        """
        Do nothing any more.
        """
        if self._loop.running:
            self._loop.stop()

    def _tick(self) -> None:
        now = time.monotonic()
        passed, self._last = now - self._last, now
        self.late.append(max(0.0, passed - TICK))
        self._owed = min(self._owed + passed * self.rate, max(1.0, self.rate * _MOST_ARREARS))
        while self._owed >= 1:
            self._owed -= 1
            for thing in self.things:
                thing()


def every(seconds: float, function: Callable[[], object]) -> LoopingCall:
    """
    :return: what calls the function every so many seconds.
    """
    loop = LoopingCall(function)
    loop.start(seconds, now=False).addErrback(_stopProgram)
    return loop


def _stopProgram(failure: Any) -> None:
    # Standard error is the user's.
    failure.printTraceback(sys.stderr)
    if reactor.running:
        reactor.stop()


def countLog(book: Book) -> Counter[str]:
    """
    Count what is logged, by level; an exception that has got as far as that is
    a broken promise.

    :return: the counts.
    """
    levels: Counter[str] = Counter()

    def observe(event: Any) -> None:
        levels[event["log_level"].name] += 1
        if "log_failure" in event:
            book.broken("errors", 1, formatEvent(event) + event["log_failure"].getTraceback())

    globalLogBeginner.beginLoggingTo([observe], discardBuffer=True, redirectStandardIO=False)
    return levels


class Talker(ZmqProtocol):
    """
    The protocol of transports: receives for somebody else, and knows whether
    there is room to write.

    :param received: called with each message.
    :param mark: how many messages may wait for each peer.
    """

    def __init__(
        self, received: Callable[[list[bytes]], object], book: Book, mark: int = MARK
    ) -> None:
        self._received = received
        self._mark = mark
        self._book = book
        self.isPaused = False

    def connectionMade(self) -> None:
        """
        Before the endpoints are opened: marks do not count for those that are.
        """
        self.transport.setsockopt(zmq.SNDHWM, self._mark)
        self.transport.setsockopt(zmq.RCVHWM, self._mark)

    def messageReceived(self, parts: list[bytes]) -> object:
        """
        A message.
        """
        return self._received(parts)

    def eventReceived(self, event: Any) -> None:
        """
        Counted only.
        """
        self._book.counts["events"] += 1

    def pauseWriting(self) -> None:
        """
        There is no room.
        """
        self.isPaused = True
        self._book.counts["pauses"] += 1

    def resumeWriting(self) -> None:
        """
        There is room again.
        """
        self.isPaused = False


def opened(
    factory: ZmqFactory, protocol: ZmqProtocol, socketType: int, **endpoints: Any
) -> ZmqTransport:
    """
    :param endpoints: ``bind`` or ``connect``.
    :return: a transport.
    """
    result: list[Any] = []
    opening = createZmqConnection(lambda: protocol, socketType, factory=factory, **endpoints)
    opening.addBoth(result.append)
    if not isinstance(result[0], tuple):
        result[0].raiseException()
    transport: ZmqTransport = result[0][0]
    return transport


def connection(
    factory: ZmqFactory, cls: type[ZmqConnection], endpointType: str, *addresses: str, **more: Any
) -> Any:
    """
    :param more: attributes of the class.
    :return: a connection with marks that are reached.
    """
    marked = type(cls.__name__, (cls,), {"highWaterMark": MARK, **more})
    made = marked(factory)
    made.addEndpoints(ZmqEndpoint(endpointType, address) for address in addresses)
    return made


class Asker:
    """
    Asks one server for echoes.

    :param stream: of the requests.
    :param answersAll: whether the server answers each.
    :param mayFail: whether it may be away.
    """

    #: How many may wait for their answers.
    MOST = 200

    #: Seconds to wait for an answer: of a server that must give one, that may
    #: be away, that does not.
    SURE, PERHAPS, NEVER = 60.0, 2.0, 1.0

    def __init__(
        self, book: Book, req: ZmqREQConnection, stream: str, answersAll: bool, mayFail: bool
    ) -> None:
        self._book = book
        self._req = req
        self._stream = stream
        self._answersAll = answersAll
        self._mayFail = mayFail
        self.waiting = 0

    def owed(self) -> int:
        """
        :return: how many answers are waited for that must come.
        """
        return 0 if self._mayFail else self.waiting

    def ask(self) -> None:
        """
        Ask, if there is room.
        """
        if self.waiting >= self.MOST:
            self._book.counts["refused"] += 1
            return
        frames = self._book.compose(self._stream)
        number = self._book.posted(self._stream)
        answered = self._answersAll or number % UNANSWERED != UNANSWERED - 1
        isCancelled = number % 50 == 7
        self.waiting += 1
        patience = self.PERHAPS if self._mayFail else self.SURE
        request = self._req.sendMsg(*frames, timeout=patience if answered else self.NEVER)
        request.addCallbacks(
            self._replied, self._failed, (frames, number), None, (number, answered, isCancelled)
        )
        if isCancelled:
            request.cancel()

    def _replied(self, reply: list[bytes], frames: list[bytes], number: int) -> None:
        self.waiting -= 1
        self._book.counts["in"] += 1
        if reply == frames:
            self._book.counts["answered"] += 1
        else:
            self._book.broken("mixed", 1, f"{self._stream} #{number} has another's answer")

    def _failed(self, failure: Any, number: int, answered: bool, isCancelled: bool) -> None:
        self.waiting -= 1
        counts = self._book.counts
        if isCancelled:
            counts["cancelled"] += 1
        elif failure.check(ZmqAgainError):
            counts["refused"] += 1
        elif failure.check(ZmqClosedError):
            counts["closed"] += 1
        elif not failure.check(ZmqRequestTimeoutError):
            self._book.broken("errors", 1, failure.getTraceback())
        elif answered and not self._mayFail:
            self._book.broken("lost", 1, f"{self._stream} #{number} was not answered")
        else:
            counts["timeouts"] += 1
