"""
Tests of :mod:`txzmq._more`.
"""

from __future__ import annotations

import ctypes
import platform
from typing import Any

import zmq
from twisted.trial.unittest import SynchronousTestCase

from txzmq import _more

from .support import assigned


class AskerTests(SynchronousTestCase):
    """
    Every way to ask gives libzmq's answer.
    """

    def setUp(self) -> None:
        context = zmq.Context()
        self.push, self.pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        self.addCleanup(context.destroy, 0)
        self.pull.bind("inproc://more")
        self.push.connect("inproc://more")

    def answers(self) -> list[bool]:
        """
        Receive a message of three frames and one of one.

        :return: what we were told after each.
        """
        ask, answer = _more.asker(self.pull)
        told = []
        for message in ([b"a", b"b", b"c"], [b"d"]):
            self.push.send_multipart(message)
            for _ in message:
                self.pull.recv()
                self.assertEqual(ask(), 0)
                told.append(bool(answer.value))
        return told

    def test_asHere(self) -> None:
        """
        There is more after every frame but the last of a message.
        """
        self.assertEqual(self.answers(), [True, True, False, False])

    def test_libzmqItself(self) -> None:
        """
        On CPython on POSIX systems libzmq is asked, and not pyzmq.
        """
        found = _more._findLibrary() is not None
        self.assertEqual(found, platform.python_implementation() == "CPython")

    def test_pyzmq(self) -> None:
        """
        Where libzmq cannot be asked, pyzmq knows.
        """
        with assigned(_more, "_getsockopt", None):
            self.assertEqual(self.answers(), [True, True, False, False])


class LibraryTests(SynchronousTestCase):
    """
    When libzmq can be asked.
    """

    def test_otherInterpreter(self) -> None:
        """
        Other interpreters are quicker with pyzmq.
        """
        with assigned(platform, "python_implementation", lambda: "PyPy"):
            self.assertIsNone(_more._findLibrary())

    def test_otherLibrary(self) -> None:
        """
        What is found must be the libzmq that pyzmq has loaded.
        """
        with assigned(zmq, "zmq_version_info", lambda: (1, 2, 3)):
            self.assertIsNone(_more._findLibrary())

    def test_nothingFound(self) -> None:
        """
        A library that cannot be loaded, or has no such function, is no error.
        """

        def cannot(path: str) -> Any:
            raise OSError("no such library")

        for load in (cannot, lambda path: object()):
            with assigned(ctypes, "PyDLL", load):
                self.assertIsNone(_more._findLibrary())
