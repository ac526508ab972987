"""
Calling users: their callbacks, and those who wait for a Deferred; what shows their objects;
and to call off what was to be called later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import iscoroutine
from typing import Any, Optional, Union

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


def _logFailure(failure: Failure) -> None:
    log.failure("Unhandled error in a callback", failure)


def watch(result: object, failed: Callable[[Failure], None] = _logFailure) -> None:
    """
    Take care of what a callback returned: the failure of a coroutine or of a
    Deferred goes to the log, anything else is ignored.

    :param failed: gets the failure, in the place of the log.
    """
    if iscoroutine(result):
        result = ensureDeferred(result)
    if isinstance(result, Deferred):
        result.addErrback(failed)


def call(callback: Callable[..., object], *args: object) -> None:
    """
    Call a callback; what goes wrong in it goes to the log.
    """
    try:
        watch(callback(*args))
    except BaseException:
        # As the reactor does with whatever it calls.
        log.failure("Unhandled error in a callback")


def shown(thing: object) -> str:
    """
    :return: what shows something of the user's in a text: its ``repr``, or if that
        fails, what it is.  Whoever writes an error must not run into another one.
    """
    try:
        return repr(thing)
    except Exception as error:
        return f"<{type(thing).__name__}, whose repr raises {type(error).__name__}>"


def nothing(*args: object) -> None:
    """
    Nobody wants to know, or not any more.
    """


def cancel(delayed: Optional[IDelayedCall]) -> None:
    """
    Have a call not happen that may have happened, or have been cancelled.
    """
    if delayed is not None and delayed.active():
        delayed.cancel()


def failQuietly(waiting: Deferred[Any], error: Union[Exception, Failure]) -> None:
    """
    Tell who waits that it has come to an end.  Where nobody listens it ends
    quietly: the log has no use for one unhandled error after the other when a
    connection closes.
    """
    if waiting.called:
        return
    failure = error if isinstance(error, Failure) else Failure(error)  # type: ignore[no-untyped-call]
    waiting.errback(failure)
    # Nobody may listen, yet somebody may come later to hear how it ended.
    # Twisted has no public way to say that this failure need not be logged; an
    # errback that swallows it would tell those who come later that all is well.
    info = getattr(waiting, "_debugInfo", None)
    if info is not None and info.failResult is not None and info.failResult.value is failure.value:
        info.failResult = None


def failAllQuietly(waiting: Iterable[Deferred[Any]], error: Exception) -> None:
    """
    Tell many, each as :func:`failQuietly` does.
    """
    # A failure for each takes twice as long, and blocks the reactor when there are
    # a hundred thousand.
    shared = Failure(error)  # type: ignore[no-untyped-call]
    for deferred in waiting:
        failQuietly(deferred, shared)
