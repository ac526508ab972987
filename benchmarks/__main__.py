"""
Measure txZMQ beside other ways to use ZeroMQ from Python.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import environments
from .results import METRICS, Results, about
from .run import MeasurementError, measure
from .targets import describe, judge
from .workloads import OTHERS, SUBJECTS, WORKLOADS, Workload

#: Seconds per measurement, without what it takes to start two programs.
_SECONDS = 0.7
_QUICK_SECONDS = 0.25

#: How often a measurement that failed is tried again, before giving up.
_RETRIES = 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="shorter, three rounds, the main workloads and subjects",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="workloads whose names have a text in them"
    )
    parser.add_argument(
        "--subjects", nargs="+", choices=SUBJECTS, metavar="NAME", help=f"of {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--rounds", type=int, help="instead of 5, or 3")
    parser.add_argument("--json", type=Path, help="the file to write the results to")
    parser.add_argument("--list", action="store_true", help="name the workloads, and stop")
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace) -> list[tuple[Workload, list[str]]]:
    """
    :return: workloads, and the subjects of each.
    """
    workloads = list(WORKLOADS.values())
    if arguments.only:
        wanted = [text.lower() for text in arguments.only]
        workloads = [w for w in workloads if any(text in w.name.lower() for text in wanted)]
    elif arguments.quick:
        workloads = [w for w in workloads if w.quick]
    subjects = arguments.subjects or (set(SUBJECTS) - OTHERS if arguments.quick else SUBJECTS)
    return [(w, [s for s in w.subjects if s in subjects]) for w in workloads]


class Progress:
    """
    Says what is going on and how long it will take, if that is a terminal.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._isTerminal = sys.stderr.isatty()

    def step(self, text: str) -> None:
        """
        The next measurement begins.
        """
        left = ""
        if self._done:
            perStep = (time.monotonic() - self._start) / self._done
            left = f", {perStep * (self._total - self._done) / 60:.1f} min left"
        self._done += 1
        self._show(f"[{self._done}/{self._total}{left}] {text}")

    def clear(self) -> None:
        """
        Make room for something else.
        """
        self._show("")

    def _show(self, text: str) -> None:
        if self._isTerminal:
            print(f"\r\x1b[K{text[:100]}", end="", file=sys.stderr, flush=True)


def main() -> None:
    """
    The command line.
    """
    arguments = _arguments()
    chosen = _chosen(arguments)
    if arguments.list:
        print(*(w.name for w, _ in chosen), sep="\n")
        return
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    seconds = _QUICK_SECONDS if arguments.quick else _SECONDS
    names = sorted(
        {"pyzmq", *(SUBJECTS[s].environment for _, subjects in chosen for s in subjects)}
    )
    environments.prepare(names)
    results = Results(
        about({n: environments.versions(n) for n in names}, rounds=rounds, seconds=seconds), {}
    )
    progress = Progress(rounds * sum(len(subjects) for _, subjects in chosen))
    group = ""
    for workload, subjects in chosen:
        for number in range(rounds):
            for subject in subjects:
                progress.step(f"{workload.name}, round {number + 1}: {SUBJECTS[subject].title}")
                values = _measure(workload, subject, seconds)
                results.add(workload.name, subject, values)
        progress.clear()
        if workload.group != group:
            group = workload.group
            print(f"\n{group}")
        _show(workload.name, subjects, results)
    if arguments.json:
        results.save(arguments.json)
    _showVerdicts(results)


def _measure(workload: Workload, subject: str, seconds: float) -> dict[str, float]:
    for _ in range(_RETRIES):
        try:
            return measure(workload, SUBJECTS[subject], seconds)
        except MeasurementError as error:
            print(f"\n{workload.name}, {subject}: {error}; once more", file=sys.stderr)
    return measure(workload, SUBJECTS[subject], seconds)


def _show(workload: str, subjects: list[str], results: Results) -> None:
    """
    Print the medians of a workload and, in brackets, how many times better we
    are.
    """
    print(f"  {workload}")
    for subject in subjects:
        line = f"    {SUBJECTS[subject].title:21}"
        for name in results.metrics(workload, subject):
            metric = METRICS[name]
            value = metric.format.format(results.median(workload, subject, name))
            line += f"  {metric.title} {value:>{9 if name == 'rate' else 6}}"
            if subjects[0] == "txzmq" != subject and name in ("rate", "cpu", "p50", "p99"):
                line += f" ({results.advantage(workload, 'txzmq', subject, name):.2f})"
        print(line)
    sys.stdout.flush()


def _showVerdicts(results: Results) -> None:
    verdicts = judge(results)
    if not verdicts:
        return
    print("\nTargets (rate or CPU per message; medians of the ratios round by round)")
    for verdict in verdicts:
        workload, wanted, found, word = describe(verdict)
        print(f"  {workload:26} {wanted:31} {found:24} {word}")
    print(f"{sum(v.reached for v in verdicts)} of {len(verdicts)} reached")


main()
