"""
How the suite is run: on which reactor (``TXZMQ_TEST_REACTOR=asyncio pytest``, the
names are in :mod:`tests.reactors`), whether with Python's garbage collector
(``TXZMQ_TEST_GC=off pytest``), and with how many examples of hypothesis
(``pytest --hypothesis-profile few``).
"""

from __future__ import annotations

import gc
import os
import platform
import re
import signal
import sys
from collections.abc import Iterator
from functools import wraps
from importlib.metadata import distributions
from inspect import iscoroutinefunction
from typing import Any, Optional

import pytest
import twisted
import zmq
from hypothesis import settings
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from . import reactors

_reactor = os.environ.get("TXZMQ_TEST_REACTOR")
_isPyPy = platform.python_implementation() == "PyPy"
_collects = os.environ.get("TXZMQ_TEST_GC", "on") != "off"

# Before anything imports the global one.
if _reactor:
    reactors.install(_reactor)
if _reactor == "tksupport":
    from .reactors import tk


settings.register_profile("few", max_examples=20)


#: What asks for more than PyPy promises, and why.
_NOT_ON_PYPY = [
    (
        r"test_cost\.py|TopicTests::test_manyTags|MemoryTests::test_flat",
        "counts what CPython calls and allocates",
    ),
    (
        r"test_leaving\.py::FreedTests|ClosingTests::test_freed|PendingRepliesTests::test_nothingIsKept",
        "in PyPy it is the garbage collector that frees",
    ),
    (
        r"SocketLimitTests::test_(fails|halfMonitor)",
        "pyzmq for PyPy does not notice that a monitor cannot be",
    ),
]


def _unsuitable(test: str) -> Optional[str]:
    """
    :param test: the id that pytest gives it.
    :return: why it cannot be run here.
    """
    if _isPyPy:
        for pattern, reason in _NOT_ON_PYPY:
            if re.search(pattern, test):
                return reason
    return reactors.unsuitable(_reactor, test)


def _versions() -> Iterator[str]:
    """
    What this session runs on, for README's table of what works on what.
    """
    yield (
        f"CPython {platform.python_version()}"
        if not _isPyPy
        else "PyPy {}.{}.{}".format(
            *sys.pypy_version_info[:3]  # type: ignore[attr-defined]
        )
    )
    yield f"Twisted {twisted.version.public()}"
    # Not asked for by name: old Pythons do not find one with a dot.
    installed = {found.metadata["Name"]: found.version for found in distributions()}
    for package in ("pyzmq", "zope.interface"):
        yield f"{package} {installed[package]}"
    yield f"libzmq {zmq.zmq_version()}"
    yield f"reactor {_reactor or reactors.DEFAULT}"
    yield from reactors.versions()


def pytest_report_header() -> list[str]:
    return [
        f"reactor: {_reactor or 'default'}; garbage collector: {'on' if _collects else 'off'}",
        f"runs on: {', '.join(_versions())}",
    ]


def pytest_unconfigure() -> None:
    """
    Let the thread of a threadedselect reactor end, which Python waits for.
    """
    from twisted.internet import reactor

    getattr(reactor, "_cleanUpThread", lambda: None)()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Skip what cannot be here, with the reason.
    """
    for item in items:
        reason = _unsuitable(item.nodeid)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _surroundings(request: pytest.FixtureRequest) -> None:
    """
    What each test finds.
    """
    # The test before this one may have turned it on again.
    if not _collects:
        gc.disable()
    if _reactor == "tksupport":
        tk.serve(request.instance)


def _returningDeferreds(cls: type) -> None:
    """
    Turn the tests of a class that are coroutines into functions.
    """
    for name in filter(re.compile("test").match, dir(cls)):
        method = getattr(cls, name)
        if iscoroutinefunction(method):

            @wraps(method)
            def test(self: Any, *args: Any, method: Any = method) -> Any:
                return ensureDeferred(method(self, *args))

            setattr(cls, name, test)


if (twisted.version.major, twisted.version.minor) < (22, 8):
    # Before, trial does not know tests that are coroutines.
    TestCase.__init_subclass__ = classmethod(_returningDeferreds)

# What is started in the background by a shell ignores Ctrl-C, and so would the
# programs that the tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
