"""
What users' callbacks return.
"""

from __future__ import annotations

from inspect import iscoroutine

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


def watch(result: object) -> None:
    """
    Take care of what a callback returned: the failure of a coroutine or of a
    Deferred goes to the log, anything else is ignored.
    """
    if iscoroutine(result):
        result = ensureDeferred(result)
    if isinstance(result, Deferred):
        result.addErrback(_logFailure)


def _logFailure(failure: Failure) -> None:
    log.failure("Unhandled error in a callback", failure)
