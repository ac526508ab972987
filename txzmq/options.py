"""
The settings of a connection: which attribute stands for which libzmq option,
and until when it can be changed.

A class says ``highWaterMark = 1000`` and its connections are opened so; that
is how txZMQ has been configured ever since.  To let an assignment on a *living*
connection reach its socket, :func:`adopt` turns such plain class attributes
into :class:`Setting` descriptors that read like the plain value.  It looks at
every construction again, since values are assigned to and deleted from classes
at any time.  A ``__setattr__`` on the connection would do as well, and would
make each ``self.count += 1`` of a user's callback ten times slower; a metaclass
would not go together with other people's.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, Optional

import zmq

from ._frames import toBytes
from .errors import ZmqOptionError

#: In milliseconds.
_LONGEST_TTL = 6_553_599


class Until(enum.Enum):
    """
    The last moment at which a setting can be changed.
    """

    #: Any time.  The high-water mark counts at once, the rest for endpoints
    #: opened later: libzmq looks at its options when it opens one.
    closed = "the connection is closed"

    #: Before the first endpoint.
    opened = "the first endpoint is opened"

    #: Before the connection is made.
    made = "the connection is made"


class Option(NamedTuple):
    """
    One row of :data:`OPTIONS`.

    :ivar names: the options of libzmq that it stands for.
    :ivar encode: from the value that users write to the one libzmq takes;
        raises ``TypeError`` or ``ValueError`` with a text that goes on after
        "highWaterMark".
    :ivar default: what libzmq does by itself, encoded; not set again.
    :ivar until: the last moment to change it.
    """

    names: tuple[str, ...]
    encode: Callable[[Any], Any]
    default: object
    until: Until = Until.closed


def _integer(lowest: int) -> Callable[[Any], int]:
    def encode(value: Any) -> int:
        if not isinstance(value, int) or not lowest <= value <= 0x7FFFFFFF:
            raise ValueError(f"is a whole number from {lowest} up, not {value!r}")
        return int(value)

    return encode


def _orDefault(value: Any) -> int:
    # 0 has always meant "as the system has it", for which libzmq says -1.
    return _integer(-1)(value) or -1


def _reconnectInterval(value: Any) -> int:
    # libzmq takes 0 at its word, and then never connects again.
    return _integer(-1)(value) or 100


def _orInterval(value: Any) -> int:
    # -1 is where a socket begins; libzmq does not take it back.
    return _integer(0)(value) or -1


def _timeToLive(value: Any) -> int:
    # On the wire it has 16 bits, in tenths of a second.
    if _integer(0)(value) > _LONGEST_TTL:
        raise ValueError(f"is at most {_LONGEST_TTL}, not {value!r}")
    return int(value)


def _identity(value: Any) -> Optional[bytes]:
    if value is None:
        return None
    if not isinstance(value, (bytes, str)):
        raise TypeError(f"is bytes or text, not {value!r}")
    identity = toBytes(value)
    if len(identity) > 255 or identity[:1] in (b"", b"\0"):
        raise ValueError(f"has 1 to 255 bytes and does not begin with NUL, not {value!r}")
    return identity


def _socketType(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError(
            f"is {value!r}: use a subclass such as ZmqPushConnection, or set it"
            " in a subclass to a type such as zmq.PUSH"
        )
    return int(value)


#: Sources: zmq_setsockopt(3), zmq_socket(3).  Values are those of txZMQ 1.0.
OPTIONS: dict[str, Option] = {
    "allowLoopbackMulticast": Option(("MULTICAST_LOOP",), int, 1),
    "multicastRate": Option(("RATE",), _integer(1), 100),
    "highWaterMark": Option(("SNDHWM", "RCVHWM"), _integer(0), 1000),
    "tcpKeepalive": Option(("TCP_KEEPALIVE",), _orDefault, -1),
    "tcpKeepaliveCount": Option(("TCP_KEEPALIVE_CNT",), _orDefault, -1),
    "tcpKeepaliveIdle": Option(("TCP_KEEPALIVE_IDLE",), _orDefault, -1),
    "tcpKeepaliveInterval": Option(("TCP_KEEPALIVE_INTVL",), _orDefault, -1),
    "reconnectInterval": Option(("RECONNECT_IVL",), _reconnectInterval, 100),
    "reconnectIntervalMax": Option(("RECONNECT_IVL_MAX",), _integer(0), 0),
    "heartbeatInterval": Option(("HEARTBEAT_IVL",), _integer(0), 0),
    "heartbeatTimeout": Option(("HEARTBEAT_TIMEOUT",), _orInterval, -1),
    "heartbeatTtl": Option(("HEARTBEAT_TTL",), _timeToLive, 0),
    "identity": Option(("ROUTING_ID",), _identity, b"", Until.opened),
    "immediate": Option(("IMMEDIATE",), int, 0),
    "socketType": Option((), _socketType, None, Until.made),
}


def isSeconds(value: object) -> bool:
    """
    :return: whether it is a length of time that a reactor can count with.
    """
    # An int may be too large to become a float.
    return isinstance(value, (int, float)) and 0 <= value <= sys.float_info.max


def encode(name: str, value: object) -> Any:
    """
    :return: the value as libzmq takes it.
    :raise ZmqOptionError: the setting cannot have it.
    """
    try:
        return OPTIONS[name].encode(value)
    except (TypeError, ValueError) as error:
        raise ZmqOptionError(name, f"{name} {error}") from error


def apply(setOption: Callable[[int, Any], None], name: str, value: object) -> None:
    """
    Hand one setting to libzmq.

    :param setOption: sets an option of a socket.
    :param value: as the user wrote it.
    :raise ZmqOptionError: the value is invalid.
    """
    for option, encoded in _encoded(name, value):
        setOption(option, encoded)


def _encoded(name: str, value: object) -> Iterator[tuple[int, Any]]:
    """
    :return: the options of libzmq that a setting stands for, and their value.
    :raise ZmqOptionError: the setting cannot have it.
    """
    encoded = encode(name, value)
    if encoded is not None:  # to have no identity is where a socket begins
        for option in OPTIONS[name].names:
            yield getattr(zmq, option), encoded


#: The values of all settings of a connection.
_allOf = attrgetter(*OPTIONS)

#: The types of what stays as it is, and can be kept.
_PLAIN = frozenset({int, bool, bytes, str, type(None), type(zmq.PUSH)})


# Connections are many, and what is set in them is mostly the same.
@lru_cache
def _different(*values: object) -> tuple[tuple[int, Any], ...]:
    """
    :param values: of all settings, as users wrote them.
    :return: the options of libzmq which these do not leave as they are by default.
    """
    return tuple(
        pair
        for name, value in zip(OPTIONS, values)
        if encode(name, value) != OPTIONS[name].default
        for pair in _encoded(name, value)
    )


def applyAll(setOption: Callable[[int, Any], None], owner: object) -> None:
    """
    Hand over every setting in which ``owner`` differs from libzmq's defaults.

    :raise ZmqOptionError: one is invalid.
    """
    values = _allOf(owner)
    different = _different if _PLAIN.issuperset(map(type, values)) else _different.__wrapped__
    for option, encoded in different(*values):
        setOption(option, encoded)


class Setting:
    """
    A class attribute that reads like a plain value; assigning to it on a
    connection also tells the connection, by its ``_settingChanged``.

    :param name: of the setting, a key of :data:`OPTIONS`.
    :param value: what the class has.
    """

    def __init__(self, name: str, value: object) -> None:
        self.name = name
        self.value = value

    def __get__(self, instance: object | None, owner: type) -> object:
        if instance is None:
            return self.value
        return instance.__dict__.get(self.name, self.value)

    def __set__(self, instance: object, value: object) -> None:
        self._tell(instance, value)
        vars(instance)[self.name] = value

    def __delete__(self, instance: object) -> None:
        if self.name not in vars(instance):
            raise AttributeError(self.name)
        self._tell(instance, self.value)
        del vars(instance)[self.name]

    def _tell(self, instance: object, value: object) -> None:
        # A mixin can be part of other classes, which are not connections.
        tell = getattr(instance, "_settingChanged", None)
        if tell is not None:
            tell(self.name, value)


def adopt(cls: type) -> None:
    """
    Let assignments on the instances of ``cls`` be noticed.

    Turns the plain values that the class and its bases have for settings into
    :class:`Setting`; a user's own property is left alone.  A value assigned to
    a class while it has connections is turned when the next one is made.
    """
    for base in cls.__mro__:
        own = vars(base)
        for name in OPTIONS.keys() & own.keys():
            value = own[name]
            # Most have been turned: that is asked first.
            if type(value) is not Setting and not hasattr(value, "__get__"):
                setattr(base, name, Setting(name, value))
