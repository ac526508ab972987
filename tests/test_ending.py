"""
Tests of :mod:`txzmq._ending`: what may follow what.  What becomes of the transport
meanwhile is in :mod:`test_transport_closing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txzmq._ending import ABORTED, CLOSING, ENDING, LEAVING, OPEN, OVER, Ending, State

from .support import Recorder

#: What can be asked for.
STEPS: dict[str, Callable[[Ending], Any]] = {
    "close": lambda ending: ending.close(5, Recorder()),
    "leave": Ending.leave,
    "finish": Ending.finish,
    "lose": lambda ending: ending.lose(Failure(ValueError())),
    "abort": Ending.abort,
    "over": Ending.over,
}


class EndingTests(SynchronousTestCase):
    """
    An end, step by step.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def after(self, *steps: str) -> Ending:
        """
        :return: one that has been asked for all of that.
        """
        ending = Ending(self.reactor)
        for step in steps:
            STEPS[step](ending)
        return ending

    def test_table(self) -> None:
        """
        Every step is allowed at some times; at others nothing happens.
        """
        ways: dict[State, list[str]] = {
            OPEN: [],
            CLOSING: ["close"],
            LEAVING: ["close", "leave"],
            ENDING: ["close", "finish"],
            ABORTED: ["abort"],
            OVER: ["abort", "over"],
        }
        expected = {
            OPEN: [CLOSING, LEAVING, OPEN, OPEN, ABORTED, OPEN],
            CLOSING: [CLOSING, LEAVING, ENDING, ENDING, ABORTED, CLOSING],
            LEAVING: [LEAVING, LEAVING, ENDING, ENDING, ABORTED, LEAVING],
            ENDING: [ENDING, ENDING, ENDING, ENDING, ABORTED, OVER],
            ABORTED: [ABORTED, ABORTED, ABORTED, ABORTED, ABORTED, OVER],
            OVER: [OVER] * 6,
        }
        found = {
            state: [self.after(*way, step).state for step in STEPS] for state, way in ways.items()
        }
        self.assertEqual(found, expected)

    def test_decided(self) -> None:
        """
        The first to decide gives the reason, and says how long libzmq holds what it
        has; unless it is aborted after that.
        """
        for steps, reason, linger in [
            (["close", "finish", "lose"], ConnectionDone, 5000),
            (["leave", "lose", "finish"], ValueError, None),
            (["close", "leave", "lose"], ValueError, None),
            (["close", "finish", "abort", "lose"], ConnectionAborted, 0),
        ]:
            ending = self.after(*steps)
            self.assertEqual(ending.linger, linger)
            self.assertIs(ending.over().type, reason)
            self.assertIsNone(ending.over())

    def test_unasked(self) -> None:
        """
        There is no orderly end where nobody has asked for one.
        """
        self.assertEqual(self.after("leave", "finish").state, LEAVING)

    def test_deadline(self) -> None:
        """
        It is told that it takes too long, but not any more when it is over.
        """
        for over, expected in [(False, [()]), (True, [])]:
            told = Recorder()
            ending = Ending(self.reactor)
            ending.close(5, told)
            if over:
                ending.finish()
                ending.over()
            self.reactor.advance(5)
            self.assertEqual(told.events, expected)

    def test_soon(self) -> None:
        """
        The end comes in a later turn; how often it is asked for, it comes once.
        """
        told = Recorder()
        ending = self.after("close", "finish")
        for _ in range(2):
            ending.soon(told)
        self.assertEqual(told.events, [])
        self.reactor.pump([0, 0, 5])
        self.assertEqual(told.events, [()])
