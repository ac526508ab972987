"""
Requests and replies, many at a time.

The client is a DEALER socket and the server a ROUTER, so neither has to wait:
a request carries an id in front of the empty delimiter frame, and the reply
brings it back (ZeroMQ RFC 28/REQREP).  A plain ``zmq.REQ`` client, and proxies
in between, speak the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from itertools import islice
from math import inf
from typing import Any, Optional, Union

import zmq
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from ._callbacks import failQuietly, shown
from ._frames import Frame, Message, splitEnvelope, toFrames
from ._outbox import OF_THE_PEER, logLost
from ._requests import MessageId, PendingReplies, PendingRequests, Request, freshIds
from .connection import ZmqConnection
from .endpoint import ZmqEndpoint
from .errors import (
    ZmqClosedError,
    ZmqError,
    ZmqFrameError,
    ZmqOptionError,
    ZmqReplyError,
    ZmqRequestTimeoutError,
    ZmqSocketError,
)
from .interfaces import IZmqFactory
from .options import isSeconds

__all__ = [
    "MessageId",
    "ZmqREPConnection",
    "ZmqREQConnection",
    "ZmqReplyError",
    "ZmqRequestTimeoutError",
    "ZmqXREPConnection",
    "ZmqXREQConnection",
]

log = Logger()


class _Answering(ZmqConnection):
    """
    Sends when messages come, mostly: what it sends during a flood leaves together.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._openDescriptor().refused = self._refused

    def send(self, message: Message) -> None:
        """
        Send a message now, as every connection; but while many messages come at once,
        together with others, a little later.  If libzmq cannot take it then, that is
        logged.
        """
        descriptor = self._descriptor or self._openDescriptor()
        isOwned = descriptor.isOwned
        if not isOwned():
            descriptor.claim()
        descriptor.sendInBatch(toFrames(message))

    def _refused(self, frames: Sequence[bytes], error: ZmqSocketError) -> None:
        logLost(error)


class ZmqREQConnection(_Answering):
    """
    Sends requests and gets a Deferred for each (``ZMQ_DEALER``).
    """

    socketType = zmq.DEALER

    #: Whether a request waits here until a server is connected.  Then one that
    #: is cancelled, or whose time is over, is never sent; else libzmq keeps it
    #: for a server that comes back.
    immediate = False

    #: Seconds until a request fails for which :meth:`sendMsg` is not told
    #: another time; ``None`` is never.
    defaultRequestTimeout: Optional[float] = None

    #: How many requests may wait for a reply at a time.
    maxPendingRequests: int = 100_000

    #: How many ids are kept ready in ``_uuids``, where programs written for 1.0
    #: look at them.
    UUID_POOL_GEN_SIZE: int = 5

    def __init__(
        self,
        factory: IZmqFactory,
        endpoint: Optional[ZmqEndpoint] = None,
        identity: Union[bytes, str, None] = None,
    ) -> None:
        self._requests = PendingRequests()
        self._freshIds = freshIds()
        self._uuids: list[bytes] = []
        super().__init__(factory, endpoint, identity)

    def sendMsg(
        self, *messageParts: Frame, timeout: Optional[float] = None
    ) -> Deferred[list[bytes]]:
        """
        Send a request.  While many replies come at once, it leaves together with
        others, a little later.

        :param messageParts: its frames.
        :param timeout: seconds to wait for the reply; without it,
            :attr:`defaultRequestTimeout`.
        :return: fires with the list of the frames of the reply.  It fails with
            ``ZmqRequestTimeoutError`` if there is none in time, with
            ``ZmqClosedError`` if the connection is closed before, with
            ``ZmqOptionError`` if the timeout is invalid, and with what
            :meth:`ZmqConnection.send` raises if the request cannot be sent.  Cancel it
            to wait no longer; the server may get the request all the same.
        """
        try:
            self._openDescriptor()
            request = self._requests.open(self._getNextId(), self.maxPendingRequests)
        except Exception:
            return fail()
        messageId = request.messageId
        try:
            seconds = self.defaultRequestTimeout if timeout is None else timeout
            if seconds is not None:
                _checkTimeout(seconds)
                request.timer = self.factory.reactor.callLater(
                    seconds, self._timeoutRequest, messageId
                )
            if self.immediate:
                self._sendWhenThere(request, toFrames([messageId, b"", *messageParts]))
            else:
                self.send([messageId, b"", *messageParts])
        except ZmqFrameError as error:
            self._requests.take(messageId)
            return fail(_recounted(error, messageParts))
        except Exception:
            self._requests.take(messageId)
            return fail()
        return request

    def _refused(self, frames: Sequence[bytes], error: ZmqSocketError) -> None:
        request = self._requests.take(frames[0])
        if request is not None:
            if not request.called:
                request.errback(error)
        elif self._descriptor is not None:
            super()._refused(frames, error)

    def _sendWhenThere(self, request: Request, frames: list[bytes]) -> None:
        # Left to libzmq, a request could not be taken back.
        sending = self._postAndTell(frames, self.maxPendingRequests)

        def failed(failure: Failure) -> None:
            # A CancelledError is our own doing.
            if isinstance(failure.value, ZmqError):
                self._requests.take(request.messageId)
                failQuietly(request, failure.value)

        request.sending = sending
        sending.addErrback(failed)

    def messageReceived(self, message: list[bytes]) -> None:
        """
        Pass a reply to whoever waits for it.  A reply to nothing that is
        pending, such as one that comes too late, is logged and dropped.
        """
        request = None
        if len(message) > 1 and not message[1]:
            request = self._requests.take(message[0])
        if request is None:
            log.info(
                "{connection} dropped a reply to no pending request: {start!r}",
                connection=shown(self),
                start=message[0][:60],
            )
        else:
            try:
                self._releaseId(request.messageId)
            finally:
                if not request.called:
                    request.callback(message[2:])

    def _getNextId(self) -> bytes:
        """
        The id of the next request.  Can be overridden, by something that gives
        each pending request another one.
        """
        if not self._uuids:
            self._uuids.extend(islice(self._freshIds, max(1, self.UUID_POOL_GEN_SIZE)))
        return self._uuids.pop()

    def _releaseId(self, msgId: bytes) -> None:
        """
        A request has been answered.  Its id is never used again; a fresh one
        takes its place in the pool.
        """
        if len(self._uuids) < self.UUID_POOL_GEN_SIZE:
            self._uuids.append(next(self._freshIds))

    def _timeoutRequest(self, msgId: bytes) -> None:
        text = f"{shown(self)} got no reply in time"
        self._requests.fail(msgId, ZmqRequestTimeoutError(msgId, text))

    def _closeSocket(self) -> None:
        text = "" if self._descriptor is None else f"{shown(self)} was closed before the reply came"
        try:
            super()._closeSocket()
        finally:
            self._requests.failAll(lambda: ZmqClosedError(text=text))


class ZmqREPConnection(_Answering):
    """
    Receives requests and replies to them, in any order (``ZMQ_ROUTER``).

    Override :meth:`gotMessage`, and :meth:`reply` there or at any time later.
    """

    socketType = zmq.ROUTER

    #: How many requests to remember that are not answered yet, for programs
    #: that do not keep the ``messageId`` object itself; beyond, the oldest
    #: sixteenth is forgotten.
    maxPendingReplies: int = 10_000

    def __init__(
        self,
        factory: IZmqFactory,
        endpoint: Optional[ZmqEndpoint] = None,
        identity: Union[bytes, str, None] = None,
    ) -> None:
        self._replies = PendingReplies(self.maxPendingReplies)
        super().__init__(factory, endpoint, identity)
        # By itself libzmq drops what a client has no room for by its latest news,
        # which may be old: under a flood it does not look whether there is room.
        self._openDescriptor().setOption(zmq.ROUTER_MANDATORY, 1)

    def reply(self, messageId: bytes, *messageParts: Frame) -> None:
        """
        Reply to a request, once.  While many requests come at once, replies leave
        together, a little later.

        A client that has gone away meanwhile, or that has no room for it
        (``highWaterMark``), does not get it: it is logged and dropped.

        :param messageId: what :meth:`gotMessage` got.
        :param messageParts: the frames of the reply.
        :raise ZmqReplyError: there is no such request, or it has been answered.
        :raise ZmqFrameError: it is no valid message.
        :raise ZmqSocketError: libzmq refused it; the request is still to be
            answered.  (If it was to leave with others, that is logged.)
        :raise ZmqClosedError: the connection is closed.
        """
        self._openDescriptor()
        request = self._replies.find(messageId)
        try:
            self.send([*request.envelope, b"", *messageParts])
        except ZmqFrameError as error:
            raise _recounted(error, messageParts) from None
        except ZmqSocketError as error:
            if error.errno not in OF_THE_PEER:
                raise
            logLost(error)
        self._replies.settle(request)

    def messageReceived(self, message: list[bytes]) -> object:
        """
        Pass a request to :meth:`gotMessage`.  Anything else is logged and
        dropped.
        """
        try:
            envelope, body = splitEnvelope(message)
        except ZmqFrameError as error:
            log.warn("{connection} dropped {error}", connection=shown(self), error=error)
            return None
        limit = self.maxPendingReplies
        if limit is not self._replies.limit:
            self._limitReplies(limit)
        return self.gotMessage(self._replies.add(envelope), *body)

    def _limitReplies(self, limit: int) -> None:
        try:
            self._replies.setLimit(limit)
        except ZmqOptionError as error:
            log.error(
                "{connection} keeps its former maxPendingReplies: {error}",
                connection=shown(self),
                error=error,
            )

    def gotMessage(self, messageId: MessageId, *messageParts: Any, **kwargs: Any) -> object:
        """
        A request has come; to be overridden, or assigned, by users.

        :param messageId: what to reply to: ``bytes``, equal to what the client
            has chosen, that also know the way back.
        :param messageParts: the frames of the request.
        :param kwargs: nothing; lets overrides name the frames they expect.
        """
        raise NotImplementedError(f"{type(self).__name__}: override gotMessage")

    def _closeSocket(self) -> None:
        super()._closeSocket()
        self._replies.clear()


class ZmqXREQConnection(ZmqREQConnection):
    """
    The old name of :class:`ZmqREQConnection`.
    """

    def __init__(self, factory: IZmqFactory, *endpoints: ZmqEndpoint) -> None:
        _warn("ZmqXREQConnection", "ZmqREQConnection")
        super().__init__(factory)
        _addAll(self, endpoints)


class ZmqXREPConnection(ZmqREPConnection):
    """
    The old name of :class:`ZmqREPConnection`.
    """

    def __init__(self, factory: IZmqFactory, *endpoints: ZmqEndpoint) -> None:
        _warn("ZmqXREPConnection", "ZmqREPConnection")
        super().__init__(factory)
        _addAll(self, endpoints)


def _recounted(error: ZmqFrameError, parts: tuple[Frame, ...]) -> ZmqFrameError:
    """
    :param error: about a message with a route in front of ``parts``.
    :return: one that counts the frames as the user does.
    """
    try:
        toFrames(parts)
    except ZmqFrameError as own:
        return own
    return error


def _checkTimeout(seconds: object) -> None:
    if not isSeconds(seconds) and seconds != inf:
        raise ZmqOptionError("timeout", f"a timeout is 0 seconds or more, not {shown(seconds)}")


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)


def _addAll(connection: ZmqConnection, endpoints: Iterable[ZmqEndpoint]) -> None:
    try:
        connection.addEndpoints(endpoints)
    except BaseException:
        connection.shutdown()
        raise
