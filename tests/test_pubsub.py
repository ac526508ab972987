"""
Tests of :mod:`txzmq.pubsub`.
"""

from __future__ import annotations

from select import select
from typing import Any

import zmq

from txzmq import (
    ZmqClosedError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqPubConnection,
    ZmqSubConnection,
)
from txzmq._subscriptions import MAX_TOPIC

from .peers import framed, shaken
from .support import Recorder, ZmqTestCase, inThread, turns

#: Bytes of a subscription that libzmq does not survive where it is asked for.
ENDLESS = 300_000


class Colon(ZmqPubConnection):
    """
    A separator of its own.
    """

    topicSep = b"::"


class PublishTests(ZmqTestCase):
    """
    What publishers send, seen by a plain SUB socket.
    """

    async def published(
        self, *args: Any, cls: Any = ZmqPubConnection, **kwargs: Any
    ) -> list[bytes]:
        """
        :param cls: the class of the publisher.
        :param args: for ``publish``.
        :return: the frames that arrive.
        """
        publisher, raw = self.withRaw(cls, zmq.SUB)
        raw.subscribe(b"")
        await turns(3)
        publisher.publish(*args, **kwargs)
        return raw.recv_multipart()

    async def test_framing(self) -> None:
        """
        Tag and message are one frame, with a NUL between them.
        """
        self.assertEqual(await self.published(b"message", b"tag"), [b"tag\0message"])

    async def test_noTag(self) -> None:
        """
        Without a tag, the frame begins with NUL.
        """
        self.assertEqual(await self.published(b"message"), [b"\0message"])

    async def test_keyword(self) -> None:
        """
        The tag can be given by name.
        """
        self.assertEqual(await self.published(message=b"message", tag=b"tag"), [b"tag\0message"])

    async def test_text(self) -> None:
        """
        Both can be text.
        """
        self.assertEqual(await self.published("größe", "maß"), ["maß\0größe".encode()])

    async def test_bytesLike(self) -> None:
        """
        Both can be anything bytes-like.
        """
        frames = await self.published(memoryview(b"message"), bytearray(b"tag"))
        self.assertEqual(frames, [b"tag\0message"])

    async def test_separatorInMessage(self) -> None:
        """
        The message may contain the separator.
        """
        self.assertEqual(await self.published(b"a\0b", b"tag"), [b"tag\0a\0b"])

    async def test_ownSeparator(self) -> None:
        """
        A subclass can have another separator.
        """
        self.assertEqual(await self.published(b"a\0b", b"t:ag", cls=Colon), [b"t:ag::a\0b"])

    async def test_separatorInTag(self) -> None:
        """
        A tag that contains the separator is refused, and nothing is sent.
        """
        publisher, raw = self.withRaw(ZmqPubConnection, zmq.SUB)
        raw.subscribe(b"")
        await turns(3)
        for tag in (b"a\0b", "a\0b", b"\0", bytearray(b"a\0")):
            error = self.assertRaises(ZmqFrameError, publisher.publish, b"message", tag)
            self.assertIsInstance(error, ValueError)
        publisher.publish(b"next")
        self.assertEqual(raw.recv_multipart(), [b"\0next"])

    async def test_ownSeparatorInTag(self) -> None:
        """
        So is one that contains the separator of the subclass.
        """
        publisher = self.bound(Colon)
        self.assertRaises(ZmqFrameError, publisher.publish, b"message", b"a::b")

    async def test_badTypes(self) -> None:
        """
        An error says whether tag or message is at fault.
        """
        publisher = self.bound(ZmqPubConnection)
        error = self.assertRaises(ZmqFrameTypeError, publisher.publish, 5, b"tag")
        self.assertIn("message", str(error))
        error = self.assertRaises(ZmqFrameTypeError, publisher.publish, b"message", 5)
        self.assertIn("tag", str(error))

    async def test_nobodyThere(self) -> None:
        """
        What nobody has subscribed to is dropped, without an error.
        """
        self.bound(ZmqPubConnection).publish(b"message", b"tag")

    async def test_endlessSubscription(self) -> None:
        """
        Whoever asks for more than any subscriber of ours gets it, and can leave.
        """

        class Verbose(ZmqPubConnection):
            socketType = zmq.XPUB

            def messageReceived(self, message: list[bytes]) -> None:
                """
                Ignore the subscriptions.
                """

        for cls in (ZmqPubConnection, Verbose):
            pub = self.bound(cls)
            rude = await inThread(shaken, "SUB", pub.boundAddresses[0])
            self.addCleanup(rude.close)
            await inThread(rude.sendall, framed([b"\1" + b"x" * ENDLESS]))
            while not select([rude], [], [], 0)[0]:
                pub.publish(b"", b"x" * ENDLESS)
                await turns()
            rude.close()
            friend = self.connected(ZmqSubConnection, pub)
            friend.gotMessage = got = Recorder()
            friend.subscribe(b"")
            while not got.events:
                pub.publish(b"x")
                await turns()
            pub.shutdown()

    async def test_closed(self) -> None:
        """
        A closed publisher says so.
        """
        publisher = self.bound(ZmqPubConnection)
        publisher.shutdown()
        self.assertRaises(ZmqClosedError, publisher.publish, b"message")


class SubscribeTests(ZmqTestCase):
    """
    What subscribers make of what a plain PUB socket sends.
    """

    async def subscriber(self, cls: Any = ZmqSubConnection, *tags: Any) -> tuple[Any, Any]:
        """
        :param tags: what to subscribe to; everything, if there are none.
        :return: a recording subscriber, and a socket that knows of it.
        """
        subscriber, raw = self.withRaw(cls, zmq.XPUB)
        subscriber.gotMessage = Recorder()
        for tag in tags or (b"",):
            subscriber.subscribe(tag)
            await turns(2)
            raw.recv()
        return subscriber, raw

    async def test_messageAndTag(self) -> None:
        """
        A frame is cut at the first separator.
        """
        subscriber, raw = await self.subscriber()
        for frame in (b"tag\0message", b"tag\0a\0b", b"\0message", b"tag\0", b"\0"):
            raw.send(frame)
        self.assertEqual(
            await subscriber.gotMessage.wait(5),
            [(b"message", b"tag"), (b"a\0b", b"tag"), (b"message", b""), (b"", b"tag"), (b"", b"")],
        )

    async def test_noSeparator(self) -> None:
        """
        A frame without separator is a message with an empty tag.
        """
        subscriber, raw = await self.subscriber()
        raw.send(b"message")
        raw.send(b"")
        self.assertEqual(await subscriber.gotMessage.wait(2), [(b"message", b""), (b"", b"")])

    async def test_twoFrames(self) -> None:
        """
        Two frames are tag and message.
        """
        subscriber, raw = await self.subscriber()
        raw.send_multipart([b"tag", b"message"])
        raw.send_multipart([b"", b""])
        self.assertEqual(await subscriber.gotMessage.wait(2), [(b"message", b"tag"), (b"", b"")])

    async def test_moreFrames(self) -> None:
        """
        More frames are logged and dropped; the next message is delivered.
        """
        subscriber, raw = await self.subscriber()
        log = self.logged()
        raw.send_multipart([b"a", b"b", b"c"])
        raw.send_multipart([b"a"] * 100)
        raw.send(b"tag\0next")
        self.assertEqual(await subscriber.gotMessage.wait(), [(b"next", b"tag")])
        self.assertEqual(len([text for text in log if "dropped" in text]), 2, log)
        self.assertIn("3", log[0])

    async def test_ownSeparator(self) -> None:
        """
        A subclass can have another separator.
        """

        class ColonSubscriber(ZmqSubConnection):
            topicSep = b"::"

        subscriber, raw = await self.subscriber(ColonSubscriber)
        raw.send(b"t:ag::a\0b")
        self.assertEqual(await subscriber.gotMessage.wait(), [(b"a\0b", b"t:ag")])

    async def test_prefixes(self) -> None:
        """
        Subscriptions are beginnings of tags, and there can be many; they can
        be text.
        """
        subscriber, raw = await self.subscriber(ZmqSubConnection, b"news", "weather.ny")
        for tag in (b"new", b"news", b"news.sports", b"weather", b"weather.nyc"):
            raw.send(tag + b"\0message")
        got = await subscriber.gotMessage.wait(3)
        self.assertEqual([tag for _, tag in got], [b"news", b"news.sports", b"weather.nyc"])

    async def test_unsubscribe(self) -> None:
        """
        What is unsubscribed from does not come any more.
        """
        subscriber, raw = await self.subscriber(ZmqSubConnection, b"a", b"b")
        for tag, note in ((b"a", b"\0a"), ("b", b"\0b")):
            subscriber.unsubscribe(tag)
            self.assertEqual(raw.recv(), note)
            raw.send(b"a\0message")
            raw.send(b"b\0message")
            await turns(3)
        self.assertEqual(subscriber.gotMessage.events, [(b"message", b"b")])

    async def test_nothingSubscribed(self) -> None:
        """
        Without a subscription, nothing comes.
        """
        subscriber, raw = self.withRaw(ZmqSubConnection, zmq.PUB)
        subscriber.gotMessage = Recorder()
        raw.send(b"tag\0message")
        await turns(3)
        self.assertEqual(subscriber.gotMessage.events, [])

    async def test_longTag(self) -> None:
        """
        What libzmq might not survive is refused.
        """
        subscriber = self.bound(ZmqSubConnection)
        subscriber.subscribe(b"x" * MAX_TOPIC)
        with self.assertRaises(ZmqFrameError) as raised:
            subscriber.subscribe(b"x" * (MAX_TOPIC + 1))
        self.assertIn(f"{MAX_TOPIC} bytes at most, not {MAX_TOPIC + 1}", str(raised.exception))

    async def test_badTag(self) -> None:
        """
        A tag is bytes or text.
        """
        subscriber = self.bound(ZmqSubConnection)
        self.assertRaises(ZmqFrameTypeError, subscriber.subscribe, 5)
        self.assertRaises(ZmqFrameTypeError, subscriber.unsubscribe, None)

    async def test_closed(self) -> None:
        """
        A closed subscriber says so.
        """
        subscriber = self.bound(ZmqSubConnection)
        subscriber.shutdown()
        self.assertRaises(ZmqClosedError, subscriber.subscribe, b"tag")
        self.assertRaises(ZmqClosedError, subscriber.unsubscribe, b"tag")


class PubSubTests(ZmqTestCase):
    """
    Our publishers and subscribers, and plain ones over the network.
    """

    async def repeated(self, publisher: Any, got: Recorder, *args: Any) -> Any:
        """
        Publish again and again, until it has arrived somewhere for the first
        time.  A publisher is not told who has subscribed.

        :return: what arrived.
        """
        while not got.events:
            publisher.publish(*args)
            await turns()
        return got.events[0]

    async def test_everyTransport(self) -> None:
        """
        What one publishes the other gets.
        """
        for address in ("tcp://127.0.0.1:*", self.ipcAddress(), "inproc://pubsub"):
            publisher = self.bound(ZmqPubConnection, address)
            subscriber = self.connected(ZmqSubConnection, publisher)
            subscriber.gotMessage = got = Recorder()
            subscriber.subscribe("ta")
            arrived = await self.repeated(publisher, got, "message", "tag")
            self.assertEqual(arrived, (b"message", b"tag"))

    async def test_method(self) -> None:
        """
        ``gotMessage`` can be a method, and the subscriber can bind.
        """
        got = Recorder()

        class Subscriber(ZmqSubConnection):
            def gotMessage(self, message: bytes, tag: bytes) -> None:
                got(message, tag)

        subscriber = self.bound(Subscriber)
        subscriber.subscribe(b"")
        publisher = self.connected(ZmqPubConnection, subscriber)
        arrived = await self.repeated(publisher, got, b"message")
        self.assertEqual(arrived, (b"message", b""))

    async def test_manySubscribers(self) -> None:
        """
        Everybody gets what they have subscribed to.
        """
        publisher = self.bound(ZmqPubConnection, "inproc://many")
        subscribers = [self.connected(ZmqSubConnection, publisher) for _ in range(3)]
        for subscriber, tag in zip(subscribers, (b"a", b"b", b"")):
            subscriber.gotMessage = Recorder()
            subscriber.subscribe(tag)
        await turns(3)
        publisher.publish(b"1", b"a")
        publisher.publish(b"2", b"b")
        got = [
            await subscriber.gotMessage.wait(count)
            for subscriber, count in zip(subscribers, (1, 1, 2))
        ]
        self.assertEqual(got, [[(b"1", b"a")], [(b"2", b"b")], [(b"1", b"a"), (b"2", b"b")]])

    async def test_rawSubscriber(self) -> None:
        """
        A plain SUB socket gets the frame.
        """
        publisher = self.bound(ZmqPubConnection)
        raw = self.raw(zmq.SUB, publisher.boundAddresses[0])
        raw.subscribe(b"ta")
        got = Recorder()
        done = inThread(raw.recv_multipart).addCallback(got)
        self.assertEqual(await self.repeated(publisher, got, b"message", b"tag"), [b"tag\0message"])
        await done

    async def test_rawPublisher(self) -> None:
        """
        We get what a plain PUB socket sends, as one frame or as two.
        """
        subscriber = self.bound(ZmqSubConnection)
        subscriber.gotMessage = Recorder()
        subscriber.subscribe(b"ta")
        raw = self.raw(zmq.XPUB, subscriber.boundAddresses[0])
        self.assertEqual(await inThread(raw.recv), b"\1ta")
        raw.send(b"tag\0one")
        raw.send_multipart([b"tag", b"two"])
        raw.send(b"other\0three")
        raw.send(b"tag\0four")
        self.assertEqual(
            await subscriber.gotMessage.wait(3),
            [(b"one", b"tag"), (b"two", b"tag"), (b"four", b"tag")],
        )
