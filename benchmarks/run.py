"""
Runs measurements: two processes each.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from select import select
from typing import IO, Any

from .environments import HERE, python
from .workloads import SUBJECTS, Subject, Workload

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
        def pin() -> None:
            if parameters["pinned"]:
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

        self._process = subprocess.Popen(
            [python(environment), str(path), json.dumps(parameters)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=pin,
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

    :return: rate (messages per second), cpu (microseconds of the main thread
        per message), p50 and p99 (microseconds) where requests go one by one.
    """
    parameters = {
        **workload.parameters,
        **subject.options,
        "seconds": seconds,
        "warmup": seconds / 5,
    }
    program = HERE / "subjects" / subject.program
    with contextlib.ExitStack() as stack:
        parameters["bind"] = stack.enter_context(_bindAddress(parameters["transport"]))

        def start(environment: str, path: Path) -> Program:
            started = Program(environment, path, parameters)
            stack.callback(started.end)
            return started

        measured = start(subject.environment, program)
        if parameters["role"] == "inproc":
            measured.tell([parameters["bind"]])
            return measured.hear()
        peer = start("pyzmq", HERE / "peer.py")
        measured.tell(peer.hear()["addresses"])
        if parameters["role"] == "send":
            peer.hear()
            measured.tell("go")
            result = measured.hear()
            # What left the sender's hands may still be in its memory: the rate
            # is that at which messages arrive.
            result["rate"] = peer.hear()["peerRate"]
            return result
        result = measured.hear()
        if parameters["role"] == "reply" and parameters["window"] == 1:
            result.update((k, v) for k, v in peer.hear().items() if k in ("p50", "p99"))
        return result


def inTurn(
    workload: Workload, names: tuple[str, ...], rounds: int, seconds: float
) -> Iterator[tuple[str, dict[str, float]]]:
    """
    Measure several libraries, one after the other, round by round.
    """
    for _ in range(rounds):
        for name in names:
            yield name, measure(workload, SUBJECTS[name], seconds)
