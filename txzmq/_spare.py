"""
Whether enough file descriptors are left, where libzmq would end the process if
there were not.

libzmq reports most of what it cannot open.  In some places it does not expect
to fail, and aborts: when the first socket of a context starts its threads, and
when an address is bound by the name of an interface, for which it lists them
all.  So these two are tried out before: that costs microseconds, and happens
seldom.

Between our look and libzmq's another thread can take what was left.  So more are
asked for than needed.

What was rejected: counting the files in ``/dev/fd`` and comparing them with the
limit costs more, knows nothing of the limit of the whole system, and is not to
be had everywhere.  Keeping some open as a reserve keeps them from others, and
when it is released anybody may get them.
"""

from __future__ import annotations

import os
from typing import Any

import zmq

#: What others may take while libzmq opens its own.
_MARGIN = 4

#: For the thread that closes sockets, and for the first socket itself.
_PER_CONTEXT = 3

#: For a thread that does input and output.
_PER_THREAD = 2

#: To list the interfaces, and to listen.
_PER_BINDING = 2


def checkForContext(context: zmq.Context[Any]) -> None:
    """
    To be called before the first socket of a context is opened.

    :raise zmq.ZMQError: there are not enough descriptors for its threads.
    """
    threads: int = context.get(zmq.IO_THREADS)
    _check(_PER_CONTEXT + _PER_THREAD * threads + _MARGIN)


def checkForBinding(address: str) -> None:
    """
    To be called before an address is bound.

    :param address: which; ``inproc`` needs none.
    :raise zmq.ZMQError: there are not enough descriptors to find its interface.
    """
    if not address.startswith("inproc:"):
        _check(_PER_BINDING + _MARGIN)


def _check(count: int) -> None:
    taken: list[int] = []
    try:
        # Two at a time; and needs no file that might not be there.
        while len(taken) < count:
            taken.extend(os.pipe())
    except OSError as error:
        # As libzmq says it where it does.
        raise zmq.ZMQError(error.errno) from error
    finally:
        for descriptor in taken:
            os.close(descriptor)
