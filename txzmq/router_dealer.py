"""
Router and dealer: requests and replies in the raw, for protocols of your own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import zmq

from ._frames import Frame, toBytes, toFrames
from .connection import ZmqConnection


class ZmqBase(ZmqConnection):
    """
    What router and dealer connections have in common.

    Override :meth:`gotMessage`.
    """

    def sendMsg(self, message: Frame) -> None:
        """
        Send a message of one frame.

        :raise ZmqAgainError: no peer is there, or their queues are full.
        :raise ZmqFrameError: it is no valid message.
        :raise ZmqClosedError: the connection is closed.
        """
        # Bytes as they are take the short way.
        self.send(message if type(message) is bytes else [message])

    def sendMultipart(self, parts: Iterable[Frame]) -> None:
        """
        Send a message of several frames; otherwise as :meth:`sendMsg`.
        """
        self.send(parts)

    def messageReceived(self, message: list[bytes]) -> object:
        """
        Pass a message to :meth:`gotMessage`, frame by frame.
        """
        return self.gotMessage(*message)

    def gotMessage(self, *parts: Any, **kwargs: Any) -> object:
        """
        A message has come; to be overridden, or assigned, by users.

        :param parts: its frames.
        :param kwargs: nothing; lets overrides name the frames they expect.
        """
        raise NotImplementedError(f"{type(self).__name__}: override gotMessage")


class ZmqDealerConnection(ZmqBase):
    """
    Sends to all its peers in turn, and receives from all (``ZMQ_DEALER``).
    """

    socketType = zmq.DEALER


class ZmqRouterConnection(ZmqBase):
    """
    Knows its peers by their ids, and sends to the one it wants
    (``ZMQ_ROUTER``).

    A message for a peer that is not there, or that has no room for it, is
    dropped, as libzmq does it, unless ``ROUTER_MANDATORY`` is set on the socket.
    """

    socketType = zmq.ROUTER

    def sendMsg(  # type: ignore[override]
        self, recipientId: Frame, message: Frame
    ) -> None:
        """
        Send a message of one frame.

        :param recipientId: the peer, as :meth:`gotMessage` got it.
        :raise ZmqSocketError: libzmq refused it, as it does when
            ``ROUTER_MANDATORY`` is set on the socket: ``ZmqAgainError`` if the
            queue for this peer is full, and without a route to it.
        :raise ZmqFrameError: it is no valid message.
        :raise ZmqClosedError: the connection is closed.
        """
        self.send([toBytes(recipientId, "recipientId"), toBytes(message, "message")])

    def sendMultipart(  # type: ignore[override]
        self, recipientId: Frame, parts: Iterable[Frame]
    ) -> None:
        """
        Send a message of several frames; otherwise as :meth:`sendMsg`.
        """
        self.send([toBytes(recipientId, "recipientId"), *toFrames(parts)])

    def gotMessage(self, senderId: bytes, *parts: Any, **kwargs: Any) -> object:
        """
        A message has come; to be overridden, or assigned, by users.

        :param senderId: the peer that sent it.
        :param parts: the frames of the message.
        :param kwargs: nothing; lets overrides name the frames they expect.
        """
        raise NotImplementedError(f"{type(self).__name__}: override gotMessage")
