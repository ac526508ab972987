"""
Tests of :mod:`txzmq.router_dealer`.
"""

from __future__ import annotations

from typing import Any

import zmq

from txzmq import (
    ZmqAgainError,
    ZmqBase,
    ZmqClosedError,
    ZmqDealerConnection,
    ZmqFrameTypeError,
    ZmqRouterConnection,
)

from .support import Recorder, ZmqTestCase, inThread, turns


class RouterDealerTests(ZmqTestCase):
    """
    Routers and dealers, with each other and with plain sockets.
    """

    async def test_askAndAnswer(self) -> None:
        """
        A dealer's message comes with its id, and can be answered by it.
        """
        router = self.bound(ZmqRouterConnection)
        dealer = self.connected(ZmqDealerConnection, router, identity=b"dealer")
        router.gotMessage, dealer.gotMessage = Recorder(), Recorder()
        dealer.sendMsg(b"question")
        self.assertEqual(await router.gotMessage.wait(), [(b"dealer", b"question")])
        router.sendMsg(b"dealer", b"answer")
        self.assertEqual(await dealer.gotMessage.wait(), [b"answer"])

    async def test_multipart(self) -> None:
        """
        The frames of a message are the arguments of ``gotMessage``.
        """
        router = self.bound(ZmqRouterConnection)
        dealer = self.connected(ZmqDealerConnection, router, identity=b"dealer")
        router.gotMessage, dealer.gotMessage = Recorder(), Recorder()
        dealer.sendMultipart([b"1", "zwei", b""])
        self.assertEqual(await router.gotMessage.wait(), [(b"dealer", b"1", b"zwei", b"")])
        router.sendMultipart(b"dealer", (b"", bytearray(b"2"), "drei"))
        self.assertEqual(await dealer.gotMessage.wait(), [(b"", b"2", b"drei")])

    async def test_text(self) -> None:
        """
        Ids and messages can be text.
        """
        router = self.bound(ZmqRouterConnection)
        dealer = self.connected(ZmqDealerConnection, router, identity="schüler")
        router.gotMessage, dealer.gotMessage = Recorder(), Recorder()
        dealer.sendMsg("frage")
        self.assertEqual(await router.gotMessage.wait(), [("schüler".encode(), b"frage")])
        router.sendMsg("schüler", "antwort")
        router.sendMultipart("schüler", iter(["noch", "eine"]))
        self.assertEqual(await dealer.gotMessage.wait(2), [b"antwort", (b"noch", b"eine")])

    async def test_oneTextAsParts(self) -> None:
        """
        A string or bytes given as parts is one part, not one per character.
        """
        router, raw = self.withRaw(ZmqRouterConnection, zmq.DEALER)
        router.gotMessage = Recorder()
        raw.send(b"hello")
        ((sender, _),) = await router.gotMessage.wait()
        for parts in ("word", b"word"):
            router.sendMultipart(sender, parts)
            self.assertEqual(raw.recv_multipart(), [b"word"])

    async def test_rightPeer(self) -> None:
        """
        A router sends to the peer that is meant.
        """
        router = self.bound(ZmqRouterConnection, "inproc://router")
        router.gotMessage = Recorder()
        dealers = {}
        for name in (b"a", b"b", b"c"):
            dealers[name] = self.connected(ZmqDealerConnection, router, identity=name)
            dealers[name].gotMessage = Recorder()
            dealers[name].sendMsg(b"hello")
        await router.gotMessage.wait(3)
        router.sendMsg(b"b", b"for b")
        self.assertEqual(await dealers[b"b"].gotMessage.wait(), [b"for b"])
        await turns(3)
        self.assertEqual([len(d.gotMessage.events) for d in dealers.values()], [0, 1, 0])

    async def test_dealersTurns(self) -> None:
        """
        A dealer sends to its peers in turn.
        """
        dealer = self.bound(ZmqDealerConnection, "inproc://dealer")
        peers = [self.connected(ZmqDealerConnection, dealer) for _ in range(2)]
        for peer in peers:
            peer.gotMessage = Recorder()
        for i in range(4):
            dealer.sendMsg(b"%d" % i)
        got = [await peer.gotMessage.wait(2) for peer in peers]
        self.assertEqual(got, [[b"0", b"2"], [b"1", b"3"]])

    async def test_unknownRecipient(self) -> None:
        """
        A message for nobody is dropped, and harms no other.
        """
        router, raw = self.withRaw(ZmqRouterConnection, zmq.DEALER)
        router.gotMessage = Recorder()
        raw.send(b"hello")
        ((sender, _),) = await router.gotMessage.wait()
        router.sendMsg(b"nobody", b"lost")
        router.sendMultipart(b"nobody", [b"lost", b"too"])
        router.sendMsg(sender, b"arrives")
        self.assertEqual(raw.recv_multipart(), [b"arrives"])

    async def test_nobodyThere(self) -> None:
        """
        A dealer without a peer cannot send.
        """
        dealer = self.bound(ZmqDealerConnection)
        self.assertRaises(ZmqAgainError, dealer.sendMsg, b"x")
        self.assertRaises(ZmqAgainError, dealer.sendMultipart, [b"x", b"y"])

    async def test_badFrame(self) -> None:
        """
        What cannot be sent is an error, and the next message is intact.
        """
        dealer, raw = self.withRaw(ZmqDealerConnection, zmq.DEALER)
        router = self.bound(ZmqRouterConnection)
        self.assertRaises(ZmqFrameTypeError, dealer.sendMsg, 5)
        self.assertRaises(ZmqFrameTypeError, dealer.sendMultipart, [b"a", 5])
        self.assertRaises(ZmqFrameTypeError, router.sendMsg, None, b"x")
        self.assertRaises(ZmqFrameTypeError, router.sendMsg, b"peer", None)
        self.assertRaises(ZmqFrameTypeError, router.sendMultipart, b"peer", [b"a", None])
        dealer.sendMsg(b"next")
        self.assertEqual(raw.recv_multipart(), [b"next"])

    async def test_badFrameNamed(self) -> None:
        """
        The error says which frame, as the user counts them.
        """
        router = self.bound(ZmqRouterConnection)
        for send, args, name in (
            (router.sendMsg, (5, b"x"), "recipientId"),
            (router.sendMsg, (b"peer", 5), "message"),
            (router.sendMultipart, (5, [b"x"]), "recipientId"),
            (router.sendMultipart, (b"peer", [b"x", 5]), "frame 1"),
        ):
            error = self.assertRaises(ZmqFrameTypeError, send, *args)
            self.assertTrue(str(error).startswith(name), str(error))

    async def test_closed(self) -> None:
        """
        A closed connection says so.
        """
        for cls, args in [(ZmqDealerConnection, ()), (ZmqRouterConnection, (b"peer",))]:
            connection = self.bound(cls)
            connection.shutdown()
            self.assertRaises(ZmqClosedError, connection.sendMsg, *args, b"x")
            self.assertRaises(ZmqClosedError, connection.sendMultipart, *args, [b"x"])

    async def test_rawDealer(self) -> None:
        """
        A plain DEALER socket understands our router, and it the socket.
        """
        router = self.bound(ZmqRouterConnection)
        router.gotMessage = Recorder()
        raw = self.raw(zmq.DEALER, router.boundAddresses[0])
        await inThread(raw.send_multipart, [b"", b"a"])
        ((sender, *parts),) = await router.gotMessage.wait()
        self.assertEqual(parts, [b"", b"a"])
        router.sendMultipart(sender, [b"", b"b"])
        self.assertEqual(await inThread(raw.recv_multipart), [b"", b"b"])

    async def test_rawRouter(self) -> None:
        """
        A plain ROUTER socket understands our dealer, and it the socket.
        """
        dealer = self.bound(ZmqDealerConnection, identity=b"dealer")
        dealer.gotMessage = Recorder()
        raw = self.raw(zmq.ROUTER)
        raw.probe_router = 1
        raw.connect(dealer.boundAddresses[0])
        # The probe tells the dealer that the router is there.
        await dealer.gotMessage.wait()
        dealer.sendMsg(b"a")
        self.assertEqual(await inThread(raw.recv_multipart), [b"dealer", b"a"])
        raw.send_multipart([b"dealer", b"b", b"c"])
        self.assertEqual((await dealer.gotMessage.wait(2))[1:], [(b"b", b"c")])

    async def test_rawReply(self) -> None:
        """
        A dealer can speak to a plain REP socket, delimiter included.
        """
        dealer, raw = self.withRaw(ZmqDealerConnection, zmq.REP)
        dealer.gotMessage = Recorder()
        dealer.sendMultipart([b"", b"question"])
        raw.send(raw.recv() + b"!")
        self.assertEqual(await dealer.gotMessage.wait(), [(b"", b"question!")])

    async def test_routerToRouter(self) -> None:
        """
        Routers that know each other's ids can talk.
        """
        one = self.bound(ZmqRouterConnection, "inproc://one", identity=b"one")
        other = self.connected(ZmqRouterConnection, one, identity=b"other")
        one.gotMessage = Recorder()
        other.sendMsg(b"one", b"hello")
        self.assertEqual(await one.gotMessage.wait(), [(b"other", b"hello")])

    async def test_base(self) -> None:
        """
        ``ZmqBase`` makes a connection of other socket types; methods of a
        subclass get the frames.
        """
        got = Recorder()

        class Pair(ZmqBase):
            socketType = zmq.PAIR

            def gotMessage(self, *parts: Any) -> None:  # type: ignore[override]
                got(parts)

        pair, raw = self.withRaw(Pair, zmq.PAIR)
        raw.send_multipart([b"a", b"b"])
        self.assertEqual(await got.wait(), [(b"a", b"b")])
        pair.sendMsg(b"c")
        pair.sendMultipart([b"d", "e"])
        self.assertEqual((raw.recv_multipart(), raw.recv_multipart()), ([b"c"], [b"d", b"e"]))
