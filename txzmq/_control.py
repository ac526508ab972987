"""
What is done to a socket besides sending and receiving: its options, the events that
libzmq is to report of it, and how long it lingers.
"""

from __future__ import annotations

from itertools import count
from math import inf
from time import monotonic
from typing import Optional, Union

import zmq

from ._advice import socketError
from ._callbacks import shown
from .errors import ZmqOptionError, ZmqSocketError

#: Those that have nothing to send, but for subscriptions, which are of no use to
#: anybody when the socket is closed.
_READ_ONLY = frozenset({zmq.PULL, zmq.SUB})

#: Makes the address of each monitor another.
_serial = count()


def setOption(socket: zmq.Socket[bytes], option: int, value: Union[int, bytes]) -> None:
    """
    :param option: one of libzmq's.
    :raise ZmqSocketError: libzmq refused it.
    :raise ZmqOptionError: the value is of the wrong type.
    """
    name = getattr(option, "name", str(option))
    try:
        if value is None:
            # pyzmq for PyPy would take it for 0, which often means: without a bound.
            raise TypeError("that is no value")
        socket.setsockopt(option, value)
    except zmq.ZMQError as error:
        text = f"libzmq refuses {name} = {shown(value)}: {error.strerror}"
        raise ZmqSocketError(error.errno or 0, text) from error
    except (OverflowError, TypeError, ValueError) as error:
        raise ZmqOptionError(name, f"{name} cannot be {shown(value)}: {error}") from error


def getOption(socket: zmq.Socket[bytes], option: int) -> Union[int, bytes]:
    """
    :param option: one of libzmq's.
    :raise ZmqSocketError: libzmq refused it.
    :raise ZmqOptionError: that is no option.
    """
    name = getattr(option, "name", str(option))
    try:
        return socket.getsockopt(option)
    except zmq.ZMQError as error:
        raise ZmqSocketError(error.errno or 0, f"libzmq refuses to tell {name}") from error
    except (OverflowError, TypeError, ValueError) as error:
        raise ZmqOptionError(name, f"{name} is no option: {error}") from error


def openMonitor(socket: zmq.Socket[bytes], events: int) -> zmq.Socket[bytes]:
    """
    Have libzmq report what happens to the connections under a socket.

    :param events: which events, a mask.
    :return: a socket to read them from, without end: libzmq waits until it can write
        them.
    :raise ZmqSocketError: there can be no more sockets.
    """
    address = f"inproc://txzmq-monitor-{next(_serial)}"
    try:
        # Not all of pyzmq's backends hear what libzmq says to that.
        if socket.closed:
            raise zmq.ZMQError(zmq.ENOTSOCK)
        pair: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
        try:
            pair.setsockopt(zmq.LINGER, 0)
            # No bound, and connected first: else libzmq may wait for us.
            pair.setsockopt(zmq.RCVHWM, 0)
            pair.connect(address)
            socket.monitor(address, events)
        except zmq.ZMQError:
            # What connects to an address that nobody binds stays in libzmq.
            pair.bind(address)
            pair.close()
            raise
    except zmq.ZMQError as error:
        raise socketError(error) from error
    return pair


def lingerUntil(
    socket: zmq.Socket[bytes], linger: Optional[int], until: float
) -> tuple[Optional[int], Optional[float]]:
    """
    :param linger: how long libzmq holds what a socket has not sent when it is closed, in
        milliseconds; ``None`` as it is set.
    :param until: when it is to let go of that at the latest, by ``time.monotonic``.
    :return: for how many milliseconds libzmq is to hold what it has, and when
        that will be over.
    """
    try:
        if socket.getsockopt(zmq.TYPE) in _READ_ONLY:
            return 0, None
        if linger is None:
            linger = int(socket.getsockopt(zmq.LINGER))
    except zmq.ZMQError:
        # Somebody has closed it, or terminated its context.
        return linger, None
    if linger == 0:
        return 0, None
    now = monotonic()
    left = max(0, until - now)
    if left < (inf if linger < 0 else linger / 1000):
        # A little more, so that what libzmq gives up is known to be late.
        return int(left * 1000) + 2 * (left > 0), now + left
    return linger, inf if linger < 0 else now + linger / 1000
