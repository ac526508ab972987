"""
Measure txZMQ beside other ways to use ZeroMQ from Python.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import environments
from .plan import FULL, QUICK, Step, chosen, duration, steps
from .results import METRICS, Results, about, differences
from .run import MeasurementError, measure
from .targets import describe, judge
from .workloads import BURST, SUBJECTS, WORKLOADS

#: Of what is printed of some metrics; a rate may have a share behind it.
_WIDTHS = {"rate": 16, "sent": 9}

#: How often a measurement that failed is tried again, before giving up.
_RETRIES = 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="three rounds, shorter, of the main workloads and subjects; others once",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="workloads whose names have a text in them"
    )
    parser.add_argument(
        "--subjects", nargs="+", choices=SUBJECTS, metavar="NAME", help=f"of {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--rounds", type=int, help="instead of those planned")
    parser.add_argument("--json", type=Path, help="the file to write the results to")
    parser.add_argument("--list", action="store_true", help="name the workloads, and stop")
    return parser.parse_args()


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
    plan = QUICK if arguments.quick else FULL
    if arguments.rounds:
        plan = plan._replace(rounds=arguments.rounds, otherRounds=arguments.rounds)
    workloads = chosen(plan, arguments.only or (), arguments.subjects or ())
    if arguments.list:
        print(*(workload.name for workload, _ in workloads), sep="\n")
        return
    environments.prepare(names := _environments(s for _, found in workloads for s in found))
    results = Results(
        about({name: environments.versions(name) for name in names}, burst=BURST, **plan._asdict()),
        {},
    )
    for sentence in differences(results.about):
        print(sentence, file=sys.stderr)
    every = [list(steps(plan, workload, subjects)) for workload, subjects in workloads]
    count, seconds = sum(map(len, every)), sum(map(duration, every))
    print(f"{count} measurements, about {seconds / 60:.1f} min")
    start = time.monotonic()
    progress = Progress(count)
    for measurements in every:
        _measureAll(measurements, results, progress)
    if arguments.json:
        results.save(arguments.json)
    _showVerdicts(results)
    for sentence in results.chance():
        print(sentence)
    print(f"{(time.monotonic() - start) / 60:.1f} min")


def _measureAll(measurements: Sequence[Step], results: Results, progress: Progress) -> None:
    """
    Measure one workload, and print what was found.
    """
    workload = measurements[0].workload
    isFirst = all(WORKLOADS[name].group != workload.group for name in results.rounds)
    for step in measurements:
        title = SUBJECTS[step.subject].title
        progress.step(f"{workload.name}, round {step.number + 1}: {title}")
        results.add(workload.name, step.subject, _measure(step))
    progress.clear()
    if isFirst:
        print(f"\n{workload.group}")
    _show(workload.name, results)


def _environments(subjects: Iterable[str]) -> list[str]:
    """
    :return: those that are needed; the other side is always pyzmq.
    """
    return sorted({"pyzmq", *(SUBJECTS[subject].environment for subject in subjects)})


def _measure(step: Step) -> dict[str, float]:
    for _ in range(_RETRIES):
        try:
            return measure(step.workload, SUBJECTS[step.subject], step.seconds)
        except MeasurementError as error:
            print(f"\n{step.workload.name}, {step.subject}: {error}; once more", file=sys.stderr)
    return measure(step.workload, SUBJECTS[step.subject], step.seconds)


def _show(workload: str, results: Results) -> None:
    """
    Print the medians of a workload and, in brackets, how many times better we
    are.
    """
    print(f"  {workload}")
    subjects = list(results.rounds[workload])
    for subject in subjects:
        line = f"    {SUBJECTS[subject].title:30}"
        for name in results.metrics(workload, subject):
            metric = METRICS[name]
            value = results.text(workload, subject, name)
            line += f"  {metric.title} {value:>{_WIDTHS.get(name, 6)}}"
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
        workload, wanted, found, word = describe(verdict, results)
        print(f"  {workload:26} {wanted:31} {found:24} {word}")
    print(f"{sum(v.reached for v in verdicts)} of {len(verdicts)} reached")


main()
