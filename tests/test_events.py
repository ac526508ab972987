"""
Tests of :mod:`txzmq.events`: what libzmq's monitor sends, and what it never
sends.
"""

from __future__ import annotations

import copy
import errno
import os
import pickle
import struct
from typing import Any

import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zmq import Event
from zmq.utils.monitor import parse_monitor_message

from txzmq import ZmqFrameError
from txzmq.events import SocketEvent, decode

from .support import STEADY

#: All events that a monitor can tell of: one bit of sixteen each.
EVENTS = {
    "CONNECTED": 0x0001,
    "CONNECT_DELAYED": 0x0002,
    "CONNECT_RETRIED": 0x0004,
    "LISTENING": 0x0008,
    "BIND_FAILED": 0x0010,
    "ACCEPTED": 0x0020,
    "ACCEPT_FAILED": 0x0040,
    "CLOSED": 0x0080,
    "CLOSE_FAILED": 0x0100,
    "DISCONNECTED": 0x0200,
    "MONITOR_STOPPED": 0x0400,
    "HANDSHAKE_FAILED_NO_DETAIL": 0x0800,
    "HANDSHAKE_SUCCEEDED": 0x1000,
    "HANDSHAKE_FAILED_PROTOCOL": 0x2000,
    "HANDSHAKE_FAILED_AUTH": 0x4000,
}

#: Those whose value is an error number.
WITH_ERRORS = [
    Event.CONNECT_DELAYED,
    Event.BIND_FAILED,
    Event.ACCEPT_FAILED,
    Event.CLOSE_FAILED,
    Event.HANDSHAKE_FAILED_NO_DETAIL,
]

ADDRESS = "tcp://127.0.0.1:5555"


def sent(event: int, value: int = 0, endpoint: bytes = ADDRESS.encode()) -> list[bytes]:
    """
    :return: what a monitor sends.
    """
    return [struct.pack("=HI", event, value), endpoint]


def told(event: int, value: int) -> str:
    """
    :return: what the value of an event reads like.
    """
    return str(decode(sent(event, value)).value)


class DecodeTests(SynchronousTestCase):
    """
    What a monitor sends becomes an event.
    """

    def test_event(self) -> None:
        """
        An event has a number, a value and an endpoint.
        """
        event = decode(sent(zmq.EVENT_CONNECTED, 7))
        self.assertEqual(event, (zmq.EVENT_CONNECTED, 7, ADDRESS))
        self.assertEqual((event.event, event.value, event.endpoint), event)

    def test_names(self) -> None:
        """
        Each event that pyzmq knows has its name, and is one of ``zmq.Event``.
        """
        for name, number in EVENTS.items():
            event = decode(sent(number))
            self.assertEqual((event.name, event.event), (name, number))
            self.assertIs(event.event, getattr(Event, name))

    def test_namesAreComplete(self) -> None:
        """
        There are no other events; what a monitor cannot send is none.
        """
        known = {n: e for n, e in Event.__members__.items() if bin(e).count("1") == 1}
        self.assertEqual({name: int(e) for name, e in known.items() if e < 1 << 16}, EVENTS)

    def test_unknown(self) -> None:
        """
        An event that is yet to be invented is delivered, by its number.
        """
        event = decode(sent(0x8000, 5))
        self.assertEqual((event, event.name), ((0x8000, 5, ADDRESS), "0x8000"))
        self.assertIs(type(event.event), int)

    def test_several(self) -> None:
        """
        So is a number that looks like several events at once, or like none.
        """
        for number, name in [(0x0003, "0x0003"), (0xFFFF, "0xffff"), (0, "0x0000")]:
            event = decode(sent(number))
            self.assertEqual((type(event.event), event.name), (int, name))

    def test_byPyzmq(self) -> None:
        """
        pyzmq reads the same.
        """
        for number in EVENTS.values():
            event, message = decode(sent(number, 5)), sent(number, 5)
            self.assertEqual(
                {"event": event.event, "value": event.value, "endpoint": event.endpoint.encode()},
                dict(parse_monitor_message(message)),
            )

    def test_endpoint(self) -> None:
        """
        An address is text, also if it is not quite.
        """
        for raw, endpoint in [
            (b"", ""),
            (b"ipc://@abstract", "ipc://@abstract"),
            ("ipc:///tmp/\u00e9".encode(), "ipc:///tmp/\u00e9"),
            (b"ipc:///tmp/\xe9", "ipc:///tmp/\\xe9"),
        ]:
            self.assertEqual(decode(sent(1, 0, raw)).endpoint, endpoint)

    @settings(STEADY)
    @given(
        number=st.integers(0, 0xFFFF) | st.sampled_from(sorted(EVENTS.values())),
        value=st.integers(0, 0xFFFFFFFF),
        endpoint=st.binary(max_size=20),
    )
    def test_anything(self, number: int, value: int, endpoint: bytes) -> None:
        """
        Whatever a monitor may say is an event that can be shown.
        """
        event = decode(sent(number, value, endpoint))
        self.assertEqual(event[:2], (number, value))
        self.assertEqual(str(event), f"{event.name} {event.endpoint} ({event.value})")

    def test_malformed(self) -> None:
        """
        What a monitor does not send is refused, and shown.
        """
        header, address = sent(1)
        for message in [[], [header], [header, address, b""], [b"", b""], [header + b"\0", b""]]:
            error = self.assertRaises(ZmqFrameError, decode, message)
            self.assertIn(repr(message)[:80], str(error))

    def test_malformedAndLong(self) -> None:
        """
        If it is long, it is not shown as a whole.
        """
        error = self.assertRaises(ZmqFrameError, decode, [bytes(100_000)] * 3)
        self.assertLess(len(str(error)), 200)

    @settings(STEADY)
    @given(message=st.lists(st.binary(max_size=8), max_size=3))
    def test_anythingElse(self, message: list[bytes]) -> None:
        """
        Other frames are an event, or this error and no other.
        """
        try:
            event = decode(message)
        except ZmqFrameError:
            self.assertFalse(len(message) == 2 and len(message[0]) == 6)
        else:
            self.assertEqual(struct.pack("=HI", event.event, event.value), message[0])


class ValueTests(SynchronousTestCase):
    """
    The value of an event is a number that reads as what it means.
    """

    def test_error(self) -> None:
        """
        The number of an error, where it is one.
        """
        for event in WITH_ERRORS:
            for number, name in [(errno.EADDRINUSE, "EADDRINUSE"), (errno.EMFILE, "EMFILE")]:
                self.assertEqual(told(event, number), f"{name}: {os.strerror(number)}")

    def test_libzmqsError(self) -> None:
        """
        Also an error of libzmq's own.
        """
        for number in zmq.Errno:
            if number not in errno.errorcode:
                self.assertEqual(
                    told(Event.BIND_FAILED, number), f"{number.name}: {zmq.strerror(number)}"
                )

    def test_noError(self) -> None:
        """
        A number that is no error stays a number.
        """
        for value in (0, 0x7FFFFFFF, 0xFFFFFFFF):
            self.assertEqual(told(Event.HANDSHAKE_FAILED_NO_DETAIL, value), str(value))

    def test_interval(self) -> None:
        """
        The time until the next attempt.
        """
        self.assertEqual(told(Event.CONNECT_RETRIED, 183), "183 ms")

    def test_protocolError(self) -> None:
        """
        What the peer did wrong.
        """
        names = [name for name in dir(zmq) if name.startswith("PROTOCOL_ERROR_")]
        for name in names:
            value = getattr(zmq, name)
            self.assertEqual(f"PROTOCOL_ERROR_{told(Event.HANDSHAKE_FAILED_PROTOCOL, value)}", name)
        self.assertIn("PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH", names)

    def test_unknownProtocolError(self) -> None:
        """
        Or a number, to be looked up.
        """
        self.assertEqual(told(Event.HANDSHAKE_FAILED_PROTOCOL, 0x10FFFFFF), "0x10ffffff")

    def test_justANumber(self) -> None:
        """
        A file descriptor, the status of an authentication, and what nobody
        knows are numbers.
        """
        for event in (Event.CONNECTED, Event.ACCEPTED, Event.HANDSHAKE_FAILED_AUTH, 0x8000):
            event = decode(sent(event, 400))
            self.assertEqual((type(event.value), str(event.value)), (int, "400"))

    def test_areNumbers(self) -> None:
        """
        They can be compared and used as any number, whatever they read like.
        """
        for event in [*WITH_ERRORS, Event.CONNECT_RETRIED, Event.HANDSHAKE_FAILED_PROTOCOL]:
            value = decode(sent(event, 100)).value
            self.assertEqual(
                (value, value + 1, hash(value), f"{value:d}"), (100, 101, hash(100), "100")
            )
            self.assertIsInstance(value, int)


class SocketEventTests(SynchronousTestCase):
    """
    An event in a user's hands.
    """

    def setUp(self) -> None:
        self.event = decode(sent(Event.CONNECT_RETRIED, 100))

    def test_text(self) -> None:
        """
        It is a line for a log.
        """
        self.assertEqual(str(self.event), f"CONNECT_RETRIED {ADDRESS} (100 ms)")
        unknown = decode(sent(0x8000, 3, b""))
        self.assertEqual(str(unknown), "0x8000  (3)")

    def test_unpacked(self) -> None:
        """
        It is a tuple of three.
        """
        event, value, endpoint = self.event
        self.assertEqual((event, value, endpoint), (Event.CONNECT_RETRIED, 100, ADDRESS))

    def test_made(self) -> None:
        """
        Who tests a protocol can make one.
        """
        event = SocketEvent(zmq.EVENT_CONNECT_RETRIED, 100, ADDRESS)
        self.assertEqual((event, event.name), (self.event, "CONNECT_RETRIED"))

    def test_mask(self) -> None:
        """
        It can be looked for in a combination of events.
        """
        wanted = Event.CONNECT_RETRIED | Event.CLOSED
        events: list[Any] = [decode(sent(n)).event for n in (4, 8, 0x8000)]
        self.assertEqual([bool(event & wanted) for event in events], [True, False, False])

    def test_survivesPickleAndCopy(self) -> None:
        """
        It can be sent to another process, or copied.
        """
        for other in (pickle.loads(pickle.dumps(self.event)), copy.deepcopy(self.event)):
            self.assertEqual((other, str(other)), (self.event, str(self.event)))
