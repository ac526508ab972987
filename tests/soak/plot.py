"""
The plot of a run.

``python -m tests.soak.plot soak.jsonl soak.svg``
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.charts import Line, Panel, panels

_MIB = 1 << 20


def plot(samples: Sequence[Mapping[str, Any]]) -> str:
    """
    :param samples: as they were taken.
    :return: an SVG document.
    """
    minutes = [sample["seconds"] / 60 for sample in samples]

    def line(label: str, name: str, scale: float = 1.0) -> Line:
        values = [None if s[name] is None else s[name] * scale for s in samples]
        return Line(label, minutes, values)

    return panels(
        "Mixed traffic at half load: the measured process, by minutes",
        [
            Panel(
                "Memory, MiB",
                [line("resident", "memory", 1 / _MIB), line("allocated by C", "heap", 1 / _MIB)],
            ),
            Panel(
                "Descriptors, connections, threads",
                [
                    line("descriptors", "descriptors"),
                    line("connections", "connections"),
                    line("threads", "threads"),
                ],
            ),
            Panel(
                "Delayed calls; each request that waits has one", [line("delayed calls", "calls")]
            ),
            Panel(
                "Python, thousands",
                [line("blocks of memory", "blocks", 1e-3), line("objects", "objects", 1e-3)],
            ),
            Panel("A request, ms", [line("99 of 100 below", "p99"), line("median", "p50")]),
            Panel("Reactor busy, %", [line("processor time", "busy", 100)]),
        ],
    )


def main() -> None:
    """
    Plot what was kept of a run.
    """
    source, target = map(Path, sys.argv[1:])
    lines = map(json.loads, source.read_text().splitlines())
    target.write_text(plot([line["sample"] for line in lines if "sample" in line]))


if __name__ == "__main__":
    main()
