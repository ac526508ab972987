"""
Tests of :mod:`txzmq._subscribers`: waiting for subscribers, without a socket
and at an XPUB.
"""

from __future__ import annotations

import zmq
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from txzmq import ZmqClosedError, ZmqFrameTypeError, ZmqNotSupportedError, ZmqSocketError
from txzmq._subscribers import Subscribers

from .support import Recorder
from .transports import Recording, TransportTestCase

#: Newer than the oldest pyzmq that we support.
ONLY_FIRST_SUBSCRIBE = 108


class Receiver:
    """
    Gets the messages.
    """

    def __init__(self) -> None:
        self.messageReceived = Recorder()


class SubscribersTests(SynchronousTestCase):
    """
    Taking note of subscriptions.
    """

    def setUp(self) -> None:
        self.receiver = Receiver()
        self.subscribers = Subscribers(self.receiver)

    def comes(self, *messages: bytes) -> None:
        for message in messages:
            self.subscribers.messageReceived([message])

    def test_later(self) -> None:
        """
        Who waits is told with the first subscription that covers the topic.
        """
        deferred = self.subscribers.when(b"weather.home")
        self.comes(b"\1sports", b"\1weather.home.today", b"\1weather")
        self.assertEqual(self.successResultOf(deferred), b"weather")

    def test_already(self) -> None:
        """
        Who comes later is told at once, with the shortest subscription.
        """
        self.comes(b"\1weather.home", b"\1weather")
        self.assertEqual(self.successResultOf(self.subscribers.when(b"weather.home")), b"weather")

    def test_all(self) -> None:
        """
        Who subscribes to everything covers every topic, also the empty one.
        """
        waiting = [self.subscribers.when(topic) for topic in (b"", b"x")]
        self.comes(b"\1")
        self.assertEqual([self.successResultOf(d) for d in waiting], [b"", b""])

    def test_empty(self) -> None:
        """
        Only who subscribes to everything covers the empty topic.
        """
        deferred = self.subscribers.when(b"")
        self.comes(b"\1x")
        self.assertNoResult(deferred)

    def test_gone(self) -> None:
        """
        A subscription that is undone counts no more, and to undo what was never
        there does nothing.
        """
        self.comes(b"\1x", b"\0x", b"\0x", b"\0y")
        self.assertNoResult(self.subscribers.when(b"x"))

    def test_others(self) -> None:
        """
        What is neither is a message of a subscriber, also an empty one.
        """
        self.comes(b"", b"x", b"\2x", b"\xff")
        self.assertNoResult(self.subscribers.when(b"x"))
        self.assertEqual(self.receiver.messageReceived.events, [[b""], [b"x"], [b"\2x"], [b"\xff"]])

    def test_hidden(self) -> None:
        """
        The last of several frames is one for libzmq, too; unless it was told that
        only a first one is.
        """
        self.subscribers.messageReceived([b"\1a", b"\1x"])
        self.subscribers.onlyFirst = True
        self.subscribers.messageReceived([b"\1b", b"\1y"])
        self.subscribers.messageReceived([b"b", b"\0x"])
        asked = [self.subscribers.when(topic).called for topic in (b"x", b"a", b"b", b"y")]
        self.assertEqual(asked, [True, False, False, False])

    def test_delivered(self) -> None:
        """
        Subscriptions are delivered, before those who wait are told; what the
        receiver returns is returned.
        """
        events = self.receiver.messageReceived
        self.subscribers.when(b"x").addCallback(events)
        result: Deferred[None] = Deferred()
        self.receiver.messageReceived = lambda message: events(message) or result  # type: ignore
        self.assertIs(self.subscribers.messageReceived([b"\1x"]), result)
        self.assertEqual(events.events, [[b"\1x"], b"x"])

    def test_known(self) -> None:
        """
        A receiver that asks while it is told gets the truth.
        """
        asked = Recorder()
        self.receiver.messageReceived = lambda message: asked(  # type: ignore
            self.subscribers.when(b"x").called
        )
        self.comes(b"\1x", b"\0x")
        self.assertEqual(asked.events, [True, False])

    def test_error(self) -> None:
        """
        An error of the receiver changes nothing for those who wait.
        """
        deferred = self.subscribers.when(b"x")
        self.receiver.messageReceived = lambda message: 1 / 0  # type: ignore
        self.assertRaises(ZeroDivisionError, self.subscribers.messageReceived, [b"\1x"])
        self.assertEqual(self.successResultOf(deferred), b"x")

    def test_takenApart(self) -> None:
        """
        Nor does a receiver that empties the list.
        """
        deferred = self.subscribers.when(b"x")
        self.receiver.messageReceived = list.clear  # type: ignore
        self.comes(b"\1x")
        self.assertEqual(self.successResultOf(deferred), b"x")

    def test_cancelled(self) -> None:
        """
        Who does not want to wait any longer cancels; others go on waiting.
        """
        first, second = self.subscribers.when(b"x"), self.subscribers.when(b"x")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.comes(b"\1x")
        self.assertEqual(self.successResultOf(second), b"x")

    def test_cancelledMeanwhile(self) -> None:
        """
        Who is told may cancel for another.
        """
        first, second = self.subscribers.when(b"x"), self.subscribers.when(b"x")
        first.addCallback(lambda _: second.cancel())
        self.comes(b"\1x")
        self.failureResultOf(second, CancelledError)

    def test_again(self) -> None:
        """
        Who is told may wait again.
        """
        deferred = self.subscribers.when(b"x")
        deferred.addCallback(lambda _: self.subscribers.when(b"y"))
        self.comes(b"\1x")
        self.assertNoResult(deferred)
        self.comes(b"\1y")
        self.assertEqual(self.successResultOf(deferred), b"y")

    def test_closed(self) -> None:
        """
        At the end who waits is told, once; who does not listen fills no log.
        """
        listened = self.subscribers.when(b"x")
        listened.addErrback(lambda failure: failure.trap(ZmqClosedError))
        self.subscribers.when(b"x")
        self.subscribers.close(ZmqClosedError)
        self.subscribers.close(ZmqClosedError)
        self.assertIs(self.successResultOf(listened), ZmqClosedError)

    def test_closedByOne(self) -> None:
        """
        Who is told may close; the others hear of that.
        """
        first, second = self.subscribers.when(b"x"), self.subscribers.when(b"x")
        first.addCallback(lambda _: self.subscribers.close(ZmqClosedError))
        self.comes(b"\1x")
        self.assertIsNone(self.successResultOf(first))
        self.failureResultOf(second, ZmqClosedError)


class WhenSubscribedTests(TransportTestCase):
    """
    Waiting for subscribers at a transport.
    """

    async def test_subscribed(self) -> None:
        """
        What is published after the wait arrives, over each kind of transport.
        """
        for address in (None, self.ipcAddress(), "tcp://127.0.0.1:*"):
            transport, protocol = self.opened(zmq.XPUB)
            raw = self.beside(transport, zmq.SUB, address)
            raw.subscribe(b"wea")
            self.assertEqual(await transport.whenSubscribed(b"weather"), b"wea")
            transport.write(b"weather")
            self.assertEqual((raw.recv(), protocol.got.events), (b"weather", [[b"\1wea"]]))

    async def test_hidden(self) -> None:
        """
        Who has hidden a subscription in a message gets what is published; with
        ``ONLY_FIRST_SUBSCRIBE`` there is none, and what looks like one is kept nowhere.
        """
        for onlyFirst in (False, True):
            transport, protocol = self.opened(zmq.XPUB)
            try:
                transport.setsockopt(ONLY_FIRST_SUBSCRIBE, onlyFirst)
            except ZmqSocketError as error:
                raise SkipTest("this libzmq has no ONLY_FIRST_SUBSCRIBE") from error
            raw = self.beside(transport, zmq.XSUB)
            raw.send_multipart([b"hello", b"\1x"])
            raw.send(b"\1y")
            await transport.whenSubscribed(b"y")
            self.assertEqual(protocol.got.events, [[b"hello", b"\1x"], [b"\1y"]])
            self.assertEqual(transport.whenSubscribed(b"x").called, not onlyFirst)
            for topic in (b"x", b"y"):
                transport.write(topic)
            self.assertEqual(raw.recv(), b"y" if onlyFirst else b"x")

    async def test_unsubscribed(self) -> None:
        """
        A subscriber who goes takes the subscription along.
        """
        transport, protocol, raw = self.facing(zmq.XPUB, zmq.SUB)
        raw.subscribe(b"x")
        await transport.whenSubscribed(b"x")
        raw.close()
        await protocol.got.wait(2)
        self.assertNoResult(transport.whenSubscribed(b"x"))

    async def test_closed(self) -> None:
        """
        A transport that is closed tells who waits, and who comes after.
        """
        transport, _ = self.opened(zmq.XPUB)
        waiting = transport.whenSubscribed(b"x")
        transport.abortConnection()
        self.failureResultOf(waiting, ZmqClosedError)
        self.failureResultOf(transport.whenSubscribed(b"x"), ZmqClosedError)

    def test_notXPUB(self) -> None:
        """
        Only XPUB knows: other types say so.
        """
        for zmqType in (zmq.PUB, zmq.SUB, zmq.XSUB, zmq.PAIR):
            transport, _ = self.opened(zmqType)
            failure = self.failureResultOf(transport.whenSubscribed(b"x"))
            failure.trap(ZmqNotSupportedError)
            for cls in (NotImplementedError, OSError, zmq.ZMQError):
                self.assertIsInstance(failure.value, cls)

    def test_noBytes(self) -> None:
        """
        A topic is bytes.
        """
        transport, _ = self.opened(zmq.XPUB, Recording)
        for topic in ("x", None, [b"x"]):
            self.failureResultOf(transport.whenSubscribed(topic), ZmqFrameTypeError)
