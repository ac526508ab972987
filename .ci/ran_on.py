"""
Compare README's table of what works on what with what a run of the gate has seen.

    python3 .ci/ran_on.py LOG README

Each test session says in its header what it runs on.  Whatever the table claims
must have been seen: each version in a row, or for the last one a later one, and each
reactor.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

#: What reactors are called in the table, and by the tests.
REACTORS = {name: name for name in ("select", "poll", "epoll", "asyncio", "uvloop")}
REACTORS.update(GLib="gi", threadedselect="interleaved", Tk="tkinter")

#: Rows that are not about the versions of one thing.
NAMELESS = {"Reactors", "Transports", "System"}

VERSION = r"\d+(?:\.\d+)+"
NAMED = rf"(\w+) ({VERSION})"


def seen(log: str) -> dict[str, set[str]]:
    """
    :return: the versions of each thing that tests have run on, and the reactors.
    """
    found = defaultdict(set)
    for line in re.findall(r"^(?:.*: )?runs on: (.*)", log, re.M):
        for thing in line.split(", "):
            name, _, version = thing.rpartition(" ")
            found[name].add(version)
    return found


def claimed(readme: str) -> dict[str, str]:
    """
    :return: the rows of the table.
    """
    table = re.split(r"^=+  =+\n", readme, flags=re.M)[1]
    rows = {}
    for name, text in re.findall(r"^(\S+) {2,}(.*(?:\n {10,}.*)*)", table, re.M):
        rows[name] = " ".join(text.split())
    return rows


def number(version: str) -> list[int]:
    """
    :return: something to compare.
    """
    return [int(part) for part in re.findall(r"\d+", version)]


def missing(rows: dict[str, str], found: dict[str, set[str]]) -> list[str]:
    """
    :return: what is claimed and was not seen.
    """
    claims = {name: re.findall(VERSION, row) for name, row in rows.items() if name not in NAMELESS}
    claims.update((name, [version]) for name, version in re.findall(NAMED, rows["Reactors"]))
    wrong = [
        f"{name} {version}"
        for name, versions in claims.items()
        for version in versions
        if not wasSeen(number(version), found[name], version == versions[-1])
    ]
    names = set(re.findall(r"\w+", rows["Reactors"]))
    wrong += [n for n in names if n in REACTORS and REACTORS[n] not in found["reactor"]]
    return sorted(wrong)


def wasSeen(version: list[int], versions: set[str], orLater: bool) -> bool:
    """
    :return: whether a version, of which the end may be left out, is among those seen.
    """
    numbers = [number(other) for other in versions]
    return any(n[: len(version)] == version or (orLater and n > version) for n in numbers)


def main(log: str, readme: str) -> int:
    """
    The command line.
    """
    found = seen(Path(log).read_text("utf-8", "replace"))
    for name in sorted(found):
        print(f"{name}: {', '.join(sorted(found[name], key=lambda v: (number(v), v)))}")
    wrong = missing(claimed(Path(readme).read_text("utf-8")), found)
    for thing in wrong:
        print(f"README says that txZMQ runs on {thing}, and nothing here did")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
