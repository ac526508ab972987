"""
The receiving ends of ours, each with an attacker, who sends anything, and a friend,
who is to be served all the while.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Optional

import zmq

from txzmq import (
    MessageId,
    ZmqConnection,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqFactory,
    ZmqPairConnection,
    ZmqProtocol,
    ZmqPullConnection,
    ZmqREPConnection,
    ZmqREQConnection,
    ZmqRouterConnection,
    ZmqSubConnection,
    createZmqConnection,
)
from txzmq._subscriptions import MAX_TOPIC

from ..support import PATIENCE, turns
from .garbage import FRIEND, KINDS, Inputs, portOf

ANY_PORT = "tcp://127.0.0.1:*"

#: How many messages each attacker sends at a time.
BATCH = 100

#: How many peers claim to be a friend of a ROUTER.
IMPOSTORS = 3


async def soon(what: str, condition: Callable[[], object]) -> None:
    """
    Let the reactor go round until ``condition()`` is true.

    :raise AssertionError: it does not come true.
    """
    deadline = monotonic() + PATIENCE
    while not condition():
        if monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        await turns()


class Inbox:
    """
    Takes what a target delivers, counts it, and keeps nothing but tokens.
    """

    def __init__(self) -> None:
        self.count = 0
        self.tokens: set[bytes] = set()

    def __call__(self, *frames: bytes) -> None:
        self.count += 1
        # Glued onto something else where libzmq does that (XPUB): the last frame.
        if frames and frames[-1].startswith(Target.secret):
            self.tokens.add(frames[-1])


class Protocol(ZmqProtocol):
    """
    The face of targets that are transports.
    """

    def __init__(self, target: Target) -> None:
        self.target = target

    def messageReceived(self, parts: list[bytes]) -> None:
        self.target.received(parts)

    def connectionLost(self, reason: Any) -> None:
        self.target.ended(reason)


class Target:
    """
    A receiving end of ours, its attacker and its friend.
    """

    #: What every token begins with.  Nobody else can know it.  As text: a first byte
    #: of 0 would end a subscription, and XPUB deliver nothing.
    secret = os.urandom(16).hex().encode()

    #: The type of a transport, or the class of a connection.
    what: Any

    #: The name of the callback, for a connection.
    callback = "messageReceived"

    #: The types of the others; no friend where there is room for one peer only.
    attackerType: int
    friendType: Optional[int] = None

    #: What noise pretends to be.  Where we choose whom to send to, what is refused.
    noiseKinds = KINDS

    #: Whether each message of an attacker is delivered.
    deliversAll = False

    #: How many claim to be the friend.  Few: libzmq refuses them, and yet keeps what
    #: they have sent until our socket is closed.
    impostors = 0

    def __init__(self, factory: ZmqFactory, inputs: Inputs) -> None:
        self.inputs = inputs
        self.inbox = Inbox()
        self.isOpen = True
        self.sent = 0
        self._tokens = 0
        self._impostors = self.impostors
        self._context = self._contextFor(factory)
        self.end = self._open(factory)
        self.address = self._bind()
        self.attacker = self._raw(self.attackerType)
        self.friend = None if self.friendType is None else self._raw(self.friendType, FRIEND)

    @classmethod
    def name(cls) -> str:
        """
        :return: what to call it.
        """
        face = "transport" if isinstance(cls.what, int) else "connection"
        kind = zmq.SocketType(cls.what).name if face == "transport" else cls.what.__name__
        return f"{face} {kind}"

    # Ours

    def _contextFor(self, factory: ZmqFactory) -> Any:
        """
        :return: the context of the others.
        """
        return zmq.Context()

    def _open(self, factory: ZmqFactory) -> Any:
        if isinstance(self.what, int):
            opened: Any = createZmqConnection(lambda: Protocol(self), self.what, factory=factory)
            results: list[Any] = []
            opened.addCallback(results.append)
            return results[0][0]
        target = self

        class Connection(self.what):  # type: ignore[misc, name-defined]
            def connectionLost(self, reason: Any) -> None:
                target.ended(reason)
                super().connectionLost(reason)

        connection = Connection(factory)
        setattr(connection, self.callback, self.gotMessage)
        return connection

    def _bind(self) -> str:
        if isinstance(self.end, ZmqConnection):
            self.end.addEndpoints([ZmqEndpoint("bind", ANY_PORT)])
            return self.end.boundAddresses[0]
        address: str = self.end.bind(ANY_PORT)
        return address

    def gotMessage(self, *message: Any) -> None:
        """
        A connection delivers.
        """
        self.inbox(*(message[0] if isinstance(message[0], list) else message))

    def received(self, parts: list[bytes]) -> None:
        """
        A transport delivers.
        """
        self.inbox(*parts)

    def ended(self, reason: Any) -> None:
        """
        It was closed.
        """
        if self.isOpen:
            self.isOpen = False
            self.reason = reason

    # Theirs

    def _raw(self, socketType: int, identity: Optional[bytes] = None) -> zmq.Socket[bytes]:
        raw = self._context.socket(socketType)
        raw.linger = 0
        raw.sndhwm = raw.rcvhwm = 0
        if identity is not None:
            raw.routing_id = identity
        raw.connect(self.address)
        return raw

    def _token(self) -> bytes:
        self._tokens += 1
        return self.secret + b"%d" % self._tokens

    async def start(self) -> None:
        """
        Wait until all are there.
        """
        if self.attackerType in (zmq.PUB, zmq.XPUB):
            for raw in filter(None, (self.attacker, self.friend)):
                # The subscription, without which it would drop everything.
                await soon(f"subscription of {self.name()}", lambda raw=raw: raw.poll(0))
        await self.settle()

    def marked(self, token: bytes) -> list[bytes]:
        """
        :return: a well-formed message.
        """
        return [token]

    def answered(self, token: bytes) -> Optional[list[bytes]]:
        """
        :return: what the friend gets for it; ``None`` if nothing.
        """
        return None

    def flood(self, count: int) -> int:
        """
        Send so many messages.

        :return: how many it could send.
        """
        for _ in range(count):
            self.attacker.send_multipart(self._message(), zmq.NOBLOCK)
        self.sent += count
        return count

    def _message(self) -> list[bytes]:
        return self.inputs.message()

    async def settle(self) -> None:
        """
        Wait until all that the attacker has sent has been read, and until the
        friend has been served.
        """
        for raw in (self.attacker, self.friend):
            if raw is None:
                continue
            token = self._token()
            raw.send_multipart(self.marked(token), zmq.NOBLOCK)
            await self.delivered(token)
            self.sent += 1
            if raw is self.friend:
                await self._served(token)
        if self.deliversAll:
            # More, if some of the noise was well-formed.
            assert self.inbox.count >= self.sent, f"{self.inbox.count} of {self.sent} delivered"
        self._eavesdrop()

    async def _insist(
        self, ask: Callable[[], object], isDone: Callable[[], object] = lambda: False
    ) -> None:
        """
        Send something now and then, since noise may take it instead of the attacker,
        and let the attacker answer, until ``isDone()``.
        """
        turn = 0

        def isOver() -> bool:
            nonlocal turn
            if turn % 100 == 0:
                ask()
            turn += 1
            while self.attacker.poll(0):
                self._answer(self.attacker.recv_multipart())
            return bool(isDone()) or not self.isOpen

        await soon(f"answer to {self.name()}", isOver)
        assert self.isOpen, f"{self.name()} was closed: {self.reason}"

    def _answer(self, message: list[bytes]) -> None:
        """
        The attacker has got something.
        """

    async def delivered(self, token: bytes) -> None:
        """
        Wait until a message has come.
        """
        tokens = self.inbox.tokens
        await soon(f"message to {self.name()}", lambda: token in tokens or not self.isOpen)
        assert self.isOpen, f"{self.name()} was closed: {self.reason}"
        tokens.clear()

    async def _served(self, token: bytes) -> None:
        expected = self.answered(token)
        friend: Any = self.friend
        if expected is not None:
            await soon(f"answer of {self.name()}", lambda: friend.poll(0))
            answer = friend.recv_multipart()
            assert answer == expected, f"{self.name()} answers {answer!r:.200}, not {expected!r}"
            assert not friend.poll(0), f"{self.name()} answers twice"

    def _eavesdrop(self) -> None:
        """
        What the attacker gets is not for the friend.
        """
        if self.attackerType != zmq.PUSH:
            while self.attacker.poll(0):
                frames = self.attacker.recv_multipart()
                self.inputs.saw(frames[:3])
                friends = [frame for frame in frames if frame.startswith(b"for friend")]
                assert not friends, f"{self.name()} answers somebody else"

    async def replace(self) -> None:
        """
        The attacker leaves, and another one comes; perhaps an impostor.
        """
        if self._impostors:
            self._impostors -= 1
            impostor = self._raw(self.attackerType, FRIEND)
            for _ in range(BATCH):
                impostor.send_multipart(self.inputs.message(), zmq.NOBLOCK)
            await turns(5)
            assert not impostor.poll(0), f"{self.name()} answers an impostor"
            impostor.close()
        if self.friend is not None:
            self.attacker.close()
            self.attacker = self._raw(self.attackerType)
            await self.start()

    def close(self) -> None:
        """
        Close what the others have.
        """
        self.isOpen = False
        self._context.destroy(linger=0)


class Pull(Target):
    what: Any = ZmqPullConnection
    callback = "onPull"
    attackerType = friendType = zmq.PUSH
    deliversAll = True


class Sub(Target):
    what: Any = ZmqSubConnection
    callback = "gotMessage"
    # They can tell when somebody has subscribed.
    attackerType = friendType = zmq.XPUB

    def _open(self, factory: ZmqFactory) -> Any:
        end = super()._open(factory)
        end.subscribe(b"")
        return end

    def gotMessage(self, message: bytes, tag: bytes) -> None:
        self.inbox(tag, message)

    def marked(self, token: bytes) -> list[bytes]:
        return [b"tag\0" + token]


class Dealer(Pull):
    what: Any = ZmqDealerConnection
    callback = "gotMessage"
    attackerType = friendType = zmq.DEALER


class Pair(Pull):
    what: Any = ZmqPairConnection
    callback = "messageReceived"
    attackerType, friendType = zmq.PAIR, None


class Router(Target):
    """
    Answers friends, and sends answers also to everything else that might be an id.
    """

    what: Any = ZmqRouterConnection
    callback = "gotMessage"
    attackerType = friendType = zmq.DEALER
    impostors = IMPOSTORS

    def gotMessage(self, *frames: bytes) -> None:
        self.inbox(*frames)
        sender, last = frames[0], frames[-1]
        if sender == FRIEND and last.startswith(self.secret):
            self.reply(sender, [b"for friend " + last])
        else:
            self.reply(sender, list(frames[:1]))
            self.reply(frames[-1], [b"?"])

    def received(self, parts: list[bytes]) -> None:
        self.gotMessage(*parts)

    def reply(self, recipient: bytes, parts: list[bytes]) -> None:
        """
        Send to somebody, or to nobody, but not unasked to a friend.
        """
        if recipient != FRIEND or parts[0].startswith(b"for friend"):
            self.end.sendMultipart(recipient, parts)

    def answered(self, token: bytes) -> list[bytes]:
        return [b"for friend " + token]


class Rep(Target):
    """
    Answers most requests, at once or later, and never some.
    """

    what: Any = ZmqREPConnection
    callback = "gotMessage"
    attackerType = friendType = zmq.DEALER
    impostors = IMPOSTORS

    def _open(self, factory: ZmqFactory) -> Any:
        self._later: deque[bytes] = deque(maxlen=10)
        end = super()._open(factory)
        end.maxPendingReplies = 100
        return end

    def gotMessage(self, messageId: MessageId, *parts: bytes) -> None:
        self.inbox(*parts)
        last = parts[-1] if parts else b""
        if last.startswith(self.secret):
            isFriend = messageId.envelope[0] == FRIEND
            self.end.reply(messageId, b"for friend " + last if isFriend else b"?")
        elif self.inbox.count % 3 == 0:
            self.end.reply(messageId, *parts)
        elif self.inbox.count % 3 == 1:
            self._later.append(messageId)
            if self._later[0] is not messageId:
                self.end.reply(self._later.popleft(), b"late")

    def marked(self, token: bytes) -> list[bytes]:
        # The id that everybody likes to use.
        return [b"id", b"", token]

    def answered(self, token: bytes) -> list[bytes]:
        return [b"id", b"", b"for friend " + token]


class Req(Target):
    """
    A client; the attacker is a server that knows the ids of its requests.
    """

    what: Any = ZmqREQConnection
    callback = "unused"
    noiseKinds = (b"PUB", b"PAIR")
    attackerType = zmq.DEALER

    async def settle(self) -> None:
        question = self._token()
        answers: list[Any] = []
        waiting: list[Any] = []

        def ask() -> None:
            # Refused as long as nobody is there.
            for earlier in waiting:
                earlier.cancel()
            waiting[:] = [self.end.sendMsg(question)]
            waiting[0].addCallbacks(answers.append, lambda failure: None)

        await self._insist(ask, lambda: [question] in answers)
        assert answers == [[question]]

    def _answer(self, message: list[bytes]) -> None:
        messageId = message[0]
        for junk in ([messageId], [messageId, b"x"], [messageId, b"x", b""], [b"", messageId, b""]):
            self.attacker.send_multipart(junk)
        for _ in range(2):
            self.attacker.send_multipart(message)
        self.inputs.saw([messageId])


class TransportPull(Pull):
    what = zmq.PULL


class TransportSub(Sub):
    what = zmq.SUB

    def marked(self, token: bytes) -> list[bytes]:
        return [token]


class TransportXSub(TransportSub):
    what = zmq.XSUB


class TransportXPub(Target):
    """
    Gets subscriptions, their ends, and whatever else subscribers send.
    """

    what = zmq.XPUB
    attackerType = friendType = zmq.XSUB

    def _message(self) -> list[bytes]:
        # An XSUB with too long a subscription kills its process, which is ours.
        return [f[:MAX_TOPIC] if f[:1] == b"\1" else f for f in super()._message()]

    async def settle(self) -> None:
        # libzmq swallows what is subscribed to already, and the message breaks off.
        self.attacker.send_multipart([b"breaks off", b"\1never"])
        await turns(5)
        await super().settle()

    def answered(self, token: bytes) -> list[bytes]:
        return [b"good" + token]

    async def start(self) -> None:
        for raw in (self.attacker, self.friend):
            assert raw is not None
            raw.send(b"\1good" if raw is self.friend else b"\1never")
        await super().start()

    async def _served(self, token: bytes) -> None:
        self.end.write(b"good" + token)
        await super()._served(token)

    def _eavesdrop(self) -> None:
        # They have subscribed to it: it is for them as well.
        while self.attacker.poll(0):
            self.attacker.recv_multipart()


class TransportDealer(Dealer):
    what = zmq.DEALER


class TransportPair(Pair):
    what = zmq.PAIR


class TransportRouter(Router):
    what = zmq.ROUTER

    def reply(self, recipient: bytes, parts: list[bytes]) -> None:
        # What has no route is logged, and not an error.
        if recipient != FRIEND or parts[0].startswith(b"for friend"):
            self.end.write([recipient, *parts])


class TransportRep(Target):
    """
    The strict server of libzmq: an answer to each request.
    """

    what = zmq.REP
    attackerType = friendType = zmq.DEALER

    def received(self, parts: list[bytes]) -> None:
        super().received(parts)
        last = parts[-1]
        self.end.write(b"for friend " + last if last.startswith(self.secret) else b"?")

    def marked(self, token: bytes) -> list[bytes]:
        return [b"id", b"", token]

    def answered(self, token: bytes) -> list[bytes]:
        return [b"id", b"", b"for friend " + token]

    def _eavesdrop(self) -> None:
        # The attacker sends tokens of its own, and gets answers to them.
        while self.attacker.poll(0):
            self.attacker.recv_multipart()


class TransportReq(Target):
    """
    The strict client of libzmq: it takes the first reply that has a delimiter.

    Within the process: elsewhere libzmq leaves a server at its first mistake.
    """

    what = zmq.REQ
    attackerType = zmq.ROUTER
    address = ""

    def _contextFor(self, factory: ZmqFactory) -> Any:
        # Only there inproc meets inproc.
        return factory.context

    def _bind(self) -> str:
        address: str = self.end.bind(f"inproc://fuzz-{id(self)}")
        return address

    def flood(self, count: int) -> int:
        for _ in range(count):
            message = [self._client, *self.inputs.message()]
            self.attacker.send_multipart(message, zmq.NOBLOCK)
        return count

    async def settle(self) -> None:
        question = self._token()
        self.end.write(question)
        await self._insist(lambda: None, lambda: self.inbox.tokens)
        assert self.inbox.tokens == {question}
        self.inbox.tokens.clear()

    def _answer(self, message: list[bytes]) -> None:
        self._client, _delimiter, question = message
        for junk in ([b"x"], [b"x", b""], [b"x", b"", question]):
            self.attacker.send_multipart([self._client, *junk])
        self.attacker.send_multipart(message)

    def close(self) -> None:
        self.isOpen = False
        self.attacker.close()


class TransportPush(Target):
    """
    Does not receive: peers that are none cost nothing.
    """

    what = zmq.PUSH
    noiseKinds = (b"PUB", b"PAIR")
    attackerType = zmq.PULL

    def flood(self, count: int) -> int:
        # A PULL cannot send; the noise can.
        return 0

    async def settle(self) -> None:
        token = self._token()
        await self._insist(lambda: self.end.write(token), lambda: self.inbox.tokens)
        self.inbox.tokens.clear()

    def _answer(self, message: list[bytes]) -> None:
        self.inbox(*message)


class TransportPub(TransportXPub):
    """
    Does not receive either, but for subscriptions.
    """

    what = zmq.PUB

    async def start(self) -> None:
        friend: Any = self.friend
        friend.send(b"\1good")
        # It cannot be told when the subscription has come.
        deadline = monotonic() + PATIENCE
        while not friend.poll(0) and monotonic() < deadline:
            self.end.write(b"good")
            await turns(10)
        await self.settle()

    async def settle(self) -> None:
        # What is published is for whoever wants it.
        friend: Any = self.friend
        token = b"good" + self._token()
        self.end.write(token)
        while token not in (received := friend.recv_multipart() if friend.poll(0) else []):
            assert not received or received == [b"good"] or received[0].startswith(b"good")
            await turns()
        self._eavesdrop()


class TransportStream(Target):
    """
    Plain TCP: peers send bytes, come and go.
    """

    what = zmq.STREAM
    attackerType = zmq.STREAM

    def flood(self, count: int) -> int:
        # STREAM has no messages of its own: see the noise.
        return 0

    def received(self, parts: list[bytes]) -> None:
        super().received(parts)
        peer, data = parts
        if data.endswith(b"?"):
            self.end.write([peer, data])

    async def settle(self) -> None:
        question = self._token() + b"?"
        with socket.create_connection(portOf(self.address)) as friend:
            friend.setblocking(False)
            friend.sendall(question)
            answer = b""
            deadline = monotonic() + PATIENCE
            while len(answer) < len(question) and monotonic() < deadline:
                await turns()
                try:
                    answer += friend.recv(1000)
                except BlockingIOError:
                    pass
            assert answer == question, f"{self.name()} answers {answer!r}"


#: All of them.
TARGETS: list[type[Target]] = [
    Pull,
    Sub,
    Dealer,
    Pair,
    Router,
    Rep,
    Req,
    TransportPull,
    TransportSub,
    TransportXSub,
    TransportXPub,
    TransportDealer,
    TransportPair,
    TransportRouter,
    TransportRep,
    TransportReq,
    TransportPush,
    TransportPub,
    TransportStream,
]
