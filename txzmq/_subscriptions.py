"""
What a SUB or XSUB socket has asked for.  (Who has asked an XPUB is in ``_subscribers``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

import zmq

from ._descriptor import Descriptor
from .errors import ZmqFrameError, ZmqFrameTypeError

#: The types of those who ask.
_ASKING = frozenset({zmq.SUB, zmq.XSUB})

#: What an XSUB sends in the place of an option: this, and the topic.  Source:
#: zmq_socket(3).
_PREFIXES = {zmq.SUBSCRIBE: b"\1", zmq.UNSUBSCRIBE: b"\0"}

#: The most bytes of a topic.  libzmq keeps what it has asked for as a chain of bytes,
#: and frees it with a call within a call for each.  Where that is more than the stack of
#: a thread holds, the process dies: of 20,000 bytes if that has 512 KiB, as on macOS,
#: and of 200,000 if it has 8 MiB, as on Linux.
MAX_TOPIC = 8192


class Subscriptions:
    """
    The topics of a socket.  libzmq counts how often each is asked for; here it is once.

    :param byOption: whether it is SUB; an XSUB sends messages.
    """

    def __init__(self, byOption: bool) -> None:
        self._byOption = byOption
        self._topics: set[bytes] = set()

    def topics(self) -> frozenset[bytes]:
        """
        :return: what is asked for.
        """
        return frozenset(self._topics)

    def add(self, topic: bytes, descriptor: Descriptor) -> None:
        """
        Ask for a topic, unless that was done.

        :param descriptor: the socket.
        """
        if topic not in self._topics:
            self._tell(descriptor, zmq.SUBSCRIBE, topic)
            self._topics.add(topic)

    def remove(self, topic: bytes, descriptor: Descriptor) -> None:
        """
        Undo :meth:`add`, if there is something to undo.
        """
        if topic in self._topics:
            self._tell(descriptor, zmq.UNSUBSCRIBE, topic)
            self._topics.discard(topic)

    def _tell(self, descriptor: Descriptor, option: zmq.SocketOption, topic: bytes) -> None:
        if self._byOption:
            descriptor.setOption(option, topic)
        else:
            descriptor.sendMultipart([_PREFIXES[option] + topic])


class AskingDescriptor(Descriptor):
    """
    A SUB or XSUB in a reactor.  Any frame that an XSUB is told to send may ask for a
    topic too, and is often what somebody else has asked for.
    """

    __slots__ = ()

    def setOption(self, option: int, value: Union[int, bytes]) -> None:
        """
        As every descriptor.

        :raise ZmqFrameError: it asks for too long a topic.
        """
        if option == zmq.SUBSCRIBE and isinstance(value, bytes):
            _checkLength(len(value))
        super().setOption(option, value)

    def sendMultipart(self, frames: Sequence[bytes]) -> None:
        """
        As every descriptor.

        :raise ZmqFrameError: a frame asks for too long a topic; nothing is sent.
        """
        _checkFrames(frames)
        super().sendMultipart(frames)

    def _sendAndLook(self, frame: bytes, flags: int) -> None:
        _checkFrames([frame])
        super()._sendAndLook(frame, flags)


def descriptorClass(socketType: object) -> type[Descriptor]:
    """
    :return: what is to be made of a socket.
    """
    return AskingDescriptor if socketType in _ASKING else Descriptor


def _checkFrames(frames: Sequence[bytes]) -> None:
    for frame in frames:
        if frame.startswith(_PREFIXES[zmq.SUBSCRIBE]):
            _checkLength(len(frame) - 1)


def _checkLength(length: int) -> None:
    if length > MAX_TOPIC:
        raise ZmqFrameError(
            f"a subscription has {MAX_TOPIC} bytes at most, not {length}: ask for the beginning"
            " of the topic, and compare the rest of what comes"
        )


def subscriptionsOf(socketType: object) -> Optional[Subscriptions]:
    """
    :return: those of a new socket, none yet; ``None`` if its type has none.
    """
    return Subscriptions(socketType == zmq.SUB) if socketType in _ASKING else None


def checkTopic(topic: Any) -> bytes:
    """
    :return: the topic.
    :raise ZmqFrameTypeError: it is not ``bytes``.
    """
    if not isinstance(topic, bytes):
        raise ZmqFrameTypeError(f"a subscription is bytes, not {topic!r:.80}")
    return topic
