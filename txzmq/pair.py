"""
Exactly two peers.
"""

from __future__ import annotations

import zmq

from .connection import ZmqConnection


class ZmqPairConnection(ZmqConnection):
    """
    Talks to one other pair connection, both ways (``ZMQ_PAIR``).

    Use :meth:`send`, and override :meth:`messageReceived`.  A second peer is
    turned away as long as the first is there.
    """

    socketType = zmq.PAIR
