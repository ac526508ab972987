"""
What is done to a socket besides sending and receiving: its options, and the events
that libzmq is to report of it.
"""

from __future__ import annotations

from itertools import count
from typing import Union

import zmq

from ._advice import socketError
from ._callbacks import shown
from .errors import ZmqOptionError, ZmqSocketError

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
