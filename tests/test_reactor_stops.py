"""
Programs that end in the middle of their traffic: by themselves, with status 0, and
within ``lingerPeriod``.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredSemaphore, gatherResults
from twisted.trial.unittest import TestCase

from .support import PATIENCE, inThread

#: In milliseconds, for the programs.
LINGER = 200

#: What :meth:`shutdown` has on top of that where a socket is open that is not ours.
GRACE = 1.0

#: For the machine, which may be busy: in seconds.
SLACK = 3.0

#: How many programs run at a time: most of their time they start, or wait.
AT_A_TIME = 3

#: How often the reactor comes round at least where it is not blocked: if it is, it does
#: so once or twice.
TURNS = 5

FACES = ["connection", "transport"]

#: Ways to stop.
SIGNALS = [signal.SIGTERM, signal.SIGINT, None]


class ProgramTests(TestCase):
    """
    The program :mod:`stopping`, in many ways.
    """

    timeout = PATIENCE * 2

    def ended(
        self, face: str, extra: str, end: str, number: Any = None, linger: int = LINGER
    ) -> dict[str, Any]:
        """
        Start it, wait until traffic flows, and stop it.

        :param number: of a signal; ``None`` to have it stop itself in a callback.
        :return: what it tells.
        """
        command = [sys.executable, "-m", "tests.stopping", face, str(linger), extra, end]
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            row = (face, extra, end, number)
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "running\n", row)
            if number is not None:
                process.send_signal(number)
            told, errors = process.communicate("stop\n" if number is None else "", PATIENCE)
        finally:
            process.kill()
            process.communicate()
        self.assertEqual((process.returncode, errors), (0, ""), row)
        result: dict[str, Any] = json.loads(told)
        self.assertEqual(result["errors"], [], row)
        # Those that flood; in one face also a third one.
        self.assertEqual(result["lost"], 2 if face == "connection" else 3, row)
        return result

    async def table(
        self, extras: list[str], ends: list[str], numbers: list[Any], linger: int = LINGER
    ) -> Any:
        """
        Each in each way, some of them at the same time.

        :return: the rows, with what was told.
        """
        rows = list(product(FACES, extras, ends, numbers))
        some = DeferredSemaphore(AT_A_TIME)
        ending = [some.run(inThread, self.ended, *row, linger) for row in rows]
        return zip(rows, await gatherResults(ending, consumeErrors=True))

    async def test_traffic(self) -> None:
        """
        With nothing but traffic it ends whichever way it is stopped, and whether
        the factory is told or not.
        """
        ends = ["registered", "afterwards", "never"]
        for row, told in await self.table(["nothing"], ends, SIGNALS):
            self.assertLess(told["blocked"], LINGER / 1000 + SLACK, row)

    async def test_unsent(self) -> None:
        """
        Messages that cannot leave hold it for as long as they may linger.
        """
        extras, ends = ["unsent", "stalled"], ["registered", "afterwards", "never"]
        for row, told in await self.table(extras, ends, [signal.SIGTERM, None]):
            self.assertLess(told["blocked"], LINGER / 1000 + SLACK, row)

    async def test_lingers(self) -> None:
        """
        They do hold it: a message that could have left has the time to.
        """
        for row, told in await self.table(["unsent"], ["registered"], [None]):
            self.assertGreater(told["blocked"], LINGER / 1000 * 0.9, row)

    async def test_noLinger(self) -> None:
        """
        Without a time to linger, nothing holds it.
        """
        for row, told in await self.table(["unsent", "stalled"], ["registered"], [None], 0):
            self.assertLess(told["blocked"], SLACK, row)

    async def test_foreign(self) -> None:
        """
        A socket that is not ours holds it a second longer, and no more.
        """
        ends = ["registered", "afterwards", "never"]
        for row, told in await self.table(["foreign"], ends, [signal.SIGTERM]):
            self.assertLess(told["blocked"], LINGER / 1000 + GRACE + SLACK, row)

    async def test_close(self) -> None:
        """
        ``close()`` ends everything within its time while the reactor goes round, and
        tells whether all was sent; without any time libzmq's own is not counted.
        """
        rows = await self.table(["nothing", "unsent", "foreign"], ["close", "closeLate"], [None])
        for row, told in rows:
            self.assertLess(told["took"], LINGER / 1000 + GRACE + SLACK, row)
            # What is shut down later, with the reactor, has nothing left to wait for.
            self.assertLess(told["blocked"], SLACK, row)
            if row[1] == "nothing":
                # What was on its way to an end that has gone may have waited.
                continue
            isDropped = row[:3] == ("connection", "unsent", "closeLate")
            self.assertEqual(told["told"], "all was sent" if isDropped else "ZmqUnsentError", row)
            if row[2] == "close":
                self.assertGreater(told["turns"], TURNS, row)
