"""
Whether what was measured has stayed the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

#: Of counts: promises that were broken.
BROKEN = ("lost", "repeated", "mixed", "errors")


class Tolerance(NamedTuple):
    """
    How much more something may be at the end than at the beginning; whichever
    of the two is more.

    :ivar share: of what it was.
    :ivar amount: in its unit.
    """

    share: float
    amount: float
    unit: str
    scale: float = 1.0


#: By what is sampled.  Connections come and go and peers stall, all the time, so
#: even numbers of things go up and down.  What finds a leak is what has been
#: allocated: "heap" by C, "blocks" by Python; of that, resident memory also has
#: whole pages only.  Latency has room: the machine may have other things to do.
TOLERANCES = {
    "memory": Tolerance(0.25, 16 << 20, "MiB", 1 / (1 << 20)),
    "heap": Tolerance(0.25, 16 << 20, "MiB", 1 / (1 << 20)),
    "blocks": Tolerance(0.05, 5_000, "blocks"),
    "objects": Tolerance(0.05, 5_000, "objects"),
    "descriptors": Tolerance(0.05, 25, "descriptors"),
    "threads": Tolerance(0.0, 6, "threads"),
    "calls": Tolerance(0.10, 100, "delayed calls"),
    "connections": Tolerance(0.0, 8, "connections"),
    "p50": Tolerance(2.0, 20, "ms"),
    "p99": Tolerance(2.0, 100, "ms"),
}


#: What not every system tells.
MAY_BE_MISSING = ("heap",)


class Finding(NamedTuple):
    """
    One line of the verdict.

    :ivar isGood: whether it is within what is tolerated.
    """

    name: str
    text: str
    isGood: bool


def slope(values: Sequence[float]) -> float:
    """
    :return: how much the values grow from the first to the last, by the median
        of the slopes of pairs (Theil and Sen): one outlier does not count.
    """
    half = len(values) // 2
    pairs = [(values[i + half] - values[i]) / half for i in range(len(values) - half)]
    return median(pairs) * (len(values) - 1)


def level(values: Sequence[float]) -> float:
    """
    :return: the lower quartile: what is there when no peer stalls.
    """
    return sorted(values)[len(values) // 4]


def judge(samples: Sequence[Mapping[str, Any]], counts: Mapping[str, int]) -> list[Finding]:
    """
    :param samples: in the order of time.
    :param counts: of all processes together.
    :return: what was found.  The first tenth of the samples is left out; then
        the level of the second tenth is compared with that of the last, and the slope
        of all of them is looked at.
    """
    findings = [Finding(name, f"{counts.get(name, 0)}", not counts.get(name, 0)) for name in BROKEN]
    tenth = len(samples) // 10
    if not tenth:
        return [*findings, Finding("samples", f"{len(samples)} are too few", False)]
    for name, tolerance in TOLERANCES.items():
        values = [sample[name] for sample in samples[tenth:] if sample[name] is not None]
        if not values and name in MAY_BE_MISSING:
            continue
        if len(values) < 2 * tenth:
            findings.append(Finding(name, "not measured", False))
            continue
        first, last, growth = level(values[:tenth]), level(values[-tenth:]), slope(values)
        allowed = max(tolerance.share * first, tolerance.amount)
        scale = tolerance.scale
        text = (
            f"{first * scale:.4g} in the second tenth, {last * scale:.4g} in the last,"
            f" slope {growth * scale:+.3g}, allowed +{allowed * scale:.3g} {tolerance.unit}"
        )
        findings.append(Finding(name, text, max(last - first, growth) <= allowed))
    return findings
