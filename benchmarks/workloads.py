"""
What is measured, and with which libraries: two tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Subject(NamedTuple):
    """
    A library, and the way it is used.
    """

    title: str
    environment: str
    program: str
    parameters: dict[str, Any] = {}


#: By their short names.
SUBJECTS = {
    "txzmq": Subject("txZMQ", "txzmq", "txzmq_classic.py"),
    "transport": Subject("txZMQ transport", "txzmq", "txzmq_transport.py"),
    "txzmq1": Subject("txZMQ 1.0", "txzmq1", "txzmq_classic.py"),
    "multipart": Subject("pyzmq multipart", "pyzmq", "blocking.py", {"style": "multipart"}),
    "bare": Subject("pyzmq bare", "pyzmq", "blocking.py", {"style": "bare"}),
    "aiozmq": Subject("aiozmq", "aiozmq", "aiozmq_.py"),
    "asyncio": Subject("zmq.asyncio", "pyzmq", "asyncio_.py", {"uvloop": False}),
    "uvloop": Subject("zmq.asyncio, uvloop", "pyzmq", "asyncio_.py", {"uvloop": True}),
    "txzmq-idle": Subject("txZMQ, 1000 idle", "txzmq", "txzmq_classic.py", {"idle": 1000}),
    "txzmq1-idle": Subject("txZMQ 1.0, 1000 idle", "txzmq1", "txzmq_classic.py", {"idle": 1000}),
}

#: No part of a quick run.
OTHERS = {"aiozmq", "asyncio", "uvloop"}

_BOTH = ("txzmq", "txzmq1")
_LISTS = (*_BOTH, "multipart")
_CORE = (*_LISTS, "bare")
_EVERYBODY = (*_CORE, *sorted(OTHERS))

#: Workloads in which txZMQ's transports stand beside its connections, and aiozmq
#: beside both.
FACES = (
    "PULL 10 B tcp",
    "PULL 100 B tcp",
    "PULL 1 KiB tcp",
    "PULL 4 x 16 B tcp",
    "PUSH 10 B tcp",
    "PUSH 4 x 16 B tcp",
    "PUSH to PULL 10 B inproc",
    "SUB 100 B",
    "PUB 100 B",
    "DEALER receives 100 B",
    "DEALER sends 100 B",
)


class Workload(NamedTuple):
    """
    One thing to measure.

    :ivar parameters: for the programs.
    :ivar subjects: who, in turn.
    :ivar quick: whether it is part of a quick run.
    """

    name: str
    group: str
    parameters: dict[str, Any]
    subjects: tuple[str, ...]
    quick: bool


#: What the programs are told, unless a workload says otherwise.
#:
#: - ``chunk``: messages between two looks at the outer loop, and per burst
#: - ``window``: requests in flight
#: - ``connections``: how many, all busy; ``idle``: how many more are not
#: - ``duration``: how much longer it takes than others
#: - ``pinned``: to one core.  One message at a time, the scheduler's choice of
#:   cores makes a difference of four between runs, with every library
_DEFAULTS: dict[str, Any] = {
    "parts": 1,
    "transport": "tcp",
    "window": 0,
    "connections": 1,
    "idle": 0,
    "subscriptions": 1,
    "ticker": False,
    "duration": 1.0,
    "pinned": False,
}

#: The most messages, and bytes, that wait on each side, by role.  Receivers get
#: few: long queues no longer fit the processor's caches.  Senders get enough to
#: send small messages all the time without being refused.
_MARKS = {"send": (4_000_000, 1 << 28)}
_MARK = (10_000, 1 << 24)

#: What libzmq needs for a frame, in bytes, on top of what is in it.
_FRAME_BYTES = 100

#: The most messages, and bytes, per chunk.
_CHUNK = 200
_CHUNK_BYTES = 1 << 22

_SIZES = {
    "10 B": (10, 1),
    "100 B": (100, 1),
    "1 KiB": (1 << 10, 1),
    "4 x 16 B": (16, 4),
    "64 KiB": (1 << 16, 1),
    "1 MiB": (1 << 20, 1),
}


def _workload(
    name: str,
    group: str,
    subjects: tuple[str, ...],
    role: str,
    pattern: str,
    size: str = "100 B",
    quick: bool = False,
    **others: Any,
) -> Workload:
    frame, parts = _SIZES[size]
    p = {**_DEFAULTS, "role": role, "pattern": pattern, "size": frame, "parts": parts, **others}
    p["chunk"] = max(1, min(_CHUNK, _CHUNK_BYTES // (frame * parts)))
    messages, bytes_ = _MARKS.get(role, _MARK)
    p["highWaterMark"] = min(messages, bytes_ // ((frame + _FRAME_BYTES) * parts))
    if name in FACES:
        subjects = tuple(s for s in SUBJECTS if s in {*subjects, "transport", "aiozmq"})
    if parts > 1:
        subjects = tuple(s for s in subjects if s != "bare")
    return Workload(name, group, p, subjects, quick)


def _pushPull() -> Iterator[Workload]:
    for role, pattern in (("receive", "PULL"), ("send", "PUSH")):
        for transport, sizes in (
            ("tcp", _SIZES),
            ("ipc", ("10 B", "100 B", "1 KiB", "4 x 16 B")),
        ):
            for size in sizes:
                name = f"{pattern} {size} {transport}"
                wide = transport == "tcp" and size in ("10 B", "4 x 16 B", "64 KiB")
                yield _workload(
                    name,
                    f"{pattern}, {transport}",
                    _EVERYBODY if wide else _CORE,
                    role,
                    pattern,
                    size,
                    quick=name in _QUICK,
                    transport=transport,
                )
    for size in _SIZES:
        name = f"PUSH to PULL {size} inproc"
        yield _workload(
            name,
            "PUSH to PULL in one process, inproc",
            _EVERYBODY if size == "10 B" else _CORE,
            "inproc",
            "PULL",
            size,
            quick=name in _QUICK,
            transport="inproc",
        )


_QUICK = {
    "PULL 10 B tcp",
    "PULL 100 B ipc",
    "PULL 1 KiB tcp",
    "PULL 4 x 16 B tcp",
    "PULL 64 KiB tcp",
    "PUSH 10 B tcp",
    "PUSH 4 x 16 B tcp",
    "PUSH 64 KiB tcp",
    "PUSH to PULL 10 B inproc",
    "PUSH to PULL 1 MiB inproc",
}


def _others() -> Iterator[Workload]:
    group = "PUB and SUB, topic in front of the message"
    yield _workload("SUB 100 B", group, _EVERYBODY, "receive", "SUB", quick=True)
    yield _workload("PUB 100 B", group, _EVERYBODY, "send", "PUB", quick=True)
    group = "ROUTER and DEALER"
    for pattern in ("ROUTER", "DEALER"):
        for role in ("receive", "send"):
            yield _workload(f"{pattern} {role}s 100 B", group, _LISTS, role, pattern)
    for window in (1, 64, 1024):
        for pattern, role in (("REQ", "request"), ("REP", "receive")):
            yield _workload(
                f"{pattern} one at a time" if window == 1 else f"{pattern} {window} in flight",
                "REQ and REP, one at a time" if window == 1 else "REQ and REP, many in flight",
                _LISTS if window == 1024 else (*_LISTS, *sorted(OTHERS)),
                role,
                pattern,
                "10 B",
                quick=window < 1024,
                window=window,
                pinned=window == 1,
            )
    yield _workload(
        "10 ms ticker",
        "A 10 ms ticker beside a flood",
        (*_BOTH, *sorted(OTHERS)),
        "receive",
        "PULL",
        quick=True,
        ticker=True,
        duration=3.0,
    )
    yield _workload(
        "1000 connections",
        "1000 connections",
        _LISTS,
        "connections",
        "PULL",
        quick=True,
        connections=1000,
        first=20,
    )
    yield _workload(
        "PULL beside 1000 idle",
        "1000 idle connections beside a busy one",
        ("txzmq", "txzmq-idle", "txzmq1", "txzmq1-idle"),
        "receive",
        "PULL",
        quick=True,
    )


def _growth() -> Iterator[Workload]:
    for duration in (0.25, 1, 4):
        yield _workload(
            f"x {duration:g} messages",
            "Growth: messages",
            _BOTH,
            "receive",
            "PULL",
            duration=duration,
        )
    for connections in (1, 10, 100, 1000):
        yield _workload(
            f"{connections} connections, all busy",
            "Growth: connections",
            _BOTH,
            "receive",
            "PULL",
            connections=connections,
        )
    for subscriptions in (1, 100, 10_000):
        yield _workload(
            f"{subscriptions} subscriptions",
            "Growth: subscriptions",
            _BOTH,
            "receive",
            "SUB",
            subscriptions=subscriptions,
        )
    for window in (16, 256, 4096, 16384):
        yield _workload(
            f"{window} pending requests",
            "Growth: pending requests",
            _BOTH,
            "request",
            "REQ",
            "10 B",
            window=window,
        )


#: By name, in the order in which they are measured.
WORKLOADS = {w.name: w for part in (_pushPull, _others, _growth) for w in part()}
