"""
Sending what libzmq takes now, and keeping what it does not for later.

A message goes straight to libzmq as long as nothing waits in its lane.  When
libzmq says "not now" it waits, and the descriptor calls :meth:`Outbox.flush`
after each wake-up until nothing waits any more.

An error is the error of one message: it leaves the queue, whoever sent it is
told, and the others go on.  "Not now" of a ROUTER is about one peer, so its
messages wait in a lane for each, of bounded length.  There a wake-up can be
missed: to ask for one peer consumes the signal of another.  So as long as
something waits for a peer it is tried again every now and then.  A PUB that must
not drop anything (``XPUB_NODROP``) cannot say either when there is room.

To try a peer that is full costs as much as ten messages, and thousands may be.
So a wake-up tries a few of them, in turn, and all of them are tried in a round
whose parts take turns with everything else.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from math import inf
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Optional

import zmq
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ._callbacks import cancel, failAllQuietly, nothing
from ._descriptor import ALWAYS_WRITABLE, Descriptor
from ._flow import SendQueue, Waiting
from .errors import ZmqAgainError, ZmqError, ZmqFrameError, ZmqSocketError
from .interfaces import IZmqReactor

log = Logger()

#: Socket types whose first frame says which peer the message is for.
_ROUTING = frozenset({zmq.ROUTER, zmq.STREAM})

#: Error numbers that mean "not now", by socket type.  A REQ socket must have
#: its reply first; a REP socket without a request never gets one by waiting.
_NOT_NOW = {zmq.REQ: frozenset({errno.EAGAIN, int(zmq.EFSM)})}
_AGAIN = frozenset({errno.EAGAIN})

#: Those that are the fault of the peer for which a message is.
OF_THE_PEER = frozenset({errno.EAGAIN, errno.EHOSTUNREACH})

#: The socket is gone, not just one message.
_GONE = frozenset({int(zmq.ENOTSOCK), int(zmq.ETERM)})

#: How long to send before other parts of the program get their turn, seconds.
_FLUSH_SECONDS = 0.001

#: The most lanes in vain, until others get their turn.
_FLUSH_FAILURES = 4

#: How long until a full peer of a ROUTER, or of a PUB that must not drop
#: anything, is tried again, if no signal came before, in seconds.
_RETRY_SECONDS = 0.05

#: The same, in seconds for each of them: to try them all shall take no more than a
#: twentieth of the time.
_RETRY_SECONDS_EACH = 0.0005

if TYPE_CHECKING:
    _Deferred = Deferred[None]
else:
    _Deferred = Deferred


class _Taken(_Deferred):
    """
    Fires when libzmq has taken a message.
    """

    waiting: Waiting


class Outbox:
    """
    The messages that a socket is to send.

    :param descriptor: the socket.
    :param reactor: for trying again.
    :param crossed: called with ``True`` when too much waits, with ``False`` when
        there is room again.
    :param emptied: called when nothing waits any more.
    :ivar emptied: the same, to be changed.
    :ivar queue: what waits.
    :ivar direct: sends a message of one frame without further ado, as
        ``Descriptor.sendFrame``; ``None`` while something waits, or a :meth:`detour`
        is to be taken.  Where it raises, :meth:`post` is to be called.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        reactor: IZmqReactor,
        crossed: Callable[[bool], None] = nothing,
        emptied: Callable[[], None] = nothing,
    ) -> None:
        self.queue = SendQueue(crossed)
        self._descriptor = descriptor
        self._reactor = reactor
        self.emptied = emptied
        socketType: Any = descriptor.getOption(zmq.TYPE)
        self._routes = socketType in _ROUTING
        self._isStream = socketType == zmq.STREAM
        self._retries = socketType in ALWAYS_WRITABLE
        self._notNow = _NOT_NOW.get(socketType, _AGAIN)
        self._retry: Optional[IDelayedCall] = None
        # How many lanes are still to be tried in this round.
        self._round = 0
        self._isClosed = False
        self.direct = self._sendFrame = None if self._routes else descriptor.sendFrame
        self._isDetour = False

    @property
    def unsent(self) -> tuple[int, int]:
        """
        How many messages wait, and their bytes.
        """
        return len(self.queue), self.queue.size

    def post(
        self, frames: list[bytes], deferred: Optional[Deferred[None]] = None
    ) -> Optional[Waiting]:
        """
        Send a message now, or let it wait.

        :param deferred: fires when a message that waits has been taken.
        :return: ``None`` if libzmq has taken it.
        :raise ZmqSocketError: it can neither be sent nor wait.
        """
        lane = frames[0] if self._routes else None
        if self._routes and not self._isRoutable(len(frames)):
            raise ZmqFrameError(
                "a message for a ROUTER begins with the id of a peer, and goes on; one for a"
                " STREAM has two frames, the id and the data"
            )
        if not self.queue.hasLane(lane):
            try:
                self._descriptor.sendMultipart(frames)
                return None
            except ZmqSocketError as error:
                if error.errno not in self._notNow:
                    raise
        if self._routes and not self.queue.fits(lane, sum(map(len, frames))):
            raise ZmqAgainError(
                text=f"the peer {lane!r} does not take its messages, and too many wait for"
                " it: slow down, or drop them"
            )
        self._begin()
        return self.queue.put(frames, lane, deferred)

    def _isRoutable(self, count: int) -> bool:
        # libzmq takes the others and sends nothing; a STREAM then never sends again.
        return count == 2 if self._isStream else count > 1

    def postAndTell(self, frames: list[bytes]) -> Deferred[None]:
        """
        Send a message now, or let it wait.

        :return: fires when libzmq has taken it; to cancel it takes it back.
        :raise ZmqSocketError: it can neither be sent nor wait.
        """
        taken = _Taken(self._cancelled)  # type: ignore[arg-type]
        waiting = self.post(frames, taken)
        if waiting is None:
            return succeed(None)
        # Whoever heard that too much waits may have closed us.
        if not taken.called:
            taken.waiting = waiting
        return taken

    def flush(self) -> bool:
        """
        Send what can be sent, until others should get their turn.

        :return: whether there is more to do.
        :raise zmq.ZMQError: the socket is gone.
        """
        return self._flush(perf_counter() + _FLUSH_SECONDS, _FLUSH_FAILURES)

    def flushUntil(self, until: float) -> None:
        """
        Send all that can be sent now.

        :param until: when to give up, by ``time.monotonic``.
        :raise zmq.ZMQError: the socket is gone.
        """
        isGoing = True
        while isGoing and monotonic() < until:
            # To ask makes libzmq look: what it refuses then is refused for good.
            self._descriptor.hasRoom()
            isGoing = self._flush(perf_counter() + _FLUSH_SECONDS, inf)

    def _flush(self, deadline: float, failures: float) -> bool:
        sent = False
        for lane in self.queue.lanes():
            # Whoever is told may do anything, so look each time.
            waiting = self.queue.first(lane)
            while waiting is not None:
                try:
                    self._descriptor.sendWaiting(waiting.frames)
                except (ZmqSocketError, zmq.Again) as error:
                    if self._isClosed or error.errno in _GONE:
                        raise
                    if error.errno in self._notNow:
                        self.queue.passOver(lane)
                        failures -= 1
                        break
                    self._settle(waiting, error)
                else:
                    sent = True
                    self._settle(waiting, None)
                if perf_counter() >= deadline:
                    if self.queue.hasLane(lane):
                        self.queue.passOver(lane)
                    return True
                waiting = self.queue.first(lane)
            self._round -= 1
            if failures <= 0:
                break
        if self._retries and len(self.queue) and self._retry is None:
            seconds = max(_RETRY_SECONDS, _RETRY_SECONDS_EACH * self.queue.laneCount)
            self._retry = self._reactor.callLater(seconds, self._tryAgain)
        return sent or self._round > 0

    def close(self, makeError: Callable[[], ZmqError]) -> None:
        """
        Let go of everything; whoever waits is told.
        """
        self._isClosed = True
        self.refuse()
        self._end()
        # They know who knows us.
        self.emptied = self.queue.crossed = nothing
        told = [waiting for waiting in self.queue.clear() if waiting.deferred is not None]
        if told:
            # One after the other: who is told may take back another.
            failAllQuietly(filter(None, map(_parted, told)), makeError())

    def refuse(self) -> None:
        """
        From now on nothing takes the direct way.
        """
        self.direct = self._sendFrame = None

    def detour(self, isDetour: bool) -> None:
        """
        Have nothing take the direct way, because somebody wants to hear of each
        message; or no longer so.
        """
        self._isDetour = isDetour
        self._setDirect()

    def _setDirect(self) -> None:
        waits = self._descriptor.flush is not None
        self.direct = None if waits or self._isDetour else self._sendFrame

    def _begin(self) -> None:
        if self._descriptor.flush is None:
            self._descriptor.flush = self.flush
            self._setDirect()
            # What is sent elsewhere must not overtake; a ROUTER's other peers
            # have nothing to do with it.
            self._descriptor.hold(not self._routes)

    def _end(self) -> None:
        self._round = 0
        self._descriptor.flush = None
        self._setDirect()
        self._descriptor.hold(False)
        retry, self._retry = self._retry, None
        cancel(retry)

    def _tryAgain(self) -> None:
        self._retry = None
        self._round = self.queue.laneCount
        self._descriptor.look()

    def _settle(self, waiting: Waiting, error: Optional[zmq.ZMQError]) -> None:
        """
        A message has been taken, or refused for good.
        """
        self._remove(waiting)
        # Told before anybody else can take back what has left.
        deferred = _parted(waiting)
        if deferred is not None:
            deferred.callback(None) if error is None else deferred.errback(error)
        elif error is not None:
            logLost(error)
        self._tell()

    def _cancelled(self, taken: _Taken) -> None:
        waiting = taken.waiting
        self._remove(waiting)
        _parted(waiting)
        self._tell()

    def _remove(self, waiting: Waiting) -> None:
        self.queue.take(waiting)
        if not len(self.queue):
            self._end()

    def _tell(self) -> None:
        """
        Less waits than before.
        """
        self.queue.compare()
        if not len(self.queue):
            self.emptied()


def _parted(waiting: Waiting) -> Optional[Deferred[None]]:
    """
    :return: the Deferred of a message.  They forget each other, since together
        they would stay in memory.
    """
    deferred, waiting.deferred = waiting.deferred, None
    if deferred is not None:
        vars(deferred).pop("waiting", None)
    return deferred


def logLost(error: zmq.ZMQError) -> None:
    """
    A message is lost, and nobody waits to hear of it.
    """
    log.warn("A message was dropped: {error}", error=error)
