"""
What the programs for the two faces of txZMQ share: when to send, and what to
count.  How to send and receive is theirs.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any, Callable, Optional

from _meter import PROBE_INTERVAL, Meter, TickerMeter, whenTold
from twisted.internet import reactor


class Bursts:
    """
    Sends in bursts, and gives the reactor its turn in between.  Probes before
    and after let the other side know that we are there, or have finished.

    :ivar sent: how many messages.
    :ivar meter: once it has begun.
    """

    p: Any
    sent = 0
    meter: Optional[Meter] = None

    def begin(self, p: Any) -> None:
        """
        Send probes, until the other side has heard one.

        :param p: the parameters.
        """
        self.p = p
        whenTold(lambda: reactor.callFromThread(self.beginBursts))
        self.probe()

    def probe(self) -> None:
        if self.meter is None or self.meter.done:
            self.sendProbe()
            reactor.callLater(PROBE_INTERVAL, self.probe)

    def beginBursts(self) -> None:
        self.meter = Meter(self.p, lambda: self.sent)
        self.burst()

    def burstSent(self) -> None:
        """
        To be called by :meth:`burst`, when the last of it has been taken.
        """
        self.sent += self.p.chunk
        if self.meter is not None and self.meter.done:
            self.probe()
        else:
            reactor.callLater(0, self.burst)

    def sendProbe(self) -> None:
        """
        Send a probe, if that is possible now.
        """
        raise NotImplementedError

    def burst(self) -> None:
        """
        Send ``chunk`` messages.
        """
        raise NotImplementedError


class Echoing:
    """
    Pushes a burst, pulls it, and pushes the next.
    """

    push: Callable[[Any], None]
    message: Any
    chunk: int
    got = 0
    due = 0

    def begin(self, p: Any, push: Callable[[Any], None], message: Any) -> None:
        """
        :param p: the parameters.
        :param push: sends a message.
        :param message: the message.
        """
        self.push, self.message, self.chunk = push, message, p.chunk
        Meter(p, lambda: self.got)
        self.burst()

    def burst(self) -> None:
        push, message = self.push, self.message
        self.due += self.chunk
        for _ in repeat(None, self.chunk):
            push(message)

    def took(self, message: Any) -> None:
        """
        A message has come.
        """
        self.got += 1
        if self.got == self.due:
            reactor.callLater(0, self.burst)


def count(p: Any, counted: Callable[[], int]) -> None:
    """
    Take the time of what comes.

    :param p: the parameters.
    :param counted: tells how many messages there have been.
    """
    if p.ticker:
        TickerMeter(p, counted, reactor.callLater, reactor.callFromThread)
    else:
        Meter(p, counted)
