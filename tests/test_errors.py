"""
Tests of :mod:`txzmq.errors`.
"""

from __future__ import annotations

import builtins
import copy
import errno
import pickle
import re
import traceback

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
    ZmqForkedError,
    ZmqFrameError,
    ZmqFrameTypeError,
    ZmqNotSupportedError,
    ZmqOptionError,
    ZmqProducerError,
    ZmqReactorError,
    ZmqReplyError,
    ZmqRequestIdError,
    ZmqRequestTimeoutError,
    ZmqSocketError,
    ZmqThreadError,
    ZmqTooManyRequestsError,
    ZmqUnsentError,
    ZmqUsageError,
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
    (ZmqForkedError(text="text"), [zmq.ZMQError, OSError, ConnectionLost]),
    (ZmqUnsentError("text"), [zmq.ZMQError, OSError, builtins.TimeoutError]),
    (ZmqUsageError("text"), [zmq.ZMQError, OSError]),
    (ZmqReactorError("text"), [zmq.ZMQError, OSError, RuntimeError]),
    (ZmqThreadError("text"), [zmq.ZMQError, OSError, RuntimeError]),
    (ZmqProducerError("text"), [zmq.ZMQError, OSError, RuntimeError]),
    (ZmqNotSupportedError("text"), [zmq.ZMQError, OSError, NotImplementedError]),
    (ZmqOptionError("name", "text"), [zmq.ZMQError, OSError, ValueError]),
    (ZmqFrameError("text"), [zmq.ZMQError, OSError, ValueError]),
    (ZmqFrameTypeError("text"), [zmq.ZMQError, OSError, TypeError, ValueError]),
    (ZmqRequestTimeoutError(b"id", "text"), [defer.TimeoutError, builtins.TimeoutError]),
    (ZmqRequestIdError("text"), [ValueError]),
    (ZmqReplyError(b"id", "text"), [KeyError]),
]

#: For each number of an error the class that Python has for it, as a list; it
#: is empty for most.
PYTHONS = {
    number: [cls for cls in [type(OSError(number, ""))] if cls is not OSError]
    for number in [*errno.errorcode, *map(int, zmq.Errno)]
}

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


class Mine(ZmqEndpointError):
    """
    An error of a user's.
    """


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

    def assertSurvives(self, error: ZmqError) -> None:
        """
        A copy of an error cannot be told from it.
        """
        pickled = [
            pickle.loads(pickle.dumps(error, protocol))
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ]
        for other in [*pickled, copy.copy(error), copy.deepcopy(error)]:
            self.assertEqual(
                (type(other), other.args, vars(other), str(other)),
                (type(error), error.args, vars(error), str(error)),
            )

    def test_survivesPickleAndCopy(self) -> None:
        """
        An error can be sent to another process, or copied, with all it holds.
        """
        for error, _ in SAMPLES:
            self.assertSurvives(error)

    def test_attributesSurvive(self) -> None:
        """
        So can what was assigned to it, and what is not in its text.
        """
        error = ZmqEndpointError(errno.EACCES, "text")
        error.endpoint = ("bind", "tcp://nowhere")
        for other in (error, ZmqUnsentError("text", 5, 6)):
            self.assertSurvives(other)

    def test_numbers(self) -> None:
        """
        The errors of sockets have the number that pyzmq's and Python's have.
        """
        numbers = {
            type(error).__name__: errno.errorcode[error.errno]
            for error, _ in SAMPLES
            if isinstance(error, ZmqSocketError)
        }
        self.assertEqual(
            numbers,
            {
                "ZmqSocketError": "EINVAL",
                "ZmqAgainError": "EAGAIN",
                "ZmqTooManyRequestsError": "EAGAIN",
                "ZmqEndpointError": "EADDRINUSE",
                "ZmqClosedError": "ENOTSOCK",
                "ZmqForkedError": "ENOTSOCK",
                "ZmqUnsentError": "ETIMEDOUT",
                "ZmqUsageError": "EINVAL",
                "ZmqReactorError": "EINVAL",
                "ZmqThreadError": "EINVAL",
                "ZmqProducerError": "EINVAL",
                "ZmqNotSupportedError": "EINVAL",
                "ZmqOptionError": "EINVAL",
                "ZmqFrameError": "EINVAL",
                "ZmqFrameTypeError": "EINVAL",
            },
        )

    def test_strerror(self) -> None:
        """
        They have their text where pyzmq's and Python's have it.
        """
        texts = {error.strerror for error, _ in SAMPLES if isinstance(error, ZmqSocketError)}
        self.assertEqual((texts, ZmqUsageError().strerror), ({"text"}, "invalid"))

    def test_data(self) -> None:
        """
        What an error is about can be read from it.
        """
        self.assertEqual(ZmqOptionError("highWaterMark", "text").name, "highWaterMark")
        self.assertEqual(ZmqRequestTimeoutError(b"id").messageId, b"id")
        self.assertEqual(ZmqReplyError(b"id", "text").messageId, b"id")
        self.assertIsNone(ZmqEndpointError(errno.EINVAL, "text").endpoint)
        error = ZmqUnsentError("text", messages=5, bytes=6)
        self.assertEqual((error.messages, error.bytes), (5, 6))


class PythonErrorTests(SynchronousTestCase):
    """
    An error with a number is also of the class that Python has for it.
    """

    def test_eachNumber(self) -> None:
        """
        Each number makes what Python makes of it, and only that.
        """
        every = {cls for classes in PYTHONS.values() for cls in classes}
        for number, classes in PYTHONS.items():
            error = ZmqSocketError(number, "text")
            self.assertEqual({cls for cls in every if isinstance(error, cls)}, set(classes))

    def test_some(self) -> None:
        """
        Where an address may not be bound, or is not there, it can be caught by
        its name in Python.
        """
        for number, cls in [
            (errno.EACCES, PermissionError),
            (errno.ENOENT, FileNotFoundError),
            (errno.ENOTDIR, NotADirectoryError),
            (errno.ECONNREFUSED, ConnectionRefusedError),
            (errno.ETIMEDOUT, builtins.TimeoutError),
            (errno.EINTR, InterruptedError),
        ]:
            self.assertIsInstance(ZmqEndpointError(number, "text"), cls)

    def test_named(self) -> None:
        """
        It does not matter how the number is given.
        """
        error = ZmqSocketError(errno=errno.EPERM, text="text")
        self.assertIsInstance(error, PermissionError)
        self.assertEqual((error.errno, error.strerror), (errno.EPERM, "text"))

    def test_looksTheSame(self) -> None:
        """
        It is shown under its name all the same.
        """
        error = ZmqEndpointError(errno.EACCES, "text")
        shown = traceback.format_exception_only(type(error), error)
        self.assertEqual(
            (repr(error), str(error), shown),
            ("ZmqEndpointError('text')", "text", ["txzmq.errors.ZmqEndpointError: text\n"]),
        )

    def test_oneClassForEach(self) -> None:
        """
        Errors of one kind with one number are of one class.
        """
        one, other = (ZmqSocketError(errno.EACCES, "text") for _ in range(2))
        self.assertIs(type(one), type(other))

    def test_alreadyPythons(self) -> None:
        """
        An error that is of Python's class as it is, is of no other.
        """
        for error in (ZmqAgainError(errno.EAGAIN, "text"), ZmqUnsentError("text")):
            self.assertIn(type(error).__name__, vars(errors))
            self.assertIs(type(error), vars(errors)[type(error).__name__])

    def test_subclass(self) -> None:
        """
        A user's own kind of error gets the class as well, and stays what it is.
        """
        error = Mine(errno.ENOENT, "text")
        self.assertIsInstance(error, Mine)
        self.assertIsInstance(error, FileNotFoundError)
        self.assertEqual(
            (type(error).__name__, type(error).__module__, type(error).__doc__),
            (Mine.__name__, Mine.__module__, Mine.__doc__),
        )
        self.assertIs(type(pickle.loads(pickle.dumps(error))), type(error))

    def test_survivesPickleAndCopy(self) -> None:
        """
        For each number, a copy of the error is what the error is.
        """
        for number in PYTHONS:
            error = ZmqEndpointError(number, "text")
            error.endpoint = "tcp://nowhere"
            copies = (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error))
            for other in copies:
                self.assertEqual(
                    (type(other), other.args, vars(other)), (type(error), error.args, vars(error))
                )

    def test_madeFromAnother(self) -> None:
        """
        So it is where an error was made with the class of another.
        """
        error = type(ZmqEndpointError(errno.EACCES, "text"))(errno.ENOENT, "text")
        other = pickle.loads(pickle.dumps(error))
        self.assertIsInstance(other, FileNotFoundError)
        self.assertEqual((other.args, vars(other)), (error.args, vars(error)))
