"""
Tests of the soak itself: that it would notice.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from .messages import JUNK, Book, compose
from .plot import plot
from .verdict import TOLERANCES, judge


def samples(**growth: float) -> list[dict[str, Any]]:
    """
    :param growth: by name, how much each sample is more than the one before.
    :return: samples of an hour; what does not grow goes up and down.
    """
    return [
        {
            **{name: 1000.0 + number % 3 + growth.get(name, 0) * number for name in TOLERANCES},
            "seconds": 5.0 * number,
            "busy": 0.5,
        }
        for number in range(720)
    ]


def bad(*args: Any) -> list[str]:
    """
    :return: the names of what is not good.
    """
    return [finding.name for finding in judge(*args) if not finding.isGood]


class VerdictTests(SynchronousTestCase):
    """
    What is good, and what is not.
    """

    def test_flat(self) -> None:
        """
        What goes up and down by little is flat.
        """
        self.assertEqual(bad(samples(), {}), [])

    def test_growing(self) -> None:
        """
        What grows a little with each sample is found.
        """
        growth = {"heap": 30_000.0, "descriptors": 0.1, "calls": 0.2}
        self.assertEqual(bad(samples(**growth), {}), ["heap", "descriptors", "calls"])

    def test_broken(self) -> None:
        """
        One broken promise is one too many.
        """
        self.assertEqual(bad(samples(), {"repeated": 1, "in": 10}), ["repeated"])

    def test_tooShort(self) -> None:
        """
        Without samples there is no good verdict.
        """
        self.assertEqual(bad([], {}), ["samples"])

    def test_plot(self) -> None:
        """
        What is not known leaves a gap.
        """
        taken = samples()
        taken[3]["p99"] = None
        self.assertEqual(plot(taken).count("<path"), 6 * 3 + 11)


class BookTests(SynchronousTestCase):
    """
    What the books find.
    """

    def setUp(self) -> None:
        self.told: list[str] = []
        self.book = Book(self.told.append)

    def take(self, *numbers: int, **kwargs: bool) -> dict[str, int]:
        """
        :return: what the book has counted when these have come.
        """
        for number in numbers:
            self.book.take(compose("peer.0.push", number), **kwargs)
        return {name: count for name, count in self.book.counts.items() if name != "in"}

    def test_inOrder(self) -> None:
        """
        All messages, in order, are nothing to talk about.
        """
        self.assertEqual(self.take(*range(1000)), {})

    def test_gap(self) -> None:
        """
        What is missing is lost, whether in the middle or at the beginning.
        """
        self.assertEqual(self.take(1, 2, 5), {"lost": 3})

    def test_allowedGap(self) -> None:
        """
        Gaps can be allowed.
        """
        self.assertEqual(self.take(7, 9, fromAnywhere=True, gaps=True), {"dropped": 1})

    def test_again(self) -> None:
        """
        What comes twice is found.
        """
        self.assertEqual(self.take(0, 1, 1), {"repeated": 1})

    def test_mixedUp(self) -> None:
        """
        A frame of another message is found, and so is one too many, and a
        message whose head is missing; junk is known as such.
        """
        one, other = (compose("peer.0.push", number) for number in (1, 2))
        for frames in ([*one, b"x"], [one[0], *other], [b"x"]):
            self.book.take(frames, fromAnywhere=True)
        self.book.take([b"", JUNK + b"x"])
        self.assertEqual((self.book.counts["mixed"], self.book.counts["junk"]), (3, 1))

    def test_joined(self) -> None:
        """
        A published message is known as a whole.
        """
        body = b"".join(compose("hub.0.pub", 7))
        self.book.takeJoined(body)
        self.book.takeJoined(body + b"x")
        self.assertEqual((self.book.received, self.book.counts["mixed"]), ({"hub.0.pub": 8}, 1))
