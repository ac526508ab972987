"""
What is sent in the soak, and the books that are kept of it.

A message says which stream it belongs to, and its number there; all the rest
follows from the two.  So whoever receives one knows what it has to be, frame by
frame, and whether one is missing, has come twice, or is mixed up with another.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Optional
from zlib import crc32

#: What the first frame of each message begins with.
MAGIC = b"soak:"

#: What each frame that is not empty begins with, in messages that are sent to
#: annoy.
JUNK = b"junk:"

#: Every so many of the requests to a REP connection are not answered.
UNANSWERED = 100

#: How many broken promises a process tells of, one by one.
_MOST_TOLD = 50

_LARGEST = 1 << 20

_random = random.Random(1)

#: Frames are cut from this.
_NOISE = _random.randbytes(_LARGEST + 4096)


def _shape() -> tuple[int, ...]:
    """
    :return: the sizes of the frames behind the first one.
    """
    usual = (0, 0, 1, 7, 32, 33, 100, 255, 256, 1000, 1000, 4000, 9000)
    return tuple(_random.choice(usual) for _ in range(_random.choice((0, 1, 1, 1, 2, 3, 8))))


#: By turns.  On average about 7 kB.
_SHAPES = (
    *(_shape() for _ in range(251)),
    (65_536,),
    (65_535, 0, 65_537),
    (100_000,),
    (3, 200_000),
    (_LARGEST,),
)


def compose(stream: str, number: int) -> list[bytes]:
    """
    :return: the frames of a message.
    """
    shape = _SHAPES[(number * 101 + crc32(stream.encode())) % len(_SHAPES)]
    body = []
    for index, size in enumerate(shape):
        start = (number * 31 + index) % 4096
        body.append(_NOISE[start : start + size])
    return [MAGIC + f"{stream}#{number};".encode(), *body]


def identify(frames: Sequence[bytes]) -> tuple[str, int]:
    """
    :param frames: of a message; at least the first.
    :return: stream and number, as the first frame says.
    :raise ValueError: it does not say.
    """
    if not frames[0].startswith(MAGIC) or not frames[0].endswith(b";"):
        raise ValueError
    stream, _, number = frames[0][len(MAGIC) : -1].decode("ascii").partition("#")
    return stream, int(number)


def isJunk(frames: Sequence[bytes]) -> bool:
    """
    :return: whether it was sent to annoy.
    """
    return all(not frame or frame.startswith(JUNK) for frame in frames)


class Book:
    """
    What one process has sent and received.

    Streams are named ``process.incarnation.channel``.

    :param tell: called with a text when a promise is broken.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._told = 0
        #: ``in`` and ``out`` are messages; ``lost``, ``repeated`` and ``mixed``
        #: are broken promises; the others tell what else went on.
        self.counts: Counter[str] = Counter()
        #: By stream, the number of the next message.
        self.sent: dict[str, int] = {}
        self.received: dict[str, int] = {}

    def compose(self, stream: str) -> list[bytes]:
        """
        :return: the next message of a stream.
        """
        return compose(stream, self.sent.get(stream, 0))

    def posted(self, stream: str) -> int:
        """
        That one is on its way.

        :return: its number.
        """
        number = self.sent.get(stream, 0)
        self.sent[stream] = number + 1
        self.counts["out"] += 1
        return number

    def take(self, frames: Sequence[bytes], fromAnywhere: bool = False, gaps: bool = False) -> None:
        """
        A message has come.

        :param fromAnywhere: the first one that comes may be any.
        :param gaps: some may be missing.
        """
        self.counts["in"] += 1
        found = self._identified(frames)
        if found is None:
            return
        stream, number = found
        if compose(stream, number) != list(frames):
            self.broken("mixed", 1, f"{stream} #{number} is not what was sent")
        expected = self.received.get(stream)
        if expected is None:
            self._forget(stream)
            expected = number if fromAnywhere else 0
        if number < expected:
            self.broken("repeated", 1, f"{stream} #{number} came again, or late")
            return
        if number > expected and gaps:
            self.counts["dropped"] += number - expected
        elif number > expected:
            self.broken("lost", number - expected, f"{stream} #{expected} to #{number} are missing")
        self.received[stream] = number + 1

    def takeJoined(self, body: bytes, gaps: bool = False) -> None:
        """
        One has come whose frames were joined to one, as publishers do.
        """
        if body.startswith(JUNK):
            self.take([body])
            return
        head, end, _ = body.partition(b";")
        try:
            frames = compose(*identify([head + end]))
        except ValueError:
            frames = []
        if b"".join(frames) == body:
            self.take(frames, fromAnywhere=True, gaps=gaps)
        else:
            self.counts["in"] += 1
            self.broken("mixed", 1, f"{head!r:.80} is not what was published")

    def broken(self, what: str, count: int, text: str) -> None:
        """
        A promise is broken.
        """
        self.counts[what] += count
        self._told += 1
        if self._told <= _MOST_TOLD:
            self._tell(text)

    def _identified(self, frames: Sequence[bytes]) -> Optional[tuple[str, int]]:
        try:
            return identify(frames)
        except ValueError:
            if isJunk(frames):
                self.counts["junk"] += 1
            else:
                self.broken("mixed", 1, f"no message of anybody: {list(frames)!r:.200}")
            return None

    def _forget(self, stream: str) -> None:
        """
        What came from processes that are dead for long.
        """
        process, incarnation, _ = stream.split(".", 2)
        for old in list(self.received):
            name, number, _ = old.split(".", 2)
            if name == process and int(number) < int(incarnation) - 3:
                del self.received[old]
