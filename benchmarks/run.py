"""
Runs measurements: two processes each.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from select import select
from typing import IO, Any

from .environments import HERE, python
from .plan import LONGEST_WARMUP, WARMUP
from .workloads import Subject, Workload

#: glibc gives memory back to the system, and takes it again page by page, as
#: its habits and the order of large allocations have it.  With messages of a
#: mebibyte this makes a difference of ten, by luck, with every library.  So the
#: measured programs keep what they have.
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 28)}

#: Of programs, on top of our own: they have what is in their environments, no more.
VARIABLES = {**_MALLOC, "PYTHONPATH": ""}

#: Seconds after which a program that says nothing is broken.
PATIENCE = 60


class MeasurementError(Exception):
    """
    A program did not do what it should.
    """


class Program:
    """
    A process that is told parameters and answers in lines of JSON.
    """

    def __init__(self, environment: str, path: Path, parameters: dict[str, Any]) -> None:
        def prepare() -> None:
            if parameters["pinned"]:
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            # A thousand sockets need two files each.
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

        self._process = subprocess.Popen(
            [python(environment), str(path), json.dumps(parameters)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=prepare,
            env={**os.environ, **VARIABLES},
        )

    def tell(self, value: object) -> None:
        """
        Write a line to it.
        """
        stdin = _pipe(self._process.stdin)
        stdin.write(json.dumps(value).encode() + b"\n")
        stdin.flush()

    def hear(self) -> dict[str, Any]:
        """
        :return: its next line.
        """
        stdout = _pipe(self._process.stdout)
        if not select([stdout], [], [], PATIENCE)[0]:
            raise MeasurementError(f"no answer in {PATIENCE} s from {self._process.args!r}")
        line = stdout.readline()
        if not line:
            raise MeasurementError(f"no result from {self._process.args!r}")
        values: dict[str, Any] = json.loads(line)
        return values

    def end(self) -> None:
        """
        Kill it, if it has not ended by itself.
        """
        self._process.kill()
        self._process.wait()
        _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


@contextlib.contextmanager
def _bindAddress(transport: str) -> Iterator[str]:
    if transport == "tcp":
        yield "tcp://127.0.0.1:*"
    elif transport == "inproc":
        yield "inproc://benchmark"
    else:
        with tempfile.TemporaryDirectory() as directory:
            yield f"ipc://{directory}/socket"


def measure(workload: Workload, subject: Subject, seconds: float) -> dict[str, float]:
    """
    Measure once.

    :param seconds: for how long, if the workload takes no longer than others.
    :return: values by the names of :data:`benchmarks.results.METRICS`.
    """
    seconds *= workload.parameters["duration"]
    parameters = {
        **workload.parameters,
        **subject.parameters,
        "seconds": seconds,
        "warmup": min(seconds * WARMUP, LONGEST_WARMUP),
    }
    role = parameters["role"]
    with contextlib.ExitStack() as stack:
        parameters["bind"] = stack.enter_context(_bindAddress(parameters["transport"]))

        def start(environment: str, path: Path) -> Program:
            program = Program(environment, path, parameters)
            stack.callback(program.end)
            return program

        measured = start(subject.environment, HERE / "subjects" / subject.program)
        if role == "inproc":
            measured.tell([parameters["bind"]])
            return measured.hear()
        peer = start("pyzmq", HERE / "peer.py")
        measured.tell(peer.hear()["addresses"])
        if role in ("send", "connections"):
            peer.hear()
            measured.tell("go")
        result = measured.hear()
        if "subscribe" in result:
            result.update(measured.hear())
        if role == "send":
            # What has left the sender's hands may still be in its memory: the
            # rate is that at which messages arrive.
            result.update(sent=result["rate"], rate=peer.hear()["rate"])
        elif parameters["pattern"] == "REP" and parameters["pinned"]:
            # Who has asked knows how long it took.
            seen = peer.hear()
            result.update(p50=seen["p50"], p99=seen["p99"])
        return result
