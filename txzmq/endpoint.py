"""
What a connection binds or connects to.
"""

from __future__ import annotations

from typing import NamedTuple


class ZmqEndpointType:
    """
    The two ways to meet a peer.
    """

    #: Open the address and wait for peers.
    bind = "bind"

    #: Go to an address that somebody else has bound, or will bind.
    connect = "connect"


class ZmqEndpoint(NamedTuple):
    """
    An address, and what to do with it.  A plain tuple of two strings: it can
    be compared, and used as the key of a dictionary.
    """

    #: :attr:`ZmqEndpointType.bind` or :attr:`ZmqEndpointType.connect`.
    type: str

    #: A libzmq address: ``tcp://host:port``, ``ipc://path``,
    #: ``inproc://name``, ``epgm://interface;group:port``.  For binding,
    #: ``tcp://127.0.0.1:*`` takes a free port.
    address: str
