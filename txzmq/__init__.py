"""
ZeroMQ for Twisted.

Start with :class:`ZmqFactory` and a connection, such as
:class:`ZmqPubConnection`; the documentation has a tutorial.
"""

from .connection import ReadBudget, ZmqConnection
from .endpoint import ZmqEndpoint, ZmqEndpointType
from .errors import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqEndpointError,
    ZmqError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqNotSupportedError,
    ZmqOptionError,
    ZmqReactorError,
    ZmqReplyError,
    ZmqRequestIdError,
    ZmqRequestTimeoutError,
    ZmqSocketError,
    ZmqTooManyRequestsError,
    ZmqUnsentError,
    ZmqUsageError,
)
from .factory import ZmqFactory
from .pair import ZmqPairConnection
from .pubsub import ZmqPubConnection, ZmqSubConnection
from .pushpull import ZmqPullConnection, ZmqPushConnection
from .req_rep import (
    MessageId,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqXREPConnection,
    ZmqXREQConnection,
)
from .router_dealer import ZmqBase, ZmqDealerConnection, ZmqRouterConnection

__version__ = "2.0.0"

__all__ = [
    "MessageId",
    "ReadBudget",
    "ZmqAgainError",
    "ZmqBase",
    "ZmqClosedError",
    "ZmqConnection",
    "ZmqDealerConnection",
    "ZmqEndpoint",
    "ZmqEndpointError",
    "ZmqEndpointType",
    "ZmqError",
    "ZmqFactory",
    "ZmqFrameError",
    "ZmqFrameTypeError",
    "ZmqNotSupportedError",
    "ZmqOptionError",
    "ZmqPairConnection",
    "ZmqPubConnection",
    "ZmqPullConnection",
    "ZmqPushConnection",
    "ZmqREPConnection",
    "ZmqREQConnection",
    "ZmqReactorError",
    "ZmqReplyError",
    "ZmqRequestIdError",
    "ZmqRequestTimeoutError",
    "ZmqRouterConnection",
    "ZmqSocketError",
    "ZmqSubConnection",
    "ZmqTooManyRequestsError",
    "ZmqUnsentError",
    "ZmqUsageError",
    "ZmqXREPConnection",
    "ZmqXREQConnection",
]
