"""
What a run has found: values round by round, and what they say.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

#: Versions to mention, of those installed.
_PACKAGES = ("txZMQ", "Twisted", "aiozmq", "pyzmq", "uvloop", "libzmq")


class Metric(NamedTuple):
    """
    Something measured.

    :ivar more: whether more of it is better.
    """

    title: str
    unit: str
    format: str
    more: bool = False


METRICS = {
    "rate": Metric("rate", "messages/s", "{:,.0f}", more=True),
    "sent": Metric("sent", "messages/s", "{:,.0f}", more=True),
    "cpu": Metric("CPU", "us per message", "{:.2f}"),
    "p50": Metric("p50", "us", "{:.1f}"),
    "p99": Metric("p99", "us", "{:.1f}"),
    "ticks": Metric("ticks", "% of those due", "{:.1f}", more=True),
    "late99": Metric("p99 late", "ms", "{:.2f}"),
    "lateMax": Metric("max late", "ms", "{:.2f}"),
    "rateKept": Metric("rate beside it", "of that without", "{:.3f}", more=True),
    "cpuKept": Metric("CPU without", "of that beside it", "{:.3f}", more=True),
    "open": Metric("to open", "us each", "{:.1f}"),
    "openCpu": Metric("CPU to open", "us each", "{:.1f}"),
    "memory": Metric("memory", "KiB each", "{:.1f}"),
    "subscribe": Metric("to subscribe", "us each", "{:.2f}"),
}

#: The share of its time which a thread needs for the rate that it reaches.  Below
#: this it was waiting: for the other side, or for libzmq's own thread.
BUSY = 0.85

#: What all have in common, or ratios are not about the libraries.
_COMMON = ("pyzmq", "libzmq")

#: By how much ratios may differ between rounds, on a machine that does nothing else.
STEADY = 0.25

Rounds = list[dict[str, float]]


class Results:
    """
    The values of a run.

    :ivar about: machine, versions, date and settings.
    :ivar rounds: by workload and subject, the values of each round.
    """

    def __init__(self, about: dict[str, Any], rounds: dict[str, dict[str, Rounds]]) -> None:
        self.about = about
        self.rounds = rounds

    @classmethod
    def load(cls, path: Path) -> Results:
        """
        Read what :meth:`save` wrote.
        """
        values = json.loads(path.read_text())
        return cls(values["about"], values["rounds"])

    def save(self, path: Path) -> None:
        """
        Write a file of JSON, one line per workload.
        """
        lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in self.rounds.items())
        path.write_text(f'{{"about": {json.dumps(self.about)},\n"rounds": {{\n{lines}\n}}}}\n')

    def add(self, workload: str, subject: str, values: dict[str, float]) -> None:
        """
        Add the values of one round.
        """
        # Six digits are more than any of this is good for.
        rounded = {key: float(f"{value:.6g}") for key, value in values.items()}
        self.rounds.setdefault(workload, {}).setdefault(subject, []).append(rounded)

    def has(self, workload: str, subject: str) -> bool:
        """
        :return: whether this was measured.
        """
        return subject in self.rounds.get(workload, {})

    def median(self, workload: str, subject: str, metric: str) -> float:
        """
        :return: the median of all rounds.
        """
        return median(values[metric] for values in self.rounds[workload][subject])

    def busy(self, workload: str, subject: str) -> float:
        """
        :return: the share of its time which the measured thread needs for the
            rate; 1 where there is none.
        """
        return median(
            values["rate"] * values["cpu"] / 1e6 if "rate" in values else 1.0
            for values in self.rounds[workload][subject]
        )

    def isLimited(self, workload: str, subject: str) -> bool:
        """
        :return: whether the rate is limited by something else than the measured
            thread.
        """
        return self.busy(workload, subject) < BUSY

    def text(self, workload: str, subject: str, metric: str) -> str:
        """
        :return: a median for readers.  Behind a rate that is limited by others
            stands the share of its time which the measured thread was busy.
        """
        text = METRICS[metric].format.format(self.median(workload, subject, metric))
        if metric == "rate" and self.isLimited(workload, subject):
            text += f" [{self.busy(workload, subject):.0%}]"
        return text

    def metrics(self, workload: str, subject: str) -> list[str]:
        """
        :return: what there is.
        """
        values = self.rounds[workload][subject][0]
        return [metric for metric in METRICS if metric in values]

    def ratio(self, workload: str, ours: str, theirs: str, metric: str) -> float:
        """
        :return: the median of the ratios, round by round: how many times the
            value of ``theirs`` that of ``ours`` is.
        """
        return median(self._ratios(workload, ours, theirs, metric))

    def _ratios(self, workload: str, ours: str, theirs: str, metric: str) -> list[float]:
        pairs = zip(self.rounds[workload][ours], self.rounds[workload][theirs])
        return [our[metric] / their[metric] for our, their in pairs]

    def chance(self) -> list[str]:
        """
        :return: sentences on how much of the figures is chance: by how much the highest
            ratio of all rounds exceeds the lowest.  None where nothing was compared.
        """
        compared = [
            self._ratios(workload, "txzmq1", "txzmq", "cpu")
            for workload, found in self.rounds.items()
            if {"txzmq", "txzmq1"} <= found.keys() and "cpu" in found["txzmq"][0]
        ]
        if not compared:
            return []
        spread = median(max(ratios) / min(ratios) - 1 for ratios in compared)
        sentences = [
            f"Between rounds, the ratio of txZMQ 1.0 to txZMQ differs by {spread:.0%}"
            " (CPU, median of all workloads)."
        ]
        if spread > STEADY:
            sentences.append("That is too much to compare anything: the machine was not quiet.")
        return sentences

    def advantage(self, workload: str, ours: str, theirs: str, metric: str) -> float:
        """
        :return: how many times better ``ours`` is; below 1, it is worse.
        """
        if METRICS[metric].more:
            return self.ratio(workload, ours, theirs, metric)
        return self.ratio(workload, theirs, ours, metric)


def about(versions: dict[str, dict[str, str]], **settings: object) -> dict[str, Any]:
    """
    :param versions: what is installed, by environment.
    :return: what a reader of the results must know.
    """
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
        "versions": {
            environment: {name: found[name] for name in _PACKAGES if name in found}
            for environment, found in versions.items()
        },
        "settings": settings,
    }


def differences(about: dict[str, Any]) -> list[str]:
    """
    :param about: what :func:`about` returned.
    :return: sentences on what should be the same in all environments.
    """
    found = []
    for package in _COMMON:
        users: dict[str, list[str]] = {}
        for environment, versions in about["versions"].items():
            users.setdefault(versions[package], []).append(environment)
        if len(users) > 1:
            each = (f"{version} ({', '.join(who)})" for version, who in sorted(users.items()))
            found.append(f"Not all have the same {package}: {', '.join(each)}.")
    return found


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _lines(path: Path) -> Iterable[str]:
    return path.read_text().splitlines() if path.exists() else []
