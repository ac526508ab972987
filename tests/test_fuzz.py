"""
The flood of malformed messages, in small; and that the program would notice if
something went wrong.  The large one is ``python -m tests.soak.fuzz``.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from txzmq import ZmqPullConnection

from .soak.fuzz import Fuzz
from .soak.garbage import portOf
from .soak.targets import TARGETS, Pull, Rep, Target
from .support import PATIENCE, descriptors, descriptorsBefore, turns, until

#: Fixed: the same messages each time.
SEED = 20


class Raising(Pull):
    """
    Raises now and then.
    """

    def gotMessage(self, *message: Any) -> None:
        super().gotMessage(*message)
        if self.inbox.count % 100 == 0:
            raise ZeroDivisionError


class Closing(Pull):
    """
    Closes itself in the middle.
    """

    def gotMessage(self, *message: Any) -> None:
        super().gotMessage(*message)
        if self.inbox.count == 1_000:
            self.end.shutdown()


class Losing(Pull):
    """
    Drops one message without a word.
    """

    what = type("Losing", (ZmqPullConnection,), {})
    received = 0

    def gotMessage(self, *message: Any) -> None:
        type(self).received += 1
        if type(self).received != 150:
            super().gotMessage(*message)


class Keeping(Pull):
    """
    Keeps something of each message.
    """

    kept: list[Any]

    def gotMessage(self, *message: Any) -> None:
        vars(self).setdefault("kept", []).append([list(message)])
        super().gotMessage(*message)


class Crossing(Rep):
    """
    Answers everybody who is there when a friend asks.
    """

    def gotMessage(self, messageId: Any, *parts: bytes) -> None:
        if parts and parts[-1].startswith(self.secret):
            while self._later:
                self.end.reply(self._later.popleft(), b"for friend " + parts[-1])
        super().gotMessage(messageId, *parts)


class FuzzTests(TestCase):
    """
    Each receiving end survives what peers send, and serves its friends.
    """

    timeout = PATIENCE * 2

    async def test_everybody(self) -> None:
        """
        All ends at once, with noise on all ports.
        """
        fuzz = Fuzz(20_000, SEED, TARGETS)
        await fuzz.run()
        self.assertGreaterEqual(fuzz.count, 20_000)
        self.assertGreater(fuzz.noise.count, 100)

    async def test_logBounded(self) -> None:
        """
        A message costs one line at the most.
        """
        fuzz = Fuzz(5_000, SEED, TARGETS)
        await fuzz.run()
        # Those that the friends and the attackers exchange besides are few.
        self.assertLess(sum(fuzz.log.lines.values()), fuzz.count)

    async def fails(self, cls: type[Target], expected: str) -> None:
        """
        A run with a target that breaks a promise ends with an error.
        """
        fuzz = Fuzz(10_000, SEED, [cls])
        fuzz.patience = 1
        try:
            await fuzz.run()
        except AssertionError as error:
            self.assertIn(expected, str(error))
        else:
            self.fail(f"{cls} was not noticed")

    async def test_noticesErrors(self) -> None:
        """
        It notices an error in the log.
        """
        await self.fails(Raising, "Unhandled error in Connection")
        self.assertEqual(
            {failure.type for failure in self.flushLoggedErrors()}, {ZeroDivisionError}
        )

    async def test_noticesTheEnd(self) -> None:
        """
        It notices that an end was closed.
        """
        await self.fails(Closing, "was closed")

    async def test_noticesLoss(self) -> None:
        """
        It notices that a message was not delivered.
        """
        await self.fails(Losing, "delivered")

    async def test_noticesGrowth(self) -> None:
        """
        It notices what is kept.
        """
        await self.fails(Keeping, "objects")

    async def test_noticesCrossing(self) -> None:
        """
        It notices an answer to somebody else.
        """
        await self.fails(Crossing, "answers somebody else")

    async def test_sameInputs(self) -> None:
        """
        Of the same seed come the same messages.
        """
        first, second, other = (Fuzz(1, seed, []).inputs for seed in (1, 1, 2))
        messages = [first.message() for _ in range(1_000)]
        self.assertEqual(messages, [second.message() for _ in range(1_000)])
        self.assertNotEqual(messages, [other.message() for _ in range(1_000)])

    async def test_program(self) -> None:
        """
        The program tells its seed, and ends with 0.
        """
        run = await deferToThread(
            subprocess.run,
            [sys.executable, "-m", "tests.soak.fuzz", "--inputs", "5000", "--seed", "7"],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("seed 7", run.stdout)


class StrangerTests(TestCase):
    """
    Connections that never say what they want.
    """

    timeout = PATIENCE

    async def test_halfGreetings(self) -> None:
        """
        Many that stay in the middle of their greeting keep nobody from being
        served; nothing is left of them when they have gone.
        """
        before = await descriptorsBefore()
        fuzz = Fuzz(1, SEED, [Rep])
        (target,) = fuzz.targets
        await target.start()
        strangers = [socket.create_connection(portOf(target.address)) for _ in range(100)]
        for index, stranger in enumerate(strangers):
            stranger.send((b"\xff" + bytes(8) + b"\x7f\x03")[:index])
        await target.settle()
        for stranger in strangers:
            stranger.close()
        await target.settle()
        target.close()
        fuzz.factory.shutdown()
        await turns()
        await until(lambda: descriptors() <= before)
