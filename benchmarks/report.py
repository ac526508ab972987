"""
Makes the page of the documentation, and its plots, of the results of a run.

``make bench-page``, or ``python -m benchmarks.report results.json``
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple, Optional

from .charts import Bar, chart
from .environments import HERE
from .results import BUSY, METRICS, Results, differences
from .targets import describe, judge
from .workloads import SUBJECTS, WORKLOADS

DOCS = HERE.parent / "docs"

#: Where the plots are, in the documentation.
PLOTS = Path("_static/performance")

#: Differences below this are noise.
_NOISE = 0.05

#: How it is measured, and how it was before the settings said for how long others are.
_NOW = {
    "order": ", every other round in reverse order",
    "asyncio": "``recv`` and ``send``, or ``recv_multipart`` and\n  ``send_multipart`` for messages"
    " of several frames",
    "peer": "\n  Where many requests are in flight it is libzmq itself (``zmq_proxy``), which sends"
    "\n  each message back to where it came from.",
}
_BEFORE = {
    "order": "",
    "asyncio": "``recv_multipart``, and ``send`` or ``send_multipart``",
    "peer": "",
}

#: What runs say that did not say so yet.
_SETTINGS = {"burst": 200}

_HEAD = """\
.. Made by "make bench-page" of the results of "make bench"; what to edit instead
   is benchmarks/report.py.

Performance
===========

What a message costs with txZMQ, beside other ways to use ZeroMQ from Python.
Measured on {date} by ``make bench``, which you can run yourself.

{machine}

"""

_SUMMARY = """\
Summary
-------

{sentences}

How many times as good as others txZMQ is, in CPU time per message / in rate: above
1, it is better, and below 1, worse.  The rate is in brackets where one of the two is
limited by something else than itself; compare the CPU there.

"""

_METHOD = """\
How it was measured
-------------------

* Two processes, one on each side of a connection over loopback: the library
  that is measured, and a plain pyzmq program that blocks in ``recv`` or ``send``.{peer}
  That is faster than all of them but for *pyzmq bare*, which is the same, and may
  have to wait for it.  The two share {cores} cores with the threads in which
  libzmq does its input and output.  Rates depend on how the four get along; the
  CPU time per message is the steadier figure.
* *CPU* is what the main thread of the measured process uses: the library, the
  event loop and a callback that counts.  The work of libzmq's own thread, the
  same for all, is not part of it.
* A share in brackets behind a rate says that it was limited by the other side, or
  by libzmq's threads: the measured thread needs no more than that share of the
  time for it.  Rates are marked where that is less than {busy:.0%}.  They say little
  about the library: compare the CPU.
* All libraries take their turns within one run, {rounds} rounds of {seconds} s
  each after a warm-up{order}.  *aiozmq* and
  *zmq.asyncio* are measured for {otherSeconds} s, and are left out where a workload
  differs little from another: most sizes over ipc and inproc, and growth.
  Figures are medians; ratios are taken round by round.
  {chance}
* *txZMQ* is used through its connections: subclass, override, ``push``.  The very
  same program runs with txZMQ 1.0.
* *txZMQ transport* is its other face: protocols with ``messageReceived``, and
  ``write``, which queues what libzmq does not take.  It has no requests.
* *pyzmq multipart* and *pyzmq bare* are loops that block in ``recv_multipart``
  and ``send_multipart``, or in ``recv`` and ``send``, and can do nothing else:
  no timers, no second socket.  *bare* does not even look whether a message has
  more frames.  They are the ceiling, not a competitor.
* *zmq.asyncio* awaits {asyncio}; *aiozmq* uses its
  transports and protocols, which are faster than its streams.  Both run on
  current releases of Python and pyzmq, as txZMQ 1.0 does.
* Senders send in bursts of {burst} (large messages: of 4 MiB).  After a burst, those
  that have a reactor or a loop give it a turn, as a user's program does.  There is
  room for millions of small messages, so that a sender is hardly ever refused.
  Then it waits: for a millisecond, or where there is flow control (*txZMQ
  transport*, *aiozmq*), until it is told to resume, or in the call itself
  (*zmq.asyncio* and loops that block).  A receiver has at most 10,000 messages or
  16 MiB waiting.
* Round trips one at a time are pinned to one core: with two, the scheduler's
  choices make a difference of four between runs, with every library.
* glibc's ``malloc`` was told to keep the memory that it has.  Otherwise messages
  of a mebibyte are up to ten times slower, by luck, with every library.

"""

_TARGETS = """\
What we hold ourselves to
-------------------------

Either the rate or the CPU time per message has to show it, unless another
figure is named.  What did is in brackets.  If it was the rate alone, those are
named whose rate was limited by something else than themselves.

"""

_LOSSES = """\
Where others are ahead
----------------------

All workloads above in which another way was more than 5 % better than txZMQ, in
rate or in CPU time per message.  Loops that block win where there is one socket
and nothing else to do: a reactor costs what it costs.  And where large messages
fill the sender's queue, such a loop is woken when there is room, while the
program on txZMQ's connections, 1.0 as well, tries again after a millisecond.

"""

_SENDER = """\
The rate is that at which messages *arrive*.  It is capped alike for all senders,
by the receiver on the other side and by libzmq: the CPU time is the figure to
compare.  *Sent* is the rate at which the library takes messages; what has not
arrived yet is in the sender's memory.

"""

#: What a reader of a group must know, by the beginning of its name.
_NOTES = {
    "PUSH, ": _SENDER,
    "PUSH to PULL": """\
Both ends are in one process: a burst is sent, received, and the next is sent.

""",
    "PUB and SUB": _SENDER.replace("The rate", "The rate of PUB", 1),
    "ROUTER and DEALER": _SENDER.replace("The rate", "The rate of those that send", 1),
    "REQ and REP": """\
*pyzmq multipart*, *zmq.asyncio* and *aiozmq* have no requests.  Their programs send
the frames of a request with a constant id, and take any reply for its own: they
match nothing, and so do less work than txZMQ, which gives each request an id and a
Deferred, and returns each reply to who asked.

""",
    "REQ and REP, one": """\
One at a time, p50 has more in it than the library: the peer, the threads for
input and output of both, and the kernel take their turns on the same core.  The
CPU time of the measured thread alone is shown beside it.

""",
    "A 10 ms ticker": """\
A timer that goes off every 10 ms, while messages of 100 B come as fast as they
can.  It is switched on and off in turn, six times.  Where no tick came at all, its
lateness is counted as the whole time it was switched on.

""",
    "1000 connections": """\
TCP connections, each with a socket of its own.  The memory is that of the
process once all are connected; what pyzmq takes is libzmq's own need.

""",
    "1000 idle": """\
PULL, 100 B, over one connection; and the same with 1000 more that are open, and
waited for, but over which nothing comes.

""",
    "Growth": """\
What one message costs as there are more of them; it should stay the same.  Only
txZMQ is measured, beside txZMQ 1.0.

""",
    "Growth: connections": """\
The rate falls because libzmq and the peer have more to do for each of many
sockets; the CPU time is what is judged.

""",
}

#: What nobody is ahead in: what was sent, and has not arrived, is of no use yet.
_ASIDE = ("sent",)

#: The workloads of the summary, and with whom it compares.
_MAIN = (
    "PULL 10 B tcp",
    "PULL 100 B tcp",
    "PULL 1 KiB tcp",
    "PULL 4 x 16 B tcp",
    "PULL 64 KiB tcp",
    "PUSH 10 B tcp",
    "PUSH 4 x 16 B tcp",
    "PUSH 64 KiB tcp",
    "PUSH to PULL 10 B inproc",
    "SUB 100 B",
    "PUB 100 B",
    "ROUTER receives 100 B",
    "DEALER sends 100 B",
    "REQ one at a time",
    "REQ 64 in flight",
    "REP 64 in flight",
)
_COMPARED = ("txzmq1", "multipart", "bare", "aiozmq", "asyncio", "uvloop")

_RECEIVED = ("PULL 10 B tcp", "PULL 100 B tcp", "PULL 4 x 16 B tcp", "SUB 100 B")
_SENT = ("PUSH 10 B tcp", "PUSH 100 B tcp", "PUSH 4 x 16 B tcp", "PUB 100 B")
_LARGE = ("PULL 64 KiB tcp", "PULL 1 MiB tcp", "PUSH 64 KiB tcp", "PUSH 1 MiB tcp")


class _Span(NamedTuple):
    """
    The least and the most of some ratios, all against txZMQ.

    :ivar isCost: whether it is how many times as much we take, not how many
        times better we are.
    """

    workloads: tuple[str, ...]
    against: tuple[str, ...]
    metric: str = "cpu"
    isCost: bool = False


#: What the summary says, with the spans that stand in it.
_SENTENCES = (
    (
        "To receive a small message, txZMQ 1.0 takes {} times as much CPU time as txZMQ does,"
        " and a loop that blocks in pyzmq's ``recv_multipart`` {} times as much.",
        (_Span(_RECEIVED, ("txzmq1",)), _Span(_RECEIVED, ("multipart",))),
    ),
    (
        "To send one, txZMQ 1.0 takes {} times as much, and pyzmq's ``send_multipart`` {}"
        " times as much.",
        (_Span(_SENT, ("txzmq1",)), _Span(_SENT, ("multipart",))),
    ),
    (
        "aiozmq and zmq.asyncio take {} times as much to receive one, and {} times as much"
        " to send it.",
        (
            _Span(_RECEIVED, ("aiozmq", "asyncio", "uvloop")),
            _Span(_SENT, ("aiozmq", "asyncio", "uvloop")),
        ),
    ),
    (
        "From 64 KiB up copying is most of the work, whoever does it: the rate of txZMQ over"
        " tcp is {} times that of txZMQ 1.0 and of loops that block.",
        (_Span(_LARGE, ("txzmq1", "multipart", "bare"), "rate"),),
    ),
    (
        "Loops that block and can do nothing else are ahead where txZMQ loses: it takes {}"
        " times the CPU time of pyzmq's bare ``recv`` to receive a small message, {} times"
        " that of its ``send`` to send one, and a request at a time takes {} times as long"
        " as in a loop with ``send_multipart`` and ``recv_multipart`` (p50).",
        (
            _Span(_RECEIVED, ("bare",), isCost=True),
            _Span(_SENT, ("bare",), isCost=True),
            _Span(("REQ one at a time", "REP one at a time"), ("multipart",), "p50", True),
        ),
    ),
)


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


def _item(text: str) -> str:
    """
    :return: an item of a list, in reStructuredText.
    """
    return textwrap.fill(
        text, 80, initial_indent="* ", subsequent_indent="  ", break_on_hyphens=False
    )


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
        Write the page and its plots, and keep the results beside them.
        """
        directory = docs / PLOTS
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob("*.svg"):
            old.unlink()
        for name, text in self.files().items():
            (docs / name).write_text(text)
        self._results.save(directory / "results.json")

    def files(self) -> dict[str, str]:
        """
        :return: the page and its plots, by their names below the documentation.
        """
        parts = [
            self._head(),
            self._summary(),
            self._method(),
            *map(self._group, self._groups()),
            self._targets(),
            self._losses(),
        ]
        return {"performance.rst": "".join(parts).rstrip() + "\n", **self._plots}

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
        table = _rows((), rows) + "\n".join(differences(about))
        return _HEAD.format(date=about["date"], machine=table.rstrip())

    def _method(self) -> str:
        about = self._results.about
        settings = {
            **_SETTINGS,
            # The first run that is kept was made before these became as they are.
            **(_NOW if "otherSeconds" in about["settings"] else _BEFORE),
            "otherSeconds": about["settings"]["seconds"],
            **about["settings"],
        }
        chance = "\n  ".join(self._results.chance())
        cores = about["machine"]["cores"]
        return _METHOD.format(cores=cores, busy=BUSY, chance=chance, **settings)

    def _summary(self) -> str:
        found = self._results.rounds
        names = [name for name in _MAIN if "txzmq" in found.get(name, ())]
        others = [s for s in _COMPARED if any(s in found[name] for name in names)]
        if not others:
            return ""
        sentences = [
            text.format(*spans)
            for text, wanted in _SENTENCES
            if all(spans := [self._span(span) for span in wanted])
        ]
        if behind := self._behind():
            sentences.append(f"`Where others are ahead`_ lists all {len(behind)} cases.")
        rows = [[name, *(self._compared(name, other) for other in others)] for name in names]
        return _SUMMARY.format(sentences="\n".join(map(_item, sentences))) + _rows(
            ("CPU / rate", *(SUBJECTS[other].title for other in others)), rows
        )

    def _span(self, span: _Span) -> Optional[str]:
        """
        :return: in words; ``None`` if it was not measured.
        """
        results = self._results
        take = results.ratio if span.isCost else results.advantage
        values = [
            take(name, "txzmq", other, span.metric)
            for name in span.workloads
            for other in span.against
            if results.has(name, "txzmq") and results.has(name, other)
        ]
        if not values:
            return None
        ends = (f"{min(values):.2g}", f"{max(values):.2g}")
        return " to ".join(dict.fromkeys(ends))

    def _compared(self, workload: str, other: str) -> str:
        results = self._results
        if not results.has(workload, other):
            return ""
        cpu, rate = (
            f"{results.advantage(workload, 'txzmq', other, metric):.2f}"
            for metric in ("cpu", "rate")
        )
        isLimited = any(results.isLimited(workload, s) for s in ("txzmq", other))
        return f"{cpu} / ({rate})" if isLimited else f"{cpu} / {rate}"

    def _groups(self) -> list[str]:
        names = (WORKLOADS[name].group for name in self._results.rounds)
        return list(dict.fromkeys(names))

    def _group(self, group: str) -> str:
        results = self._results
        names = [name for name in results.rounds if WORKLOADS[name].group == group]
        found = {m for n in names for s in results.rounds[n] for m in results.metrics(n, s)}
        metrics = [metric for metric in METRICS if metric in found]
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
            if any(m in results.metrics(name, s) for s in results.rounds[name])
        ]
        return text + _rows(("", *(SUBJECTS[s].title for s in subjects)), rows)

    def _cell(self, name: str, subject: str, metric: str) -> str:
        results = self._results
        if not results.has(name, subject) or metric not in results.metrics(name, subject):
            return ""
        return results.text(name, subject, metric)

    def _plot(self, group: str, names: list[str], metric: str) -> str:
        results = self._results
        known = METRICS[metric]
        groups = []
        for name in names:
            bars = []
            for subject in SUBJECTS:
                if results.has(name, subject):
                    value = results.median(name, subject, metric)
                    text = results.text(name, subject, metric)
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
        fileName = f"{PLOTS}/{_slug(group)}.svg"
        self._plots[fileName] = chart(title, groups)
        return f".. image:: {fileName}\n   :alt: {title}\n\n"

    def _targets(self) -> str:
        verdicts = judge(self._results)
        if not verdicts:
            return ""
        rows = [describe(verdict, self._results) for verdict in verdicts]
        return _TARGETS + _rows(("Workload", "To reach", "Found", ""), rows)

    def _losses(self) -> str:
        behind = self._behind()
        if not behind:
            return ""
        return _LOSSES + _rows(("Workload", "Behind", "Who is ahead", "By how much"), behind)

    def _behind(self) -> list[tuple[str, str, str, str]]:
        """
        :return: workloads, ourselves, who is ahead, and by how much.
        """
        found = []
        for name, subjects in self._results.rounds.items():
            ours = [s for s in subjects if SUBJECTS[s].environment == "txzmq"]
            others = [s for s in subjects if SUBJECTS[s].environment != "txzmq"]
            for our, other in product(ours, others):
                areAlike = our.endswith("-idle") == other.endswith("-idle")
                if areAlike and (ahead := self._ahead(name, our, other)):
                    found.append((name, SUBJECTS[our].title, SUBJECTS[other].title, ahead))
        return found

    def _ahead(self, workload: str, ours: str, other: str) -> str:
        """
        :return: in what the other is ahead of us; empty if in nothing.
        """
        results = self._results
        metrics = [m for m in results.metrics(workload, other) if m not in _ASIDE]
        return ", ".join(
            f"{METRICS[metric].title} {1 / advantage:.2f} x better"
            for metric in metrics
            if metric in results.metrics(workload, ours)
            and (advantage := self._advantage(workload, ours, other, metric)) < 1 - _NOISE
        )

    def _advantage(self, workload: str, ours: str, other: str, metric: str) -> float:
        try:
            return self._results.advantage(workload, ours, other, metric)
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
