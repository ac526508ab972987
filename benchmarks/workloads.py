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
}

_EVERYBODY = tuple(SUBJECTS)

#: The same, with many connections beside the one that is busy.  Loops that block
#: have one only.
_IDLE = 1000
_WITH_IDLE = tuple(name for name in SUBJECTS if name not in ("multipart", "bare"))
SUBJECTS.update(
    (
        f"{name}-idle",
        SUBJECTS[name]._replace(
            title=f"{SUBJECTS[name].title}, {_IDLE} idle",
            parameters={**SUBJECTS[name].parameters, "idle": _IDLE},
        ),
    )
    for name in _WITH_IDLE
)

#: Those that are slow, and far from everybody else: measured for a shorter time.
OTHERS = ("aiozmq", "asyncio", "uvloop")


def isOther(subject: str) -> bool:
    """
    :return: whether it is one of them.
    """
    return subject.removesuffix("-idle") in OTHERS


_BOTH = ("txzmq", "txzmq1")
_CORE = (*_BOTH, "multipart", "bare")
_LISTS = tuple(name for name in _EVERYBODY if name != "bare")
#: Who can ask, and reply; transports leave this to their users.
_ASKING = tuple(name for name in _LISTS if name != "transport")

#: Workloads in which txZMQ's transports are held to be as fast as its connections,
#: and faster than aiozmq.
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
    :ivar quick: who of them, in a quick run; empty if it is no part of that.
    """

    name: str
    group: str
    parameters: dict[str, Any]
    subjects: tuple[str, ...]
    quick: tuple[str, ...]


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

#: The most messages per chunk, by role.  After a burst, senders that have a
#: reactor give it its turn: of this, a message's share should be small.
_CHUNKS = {"send": 1000}
_CHUNK = 200

#: With requests: these are few in a short time, and are counted by chunks.
_REQUESTS = 20

#: The most bytes per chunk.
_CHUNK_BYTES = 1 << 22

#: What is said about it on the page.
BURST = _CHUNKS["send"]

_SIZES = {
    "10 B": (10, 1),
    "100 B": (100, 1),
    "1 KiB": (1 << 10, 1),
    "4 x 16 B": (16, 4),
    "64 KiB": (1 << 16, 1),
    "1 MiB": (1 << 20, 1),
}

#: Who pushes and pulls in one process, where it is not the same as with others.
_INPROC = {
    "10 B": _EVERYBODY,
    "64 KiB": _EVERYBODY,
    "1 MiB": (*_BOTH, "transport", "multipart", "bare"),
}

#: Who is measured in a quick run: what shows whether something has become slow.
_QUICK = {
    "PULL 10 B tcp": _EVERYBODY,
    "PULL 1 KiB tcp": _CORE,
    "PULL 4 x 16 B tcp": _CORE,
    "PULL 64 KiB tcp": _CORE,
    "PULL 100 B ipc": _CORE,
    "PUSH 10 B tcp": _EVERYBODY,
    "PUSH 4 x 16 B tcp": _CORE,
    "PUSH to PULL 10 B inproc": _CORE,
    "PUSH to PULL 1 MiB inproc": _CORE,
    "SUB 100 B": (*_CORE, "transport"),
    "PUB 100 B": (*_CORE, "transport"),
    "REQ one at a time": _CORE,
    "REQ 64 in flight": _ASKING,
    "REP 64 in flight": _CORE,
    "10 ms ticker": _BOTH,
    "1000 connections": _CORE,
    "PULL beside 1000 idle": ("txzmq", "txzmq-idle"),
}


def _workload(
    name: str,
    group: str,
    subjects: tuple[str, ...],
    role: str,
    pattern: str,
    size: str = "100 B",
    **others: Any,
) -> Workload:
    frame, parts = _SIZES[size]
    p = {**_DEFAULTS, "role": role, "pattern": pattern, "size": frame, "parts": parts, **others}
    chunk = _REQUESTS if p["window"] else _CHUNKS.get(role, _CHUNK)
    p["chunk"] = max(1, min(chunk, _CHUNK_BYTES // (frame * parts)))
    messages, bytes_ = _MARKS.get(role, _MARK)
    p["highWaterMark"] = min(messages, bytes_ // ((frame + _FRAME_BYTES) * parts))
    if parts > 1:
        subjects = tuple(s for s in subjects if s != "bare")
    quick = tuple(s for s in subjects if s in _QUICK.get(name, ()))
    return Workload(name, group, p, subjects, quick)


def _pushPull() -> Iterator[Workload]:
    for role, pattern in (("receive", "PULL"), ("send", "PUSH")):
        for transport, sizes in (
            ("tcp", _SIZES),
            ("ipc", ("10 B", "100 B", "1 KiB", "4 x 16 B")),
        ):
            for size in sizes:
                name = f"{pattern} {size} {transport}"
                wide = transport == "tcp" or size == "100 B"
                yield _workload(
                    name,
                    f"{pattern}, {transport}",
                    _EVERYBODY if wide else _CORE,
                    role,
                    pattern,
                    size,
                    transport=transport,
                )
    for size in _SIZES:
        name = f"PUSH to PULL {size} inproc"
        yield _workload(
            name,
            "PUSH to PULL in one process, inproc",
            _INPROC.get(size, _CORE),
            "inproc",
            "PULL",
            size,
            transport="inproc",
        )


def _others() -> Iterator[Workload]:
    group = "PUB and SUB, topic in front of the message"
    yield _workload("SUB 100 B", group, _EVERYBODY, "receive", "SUB")
    yield _workload("PUB 100 B", group, _EVERYBODY, "send", "PUB")
    group = "ROUTER and DEALER"
    for pattern in ("ROUTER", "DEALER"):
        for role in ("receive", "send"):
            yield _workload(f"{pattern} {role}s 100 B", group, _LISTS, role, pattern)
    for window in (1, 64, 1024):
        for pattern, role in (("REQ", "request"), ("REP", "receive")):
            yield _workload(
                f"{pattern} one at a time" if window == 1 else f"{pattern} {window} in flight",
                "REQ and REP, one at a time" if window == 1 else "REQ and REP, many in flight",
                _ASKING,
                role,
                pattern,
                "10 B",
                window=window,
                pinned=window == 1,
            )
    yield _workload(
        "10 ms ticker",
        "A 10 ms ticker beside a flood",
        _WITH_IDLE,
        "receive",
        "PULL",
        ticker=True,
        duration=3.0,
    )
    yield _workload(
        "1000 connections",
        "1000 connections",
        _LISTS,
        "connections",
        "PULL",
        connections=1000,
        first=20,
    )
    yield _workload(
        "PULL beside 1000 idle",
        "1000 idle connections beside a busy one",
        tuple(name for one in _WITH_IDLE for name in (one, f"{one}-idle")),
        "receive",
        "PULL",
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
