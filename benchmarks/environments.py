"""
The libraries compared, each in a virtual environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent

#: Where the environments are.
ENVIRONMENTS = HERE / ".envs"

#: What is installed in each.
REQUIREMENTS: dict[str, list[str]] = {
    "txzmq": ["-e", str(HERE.parent)],
    "txzmq1": ["txZMQ==1.0.0"],
    "aiozmq": ["aiozmq"],
    "pyzmq": ["pyzmq", "uvloop"],
}

_LIST_VERSIONS = """
import importlib.metadata, json, zmq
print(json.dumps({
    "libzmq": zmq.zmq_version(),
    **{d.metadata["Name"]: d.version for d in importlib.metadata.distributions()},
}))
"""


def python(name: str) -> str:
    """
    :return: the path of the interpreter of an environment.
    """
    return str(ENVIRONMENTS / name / "bin" / "python")


def prepare(names: Iterable[str]) -> None:
    """
    Make the environments that are not there yet.
    """
    with ThreadPoolExecutor() as pool:
        list(pool.map(_make, names))


def _make(name: str) -> None:
    wanted = json.dumps([sys.version, REQUIREMENTS[name]])
    stamp = ENVIRONMENTS / name / "made-of.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"making the environment {name} ...", file=sys.stderr, flush=True)
    venv.create(ENVIRONMENTS / name, with_pip=True, clear=True)
    pip = [python(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *REQUIREMENTS[name]], check=True)
    stamp.write_text(wanted)


def versions(name: str) -> dict[str, str]:
    """
    :return: what is installed in an environment, by name.
    """
    output = subprocess.run(
        # Isolated: what lies in the current directory is not installed.
        [python(name), "-I", "-c", _LIST_VERSIONS],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found: dict[str, str] = json.loads(output)
    return found
