"""
Flow control without a socket and without a reactor: what waits to be sent, and
who wants something to pause.

Limits count bytes *and* messages, because a flood of empty frames fills the
memory too.  Whoever is told that a limit is crossed is told once, in each
direction, not once per message.

The queue has lanes.  What waits in one lane is sent in order; lanes do not wait
for each other.  Most sockets need one, a ROUTER one for each peer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import NamedTuple, Optional

from twisted.internet.defer import Deferred

from ._callbacks import nothing
from .errors import ZmqOptionError

#: The high mark where none is given; asyncio has the same.
DEFAULT_HIGH_BYTES = 65_536

#: As many messages as libzmq holds for a peer, where nobody says otherwise.
DEFAULT_HIGH_MESSAGES = 1_000


class Marks(NamedTuple):
    """
    Two water marks: above ``high`` it is too much, at ``low`` there is room again.
    """

    high: int
    low: int


def marks(high: Optional[int], low: Optional[int], default: int) -> Marks:
    """
    Fill in what is not given: ``low`` is a quarter of ``high``, or ``high``
    four times ``low``, or ``default``.

    :raise ZmqOptionError: not ``high >= low >= 0``.
    """
    try:
        if high is None:
            high = default if low is None else 4 * low
        if low is None:
            low = high // 4
        if high >= low >= 0:
            return Marks(high, low)
    except TypeError:
        pass
    raise ZmqOptionError(
        "limits", f"high ({high!r}) must be >= low ({low!r}), and low must be >= 0"
    )


def limits(
    high: Optional[int],
    low: Optional[int],
    highMessages: Optional[int],
    lowMessages: Optional[int],
) -> tuple[Marks, Marks]:
    """
    :return: the marks in bytes and in messages.  Where no byte may wait, no empty
        message may either, unless it is said how many.
    :raise ZmqOptionError: as for :func:`marks`.
    """
    inBytes = marks(high, low, DEFAULT_HIGH_BYTES)
    if highMessages is None and inBytes.high == 0:
        highMessages = 0
    if lowMessages is None and inBytes.low == 0:
        lowMessages = 0
        highMessages = DEFAULT_HIGH_MESSAGES if highMessages is None else highMessages
    return inBytes, marks(highMessages, lowMessages, DEFAULT_HIGH_MESSAGES)


class Waiting:
    """
    A message that waits to be sent.

    :param frames: the message.
    :param lane: its lane.
    :param serial: its place among all messages.
    :param deferred: fires when it is taken; ``None`` if nobody wants to know.
    :ivar size: its bytes.
    """

    __slots__ = ("deferred", "frames", "lane", "serial", "size")

    def __init__(
        self,
        frames: list[bytes],
        lane: Hashable,
        serial: int,
        deferred: Optional[Deferred[None]],
    ) -> None:
        # Whoever has sent the list may use it again.
        self.frames = list(frames)
        self.lane = lane
        self.serial = serial
        self.deferred = deferred
        self.size = sum(map(len, frames))


class Lane(OrderedDict[int, Waiting]):
    """
    The messages of a lane by their serial numbers: one that is cancelled leaves
    at once, from wherever it is, and leaves nothing behind.  (To find its first
    entry, a plain ``dict`` goes past the places of all that have left.)

    :ivar size: their bytes.
    """

    size = 0


class SendQueue:
    """
    Messages that wait to be sent.

    :param crossed: called with ``True`` when the queue grows above one of its
        high marks, and with ``False`` when it has shrunk to both low marks.
    :ivar size: the bytes in it.
    :ivar bytes: the marks in bytes.
    :ivar messages: the marks in messages.
    :ivar isFull: whether the queue is between the two calls of ``crossed``.
    """

    def __init__(self, crossed: Callable[[bool], None]) -> None:
        self.crossed = crossed
        self._lanes: dict[Hashable, Lane] = {}
        self._serial = 0
        self._count = 0
        self.size = 0
        self.isFull = False
        self.bytes = marks(None, None, DEFAULT_HIGH_BYTES)
        self.messages = marks(None, None, DEFAULT_HIGH_MESSAGES)

    def __len__(self) -> int:
        return self._count

    def lanes(self) -> list[Hashable]:
        """
        :return: the lanes in which something waits, those first that
            have not been passed over for the longest time.
        """
        return list(self._lanes)

    @property
    def laneCount(self) -> int:
        """
        In how many lanes something waits.
        """
        return len(self._lanes)

    def setLimits(self, bytes: Marks, messages: Marks) -> None:
        """
        Take other marks; they count at once.
        """
        self.bytes, self.messages = bytes, messages
        self.compare()

    def put(
        self, frames: list[bytes], lane: Hashable = None, deferred: Optional[Deferred[None]] = None
    ) -> Waiting:
        """
        Put a message at the end of a lane.
        """
        waiting = Waiting(frames, lane, self._serial, deferred)
        self._serial += 1
        messages = self._lanes.get(lane)
        if messages is None:
            messages = self._lanes[lane] = Lane()
        messages[waiting.serial] = waiting
        messages.size += waiting.size
        self.size += waiting.size
        self._count += 1
        self.compare()
        return waiting

    def first(self, lane: Hashable = None) -> Optional[Waiting]:
        """
        :return: the oldest message of a lane; it stays where it is.
        """
        messages = self._lanes.get(lane)
        return next(iter(messages.values())) if messages else None

    def hasLane(self, lane: Hashable) -> bool:
        """
        :return: whether something waits in a lane.
        """
        return lane in self._lanes

    def fits(self, lane: Hashable, size: int) -> bool:
        """
        :return: whether a lane has room for a message of ``size`` bytes: up to
            the low marks, so that one alone cannot fill the queue, and
            always for one message.
        """
        messages = self._lanes.get(lane)
        return messages is None or (
            len(messages) < self.messages.low and messages.size + size <= self.bytes.low
        )

    def passOver(self, lane: Hashable) -> None:
        """
        Nothing of a lane, in which something waits, can leave now: it goes to
        the end of :meth:`lanes`.
        """
        self._lanes[lane] = self._lanes.pop(lane)

    def take(self, waiting: Waiting) -> bool:
        """
        Take a message out, and tell nobody before :meth:`compare`.

        :return: whether it was there.
        """
        messages = self._lanes.get(waiting.lane)
        if messages is None or messages.pop(waiting.serial, None) is None:
            return False
        if not messages:
            del self._lanes[waiting.lane]
        messages.size -= waiting.size
        self.size -= waiting.size
        self._count -= 1
        return True

    def clear(self) -> list[Waiting]:
        """
        Take all messages out, telling nobody.

        :return: them, the oldest first.
        """
        lanes, self._lanes = self._lanes, {}
        self._count = self.size = 0
        self.isFull = False
        waiting = [one for messages in lanes.values() for one in messages.values()]
        # There may be hundreds of thousands, and a lane is in order by itself.
        if len(lanes) > 1:
            waiting.sort(key=attrgetter("serial"))
        return waiting

    def compare(self) -> None:
        """
        Tell if a mark has been crossed.
        """
        if self.isFull:
            if self.size <= self.bytes.low and self._count <= self.messages.low:
                self.isFull = False
                self.crossed(False)
        elif self.size > self.bytes.high or self._count > self.messages.high:
            self.isFull = True
            self.crossed(True)


class Pauses:
    """
    Reasons to pause something: it goes on when the last of them is gone.

    :param changed: called with ``True`` for the first reason, and with
        ``False`` after the last.
    """

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._reasons: set[str] = set()

    def close(self) -> None:
        """
        Nothing is paused any more.
        """
        self._changed = nothing

    def add(self, reason: str) -> None:
        """
        Pause, for a reason that may be there already.
        """
        first = not self._reasons
        self._reasons.add(reason)
        if first:
            self._changed(True)

    def remove(self, reason: str) -> None:
        """
        The reason is gone, if it was there.
        """
        if reason in self._reasons:
            self._reasons.remove(reason)
            if not self._reasons:
                self._changed(False)
