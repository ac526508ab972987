"""
What is to be reached: a table, and the judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .results import METRICS, Results
from .workloads import FACES, SUBJECTS


class Target(NamedTuple):
    """
    One thing to reach.

    :ivar against: what to compare with; empty for none.
    :ivar baseline: a smaller workload, to compare with instead.
    :ivar bound: of the ratio to it, or of the value itself.
    :ivar metrics: what is to be within the bound; one of them is enough.
    :ivar atLeast: whether the bound is the lowest or the highest.
    :ivar why: what to tell if it is missed.  ``{bare[cpu]}`` is a median of that
        workload: by subject, and metric.
    """

    workload: str
    against: str
    bound: float
    metrics: tuple[str, ...] = ("rate", "cpu")
    atLeast: bool = True
    subject: str = "txzmq"
    baseline: str = ""
    why: str = ""


class Verdict(NamedTuple):
    """
    How a target fared.

    :ivar values: by metric.
    :ivar by: the metrics within the bound; one is enough.
    """

    target: Target
    values: dict[str, float]
    by: tuple[str, ...]

    @property
    def reached(self) -> bool:
        return bool(self.by)


def _faster(
    workloads: tuple[str, ...], subject: str = "txzmq", why: str = "", **bounds: float
) -> Iterator[Target]:
    """
    So many times as fast, or with so many times less of the processor.
    """
    for workload in workloads:
        for against, bound in bounds.items():
            yield Target(workload, against, bound, subject=subject, why=why)


def _limits(workload: str, against: str = "", why: str = "", **bounds: float) -> Iterator[Target]:
    """
    No more than this.
    """
    for metric, bound in bounds.items():
        yield Target(workload, against, bound, (metric,), atLeast=False, why=why)


def _growth(workload: str, baseline: str, *metrics: str) -> Iterator[Target]:
    """
    Does not cost more each where there are more.  Half as much again is for
    the processor's caches.
    """
    for metric in metrics:
        yield Target(workload, "", 1.5, (metric,), atLeast=False, baseline=baseline)


_LARGE = tuple(
    f"{what.format(size)}"
    for what in ("PULL {} tcp", "PUSH {} tcp", "PUSH to PULL {} inproc")
    for size in ("64 KiB", "1 MiB")
)

_SENDING_FACES = tuple(name for name in FACES if name.startswith("PU") or "sends" in name)
_RECEIVING_FACES = tuple(name for name in FACES if name not in _SENDING_FACES)

#: What stands in the way, where something does.
_SENDING = "libzmq's own sending is most of it: {bare[cpu]} us in a bare loop, {txzmq[cpu]} us here"
_BARE = "a bare loop has no reactor, and does not look for further frames: {bare[cpu]} us"
_ALONE = (
    "of p50, {txzmq[cpu]} us are spent in the measured thread ({txzmq1[cpu]} us in that of"
    " txZMQ 1.0); the rest is the peer, libzmq's threads and the kernel, for both alike"
)
_ASKED = (
    "a blocking loop that sends and receives the same frames, and matches nothing,"
    " takes {multipart[cpu]} us; txZMQ {txzmq[cpu]} us, txZMQ 1.0 {txzmq1[cpu]} us"
)
_BURST = (
    "a bare loop calls pyzmq and nothing else, {bare[cpu]} us; with a method that checks, and"
    " a turn of the reactor after each burst, {txzmq[cpu]} us"
)
_WOKEN = (
    "a loop that blocks is woken within libzmq, {multipart[cpu]} us of CPU; a reactor is woken"
    " by the kernel, and asks libzmq, {txzmq[cpu]} us"
)
_QUEUED = "what may have to wait is counted: {transport[cpu]} us, {txzmq[cpu]} us with connections"
_COPIES = (
    "copying is most of it: {multipart[rate]} messages/s in a blocking loop,"
    " {txzmq1[rate]} with txZMQ 1.0, {txzmq[rate]} here"
)

TARGETS: tuple[Target, ...] = (
    *_faster(
        ("PULL 10 B tcp", "PULL 100 B tcp", "PULL 10 B ipc", "PULL 100 B ipc"),
        txzmq1=6.5,
        multipart=1.45,
    ),
    *_faster(
        ("PULL 10 B tcp", "PULL 100 B tcp", "PULL 10 B ipc", "PULL 100 B ipc"),
        bare=0.40,
        why=_BARE,
    ),
    *_faster(("PULL 1 KiB tcp",), txzmq1=4.5),
    *_faster(("PULL 1 KiB tcp",), bare=0.9, why=_BARE),
    *_faster(("PULL 4 x 16 B tcp",), txzmq1=3.2, multipart=1.6),
    *_faster(("SUB 100 B",), txzmq1=6),
    *_faster(("PUSH 10 B tcp",), txzmq1=2.2, why=_SENDING),
    *_faster(("PUSH 10 B tcp",), bare=1.1, why=_BURST),
    *_faster(("PUSH 4 x 16 B tcp",), txzmq1=3, multipart=3),
    *_faster(("PUB 100 B",), txzmq1=1.7, why=_SENDING),
    *_faster(("PUB 100 B",), bare=1.0, why=_BURST),
    *_limits("REQ one at a time", "txzmq1", p50=0.75, p99=1.0, why=_ALONE),
    *_limits("REQ one at a time", "multipart", p50=1.08, why=_WOKEN),
    *_limits("REP one at a time", "txzmq1", p50=0.75, p99=1.0, why=_ALONE),
    *_limits("REP one at a time", "multipart", p50=1.08, why=_WOKEN),
    *_faster(("REQ 64 in flight", "REQ 1024 in flight"), txzmq1=2.7, why=_ASKED),
    *_faster(("REQ 64 in flight", "REQ 1024 in flight"), multipart=1.0, why=_ASKED),
    *_faster(("REP 64 in flight", "REP 1024 in flight"), txzmq1=3, why=_ASKED),
    *_faster(("REP 64 in flight", "REP 1024 in flight"), multipart=2, why=_ASKED),
    *_faster(("PUSH to PULL 10 B inproc",), txzmq1=5),
    *_faster(_LARGE, txzmq1=1.0, multipart=0.95, why=_COPIES),
    *_faster(_RECEIVING_FACES, "transport", txzmq=0.9, aiozmq=1.0),
    *_faster(_SENDING_FACES, "transport", txzmq=0.9, aiozmq=1.0, why=_QUEUED),
    Target("10 ms ticker", "", 98, ("ticks",)),
    *_limits("10 ms ticker", late99=1.5, lateMax=3),
    Target("10 ms ticker", "", 0.95, ("rateKept", "cpuKept")),
    Target("1000 connections", "", 60, ("open", "openCpu"), atLeast=False),
    *_limits(
        "1000 connections",
        memory=22,
        why="pyzmq itself takes {multipart[memory]} KiB for each in this run",
    ),
    Target("PULL beside 1000 idle", "txzmq", 0.97, subject="txzmq-idle"),
    *_growth("x 4 messages", "x 0.25 messages", "cpu"),
    *_growth("1000 connections, all busy", "1 connections, all busy", "cpu"),
    *_growth("10000 subscriptions", "1 subscriptions", "cpu"),
    *_growth("10000 subscriptions", "100 subscriptions", "subscribe"),
    *_growth("16384 pending requests", "256 pending requests", "cpu"),
)


def judge(results: Results) -> list[Verdict]:
    """
    :return: a verdict for each target that was measured.
    """
    return [
        _verdict(target, results)
        for target in TARGETS
        if results.has(target.workload, target.subject)
        and (not target.against or results.has(target.workload, target.against))
        and (not target.baseline or results.has(target.baseline, target.subject))
    ]


def _verdict(target: Target, results: Results) -> Verdict:
    workload, against, bound, metrics, atLeast, subject, baseline, _ = target
    values = {}
    for metric in metrics:
        if baseline:
            value = results.median(workload, subject, metric)
            values[metric] = value / results.median(baseline, subject, metric)
        elif not against:
            values[metric] = results.median(workload, subject, metric)
        elif atLeast:
            values[metric] = results.advantage(workload, subject, against, metric)
        else:
            values[metric] = results.ratio(workload, subject, against, metric)
    by = (m for m, v in values.items() if (v >= bound if atLeast else v <= bound))
    return Verdict(target, values, tuple(by))


def describe(verdict: Verdict, results: Results) -> tuple[str, str, str, str]:
    """
    :return: workload, what is to be reached, what was, and whether that will do.
    """
    target = verdict.target
    sign = "≥" if target.atLeast else "≤"
    if target.subject != "txzmq":
        sign = f"{SUBJECTS[target.subject].title} {sign}"
    if target.against or target.baseline:
        other = target.baseline or SUBJECTS[target.against].title
        wanted = f"{sign} {target.bound:g} x {other}"
        found = [f"{METRICS[m].title} {value:.2f}" for m, value in verdict.values.items()]
    else:
        metric = METRICS[target.metrics[0]]
        wanted = f"{sign} {target.bound:g} {metric.unit}"
        found = [
            f"{METRICS[m].title} {METRICS[m].format.format(value)}"
            for m, value in verdict.values.items()
        ]
    return target.workload, wanted, ", ".join(found), _word(verdict, results)


def _word(verdict: Verdict, results: Results) -> str:
    """
    :return: by which metric it was reached, or why not.
    """
    target = verdict.target
    if not verdict.reached:
        why = _why(target, results)
        return f"missed: {why}" if why else "missed"
    if len(target.metrics) == 1:
        return "reached"
    word = f"reached ({', '.join(METRICS[metric].title for metric in verdict.by)})"
    if verdict.by == ("rate",):
        compared = filter(None, (target.subject, target.against))
        idle = [s for s in compared if results.isLimited(target.workload, s)]
        if idle:
            word += f"; limited elsewhere: {', '.join(SUBJECTS[subject].title for subject in idle)}"
    return word


def _why(target: Target, results: Results) -> str:
    workload = target.workload
    figures = {
        subject: {
            metric: METRICS[metric].format.format(results.median(workload, subject, metric))
            for metric in results.metrics(workload, subject)
        }
        for subject in results.rounds[workload]
    }
    try:
        return target.why.format(**figures)
    except KeyError:
        # Somebody who is named there was not measured.
        return ""
