"""
What all measured programs share: their parameters, and the clock.

A program gets its parameters as JSON in ``argv[1]`` and, once the other side is
ready, the other side's addresses as the first line of its input.  It prints
one line of JSON: what it measured.  Then it goes on until it is killed, so that
the other side can finish too.
"""

from __future__ import annotations

import json
import sys
from threading import Thread
from time import perf_counter, thread_time
from types import SimpleNamespace
from typing import Any, Callable

#: What a sender sends until the other side says that it has received it.
PROBE = b"probe"

#: Seconds between probes.
PROBE_INTERVAL = 0.01


def parameters() -> Any:
    """
    :return: what to do, as attributes.
    """
    p = SimpleNamespace(**json.loads(sys.argv[1]))
    p.addresses = json.loads(sys.stdin.readline())
    p.address = p.addresses[0]
    p.frames = [b"x" * p.size] * p.parts
    # What a user would pass: one frame as it is, several as a list.
    p.message = p.frames[0] if p.parts == 1 else p.frames
    return p


def say(**values: object) -> None:
    """
    Tell whoever started us.
    """
    print(json.dumps(values), flush=True)


def whenTold(call: Callable[[], object]) -> None:
    """
    Call something, in another thread, when the other side is ready for the
    next step.
    """
    Thread(target=lambda: sys.stdin.readline() and call(), daemon=True).start()


class Meter:
    """
    Takes the time of one run, in chunks of messages: to look at the clock for
    each message would be a good part of what is measured.

    :ivar chunk: messages per chunk.
    :ivar chunks: how many chunks are through, the warm-up included.
    :ivar latencies: to be filled, in seconds, by programs that take them.
    :ivar done: whether it has been measured; what happens then is not.
    """

    def __init__(self, p: Any) -> None:
        # Messages of a mebibyte are looked at one by one.
        self.chunk: int = max(1, min(p.chunk, (1 << 20) // (p.size * p.parts)))
        self.latencies: list[float] = []
        self.done = False
        self._warmup: float = p.warmup
        self._seconds: float = p.seconds
        self._until = 0.0
        self._steps = iter([self._warmUp, self._begin, self._end])
        self.chunks = 0

    def mark(self) -> int:
        """
        Another chunk is through.

        :return: how many messages the next one has.
        """
        self.chunks += 1
        if perf_counter() >= self._until:
            next(self._steps)()
        return self.chunk

    def _warmUp(self) -> None:
        self._until = perf_counter() + self._warmup

    def _begin(self) -> None:
        self._before = self.chunks
        self.latencies.clear()
        self._cpu = thread_time()
        self._start = perf_counter()
        self._until = self._start + self._seconds

    def _end(self) -> None:
        seconds = perf_counter() - self._start
        cpu = thread_time() - self._cpu
        self._until = float("inf")
        messages = (self.chunks - self._before) * self.chunk
        self.done = True
        say(rate=messages / seconds, cpu=cpu / messages * 1e6, **percentiles(self.latencies))


def percentiles(latencies: list[float]) -> dict[str, float]:
    """
    :param latencies: in seconds.
    :return: in microseconds; nothing if there are none.
    """
    if not latencies:
        return {}
    latencies = sorted(latencies)
    return {f"p{percent}": latencies[len(latencies) * percent // 100] * 1e6 for percent in (50, 99)}
