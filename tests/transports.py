"""
What the tests of transports share: a protocol that records what it is told,
transports that are open at once, and peers that take only a few messages.
"""

from __future__ import annotations

import itertools
from typing import Any, Optional

import zmq
from twisted.python.failure import Failure

import txzmq._descriptor
from txzmq import SocketEvent, ZmqProtocol, createZmqConnection

from .support import Recorder, ZmqTestCase, turns

#: How many messages libzmq takes for a stalled peer: one for each end.
TAKEN = 2

_names = (f"inproc://transport-{number}" for number in itertools.count())


class Recording(ZmqProtocol):
    """
    Records the messages, what it is told besides, and how it ended.
    """

    def __init__(self) -> None:
        self.got = Recorder()
        self.told = Recorder()
        self.lost = Recorder()

    def messageReceived(self, parts: list[bytes]) -> Any:
        self.got(parts)

    def eventReceived(self, event: SocketEvent) -> Any:
        self.told(event.name)

    def pauseWriting(self) -> Any:
        self.told("pause")

    def resumeWriting(self) -> Any:
        self.told("resume")

    def connectionLost(self, reason: Failure) -> Any:
        self.lost(reason.value)


class TransportTestCase(ZmqTestCase):
    """
    A test with transports.
    """

    def opened(self, zmqType: int, protocol: Any = Recording, **kwargs: Any) -> Any:
        """
        :param protocol: what makes the protocol.
        :return: a transport and its protocol.
        """
        kwargs.setdefault("factory", self.factory)
        return self.successResultOf(createZmqConnection(protocol, zmqType, **kwargs))

    def beside(
        self, transport: Any, rawType: int, address: Optional[str] = None, **options: Any
    ) -> zmq.Socket[bytes]:
        """
        :param options: of the plain socket, set before it connects.
        :return: a plain socket, connected to a transport that is bound for it;
            without an address, over inproc.
        """
        address = transport.bind(address or next(_names))
        inproc = address.startswith("inproc:")
        raw = self.raw(rawType, context=self.factory.context if inproc else None)
        for name, value in options.items():
            setattr(raw, name, value)
        raw.connect(address)
        return raw

    def facing(
        self, zmqType: int, rawType: int, protocol: Any = Recording, **options: Any
    ) -> tuple[Any, Any, zmq.Socket[bytes]]:
        """
        Two ends over inproc, where what one has sent, the other has.

        :return: a transport, its protocol, and a plain socket.
        """
        transport, protocol = self.opened(zmqType, protocol)
        return transport, protocol, self.beside(transport, rawType, **options)

    def stalled(
        self, zmqType: int, rawType: int, protocol: Any = Recording, **options: Any
    ) -> tuple[Any, Any, zmq.Socket[bytes]]:
        """
        As :meth:`facing`, with a peer for which libzmq takes :data:`TAKEN`
        messages, until it reads.
        """
        transport, protocol = self.opened(zmqType, protocol)
        transport.setsockopt(zmq.SNDHWM, 1)
        return transport, protocol, self.beside(transport, rawType, rcvhwm=1, **options)

    def polls(self) -> Recorder:
        """
        :return: records each time that a socket is asked for its events, from
            now on.
        """
        asked = Recorder()
        real = txzmq._descriptor.zmq_poll

        def poll(items: Any, timeout: int) -> Any:
            asked(items[0][1])
            return real(items, timeout)

        self.patch(txzmq._descriptor, "zmq_poll", poll)
        return asked

    async def isQuiet(self) -> bool:
        """
        :return: whether nothing is done to any socket while nothing happens.
        """
        await turns(20)
        asked = self.polls()
        await turns(50)
        return not asked.events


def received(raw: zmq.Socket[bytes]) -> list[list[bytes]]:
    """
    :return: all messages that a plain socket has.
    """
    messages = []
    while raw.poll(0, zmq.POLLIN):
        messages.append(raw.recv_multipart(zmq.NOBLOCK))
    return messages


async def arrived(raw: zmq.Socket[bytes], count: int) -> list[list[bytes]]:
    """
    :return: so many messages, and all others that a plain socket has.
    """
    messages = received(raw)
    while len(messages) < count:
        await turns()
        messages += received(raw)
    return messages
