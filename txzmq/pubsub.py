"""
Publish and subscribe.

A published message is one frame: the tag, a separator, and the message.  That
is how txZMQ has always done it, because multicast transports mix up the frames
of different publishers.
"""

from __future__ import annotations

import zmq
from twisted.logger import Logger

from ._callbacks import shown
from ._frames import PREFIXES, Frame, joinTopic, splitTopic, toBytes
from .connection import ZmqConnection
from .errors import ZmqFrameError

log = Logger()

#: What stands between tag and message.
TOPIC_SEPARATOR = b"\0"


class ZmqPubConnection(ZmqConnection):
    """
    Publishes messages to everybody who has subscribed (``ZMQ_PUB``).

    A message that nobody has subscribed to, or that a subscriber has no room
    for, is dropped.
    """

    socketType = zmq.PUB

    #: What stands between tag and message; the same in subscribers.
    topicSep: bytes = TOPIC_SEPARATOR

    def publish(self, message: Frame, tag: Frame = b"") -> None:
        """
        Publish a message.

        :param message: bytes, or text to be encoded as UTF-8.
        :param tag: what it is about; it goes to those who have subscribed to a
            beginning of it.
        :raise ZmqFrameError: the tag contains :attr:`topicSep`, or one of them
            is neither text nor bytes-like.
        :raise ZmqClosedError: the connection is closed.
        """
        separator = self.topicSep
        if type(message) is type(tag) is type(separator) is bytes:
            # The usual case, without a call, which would cost a tenth of the whole.
            self.send(PREFIXES[separator][tag] + message)
        else:
            self.send(joinTopic(message, tag, separator))


class ZmqSubConnection(ZmqConnection):
    """
    Receives what publishers publish, if it has subscribed to it (``ZMQ_SUB``).

    Override :meth:`gotMessage`, and :meth:`subscribe`.
    """

    socketType = zmq.SUB

    #: What stands between tag and message; the same in publishers.
    topicSep: bytes = TOPIC_SEPARATOR

    def subscribe(self, tag: Frame) -> None:
        """
        Ask for the messages whose tag begins with ``tag``.

        It takes a moment for publishers to know; what they publish meanwhile
        does not arrive.

        :param tag: bytes, or text to be encoded as UTF-8; empty for all.
        :raise ZmqFrameTypeError: it is something else.
        :raise ZmqFrameError: it has more than 8192 bytes, which libzmq might not survive.
        :raise ZmqClosedError: the connection is closed.
        """
        self._openDescriptor().setOption(zmq.SUBSCRIBE, toBytes(tag, "tag"))

    def unsubscribe(self, tag: Frame) -> None:
        """
        Undo one :meth:`subscribe` with the same ``tag``.
        """
        self._openDescriptor().setOption(zmq.UNSUBSCRIBE, toBytes(tag, "tag"))

    def messageReceived(self, message: list[bytes]) -> object:
        """
        Split a message and pass it to :meth:`gotMessage`.

        :param message: one frame, as :class:`ZmqPubConnection` sends it; or
            two, tag and message.  Others are logged and dropped.
        """
        separator = b""
        if len(message) == 1:
            # The usual case, without a call, which would cost a fifteenth of the whole.
            try:
                tag, separator, body = message[0].partition(self.topicSep)
            except TypeError:
                pass  # a separator that is text
        if not separator:
            try:
                body, tag = splitTopic(message, self.topicSep)
            except ZmqFrameError as error:
                log.warn("{connection} dropped {error}", connection=shown(self), error=error)
                return None
        return self.gotMessage(body, tag)

    def gotMessage(self, message: bytes, tag: bytes) -> object:
        """
        A message has come; to be overridden, or assigned, by users.

        :param message: what was published.
        :param tag: what it is about; empty if the publisher gave none.
        """
        raise NotImplementedError(f"{type(self).__name__}: override gotMessage")
