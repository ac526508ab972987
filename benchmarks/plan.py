"""
How often everything is measured, for how long, and in which order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from .workloads import SUBJECTS, WORKLOADS, Workload, isOther


class Plan(NamedTuple):
    """
    What a run takes.

    :ivar rounds: how often each is measured.
    :ivar seconds: per measurement, without what it takes to start two programs.
    :ivar otherRounds: the same for those that are far from everybody else.
    :ivar quick: whether it has the main workloads only.
    """

    rounds: int
    seconds: float
    otherRounds: int
    otherSeconds: float
    quick: bool = False


FULL = Plan(5, 0.6, 5, 0.3)
QUICK = Plan(3, 0.2, 1, 0.2, quick=True)

#: What a measurement takes besides, in seconds: until two programs run and are
#: connected, and per connection.
_START = 0.45
_CONNECTION = 0.0005

#: The share of a measurement that warms up before it, and the most, in seconds.
WARMUP = 0.25
LONGEST_WARMUP = 0.2


class Step(NamedTuple):
    """
    One measurement.

    :ivar number: of the round, from 0.
    """

    workload: Workload
    subject: str
    number: int
    seconds: float


def chosen(
    plan: Plan, only: Sequence[str] = (), subjects: Collection[str] = ()
) -> list[tuple[Workload, tuple[str, ...]]]:
    """
    :param only: parts of the names of workloads, instead of those of the plan.
    :param subjects: instead of those of the plan.
    :return: workloads, and the subjects of each.
    """
    texts = [text.lower() for text in only]
    found = []
    for workload in WORKLOADS.values():
        if texts and not any(text in workload.name.lower() for text in texts):
            continue
        names = workload.quick if plan.quick else workload.subjects
        if not names and texts:
            # Who names it wants it.
            names = workload.subjects
        if names and subjects:
            names = tuple(s for s in workload.subjects if s in subjects)
        if names:
            found.append((workload, names))
    return found


def steps(plan: Plan, workload: Workload, subjects: Sequence[str]) -> Iterator[Step]:
    """
    :return: all rounds, every other one in reverse: who comes after whom makes
        no difference then.
    """
    for number in range(max(plan.rounds, plan.otherRounds)):
        for subject in subjects[:: -1 if number % 2 else 1]:
            rounds, seconds = (
                (plan.otherRounds, plan.otherSeconds)
                if isOther(subject)
                else (plan.rounds, plan.seconds)
            )
            if number < rounds:
                yield Step(workload, subject, number, seconds)


def duration(measurements: Iterable[Step]) -> float:
    """
    :return: how many seconds these will take, about, on a machine that has
        nothing else to do.
    """
    return sum(map(_duration, measurements))


def _duration(step: Step) -> float:
    p = {**step.workload.parameters, **SUBJECTS[step.subject].parameters}
    opened = p["connections"] + p["idle"]
    seconds: float = step.seconds * p["duration"]
    warmup = min(seconds * WARMUP, LONGEST_WARMUP)
    return _START + opened * _CONNECTION + seconds + warmup
