"""
What happens to the connections under a socket: a stream of events, and
Deferreds for those who wait for one (``_peers``).

libzmq tells through a socket of its own, and its I/O thread *blocks* when
nobody reads that.  So ours is connected before the monitor begins, holds any
number of events, is always read, also when its owner is paused, and is told to
stop before it is closed.

Source: zmq_socket_monitor(3).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Optional

import zmq
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from ._callbacks import call, shown
from ._descriptor import Descriptor
from ._face import Face, Reader, isInproc, toText
from ._peers import Peers, tell
from .errors import ZmqOptionError
from .events import SocketEvent, decode
from .interfaces import IZmqReactor

#: The bits that an event can have, also those that are yet to be invented.
_MASK = 0xFFFF

#: All events, but for two.  When the process has no file descriptor left, libzmq tells
#: half a million times a second that it cannot accept.  And when it tells that it cannot
#: bind, it forgets why: the error of ``bind`` itself would be a wrong one.
_ALL = _MASK & ~(zmq.Event.ACCEPT_FAILED | zmq.Event.BIND_FAILED)

#: The types of endpoints that we opened ourselves.
_OURS = frozenset({"bind", "connect"})


@implementer(IReadDescriptor)
class Monitor(Reader):
    """
    Reads the events of a socket.

    :param descriptor: the socket.
    :param reactor: where to watch for events.
    :param eventReceived: called with each event in :attr:`events`.
    :param complete: whether no endpoint was opened before.
    :ivar events: what is wanted, a mask.
    :ivar peers: those who wait.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        reactor: IZmqReactor,
        eventReceived: Callable[[SocketEvent], object],
        complete: bool,
    ) -> None:
        self.complete = complete
        self.events = 0
        self.peers = Peers()
        self._eventReceived = eventReceived
        self._monitored = descriptor
        pair = descriptor.startMonitor(_ALL)
        self._descriptor = Descriptor(pair, reactor, self, self, self.connectionLost)
        self._descriptor.start()

    def messageReceived(self, message: list[bytes]) -> None:
        """
        libzmq tells of an event.
        """
        event = decode(message)
        # First, since eventReceived may ask what is the case.
        waiting = self.peers.happened(event)
        if event.event & self.events:
            call(self._eventReceived, event)
        tell(waiting, event)
        if event.event == zmq.Event.MONITOR_STOPPED:
            # Somebody else has closed the socket; we may not know that yet.
            self.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        """
        There will be no more events: the reactor stops, or the socket failed.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # The context may have been terminated behind our back.
            with suppress(zmq.ZMQError):
                self._monitored.stopMonitor()
            descriptor.close()

    def stop(self) -> None:
        """
        Report no more.  To be called before the monitored socket is closed; those
        who wait are not told yet.
        """
        self.events = 0
        # Else libzmq still writes, and were nobody there it would wait for ever, on
        # behalf of all sockets of the context: until it says that it has stopped.
        if not self._monitored.isGone:
            self.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]


class Monitored(Face):
    """
    A face whose socket one can ask for events.
    """

    #: Whether to watch the connections from before the first endpoint is
    #: opened, so that :meth:`whenConnected` is always able to tell.  It takes
    #: two more sockets.
    monitored: bool = False

    _monitor: Optional[Monitor] = None

    def enableMonitor(self, events: Optional[int] = None) -> None:
        """
        Report socket events to ``eventReceived``; also while messages are
        paused.

        :param events: which, a combination of ``zmq.EVENT_...``; ``None`` for
            all.  Takes the place of what was asked for before.  There is no
            ``EVENT_ACCEPT_FAILED``, with which libzmq would flood us, and no
            ``EVENT_BIND_FAILED``: to bind raises an error.
        :raise ZmqOptionError: that is no combination of events.
        :raise ZmqSocketError: there can be no more sockets.
        :raise ZmqClosedError: it is closed.
        """
        if events is None:
            events = _ALL
        if not isinstance(events, int) or not 0 <= events <= _MASK:
            raise ZmqOptionError(
                "events", f"events is a combination of zmq.EVENT_..., not {events!r}"
            )
        self._watch().events = int(events)

    def disableMonitor(self) -> None:
        """
        Report no more; at any time, also if nothing was reported.
        """
        self._claimToClose()
        if self._monitor is not None:
            self._monitor.events = 0

    def whenConnected(self) -> Deferred[SocketEvent]:
        """
        Wait for a peer.

        :return: fires when one is connected, handshake and all, or at once if
            one is; with ``inproc``, when it is connected to.  Fails with
            ``ZmqClosedError`` when the socket is closed before, and with
            ``ZmqOptionError`` if nobody has watched (:attr:`monitored`).
        """
        return self._when("connected")

    def whenDisconnected(self) -> Deferred[SocketEvent]:
        """
        :return: fires when a peer goes, or at once if there were some and all
            have gone; otherwise as :meth:`whenConnected`.
        """
        return self._when("disconnected")

    def whenHandshakeFailed(self) -> Deferred[SocketEvent]:
        """
        :return: fires when a peer is refused, or refuses us, or does not speak
            ZeroMQ's protocol; at once if that was the last thing that
            happened.  Otherwise as :meth:`whenConnected`.
        """
        return self._when("failed")

    def _when(self, what: str) -> Deferred[SocketEvent]:
        try:
            monitor = self._watch()
            if not monitor.complete and what == "connected" and not monitor.peers.isConnected:
                raise ZmqOptionError(
                    "monitored",
                    f"nobody has watched the connections of {shown(self)} from the beginning: set"
                    " monitored = True in its class, or ask before the endpoints are opened",
                )
            return monitor.peers.when(what)
        except Exception:
            return fail()

    if TYPE_CHECKING:

        def _tellEvent(self, event: SocketEvent) -> object: ...

    def _watch(self) -> Monitor:
        """
        :return: the monitor, which begins now if it has not.
        """
        descriptor = self._openDescriptor()
        if self._monitor is None:
            # Nothing else will do, not even to ask in the same turn: libzmq's
            # threads are often faster, and a peer that has come is not told again.
            complete = all(kind in _OURS and isInproc(address) for kind, address in self._opened())
            self._monitor = Monitor(descriptor, descriptor.reactor, self._tellEvent, complete)
            for endpointType, address in self._opened():
                self._afterEndpoint(endpointType, address)
        return self._monitor

    def _beforeEndpoint(self, address: Any) -> None:
        """
        An endpoint is about to be opened.
        """
        if self.monitored and not isInproc(address):
            self._watch()

    def _afterEndpoint(self, endpointType: str, address: str) -> None:
        """
        An endpoint was opened.  libzmq is silent about ``inproc``.
        """
        if self._monitor is not None and endpointType == "connect" and isInproc(address):
            event = SocketEvent(zmq.Event.HANDSHAKE_SUCCEEDED, 0, toText(address))
            tell(self._monitor.peers.happened(event), event)

    def _afterDetach(self, address: str) -> None:
        """
        An endpoint was closed.
        """
        if self._monitor is not None:
            self._monitor.peers.left(address)

    @property
    def _peers(self) -> Peers:
        """
        Those who wait, to be told when the socket is closed.
        """
        return Peers() if self._monitor is None else self._monitor.peers

    def _stopMonitor(self) -> None:
        """
        The socket is about to be closed.
        """
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.stop()
