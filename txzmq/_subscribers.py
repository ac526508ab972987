"""
Who has subscribed to an XPUB socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from ._callbacks import failQuietly
from .errors import ZmqClosedError

#: The first byte of a subscription; a 0 undoes one.  Source: zmq_socket(3).
_SUBSCRIBE, _UNSUBSCRIBE = b"\1", b"\0"


class Subscribers:
    """
    Takes note of the subscriptions on their way to the protocol.

    libzmq reports the first subscription to a topic and the end of the last, and
    holds as many topics itself.  With ``XPUB_VERBOSER`` it reports the end of each,
    and a topic counts as forgotten after the first.

    In a message of several frames libzmq takes the last for a subscription, too, if
    it looks like one; with ``ONLY_FIRST_SUBSCRIBE`` it does not, but for peers that
    mix both in one message, which nobody can tell apart here.

    :param receiver: who gets the messages; has a ``messageReceived``.
    :ivar onlyFirst: whether ``ONLY_FIRST_SUBSCRIBE`` is set.
    """

    onlyFirst = False

    def __init__(self, receiver: Any) -> None:
        self._receiver = receiver
        self._topics: set[bytes] = set()
        self._waiting: list[tuple[bytes, Deferred[bytes]]] = []

    def messageReceived(self, message: list[bytes]) -> object:
        """
        A subscription, its end, or something that a subscriber sent upstream.
        """
        # First: the list is the receiver's, who may take it apart, or ask.  The last
        # frame: one that libzmq takes for a subscription ends what it delivers.
        kind, topic = message[-1][:1], message[-1][1:]
        if self.onlyFirst and len(message) > 1:
            kind = b""
        if kind == _SUBSCRIBE:
            self._topics.add(topic)
        elif kind == _UNSUBSCRIBE:
            self._topics.discard(topic)
        try:
            return self._receiver.messageReceived(message)
        finally:
            if kind == _SUBSCRIBE:
                self._tell(topic)

    def when(self, topic: bytes) -> Deferred[bytes]:
        """
        :return: fires with a subscription that covers ``topic``.
        """
        for end in range(len(topic) + 1):
            if topic[:end] in self._topics:
                return succeed(topic[:end])
        deferred: Deferred[bytes] = Deferred(self._forget)
        self._waiting.append((topic, deferred))
        return deferred

    def close(self, makeError: Callable[[], ZmqClosedError]) -> None:
        """
        Nobody will subscribe any more: tell those who wait.
        """
        self._receiver = None
        waiting, self._waiting = self._waiting, []
        for _, deferred in waiting:
            failQuietly(deferred, makeError())

    def _tell(self, subscription: bytes) -> None:
        for topic, deferred in list(self._waiting):
            if topic.startswith(subscription) and not deferred.called:
                self._forget(deferred)
                deferred.callback(subscription)

    def _forget(self, deferred: Deferred[bytes]) -> None:
        self._waiting = [one for one in self._waiting if one[1] is not deferred]
