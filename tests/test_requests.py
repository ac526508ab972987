"""
Tests of :mod:`txzmq._requests`: by example, and against models that are so
simple that they must be right.
"""

from __future__ import annotations

import gc
import os
import sys
from itertools import islice
from typing import Any, Optional

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txzmq import (
    ZmqClosedError,
    ZmqOptionError,
    ZmqReplyError,
    ZmqRequestIdError,
    ZmqRequestTimeoutError,
    ZmqTooManyRequestsError,
)
from txzmq._requests import ID_SIZE, IDS_PER_BLOCK, PendingReplies, PendingRequests, freshIds

from .support import STEADY

#: The most that may wait in the state machines; so small that it is reached.
LIMIT = 4


class FreshIdTests(SynchronousTestCase):
    """
    The ids of our own requests.
    """

    def test_neverTwice(self) -> None:
        """
        No id comes twice, from one block of random bytes or the next, or from
        another connection.
        """
        count = IDS_PER_BLOCK * 3 + 1
        ids = [*islice(freshIds(), count), *islice(freshIds(), count)]
        self.assertEqual((len(set(ids)), {len(i) for i in ids}), (2 * count, {ID_SIZE}))

    def test_randomness(self) -> None:
        """
        Ids are what the system gives as randomness, all of it and nothing else.
        """
        blocks: list[bytes] = []

        def urandom(size: int) -> bytes:
            blocks.append(bytes((len(blocks) + i) % 251 for i in range(size)))
            return blocks[-1]

        self.patch(os, "urandom", urandom)
        ids = b"".join(islice(freshIds(), 2 * IDS_PER_BLOCK))
        self.assertEqual(ids, b"".join(blocks))

    def test_size(self) -> None:
        """
        An id cannot be guessed: it has 128 bits.
        """
        self.assertGreaterEqual(ID_SIZE * 8, 128)


class PendingRequestsTests(SynchronousTestCase):
    """
    Our requests that wait for a reply.
    """

    def setUp(self) -> None:
        self.pending = PendingRequests()

    def test_taken(self) -> None:
        """
        Who takes a request gets the one that was opened; nobody gets it again.
        """
        request = self.pending.open(b"id", 1)
        self.assertEqual(request.messageId, b"id")
        self.assertIs(self.pending.take(b"id"), request)
        self.assertIsNone(self.pending.take(b"id"))

    def test_unusableIds(self) -> None:
        """
        An id that cannot be one is refused, and shown.
        """
        for messageId in (b"", "id", None, 5, bytearray(b"id")):
            error = self.assertRaises(ZmqRequestIdError, self.pending.open, messageId, 1)
            self.assertIn(repr(messageId), str(error))
        self.assertEqual(self.pending, {})

    def test_idInUse(self) -> None:
        """
        An id that another request has is refused; the other goes on to wait.
        """
        request = self.pending.open(b"id", 2)
        self.assertRaises(ZmqRequestIdError, self.pending.open, b"id", 2)
        self.assertIs(self.pending.take(b"id"), request)

    def test_idAgain(self) -> None:
        """
        When that one is done, its id can be used again, by who wants to.
        """
        self.pending.open(b"id", 1)
        self.pending.take(b"id")
        self.assertEqual(self.pending.open(b"id", 1).messageId, b"id")

    def test_limit(self) -> None:
        """
        No more than so many wait; the error says how many, and what to do.
        """
        self.pending.open(b"1", 2)
        self.pending.open(b"2", 2)
        error = self.assertRaises(ZmqTooManyRequestsError, self.pending.open, b"3", 2)
        self.assertIn("2 requests wait", str(error))
        self.assertIn("maxPendingRequests", str(error))

    def test_noLimit(self) -> None:
        """
        A limit is a number.
        """
        error = self.assertRaises(ZmqOptionError, self.pending.open, b"1", None)
        self.assertEqual((error.name, len(self.pending)), ("maxPendingRequests", 0))

    def test_cancelled(self) -> None:
        """
        A request that is cancelled waits no longer, and neither does its timer.
        """
        clock = Clock()
        request = self.pending.open(b"id", 1)
        request.timer = clock.callLater(1, self.fail)
        request.cancel()
        self.failureResultOf(request, CancelledError)
        self.assertEqual((self.pending, clock.getDelayedCalls()), ({}, []))

    def test_cancelledTooLate(self) -> None:
        """
        Cancelling a request that has ended does nothing to one that has its id
        now.
        """
        old = self.pending.open(b"id", 1)
        self.pending.fail(b"id", ZmqClosedError())
        new = self.pending.open(b"id", 1)
        old.cancel()
        self.failureResultOf(old, ZmqClosedError)
        self.assertIs(self.pending.take(b"id"), new)

    def test_failed(self) -> None:
        """
        A request can end with an error, once.
        """
        request = self.pending.open(b"id", 1)
        error = ZmqRequestTimeoutError(b"id")
        self.pending.fail(b"id", error)
        self.pending.fail(b"id", ZmqClosedError())
        self.assertIs(self.failureResultOf(request).value, error)

    def test_failedByItsTimer(self) -> None:
        """
        The timer of a request may be what ends it.
        """
        clock = Clock()
        request = self.pending.open(b"id", 1)
        request.timer = clock.callLater(1, self.pending.fail, b"id", ZmqRequestTimeoutError(b"id"))
        clock.advance(1)
        self.failureResultOf(request, ZmqRequestTimeoutError)

    def test_failAll(self) -> None:
        """
        All can end at once, each with an error of its own, and their timers
        are cancelled.
        """
        clock = Clock()
        requests = [self.pending.open(messageId, 2) for messageId in (b"1", b"2")]
        requests[0].timer = clock.callLater(1, self.fail)
        heard: list[Any] = []
        for request in requests:
            request.addErrback(heard.append)
        self.pending.failAll(ZmqClosedError)
        self.assertEqual([type(failure.value) for failure in heard], [ZmqClosedError] * 2)
        self.assertIsNot(heard[0].value, heard[1].value)
        self.assertEqual((self.pending, clock.getDelayedCalls()), ({}, []))

    def test_failAllUnheard(self) -> None:
        """
        Requests that nobody listens to do not fill the log.
        """
        self.pending.open(b"id", 1)
        self.pending.failAll(ZmqClosedError)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_failAllHalfHeard(self) -> None:
        """
        Nor do those whose listeners do not handle errors.
        """
        self.pending.open(b"id", 1).addCallback(len)
        self.pending.failAll(ZmqClosedError)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_failAllHeardLater(self) -> None:
        """
        Who listens later still hears how it ended.
        """
        request = self.pending.open(b"id", 1)
        self.pending.failAll(ZmqClosedError)
        self.failureResultOf(request, ZmqClosedError)

    def test_failAllFailingListener(self) -> None:
        """
        What a listener itself fails with is logged.
        """
        self.pending.open(b"id", 1).addErrback(lambda failure: 1 // 0)
        self.pending.failAll(ZmqClosedError)
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelledWhileFailing(self) -> None:
        """
        Whoever hears of the end of one request may cancel another; the rest
        end as they should.
        """
        first, second, third = (self.pending.open(messageId, 3) for messageId in (b"1", b"2", b"3"))
        outcomes: list[Any] = []
        first.addErrback(lambda failure: second.cancel())
        second.addErrback(lambda failure: outcomes.append(failure.type))
        third.addErrback(lambda failure: outcomes.append(failure.type))
        self.pending.failAll(ZmqClosedError)
        self.assertEqual((outcomes, self.pending), ([CancelledError, ZmqClosedError], {}))

    def test_failAllWhileFailing(self) -> None:
        """
        Or end all of them.
        """
        first, second = (self.pending.open(messageId, 2) for messageId in (b"1", b"2"))
        outcomes: list[Any] = []
        first.addErrback(lambda failure: self.pending.failAll(ZmqRequestIdError))
        second.addErrback(lambda failure: outcomes.append(failure.type))
        self.pending.failAll(ZmqClosedError)
        self.assertEqual((outcomes, self.pending), ([ZmqRequestIdError], {}))

    def test_openedWhileFailing(self) -> None:
        """
        A request that is opened meanwhile is not one of those that end.
        """
        opened: list[Any] = []
        request = self.pending.open(b"1", 1)
        request.addErrback(lambda failure: opened.append(self.pending.open(b"2", 1)))
        self.pending.failAll(ZmqClosedError)
        self.assertNoResult(opened[0])
        self.assertEqual(list(self.pending), [b"2"])


class RequestsMachine(RuleBasedStateMachine):
    """
    Requests that are opened, answered, cancelled and failed in any order.  The
    model is a list of what each of them came to.
    """

    ids = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"])

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pending = PendingRequests()
        self.waiting: dict[bytes, int] = {}
        self.expected: list[Optional[str]] = []
        self.requests: list[Any] = []
        self.results: list[list[str]] = []

    @rule(messageId=ids)
    def open(self, messageId: bytes) -> None:
        try:
            request = self.pending.open(messageId, LIMIT)
        except ZmqRequestIdError:
            assert messageId in self.waiting
        except ZmqTooManyRequestsError:
            assert len(self.waiting) == LIMIT
        else:
            assert messageId not in self.waiting
            assert len(self.waiting) < LIMIT
            request.timer = self.clock.callLater(1, self.pending.fail, messageId, ZmqClosedError())
            results: list[str] = []
            request.addCallbacks(results.append, lambda f: results.append(f.type.__name__))
            self.waiting[messageId] = len(self.requests)
            self.expected.append(None)
            self.requests.append(request)
            self.results.append(results)

    @rule(messageId=ids)
    def answer(self, messageId: bytes) -> None:
        request = self.pending.take(messageId)
        if request is None:
            assert messageId not in self.waiting
        else:
            request.callback("reply")
            self.expected[self.waiting.pop(messageId)] = "reply"

    @rule(messageId=ids)
    def failOne(self, messageId: bytes) -> None:
        # By hand, as its timer does it.
        request = self.pending.get(messageId)
        if request is not None:
            request.timer.cancel()
        self.pending.fail(messageId, ZmqRequestTimeoutError(messageId))
        if messageId in self.waiting:
            self.expected[self.waiting.pop(messageId)] = "ZmqRequestTimeoutError"

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        index = data.draw(st.integers(0, len(self.requests) - 1))
        self.requests[index].cancel()
        for messageId, other in list(self.waiting.items()):
            if other == index:
                self.expected[self.waiting.pop(messageId)] = "CancelledError"

    @rule()
    def failAll(self) -> None:
        self.pending.failAll(ZmqClosedError)
        self.expire("ZmqClosedError")

    @rule()
    def passTime(self) -> None:
        self.clock.advance(1)
        self.expire("ZmqClosedError")

    def expire(self, outcome: str) -> None:
        for index in self.waiting.values():
            self.expected[index] = outcome
        self.waiting.clear()

    @invariant()
    def sameAsModel(self) -> None:
        assert set(self.pending) == set(self.waiting)
        assert self.results == [[] if e is None else [e] for e in self.expected]

    @invariant()
    def onlyThoseThatWaitHaveTimers(self) -> None:
        assert len(self.clock.getDelayedCalls()) == len(self.waiting)


class PendingRepliesTests(SynchronousTestCase):
    """
    The requests of others that wait for a reply of ours.
    """

    def setUp(self) -> None:
        self.pending = PendingReplies(LIMIT)

    def test_id(self) -> None:
        """
        The id that a user gets equals the one the client has chosen, and knows
        the way back.
        """
        messageId = self.pending.add((b"client", b"id"))
        self.assertEqual((messageId, messageId.envelope), (b"id", (b"client", b"id")))
        self.assertEqual({b"id": 1}[messageId], 1)

    def test_found(self) -> None:
        """
        A request is found by its object, and by its plain id.
        """
        messageId = self.pending.add((b"client", b"id"))
        self.assertIs(self.pending.find(messageId), messageId)
        self.assertIs(self.pending.find(b"id"), messageId)

    def test_settled(self) -> None:
        """
        What has been answered is not found any more, either way.
        """
        messageId = self.pending.add((b"client", b"id"))
        self.pending.settle(messageId)
        error = self.assertRaises(ZmqReplyError, self.pending.find, messageId)
        self.assertEqual(str(error), "the request b'id' has been answered already")
        self.assertEqual(error.messageId, b"id")
        self.assertRaises(ZmqReplyError, self.pending.find, b"id")
        self.assertEqual(len(self.pending), 0)

    def test_unknown(self) -> None:
        """
        An id that nobody has sent is not found; the error shows it.
        """
        error = self.assertRaises(ZmqReplyError, self.pending.find, b"other")
        self.assertEqual(
            str(error), "no request b'other' waits for a reply: unknown, or answered already"
        )
        self.assertEqual(error.messageId, b"other")

    def test_otherTable(self) -> None:
        """
        A request is answered on the connection that it came in on.
        """
        messageId = PendingReplies(LIMIT).add((b"client", b"id"))
        self.pending.add((b"client", b"id"))
        error = self.assertRaises(ZmqReplyError, self.pending.find, messageId)
        self.assertEqual(str(error), "the request b'id' came in on another connection")

    def test_equalIds(self) -> None:
        """
        Of two clients with equal ids each is found by its object, and none by
        the plain id; the error says why.
        """
        one = self.pending.add((b"client 1", b"id"))
        two = self.pending.add((b"client 2", b"id"))
        self.assertIs(self.pending.find(one), one)
        self.assertIs(self.pending.find(two), two)
        error = self.assertRaises(ZmqReplyError, self.pending.find, b"id")
        self.assertTrue(str(error).startswith("several clients wait for a reply to b'id'"))

    def test_equalIdsOneLeft(self) -> None:
        """
        When one of them has its answer, the other is found by the plain id
        too.
        """
        one = self.pending.add((b"client 1", b"id"))
        two = self.pending.add((b"client 2", b"id"))
        self.pending.settle(one)
        self.assertIs(self.pending.find(b"id"), two)
        self.pending.settle(two)
        self.assertRaises(ZmqReplyError, self.pending.find, b"id")
        self.assertEqual(len(self.pending), 0)

    def test_sameClientTwice(self) -> None:
        """
        Requests of one client with the same id are answered one after the
        other: it cannot tell them apart either.
        """
        one = self.pending.add((b"client", b"id"))
        two = self.pending.add((b"client", b"id"))
        self.assertIs(self.pending.find(b"id"), one)
        self.pending.settle(one)
        self.assertIs(self.pending.find(b"id"), two)

    def test_bounded(self) -> None:
        """
        The table forgets the oldest when it is full; the newest are found by
        their plain ids.
        """
        for number in range(LIMIT + 1):
            self.pending.add((b"client", b"%d" % number))
        self.assertEqual(len(self.pending), LIMIT)
        self.assertRaises(ZmqReplyError, self.pending.find, b"0")
        self.assertEqual(self.pending.find(b"%d" % LIMIT), b"%d" % LIMIT)

    def test_forgotten(self) -> None:
        """
        Who kept the object can answer all the same, once.
        """
        messageId = self.pending.add((b"client", b"id"))
        for number in range(LIMIT):
            self.pending.add((b"client", b"%d" % number))
        self.assertIs(self.pending.find(messageId), messageId)
        self.pending.settle(messageId)
        self.assertRaises(ZmqReplyError, self.pending.find, messageId)
        self.assertEqual(len(self.pending), LIMIT)

    def test_forgottenAtOnce(self) -> None:
        """
        To make room pays for a while: a large table forgets a sixteenth.
        """
        pending = PendingReplies(160)
        for number in range(161):
            pending.add((b"client", b"%d" % number))
        self.assertEqual(len(pending), 150)
        self.assertRaises(ZmqReplyError, pending.find, b"10")
        self.assertEqual(pending.find(b"11"), b"11")

    def test_nothingRemembered(self) -> None:
        """
        A limit of nothing is possible, for programs that keep the objects; the
        latest is known all the same.
        """
        pending = PendingReplies(0)
        one = pending.add((b"client", b"1"))
        self.assertIs(pending.find(b"1"), one)
        two = pending.add((b"client", b"2"))
        self.assertRaises(ZmqReplyError, pending.find, b"1")
        self.assertIs(pending.find(one), one)
        self.assertIs(pending.find(b"2"), two)
        self.assertEqual(len(pending), 1)

    def test_newestOfOneId(self) -> None:
        """
        Of many requests with one id, the oldest are forgotten too, and not the
        newest.
        """
        for _ in range(LIMIT):
            self.pending.add((b"client",))
        newest = self.pending.add((b"client",))
        self.assertEqual(len(self.pending), LIMIT)
        self.assertEqual(self.pending.find(b"client"), newest)

    def test_cleared(self) -> None:
        """
        Everything can be forgotten at once.
        """
        self.pending.add((b"client", b"1"))
        self.pending.add((b"client", b"2"))
        self.pending.clear()
        self.assertEqual(len(self.pending), 0)
        self.assertRaises(ZmqReplyError, self.pending.find, b"1")

    def test_nothingIsKept(self) -> None:
        """
        Of what has been answered nothing is kept, not even the id.
        """
        plain = bytes([1, 2, 3])
        before = sys.getrefcount(plain)
        for clients in ([b"1"], [b"1", b"2"]):
            for messageId in [self.pending.add((client, plain)) for client in clients]:
                self.pending.settle(messageId)
            del messageId
            self.assertEqual(sys.getrefcount(plain), before)


class RepliesMachine(RuleBasedStateMachine):
    """
    Requests of three clients that choose their ids badly, answered in any
    order.  The model is the list of all requests that were ever made.
    """

    ids = st.sampled_from([b"a", b"b", b"c"])

    def __init__(self) -> None:
        super().__init__()
        self.pending = PendingReplies(LIMIT)
        self.made: list[tuple[Any, tuple[bytes, ...]]] = []
        self.settled: list[int] = []

    def waiting(self, plain: bytes) -> list[tuple[bytes, ...]]:
        """
        The ways back to all that have sent this id and have no answer.
        """
        numbers = set(range(len(self.made))) - set(self.settled)
        return [self.made[n][1] for n in sorted(numbers) if self.made[n][1][-1] == plain]

    @rule(client=st.sampled_from([b"1", b"2", b"3"]), plain=ids)
    def add(self, client: bytes, plain: bytes) -> None:
        envelope = (client, plain)
        self.made.append((self.pending.add(envelope), envelope))

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def answer(self, data: Any) -> None:
        number = data.draw(st.integers(0, len(self.made) - 1))
        messageId, envelope = self.made[number]
        try:
            found = self.pending.find(messageId)
        except ZmqReplyError:
            assert number in self.settled
        else:
            assert number not in self.settled
            assert found.envelope == envelope
            self.pending.settle(found)
            self.settled.append(number)

    @rule(plain=ids)
    def answerPlain(self, plain: bytes) -> None:
        try:
            found = self.pending.find(plain)
        except ZmqReplyError:
            return
        assert found.envelope in self.waiting(plain)
        self.pending.settle(found)
        self.settled += [n for n, (messageId, _) in enumerate(self.made) if messageId is found]

    @invariant()
    def bounded(self) -> None:
        assert len(self.pending) <= min(LIMIT, len(self.made) - len(self.settled))

    @invariant()
    def nobodyIsAnsweredTwice(self) -> None:
        assert len(self.settled) == len(set(self.settled))

    @invariant()
    def emptyWhenAllAreAnswered(self) -> None:
        if len(self.settled) == len(self.made):
            assert len(self.pending) == 0


RequestsMachineTests = RequestsMachine.TestCase
RepliesMachineTests = RepliesMachine.TestCase
RequestsMachineTests.settings = settings(STEADY, stateful_step_count=30)
RepliesMachineTests.settings = settings(STEADY, stateful_step_count=30)
