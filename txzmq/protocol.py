"""
Base classes for protocols, and for those who make them.
"""

from __future__ import annotations

from typing import Any, Optional

from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from .events import SocketEvent
from .interfaces import IZmqProtocol, IZmqProtocolFactory, IZmqTransport

__all__ = ["ZmqProtocol", "ZmqProtocolFactory"]


@implementer(IZmqProtocol)
class ZmqProtocol:
    """
    What happens on one socket.  Override what you want to hear of; each method
    may be ``async def``.
    """

    #: The transport, once there is a connection.
    transport: Any = None

    #: The factory that made the protocol, if one did.
    factory: Any = None

    #: The type of the socket, such as ``zmq.PUSH``, for ``connectZMQ`` and
    #: ``listenZMQ``; without it, the factory's.
    socketType: Optional[int] = None

    def makeConnection(self, transport: IZmqTransport) -> object:
        """
        Set :attr:`transport`, and call :meth:`connectionMade`.
        """
        self.transport = transport
        return self.connectionMade()

    def connectionMade(self) -> object:
        """
        The transport is there.
        """

    def messageReceived(self, parts: list[bytes]) -> object:
        """
        A message has come.

        :param parts: its frames, at least one.
        """

    def eventReceived(self, event: SocketEvent) -> object:
        """
        Something has happened to a connection of the socket; after
        ``transport.enableMonitor()`` only.
        """

    def pauseWriting(self) -> object:
        """
        More waits to be sent than ``transport.setWriteBufferLimits`` allows.
        """

    def resumeWriting(self) -> object:
        """
        There is room again.
        """

    def connectionLost(self, reason: Failure) -> object:
        """
        The transport is closed.

        :param reason: ``ConnectionDone`` if it was closed in an orderly way,
            ``ConnectionAborted`` if it was aborted, ``ConnectionLost`` if the reactor
            stopped first, ``ZmqUnsentError`` if not all could be sent in time,
            otherwise the error.
        """


@implementer(IZmqProtocolFactory)
class ZmqProtocolFactory(Factory):
    """
    Makes protocols for ``connectZMQ`` and ``listenZMQ``: set ``protocol`` to the
    class, or use ``ZmqProtocolFactory.forProtocol``.
    """

    #: The type of the sockets, where the protocol has none of its own.
    socketType: Optional[int] = None

    #: Twisted's: whether to log that it starts and stops.
    noisy = False
