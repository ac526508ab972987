"""
What is measured, of which library, and what is to be reached: three tables.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Subject(NamedTuple):
    """
    A library, and the way it is used.
    """

    title: str
    environment: str
    program: str
    options: dict[str, object] = {}


SUBJECTS = {
    "txzmq": Subject("txZMQ (this)", "txzmq", "txzmq_classic.py"),
    "txzmq1": Subject("txZMQ 1.0", "txzmq1", "txzmq_classic.py"),
    "multipart": Subject(
        "pyzmq, blocking, recv_multipart", "pyzmq", "blocking.py", {"style": "multipart"}
    ),
    "bare": Subject("pyzmq, blocking, bare recv", "pyzmq", "blocking.py", {"style": "bare"}),
}


class Workload(NamedTuple):
    """
    One thing to measure.
    """

    name: str
    parameters: dict[str, Any]
    subjects: tuple[str, ...]


#: Messages of a workload that wait, per side, at the most; fewer if they are
#: large.  Receivers get few: what waits long costs cache misses.  Senders can
#: send for a second without ever being refused.
RECEIVE_MARK = 10_000
SEND_MARK = 4_000_000

#: The most bytes that wait.
MARK_BYTES = 1 << 29

_SIZES = {"10 B": 10, "100 B": 100, "1 KiB": 1024, "64 KiB": 65536, "1 MiB": 1 << 20}

_DEFAULTS: dict[str, Any] = {
    "parts": 1,
    "transport": "tcp",
    "window": 0,
    "chunk": 200,
    "pinned": False,
}


def _workload(name: str, *subjects: str, **parameters: Any) -> Workload:
    values = {**_DEFAULTS, **parameters}
    mark = SEND_MARK if values["role"] == "send" else RECEIVE_MARK
    size = values["size"] * values["parts"]
    values["highWaterMark"] = min(mark, MARK_BYTES // (size + 200 * values["parts"]))
    return Workload(name, values, subjects)


def _workloads() -> list[Workload]:
    both = ("txzmq", "txzmq1")
    blocking = (*both, "multipart")
    everybody = (*blocking, "bare")
    table = []
    for transport in ("tcp", "ipc", "inproc"):
        for size in _SIZES:
            if transport == "ipc" and size not in ("10 B", "100 B"):
                continue
            bytes_ = _SIZES[size]
            if transport == "inproc":
                table.append(
                    _workload(
                        f"PUSH to PULL {size} inproc",
                        *everybody,
                        role="inproc",
                        pattern="PULL",
                        size=bytes_,
                        transport=transport,
                    )
                )
                continue
            for pattern, role in (("PULL", "receive"), ("PUSH", "send")):
                table.append(
                    _workload(
                        f"{pattern} {size} {transport}",
                        *everybody,
                        role=role,
                        pattern=pattern,
                        size=bytes_,
                        transport=transport,
                    )
                )
    table += [
        _workload("PULL 4 x 16 B", *blocking, role="receive", pattern="PULL", size=16, parts=4),
        _workload("PUSH 4 x 16 B", *blocking, role="send", pattern="PUSH", size=16, parts=4),
        _workload("SUB 100 B", *everybody, role="receive", pattern="SUB", size=100),
        _workload("PUB 100 B", *everybody, role="send", pattern="PUB", size=100),
    ]
    for pattern, role in (("REQ", "request"), ("REP", "reply")):
        for window in (1, 64, 1024):
            table.append(
                _workload(
                    f"{pattern} {window} in flight",
                    *blocking,
                    role=role,
                    pattern=pattern,
                    size=10,
                    window=window,
                    pinned=window == 1,
                )
            )
    return table


WORKLOADS = {workload.name: workload for workload in _workloads()}
