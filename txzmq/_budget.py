"""
How much a connection may read in a turn of the reactor.
"""

from __future__ import annotations

from math import isnan
from typing import NamedTuple

from ._callbacks import shown
from .errors import ZmqOptionError


class ReadBudget(NamedTuple):
    """
    How much a connection may read before the reactor goes round.
    """

    #: Messages per turn; the clock usually ends a turn first.
    messages: int = 10_000

    #: Seconds per read.  A turn may have two of them, one that goes on and one
    #: because of a signal, so timers are kept within a millisecond; a shorter
    #: time would be lost for the throughput.
    seconds: float = 0.0005

    #: Bytes per turn, as far as samples tell; the clock usually ends it first.
    bytes: int = 8_388_608


#: Where nobody says otherwise.
DEFAULT_BUDGET = ReadBudget()


def checkBudget(budget: object) -> None:
    """
    :raise ZmqOptionError: one cannot read with it.
    """
    if not _isBudget(budget):
        raise ZmqOptionError(
            "readBudget",
            "readBudget is a ReadBudget: a whole number of messages, seconds, and bytes;"
            f" not {shown(budget)}",
        )


def _isBudget(budget: object) -> bool:
    # Also one of nothing, or less: a turn reads one message at least.
    if not isinstance(budget, tuple):
        return False
    try:
        messages, seconds, size = budget
    except ValueError:
        return False
    return isinstance(messages, int) and _isNumber(seconds) and _isNumber(size)


def _isNumber(value: object) -> bool:
    try:
        # NaN is never over, and some whole numbers are too large to be added to a time.
        return isinstance(value, (int, float)) and not isnan(value)
    except OverflowError:
        return False
