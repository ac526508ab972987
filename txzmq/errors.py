"""
Every exception that txZMQ raises.

They have one base, and each also inherits what a program written for pyzmq,
Twisted or plain Python would already catch in its place::

    ZmqError
     +-- ZmqSocketError            zmq.ZMQError, OSError
     |    +-- ZmqAgainError        zmq.Again, BlockingIOError
     |    |    +-- ZmqTooManyRequestsError
     |    +-- ZmqEndpointError     ValueError
     |    +-- ZmqClosedError       Twisted's ConnectionLost
     |    |    +-- ZmqForkedError
     |    +-- ZmqUnsentError       Python's TimeoutError
     |    +-- ZmqUsageError
     |         +-- ZmqReactorError RuntimeError
     |         +-- ZmqThreadError  RuntimeError
     |         +-- ZmqProducerError   RuntimeError
     |         +-- ZmqNotSupportedError   NotImplementedError
     |         +-- ZmqOptionError  ValueError
     |         +-- ZmqFrameError   ValueError
     |              +-- ZmqFrameTypeError   TypeError
     +-- ZmqRequestTimeoutError    Twisted's and Python's TimeoutError
     +-- ZmqRequestIdError         ValueError
     +-- ZmqReplyError             KeyError

An error that carries an error number is also an instance of the class that
Python itself has for that number, as of :pep:`3151`: ``PermissionError`` where
an address may not be bound, ``FileNotFoundError`` where there is none.

The text of an error says what happened, to what, and what to do; what a
program may want to look at is in attributes.
"""

from __future__ import annotations

import builtins
import errno as _errno
from typing import Any

import zmq
from twisted.internet.defer import TimeoutError as _DeferTimeoutError
from twisted.internet.error import ConnectionLost as _ConnectionLost

#: What :func:`_both` has made.
_combined: dict[tuple[Any, Any], Any] = {}


class ZmqError(Exception):
    """
    The base of all errors of this library.
    """

    def __str__(self) -> str:
        # KeyError would show the repr of the text, OSError its own fields.
        return str(self.args[-1]) if self.args else ""


class ZmqSocketError(ZmqError, zmq.ZMQError, OSError):
    """
    libzmq, or this library in its place, refused an operation on a socket.

    :param errno: the error number, one of :mod:`errno`'s or libzmq's own;
        kept in the attribute ``errno``.
    :param text: what happened and what to do; kept in ``strerror``.
    """

    errno: int
    strerror: str

    #: The class that was asked for, where Python's own class was added.
    _plain: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        number = args[0] if args else kwargs.get("errno")
        # As OSError does it, for itself only.
        python: type[OSError] = type(OSError(number, "")) if isinstance(number, int) else OSError
        return super().__new__(cls if issubclass(cls, python) else _both(cls, python))

    def __init__(self, errno: int, text: str) -> None:
        self.args = (errno, text)
        self.errno = errno
        self.strerror = text

    def __reduce__(self) -> tuple[Any, ...]:
        return (self._plain or type(self), self.args, vars(self))


def _both(cls: Any, python: Any) -> Any:
    """
    :return: the class, with another base; always the same one.
    """
    if (cls, python) not in _combined:
        names = {"__module__": cls.__module__, "__doc__": cls.__doc__, "_plain": cls._plain or cls}
        _combined[cls, python] = type(cls.__name__, (cls, python), names)
    return _combined[cls, python]


class ZmqUsageError(ZmqSocketError):
    """
    The program asks for something invalid, and libzmq was not asked; ``errno`` is
    ``EINVAL``.
    """

    def __init__(self, *args: object) -> None:
        self.args = args
        self.errno = _errno.EINVAL
        self.strerror = str(args[-1]) if args else "invalid"


class ZmqAgainError(ZmqSocketError, zmq.Again, BlockingIOError):
    """
    The message was not sent: nobody is there to take it, or the queues are
    full (``highWaterMark``).  Nothing of it has left; try again later.
    """

    def __init__(self, errno: int = _errno.EAGAIN, text: str = "try again later") -> None:
        ZmqSocketError.__init__(self, errno, text)


class ZmqTooManyRequestsError(ZmqAgainError):
    """
    A request was refused because as many as ``maxPendingRequests`` are
    waiting for a reply already.
    """


class ZmqEndpointError(ZmqSocketError, ValueError):
    """
    An endpoint cannot be bound or connected to.

    :ivar endpoint: the endpoint, as it was given; ``None`` if unknown.
    """

    endpoint: object = None


class ZmqClosedError(ZmqSocketError, _ConnectionLost):
    """
    The connection, or the factory, is closed: it cannot be used any more.
    """

    def __init__(self, errno: int = _errno.ENOTSOCK, text: str = "closed") -> None:
        ZmqSocketError.__init__(self, errno, text)


class ZmqForkedError(ZmqClosedError):
    """
    The connection, or the factory, was inherited from the process that has
    forked this one, and works only there.
    """

    def __init__(
        self,
        errno: int = _errno.ENOTSOCK,
        text: str = (
            "this belongs to the process that has forked this one: make a new ZmqFactory and"
            " new connections here"
        ),
    ) -> None:
        ZmqSocketError.__init__(self, errno, text)


class ZmqUnsentError(ZmqSocketError, builtins.TimeoutError):
    """
    A transport was closed before all that waited in it could be sent.

    :ivar messages: how many messages were lost.
    :ivar bytes: how many bytes they had.
    """

    def __init__(self, text: str, messages: int = 0, bytes: int = 0) -> None:
        ZmqSocketError.__init__(self, _errno.ETIMEDOUT, text)
        self.args = (text,)
        self.messages = messages
        self.bytes = bytes


class ZmqReactorError(ZmqUsageError, RuntimeError):
    """
    The reactor cannot watch file descriptors (``IReactorFDSet``).
    """


class ZmqThreadError(ZmqUsageError, RuntimeError):
    """
    A connection is used by another thread than the one that the reactor runs in.
    The socket was left alone.
    """

    def __init__(
        self,
        text: str = (
            "this belongs to another thread, the reactor's: use"
            " reactor.callFromThread(function, ...), or"
            " twisted.internet.threads.blockingCallFromThread"
        ),
    ) -> None:
        super().__init__(text)


class ZmqProducerError(ZmqUsageError, RuntimeError):
    """
    A transport has a producer already.
    """


class ZmqNotSupportedError(ZmqUsageError, NotImplementedError):
    """
    Sockets of this type, or this libzmq, cannot do that.
    """


class ZmqOptionError(ZmqUsageError, ValueError):
    """
    A setting has an invalid value, or was changed too late.

    :ivar name: the name of the setting.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text)
        self.name = name


class ZmqFrameError(ZmqUsageError, ValueError):
    """
    This is no valid message: it has no frames, or one that the other end would
    misunderstand.
    """


class ZmqFrameTypeError(ZmqFrameError, TypeError):
    """
    A frame is neither text nor bytes-like.
    """


class ZmqRequestTimeoutError(ZmqError, _DeferTimeoutError, builtins.TimeoutError):
    """
    No reply came in time.

    :ivar messageId: the id of the request, ``bytes``.
    """

    def __init__(self, messageId: bytes, text: str = "no reply came in time") -> None:
        self.args = (messageId, text)
        self.messageId = messageId


class ZmqRequestIdError(ZmqError, ValueError):
    """
    The id of a request, from an overridden ``_getNextId``, is unusable:
    another pending request has it, or it is not ``bytes``, or empty.
    """


class ZmqReplyError(ZmqError, KeyError):
    """
    There is no request to reply to: the id is unknown, has been answered
    already, or is shared by several clients and was given as plain ``bytes``.

    :ivar messageId: the id, ``bytes``.
    """

    def __init__(self, messageId: bytes, text: str) -> None:
        super().__init__(messageId, text)
        self.messageId = messageId
