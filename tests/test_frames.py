"""
Tests of :mod:`txzmq._frames`.
"""

from __future__ import annotations

from array import array
from typing import Any, Callable

import zmq
from hypothesis import assume, example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txzmq import ZmqFrameError, ZmqFrameTypeError
from txzmq._frames import (
    MAX_ENVELOPE,
    joinTopic,
    splitEnvelope,
    splitTopic,
    toBytes,
    toFrames,
)

from .support import STEADY, traced


class Bytes(bytes):
    """
    Bytes that are more than that, as the message id of a request is.
    """


#: The ways to write the same frame.
GUISES: list[Callable[[bytes], Any]] = [
    bytes,
    Bytes,
    bytearray,
    memoryview,
    lambda frame: zmq.Frame(frame, copy=True),
    lambda frame: array("B", frame),
    lambda frame: memoryview(bytes(byte for value in frame for byte in (value, 0)))[::2],
]

#: What is no frame.
NO_FRAMES = [None, 5, 1.5, True, object(), Bytes]

frames = st.binary(max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
guises = st.sampled_from(GUISES)


class ToBytesTests(SynchronousTestCase):
    """
    One frame.
    """

    @STEADY
    @given(frames, guises)
    def test_bytesLike(self, frame: bytes, guise: Callable[[bytes], Any]) -> None:
        """
        Anything bytes-like is taken for its bytes, and plain bytes come out.
        """
        result = toBytes(guise(frame))
        self.assertEqual((type(result), result), (bytes, frame))

    @STEADY
    @given(texts)
    def test_text(self, text: str) -> None:
        """
        Text is encoded as UTF-8.
        """
        self.assertEqual(toBytes(text).decode("utf-8"), text)

    def test_numbers(self) -> None:
        """
        What is larger than a byte is taken as it lies in memory.
        """
        numbers = array("i", [1, 2])
        self.assertEqual(toBytes(numbers), numbers.tobytes())

    def test_bytesAreNotCopied(self) -> None:
        """
        A large frame stays where it is.
        """
        frame = b"x" * 10_000
        self.assertIs(toBytes(frame), frame)

    def test_others(self) -> None:
        """
        Everything else is a TypeError that shows it; a number does not become
        so many zero bytes.
        """
        for value in [*NO_FRAMES, [b"a"], {}]:
            error = self.assertRaises(ZmqFrameTypeError, toBytes, value)
            self.assertIn(repr(value)[:80], str(error))
            self.assertIn(f" not {type(value).__name__}: ", str(error))

    def test_longValueIsCut(self) -> None:
        """
        The error does not show all of what is long.
        """
        self.assertLess(len(str(self.assertRaises(ZmqFrameTypeError, toBytes, [0] * 1000))), 150)

    def test_name(self) -> None:
        """
        The error calls it what the caller calls it.
        """
        error = self.assertRaises(ZmqFrameTypeError, toBytes, 5, "tag")
        self.assertEqual(str(error), "tag must be bytes or text, not int: 5")


class ToFramesTests(SynchronousTestCase):
    """
    Messages of one frame or several.
    """

    @STEADY
    @given(frames, guises)
    def test_oneFrame(self, frame: bytes, guise: Callable[[bytes], Any]) -> None:
        """
        What is bytes-like is one frame, also where it could be gone through.
        """
        result = toFrames(guise(frame))
        self.assertEqual((result, type(result[0])), ([frame], bytes))

    @STEADY
    @given(texts)
    def test_oneText(self, text: str) -> None:
        """
        Text is one frame too, and not as many as it has letters.
        """
        self.assertEqual(toFrames(text), [text.encode("utf-8")])

    @STEADY
    @given(
        st.lists(st.tuples(frames, guises), min_size=1, max_size=5),
        st.sampled_from([list, tuple, iter, lambda parts: (part for part in parts)]),
    )
    @example([(b"a", bytes), (b"b", bytearray)], list)
    @example([(b"", bytes)], tuple)
    def test_frames(
        self, parts: list[tuple[bytes, Callable[[bytes], Any]]], guise: Callable[[Any], Any]
    ) -> None:
        """
        An iterable of frames is as many frames, of plain bytes.
        """
        result = toFrames(guise([make(frame) for frame, make in parts]))
        self.assertEqual(result, [frame for frame, _ in parts])
        self.assertEqual({type(frame) for frame in result}, {bytes})

    def test_mixed(self) -> None:
        """
        Text and bytes can stand side by side.
        """
        self.assertEqual(toFrames(["é", b"a", bytearray(b"b")]), [b"\xc3\xa9", b"a", b"b"])

    def test_listIsTaken(self) -> None:
        """
        A list that is ready to be sent is not copied: whoever keeps it does.
        """
        message = [b"a", b"b"]
        self.assertIs(toFrames(message), message)

    def test_empty(self) -> None:
        """
        A message without frames is none.
        """
        for message in ([], (), iter([])):
            self.assertRaises(ZmqFrameError, toFrames, message)

    def test_whichFrame(self) -> None:
        """
        The error says which frame is none, wherever it stands.
        """
        for wrong in NO_FRAMES:
            for index in range(3):
                parts: list[Any] = [b"a", "b", bytearray(b"c")]
                parts[index] = wrong
                error = self.assertRaises(ZmqFrameTypeError, toFrames, parts)
                self.assertTrue(str(error).startswith(f"frame {index} must be "), str(error))

    def test_nested(self) -> None:
        """
        A list is not a frame.
        """
        self.assertRaises(ZmqFrameTypeError, toFrames, [b"a", [b"b"]])

    def test_noMessage(self) -> None:
        """
        What cannot be gone through is no message, and the error says so.
        """
        error = self.assertRaises(ZmqFrameTypeError, toFrames, 5)
        self.assertEqual(str(error), "message must be bytes or text, not int: 5")

    def test_failingIterable(self) -> None:
        """
        An error of the user's own generator is his own.
        """

        def parts() -> Any:
            yield b"a"
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, toFrames, parts())


class TopicTests(SynchronousTestCase):
    """
    The tag in front of a published message.
    """

    @STEADY
    @given(frames, frames, st.binary(min_size=1, max_size=3))
    @example(b"message", b"tag", b"\0")
    @example(b"\0\0", b"", b"\0")
    @example(b"b", b"a", b"ab")
    def test_roundTrip(self, message: bytes, tag: bytes, separator: bytes) -> None:
        """
        What is joined is split into the same tag and message, whatever the
        message contains; or it cannot be joined.
        """
        try:
            joined = joinTopic(message, tag, separator)
        except ZmqFrameError:
            self.assertIn(separator, tag)
        else:
            self.assertEqual(splitTopic([joined], separator), (message, tag))

    @STEADY
    @given(texts, texts)
    def test_text(self, message: str, tag: str) -> None:
        """
        Text is encoded as UTF-8, on both sides of the separator.
        """
        assume("\0" not in tag)
        self.assertEqual(
            joinTopic(message, tag, b"\0"), tag.encode("utf-8") + b"\0" + message.encode("utf-8")
        )

    @STEADY
    @given(frames, guises)
    def test_bytesLike(self, message: bytes, guise: Callable[[bytes], Any]) -> None:
        """
        So is what is bytes-like.
        """
        self.assertEqual(joinTopic(guise(message), guise(b"tag"), b"\0"), b"tag\0" + message)

    def test_separatorInTag(self) -> None:
        """
        A tag that would be cut in two is refused; the error names both.
        """
        error = self.assertRaises(ZmqFrameError, joinTopic, b"message", "a|b", b"|")
        self.assertIn("the tag b'a|b' contains b'|'", str(error))

    def test_separators(self) -> None:
        """
        The same tag goes with different separators, of any kind.
        """
        for separator in (b"|", b"||", "|", bytearray(b"|")):
            with self.subTest(separator=separator):
                joined = joinTopic(b"m", b"t", separator)  # type: ignore[arg-type]
                self.assertEqual(joined, b"t" + toBytes(separator) + b"m")

    def test_noSeparatorAtAll(self) -> None:
        """
        A separator of nothing separates nothing.
        """
        self.assertRaises(ZmqFrameError, joinTopic, b"m", b"t", b"")

    def test_manyTags(self) -> None:
        """
        Ever new tags, long ones too, do not fill the memory.
        """
        size = 10_000
        with traced() as added:
            for number in range(1_000):
                joinTopic(b"", b"%d" % number + bytes(b"x" * size), b"|")
                joinTopic(b"", b"short %d" % (2_000 * number), b"|")
            self.assertLess(added(), 100 * size)

    def test_noFrames(self) -> None:
        """
        What is neither text nor bytes-like is named.
        """
        error = self.assertRaises(ZmqFrameTypeError, joinTopic, b"message", 5, b"\0")
        self.assertTrue(str(error).startswith("tag must be "))
        error = self.assertRaises(ZmqFrameTypeError, joinTopic, [b"message"], b"tag", b"\0")
        self.assertTrue(str(error).startswith("message must be "))

    def test_noSeparator(self) -> None:
        """
        A frame without a separator is a message with an empty tag.
        """
        self.assertEqual(splitTopic([b"message"], b"\0"), (b"message", b""))

    @STEADY
    @given(frames, frames)
    def test_twoFrames(self, tag: bytes, message: bytes) -> None:
        """
        Two frames are tag and message, and are not cut any further.
        """
        self.assertEqual(splitTopic([tag, message], b"\0"), (message, tag))

    @STEADY
    @given(st.lists(frames, min_size=3, max_size=6))
    def test_moreFrames(self, parts: list[bytes]) -> None:
        """
        More frames are not of ours; the error says how many there are.
        """
        error = self.assertRaises(ZmqFrameError, splitTopic, parts, b"\0")
        self.assertIn(f"not {len(parts)}", str(error))


class EnvelopeTests(SynchronousTestCase):
    """
    The route in front of a request.
    """

    @STEADY
    @given(
        st.lists(st.binary(min_size=1, max_size=255), min_size=1, max_size=4),
        st.lists(frames, max_size=4),
    )
    @example([b"client"], [])
    @example([b"proxy", b"client", b"id"], [b"", b"", b"a"])
    @example([b"x" * 255] * 4 + [b"x" * 4], [b"at the limit"])
    def test_roundTrip(self, envelope: list[bytes], body: list[bytes]) -> None:
        """
        The first empty frame ends the envelope; the body may have more.
        """
        self.assertEqual(splitEnvelope([*envelope, b"", *body]), (tuple(envelope), body))

    @STEADY
    @given(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
    def test_noDelimiter(self, parts: list[bytes]) -> None:
        """
        A message without an empty frame is no request.
        """
        error = self.assertRaises(ZmqFrameError, splitEnvelope, parts)
        self.assertEqual(str(error), "a request without the empty delimiter frame")

    @STEADY
    @given(st.lists(frames, max_size=3))
    def test_noEnvelope(self, body: list[bytes]) -> None:
        """
        Nor is one that begins with it: there is no way back.
        """
        error = self.assertRaises(ZmqFrameError, splitEnvelope, [b"", *body])
        self.assertEqual(str(error), "a request with nothing in front of its delimiter frame")

    def test_tooLong(self) -> None:
        """
        A peer cannot make us remember more than so many bytes per request, in
        however many frames it sends them.
        """
        for envelope in ([b"x" * (MAX_ENVELOPE + 1)], [b"x"] * (MAX_ENVELOPE + 1)):
            error = self.assertRaises(ZmqFrameError, splitEnvelope, [*envelope, b"", b"body"])
            self.assertEqual(
                str(error), "a request with an envelope of 1281 bytes, 1280 are the most"
            )

    def test_limitFitsProxies(self) -> None:
        """
        Three proxies with the longest routing ids, and a message id, fit.
        """
        self.assertGreaterEqual(MAX_ENVELOPE, 4 * 255)

    def test_bodyIsNotCounted(self) -> None:
        """
        The limit is for the envelope, not for the message.
        """
        body = [b"x" * 100_000]
        self.assertEqual(splitEnvelope([b"client", b"", *body]), ((b"client",), body))
