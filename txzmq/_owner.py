"""
Whose a socket is: one thread's, in one process.

libzmq aborts the process when two threads use a socket at the same time, and
when a child process touches what it has inherited.  Python's lock does not help
against the former: pyzmq gives it up.  So whatever is done to a socket begins
with a comparison, the cheapest that there is::

    if descriptor.owner != get_ident():
        descriptor.claim()

A socket belongs to the thread that made it, and from the first time that the
reactor reads it to the reactor's; in a child process to nobody.  When that
thread has ended, to whoever comes next: programs that run a reactor in a thread
close their sockets after it.
"""

from __future__ import annotations

import os
import sys
from threading import get_ident
from weakref import WeakSet

from .errors import ZmqForkedError, ZmqThreadError

#: No thread has this number.
NOBODY = 0

#: All of this process.
_alive: WeakSet[Owned] = WeakSet()


#: What a child process has inherited and let go of.  Its finalizers would complain
#: that it was never closed.
_kept: list[object] = []


class Owned:
    """
    Something that one thread of one process may use.

    :ivar owner: the number of that thread; :data:`NOBODY` in a child process.
    """

    __slots__ = ("__weakref__", "owner")

    def __init__(self) -> None:
        self.owner = get_ident()
        _alive.add(self)

    def claim(self) -> None:
        """
        A thread that is not the owner wants to use it.

        :raise ZmqThreadError: it belongs to another thread.
        :raise ZmqForkedError: it belongs to another process.
        """
        if self.owner == NOBODY:
            raise ZmqForkedError()
        self.claimToClose()

    def claimToClose(self) -> None:
        """
        As :meth:`claim`, for closing: what was inherited can be let go.
        """
        if self.owner in (NOBODY, get_ident()):
            return
        if self.owner in sys._current_frames():
            raise ZmqThreadError()
        self.owner = get_ident()

    def disown(self) -> None:
        """
        This process is the child of the one that it belongs to.
        """
        self.owner = NOBODY


def keep(inherited: object) -> None:
    """
    Have a socket or a context that belongs to the parent process stay as it is.
    """
    _kept.append(inherited)


def _disownAll() -> None:
    for owned in _alive:
        owned.disown()


# Not on Windows, where nothing forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disownAll)
