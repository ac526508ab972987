"""
Whether the message that a socket is receiving goes on: libzmq's ``RCVMORE``.

It must be asked after every frame, so it has to be cheap.  pyzmq's
``get(RCVMORE)`` costs five times as much as receiving a small frame, and its
``Frame.more`` three times.  So where possible libzmq itself is asked, through
:mod:`ctypes`: the copy that pyzmq has loaded, about the socket whose address
pyzmq tells for such a purpose (``Socket.underlying``).  The call only reads a
field.  It goes by address, so the socket must be open: ask right after a frame
was received.  Elsewhere pyzmq is asked.

Source: zmq_getsockopt(3).
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Optional, Protocol

import zmq
from zmq.backend import Socket


class Answer(Protocol):
    """
    Where the answer is to be found.

    :ivar value: not 0 if there is more.
    """

    value: int


#: Ask.  Not 0 is an error; the next receive will say which.
Ask = Callable[[], int]


def _findLibrary() -> Optional[Any]:
    """
    :return: libzmq's ``zmq_getsockopt``, or ``None``.
    """
    # In PyPy, ctypes is slower than what it is to replace.
    if platform.python_implementation() != "CPython":
        return None
    try:
        # Symbols are looked up in what pyzmq was linked with, too.  PyDLL: the
        # call is too short to be worth giving up the interpreter's lock.
        library = ctypes.PyDLL(sys.modules[Socket.__module__].__file__)
        numbers = [ctypes.c_int() for _ in range(3)]
        library.zmq_version(*map(ctypes.byref, numbers))
        if tuple(n.value for n in numbers) != zmq.zmq_version_info():
            return None
        return library.zmq_getsockopt
    except (OSError, AttributeError):
        return None


_getsockopt = _findLibrary()


def asker(socket: zmq.Socket[bytes]) -> tuple[Ask, Answer]:
    """
    :return: what asks about this socket, and where it leaves the answer.
    """
    if _getsockopt is None:
        return _askPyzmq(socket)
    answer = ctypes.c_int()
    size = ctypes.c_size_t(ctypes.sizeof(answer))
    # All converted beforehand: ctypes would do it anew in each call, for a third more.
    ask = partial(
        _getsockopt,
        ctypes.c_void_p.from_param(socket.underlying),
        ctypes.c_int.from_param(zmq.RCVMORE),
        ctypes.byref(answer),
        ctypes.byref(size),
    )
    return ask, answer


class _PlainAnswer:
    value = 0


def _askPyzmq(socket: zmq.Socket[bytes]) -> tuple[Ask, Answer]:
    answer = _PlainAnswer()

    def ask() -> int:
        answer.value = socket.getsockopt(zmq.RCVMORE)  # type: ignore[assignment]
        return 0

    return ask, answer
