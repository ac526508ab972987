"""
One ZeroMQ socket on one reactor: the only code that receives, sends, asks for
a socket's events, or tells the reactor to look at one again.

The rule everything here follows
================================

libzmq gives a file descriptor (``ZMQ_FD``) that becomes readable when the
socket's state *may* have changed, for reading and writing alike.  It is
edge-triggered: sending, receiving and asking for events all consume the edge,
and a message that arrived unseen then waits for a signal that never comes.
So there are two ways only to end a read: libzmq said that there is nothing
left, or the budget is spent and :meth:`Descriptor.look` brings us back through
the reactor.  And whatever is done to the socket outside of a read is followed
by one look in a later turn, however many things were done in this one.

A receive that says "nothing" can be trusted: libzmq has read its mailbox to
the end first.  A send that says "not now" cannot: it reads the mailbox only
about once a millisecond, and half of these answers are wrong.  So after one
the events are asked for, and the send is tried once more.

What was rejected
=================

Asking for the events per message costs more than receiving it.  A delayed call
per send costs more than sending.  Reading until the socket is empty freezes the
reactor for as long as a sender is fast; one message per turn is fair, and six
times slower.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import repeat
from math import inf
from time import perf_counter
from typing import Any, NoReturn, Optional, Protocol, Union

import zmq
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.log import callWithLogger
from zmq.backend import Socket as _BaseSocket
from zmq.backend import zmq_poll

from . import _ipc
from ._advice import goneError, sendError
from ._batch import Batch
from ._budget import DEFAULT_BUDGET, ReadBudget, checkBudget
from ._callbacks import nothing, shown, watch
from ._control import getOption, lingerUntil, openMonitor, setOption
from ._endpoints import closeEndpoint, openEndpoint
from ._more import Answer, Ask, asker
from ._owner import Owned, checkThread, keep
from ._whole import NOBLOCK, SendFrame, attempt, insist
from .errors import (
    ZmqClosedError,
    ZmqForkedError,
    ZmqOptionError,
    ZmqReactorError,
    ZmqSocketError,
)
from .interfaces import IZmqReactor

log = Logger()

_POLLIN = int(zmq.POLLIN)
_POLLOUT = int(zmq.POLLOUT)

#: Socket types that never have anything to read.
_WRITE_ONLY = frozenset({zmq.PUSH, zmq.PUB})

#: Those that may receive only at times, and the former.
_ASK_FIRST = _WRITE_ONLY | {zmq.REQ, zmq.REP}

#: Those whose events say that there is room, though it may be for other peers.
ALWAYS_WRITABLE = frozenset({zmq.ROUTER, zmq.STREAM, zmq.PUB, zmq.XPUB})

#: Error numbers of a receive that say: nothing, or not now.
_NOTHING = frozenset({errno.EAGAIN, int(zmq.EFSM)})

#: What sends a frame: the method of pyzmq's C class, which that of ``zmq.Socket``
#: wraps at a cost of a third.  Where the class is of Python (cffi, for PyPy), it
#: would lend large frames to libzmq, for which pyzmq starts a thread, which crashes.
_SEND = zmq.Socket.send if "cffi" in _BaseSocket.__module__ else _BaseSocket.send

#: The most messages between two looks at the clock, which costs as much as a
#: fifteenth of a message.
_MAX_STRIDE = 16

#: The most bytes between them.  What is large must be gone before the next is
#: received: else they no longer fit the processor's caches, and throughput falls
#: to a third.
_STRIDE_BYTES = 32_768

#: With so many messages between them it may be a flood (``_batch``).
_FLOOD = 8


class Receiver(Protocol):
    """
    Who gets the messages.
    """

    def messageReceived(self, message: list[bytes]) -> object: ...


def checkReactor(reactor: object) -> None:
    """
    :raise ZmqReactorError: the reactor is of no use to us.
    :raise ZmqThreadError: it runs, in another thread.
    """
    checkThread(reactor)
    if not IReactorFDSet.providedBy(reactor):
        raise ZmqReactorError(
            f"{shown(reactor)} cannot watch file descriptors (IReactorFDSet), which"
            " ZeroMQ needs: use the select, poll, epoll, kqueue, asyncio or"
            " a GUI reactor"
        )


class Descriptor(Owned):
    """
    A socket and its place in a reactor.

    :param socket: the socket, which belongs to the descriptor from now on.
    :param reactor: where to watch it.
    :param reader: what the reactor is to know; its ``doRead`` calls ours.
    :param receiver: who gets the messages.
    :param lost: called with a ``Failure`` when the socket fails; must close us.
    :ivar flush: what to call when libzmq may take more, as long as messages wait
        for that; returns whether it has sent any.
    :ivar refused: what to call with a message of a batch that cannot be sent, and why.
    :ivar sendFrame: sends a message of one frame, with the flag ``NOBLOCK``.
        Where that raises a ``zmq.ZMQError``, :meth:`sendAnyway` takes over.  For
        sockets that only write it is pyzmq's own function.
    :ivar socket: the socket, as long as it is open.
    :ivar fd: what the reactor watches; -1 once closed.
    """

    __slots__ = (
        "_asker",
        "_asksFirst",
        "_batch",
        "_budget",
        "_closed",
        "_complaint",
        "_files",
        "_foreignLook",
        "_halted",
        "_inRead",
        "_item",
        "_lost",
        "_mayBeFlood",
        "_pendingLook",
        "_reactor",
        "_reader",
        "_receiver",
        "_recv",
        "_send",
        "_sendFrame",
        "_tellsRoom",
        "_writeOnly",
        "fd",
        "flush",
        "refused",
        "sendFrame",
        "socket",
    )

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        reactor: IZmqReactor,
        reader: IReadDescriptor,
        receiver: Receiver,
        lost: Callable[[Failure], None],
    ) -> None:
        super().__init__()
        self.socket = socket
        self.fd: int = socket.getsockopt(zmq.FD)  # type: ignore[assignment]
        self._pendingLook: Optional[IDelayedCall] = None
        self._foreignLook: Optional[IDelayedCall] = None
        self._reactor = reactor
        self._reader = reader
        self._receiver = receiver
        self._lost = lost
        # Made when needed: idle connections shall cost little.
        self._asker: Optional[tuple[Ask, Answer]] = None
        # Those that were right and wrong last.
        self._budget = DEFAULT_BUDGET
        self._complaint = ""
        self._files: Optional[dict[str, _ipc.SocketFile]] = None
        self._closed = False
        # Closed or paused: the one thing to look at after each callback.
        self._halted = False
        self._inRead = False
        # Whether those who send in batches should ask; and what they send in this read.
        self._mayBeFlood = False
        self._batch: Optional[Batch] = None
        self.refused: Callable[[Sequence[bytes], ZmqSocketError], object] = nothing
        self.flush: Optional[Callable[[], bool]] = None
        self._item = (socket, _POLLIN)
        socketType = socket.getsockopt(zmq.TYPE)
        self._writeOnly = socketType in _WRITE_ONLY
        self._asksFirst = socketType in _ASK_FIRST
        self._tellsRoom = socketType not in ALWAYS_WRITABLE
        self._recv: Callable[..., Any] = _BaseSocket.recv.__get__(socket)
        self._send: Callable[..., Any] = _SEND.__get__(socket)
        self._sendFrame = self._send
        self.sendFrame = self._send if self._writeOnly else self._sendAndLook

    @property
    def reactor(self) -> IZmqReactor:
        """
        The reactor, as long as the socket is open.
        """
        return self._reactor

    def start(self) -> None:
        """
        Begin to read: the first look happens in a later turn of the reactor,
        when whoever opens us has finished.
        """
        self._reactor.addReader(self._reader)
        self.look()

    def close(self, linger: Optional[int] = None, until: float = inf) -> Optional[float]:
        """
        Close the socket; nothing is delivered any more.  To be called once.

        :param linger: how long libzmq holds what it has not sent, in
            milliseconds; without it, as the socket is set.
        :param until: when it is to let go of that at the latest, by
            ``time.monotonic``.
        :return: when it will have, by the same clock, ``inf`` if it need not end;
            ``None`` where that is not our business.
        """
        self.sendBatch()
        isOurs = not self.isInherited
        linger, gone = lingerUntil(self.socket, linger, until) if isOurs else (linger, None)
        self._closed = self._halted = True
        self.flush = None
        socket = self.socket
        try:
            # Out of the reactor first: the number of the descriptor is free
            # for others as soon as the socket is closed.
            self._leaveReactor()
            self._cancelLooks()
        finally:
            self.fd = -1
            self._send = self._sendFrame = self._recv = self.sendFrame = _raiseClosed
            self._asker = None
            del self.socket, self._item, self._reader, self._receiver, self._reactor, self._lost
            if isOurs:
                if linger != 0:
                    _settle(socket)
                try:
                    socket.close(linger)
                except zmq.ZMQError:
                    # Not all of pyzmq's backends can set the time if the context is
                    # terminated, and nothing is sent any more then.
                    socket.close()
                for file in (self._files or {}).values():
                    _ipc.remove(file)
            else:
                keep(socket)
        return gone

    def disown(self) -> None:
        """
        The process has forked, and this is the child: nothing is done to the
        socket any more.  If the reactor goes on here, this is the end.
        """
        super().disown()
        if self._closed:
            return
        self._halted = True
        self.flush = self._batch = None
        self._send = self._sendFrame = self._recv = self.sendFrame = _raiseForked
        # What the kernel watches for the reactor (epoll) it watches for the parent, too,
        # by number and file.  With another file under the number, to leave the
        # reactor here does not take the parent's entry away.
        # If somebody has closed the socket, the number may be another's by now.
        if not self.isGone:
            with suppress(OSError):
                null = os.open(os.devnull, os.O_RDONLY)
                os.dup2(null, self.fd, inheritable=False)
                os.close(null)
        self._cancelLooks()
        self._comeBack()

    def _leaveReactor(self) -> None:
        try:
            self._reactor.removeReader(self._reader)
        except OSError:
            # Somebody has closed the socket behind our back.  The epoll reactor
            # cannot unregister a number that the system has forgotten, keeps it
            # for a reader, and would be deaf to the next socket that gets it.
            watched = getattr(self._reactor, "_reads", None)
            if isinstance(watched, set):
                watched.discard(self.fd)

    # Endpoints and options

    def attach(self, endpointType: str, address: Union[str, bytes]) -> str:
        """
        Bind or connect.

        :return: the real address, without wildcards.
        :raise ZmqEndpointError: that is not possible.
        """
        self.sendBatch()
        try:
            opened = openEndpoint(self.socket, endpointType, address)
        finally:
            self.look()
        if opened.file is not None:
            self._files = {**(self._files or {}), opened.address: opened.file}
        return opened.address

    def detach(self, endpointType: str, address: str) -> None:
        """
        Undo :meth:`attach`, with the address that it returned.

        :raise ZmqEndpointError: there is no such endpoint.
        """
        try:
            closeEndpoint(self.socket, endpointType, address)
        finally:
            self.look()
        file = self._files.pop(address, None) if self._files else None
        if file is not None:
            _ipc.remove(file)

    def bindOwnInproc(self, address: str) -> None:
        """
        The context will be terminated: bind an ``inproc`` address that we are
        connected to.  Where nobody else has, libzmq would open a socket for that
        when it terminates, and abort if there can be no more.
        """
        with suppress(zmq.ZMQError):
            self.socket.bind(address)

    def setOption(self, option: int, value: Union[int, bytes]) -> None:
        """
        Set an option of libzmq.  That consumes no signal, so no look follows.

        :raise ZmqSocketError: libzmq refused it.
        :raise ZmqOptionError: the value is of the wrong type.
        """
        setOption(self.socket, option, value)

    def getOption(self, option: int) -> Union[int, bytes]:
        """
        Get an option of libzmq.

        :raise ZmqSocketError: libzmq refused it.
        :raise ZmqOptionError: that is no option.
        """
        try:
            return getOption(self.socket, option)
        finally:
            # The one option that consumes the signal.
            if option == zmq.EVENTS:
                self.look()

    def startMonitor(self, events: int) -> zmq.Socket[bytes]:
        """
        Have libzmq report what happens to the connections under the socket.

        :param events: which events, a mask.
        :return: a socket to read them from.
        :raise ZmqSocketError: there can be no more sockets.
        """
        return openMonitor(self.socket, events)

    def stopMonitor(self) -> None:
        """
        Undo :meth:`startMonitor`; to be called before the socket that it
        returned is closed.  If somebody has closed our socket, libzmq stops by
        itself, some time later, and must be listened to until then.
        """
        if not self._closed and not self.isInherited and not self.socket.closed:
            self.socket.monitor(None, 0)

    # Looking

    @property
    def scheduledLook(self) -> Optional[IDelayedCall]:
        """
        The call that will look for messages, if one is scheduled.
        """
        for call in (self._pendingLook, self._foreignLook):
            if call is not None and call.active():
                return call
        return None

    @scheduledLook.setter
    def scheduledLook(self, call: Optional[IDelayedCall]) -> None:
        # It may do anything: ours stays, and closing cancels both.
        self._foreignLook = call

    def look(self) -> None:
        """
        Look for messages in a later turn of the reactor.  To be called after
        anything that was done to the socket outside of a read.
        """
        # Active: somebody may have got hold of it, and cancelled it.
        pending = self._pendingLook
        if not self._inRead and (pending is None or not pending.active()):
            self._comeBack()

    def _comeBack(self) -> None:
        if not self._closed:
            self._pendingLook = self._reactor.callLater(0, self._look)

    def _look(self) -> None:
        self._pendingLook = None
        # A finalizer may have closed us while the call was being scheduled.
        if self._closed or not self._isOurs():
            return
        try:
            ready = self._isReadable()
        except zmq.ZMQError as error:
            self._lose(error)
            return
        # The reactor sets the logging context for its readers only.
        if ready and not self._halted:
            callWithLogger(self._reader, self._reader.doRead)  # type: ignore[no-untyped-call]
        elif self.flush is not None:
            callWithLogger(self._reader, self._flushNow)  # type: ignore[no-untyped-call]

    def _cancelLooks(self) -> None:
        for call in (self._pendingLook, self._foreignLook):
            if call is not None and call.active():
                call.cancel()
        self._pendingLook = self._foreignLook = None

    # Receiving

    @property
    def isGone(self) -> bool:
        """
        Whether somebody else has closed the socket.
        """
        isGone = False
        # Old releases of pyzmq ask libzmq, which refuses when the context is
        # terminated; the socket itself is still open then.
        with suppress(zmq.ZMQError):
            isGone = not self._closed and self.socket.closed
        return isGone

    def deliverTo(self, receiver: Receiver) -> None:
        """
        Somebody else gets the messages from now on.
        """
        self._receiver = receiver

    def pause(self) -> None:
        """
        Deliver nothing until :meth:`resume`, from this moment on.
        """
        self._halted = True

    def resume(self) -> None:
        """
        Undo :meth:`pause`: what waits is delivered in a later turn.
        """
        if self._halted and not self._closed:
            self._halted = False
            self.look()

    def doRead(self, budget: ReadBudget) -> None:
        """
        Deliver what waits, within the budget.  No exception comes out of it but one.

        :raise ZmqThreadError: this is not the reactor, but another thread.
        """
        if self._closed or not self._isOurs() or self._inRead:
            return
        if self._pendingLook is not None or self._foreignLook is not None:
            self._cancelLooks()
        if budget is not self._budget:
            budget = self._accepted(budget)
        self._inRead = True
        try:
            # Where receiving is an error, or not wanted, only asking consumes
            # the signal, which would wake us without end.
            if self._asksFirst or self._halted:
                more = self._isReadable() and not self._halted and self._drain(budget)
            else:
                more = self._drain(budget)
            self._mayBeFlood = False
            if self._batch is not None:
                more = self._endBatch(self._batch) or more
        except zmq.ZMQError as error:
            self._lose(error)
            return
        finally:
            self._inRead = False
        if more:
            self._comeBack()
        if self.flush is not None:
            self._flushNow()

    def _accepted(self, budget: ReadBudget) -> ReadBudget:
        """
        :return: a budget that was not there the last time; the default if it is none.
        """
        try:
            checkBudget(budget)
        except ZmqOptionError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.error(
                    "{reader} reads with the default budget: {error}",
                    reader=shown(self._reader),
                    error=error,
                )
            return DEFAULT_BUDGET
        self._budget = budget
        return budget

    def _isOurs(self) -> bool:
        """
        The reactor has come: from now on we belong to its thread.

        :return: ``False`` in a child process, where this is the end.
        :raise ZmqThreadError: it was not the reactor.
        """
        if self.isOwned():
            self.wasRead = True
            return True
        if self.isInherited:
            self._lose(ZmqForkedError())
            return False
        self.claimToRead()
        return True

    def _drain(self, budget: ReadBudget) -> bool:
        """
        :return: whether the budget ended it, and there may be more.
        """
        recv = self._recv
        receiver = self._receiver
        if self._asker is None:
            self._asker = asker(self.socket)
        ask, more = self._asker
        left, seconds, room = budget
        deadline = perf_counter() + seconds
        stride, isFirst = 1, True
        while True:
            for _ in repeat(None, stride):
                try:
                    frame = recv(NOBLOCK)
                    message = [frame]
                    while ask() or more.value:
                        frame = recv(NOBLOCK)
                        message.append(frame)
                except zmq.ZMQError as error:
                    if error.errno not in _NOTHING:
                        raise
                    if more.value:
                        # libzmq itself takes out of it what an XPUB knows already.
                        more.value = 0
                        log.warn(
                            "{receiver} dropped a message without an end",
                            receiver=shown(receiver),
                        )
                    return False
                try:
                    result = receiver.messageReceived(message)
                    if result is not None:
                        watch(result)
                except BaseException:
                    # As the reactor does with whatever it calls.
                    log.failure("Unhandled error in {receiver}", receiver=shown(receiver))
                if self._halted:
                    return False
            left -= stride
            # One frame, the last, stands for all messages of its stride: to add
            # them up would cost a tenth of the throughput.
            room -= stride * len(frame)
            if left <= 0 or room <= 0 or perf_counter() >= deadline:
                return True
            # One message at a time is common, and an exception expensive.
            if isFirst and not self._isReadable():
                return False
            isFirst = False
            # A slow callback is noticed at once, a fast one pays little.
            stride = min(stride * 2, _MAX_STRIDE, left, _STRIDE_BYTES // (len(frame) + 1) + 1)
            if stride >= _FLOOD:
                self._mayBeFlood = True
            # A large message must be gone before the next is received.
            frame = message = result = None  # type: ignore[assignment]

    def _isReadable(self) -> bool:
        # zmq_poll takes a closed socket for a file, and for standard input.
        if self.socket.closed:
            raise zmq.ZMQError(zmq.ENOTSOCK)
        return bool(zmq_poll([self._item], 0))

    def _lose(self, error: zmq.ZMQError) -> None:
        """
        The socket is of no more use: somebody has closed it, or its context.
        """
        log.error("{reader} lost its socket: {error}", reader=shown(self._reader), error=error)
        try:
            lost = error if isinstance(error, ZmqForkedError) else goneError(error)
            self._lost(Failure(lost))  # type: ignore[no-untyped-call]
        except BaseException:
            log.failure("Unhandled error in connectionLost")

    # Sending

    def sendMultipart(self, frames: Sequence[bytes]) -> None:
        """
        Send a message, now: all of it or nothing.

        :param frames: at least one, all ``bytes``: libzmq would glue the next
            message onto one that breaks off in the middle.
        :raise ZmqAgainError: libzmq cannot take it.
        :raise ZmqClosedError: we are closed.
        :raise ZmqSocketError: libzmq refused it for another reason.
        """
        try:
            if not attempt(self._send, frames):
                self.sendAnyway(frames, None)
        except zmq.ZMQError as error:
            self.sendAnyway(frames, error)
        if not self._writeOnly and not self._inRead:
            self.look()

    def sendInBatch(self, frames: Sequence[bytes]) -> None:
        """
        As :meth:`sendMultipart`; in a flood, together with others, when the read ends
        or earlier.  If it cannot be sent then, :attr:`refused` is called after the read.
        """
        if self._mayBeFlood:
            self._mayBeFlood = False
            # If the socket is gone, sending tells.
            with suppress(zmq.ZMQError):
                self._findFlood()
        batch = self._batch
        if batch is None or not batch.isOpen:
            self.sendMultipart(frames)
        elif batch.add(frames):
            self.sendBatch()

    def _findFlood(self) -> None:
        """
        Open the batch if more messages wait; else close it.
        """
        batch = self._batch
        if batch is None:
            mark: Any = self.socket.getsockopt(zmq.SNDHWM)
            batch = self._batch = Batch(mark)
        batch.isOpen = self._isReadable()
        if not batch.isOpen:
            self.sendBatch()

    def sendBatch(self) -> None:
        """
        Send what is to leave together, before anything else is done to the socket.
        """
        if self._batch is not None and self._batch.messages:
            self._batch.leave(self.sendMultipart)

    def _endBatch(self, batch: Batch) -> bool:
        """
        Send what is left of it, and tell of what could not be sent.

        :return: whether something has come: to send consumes the signal of that.
        """
        self.sendBatch()
        self._batch = None
        batch.tell(self.refused)
        return not self._halted and self._isReadable()

    def sendWaiting(self, frames: Sequence[bytes]) -> None:
        """
        As :meth:`sendMultipart`, for messages that have waited: also while
        those who have not must stand back.

        :raise zmq.Again: where libzmq cannot tell for whom it has room, as it is.
        """
        error = None
        try:
            if attempt(self._sendFrame, frames):
                return
        except zmq.ZMQError as first:
            # It has just looked, and to ask would not tell more.
            if not self._tellsRoom and isinstance(first, zmq.Again):
                raise
            error = first
        try:
            self._insist(self._sendFrame, frames, error)
        finally:
            # It knows this frame: together they would stay in memory.
            del error

    def hold(self, holding: bool) -> None:
        """
        Send only what has waited, or no longer so.  Everything else is refused
        meanwhile as if libzmq had no room, to keep the order.
        """
        if not self._closed:
            self._send = _raiseAgain if holding else self._sendFrame
            if self._writeOnly:
                self.sendFrame = self._send

    def _flushNow(self) -> None:
        try:
            if self.flush is not None and (self.flush() or self._hasNews()):
                self.look()
        except zmq.ZMQError as error:
            self._lose(error)

    def _hasNews(self) -> bool:
        """
        :return: whether there is something to do now.  Sending has consumed the
            signal of what came meanwhile, and to ask consumes that of the room
            which there may be since then: so ask for both.
        """
        # What nobody wants yet, or what is always the case, would bring us back
        # without end.
        wanted = (0 if self._halted else _POLLIN) | (_POLLOUT if self._tellsRoom else 0)
        if self._closed or not wanted:
            return False
        return bool(self._poll(_POLLIN | _POLLOUT) & wanted)

    def sendAnyway(self, frames: Sequence[bytes], error: Optional[zmq.ZMQError]) -> None:
        """
        A first attempt has failed: see whether that is true.

        :param error: why; ``None`` if the peer died half-way.
        :raise ZmqAgainError, ZmqClosedError, ZmqSocketError: as
            :meth:`sendMultipart`.
        """
        # Refused or not, it has consumed the signal of what came meanwhile.
        self.look()
        try:
            self._insist(self._send, frames, error)
        finally:
            # It knows this frame: together they would stay in memory.
            del error

    def _sendAndLook(self, frame: bytes, flags: int) -> None:
        self._send(frame, flags)
        if not self._inRead:
            self.look()

    def _insist(
        self, send: SendFrame, frames: Sequence[bytes], error: Optional[zmq.ZMQError]
    ) -> None:
        try:
            insist(send, frames, error, self.hasRoom)
        except ZmqSocketError:
            raise
        except zmq.ZMQError as final:
            raise sendError(shown(self._reader), final) from final
        finally:
            del error

    def hasRoom(self) -> bool:
        """
        :return: whether libzmq takes a message now; of routing sockets, for somebody.
        """
        # Asked about its parent's socket, libzmq would answer a child process never.
        isOurs = not self._closed and not self.isInherited
        return isOurs and bool(self._poll(_POLLOUT))

    def _poll(self, events: int) -> int:
        ready: list[tuple[Any, int]] = zmq_poll([(self.socket, events)], 0)
        return ready[0][1] if ready else 0


def _settle(socket: zmq.Socket[bytes]) -> None:
    """
    Have libzmq look for news before it closes a socket.  Else it loses what it
    has just taken for a connection that it has just begun.
    """
    try:
        if not socket.closed:
            zmq_poll([(socket, _POLLIN)], 0)
    except zmq.ZMQError:
        # The context is gone, and everything with it.
        pass


def _raiseAgain(*args: object) -> NoReturn:
    raise zmq.Again()


def _raiseForked(*args: object) -> NoReturn:
    raise ZmqForkedError()


def _raiseClosed(*args: object) -> NoReturn:
    raise ZmqClosedError(text="this connection is closed: make a new one")
