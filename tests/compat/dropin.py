"""
Runs the public test suite of txZMQ 1.0.0 on the txzmq that is installed:

    python tests/compat/dropin.py [REACTOR ...]

Nothing of that suite is kept here: its wheel is fetched from the package index
and its tests are unpacked into a temporary directory.  What is changed in them
there stands in ``SUPPORT`` and in :func:`adapted`, with the reasons; what they
ask of the library is left as it is.

Exits with 0 only if, on each reactor, every test of the suite has been run and
has passed, the multicast test excepted where libzmq has no PGM.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from pathlib import Path

import zmq

REQUIREMENT = Path(__file__).with_name("txzmq-1.0.txt")

#: The package that the tests become.
PACKAGE = "txzmq_1_0_tests"

#: Seconds for one reactor; a run takes about twenty.
PATIENCE = 300

#: The reactors that the suite builds itself, in ``test_reactor_shutdown``.
#: Others are skipped there where what they need is not installed.
OWN_REACTORS = ("SelectReactor", "PollReactor", "EPollReactor", "AsyncioSelectorReactor")

#: Where libzmq has no PGM, this test skips itself.
MULTICAST = "test_pubsub.test_send_recv_pgm"

#: What takes the place of the package's ``__init__``.
SUPPORT = """
from twisted.internet import reactor, task
from twisted.trial.unittest import TestCase

# Names of assertions that Twisted and Python had then.
for old, new in {
    "assertEquals": "assertEqual",
    "failIfEqual": "assertNotEqual",
    "failUnlessEqual": "assertEqual",
    "failUnlessIsInstance": "assertIsInstance",
}.items():
    if not hasattr(TestCase, old):
        setattr(TestCase, old, getattr(TestCase, new))


def _wait(interval):
    # The tests wait 10 ms, say, where they mean "until it has arrived".
    return task.deferLater(reactor, max(1, 20 * interval))
"""

#: Chooses the reactor.
CONFTEST = """
import os
from twisted.application.reactors import installReactor
installReactor(os.environ["TXZMQ_TEST_REACTOR"])
"""


def fetch(directory: Path) -> Path:
    """
    :return: the wheel of txZMQ 1.0.0.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wheelOnly = ["--no-deps", "--only-binary", ":all:", "--requirement", str(REQUIREMENT)]
    subprocess.run([*pip, *wheelOnly, "--dest", str(directory)], check=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


def freePort() -> int:
    """
    :return: a TCP port that nobody has at the moment.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def adapted(source: str, ports: dict[str, int]) -> str:
    """
    :param ports: which free port stands for which fixed one; grows.
    :return: the source of a test module, fit to be run here.
    """
    source = source.replace("txzmq.test", PACKAGE)
    # A tenth of a second for a reply, which a busy machine may need by itself.
    source = source.replace("sendMsg(b'aaa', timeout=0.1)", "sendMsg(b'aaa', timeout=60)")

    def freed(match: re.Match[str]) -> str:
        port = ports.setdefault(match[2], freePort())
        return f"{match[1]}{port}"

    return re.sub(r"(tcp://127\.0\.0\.1:)(\d+)", freed, source)


def unpack(wheel: Path, directory: Path) -> set[str]:
    """
    Make the package of tests in ``directory``.

    :return: all the tests in it, as "module.test".
    """
    package = directory / PACKAGE
    package.mkdir()
    ports: dict[str, int] = {}
    tests: set[str] = set()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = Path(name)
            if path.match("txzmq/test/test_*.py"):
                source = adapted(archive.read(name).decode("utf-8"), ports)
                (package / path.name).write_text(source, encoding="utf-8")
                found = re.findall(r"def (test_\w+)", source)
                tests.update(f"{path.stem}.{name}" for name in found)
    (package / "__init__.py").write_text(SUPPORT, encoding="utf-8")
    (directory / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    return tests


def start(directory: Path, reactor: str) -> subprocess.Popen[bytes]:
    """
    Run the tests, in ``directory``: that is where their ipc sockets go.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "--junitxml=report.xml", PACKAGE]
    with (directory / "output").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, "TXZMQ_TEST_REACTOR": reactor},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def complaints(report: Path, expected: set[str]) -> Iterator[str]:
    """
    :param expected: what :func:`unpack` has returned.
    :return: what is wrong with a run, a line each.
    """
    passed: set[str] = set()
    classes: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase"):
        module, _, cls = case.attrib["classname"].rpartition(".")
        name = f"{module.rpartition('.')[2]}.{case.attrib['name']}"
        outcomes = {child.tag for child in case} & {"failure", "error", "skipped"}
        if not outcomes:
            passed.add(name)
            classes.add(cls)
        elif outcomes != {"skipped"}:
            yield f"{name} has failed"
    if not zmq.has("pgm"):
        expected = expected - {MULTICAST}
    for name in sorted(expected - passed):
        yield f"{name} has not passed"
    for reactor in OWN_REACTORS:
        if not any(f"_{reactor}" in cls for cls in classes):
            yield f"the shutdown tests have not passed on {reactor}"


def main(reactors: list[str]) -> int:
    """
    :return: the exit status.
    """
    failed = False
    with tempfile.TemporaryDirectory(prefix="txzmq-") as temporary:
        wheel = fetch(Path(temporary))
        runs = []
        for reactor in reactors:
            directory = Path(temporary, reactor)
            directory.mkdir()
            expected = unpack(wheel, directory)
            runs.append((reactor, directory, expected, start(directory, reactor)))
        for reactor, directory, expected, process in runs:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            print(f"txZMQ 1.0.0's tests on {reactor}", flush=True)
            with (directory / "output").open("rb") as output:
                shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.flush()
            report = directory / "report.xml"
            wrong = list(complaints(report, expected)) if report.exists() else ["no report"]
            if process.returncode:
                wrong.append(f"pytest has exited with {process.returncode}")
            for line in wrong:
                print(f"{reactor}: {line}")
            failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["select"]))
