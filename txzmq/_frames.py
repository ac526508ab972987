"""
Messages as lists of frames: checking what users give us, and joining and
splitting the two envelopes that this library knows, the topic in front of a
published message and the route in front of a request.

Nothing here does input or output: bytes in, bytes out.

A message must be checked *whole* before its first frame is sent: libzmq would
glue the next message onto one that was left half-sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Union

from .errors import ZmqFrameError, ZmqFrameTypeError

#: What a user may give as one frame: text is encoded as UTF-8.
Frame = Union[bytes, str, bytearray, memoryview]

#: What a user may give as a message: one frame, or several.
Message = Union[Frame, Iterable[Frame]]

#: How many tags are remembered, and up to which size in bytes; with more of
#: them, remembering begins anew.
_MAX_PREFIXES = 1_000
_MAX_PREFIX = 256

#: The most bytes that the envelope of a request may have.  libzmq's routing
#: ids have at most 255, so this leaves room for a client, three proxies on
#: the way, and a message id; it bounds what a peer can make a server remember.
MAX_ENVELOPE = 1280


def toBytes(frame: object, what: str = "frame") -> bytes:
    """
    :param frame: text, which is encoded as UTF-8, or anything bytes-like.
    :param what: what to call it in the error.
    :raise ZmqFrameTypeError: it is something else.
    :raise ZmqFrameError: the text has characters that UTF-8 has not.
    """
    if type(frame) is bytes:
        return frame
    if isinstance(frame, str):
        try:
            return frame.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ZmqFrameError(f"{what} cannot be UTF-8: {frame!r:.80}") from error
    try:
        # Not bytes(frame): that makes five zero bytes of the number 5.
        return memoryview(frame).tobytes()  # type: ignore[arg-type]
    except TypeError:
        raise ZmqFrameTypeError(
            f"{what} must be bytes or text, not {type(frame).__name__}: {frame!r:.80}"
        ) from None


def toFrames(message: Message) -> list[bytes]:
    """
    Make a list of frames, ready to be sent, of what a user calls a message.

    :param message: one frame, or an iterable of frames.
    :return: at least one frame; the message itself, if it is such a list
        already.
    :raise ZmqFrameTypeError: a frame is neither text nor bytes-like; the
        error says which.
    :raise ZmqFrameError: there are no frames.
    """
    if type(message) is list:
        parts = message
    elif isinstance(message, (list, tuple)):
        parts = list(message)
    elif isinstance(message, (bytes, str)):
        return [toBytes(message, "message")]
    else:
        # What is bytes-like is one frame, even where it could be iterated over.
        try:
            return [memoryview(message).tobytes()]  # type: ignore[arg-type]
        except TypeError:
            pass
        if isinstance(message, (Mapping, Set)) or not isinstance(message, Iterable):
            return [toBytes(message, "message")]
        parts = list(message)
    for part in parts:
        if type(part) is not bytes:
            return [toBytes(part, f"frame {i}") for i, part in enumerate(parts)]
    if not parts:
        raise ZmqFrameError("a message has at least one frame, this one has none")
    return parts


def _prefix(tag: Frame, separator: Frame) -> bytes:
    tag, separator = toBytes(tag, "tag"), toBytes(separator, "topicSep")
    if not separator:
        raise ZmqFrameError("topicSep is empty, so nobody could tell where a tag ends")
    if separator in tag:
        raise ZmqFrameError(
            f"the tag {tag!r} contains {separator!r}, which ends a tag: choose"
            " another tag, or another topicSep for publishers and subscribers"
        )
    return tag + separator


class _Prefixes(dict[bytes, bytes]):
    """
    What stands in front of the messages with a tag.  A publisher has few tags
    and many messages, so what was made once is kept.
    """

    def __init__(self, separator: bytes) -> None:
        super().__init__()
        self._separator = separator

    def __missing__(self, tag: bytes) -> bytes:
        prefix = _prefix(tag, self._separator)
        if len(self) >= _MAX_PREFIXES:
            self.clear()
        if len(prefix) <= _MAX_PREFIX:
            self[tag] = prefix
        return prefix


class _Separators(dict[bytes, _Prefixes]):
    """
    The prefixes for each separator; programs have one, or two.
    """

    def __missing__(self, separator: bytes) -> _Prefixes:
        prefixes = self[separator] = _Prefixes(separator)
        return prefixes


#: What stands in front of a message, by separator and tag, both bytes.
PREFIXES = _Separators()


def joinTopic(message: Frame, tag: Frame, separator: bytes) -> bytes:
    """
    Put a tag in front of a message, in one frame: multicast transports mix up
    the frames of different publishers.

    :raise ZmqFrameError: the separator is part of the tag, so that the other
        end would cut the message in the wrong place.
    :raise ZmqFrameTypeError: tag or message is neither text nor bytes-like.
    """
    if type(tag) is type(separator) is bytes:
        prefix = PREFIXES[separator][tag]
    else:
        prefix = _prefix(tag, separator)
    return prefix + toBytes(message, "message")


def splitTopic(parts: list[bytes], separator: bytes) -> tuple[bytes, bytes]:
    """
    Undo :func:`joinTopic`; take two frames for tag and message.

    :return: message and tag; the tag is empty where there is no separator.
    :raise ZmqFrameError: there are more than two frames.
    """
    if type(separator) is not bytes:
        separator = toBytes(separator, "topicSep")
    if len(parts) == 1:
        tag, found, message = parts[0].partition(separator)
        return (message, tag) if found else (tag, b"")
    if len(parts) == 2:
        return parts[1], parts[0]
    raise ZmqFrameError(f"a published message has one frame or two, not {len(parts)}")


def splitEnvelope(parts: list[bytes]) -> tuple[tuple[bytes, ...], list[bytes]]:
    """
    Cut a request, as a ROUTER socket receives it, at its delimiter.

    Source: ZeroMQ RFC 28/REQREP.

    :return: the route back to the client, at least one frame, and the body.
    :raise ZmqFrameError: there is no delimiter, or no route before it, or the
        route is longer than :data:`MAX_ENVELOPE`.
    """
    try:
        end = parts.index(b"")
    except ValueError:
        raise ZmqFrameError("a request without the empty delimiter frame") from None
    envelope = tuple(parts[:end])
    if not envelope:
        raise ZmqFrameError("a request with nothing in front of its delimiter frame")
    size = len(b"".join(envelope))
    if size > MAX_ENVELOPE:
        raise ZmqFrameError(
            f"a request with an envelope of {size} bytes, {MAX_ENVELOPE} are the most"
        )
    return envelope, parts[end + 1 :]
