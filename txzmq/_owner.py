"""
Whose a socket is: one thread's, in one process.

libzmq aborts the process when two threads use a socket at the same time, and
when a child process touches what it has inherited.  Python's lock does not help
against the former: pyzmq gives it up.  So whatever is done to a socket begins
with a question::

    isOwned = descriptor.isOwned
    if not isOwned():
        descriptor.claim()

It is asked for every message, so it is the cheapest that there is: whether this
thread holds a lock, which each thread has acquired for good.  To ask for the
number of the thread, and compare, takes nearly twice as long.

A socket belongs to the thread that made it, and from the first time that the
reactor reads it to the reactor's; in a child process to nobody.  When that
thread has ended, to whoever comes next: programs that run a reactor in a thread
close their sockets after it.

Twisted knows in which thread a reactor was started last.  That is asked where it
is the only way to tell, and believed of the global reactor: a program may run
others besides.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import RLock, get_ident, local
from types import FrameType
from typing import Optional
from weakref import WeakSet

from twisted.python import threadable

from .errors import ZmqForkedError, ZmqThreadError


class _Here(local):
    """
    Each thread sees one of its own.

    :ivar isHere: whether it is called in the thread that has got it from here.
    """

    def __init__(self) -> None:
        lock = RLock()
        lock.acquire()
        self.isHere: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined]


_here = _Here()

#: Whether it is called in a thread that does not exist.
_isNowhere: Callable[[], bool] = RLock()._is_owned  # type: ignore[attr-defined]

#: No thread has this number.
_NOBODY = 0

#: All of this process.
_alive: WeakSet[Owned] = WeakSet()


#: What a child process has inherited and let go of.  Its finalizers would complain
#: that it was never closed.
_kept: list[object] = []


class Owned:
    """
    Something that one thread of one process may use.

    :ivar isOwned: whether this is the thread, and the process.
    :ivar wasRead: whether it has been read in this thread: so it is the reactor's.
    """

    __slots__ = ("__weakref__", "_owner", "isOwned", "wasRead")

    def __init__(self) -> None:
        self.wasRead = False
        self.own()
        _alive.add(self)

    @property
    def isInherited(self) -> bool:
        """
        Whether it belongs to the process that has forked this one.
        """
        return self._owner == _NOBODY

    def own(self) -> None:
        """
        From now on it belongs to this thread.
        """
        self._owner = get_ident()
        self.isOwned = _here.isHere

    def claim(self) -> None:
        """
        A thread that is not the owner wants to use it.

        :raise ZmqThreadError: it belongs to another thread.
        :raise ZmqForkedError: it belongs to another process.
        """
        if self.isInherited:
            raise ZmqForkedError()
        self.claimToClose()

    def claimToClose(self) -> None:
        """
        As :meth:`claim`, for closing: what was inherited can be let go.
        """
        if self.isInherited or self.isOwned():
            return
        # The reactor's thread need not wait for the first read to close what another
        # thread has made.
        if _isAlive(self._owner) and (self.wasRead or not _isReactors(get_ident())):
            raise ZmqThreadError()
        self.own()

    def claimToRead(self) -> None:
        """
        Another thread than before reads it: the reactor's, or somebody who is not
        the reactor.

        :raise ZmqThreadError: it belongs to another thread, which has read it.
        """
        if self.wasRead and _isAlive(self._owner) and not _isReactors(get_ident()):
            raise ZmqThreadError()
        self.own()
        self.wasRead = True

    def disown(self) -> None:
        """
        This process is the child of the one that it belongs to.
        """
        self._owner, self.isOwned = _NOBODY, _isNowhere


def _isAlive(thread: int) -> bool:
    return thread in sys._current_frames()


def _isReactors(thread: int) -> bool:
    return bool(threadable.ioThread == thread)


def checkThread(reactor: object) -> None:
    """
    Something is to be made, or closed, that nobody owns.

    :raise ZmqThreadError: the reactor is the global one, and runs in another thread.
    """
    # It may have been stopped by the end of its thread only.
    if (
        getattr(reactor, "running", False)
        and reactor is sys.modules.get("twisted.internet.reactor")
        and not _isReactors(get_ident())
        and any(map(_isReactors, sys._current_frames()))
        and not _isWithin(reactor)
    ):
        raise ZmqThreadError()


def _isWithin(reactor: object) -> bool:
    """
    :return: whether we are called by this reactor.  Twisted remembers the thread of
        the one only that was started last.
    """
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None:
        if frame.f_locals.get("self") is reactor:
            return True
        frame = frame.f_back
    return False


def keep(inherited: object) -> None:
    """
    Have a socket or a context that belongs to the parent process stay as it is.
    """
    _kept.append(inherited)


def _disownAll() -> None:
    for owned in _alive:
        owned.disown()


# Not on Windows, where nothing forks.
if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_disownAll)
