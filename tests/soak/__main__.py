"""
Mixed traffic at half load, for as long as you like, between processes that come
and go; and whether anything grows, gets slower, or gets lost::

    python -m tests.soak --minutes 60

One process is measured.  It has sockets of all types and of both faces, bound over
tcp, ipc and inproc; connections in it come and go.  Around it are

- a *steady* peer, and one within the process itself: nothing may be lost;
- a *doomed* peer, killed and started again: what arrives has no gaps, but for the
  time in which it is away;
- a *stalled* peer, stopped and continued: nothing may be lost but what was
  published, and replies;
- a *rude* one, which sends what is no message, and does not listen.

Full load is where either the reactor of the measured process has no idle moment, or
all processes together take all cores.  It is found by measuring the processor time
at two low rates; half of it, or ``--load``, is what is then used.

Ends with 0 if memory, descriptors and all else that is counted is as flat as
``verdict.py`` says, and no promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import twisted
import zmq
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater, react

import txzmq

from .plot import plot
from .verdict import BROKEN, judge

#: Messages per second and channel at which the cost of one is measured.
_TRIAL_RATES = (20.0, 100.0)

#: For how many seconds each, and for how many before the first.
_TRIAL = 8.0
_WARM_UP = 5.0

#: Seconds between samples, at the most.
_INTERVAL = 5.0

#: Samples between two lines of progress.
_PROGRESS = 4

#: Seconds until all that is on its way has arrived, when nothing more is sent.
_QUIET = 20.0

#: Who suffers what: how many seconds apart, and for how long.
_KILLED = (12.0, 2.0)
_STOPPED = (20.0, 6.0)

_TICKS = os.sysconf("SC_CLK_TCK")

#: Streams that begin like this arrive to the end.
_WHOLE = ("steady.", "inner.", "stalled.", "hub.0.steady-", "hub.0.inner-", "hub.0.stalled-")

#: Streams of requests: each of them has a timeout.
_ASKED = ("req", "req-i", "req-b", "passing")


class Child(ProcessProtocol):
    """
    A process of ours.

    :param module: what to run.
    :param settings: for it.
    """

    def __init__(
        self,
        reactor: Any,
        name: str,
        module: str,
        tell: Callable[..., None],
        settings: dict[str, Any],
    ) -> None:
        self.name = name
        self.isAlive = True
        self.isEnding = False
        #: What it has said last, by name.
        self.said: dict[str, Any] = {}
        self._tell = tell
        self._buffer = b""
        self._waiting: list[tuple[str, Deferred[None]]] = []
        arguments = [sys.executable, "-m", f"tests.soak.{module}", json.dumps(settings)]
        self._process = reactor.spawnProcess(
            self, sys.executable, arguments, env=None, childFDs={0: "w", 1: "r", 2: 2}
        )
        self._pid = self._process.pid

    def outReceived(self, data: bytes) -> None:
        """
        It says something.
        """
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            values = json.loads(line)
            self.said.update(values)
            self._tell(self, values)
            for name, waiting in self._waiting:
                if name in values and not waiting.called:
                    waiting.callback(None)

    def processEnded(self, reason: Any) -> None:
        """
        It is gone.
        """
        self.isAlive = False
        if not self.isEnding:
            self._tell(self, {"broken": f"it has ended by itself: {reason.value}"})

    async def wait(self, name: str) -> Any:
        """
        :return: what it says under this name.
        """
        if name not in self.said:
            waiting: Deferred[None] = Deferred()
            self._waiting.append((name, waiting))
            await waiting.addTimeout(120, _reactor())
        return self.said[name]

    def command(self, text: str) -> None:
        """
        Tell it something.
        """
        if self.isAlive:
            self._process.write(text.encode() + b"\n")

    def signal(self, number: int) -> None:
        """
        Send it a signal.
        """
        self.isEnding = self.isEnding or number == signal.SIGKILL
        try:
            self._process.signalProcess(number)
        except ProcessExitedAlready:
            pass

    def cpu(self) -> float:
        """
        :return: the processor time that it has used, in seconds.
        """
        return _cpu(f"/proc/{self._pid}/stat")

    def cpuOfReactor(self) -> float:
        """
        :return: the same, of the main thread only.
        """
        return _cpu(f"/proc/{self._pid}/task/{self._pid}/stat")


def _cpu(path: str) -> float:
    try:
        fields = Path(path).read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class Soak:
    """
    The run.

    :param write: takes what is to be kept of it.
    """

    def __init__(self, reactor: Any, arguments: Any, write: Callable[..., None]) -> None:
        self._reactor = reactor
        self._seconds = arguments.minutes * 60
        self._load = arguments.load
        self._write = write
        self._interval = min(_INTERVAL, self._seconds / 60)
        self._directory = tempfile.mkdtemp(prefix="soak-")
        self._children: dict[str, Child] = {}
        self._incarnations: Counter[str] = Counter()
        self._dice = random.Random(1)
        self._rate = _TRIAL_RATES[0]
        self._isMeasuring = False
        self._isOver = False
        self._ended: Counter[str] = Counter()
        self._addresses: Any = None
        self._owns: Any = None
        #: Taken while it ran.
        self.samples: list[dict[str, Any]] = []
        #: Of all processes.
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """
        All of it.
        """
        try:
            hub = self._start("hub", "hub", {"directory": self._directory})
            self._addresses = await hub.wait("addresses")
            self._owns = await hub.wait("owns")
            for name in ("steady", "doomed", "stalled"):
                await self._startPeer(name).wait("ready")
            self._startRude()
            await self._findRate()
            self._isMeasuring = True
            end = time.monotonic() + self._seconds
            cruelties = [self._cruelty(*each) for each in self._cruelties()]
            running = [ensureDeferred(each) for each in cruelties]
            for each in running:
                each.addErrback(lambda failure: self._heard(hub, {"broken": str(failure)}))
            while time.monotonic() < end and hub.isAlive:
                await self._sleep(min(1.0, max(0.0, end - time.monotonic())))
            self._isMeasuring = False
            self._isOver = True
            for each in running:
                await each
            await self._settle()
        finally:
            for child in self._children.values():
                if child.isAlive:
                    child.signal(signal.SIGCONT)
                    child.signal(signal.SIGKILL)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self._reactor, seconds, lambda: None)

    # Processes

    def _start(self, name: str, module: str, settings: dict[str, Any]) -> Child:
        child = Child(
            self._reactor,
            name,
            module,
            self._heard,
            {"rate": self._rate, "interval": self._interval, **settings},
        )
        self._children[name] = child
        return child

    def _startPeer(self, name: str) -> Child:
        incarnation = self._incarnations[name]
        self._incarnations[name] += 1
        settings = {
            "name": name,
            "incarnation": incarnation,
            "addresses": self._addresses,
            "own": self._owns[name],
        }
        return self._start(name, "peer", settings)

    def _startRude(self) -> Child:
        return self._start("rude", "rude", {"addresses": self._addresses})

    def _heard(self, child: Child, values: dict[str, Any]) -> None:
        if "broken" in values:
            print(f"BROKEN: {child.name}: {values['broken']}", flush=True)
            self._write(seconds=self._now(), process=child.name, broken=values["broken"])
            if "ended by itself" in values["broken"]:
                self.counts["errors"] += 1
        if "sample" in values and self._isMeasuring:
            sample = {**values["sample"], "seconds": len(self.samples) * self._interval}
            total = self._totals()
            sample.update((name, total[name]) for name in ("in", "out", *BROKEN))
            self.samples.append(sample)
            self._write(sample=sample)
            if len(self.samples) % _PROGRESS == 0:
                self._progress(sample)

    def _now(self) -> float:
        return round(len(self.samples) * self._interval, 1)

    def _totals(self) -> Counter[str]:
        total = self._ended + self.counts
        for child in self._children.values():
            total.update(child.said.get("counts", {}))
        return total

    def _progress(self, sample: dict[str, Any]) -> None:
        broken = ", ".join(f"{sample[name]} {name}" for name in BROKEN)
        print(
            f"{sample['seconds'] / 60:5.1f} min  {sample['memory'] / (1 << 20):6.1f} MiB "
            f" {sample['descriptors']:4d} fds  {sample['threads']:2d} threads "
            f" {sample['connections']:3d} connections  p50 {sample['p50']} p99 {sample['p99']} ms"
            f"  busy {sample['busy']:.0%}  {sample['out']:,} out, {sample['in']:,} in, {broken}",
            flush=True,
        )

    # Load

    async def _findRate(self) -> None:
        """
        Measure what a message costs, and set the rate.
        """
        costs = []
        await self._sleep(_WARM_UP)
        for rate in _TRIAL_RATES:
            self._setRate(rate)
            await self._sleep(1.0)
            before = self._cpus()
            start = time.monotonic()
            await self._sleep(_TRIAL)
            passed = time.monotonic() - start
            costs.append([(b - a) / passed for a, b in zip(before, self._cpus())])
        (hubIdle, allIdle), (hubTrial, allTrial) = costs
        more = _TRIAL_RATES[1] - _TRIAL_RATES[0]
        full = []
        for idle, trial, available in (
            (hubIdle, hubTrial, 1.0),
            (allIdle, allTrial, float(os.cpu_count() or 1)),
        ):
            each = max(trial - idle, 1e-3) / more
            full.append(_TRIAL_RATES[0] + (available - idle) / each)
        rate = max(_TRIAL_RATES[0], min(full) * self._load)
        self._setRate(rate)
        about = {
            "full": round(min(full), 1),
            "full by reactor": round(full[0], 1),
            "full by cores": round(full[1], 1),
            "rate": round(rate, 1),
            "load": self._load,
        }
        print(
            f"Full load is {min(full):.0f} messages per second and channel"
            f" ({full[0]:.0f} by the reactor, {full[1]:.0f} by the cores); {rate:.0f} are sent.",
            flush=True,
        )
        self._write(load=about)

    def _cpus(self) -> tuple[float, float]:
        hub = self._children["hub"]
        return hub.cpuOfReactor(), sum(child.cpu() for child in self._children.values())

    def _setRate(self, rate: float) -> None:
        self._rate = rate
        for child in self._children.values():
            if child.name != "rude":
                child.command(f"rate {rate}")

    # Cruelty

    def _cruelties(self) -> Iterator[tuple[float, float, str, Any, Any]]:
        yield (*_KILLED, "doomed", self._kill, self._startPeer)
        yield (*_STOPPED, "stalled", self._stop, self._continue)
        yield (*_KILLED, "rude", self._kill, lambda name: self._startRude())

    async def _cruelty(self, apart: float, long: float, name: str, begin: Any, end: Any) -> None:
        while not self._isOver:
            await self._sleepUnlessOver(apart * self._dice.uniform(0.5, 1.5))
            if self._isOver:
                return
            begin(name)
            await self._sleepUnlessOver(long * self._dice.uniform(0.5, 1.5))
            end(name)

    async def _sleepUnlessOver(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._isOver:
            await self._sleep(min(0.5, max(0.0, end - time.monotonic())))

    def _kill(self, name: str) -> None:
        self._write(seconds=self._now(), process=name, what="killed")
        child = self._children[name]
        self._ended.update(child.said.get("counts", {}))
        child.said.clear()
        self.counts[f"{name} killed"] += 1
        child.signal(signal.SIGKILL)

    def _stop(self, name: str) -> None:
        self._write(seconds=self._now(), process=name, what="stopped")
        self.counts[f"{name} stopped"] += 1
        self._children[name].signal(signal.SIGSTOP)

    def _continue(self, name: str) -> None:
        self._children[name].signal(signal.SIGCONT)

    # The end

    async def _settle(self) -> None:
        """
        Send no more, and compare what was sent with what has arrived.
        """
        self._children["rude"].signal(signal.SIGKILL)
        for child in self._children.values():
            child.command("quiet")
        await self._sleep(_QUIET)
        sent: dict[str, int] = {}
        received: dict[str, int] = {}
        for name, child in self._children.items():
            if name == "rude" or not child.isAlive:
                continue
            child.isEnding = True
            child.command("end")
            sent.update(await child.wait("sent"))
            waiting = await child.wait("waiting")
            if waiting:
                self._short(f"requests of {name} without an answer", waiting, 0)
            received.update({f"{name}<{k}": v for k, v in (await child.wait("received")).items()})
        arrived = {key.partition("<")[2]: number for key, number in received.items()}
        self._compare(sent, arrived)
        for key, number in received.items():
            receiver, _, stream = key.partition("<")
            # The one in the measured process has the same book.
            if stream.startswith("hub.0.pub-") and receiver == "steady":
                published = sent.get(stream, 0)
                if number != published:
                    self._short(stream, published, number)
        self.counts = self._totals()
        await self._sleep(1.0)

    def _compare(self, sent: dict[str, int], arrived: dict[str, int]) -> None:
        """
        What has to be there to the last message.
        """
        for stream, number in sorted(sent.items()):
            if not stream.startswith(_WHOLE) or stream.rpartition(".")[2].endswith(_ASKED):
                continue
            if stream.startswith("stalled.") and "dealer" in stream:
                continue  # a router drops what it has no room for
            if arrived.get(stream) != number:
                self._short(stream, number, arrived.get(stream, 0))

    def _short(self, stream: str, sent: int, received: int) -> None:
        self.counts["lost"] += max(1, sent - received)
        text = f"{stream}: {sent} sent, {received} received"
        print(f"BROKEN: {text}", flush=True)
        self._write(seconds=self._now(), broken=text)


def _about(arguments: Any) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "minutes": arguments.minutes,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "txzmq": txzmq.__version__,
        "twisted": twisted.__version__,
        "pyzmq": zmq.__version__,
        "libzmq": zmq.zmq_version(),
    }


async def _main(reactor: Any, arguments: Any) -> None:
    for path in (arguments.json, arguments.svg):
        path.parent.mkdir(parents=True, exist_ok=True)
    with arguments.json.open("w") as file:

        def write(**values: Any) -> None:
            file.write(json.dumps(values) + "\n")
            file.flush()

        write(about=_about(arguments))
        soak = Soak(reactor, arguments, write)
        await soak.run()
        findings = judge(soak.samples, soak.counts)
        isGood = all(finding.isGood for finding in findings)
        write(counts=soak.counts)
        write(verdict=[finding._asdict() for finding in findings], good=isGood)
    if soak.samples:
        arguments.svg.write_text(plot(soak.samples))
    print("\n" + ", ".join(f"{name}: {soak.counts[name]:,}" for name in sorted(soak.counts)))
    for finding in findings:
        print(f"{'ok  ' if finding.isGood else 'FAIL'}  {finding.name}: {finding.text}")
    if not isGood:
        sys.exit(1)


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long")
    parser.add_argument("--load", type=float, default=0.5, help="which part of full load")
    parser.add_argument(
        "--json", type=Path, default=Path("build/soak/soak.jsonl"), help="where the samples go"
    )
    parser.add_argument(
        "--svg", type=Path, default=Path("build/soak/soak.svg"), help="where the plot goes"
    )
    arguments = parser.parse_args()
    if sys.platform != "linux":
        parser.error("it reads /proc, and needs Linux")
    react(lambda reactor: ensureDeferred(_main(reactor, arguments)))


if __name__ == "__main__":
    main()
