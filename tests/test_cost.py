"""
What messages cost, counted rather than timed: the same on every machine.

The scenarios are in ``counted.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import TestCase

from .support import PATIENCE, program

COUNT = 1000
LARGE = 1 << 18

#: Calls that happen once per scenario, not once per message.
FEW = 20


async def counted(scenario: str) -> dict[str, int]:
    """
    :return: what :mod:`tests.counted` has counted; what is not in there was
        not called.
    """
    root = Path(__file__).parent.parent
    output, errors, status = await program("-W", "error", "-m", "tests.counted", scenario, cwd=root)
    if status or errors:
        raise AssertionError(errors.decode())
    counts: dict[str, int] = json.loads(output)
    return dict.fromkeys(("recv", "send", "ask", "slow", "callLater", "python"), 0) | counts


class ReceivingTests(TestCase):
    timeout = PATIENCE

    async def test_receiveUntilEmpty(self) -> None:
        """
        One receive per message of a burst, and one that says there is no more.
        """
        counts = await counted("receive")
        self.assertEqual((counts["recv"], counts["slow"]), (COUNT + 1, 0))

    async def test_receiveFrames(self) -> None:
        """
        One receive per frame: a frame itself tells whether there are more.
        """
        counts = await counted("receiveMultipart")
        self.assertEqual((counts["recv"], counts["slow"]), (4 * COUNT + 1, 0))

    async def test_noQuestions(self) -> None:
        """
        Within a burst the socket is not asked for its events.
        """
        counts = await counted("receive")
        self.assertLessEqual(counts["ask"], FEW)

    async def test_noLooksWhileReading(self) -> None:
        """
        A burst is one turn of the reactor's, if the budget allows it.
        """
        counts = await counted("receive")
        self.assertLessEqual(counts["callLater"], 1)

    async def test_shortWay(self) -> None:
        """
        No more than one function of ours stands between the socket and the
        callback that users override.
        """
        counts = await counted("receive")
        self.assertLessEqual(counts["python"], COUNT + FEW)

    async def test_largeMessages(self) -> None:
        """
        Of a queue of large messages only the one that is delivered and the
        next are in memory.
        """
        counts = await counted("large")
        self.assertLess(counts["peak"], 3 * LARGE)


class SendingTests(TestCase):
    timeout = PATIENCE

    async def test_send(self) -> None:
        """
        One send per message, and no questions, to a socket that has nothing to
        read; the reactor does not hear of it.
        """
        counts = await counted("send")
        self.assertEqual(
            (counts["send"], counts["slow"], counts["ask"], counts["callLater"]), (COUNT, 0, 0, 0)
        )

    async def test_sendFrames(self) -> None:
        """
        One send per frame.
        """
        counts = await counted("sendMultipart")
        self.assertEqual(
            (counts["send"], counts["slow"], counts["ask"], counts["callLater"]),
            (4 * COUNT, 0, 0, 0),
        )

    async def test_oneLookPerBurst(self) -> None:
        """
        However many messages are sent in a turn, the reactor is told once to
        look for what may have come meanwhile.
        """
        counts = await counted("sendDealer")
        self.assertEqual((counts["send"], counts["callLater"]), (COUNT, 1))
        self.assertLessEqual(counts["ask"], 1)

    async def test_shortWay(self) -> None:
        """
        No more than three functions of ours stand between users and the
        socket.
        """
        counts = await counted("send")
        self.assertLessEqual(counts["python"], 3 * COUNT + FEW)


class RequestTests(TestCase):
    timeout = PATIENCE

    async def test_oneAtATime(self) -> None:
        """
        A round trip takes a receive for each frame and one question at each
        end, not an exception; and no delayed calls, since requests and replies
        are sent from within reads.
        """
        counts = await counted("requestsInTurn")
        self.assertLessEqual(counts["recv"], 7 * COUNT + FEW)
        self.assertLessEqual(counts["ask"], 2 * COUNT + FEW)
        self.assertLessEqual(counts["callLater"], FEW)

    async def test_inFlight(self) -> None:
        """
        With 100 requests in flight, questions are asked per batch.
        """
        counts = await counted("requestsInFlight")
        self.assertLessEqual(counts["recv"], 7 * COUNT + COUNT // 10)
        self.assertLessEqual(counts["ask"], COUNT // 10)
        self.assertLessEqual(counts["callLater"], COUNT // 10)

    async def test_shortWay(self) -> None:
        """
        No more than thirty functions of ours are called for a request and its
        reply, both ends taken together.
        """
        counts = await counted("requestsInFlight")
        self.assertLessEqual(counts["python"], 30 * COUNT)

    async def test_nothingIsLeft(self) -> None:
        """
        A request that is answered leaves no memory behind, at either end.
        """
        counts = await counted("memory")
        self.assertLess(counts["blocks"], COUNT // 10)
