"""
Makes the page of the documentation, and its plots, of the results of a run.

``python -m benchmarks.report results.json``
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from .charts import Bar, chart
from .environments import HERE
from .results import METRICS, Results
from .targets import describe, judge
from .workloads import SUBJECTS, WORKLOADS

DOCS = HERE.parent / "docs"

#: Where the plots are, in the documentation.
PLOTS = Path("_static/performance")

#: Differences below this are noise.
_NOISE = 0.05

_HEAD = """\
.. Made by "python -m benchmarks.report"; edit benchmarks/report.py instead.

Performance
===========

What a message costs with txZMQ, beside other ways to use ZeroMQ from Python.
Measured on {date} by ``make bench``, which you can run yourself.

{machine}

How it was measured
-------------------

* Two processes, one on each side of a connection over loopback: the library
  that is measured, and a plain pyzmq program that is faster than any of them.
  They share {cores} cores with the threads in which libzmq does its input and
  output.  Rates depend on how the four get along; the CPU time per message is
  the steadier figure.
* All libraries take their turns within one run, {rounds} rounds of {seconds} s
  each after a warm-up.  Figures are medians; ratios are taken round by round.
* *CPU* is what the main thread of the measured process uses: the library, the
  event loop and a callback that counts.  The work of libzmq's own thread, the
  same for all, is not part of it.
* *txZMQ* is used through its connections: subclass, override, ``push``.  The very
  same program runs with txZMQ 1.0.
* *txZMQ transport* is its other face: protocols with ``messageReceived``, and
  ``write``, which queues what libzmq does not take.
* *pyzmq multipart* and *pyzmq bare* are loops that block in ``recv_multipart``
  and ``send_multipart``, or in ``recv`` and ``send``, and can do nothing else:
  no timers, no second socket.  *bare* does not even look whether a message has
  more frames.  They are the ceiling, not a competitor.
* *zmq.asyncio* awaits ``recv_multipart`` and ``send``; *aiozmq* uses its
  transports and protocols, which are faster than its streams.  Both run on
  current releases of Python and pyzmq, as txZMQ 1.0 does.
* The rate of a sender is that at which its messages *arrive*.  It sends in
  bursts of 200 (large messages: of 4 MiB), and has room for millions of small
  messages, so that it is hardly ever refused.  Then it waits: for a millisecond,
  or where there is flow control (*txZMQ transport*, *aiozmq*), until it is told
  to resume.  A receiver has at most 10,000 messages or 16 MiB waiting.
* Round trips one at a time are pinned to one core: with two, the scheduler's
  choices make a difference of four between runs, with every library.
* glibc's ``malloc`` was told to keep the memory that it has.  Otherwise messages
  of a mebibyte are up to ten times slower, by luck, with every library.

"""

_TARGETS = """\
What we hold ourselves to
-------------------------

Either the rate or the CPU time per message has to show it, unless another
figure is named.

"""

_LOSSES = """\
Where others are ahead
----------------------

All workloads above in which another way was more than 5 % better than txZMQ, in
rate or in CPU time per message.  Loops that block win where there is one socket
and nothing else to do: a reactor costs what it costs.

"""


#: What a reader of a group must know, by the beginning of its name.
_NOTES = {
    "PUSH to PULL": """\
Both ends are in one process: a burst is sent, received, and the next is sent.

""",
    "A 10 ms ticker": """\
A timer that goes off every 10 ms, while messages of 100 B come as fast as they
can.  It is switched on and off in turn, six times.  Where not one tick comes, it
is late by all the time that it was on.

""",
    "1000 connections": """\
TCP connections, each with a socket of its own.  The memory is that of the
process once all are connected; what pyzmq takes is libzmq's own need.

""",
    "Growth": """\
What one message costs as there are more of them; it should stay the same.

""",
}


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """
    :param header: of the columns; may be empty.
    :return: a table in reStructuredText.
    """
    lines = [".. list-table::", *(["   :header-rows: 1"] if header else []), ""]
    for row in (*([header] if header else []), *rows):
        for index, cell in enumerate(row):
            lines.append(f"   {'* -' if index == 0 else '  -'} {cell}".rstrip())
    return "\n".join([*lines, "", ""])


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


class Report:
    """
    A page.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._plots: dict[str, str] = {}

    def write(self, docs: Path) -> None:
        """
        Write the page and its plots.
        """
        text = "".join(
            [self._head(), *map(self._group, self._groups()), self._targets(), self._losses()]
        )
        (docs / "performance.rst").write_text(text.rstrip() + "\n")
        directory = docs / PLOTS
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob("*.svg"):
            old.unlink()
        for name, plot in self._plots.items():
            (directory / name).write_text(plot)
        self._results.save(directory / "results.json")

    def _head(self) -> str:
        about = self._results.about
        machine = about["machine"]
        rows = [
            ("Processor", f"{machine['processor']}, {machine['cores']} cores"),
            ("System", machine["system"]),
            ("Python", machine["python"]),
        ]
        for name, versions in about["versions"].items():
            users = {s.title for s in SUBJECTS.values() if s.environment == name}
            rows.append(
                (
                    ", ".join(sorted(u for u in users if "idle" not in u)),
                    ", ".join(f"{package} {version}" for package, version in versions.items()),
                )
            )
        return _HEAD.format(
            date=about["date"],
            machine=_rows((), rows).rstrip(),
            cores=machine["cores"],
            **about["settings"],
        )

    def _groups(self) -> list[str]:
        names = (WORKLOADS[name].group for name in self._results.rounds)
        return list(dict.fromkeys(names))

    def _group(self, group: str) -> str:
        results = self._results
        names = [name for name in results.rounds if WORKLOADS[name].group == group]
        metrics = results.metrics(names[0], next(iter(results.rounds[names[0]])))
        if "subscribe" in results.metrics(names[-1], "txzmq"):
            metrics.append("subscribe")
        text = f"{group}\n{'-' * len(group)}\n\n"
        text += "".join(note for start, note in _NOTES.items() if group.startswith(start))
        for metric in ("p50", "rate"):
            if metric in metrics and "ticks" not in metrics:
                text += self._plot(group, names, metric)
                break
        subjects = [s for s in SUBJECTS if any(results.has(name, s) for name in names)]
        rows = [
            [(f"{name}: " if len(names) > 1 else "") + f"{METRICS[m].title}, {METRICS[m].unit}"]
            + [self._cell(name, subject, m) for subject in subjects]
            for name in names
            for m in metrics
        ]
        return text + _rows(("", *(SUBJECTS[s].title for s in subjects)), rows)

    def _cell(self, name: str, subject: str, metric: str) -> str:
        results = self._results
        if not results.has(name, subject) or metric not in results.metrics(name, subject):
            return ""
        return METRICS[metric].format.format(results.median(name, subject, metric))

    def _plot(self, group: str, names: list[str], metric: str) -> str:
        results = self._results
        known = METRICS[metric]
        groups = []
        for name in names:
            bars = []
            for subject in SUBJECTS:
                if results.has(name, subject):
                    value = results.median(name, subject, metric)
                    text = known.format.format(value)
                    if metric == "rate":
                        cpu = results.median(name, subject, "cpu")
                        text += f"  ({cpu:.2f} us)"
                    # With idle connections it is still the same library.
                    colour = list(SUBJECTS).index(subject.removesuffix("-idle"))
                    bars.append(Bar(SUBJECTS[subject].title, value, text, colour))
            groups.append((name, bars))
        title = f"{group}: {known.title}, {known.unit}"
        if metric == "rate":
            title += "  (CPU per message)"
        fileName = f"{_slug(group)}.svg"
        self._plots[fileName] = chart(title, groups)
        return f".. image:: {PLOTS}/{fileName}\n   :alt: {title}\n\n"

    def _targets(self) -> str:
        verdicts = judge(self._results)
        if not verdicts:
            return ""
        rows = [describe(verdict) for verdict in verdicts]
        return _TARGETS + _rows(("Workload", "To reach", "Found", ""), rows)

    def _losses(self) -> str:
        rows = []
        for name, subjects in self._results.rounds.items():
            for subject in subjects:
                if "txzmq" not in subjects or SUBJECTS[subject].environment == "txzmq":
                    continue
                behind = [
                    f"{METRICS[metric].title} {1 / advantage:.2f} times as good"
                    for metric in self._results.metrics(name, subject)
                    if metric in self._results.metrics(name, "txzmq")
                    and (advantage := self._advantage(name, subject, metric)) < 1 - _NOISE
                ]
                if behind:
                    rows.append((name, SUBJECTS[subject].title, ", ".join(behind)))
        if not rows:
            return ""
        return _LOSSES + _rows(("Workload", "Who", "By how much"), rows)

    def _advantage(self, workload: str, subject: str, metric: str) -> float:
        try:
            return self._results.advantage(workload, "txzmq", subject, metric)
        except ZeroDivisionError:
            # Not one tick came.
            return 1.0


def main() -> None:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("json", type=Path, help="what python -m benchmarks --json has written")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the directory to write to")
    arguments = parser.parse_args()
    Report(Results.load(arguments.json)).write(arguments.docs)


if __name__ == "__main__":
    main()
