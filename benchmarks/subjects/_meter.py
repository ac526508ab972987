"""
What all measured programs share: their parameters, and the clock.

A program gets its parameters as JSON in ``argv[1]`` and the addresses of the
other side as the first line of its input.  It prints what it measured as a
line of JSON, and goes on until it is killed.
"""

from __future__ import annotations

import json
import sys
import time
from threading import Thread, main_thread
from time import perf_counter, thread_time
from types import SimpleNamespace
from typing import Any, Callable

#: What a sender sends until the other side says that it hears, and at the end.
PROBE = b"probe"

#: Seconds between probes.
PROBE_INTERVAL = 0.01

#: Seconds between ticks.
TICK = 0.01

#: Seconds between looks whether messages have begun to flow.
_LOOK = 0.002


def parameters() -> Any:
    """
    :return: what to do, as attributes.
    """
    p = SimpleNamespace(**json.loads(sys.argv[1]))
    p.addresses = json.loads(sys.stdin.readline())
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


def memory() -> float:
    """
    :return: the memory that this process has in use, in KiB.
    """
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4.0


class Meter(Thread):
    """
    Takes the time.  It sleeps in a thread of its own, so that the measured
    program does nothing but count.

    :param p: the parameters.
    :param counted: tells how many messages there have been.
    :ivar latencies: in seconds; filled by programs that take them.
    :ivar done: whether it has been measured.
    """

    def __init__(self, p: Any, counted: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self.p = p
        self.counted = counted
        self.latencies: list[float] = []
        self.done = False
        self.start()

    def run(self) -> None:
        """
        Measure once: wait for messages, let them warm up, and begin.
        """
        while not self.counted():
            time.sleep(_LOOK)
        time.sleep(self.p.warmup)
        self.latencies.clear()
        say(**self.measure(self.p.seconds), **percentiles(list(self.latencies)))
        self.done = True

    def measure(self, seconds: float) -> dict[str, float]:
        """
        :return: messages per second, microseconds of the main thread per
            message, and messages.
        """
        before = self._read()
        time.sleep(seconds)
        # A slow machine needs longer for the first.
        while self.counted() == before[2]:
            time.sleep(_LOOK)
        elapsed, cpu, count = (b - a for a, b in zip(before, self._read()))
        return {"rate": count / elapsed, "cpu": cpu / count * 1e6, "messages": count}

    def _read(self) -> tuple[float, float, int]:
        cpu = time.clock_gettime(time.pthread_getcpuclockid(main_thread().ident or 0))
        return perf_counter(), cpu, self.counted()


class TickerMeter(Meter):
    """
    Measures what a ticker beside the messages costs them, and how late it is.

    :param later: of the reactor or loop: calls a function after some seconds.
    :param fromThread: calls a function in the thread of the reactor.
    """

    #: How often the ticker is switched on and off: what disturbs the machine
    #: then disturbs both alike.
    PHASES = 6

    def __init__(
        self,
        p: Any,
        counted: Callable[[], int],
        later: Callable[..., object],
        fromThread: Callable[..., object],
    ) -> None:
        self.later = later
        self.fromThread = fromThread
        self.ticking = False
        self.lateness: list[float] = []
        super().__init__(p, counted)

    def run(self) -> None:
        """
        Measure with and without the ticker, in turn.
        """
        while not self.counted():
            time.sleep(_LOOK)
        time.sleep(self.p.warmup)
        seconds = self.p.seconds / self.PHASES
        kept: dict[str, list[float]] = {"rate": [], "cpu": []}
        due = 0
        for _ in range(self.PHASES):
            without = self.measure(seconds)
            start = perf_counter()
            self.ticking = True
            self.fromThread(self.later, TICK, self.tick, start + TICK)
            beside = self.measure(seconds)
            self.ticking = False
            due += int((perf_counter() - start) / TICK)
            kept["rate"].append(beside["rate"] / without["rate"])
            kept["cpu"].append(without["cpu"] / beside["cpu"])
        # Where no tick came, the first is late by all the time there was.
        late = sorted(self.lateness) or [seconds]
        say(
            rate=beside["rate"],
            cpu=beside["cpu"],
            ticks=100 * len(self.lateness) / due,
            late99=late[len(late) * 99 // 100] * 1e3,
            lateMax=late[-1] * 1e3,
            **{f"{key}Kept": sorted(v)[len(v) // 2] for key, v in kept.items()},
        )
        self.done = True

    def tick(self, due: float) -> None:
        """
        One tick.

        :param due: when it should be; those that are too late for it are
            left out.
        """
        if not self.ticking:
            return
        now = perf_counter()
        self.lateness.append(now - due)
        due += TICK * (1 + (now - due) // TICK)
        self.later(due - now, self.tick, due)


class Opening:
    """
    Takes the time of opening connections, in the thread that opens them.

    :param p: the parameters.
    """

    def __init__(self, p: Any) -> None:
        self.p = p
        self.kept: list[object] = []

    def opened(self, connection: object) -> None:
        """
        To be called with each.
        """
        self.kept.append(connection)
        if len(self.kept) == self.p.first:
            # What the first ones need is needed once.
            self.memory = memory()
            self.times = perf_counter(), thread_time()
        elif len(self.kept) == self.p.connections:
            self.times = perf_counter() - self.times[0], thread_time() - self.times[1]
            whenTold(self.report)

    def report(self) -> None:
        """
        Say what each has taken, once all are connected.
        """
        count = self.p.connections - self.p.first
        seconds, cpu = self.times
        say(
            open=seconds / count * 1e6,
            openCpu=cpu / count * 1e6,
            memory=(memory() - self.memory) / count,
        )


def percentiles(latencies: list[float]) -> dict[str, float]:
    """
    :param latencies: in seconds.
    :return: in microseconds; nothing if there are none.
    """
    if not latencies:
        return {}
    latencies = sorted(latencies)
    return {f"p{percent}": latencies[len(latencies) * percent // 100] * 1e6 for percent in (50, 99)}
