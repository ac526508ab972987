"""
What the two faces have in common: each *has* a descriptor, as long as its socket is
open, and is itself what the reactor and the factory know of it.  (To the reactor, a
monitor is the same.)
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING, Any, Optional

import zmq
from twisted.python.failure import Failure

from ._budget import ReadBudget
from ._descriptor import Descriptor
from .errors import ZmqClosedError
from .interfaces import IZmqFactory


class Reader:
    """
    What the reactor watches.  The reading is done by a descriptor, until that is closed.
    """

    #: How much to read before other parts of the program get their turn.
    readBudget: ReadBudget = ReadBudget()

    _descriptor: Optional[Descriptor] = None

    def fileno(self) -> int:
        """
        :return: what the reactor watches; -1 once closed.
        """
        return -1 if self._descriptor is None else self._descriptor.fd

    def logPrefix(self) -> str:
        """
        :return: what log messages from our callbacks begin with.
        """
        return "ZMQ"

    def doRead(self) -> None:
        """
        Deliver what has come.  Called by the reactor.
        """
        if self._descriptor is not None:
            self._descriptor.doRead(self.readBudget)


class Face(Reader):
    """
    A socket as programs see it: open or closed, one thread's, and a factory's.
    """

    # Until when libzmq may hold what it has not sent, by ``time.monotonic``: set when
    # the factory closes.
    _until: float = inf

    if TYPE_CHECKING:

        def _closedError(self) -> ZmqClosedError:
            """
            :return: what to tell those who use it when it is not open.
            """

        def _opened(self) -> Iterable[tuple[str, str]]:
            """
            :return: the endpoints that are open, type and address.
            """

    def _openDescriptor(self) -> Descriptor:
        """
        :raise ZmqClosedError: we are not open any more, or only in another process.
        :raise ZmqThreadError: this is not the reactor's thread.
        """
        descriptor = self._descriptor
        if descriptor is None:
            raise self._closedError()
        isOwned = descriptor.isOwned
        if not isOwned():
            descriptor.claim()
        return descriptor

    # For the factory

    def _claimToClose(self) -> None:
        """
        :raise ZmqThreadError: this is not the reactor's thread.
        """
        if self._descriptor is not None:
            self._descriptor.claimToClose()

    def _meetItself(self) -> None:
        """
        The context will be terminated.
        """
        if self._descriptor is not None:
            for endpointType, address in self._opened():
                if endpointType == "connect" and isInproc(address):
                    self._descriptor.bindOwnInproc(toText(address))


def noteLoss(factory: IZmqFactory, reason: Failure) -> None:
    """
    A socket has failed, or is closed, and this is why: tell the factory if that is the
    end of its context.
    """
    if getattr(reason.value, "errno", None) == zmq.ETERM:
        factory.contextLost()


def toText(address: Any) -> str:
    """
    :return: an address as text.  What cannot be one is refused where it is opened.
    """
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)


def isInproc(address: Any) -> bool:
    """
    :return: whether it is an address within the process.
    """
    return toText(address).startswith("inproc:")
