"""
Tests of :meth:`txzmq.ZmqFactory.close`: the end that does not block.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import zmq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred

from txzmq import (
    ZmqClosedError,
    ZmqFactory,
    ZmqOptionError,
    ZmqPullConnection,
    ZmqPushConnection,
    ZmqREQConnection,
    ZmqUnsentError,
    createZmqConnection,
)

from .support import PATIENCE, Recorder, ZmqTestCase, accepted, inThread, turns, until

#: Nobody listens there: the port is that of a service that nobody has any more.
NOWHERE = "tcp://127.0.0.1:9"


class Pull(ZmqPullConnection):
    """
    Records what comes.
    """

    def __init__(self, *args: Any) -> None:
        self.onPull = Recorder()
        super().__init__(*args)


class Patient(ZmqPushConnection):
    """
    Keeps its messages until somebody is connected.
    """

    immediate = True


class CloseTests(ZmqTestCase):
    """
    Closing a factory.
    """

    async def assertUnsent(self, closed: Deferred[None], messages: int, size: int) -> str:
        """
        :return: the text of the error.
        """
        try:
            await closed
        except ZmqUnsentError as error:
            self.assertEqual((error.messages, error.bytes), (messages, size))
            return str(error)
        raise self.failureException("all was sent")

    async def test_nothingOpen(self) -> None:
        """
        A factory that has nothing open closes at once, and any number of times.
        """
        self.assertIsNone(await self.factory.close())
        self.assertIsNone(await self.factory.close())
        self.assertIsNone(self.factory.connections)

    async def test_sent(self) -> None:
        """
        What libzmq has arrives.
        """
        other = ZmqFactory()
        self.addCleanup(other.shutdown)
        pull = Pull(other)
        pull.addEndpoints([("bind", "tcp://127.0.0.1:*")])  # type: ignore[list-item]
        push = self.connected(ZmqPushConnection, pull)
        for number in range(1000):
            push.push(b"%d" % number)
        await self.factory.close(PATIENCE)
        await pull.onPull.wait(1000)
        self.assertEqual(pull.onPull.events, [[b"%d" % number] for number in range(1000)])

    async def test_ownQueue(self) -> None:
        """
        What waits with us gets its time: a peer that comes meanwhile gets it.
        """
        address = self.ipcAddress()
        push = self.connected(Patient, address)
        sent = [push.sendWhenReady(b"%d" % number) for number in range(10)]
        closed = self.factory.close(PATIENCE)
        other = ZmqFactory()
        self.addCleanup(other.shutdown)
        pull = Pull(other)
        pull.addEndpoints([("bind", address)])  # type: ignore[list-item]
        await closed
        for deferred in sent:
            self.assertIsNone(await deferred)
        await pull.onPull.wait(10)
        self.assertEqual(pull.onPull.events, [[b"%d" % number] for number in range(10)])

    async def test_transport(self) -> None:
        """
        So does what waits in a transport, whose protocol is told as ever.
        """
        address = self.ipcAddress()
        lost = Recorder()

        class Protocol:
            def __getattr__(self, name: str) -> Any:
                return lost if name == "connectionLost" else lambda *args: None

        transport, _ = await createZmqConnection(
            Protocol,  # type: ignore[arg-type]
            zmq.PUSH,
            factory=self.factory,
        )
        transport.setsockopt(zmq.IMMEDIATE, 1)
        transport.connect(address)
        transport.write([b"1", b"2"])
        closed = self.factory.close(PATIENCE)
        peer = self.raw(zmq.PULL)
        peer.bind(address)
        await closed
        self.assertEqual(len(lost.events), 1)
        self.assertEqual(peer.recv_multipart(), [b"1", b"2"])

    async def test_tooLate(self) -> None:
        """
        What nobody has taken by the deadline is counted.
        """
        push = self.connected(Patient, NOWHERE)
        sent = [push.sendWhenReady(b"four"), push.sendWhenReady([b"", b"1"])]
        text = await self.assertUnsent(self.factory.close(0.01), 2, 5)
        self.assertIn("2 messages, 5 bytes, waited", text)
        for deferred in sent:
            with contextlib.suppress(ZmqClosedError):
                await deferred
                self.fail("it was sent")

    async def test_givenUp(self) -> None:
        """
        What libzmq has cannot be counted, but it is told that there was some.
        """
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        self.assertIn("libzmq", await self.assertUnsent(self.factory.close(0.2), 0, 0))

    async def test_noTime(self) -> None:
        """
        Without any time what libzmq has is dropped, as was asked for.
        """
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        await self.factory.close(0)

    async def test_foreignSocket(self) -> None:
        """
        A socket that is not ours keeps the context, but not the program.
        """
        assert self.factory.context is not None
        foreign = self.factory.context.socket(zmq.PUSH)
        try:
            text = await self.assertUnsent(self.factory.close(0), 0, 0)
        finally:
            foreign.close()
        self.assertIn("a socket that is not ours", text)

    async def test_doesNotBlock(self) -> None:
        """
        The reactor goes round while libzmq still sends.
        """
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        closed = self.factory.close(0.5)
        states = []
        while not closed.called:
            states.append(closed.called)
            await turns()
        self.assertGreater(len(states), 10)
        await self.assertUnsent(closed, 0, 0)

    async def test_closedMeanwhile(self) -> None:
        """
        While it closes nothing new is opened, and what asks too is told as well.
        """
        push = self.connected(Patient, NOWHERE)
        waiting = push.sendWhenReady(b"1")
        first, second = self.factory.close(PATIENCE), self.factory.close()
        self.assertRaises(ZmqClosedError, ZmqPullConnection, self.factory)
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.assertEqual([await first, await second], [None, None])

    async def test_receivesNothing(self) -> None:
        """
        Messages that come meanwhile are not delivered.
        """
        pull, raw = self.withRaw(Pull, zmq.PUSH)
        raw.send(b"1")
        waiting = self.connected(Patient, NOWHERE).sendWhenReady(b"1")
        waiting.addErrback(lambda failure: None)
        closed = self.factory.close(PATIENCE)
        await turns(5)
        raw.close()
        waiting.cancel()
        await closed
        self.assertEqual(pull.onPull.events, [])

    async def test_requests(self) -> None:
        """
        Requests that wait for a reply fail.
        """
        reply = self.connected(ZmqREQConnection, NOWHERE).sendMsg(b"1")
        await self.factory.close(0)
        await self.assertFailure(reply, ZmqClosedError)

    async def test_shutdownMeanwhile(self) -> None:
        """
        Who shuts it down while it closes ends it, and whoever waits is told.
        """
        push = self.connected(Patient, NOWHERE)
        push.sendWhenReady(b"12345").addErrback(lambda failure: None)
        closed = self.factory.close(0.05)
        self.factory.shutdown()
        self.assertTrue(closed.called)
        await self.assertUnsent(closed, 1, 5)

    async def test_shutdownWhileTerminating(self) -> None:
        """
        The same when all is closed, and libzmq still sends.
        """
        self.connected(ZmqPushConnection, NOWHERE).push(b"1")
        closed = self.factory.close(0.05)
        await turns()
        self.factory.shutdown()
        self.assertTrue(closed.called)
        closed.addErrback(lambda failure: None)

    async def assertClosesAllTheSame(self, connection: Any) -> None:
        """
        The factory closes a connection that raises, and logs that.
        """
        await self.factory.close()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertRaises(ZmqClosedError, connection.push, b"1")

    async def test_ownShutdown(self) -> None:
        """
        A subclass whose own shutdown raises, or leaves it open, is closed too.
        """

        class Stubborn(ZmqPushConnection):
            def shutdown(self) -> None:
                raise RuntimeError("no")

        await self.assertClosesAllTheSame(Stubborn(self.factory))

    async def test_failing(self) -> None:
        """
        A connection that fails to close is closed all the same.
        """

        class Failing(ZmqPushConnection):
            def _closeWhenSent(self, *args: Any) -> None:
                raise RuntimeError("no")

        await self.assertClosesAllTheSame(Failing(self.factory))

    async def test_cancelled(self) -> None:
        """
        Who does not want to wait any longer can cancel that; it closes all the same.
        """
        self.bound(ZmqPullConnection)
        closed, other = self.factory.close(PATIENCE), self.factory.close()
        closed.addErrback(lambda failure: failure.trap(CancelledError))
        closed.cancel()
        self.assertIsNone(await other)

    async def test_shutdownWithoutContext(self) -> None:
        """
        A shutdown meanwhile, when the context is the business of somebody else.
        """
        context: Any = self.factory.context
        push = self.connected(Patient, NOWHERE)
        push.sendWhenReady(b"12345").addErrback(lambda failure: None)
        closed = self.factory.close(PATIENCE)
        self.factory.contextLost()
        self.factory.shutdown()
        await self.assertUnsent(closed, 1, 5)
        await inThread(context.destroy, 0)

    async def test_socketGone(self) -> None:
        """
        A connection whose socket somebody has closed does not keep it.
        """
        push = ZmqPushConnection(self.factory)
        assert push.socket is not None
        push.socket.close()
        await self.factory.close()
        self.assertEqual(self.factory.connections, None)
        self.flushLoggedErrors()

    async def test_removesTriggers(self) -> None:
        """
        A registered factory that is closed is not shut down again.
        """
        self.factory.registerForShutdown()
        await self.factory.close()
        self.assertIsNone(self.factory._trigger)

    async def test_deadlines(self) -> None:
        """
        A deadline is a number of seconds.
        """
        for wrong in (-1, "1", float("nan"), float("inf")):
            self.assertRaises(ZmqOptionError, self.factory.close, wrong)
        self.factory.lingerPeriod = -1
        await self.factory.close()

    async def test_leavesNoTimer(self) -> None:
        """
        No delayed call is left behind.
        """
        await self.factory.close(PATIENCE)
        names = [str(call) for call in reactor.getDelayedCalls()]  # type: ignore[attr-defined]
        self.assertEqual([name for name in names if "_tooLate" in name], [])

    async def test_removesFiles(self) -> None:
        """
        The files of its addresses are gone.
        """
        address = self.ipcAddress()
        self.bound(ZmqPullConnection, address)
        self.assertTrue(os.path.exists(address[len("ipc://") :]))
        await self.factory.close()
        self.assertFalse(os.path.exists(address[len("ipc://") :]))


class SubscriptionTests(ZmqTestCase):
    """
    What libzmq takes out of messages.
    """

    async def test_hiddenSubscription(self) -> None:
        """
        A subscription that an XPUB has, hidden in another message, costs that
        message only.
        """
        got, texts = Recorder(), self.logged()
        xpub, raw = self.withRaw(
            type("XPub", (ZmqPullConnection,), {"socketType": zmq.XPUB}), zmq.XSUB
        )
        xpub.messageReceived = got
        raw.send(b"\1x")
        await got.wait(1)
        raw.send_multipart([b"data", b"\1x"])
        await until(lambda: any("without an end" in text for text in texts))
        raw.send(b"\1y")
        await got.wait(2)
        self.assertEqual(got.events, [[b"\1x"], [b"\1y"]])
        await accepted(xpub.send, b"x1")
        self.assertEqual(raw.recv(), b"x1")


class ForeignTerminationTests(ZmqTestCase):
    """
    Somebody else terminates the context.
    """

    async def test_terminatedElsewhere(self) -> None:
        """
        While another thread waits for it, we do not: libzmq would abort.
        """
        connection = ZmqPullConnection(self.factory)
        lost = Recorder()
        connection.connectionLost = lost  # type: ignore[method-assign]
        assert self.factory.context is not None
        terminated = inThread(self.factory.context.term)
        await lost.wait(1)
        self.factory.shutdown()
        await terminated
        self.assertEqual(len(lost.events), 1)

    async def test_terminatedBefore(self) -> None:
        """
        One that is terminated by now is left alone, too.
        """
        ZmqPullConnection(self.factory).shutdown()
        assert self.factory.context is not None
        await inThread(self.factory.context.term)
        await self.factory.close()

    async def test_contextTooLate(self) -> None:
        """
        A factory that is closed takes no other context.
        """
        await self.factory.close()
        self.assertRaises(ZmqClosedError, setattr, self.factory, "context", None)
