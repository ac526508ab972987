"""
Chooses the reactor that the suite runs on: ``TXZMQ_TEST_REACTOR=asyncio pytest``.

The names are those of trial's ``--reactor``.  It must be installed before
anything imports the global one.
"""

from __future__ import annotations

import os
import re
import signal
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

import twisted
from twisted.application.reactors import installReactor
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

_name = os.environ.get("TXZMQ_TEST_REACTOR")
if _name:
    installReactor(_name)


def _returningDeferreds(cls: type) -> None:
    """
    Turn the tests of a class that are coroutines into functions.
    """
    for name in filter(re.compile("test").match, dir(cls)):
        method = getattr(cls, name)
        if iscoroutinefunction(method):

            @wraps(method)
            def test(self: Any, *args: Any, method: Any = method) -> Any:
                return ensureDeferred(method(self, *args))

            setattr(cls, name, test)


if (twisted.version.major, twisted.version.minor) < (22, 8):
    # Before, trial does not know tests that are coroutines.
    TestCase.__init_subclass__ = classmethod(_returningDeferreds)

# What is started in the background by a shell ignores Ctrl-C, and so would the
# programs that the tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
