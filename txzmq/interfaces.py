"""
What the parts of txZMQ ask of each other.
"""

from __future__ import annotations

import zmq
from twisted.internet.interfaces import IReactorCore, IReactorFDSet, IReactorTime
from zope.interface import Attribute, Interface


class IZmqReactor(IReactorCore, IReactorFDSet, IReactorTime):
    """
    What a reactor must be able to do: watch descriptors, call later, and tell
    when it stops.  Only a name for types: no reactor declares it.
    """


class IZmqFactory(Interface):
    """
    What connections, and those who use them, expect of a factory.
    ``ZmqFactory`` is one.
    """

    reactor = Attribute("The reactor of all the connections, an ``IZmqReactor``.")

    connections = Attribute("The set of the open connections; ``None`` after shutdown.")

    context = Attribute("The ``zmq.Context`` to open sockets in.")

    lingerPeriod = Attribute("How long to hold unsent messages when closing, in milliseconds.")

    def openSocket(socketType: int) -> zmq.Socket[bytes]:
        """
        Open a socket that lingers for ``lingerPeriod`` when it is closed.

        :raise ZmqClosedError: the factory is shut down.
        :raise ZmqSocketError: there can be no more sockets.
        :raise ZmqOptionError: a setting has a value that cannot be.
        """
