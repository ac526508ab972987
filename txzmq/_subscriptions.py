"""
What a SUB or XSUB socket has asked for.  (Who has asked an XPUB is in ``_subscribers``.)
"""

from __future__ import annotations

from typing import Any, Optional

import zmq

from ._control import MAX_TOPIC
from ._descriptor import Descriptor
from .errors import ZmqFrameError, ZmqFrameTypeError

#: What an XSUB sends in the place of an option: this, and the topic.  Source:
#: zmq_socket(3).
_PREFIXES = {zmq.SUBSCRIBE: b"\1", zmq.UNSUBSCRIBE: b"\0"}


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


def subscriptionsOf(socketType: object) -> Optional[Subscriptions]:
    """
    :return: those of a new socket, none yet; ``None`` if its type has none.
    """
    return Subscriptions(socketType == zmq.SUB) if socketType in (zmq.SUB, zmq.XSUB) else None


def checkTopic(topic: Any) -> bytes:
    """
    :return: the topic.
    :raise ZmqFrameTypeError: it is not ``bytes``.
    :raise ZmqFrameError: it is longer than libzmq can bear.
    """
    if not isinstance(topic, bytes):
        raise ZmqFrameTypeError(f"a subscription is bytes, not {topic!r:.80}")
    if len(topic) > MAX_TOPIC:
        raise ZmqFrameError(f"a subscription has {MAX_TOPIC} bytes at most, not {len(topic)}")
    return topic
