"""
Twisted's threadedselect reactor within the main loop of another: its ``select``
waits in a thread, and what is to be done then is handed to the loop.
"""

from __future__ import annotations

from queue import Queue
from typing import Any, Callable, Protocol

from twisted.internet._threadedselect import ThreadedSelectReactor
from twisted.internet.main import installReactor
from twisted.python import log

from . import IsRunning

Call = Callable[[], object]


class Loop(Protocol):
    """
    A main loop that is not Twisted's.
    """

    def callFromThread(self, call: Call) -> None:
        """
        Have the loop call something; from any thread.
        """

    def run(self, isOver: Callable[[], bool]) -> None:
        """
        Loop until it is over; asked after each call.
        """


class QueueLoop:
    """
    The smallest that there can be.
    """

    def __init__(self) -> None:
        self._calls: Queue[Call] = Queue()
        self.callFromThread = self._calls.put

    def run(self, isOver: Callable[[], bool]) -> None:
        while not isOver():
            self._calls.get()()


class InterleavedReactor(ThreadedSelectReactor):
    """
    A reactor whose ``run``, which trial needs, is that of another loop.

    :ivar isInLoop: whether that loop runs.
    """

    isInLoop = False

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._isSelecting = False
        super().__init__()

    def run(self, installSignalHandlers: bool = True) -> None:
        self.interleave(self._wake, installSignalHandlers)
        self.isInLoop = True
        self._loop.run(lambda: not (self.running or self._isSelecting))
        self.isInLoop = False

    def doIteration(self, timeout: Any) -> None:
        # trial has the reactor iterate between two runs.
        self._testMainLoopSetup()
        super().doIteration(timeout)

    def _wake(self, call: Call) -> None:
        self._loop.callFromThread(lambda: self._step(call))

    def _step(self, call: Call) -> None:
        self._isSelecting = False
        try:
            call()
        except BaseException:
            # What loops do, Twisted's and others.
            log.err()
        # Once it has thrown out descriptors that somebody has closed, which some
        # tests make it do, Twisted forgets to go on.
        if self.running and not self._isSelecting:
            self._selectOnce(0.0, True)

    def _selectOnce(self, timeout: Any, keepGoing: bool) -> None:
        self._isSelecting = keepGoing
        super()._selectOnce(timeout, keepGoing)


def installWithin(loop: Loop) -> IsRunning:
    """
    Install a reactor that runs within a loop.
    """
    reactor = InterleavedReactor(loop)
    installReactor(reactor)
    return lambda: reactor.isInLoop
