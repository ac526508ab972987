"""
Tests of the version, as text and as numbers.
"""

from __future__ import annotations

import pickle
import sys

from twisted.trial.unittest import SynchronousTestCase

import txzmq
from txzmq import VersionInfo, version, version_info


class VersionTests(SynchronousTestCase):
    """
    Which version this is.
    """

    def test_text(self) -> None:
        """
        The text has our version and Python's, as a bug report needs them.
        """
        self.assertEqual(version, f"{txzmq.__version__}, Python {sys.version}")

    def test_numbers(self) -> None:
        """
        The numbers are those of the text.
        """
        major, minor, micro, level, serial = version_info
        letters = {"alpha": "a", "beta": "b", "candidate": "rc"}
        ending = "" if level == "final" else f"{letters[level]}{serial}"
        self.assertEqual(f"{major}.{minor}.{micro}{ending}", txzmq.__version__)

    def test_names(self) -> None:
        """
        They have names, those of Python's own version.
        """
        names = ("major", "minor", "micro", "releaselevel", "serial")
        for name, number in zip(names, version_info):
            self.assertEqual(getattr(version_info, name), number)
            self.assertIs(type(number), type(getattr(sys.version_info, name)))

    def test_compared(self) -> None:
        """
        A program can ask for a version that is new enough.
        """
        self.assertGreaterEqual(version_info, (2, 0))
        self.assertGreater(version_info, (1, 99, 99, "final", 0))
        self.assertLess(version_info, (version_info.major, version_info.minor + 1))
        self.assertLess(VersionInfo(2, 0, 0, "candidate", 2), VersionInfo(2, 0, 0, "final", 0))

    def test_shown(self) -> None:
        """
        It can be read, and be sent elsewhere.
        """
        self.assertEqual(
            repr(VersionInfo(2, 1, 3, "final", 0)),
            "VersionInfo(major=2, minor=1, micro=3, releaselevel='final', serial=0)",
        )
        self.assertEqual(pickle.loads(pickle.dumps(version_info)), version_info)
