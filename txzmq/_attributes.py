"""
Where CPython keeps the attributes of an instance, which makes a difference to how fast
they are found: also those in which users count their messages.

From 3.11 on an instance has no dictionary until somebody reaches for it (``vars``), or until
it is given a name that the first thirty of its class did not have.  Without one, attributes
are found fast, and nearly so with one of its own.  But the one that it gets then shares its
keys with others of the class, and is slow for good.
"""

from __future__ import annotations

import platform

_isCPython = platform.python_implementation() == "CPython"


def hasten(instance: object) -> None:
    """
    Give an instance whose dictionary somebody has reached for one of its own.
    """
    # PyPy would be slower for it.
    if _isCPython:
        # Past a ``__setattr__`` of the user's.
        object.__setattr__(instance, "__dict__", {**vars(instance)})
