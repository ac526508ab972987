"""
The bookkeeping of requests, without a socket and without a reactor: which
requests of ours wait for a reply, and which requests of others wait for ours.

Both tables are bounded, and neither trusts a peer.  A reply finds its request
by an id that cannot be guessed and is never used twice: an id that comes back
from a peer is compared and forgotten, never put back into the pool.  A reply
of ours goes back along the route that its request came by; the route travels
*with* the id that the user gets, so two clients that happen to use equal ids
cannot get each other's answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Optional, Protocol, Union

from twisted.internet.defer import Deferred

from ._callbacks import failQuietly, nothing, shown
from .errors import (
    ZmqClosedError,
    ZmqError,
    ZmqOptionError,
    ZmqReplyError,
    ZmqRequestIdError,
    ZmqTooManyRequestsError,
)

#: Bytes in an id: as many as a UUID has, for 128 random bits.
ID_SIZE = 16

#: How many ids are cut from one block of random bytes.  Asking the system for
#: 16 bytes costs about as much as asking for 4096.
IDS_PER_BLOCK = 256


def freshIds() -> Iterator[bytes]:
    """
    Ids that nobody can guess, without end; none comes twice.
    """
    while True:
        block = os.urandom(ID_SIZE * IDS_PER_BLOCK)
        for start in range(0, len(block), ID_SIZE):
            yield block[start : start + ID_SIZE]


class _Cancellable(Protocol):
    """
    What is needed of an ``IDelayedCall``, and of a Deferred.
    """

    def cancel(self) -> None: ...


if TYPE_CHECKING:
    _Reply = Deferred[list[bytes]]
else:
    _Reply = Deferred


class Request(_Reply):
    """
    One request that waits for its reply: the Deferred that the user gets.

    :ivar messageId: its id.
    :ivar timer: set by whoever limits the time; cancelled when the wait ends
        in another way.
    :ivar sending: set while the request waits to be sent; cancelled when
        nobody waits for the reply any more.
    """

    messageId: bytes
    timer: Optional[_Cancellable] = None
    sending: Optional[_Cancellable] = None


def _answerOne() -> None:
    """
    Have one request begin and end before all others.

    From 3.11 on CPython keeps the attributes of an instance without a dictionary, as long as
    the first thirty of its class had the same.  These may all be waiting for a reply, and
    then each that is ever answered is given one, for what a Deferred has with its result:
    a twelfth of what a request costs.
    """
    request = Request()
    request.messageId = b""
    request.timer = request.sending = None
    request.addBoth(nothing)
    request.callback([])


_answerOne()


class PendingRequests(dict[bytes, Request]):
    """
    The requests that wait for a reply, by their ids.
    """

    def open(self, messageId: bytes, limit: int) -> Request:
        """
        :param limit: the most requests that may wait at a time.
        :raise ZmqRequestIdError: the id is not usable.
        :raise ZmqTooManyRequestsError: ``limit`` requests wait already.
        :raise ZmqOptionError: ``limit`` is no number.
        """
        if not isinstance(messageId, bytes) or not messageId:
            raise ZmqRequestIdError(
                f"the id of a request must be bytes and not empty, not {messageId!r}"
            )
        if messageId in self:
            raise ZmqRequestIdError(f"a request with the id {messageId!r} is pending already")
        try:
            isFull = len(self) >= limit
        except TypeError:
            raise _noBound("maxPendingRequests", limit) from None
        if isFull:
            raise ZmqTooManyRequestsError(
                text=f"{len(self)} requests wait for a reply: give them a timeout,"
                " slow down, or raise maxPendingRequests"
            )
        request = self[messageId] = Request(self._cancelled)
        request.messageId = messageId
        return request

    def take(self, messageId: bytes) -> Optional[Request]:
        """
        End the wait: whoever takes the request answers its Deferred.

        :return: ``None`` if no such request is pending.
        """
        request = self.pop(messageId, None)
        if request is not None and request.timer is not None:
            timer, request.timer = request.timer, None
            timer.cancel()
        return request

    def fail(self, messageId: bytes, error: ZmqError) -> None:
        """
        End the wait with an error; do nothing if it has ended already.
        """
        request = self.pop(messageId, None)
        if request is not None:
            request.timer = None
            _takeBack(request)
            if not request.called:
                request.errback(error)

    def failAll(self, makeError: Callable[[], ZmqClosedError]) -> None:
        """
        End every wait, because the connection is closed; quietly where nobody
        handles it.
        """
        for messageId in list(self):
            request = self.take(messageId)
            # The callbacks of one may have ended the wait of another.
            if request is not None:
                _takeBack(request)
                failQuietly(request, makeError())

    def _cancelled(self, request: Any) -> None:
        self.take(request.messageId)
        _takeBack(request)


def _noBound(name: str, value: object) -> ZmqOptionError:
    return ZmqOptionError(
        name, f"{name} is a whole number, as memory has an end; not {shown(value)}"
    )


def _takeBack(request: Request) -> None:
    # Nobody waits for the reply: if it has not left, it need not.
    sending, request.sending = request.sending, None
    if sending is not None:
        sending.cancel()


class MessageId(bytes):
    """
    The id of a request that somebody sent us: equal to the ``bytes`` that the
    client chose, and aware of the way back.

    :ivar envelope: the routing frames from us to the client, the id last.
    :ivar owner: the table that waits for the reply; ``None`` once it is sent.
    """

    envelope: tuple[bytes, ...]
    owner: Optional[PendingReplies]

    # A copy is the same request; in another process it is plain bytes.

    def __copy__(self) -> MessageId:
        return self

    def __deepcopy__(self, memo: object) -> MessageId:
        return self

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (bytes(self),)


class PendingReplies:
    """
    The requests of others that wait for a reply of ours.

    A :class:`MessageId` is enough to find the way back.  The table is there
    for programs that kept the id as plain ``bytes``; it forgets the oldest
    when it is full, so that requests which are never answered cost nothing
    in the long run.  The latest stands beside the table: most are answered
    before the next one comes, and need not be filed.

    :param limit: how many requests to remember; the latest always is.
    :ivar limit: the same, as it was given last, right or wrong.
    :raise ZmqOptionError: it is no whole number.
    """

    def __init__(self, limit: int) -> None:
        self.setLimit(limit)
        self._latest: Optional[MessageId] = None
        # The others: the request with this id; or all of them, by the identity of
        # their ids, where several clients have chosen the same.
        self._waiting: dict[bytes, Union[MessageId, dict[int, MessageId]]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size + (self._latest is not None)

    def setLimit(self, limit: int) -> None:
        """
        Remember so many from the next one on.

        :raise ZmqOptionError: it is no whole number; the former stays.
        """
        self.limit = limit
        if not isinstance(limit, int):
            raise _noBound("maxPendingReplies", limit)
        self._most = limit

    def add(self, envelope: tuple[bytes, ...]) -> MessageId:
        """
        :param envelope: the route of a request, its id last.
        :return: the id to give to the user.
        """
        if self._latest is not None:
            self._file(self._latest)
        if self._size >= self._most:
            self._forgetOldest()
        self._latest = messageId = MessageId(envelope[-1])
        messageId.envelope = envelope
        messageId.owner = self
        return messageId

    def _file(self, latest: MessageId) -> None:
        self._latest = None
        key = latest.envelope[-1]
        other = self._waiting.setdefault(key, latest)
        if other is not latest:
            if isinstance(other, MessageId):
                other = self._waiting[key] = {id(other): other}
            other[id(latest)] = latest
        self._size += 1

    def find(self, messageId: bytes) -> MessageId:
        """
        :raise ZmqReplyError: there is nobody, or more than one, to reply to.
        """
        if isinstance(messageId, MessageId):
            if messageId.owner is self:
                return messageId
            raise ZmqReplyError(messageId, self._explain(messageId))
        if self._latest is not None:
            self._file(self._latest)
        found = self._waiting.get(messageId, {})
        if isinstance(found, MessageId):
            return found
        waiting = list(found.values())
        if waiting and all(other.envelope == waiting[0].envelope for other in waiting):
            return waiting[0]
        if waiting:
            text = (
                f"several clients wait for a reply to {messageId!r}: pass the"
                " object that gotMessage got as messageId, it knows which is meant"
            )
        else:
            text = f"no request {messageId!r} waits for a reply: unknown, or answered already"
        raise ZmqReplyError(messageId, text)

    def settle(self, messageId: MessageId) -> None:
        """
        The reply is on its way: a second one will be refused.
        """
        messageId.owner = None
        if messageId is self._latest:
            self._latest = None
        else:
            self._forget(messageId)

    def _forget(self, messageId: MessageId) -> None:
        key = messageId.envelope[-1]
        waiting = self._waiting.get(key)
        if waiting is messageId:
            del self._waiting[key]
        elif isinstance(waiting, dict) and waiting.pop(id(messageId), None) is not None:
            if not waiting:
                del self._waiting[key]
        else:
            return  # forgotten, to make room
        self._size -= 1

    def clear(self) -> None:
        """
        Forget everything, when the connection closes.
        """
        self._latest = None
        self._waiting.clear()
        self._size = 0

    def _forgetOldest(self) -> None:
        # A sixteenth at a time: to look for the first key of a dictionary
        # from which the first was just removed takes longer each time.  And one,
        # for the latest that comes beside them.
        target = self._most - self._most // 16 - 1
        for key in list(self._waiting):
            if self._size <= target:
                break
            waiting = self._waiting[key]
            group = [waiting] if isinstance(waiting, MessageId) else list(waiting.values())
            for messageId in group[: self._size - target]:
                self._forget(messageId)

    @staticmethod
    def _explain(messageId: MessageId) -> str:
        if messageId.owner is None:
            return f"the request {bytes(messageId)!r} has been answered already"
        return f"the request {bytes(messageId)!r} came in on another connection"
