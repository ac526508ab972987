"""
What answers a flood leaves together.

libzmq sends in a thread of its own, which sleeps when there is nothing to send.  A
message that finds it asleep wakes it, and is a packet of its own; where every message
of a flood is answered at once, that costs as much as all else.  So what requests and
replies send during a flood is collected, and sent when the read ends.

It is a flood when many messages have been delivered in a read and more wait.  Else
whoever sends one at a time would wait for longer, or for ever: a callback may send
a request and block until the other end, in the same thread, has it.

Nothing waits for long, and nothing large: what is to be sent needs time, which the read
would not notice.  And a high water mark is a number of messages that may come at once,
without giving libzmq's thread time to make room, so a batch takes a part of it only.

No socket here: the descriptor sends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from time import perf_counter

from .errors import ZmqSocketError

#: The longest that a message waits, in seconds; longer only for callbacks that send
#: nothing.
_SECONDS = 0.0005

#: The most bytes that wait; the last frame of a message stands for all of it.
_BYTES = 32_768

#: Which part of a high water mark may wait: where it is low, nothing.
_PART = 64


class Batch:
    """
    Messages that are to leave together.

    :param highWaterMark: of the socket; 0 is none.
    :ivar isOpen: whether what is sent now is to wait.
    :ivar messages: those that wait.
    :ivar refused: those that could not be sent, and why.
    """

    __slots__ = ("_most", "_room", "_until", "isOpen", "messages", "refused")

    def __init__(self, highWaterMark: int) -> None:
        self.isOpen = False
        self.messages: list[Sequence[bytes]] = []
        self.refused: list[tuple[Sequence[bytes], ZmqSocketError]] = []
        self._most = highWaterMark // _PART if highWaterMark else inf
        self._room = 0
        self._until = 0.0

    def add(self, frames: Sequence[bytes]) -> bool:
        """
        :param frames: a message; whoever sent it may use the list for the next one.
        :return: whether it is time to send them all.
        """
        messages = self.messages
        if not messages:
            self._until = perf_counter() + _SECONDS
            self._room = _BYTES
        messages.append([*frames])
        self._room -= len(frames[-1])
        return self._room <= 0 or len(messages) >= self._most or perf_counter() >= self._until

    def leave(self, sendOne: Callable[[Sequence[bytes]], None]) -> None:
        """
        Send them all.  Nobody is told of those that are refused: who is told may do
        anything, also to the socket.

        :param sendOne: sends a message.
        """
        messages, self.messages = self.messages, []
        for frames in messages:
            try:
                sendOne(frames)
            except ZmqSocketError as error:
                self.refused.append((frames, error))

    def tell(self, refused: Callable[[Sequence[bytes], ZmqSocketError], object]) -> None:
        """
        :param refused: is told of those that could not be sent.
        """
        for frames, error in self.refused:
            refused(frames, error)
        # The errors know us: together they would stay in memory.
        self.refused.clear()
