"""
Tests of :mod:`txzmq._flow`: by example, and against models that are so simple
that they must be right.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txzmq import ZmqOptionError
from txzmq._flow import (
    DEFAULT_HIGH_BYTES,
    DEFAULT_HIGH_MESSAGES,
    Marks,
    Pauses,
    SendQueue,
    Waiting,
    marks,
)

from .support import STEADY, alive

#: Marks that are never reached.
PLENTY = Marks(1_000_000, 1_000_000)


def remove(queue: SendQueue, waiting: Waiting) -> bool:
    """
    Take a message out, and tell of a mark that is crossed by that.
    """
    taken = queue.take(waiting)
    queue.compare()
    return taken


class MarksTests(SynchronousTestCase):
    """
    Water marks, as users give them.
    """

    def test_given(self) -> None:
        """
        What is given counts, also where both are the same, or nothing may wait.
        """
        for high, low in [(10, 5), (10, 10), (10, 0), (0, 0)]:
            self.assertEqual(marks(high, low, 100), (high, low))

    def test_high(self) -> None:
        """
        Without a low mark, it is a quarter of the high one.
        """
        self.assertEqual([marks(high, None, 100).low for high in (40, 7, 3, 0)], [10, 1, 0, 0])

    def test_low(self) -> None:
        """
        Without a high mark, it is four times the low one.
        """
        self.assertEqual([marks(None, low, 100).high for low in (10, 1, 0)], [40, 4, 0])

    def test_neither(self) -> None:
        """
        Without any, there is a default.
        """
        self.assertEqual(marks(None, None, 100), Marks(high=100, low=25))

    def test_impossible(self) -> None:
        """
        Marks that cannot be are refused, and the error shows them.
        """
        for high, low in [(5, 6), (5, -1), (-1, None), (None, -1), (-2, -3), ("5", None), (5, b"")]:
            error = self.assertRaises(ZmqOptionError, marks, high, low, 100)
            self.assertIsInstance(error, ValueError)
            for mark in {high, low} - {None}:
                self.assertIn(f"({mark!r})", str(error))

    @settings(STEADY)
    @given(
        high=st.none() | st.integers(-5, 50),
        low=st.none() | st.integers(-5, 50),
        default=st.integers(0, 50),
    )
    def test_order(self, high: Any, low: Any, default: int) -> None:
        """
        Whatever is accepted is in order, and what was asked for.
        """
        try:
            found = marks(high, low, default)
        except ZmqOptionError:
            given = [mark for mark in (high, low, 0) if mark is not None]
            self.assertNotEqual(given, sorted(given, reverse=True))
        else:
            self.assertTrue(found.high >= found.low >= 0)
            self.assertIn(high, (None, found.high))
            self.assertIn(low, (None, found.low))


class SendQueueTests(SynchronousTestCase):
    """
    Messages that wait to be sent.
    """

    def setUp(self) -> None:
        self.crossings: list[bool] = []
        self.queue = SendQueue(self.crossings.append)

    def limit(self, bytes: Marks = PLENTY, messages: Marks = PLENTY) -> None:
        """
        Set marks.
        """
        self.queue.setLimits(bytes, messages)

    def put(self, *messages: bytes, lane: Any = None) -> list[Waiting]:
        """
        Put messages of one frame.
        """
        return [self.queue.put([message], lane) for message in messages]

    def sizes(self) -> tuple[int, int]:
        """
        :return: how many messages wait, and how many bytes.
        """
        return len(self.queue), self.queue.size

    def test_empty(self) -> None:
        """
        A new queue has nothing, and nothing to say.
        """
        self.assertEqual((self.sizes(), self.queue.lanes(), self.crossings), ((0, 0), [], []))
        self.assertIsNone(self.queue.first())
        self.assertFalse(self.queue.isFull)

    def test_defaults(self) -> None:
        """
        It has marks, for bytes and for messages.
        """
        self.assertEqual(self.queue.bytes, (DEFAULT_HIGH_BYTES, DEFAULT_HIGH_BYTES // 4))
        self.assertEqual(self.queue.messages, (DEFAULT_HIGH_MESSAGES, DEFAULT_HIGH_MESSAGES // 4))

    def test_order(self) -> None:
        """
        The first that was put is the first, until it is removed.
        """
        one, two = self.put(b"1", b"2")
        self.assertIs(self.queue.first(), one)
        self.assertIs(self.queue.first(), one)
        self.assertTrue(remove(self.queue, one))
        self.assertIs(self.queue.first(), two)

    def test_waiting(self) -> None:
        """
        A message knows all about itself.
        """
        deferred: Deferred[None] = Deferred()
        waiting = self.queue.put([b"frame", b"", b"other"], b"lane", deferred)
        self.assertEqual((waiting.frames, waiting.lane), ([b"frame", b"", b"other"], b"lane"))
        self.assertEqual(waiting.size, 10)
        self.assertIs(waiting.deferred, deferred)

    def test_sizes(self) -> None:
        """
        Messages and bytes are counted, in all lanes together.
        """
        one, _ = self.put(b"12345", b"")
        self.put(b"67", lane=b"other")
        self.assertEqual(self.sizes(), (3, 7))
        remove(self.queue, one)
        self.assertEqual(self.sizes(), (2, 2))

    def test_removedTwice(self) -> None:
        """
        To remove what is gone changes nothing.
        """
        one, _ = self.put(b"1", b"2")
        self.assertEqual([remove(self.queue, one), remove(self.queue, one)], [True, False])
        self.assertEqual(self.sizes(), (1, 1))

    def test_removedFromTheMiddle(self) -> None:
        """
        Any message can be taken out; the others keep their order.
        """
        one, two, three = self.put(b"1", b"2", b"3")
        remove(self.queue, two)
        self.assertEqual(self.queue.clear(), [one, three])

    def test_removedFromAnEndedLane(self) -> None:
        """
        So is it where the lane has come and gone.
        """
        (one,) = self.put(b"1", lane=b"lane")
        remove(self.queue, one)
        (two,) = self.put(b"2", lane=b"lane")
        self.assertFalse(remove(self.queue, one))
        self.assertIs(self.queue.first(b"lane"), two)

    def test_lanes(self) -> None:
        """
        Lanes do not wait for each other.
        """
        (one,) = self.put(b"1", lane=b"one")
        (two,) = self.put(b"2", lane=b"two")
        self.assertEqual(self.queue.lanes(), [b"one", b"two"])
        remove(self.queue, one)
        self.assertEqual((self.queue.lanes(), self.queue.first(b"one")), ([b"two"], None))
        self.assertIs(self.queue.first(b"two"), two)

    def test_hasLane(self) -> None:
        """
        A lane is there as long as something waits in it.
        """
        self.assertFalse(self.queue.hasLane(b"one"))
        (one,) = self.put(b"1", lane=b"one")
        self.assertEqual([self.queue.hasLane(lane) for lane in (b"one", None)], [True, False])
        remove(self.queue, one)
        self.assertFalse(self.queue.hasLane(b"one"))

    def test_passOver(self) -> None:
        """
        A lane that is passed over comes after all the others, and keeps what
        it has.
        """
        one, _ = self.put(b"1", b"2", lane=b"one")
        self.put(b"3", lane=b"two")
        self.queue.passOver(b"one")
        self.put(b"4", lane=b"three")
        self.assertEqual(self.queue.lanes(), [b"two", b"one", b"three"])
        self.assertIs(self.queue.first(b"one"), one)
        self.assertEqual((self.sizes(), self.crossings), ((4, 4), []))

    def test_lanesWhileChanging(self) -> None:
        """
        Who goes through the lanes may change them on the way.
        """
        for lane in (b"one", b"two"):
            self.put(b"1", lane=lane)
        for lane in self.queue.lanes():
            self.queue.passOver(lane)
            waiting = self.queue.first(lane)
            assert waiting is not None
            remove(self.queue, waiting)
        self.assertEqual(self.sizes(), (0, 0))

    def test_fullOfBytes(self) -> None:
        """
        More bytes than the high mark is too much; as many are not.  It is well
        again at the low mark.
        """
        self.limit(bytes=Marks(3, 1))
        waiting = self.put(b"1", b"2", b"3")
        self.assertEqual(self.crossings, [])
        waiting += self.put(b"4")
        self.assertEqual((self.crossings, self.queue.isFull), ([True], True))
        remove(self.queue, waiting[0])
        remove(self.queue, waiting[1])
        self.assertEqual((self.crossings, self.queue.isFull), ([True], True))
        remove(self.queue, waiting[2])
        self.assertEqual((self.crossings, self.queue.isFull), ([True, False], False))

    def test_fullOfMessages(self) -> None:
        """
        The same with messages, though they are empty.
        """
        self.limit(messages=Marks(3, 1))
        waiting = self.put(b"", b"", b"")
        self.assertEqual(self.crossings, [])
        waiting += self.put(b"")
        self.assertEqual(self.crossings, [True])
        remove(self.queue, waiting[0])
        remove(self.queue, waiting[1])
        self.assertEqual(self.crossings, [True])
        remove(self.queue, waiting[2])
        self.assertEqual(self.crossings, [True, False])

    def test_bothMustBeLow(self) -> None:
        """
        It is well again when neither is too much, whichever was.
        """
        self.limit(Marks(5, 1), Marks(2, 1))
        one, two, three = self.put(b"", b"large", b"")
        remove(self.queue, one)
        remove(self.queue, three)
        self.assertEqual(self.crossings, [True])
        remove(self.queue, two)
        self.assertEqual(self.crossings, [True, False])

    def test_toldOnce(self) -> None:
        """
        Who is told of a crossing is told once, not once per message.
        """
        self.limit(messages=Marks(1, 0))
        for _ in range(2):
            for waiting in self.put(b"1", b"2", b"3", b"4"):
                remove(self.queue, waiting)
        self.assertEqual(self.crossings, [True, False] * 2)

    def test_nothingMayWait(self) -> None:
        """
        With marks of zero, the first message is too much.
        """
        self.limit(messages=Marks(0, 0))
        (waiting,) = self.put(b"")
        remove(self.queue, waiting)
        self.assertEqual(self.crossings, [True, False])

    def test_lowerLimits(self) -> None:
        """
        Other marks count at once, when they are lower.
        """
        self.put(b"1", b"2", b"3")
        self.limit(messages=Marks(2, 1))
        self.assertEqual(self.crossings, [True])

    def test_higherLimits(self) -> None:
        """
        And when they are higher.
        """
        self.limit(bytes=Marks(2, 1))
        self.put(b"1", b"2", b"3")
        self.limit(bytes=Marks(10, 3))
        self.assertEqual(self.crossings, [True, False])

    def test_betweenLimits(self) -> None:
        """
        Between the marks it stays what it was.
        """
        self.limit(messages=Marks(2, 0))
        self.put(b"1", b"2", b"3")
        self.limit(messages=Marks(5, 1))
        self.assertEqual((self.crossings, self.queue.isFull), ([True], True))

    def test_clear(self) -> None:
        """
        All can be taken out, the oldest first, whatever their lanes.
        """
        (one,) = self.put(b"1", lane=b"one")
        (two,) = self.put(b"2", lane=b"two")
        (three,) = self.put(b"3", lane=b"one")
        self.assertEqual(self.queue.clear(), [one, two, three])
        self.assertEqual((self.sizes(), self.queue.lanes()), ((0, 0), []))
        self.assertEqual([remove(self.queue, waiting) for waiting in (one, two)], [False] * 2)

    def test_clearTellsNobody(self) -> None:
        """
        That is the end; nobody is told that there is room.
        """
        self.limit(messages=Marks(1, 0))
        self.put(b"1", b"2")
        self.queue.clear()
        self.assertEqual((self.crossings, self.queue.isFull), ([True], False))

    def test_clearedWhileCrossing(self) -> None:
        """
        Who is told that it is too much may take everything out.
        """

        def crossed(isFull: bool) -> None:
            cleared.extend(queue.clear())

        cleared: list[Waiting] = []
        queue = SendQueue(crossed)
        queue.setLimits(PLENTY, Marks(0, 0))
        waiting = queue.put([b"1"])
        self.assertEqual((cleared, len(queue), queue.isFull), ([waiting], 0, False))
        self.assertFalse(remove(queue, waiting))

    def test_putWhileCrossing(self) -> None:
        """
        Who is told that there is room may fill it, as a producer does.
        """

        def crossed(isFull: bool) -> None:
            self.crossings.append(isFull)
            if not isFull and len(self.crossings) < 6:
                queue.put([b"1"])
                queue.put([b"2"])

        queue = SendQueue(crossed)
        queue.setLimits(PLENTY, Marks(1, 0))
        crossed(False)
        while len(queue):
            waiting = queue.first()
            assert waiting is not None
            remove(queue, waiting)
        self.assertEqual(self.crossings, [False, True] * 3 + [False])

    def test_fits(self) -> None:
        """
        A lane has room up to the low marks, of bytes and of messages.
        """
        self.limit(Marks(100, 10), Marks(100, 3))
        self.put(b"12345678", lane=b"one")
        self.assertEqual([self.queue.fits(b"one", size) for size in (0, 2, 3)], [True, True, False])
        self.put(b"", b"", lane=b"one")
        self.assertFalse(self.queue.fits(b"one", 0))

    def test_fitsAgain(self) -> None:
        """
        What has left a lane takes no room.
        """
        self.limit(bytes=Marks(100, 10))
        _, two = self.put(b"1", b"12345678", lane=b"one")
        remove(self.queue, two)
        self.assertEqual([self.queue.fits(b"one", size) for size in (9, 10)], [True, False])

    def test_fitsByLane(self) -> None:
        """
        What waits in other lanes takes no room.
        """
        self.limit(Marks(100, 10), Marks(100, 2))
        self.put(b"123456", b"123456", lane=b"one")
        self.put(b"", lane=b"two")
        self.assertEqual([self.queue.fits(lane, 10) for lane in (b"one", b"two")], [False, True])

    def test_fitsOne(self) -> None:
        """
        One message may always wait, however large it is.
        """
        self.limit(Marks(0, 0), Marks(0, 0))
        self.assertTrue(self.queue.fits(b"one", 1_000))

    def test_nothingIsKept(self) -> None:
        """
        Of what was removed, from wherever, nothing is kept.
        """
        before = alive(Waiting)
        messages = self.put(*[b"%d" % number for number in range(100)])
        for waiting in messages[:0:-1]:
            remove(self.queue, waiting)
        del waiting, messages
        self.assertEqual(alive(Waiting), before + 1)


class SendQueueMachine(RuleBasedStateMachine):
    """
    Messages that are put, removed and cancelled in any order.  The model is the
    list of all that waits, in the order in which it was put, and another of the
    lanes.
    """

    names = [None, b"a", b"b"]
    lanes = st.sampled_from(names)
    marks = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(
        lambda two: Marks(max(two), min(two))
    )

    def __init__(self) -> None:
        super().__init__()
        self.crossings: list[bool] = []
        self.expected: list[bool] = []
        self.queue = SendQueue(self.crossings.append)
        self.bytes = self.messages = Marks(5, 3)
        self.queue.setLimits(self.bytes, self.messages)
        self.waiting: list[Waiting] = []
        self.gone: list[Waiting] = []
        self.removed: list[bool] = []
        self.inTurn: list[Any] = []
        self.isFull = False

    def size(self, waiting: list[Waiting]) -> int:
        return sum(len(frame) for one in waiting for frame in one.frames)

    def byLane(self) -> list[tuple[Any, list[Waiting]]]:
        return [(lane, [one for one in self.waiting if one.lane == lane]) for lane in self.names]

    def compare(self) -> None:
        """
        What the model has to say after a change.
        """
        count, size = len(self.waiting), self.size(self.waiting)
        if not self.isFull and (count > self.messages.high or size > self.bytes.high):
            self.isFull = True
            self.expected.append(True)
        elif self.isFull and count <= self.messages.low and size <= self.bytes.low:
            self.isFull = False
            self.expected.append(False)

    def leaves(self, waiting: Waiting) -> None:
        """
        A message leaves the model.
        """
        self.waiting.remove(waiting)
        self.gone.append(waiting)
        if waiting.lane not in [one.lane for one in self.waiting]:
            self.inTurn.remove(waiting.lane)
        self.compare()

    @rule(frames=st.lists(st.binary(max_size=3), min_size=1, max_size=2), lane=lanes)
    def put(self, frames: list[bytes], lane: Any) -> None:
        taken: list[Waiting] = []
        deferred: Deferred[None] = Deferred(
            lambda _: self.removed.append(remove(self.queue, taken[0]))
        )
        deferred.addErrback(lambda failure: failure.trap(CancelledError))
        taken.append(self.queue.put(frames, lane, deferred))
        self.waiting += taken
        if lane not in self.inTurn:
            self.inTurn.append(lane)
        self.compare()

    @rule(lane=lanes)
    def removeFirst(self, lane: Any) -> None:
        waiting = self.queue.first(lane)
        if waiting is not None:
            assert remove(self.queue, waiting)
            self.leaves(waiting)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        waiting = data.draw(st.sampled_from(self.waiting))
        waiting.deferred.cancel()
        assert self.removed.pop()
        self.leaves(waiting)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def removeAgain(self, data: Any) -> None:
        assert not remove(self.queue, data.draw(st.sampled_from(self.gone)))

    @precondition(lambda self: self.inTurn)
    @rule(data=st.data())
    def passOver(self, data: Any) -> None:
        lane = data.draw(st.sampled_from(self.inTurn))
        self.queue.passOver(lane)
        self.inTurn.remove(lane)
        self.inTurn.append(lane)

    @rule(bytes=marks, messages=marks)
    def setLimits(self, bytes: Marks, messages: Marks) -> None:
        self.queue.setLimits(bytes, messages)
        self.bytes, self.messages = bytes, messages
        self.compare()

    @rule()
    def clear(self) -> None:
        assert self.queue.clear() == self.waiting
        self.gone += self.waiting
        self.waiting, self.inTurn, self.isFull = [], [], False
        self.crossings.clear()
        self.expected.clear()

    @invariant()
    def sameSizes(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert self.queue.size == self.size(self.waiting)

    @invariant()
    def sameLanes(self) -> None:
        assert self.queue.lanes() == self.inTurn
        for lane, there in self.byLane():
            assert self.queue.first(lane) is (there[0] if there else None)
            assert self.queue.hasLane(lane) is bool(there)

    @invariant()
    def sameRoom(self) -> None:
        for lane, there in self.byLane():
            for size in range(8):
                room = size <= self.bytes.low - self.size(there)
                room = room and len(there) + 1 <= self.messages.low
                assert self.queue.fits(lane, size) is (room or not there)

    @invariant()
    def sameCrossings(self) -> None:
        assert self.crossings == self.expected
        assert self.queue.isFull is self.isFull

    @invariant()
    def crossingsAlternate(self) -> None:
        count = len(self.crossings)
        assert self.crossings == [True, False] * (count // 2) + [True] * self.isFull


class PausesTests(SynchronousTestCase):
    """
    Reasons to pause.
    """

    def setUp(self) -> None:
        self.changes: list[bool] = []
        self.pauses = Pauses(self.changes.append)

    def test_pausesAndGoesOn(self) -> None:
        """
        A reason pauses; without it, it goes on.
        """
        self.pauses.add("user")
        self.assertEqual(self.changes, [True])
        self.pauses.remove("user")
        self.assertEqual(self.changes, [True, False])

    def test_severalReasons(self) -> None:
        """
        It goes on when the last reason is gone, whichever that is.
        """
        self.pauses.add("user")
        self.pauses.add("closing")
        self.pauses.remove("user")
        self.assertEqual(self.changes, [True])
        self.pauses.remove("closing")
        self.assertEqual(self.changes, [True, False])

    def test_sameReasonTwice(self) -> None:
        """
        A reason that is given twice is one reason.
        """
        self.pauses.add("user")
        self.pauses.add("user")
        self.pauses.remove("user")
        self.assertEqual(self.changes, [True, False])

    def test_unknownReason(self) -> None:
        """
        A reason that was not there cannot go.
        """
        self.pauses.remove("user")
        self.pauses.add("closing")
        self.pauses.remove("user")
        self.assertEqual(self.changes, [True])

    def test_changedWhileChanging(self) -> None:
        """
        Who is told of a pause may end it at once.
        """

        def changed(isPaused: bool) -> None:
            self.changes.append(isPaused)
            pauses.remove("user")

        pauses = Pauses(changed)
        pauses.add("user")
        pauses.add("user")
        self.assertEqual(self.changes, [True, False] * 2)


class PausesMachine(RuleBasedStateMachine):
    """
    Reasons that come and go in any order.  The model is their set.
    """

    reasons = st.sampled_from(["user", "closing", "full"])

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[bool] = []
        self.pauses = Pauses(self.changes.append)
        self.model: set[str] = set()
        self.expected: list[bool] = []

    def become(self, reasons: set[str]) -> None:
        if bool(reasons) is not bool(self.model):
            self.expected.append(bool(reasons))
        self.model = reasons

    @rule(reason=reasons)
    def add(self, reason: str) -> None:
        self.pauses.add(reason)
        self.become(self.model | {reason})

    @rule(reason=reasons)
    def remove(self, reason: str) -> None:
        self.pauses.remove(reason)
        self.become(self.model - {reason})

    @invariant()
    def sameChanges(self) -> None:
        assert self.changes == self.expected

    @invariant()
    def changesAlternate(self) -> None:
        assert self.changes == [True, False] * (len(self.changes) // 2) + [True] * bool(self.model)


SendQueueMachineTests = SendQueueMachine.TestCase
PausesMachineTests = PausesMachine.TestCase
SendQueueMachineTests.settings = settings(STEADY, stateful_step_count=40)
PausesMachineTests.settings = settings(STEADY, stateful_step_count=30)
