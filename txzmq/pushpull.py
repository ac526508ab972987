"""
Push and pull: work for whoever is free.
"""

from __future__ import annotations

import zmq

from ._frames import Message
from .connection import ZmqConnection


class ZmqPushConnection(ZmqConnection):
    """
    Sends each message to one of the pullers, in turn (``ZMQ_PUSH``).
    """

    socketType = zmq.PUSH

    def push(self, message: Message) -> None:
        """
        Send a message.

        :param message: one frame or an iterable of frames.
        :raise ZmqAgainError: no puller is there, or their queues are full.
        :raise ZmqFrameError: it is no valid message.
        :raise ZmqClosedError: the connection is closed.
        """
        self.send(message)


class ZmqPullConnection(ZmqConnection):
    """
    Receives messages from all pushers, fairly (``ZMQ_PULL``).

    Override :meth:`onPull`.
    """

    socketType = zmq.PULL

    def messageReceived(self, message: list[bytes]) -> object:
        """
        Pass a message to :meth:`onPull`.
        """
        return self.onPull(message)

    def onPull(self, message: list[bytes]) -> object:
        """
        A message has come; to be overridden, or assigned, by users.

        :param message: the list of its frames, also if it is only one.
        """
        raise NotImplementedError(f"{type(self).__name__}: override onPull")
