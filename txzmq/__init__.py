"""
ZeroMQ for Twisted.

Start with :class:`ZmqFactory` and a connection, such as
:class:`ZmqPubConnection`; the documentation has a tutorial.
"""

from ._version import VersionInfo, version, version_info
from ._version import __version__ as __version__
from .connection import ReadBudget, ZmqConnection
from .endpoint import ZmqEndpoint, ZmqEndpointType
from .errors import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqEndpointError,
    ZmqError,
    ZmqForkedError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqNotSupportedError,
    ZmqOptionError,
    ZmqProducerError,
    ZmqReactorError,
    ZmqReplyError,
    ZmqRequestIdError,
    ZmqRequestTimeoutError,
    ZmqSocketError,
    ZmqThreadError,
    ZmqTooManyRequestsError,
    ZmqUnsentError,
    ZmqUsageError,
)
from .events import SocketEvent
from .factory import ZmqFactory
from .opening import connectZMQ, createZmqConnection, listenZMQ
from .pair import ZmqPairConnection
from .protocol import ZmqProtocol, ZmqProtocolFactory
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
from .transport import ZmqTransport

__all__ = [
    "MessageId",
    "ReadBudget",
    "SocketEvent",
    "VersionInfo",
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
    "ZmqForkedError",
    "ZmqFrameError",
    "ZmqFrameTypeError",
    "ZmqNotSupportedError",
    "ZmqOptionError",
    "ZmqPairConnection",
    "ZmqProducerError",
    "ZmqProtocol",
    "ZmqProtocolFactory",
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
    "ZmqThreadError",
    "ZmqTooManyRequestsError",
    "ZmqTransport",
    "ZmqUnsentError",
    "ZmqUsageError",
    "ZmqXREPConnection",
    "ZmqXREQConnection",
    "connectZMQ",
    "createZmqConnection",
    "listenZMQ",
    "version",
    "version_info",
]
