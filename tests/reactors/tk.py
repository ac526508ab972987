"""
Tk and Twisted in one thread: either within the loop of the other.  Needs a display.
"""

from __future__ import annotations

import os
from collections import deque
from tkinter import READABLE, Tk
from typing import Any, Callable

from twisted.internet import tksupport

from . import IsRunning, interleaving

#: Milliseconds between two times that the reactor serves Tk.
_INTERVAL = 1

_roots: list[Tk] = []


class TkLoop:
    """
    The main loop of Tk, as a loop for :mod:`tests.reactors.interleaving`.
    """

    def __init__(self, root: Tk) -> None:
        self._root = root
        self._calls: deque[Callable[[], object]] = deque()
        # Tk may not be called from other threads, but it watches descriptors.
        self._woken, self._waker = os.pipe()
        root.tk.createfilehandler(self._woken, READABLE, self._work)

    def callFromThread(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        os.write(self._waker, b"x")

    def run(self, isOver: Callable[[], bool]) -> None:
        self._isOver = isOver
        self._root.mainloop()

    def _work(self, *args: object) -> None:
        os.read(self._woken, 1)
        try:
            self._calls.popleft()()
        finally:
            if self._isOver():
                self._root.quit()


def _served(root: Tk) -> IsRunning:
    """
    :return: whether Tk gets round to what it is to do; not yet, at first.
    """
    served: list[bool] = []

    def isServed() -> bool:
        if not served:
            root.after(0, served.append, True)
        return bool(served)

    return isServed


def _window() -> Tk:
    root = Tk()
    root.withdraw()
    return root


def installWithin() -> IsRunning:
    """
    A reactor in the main loop of Tk.
    """
    root = _window()
    interleaving.installWithin(TkLoop(root))
    return _served(root)


def install() -> IsRunning:
    """
    Tk in the default reactor.
    """
    _roots.append(_window())
    return _served(_roots[0])


def serve(test: Any) -> None:
    """
    Have the reactor serve Tk during a test: trial wants no delayed call to outlive
    one.
    """
    tksupport.install(_roots[0], ms=_INTERVAL)
    test.addCleanup(tksupport.uninstall)
