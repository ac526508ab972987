"""
Tests of where connections have their attributes.
"""

from __future__ import annotations

import platform
from typing import Any
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from txzmq import ZmqPushConnection
from txzmq._attributes import hasten

from .support import ZmqTestCase


class Counting:
    """
    What users have.
    """

    def __init__(self) -> None:
        self.count = 0


class HastenTests(SynchronousTestCase):
    def test_same(self) -> None:
        """
        All attributes are there, and can be changed, as before.
        """
        counting = Counting()
        hasten(counting)
        counting.count += 1
        self.assertEqual(vars(counting), {"count": 1})

    def test_past(self) -> None:
        """
        That is no business of the class's own way to set attributes.
        """

        class Storing:
            def __setattr__(self, name: str, value: object) -> None:
                vars(self)[name] = value

        storing = Storing()
        storing.count = 1  # type: ignore[attr-defined]
        hasten(storing)
        self.assertEqual(vars(storing), {"count": 1})

    @skipUnless(platform.python_implementation() == "CPython", "PyPy would be slower for it")
    def test_itsOwn(self) -> None:
        """
        An instance gets a dictionary that shares nothing with others of its class.
        """
        counting = Counting()
        shared = vars(counting)
        hasten(counting)
        self.assertIsNot(vars(counting), shared)


class ConnectionTests(ZmqTestCase):
    @skipUnless(platform.python_implementation() == "CPython", "PyPy would be slower for it")
    def test_made(self) -> None:
        """
        A connection has one of its own when it is made: to apply its settings has given
        it another.
        """

        class Curious(ZmqPushConnection):
            def addEndpoints(self, endpoints: Any) -> None:
                self.shared = vars(self)
                super().addEndpoints(endpoints)

        connection = self.bound(Curious)
        self.assertEqual(vars(connection).keys(), connection.shared.keys())
        self.assertIsNot(vars(connection), connection.shared)
