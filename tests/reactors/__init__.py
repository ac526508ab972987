"""
The reactors that the suite can be run on: ``TXZMQ_TEST_REACTOR=uvloop pytest``.

``select``, ``poll``, ``epoll``, ``asyncio``, ``gi``, ``threadedselect``
    reactors of Twisted's; the last with the main loop that Twisted's own tests
    run it in.

``uvloop``
    asyncio on another loop.

``interleaved``, ``tkinter``
    threadedselect within a main loop that is not Twisted's: a queue, and Tk.

``tksupport``
    Tk within the default reactor.
"""

from __future__ import annotations

import asyncio
import re
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Callable, Optional

from twisted.internet import default

#: The modules of reactors that need nothing but to be installed.
_MODULES = {
    "select": "selectreactor",
    "poll": "pollreactor",
    "epoll": "epollreactor",
    "asyncio": "asyncioreactor",
    "gi": "gireactor",
    "threadedselect": "_threadedselect",
}

#: The name of the one that Twisted chooses.
DEFAULT = default.install.__module__.rpartition(".")[2][: -len("reactor")]

#: What others' loops are called, where they know their versions.
_LIBRARIES = {
    "uvloop": ("uvloop", "__version__"),
    "PyGObject": ("gi", "__version__"),
    "Tk": ("tkinter", "TkVersion"),
}

#: Tells, asked from within a reactor, whether it is the one that was asked for.
IsRunning = Callable[[], bool]

#: That of the reactor that was asked for, if one was.
isRunning: Optional[IsRunning] = None


def install(name: str) -> None:
    """
    Install a reactor.  Nothing may have imported the global one.

    :raise ImportError: what it needs is missing.
    :raise ValueError: there is none of this name.
    """
    global isRunning
    if name in _MODULES:
        with warnings.catch_warnings():
            # Twisted and PyGObject each use what is deprecated in the other.
            if name == "gi":
                warnings.simplefilter("ignore")
            module = import_module(f"twisted.internet.{_MODULES[name]}")
            module.install()
        isRunning = _within(module.__name__, _LOOPS.get(name, lambda: True))
    elif name == "uvloop":
        isRunning = _installUvloop()
    elif name == "interleaved":
        from .interleaving import QueueLoop, installWithin

        isRunning = installWithin(QueueLoop())
    elif name in ("tkinter", "tksupport"):
        from . import tk

        isRunning = tk.installWithin() if name == "tkinter" else tk.install()
    else:
        raise ValueError(f"TXZMQ_TEST_REACTOR: there is no reactor {name!r}")


def versions() -> Iterator[str]:
    """
    What the loops of others that are in use call themselves.
    """
    for name, (module, attribute) in _LIBRARIES.items():
        if module in sys.modules:
            yield f"{name} {getattr(sys.modules[module], attribute)}"


#: Those that survive it when somebody else closes what they watch.  GLib and
#: libuv do not, and threadedselect only if nobody raises anything then.
_TOLERANT = frozenset({"select", "poll", "epoll", "asyncio"})

#: Tests that cannot be on some reactors: a pattern of their ids, why, and what they
#: can be on.  All others are run on each.
_UNSUITABLE = [
    (
        re.compile(
            r"LostTests::test_(\w*[sS]ocketClosed\w*|raisingUpcall|sendOnClosedSocket|"
            r"withoutUpcall|monitorOfClosedSocket|lostAndClosed)"
            r"|test_monitor\.py::WhenTests::test_socketClosed"
            r"|test_odd_programs\.py::ConnectionTests::test_failingConnectionLost"
        ),
        "closes a descriptor behind the reactor's back, which not every reactor survives",
        _TOLERANT,
    ),
    (
        re.compile(r"ClosingTests::test_freed$"),
        "the select that is under way holds what it waits for",
        _TOLERANT | {"uvloop", "gi", "tksupport"},
    ),
    (
        re.compile(r"test_pausing\.py::PausingTests::test_(closed|noSpinning)$"),
        "counts delayed calls, and Tk is served by one",
        _TOLERANT | {"uvloop", "gi", "threadedselect", "interleaved", "tkinter"},
    ),
]


def unsuitable(name: Optional[str], test: str) -> Optional[str]:
    """
    :param name: of a reactor; without one, the default.
    :param test: the id that pytest gives it.
    :return: why the test cannot be run on it.
    """
    for pattern, reason, suitable in _UNSUITABLE:
        if name and name not in suitable and pattern.search(test):
            return reason
    return None


def _within(module: str, loopRuns: IsRunning) -> IsRunning:
    def isIt() -> bool:
        from twisted.internet import reactor

        installed: Any = reactor
        return type(installed).__module__ == module and installed.running and loopRuns()

    return isIt


def _asyncioRuns() -> bool:
    return type(asyncio.get_running_loop()).__module__.startswith("asyncio.")


def _glibRuns() -> bool:
    from gi.repository import GLib

    return bool(GLib.main_depth())


#: What else to ask, where a reactor runs in a loop of others.
_LOOPS = {"asyncio": _asyncioRuns, "gi": _glibRuns}


def _installUvloop() -> IsRunning:
    import uvloop
    from twisted.internet import asyncioreactor

    asyncioreactor.install(uvloop.new_event_loop())
    return _within(
        asyncioreactor.__name__, lambda: isinstance(asyncio.get_running_loop(), uvloop.Loop)
    )
