"""
Chooses the reactor that the suite runs on: ``TXZMQ_TEST_REACTOR=asyncio pytest``.

The names are those of trial's ``--reactor``.  It must be installed before
anything imports the global one.
"""

from __future__ import annotations

import os

from twisted.application.reactors import installReactor

_name = os.environ.get("TXZMQ_TEST_REACTOR")
if _name:
    installReactor(_name)
