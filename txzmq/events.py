"""
What happens to the connections under a socket, as libzmq's monitor tells it.

No socket here: two frames in, one :class:`SocketEvent` out.

Source: zmq_socket_monitor(3).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import NamedTuple, Union

import zmq

from .errors import ZmqFrameError

__all__ = ["SocketEvent"]

#: The first frame: number of the event, value.  The byte order is the host's.
_HEADER = struct.Struct("=HI")

#: The names of error numbers, the system's and libzmq's own.
_ERRORS = {**{int(number): number.name for number in zmq.Errno}, **errno.errorcode}

#: The names of the errors that peers make during the handshake, without what
#: all of them begin with.
_PROTOCOL_ERRORS = {
    int(number): name[len("PROTOCOL_ERROR_") :]
    for name, number in zmq.Event.__members__.items()
    if name.startswith("PROTOCOL_ERROR_")
}


class ErrorNumber(int):
    """
    The value of an event that carries an error number.
    """

    def __str__(self) -> str:
        name = _ERRORS.get(self)
        return f"{name}: {zmq.strerror(self)}" if name else f"{int(self)}"


class ProtocolError(int):
    """
    The value of an event about a peer that does not keep to the protocol, one
    of the ``zmq.PROTOCOL_ERROR_...``.
    """

    def __str__(self) -> str:
        return _PROTOCOL_ERRORS.get(self, hex(self))


class Milliseconds(int):
    """
    The value of an event that carries a time.
    """

    def __str__(self) -> str:
        return f"{int(self)} ms"


class SocketEvent(NamedTuple):
    """
    One event.  ``str(event)`` is a line for a log.
    """

    #: Which one, comparable to ``zmq.EVENT_CONNECTED`` and the like; a plain
    #: number if pyzmq does not know it.
    event: Union[zmq.Event, int]

    #: A whole number.  Its ``str`` tells what it means: the name of an error
    #: number or of a breach of the protocol, a time; or a file descriptor, or
    #: nothing.
    value: int

    #: The address of the endpoint it is about, decoded as well as possible.
    endpoint: str

    @property
    def name(self) -> str:
        """
        The name of the event, such as ``"CONNECTED"``; ``"0x8000"`` for one
        that has no name.
        """
        return getattr(self.event, "name", None) or f"{self.event:#06x}"

    def __str__(self) -> str:
        return f"{self.name} {self.endpoint} ({self.value!s})"


#: What the values mean, where they are not just a number.  The names are those
#: of ``zmq.Event``: not each pyzmq has all of them as ``zmq.EVENT_...``.
_MEANING: dict[int, Callable[[int], int]] = {
    zmq.Event.CONNECT_DELAYED: ErrorNumber,
    zmq.Event.CONNECT_RETRIED: Milliseconds,
    zmq.Event.BIND_FAILED: ErrorNumber,
    zmq.Event.ACCEPT_FAILED: ErrorNumber,
    zmq.Event.CLOSE_FAILED: ErrorNumber,
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL: ErrorNumber,
    zmq.Event.HANDSHAKE_FAILED_PROTOCOL: ProtocolError,
}

#: ``zmq.Event`` is a set of flags, and would make a name for any number.
_KNOWN = {int(event) for event in zmq.Event if bin(event).count("1") == 1}


def decode(message: list[bytes]) -> SocketEvent:
    """
    :param message: what a monitor sends.
    :raise ZmqFrameError: it is nothing that a monitor sends.
    """
    if len(message) != 2 or len(message[0]) != _HEADER.size:
        raise ZmqFrameError(f"not an event of a monitor: {message!r:.80}")
    number, value = _HEADER.unpack(message[0])
    event: Union[zmq.Event, int] = number
    if number in _KNOWN:
        event = zmq.Event(number)
    meaning = _MEANING.get(number, int)
    return SocketEvent(event, meaning(value), message[1].decode("utf-8", "backslashreplace"))
