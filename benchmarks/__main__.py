"""
The command line.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median

from .environments import prepare
from .run import inTurn
from .workloads import SUBJECTS, WORKLOADS


def main() -> None:
    """
    Measure, and say what came out.
    """
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--subjects", nargs="+", default=list(SUBJECTS))
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    seconds = 0.3 if arguments.quick else 1.0
    chosen = [
        w
        for w in WORKLOADS.values()
        if any(text.lower() in w.name.lower() for text in arguments.only)
    ]
    prepare({"pyzmq", *(SUBJECTS[s].environment for w in chosen for s in w.subjects)})
    for workload in chosen:
        names = tuple(n for n in workload.subjects if n in arguments.subjects)
        results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for name, result in inTurn(workload, names, rounds, seconds):
            results[name].append(result)
        print(workload.name)
        for name in names:
            of = results[name]
            line = f"  {SUBJECTS[name].title:34}"
            for key in ("rate", "cpu", "p50", "p99"):
                if key not in of[0]:
                    continue
                value = median(r[key] for r in of)
                # How many times better we are, round by round.
                ratios = [o[key] / t[key] for o, t in zip(results["txzmq"], of)]
                ratio = median(ratios if key == "rate" else [1 / x for x in ratios])
                line += f" {key} {value:12,.2f} ({ratio:5.2f}x)"
            print(line)
        sys.stdout.flush()


main()
