"""
The benchmarks: what they promise, and that they still run.
"""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import txzmq
from benchmarks import run
from benchmarks.plan import FULL, QUICK, Plan, chosen, duration, steps
from benchmarks.report import DOCS, PLOTS, Report
from benchmarks.results import Results, differences
from benchmarks.targets import TARGETS, Target, Verdict, describe
from benchmarks.workloads import SUBJECTS, WORKLOADS

from .support import PATIENCE

NAME = "PULL 10 B tcp"


def minutes(plan: Plan) -> float:
    """
    :return: how long it takes, as it says itself.
    """
    return sum(duration(steps(plan, *each)) for each in chosen(plan)) / 60


def results(**subjects: tuple[float, float]) -> Results:
    """
    :param subjects: the rate, and the CPU time per message in microseconds.
    :return: those of one round.
    """
    found = Results({}, {})
    for subject, (rate, cpu) in subjects.items():
        found.add(NAME, subject, {"rate": rate, "cpu": cpu})
    return found


class PlanTests(SynchronousTestCase):
    """
    What is measured.
    """

    def test_targets(self) -> None:
        """
        Each target is about a workload, and who is measured in it.
        """
        wanted = {
            (name, subject)
            for target in TARGETS
            for name, subject in (
                (target.workload, target.subject),
                (target.workload, target.against),
                (target.baseline, target.subject),
            )
            if name and subject
        }
        known = {(name, s) for name, workload in WORKLOADS.items() for s in workload.subjects}
        self.assertEqual(wanted - known, set())

    def test_minutes(self) -> None:
        """
        A run takes half an hour, a quick one three minutes, by what it says
        before.
        """
        self.assertLessEqual(minutes(FULL), 30)
        self.assertLessEqual(minutes(QUICK), 3)

    def test_everybody(self) -> None:
        """
        A quick run, too, has every library.
        """
        found = {subject for _, subjects in chosen(QUICK) for subject in subjects}
        self.assertEqual({s for s in SUBJECTS if not s.endswith("-idle")} - found, set())

    def test_turns(self) -> None:
        """
        Every other round goes the other way; those that are slow have rounds of
        their own.
        """
        found = steps(Plan(3, 2, 1, 1), WORKLOADS[NAME], ["txzmq", "bare", "aiozmq"])
        self.assertEqual(
            [(step.number, step.subject, step.seconds) for step in found],
            [
                (0, "txzmq", 2),
                (0, "bare", 2),
                (0, "aiozmq", 1),
                (1, "bare", 2),
                (1, "txzmq", 2),
                (2, "txzmq", 2),
                (2, "bare", 2),
            ],
        )


class VerdictTests(SynchronousTestCase):
    """
    What is said of a target.
    """

    def test_limited(self) -> None:
        """
        If the rate alone has reached it, it is said whose was limited by
        something else.
        """
        found = results(txzmq=(2e6, 0.5), bare=(4e6, 0.1))
        target = Target(NAME, "bare", 0.4)
        word = describe(Verdict(target, {"rate": 0.5, "cpu": 0.2}, ("rate",)), found)[-1]
        self.assertEqual(word, "reached (rate); limited elsewhere: pyzmq bare")

    def test_why(self) -> None:
        """
        A target that is missed says why, in figures of the run.
        """
        target = Target(NAME, "bare", 0.4, why="bare takes {bare[cpu]} us")
        word = describe(Verdict(target, {}, ()), results(txzmq=(1, 1), bare=(1, 0.1)))[-1]
        self.assertEqual(word, "missed: bare takes 0.10 us")

    def test_whyUnknown(self) -> None:
        """
        If who is named in the reason was not measured, there is none.
        """
        target = Target(NAME, "bare", 0.4, why="aiozmq takes {aiozmq[cpu]} us")
        word = describe(Verdict(target, {}, ()), results(txzmq=(1, 1), bare=(1, 0.1)))[-1]
        self.assertEqual(word, "missed")

    def test_chance(self) -> None:
        """
        A run says how much its rounds differ, and if that is too much to compare
        anything.
        """
        for cpu, differs, isQuiet in ((8.8, "by 10%", True), (16, "by 100%", False)):
            found = results(txzmq=(1, 1), txzmq1=(1, 8))
            found.add(NAME, "txzmq", {"rate": 1, "cpu": 1})
            found.add(NAME, "txzmq1", {"rate": 1, "cpu": cpu})
            said = " ".join(found.chance())
            self.assertIn(differs, said)
            self.assertEqual("not quiet" not in said, isQuiet)
        self.assertEqual(results(txzmq=(1, 1)).chance(), [])

    def test_versions(self) -> None:
        """
        Environments with different versions of what should be the same are
        named.
        """
        versions = {
            "a": {"pyzmq": "27.3.0", "libzmq": "4.3.5"},
            "b": {"pyzmq": "27.2.0", "libzmq": "4.3.5"},
        }
        self.assertEqual(
            differences({"versions": versions}),
            ["Not all have the same pyzmq: 27.2.0 (b), 27.3.0 (a)."],
        )


class PageTests(SynchronousTestCase):
    """
    The page of the documentation.
    """

    def test_page(self) -> None:
        """
        It and its plots are what ``make bench-page`` makes of the results that
        are stored beside them.
        """
        stored = DOCS / PLOTS
        names = [Path("performance.rst"), *(PLOTS / path.name for path in stored.glob("*.svg"))]
        self.assertEqual(
            Report(Results.load(stored / "results.json")).files(),
            {str(name): (DOCS / name).read_text(encoding="utf-8") for name in names},
        )

    def test_partial(self) -> None:
        """
        It can also be made of a run of one library and one workload.
        """
        about = Results.load(DOCS / PLOTS / "results.json").about
        page = Report(Results(about, results(txzmq=(1e6, 1)).rounds)).files()["performance.rst"]
        self.assertIn("PULL, tcp\n---------\n", page)


class MeasureTests(SynchronousTestCase):
    """
    Measurements that are too short to say anything.
    """

    if sys.implementation.name == "pypy":
        skip = "what is measured are programs for CPython"

    def measured(self, workload: str, subject: str) -> set[str]:
        """
        :return: the names of what was found, with the libraries of the tests.
        """
        self.patch(run, "python", lambda environment: sys.executable)
        self.patch(run, "PATIENCE", PATIENCE)
        ours = str(Path(txzmq.__file__).parent.parent)
        self.patch(run, "VARIABLES", {**run.VARIABLES, "PYTHONPATH": ours})
        found = run.measure(WORKLOADS[workload], SUBJECTS[subject], 0.05)
        self.assertTrue(all(value > 0 for value in found.values()), found)
        return set(found)

    def test_receive(self) -> None:
        """
        A receiver has a rate, and takes time for each message.
        """
        found = self.measured("PULL 10 B tcp", "txzmq")
        self.assertEqual(found, {"rate", "cpu", "messages"})

    def test_send(self) -> None:
        """
        A sender has two rates: at which it sends, and at which messages arrive.
        """
        found = self.measured("PUSH 10 B tcp", "transport")
        self.assertEqual(found, {"rate", "sent", "cpu", "messages"})

    def test_request(self) -> None:
        """
        Requests one at a time also have times of their own.
        """
        found = self.measured("REQ one at a time", "multipart")
        self.assertEqual(found, {"rate", "cpu", "messages", "p50", "p99"})
