"""
Tests of :mod:`txzmq.errors`.
"""

from __future__ import annotations

import builtins
import copy
import errno
import pickle
import re

import zmq
from twisted.internet import defer
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

import txzmq
from txzmq import errors
from txzmq.errors import (
    ZmqAgainError,
    ZmqClosedError,
    ZmqEndpointError,
    ZmqError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqOptionError,
    ZmqReactorError,
    ZmqReplyError,
    ZmqRequestIdError,
    ZmqRequestTimeoutError,
    ZmqSocketError,
    ZmqTooManyRequestsError,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and value.__module__ == errors.__name__
}

#: The names of the errors of others that are among the bases.
FOREIGN = {base.__name__ for cls in CLASSES.values() for base in cls.__bases__} - set(CLASSES)

#: One of each, and what a program that knows nothing of txZMQ would catch.
SAMPLES = [
    (ZmqError("text"), [Exception]),
    (ZmqSocketError(errno.EINVAL, "text"), [zmq.ZMQError, OSError]),
    (ZmqAgainError(text="text"), [zmq.Again, zmq.ZMQError, BlockingIOError]),
    (ZmqTooManyRequestsError(text="text"), [zmq.Again, zmq.ZMQError, BlockingIOError]),
    (ZmqEndpointError(errno.EADDRINUSE, "text"), [zmq.ZMQError, OSError, ValueError]),
    (ZmqClosedError(text="text"), [zmq.ZMQError, OSError, ConnectionLost]),
    (ZmqReactorError("text"), [RuntimeError]),
    (ZmqOptionError("name", "text"), [ValueError]),
    (ZmqFrameError("text"), [ValueError]),
    (ZmqFrameTypeError("text"), [TypeError, ValueError]),
    (ZmqRequestTimeoutError(b"id", "text"), [defer.TimeoutError, builtins.TimeoutError]),
    (ZmqRequestIdError("text"), [ValueError]),
    (ZmqReplyError(b"id", "text"), [KeyError]),
]


ROW = re.compile(r"    (?P<indent>[ |]*)(\+-- )?(?P<name>Zmq\w+) *(?P<others>.*)")


def _drawn() -> dict[str, list[str]]:
    """
    :return: the bases of each error, read from the docstring of the module.
    """
    tree: dict[str, list[str]] = {}
    path: list[str] = []
    for row in filter(None, map(ROW.match, errors.__doc__.splitlines())):
        # The branches hang five columns apart.
        path = path[: (len(row["indent"]) + 4) // 5]
        others = [name for name in re.split(r"[\s.,]+", row["others"]) if name in FOREIGN]
        tree[row["name"]] = path[-1:] + others
        path.append(row["name"])
    return tree


def _names(cls: type) -> list[str]:
    return list(dict.fromkeys(base.__name__ for base in cls.__bases__ if base is not Exception))


class ErrorTests(SynchronousTestCase):
    """
    What programs can rely on when something fails.
    """

    def test_drawing(self) -> None:
        """
        The tree in the docstring of the module is the tree of the classes.
        """
        self.assertEqual(_drawn(), {name: _names(cls) for name, cls in CLASSES.items()})

    def test_samplesAreComplete(self) -> None:
        """
        The tests below leave out no error.
        """
        self.assertEqual({type(error).__name__ for error, _ in SAMPLES}, set(CLASSES))

    def test_public(self) -> None:
        """
        Each can be imported from the package, to be caught.
        """
        self.assertEqual({name: getattr(txzmq, name, None) for name in CLASSES}, CLASSES)

    def test_caughtByOldCode(self) -> None:
        """
        Each is a ZmqError, and what old programs catch in its place.
        """
        for error, classes in SAMPLES:
            for cls in [ZmqError, *classes]:
                self.assertIsInstance(error, cls)

    def test_text(self) -> None:
        """
        The text is what was said, without the decoration of the foreign base.
        """
        self.assertEqual({str(error) for error, _ in SAMPLES}, {"text"})

    def test_noText(self) -> None:
        """
        An error without a text can be printed too.
        """
        self.assertEqual(str(ZmqError()), "")

    def test_defaultTexts(self) -> None:
        """
        Errors that say enough by their names need no text.
        """
        texts = [str(ZmqAgainError()), str(ZmqClosedError()), str(ZmqRequestTimeoutError(b"id"))]
        self.assertEqual(texts, ["try again later", "closed", "no reply came in time"])

    def test_survivesPickleAndCopy(self) -> None:
        """
        An error can be sent to another process, or copied, with all it holds.
        """
        for error, _ in SAMPLES:
            pickled = pickle.loads(pickle.dumps(error))
            for other in (pickled, copy.copy(error), copy.deepcopy(error)):
                self.assertEqual(
                    (type(other), other.args, vars(other), str(other)),
                    (type(error), error.args, vars(error), str(error)),
                )

    def test_endpointSurvivesPickle(self) -> None:
        """
        So does the endpoint that could not be opened.
        """
        error = ZmqEndpointError(errno.EINVAL, "text")
        error.endpoint = ("bind", "tcp://nowhere")
        self.assertEqual(pickle.loads(pickle.dumps(error)).endpoint, ("bind", "tcp://nowhere"))

    def test_numbers(self) -> None:
        """
        The errors of sockets have the number that pyzmq's and Python's have.
        """
        numbers = {type(e).__name__: (e.errno, e.strerror) for e, _ in SAMPLES[1:6]}
        self.assertEqual(
            numbers,
            {
                "ZmqSocketError": (errno.EINVAL, "text"),
                "ZmqAgainError": (errno.EAGAIN, "text"),
                "ZmqTooManyRequestsError": (errno.EAGAIN, "text"),
                "ZmqEndpointError": (errno.EADDRINUSE, "text"),
                "ZmqClosedError": (errno.ENOTSOCK, "text"),
            },
        )

    def test_data(self) -> None:
        """
        What an error is about can be read from it.
        """
        self.assertEqual(ZmqOptionError("highWaterMark", "text").name, "highWaterMark")
        self.assertEqual(ZmqRequestTimeoutError(b"id").messageId, b"id")
        self.assertEqual(ZmqReplyError(b"id", "text").messageId, b"id")
        self.assertIsNone(ZmqEndpointError(errno.EINVAL, "text").endpoint)
