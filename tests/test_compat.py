"""
Tests of :mod:`txzmq.compat`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txzmq import compat


class CompatTests(SynchronousTestCase):
    """
    The names that old programs import.
    """

    def test_constants(self) -> None:
        """
        This is Python 3, and messages are bytes.
        """
        self.assertEqual((compat.PY3, compat.binary_string_type), (True, bytes))

    def test_iterables(self) -> None:
        """
        Lists, tuples and generators are iterables of frames.
        """
        for value in ([b"a"], (b"a",), {b"a"}, iter([b"a"])):
            self.assertTrue(compat.is_nonstr_iter(value))

    def test_others(self) -> None:
        """
        Text and bytes are one frame; numbers and None are nothing to go through.
        """
        for value in ("ab", b"ab", 5, None):
            self.assertFalse(compat.is_nonstr_iter(value))
