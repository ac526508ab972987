"""
What messages cost, counted rather than timed: the same on every machine.

The scenarios are in ``counted.py``.  The numbers were found equal in CPython 3.9 to
3.13.  Those of Python calls would be lower from 3.12 on, where a comprehension is no
call, if there were any on these ways.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from unittest import skipIf

from twisted.trial.unittest import TestCase

from .support import PATIENCE, program

#: Seconds for a test, which starts several programs.
LONGEST = 3 * PATIENCE

COUNT = 1000
IN_FLIGHT = 100
LARGE = 1 << 18

#: Calls that happen once per scenario, not once per message.
FEW = 20

#: Messages of the scenarios that measure memory.
MANY = 10_000


class Message(NamedTuple):
    """
    What a message may take.

    :ivar frames: calls of the socket.
    :ivar functions: calls of Python functions of ours.
    """

    frames: int
    functions: int


#: Only the function that passes it to the callback that users override stands
#: between a message and them; between it and a protocol, none.
RECEIVING = {
    "receive": Message(1, 1),
    "receiveMultipart": Message(4, 1),
    "receiveTopic": Message(1, 1),
    "receiveRouted": Message(2, 1),
    "receiveProtocol": Message(1, 0),
}

#: Bytes have a short way, lists are checked.  A dealer sees to what may have come.
SENDING = {
    "send": Message(1, 1),
    "sendMultipart": Message(4, 4),
    "sendDealer": Message(1, 3),
    "push": Message(1, 5),
    "publish": Message(1, 3),
    "write": Message(1, 1),
}

#: Frames of a request and its reply, each received once, on either end.
ROUND_TRIP = 7

_known: dict[tuple[str, ...], dict[str, int]] = {}


async def counted(*scenario: str) -> dict[str, int]:
    """
    :return: what :mod:`tests.counted` has counted, once for all tests; what was
        not called is 0.
    """
    if scenario not in _known:
        root = Path(__file__).parent.parent
        output, errors, status = await program(
            "-W", "error", "-m", "tests.counted", *scenario, cwd=root
        )
        if status or errors:
            raise AssertionError(errors.decode())
        counts: dict[str, int] = json.loads(output)
        names = ("recv", "send", "ask", "slow", "reactor", "clock", "python")
        _known[scenario] = dict.fromkeys(names, 0) | counts
    return _known[scenario]


class ReceivingTests(TestCase):
    timeout = LONGEST

    async def test_receiveUntilEmpty(self) -> None:
        """
        One receive per frame of a burst, by pyzmq's C class, and one that says
        there is no more.
        """
        for scenario, message in RECEIVING.items():
            counts = await counted(scenario)
            wanted = (message.frames * COUNT + 1, 0)
            self.assertEqual((counts["recv"], counts["slow"]), wanted, scenario)

    async def test_noQuestions(self) -> None:
        """
        Within a burst the socket is not asked for its events.
        """
        for scenario in RECEIVING:
            self.assertLessEqual((await counted(scenario))["ask"], FEW, scenario)

    async def test_noLooksWhileReading(self) -> None:
        """
        A burst is one turn of the reactor's, if the budget allows it.
        """
        for scenario in RECEIVING:
            self.assertLessEqual((await counted(scenario))["reactor"], 1, scenario)

    async def test_clock(self) -> None:
        """
        The clock is read once for sixteen messages of a burst.
        """
        for scenario in RECEIVING:
            self.assertLessEqual((await counted(scenario))["clock"], COUNT // 16 + FEW, scenario)

    async def test_shortWay(self) -> None:
        """
        No more than one function of ours stands between the socket and the
        callback that users override.
        """
        for scenario, message in RECEIVING.items():
            python = (await counted(scenario))["python"]
            self.assertLessEqual(python, message.functions * COUNT + FEW, scenario)


class SendingTests(TestCase):
    timeout = LONGEST

    async def test_send(self) -> None:
        """
        One send per frame, by pyzmq's C class, and no questions, to a socket that
        has nothing to read; the reactor does not hear of it.
        """
        for scenario in SENDING.keys() - {"sendDealer"}:
            counts = await counted(scenario)
            others = [counts[name] for name in ("slow", "ask", "reactor", "clock")]
            self.assertEqual(counts["send"], SENDING[scenario].frames * COUNT, scenario)
            self.assertEqual(others, [0, 0, 0, 0], scenario)

    async def test_oneLookPerBurst(self) -> None:
        """
        However many messages are sent in a turn, the reactor is told once to
        look for what may have come meanwhile.
        """
        counts = await counted("sendDealer")
        self.assertEqual((counts["send"], counts["slow"], counts["reactor"]), (COUNT, 0, 1))
        self.assertLessEqual(counts["ask"], 1)

    async def test_shortWay(self) -> None:
        """
        No more functions of ours stand between users and the socket than one, if
        nothing else is to be done.
        """
        for scenario, message in SENDING.items():
            python = (await counted(scenario))["python"]
            self.assertLessEqual(python, message.functions * COUNT + FEW, scenario)


class RequestTests(TestCase):
    timeout = LONGEST

    async def test_oneAtATime(self) -> None:
        """
        A round trip takes a receive for each frame and one question at each
        end, not an exception; and no delayed calls, since requests and replies
        are sent from within reads.
        """
        counts = await counted("requestsInTurn")
        self.assertLessEqual(counts["recv"], ROUND_TRIP * COUNT + FEW)
        self.assertLessEqual(counts["send"], ROUND_TRIP * COUNT)
        self.assertLessEqual(counts["ask"], 2 * COUNT + FEW)
        self.assertLessEqual(counts["clock"], 4 * COUNT + FEW)
        self.assertLessEqual(counts["reactor"], FEW)
        self.assertEqual(counts["slow"], 0)

    async def test_inFlight(self) -> None:
        """
        With 100 requests in flight, each end asks after the first message of a batch,
        after what it sends, and once for sixteen whether more wait; for the mark once;
        and finds the end of it once.
        """
        counts = await counted("requestsInFlight")
        batches = 2 * COUNT // IN_FLIGHT
        self.assertLessEqual(counts["recv"], ROUND_TRIP * COUNT + batches + FEW)
        self.assertLessEqual(counts["ask"], 3 * batches + 2 * COUNT // 16 + FEW)
        self.assertLessEqual(counts["reactor"], FEW)
        self.assertEqual(counts["slow"], 0)

    async def test_shortWay(self) -> None:
        """
        No more than 40 functions of ours are called for a request and its reply,
        both ends taken together; and 29 when a read brings many of them.
        """
        self.assertLessEqual((await counted("requestsInTurn"))["python"], 40 * COUNT + FEW)
        self.assertLessEqual((await counted("requestsInFlight"))["python"], 29 * COUNT)

    @skipIf(sys.version_info < (3, 11), "in older Pythons, all instances have one")
    async def test_noDictionaries(self) -> None:
        """
        Python needs no dictionary for the attributes of a request, also if many wait.
        """
        for scenario in ("requestsInTurn", "requestsInFlight"):
            self.assertEqual((await counted(scenario))["dictionaries"], 0, scenario)


class NeighbourTests(TestCase):
    timeout = LONGEST

    async def test_idle(self) -> None:
        """
        A hundred connections that have nothing to do cost a busy one nothing.
        """
        for scenario in ("receive", "sendDealer", "requestsInTurn"):
            self.assertEqual(await counted(scenario, "idle"), await counted(scenario), scenario)


class MemoryTests(TestCase):
    timeout = LONGEST

    async def checkNothingIsLeft(self, scenarios: Iterable[str], most: int) -> None:
        """
        :param most: bytes at any time.
        """
        for scenario in scenarios:
            counts = await counted(scenario, "memory")
            self.assertLess(counts["left"], 8 * MANY, scenario)
            self.assertLess(counts["peak"], most, scenario)

    async def test_received(self) -> None:
        """
        A message that was received leaves no memory behind, and does not wait for
        the next.
        """
        await self.checkNothingIsLeft(RECEIVING, 8 * MANY)

    async def test_sent(self) -> None:
        """
        A message that was sent leaves no memory behind.
        """
        await self.checkNothingIsLeft(SENDING, 8 * MANY)

    async def test_answered(self) -> None:
        """
        A request that was answered leaves no memory behind, at either end.
        """
        await self.checkNothingIsLeft(["requestsInTurn", "requestsInFlight"], 20 * MANY)

    async def test_largeMessages(self) -> None:
        """
        Of a queue of large messages only the one that is delivered is in
        memory.
        """
        counts = await counted("receiveLarge", "memory")
        self.assertLess(counts["peak"], 1.5 * LARGE)
