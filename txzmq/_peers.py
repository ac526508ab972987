"""
Who is connected to a socket, as far as its events tell, and who waits for a change.

No socket here: events in, Deferreds out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

import zmq
from twisted.internet.defer import Deferred, succeed

from ._callbacks import failQuietly
from .errors import ZmqClosedError
from .events import SocketEvent

#: The peer was refused, or refuses us, or does not speak our protocol.
_FAILED = frozenset(
    {
        zmq.Event.HANDSHAKE_FAILED_NO_DETAIL,
        zmq.Event.HANDSHAKE_FAILED_PROTOCOL,
        zmq.Event.HANDSHAKE_FAILED_AUTH,
    }
)

#: What "all interfaces" is called, without the port.
_ANYWHERE = frozenset({"tcp://0.0.0.0", "tcp://[::]"})


class Peers:
    """
    The peers of one socket, and those who wait for them.
    """

    def __init__(self) -> None:
        # How many are connected, by endpoint.
        self._peers: Counter[str] = Counter()
        # Failed handshakes, by endpoint: these peers also disconnect, several
        # at a time, and were never counted.
        self._failing: Counter[str] = Counter()
        # What is the case now, by what one can wait for.
        self._now: dict[str, SocketEvent] = {}
        self._waiting: dict[str, list[Deferred[SocketEvent]]] = {}

    @property
    def isConnected(self) -> bool:
        """
        Whether at least one peer is known to be connected.
        """
        return "connected" in self._now

    def when(self, what: str) -> Deferred[SocketEvent]:
        """
        :param what: ``connected``, ``disconnected`` or ``failed``.
        :return: fires when this is the case; to cancel it does no harm.
        """
        if what in self._now:
            return succeed(self._now[what])

        def cancelled(deferred: Deferred[SocketEvent]) -> None:
            # No longer there, if one that waits as well is told and cancels it.
            with suppress(KeyError, ValueError):
                self._waiting[what].remove(deferred)

        waiting: Deferred[SocketEvent] = Deferred(cancelled)
        self._waiting.setdefault(what, []).append(waiting)
        return waiting

    def happened(self, event: SocketEvent) -> list[Deferred[SocketEvent]]:
        """
        Take note of an event.

        :return: those who have waited for it, to be told.
        """
        if event.event == zmq.Event.HANDSHAKE_SUCCEEDED:
            self._peers[event.endpoint] += 1
            self._now = {"connected": event}
            return self._waiting.pop("connected", [])
        if event.event in _FAILED:
            self._failing[event.endpoint] += 1
            self._now["failed"] = event
            return self._waiting.pop("failed", [])
        if event.event == zmq.Event.DISCONNECTED and not _takeOne(self._failing, event.endpoint):
            _takeOne(self._peers, event.endpoint)
            return self._gone(event)
        return []

    def left(self, endpoint: str) -> None:
        """
        We have closed an endpoint, and with it the connections that it made:
        libzmq does not tell.
        """
        gone = [other for other in self._peers if _isPartOf(endpoint, other)]
        for other in gone:
            del self._peers[other]
        if gone:
            event = SocketEvent(zmq.Event.DISCONNECTED, 0, endpoint)
            tell(self._gone(event), event)

    def close(self, makeError: Callable[[], ZmqClosedError]) -> None:
        """
        Nothing will happen any more: tell those who wait.
        """
        waiting, self._waiting = self._waiting, {}
        for deferreds in waiting.values():
            for deferred in deferreds:
                failQuietly(deferred, makeError())

    def _gone(self, event: SocketEvent) -> list[Deferred[SocketEvent]]:
        if not self._peers:
            self._now = {"disconnected": event}
        return self._waiting.pop("disconnected", [])


def tell(waiting: Iterable[Deferred[SocketEvent]], event: SocketEvent) -> None:
    """
    Tell those who have waited for an event.
    """
    for deferred in waiting:
        # Another one may have cancelled it meanwhile.
        if not deferred.called:
            deferred.callback(event)


def _takeOne(counter: Counter[str], key: str) -> bool:
    """
    :return: whether there was one to take.
    """
    count = counter.pop(key, 0)
    if count > 1:
        counter[key] = count - 1
    return count > 0


def _isPartOf(endpoint: str, other: str) -> bool:
    # What is bound to all interfaces has its peers by the one that they came to.
    host, _, port = endpoint.rpartition(":")
    return endpoint == other or (host in _ANYWHERE and other.endswith(f":{port}"))
