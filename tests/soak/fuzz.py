"""
A flood of malformed messages into every pattern, as a program::

    python -m tests.soak.fuzz --inputs 1000000 --seed 1

Each target is one receiving end of ours, with an attacker, who sends anything,
and a friend, who is to be served all the while.  An input is a message of an
attacker, or a connection to a port that speaks garbage.  The same inputs come of
the same seed, but for what is repeated of others, such as their ids.

The program ends with 0 if nothing was logged that is an error, nobody was closed,
all friends were served, no answer came to anybody else, and no state has grown.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import react
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from txzmq import MessageId, ZmqFactory

from ..support import MEMORY, PATIENCE, alive, descriptors, turns
from .garbage import Inputs, Noise
from .targets import BATCH, TARGETS, Target

#: Every so many rounds each attacker leaves, and another comes.
ROUNDS_PER_ATTACKER = 10

#: How many connections with noise go with each batch of messages.
NOISES_PER_BATCH = 2

#: How much more memory, in bytes, the process may have at the end than when all
#: was warm.  The allocators of Python and of libzmq, fed with sizes at random, keep
#: some megabytes; what is kept of each input would be hundreds.
MAX_GROWTH = 32 * 1024 * 1024 * MEMORY

#: No line in the log is longer than this, whatever it is about.
MAX_LINE = 600


class Log:
    """
    What was logged, by what it says, and whether that is an error.
    """

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.errors: list[str] = []
        self.longest = 0

    def __call__(self, event: Any) -> None:
        text = formatEvent(event)
        self.longest = max(self.longest, len(text))
        self.lines[f"{event['log_namespace']}: {event.get('log_format')}"] += 1
        if event["log_level"] >= LogLevel.error:
            # The first ones tell enough.
            self.errors.append(text) if len(self.errors) < 10 else None

    @contextmanager
    def watching(self) -> Iterator[Log]:
        """
        Take note of everything that is logged meanwhile.
        """
        globalLogPublisher.addObserver(self)
        try:
            yield self
        finally:
            globalLogPublisher.removeObserver(self)


def residentBytes() -> int:
    """
    :return: how much memory the process has.
    """
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class State:
    """
    What must not grow, at a moment.
    """

    def __init__(self, factory: ZmqFactory) -> None:
        gc.collect()
        self.memory = residentBytes()
        self.numbers = {
            "connections": len(factory.connections or ()),
            "readers": len(reactor.getReaders()),
            "descriptors": descriptors(),
            "requests": alive(MessageId),
            "deferreds": alive(Deferred),
            "objects": len(gc.get_objects()),
        }

    def compare(self, before: State, slack: dict[str, int]) -> list[str]:
        """
        :return: what has grown by more than ``slack``.
        """
        return [
            f"{name}: {before.numbers[name]}, now {number}"
            for name, number in self.numbers.items()
            if number > before.numbers[name] + slack.get(name, 0)
        ]


class Fuzz:
    """
    A run.

    :param inputs: how many, for all targets together.
    :ivar patience: how many seconds libzmq has to close what has ended.
    :ivar count: how many there have been.
    """

    def __init__(self, inputs: int, seed: int, classes: list[type[Target]]) -> None:
        self.wanted = inputs
        self.patience: float = PATIENCE
        self.count = 0
        self._rounds = 0
        self.log = Log()
        self.factory = ZmqFactory()
        self.inputs = Inputs(seed)
        self.noise = Noise(self.inputs)
        self.targets = [cls(self.factory, self.inputs) for cls in classes]

    async def run(self, progress: Callable[[str], object] = lambda text: None) -> None:
        """
        :raise AssertionError: a promise was broken.
        """
        with self.log.watching():
            try:
                for target in self.targets:
                    await target.start()
                before = await self._warm()
                step = 0
                while self.count < self.wanted:
                    await self._round()
                    if self.count * 10 // self.wanted > step:
                        step = self.count * 10 // self.wanted
                        mebibytes = residentBytes() / 1024 / 1024
                        progress(f"{self.count} inputs, {mebibytes:.1f} MiB")
                await self._compare(before)
            finally:
                for target in self.targets:
                    target.close()
                self.noise.close()
                self.factory.shutdown()
        assert not self.log.errors, self.log.errors
        assert self.log.longest <= MAX_LINE, f"a line of {self.log.longest} characters"

    async def _warm(self) -> State:
        """
        :return: the state when everything has been used.
        """
        while self._rounds < 2 or self.count < self.wanted // 10:
            await self._round()
        self.noise.close()
        await turns(10)
        return State(self.factory)

    async def _round(self) -> None:
        self._rounds += 1
        for target in self.targets:
            self.count += target.flood(BATCH)
            for _ in range(NOISES_PER_BATCH):
                self.count += self.noise.connect(target)
        for target in self.targets:
            await target.settle()
        if self._rounds % ROUNDS_PER_ATTACKER == 0:
            for target in self.targets:
                await target.replace()

    async def _compare(self, before: State) -> None:
        self.noise.close()
        grown: list[str] = []
        slack = {"descriptors": 5, "requests": 300, "deferreds": 50, "objects": 3000}

        def isSmall() -> bool:
            grown[:] = State(self.factory).compare(before, slack)
            return not grown

        # libzmq closes what has ended in its own time.
        deadline = monotonic() + self.patience
        while not isSmall() and monotonic() < deadline:
            await turns(100)
        assert not grown, grown
        self.growth = residentBytes() - before.memory
        assert self.growth < MAX_GROWTH, f"{self.growth} bytes of memory more"


def main() -> None:
    """
    Run, and tell.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.soak.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--only", help="targets whose name contains this")
    arguments = parser.parse_args()
    classes = [cls for cls in TARGETS if (arguments.only or "") in cls.name()]
    if not classes:
        parser.error(f"--only: there are {', '.join(cls.name() for cls in TARGETS)}")

    async def run() -> None:
        begin = monotonic()
        print(f"seed {arguments.seed}, {arguments.inputs} inputs, {len(classes)} targets")
        fuzz = Fuzz(arguments.inputs, arguments.seed, classes)
        await fuzz.run(lambda text: print(f"{monotonic() - begin:6.1f} s: {text}", flush=True))
        for text, count in fuzz.log.lines.most_common():
            print(f"{count:8} lines of {text}")
        print(
            f"{fuzz.count} inputs, {fuzz.noise.count} of them noise, in"
            f" {monotonic() - begin:.0f} s; {sum(fuzz.log.lines.values())} lines in the log,"
            f" none an error; memory {fuzz.growth / 1024 / 1024:+.1f} MiB since all was warm"
        )

    react(lambda _: ensureDeferred(run()))


if __name__ == "__main__":
    sys.exit(main())
