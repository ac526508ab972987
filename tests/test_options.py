"""
Tests of :mod:`txzmq.options`, through connections and by itself.
"""

from __future__ import annotations

import errno
from typing import Any

import zmq
from twisted.trial.unittest import SynchronousTestCase

from txzmq import (
    ZmqConnection,
    ZmqDealerConnection,
    ZmqEndpoint,
    ZmqOptionError,
    ZmqPairConnection,
    ZmqPushConnection,
    ZmqSocketError,
)
from txzmq.options import OPTIONS, adopt, apply, applyAll, encode

from .support import ZmqTestCase, assigned

#: For each setting, a value that is not the default, and what the socket makes
#: of it.
VALUES: dict[str, tuple[Any, dict[int, Any]]] = {
    "allowLoopbackMulticast": (False, {zmq.MULTICAST_LOOP: 0}),
    "multicastRate": (200, {zmq.RATE: 200}),
    "highWaterMark": (7, {zmq.SNDHWM: 7, zmq.RCVHWM: 7}),
    "tcpKeepalive": (1, {zmq.TCP_KEEPALIVE: 1}),
    "tcpKeepaliveCount": (3, {zmq.TCP_KEEPALIVE_CNT: 3}),
    "tcpKeepaliveIdle": (600, {zmq.TCP_KEEPALIVE_IDLE: 600}),
    "tcpKeepaliveInterval": (60, {zmq.TCP_KEEPALIVE_INTVL: 60}),
    "reconnectInterval": (50, {zmq.RECONNECT_IVL: 50}),
    "reconnectIntervalMax": (5000, {zmq.RECONNECT_IVL_MAX: 5000}),
    "heartbeatInterval": (2000, {zmq.HEARTBEAT_IVL: 2000}),
    "heartbeatTimeout": (500, {zmq.HEARTBEAT_TIMEOUT: 500}),
    "heartbeatTtl": (6000, {zmq.HEARTBEAT_TTL: 6000}),
    "immediate": (True, {zmq.IMMEDIATE: 1}),
    "identity": ("client-1", {zmq.ROUTING_ID: b"client-1"}),
}

#: What a connection's socket has if nothing is set: the values of txZMQ 1.0.
DEFAULTS = {
    zmq.MULTICAST_LOOP: 0,
    zmq.RATE: 100,
    zmq.SNDHWM: 0,
    zmq.RCVHWM: 0,
    zmq.TCP_KEEPALIVE: -1,
    zmq.TCP_KEEPALIVE_CNT: -1,
    zmq.TCP_KEEPALIVE_IDLE: -1,
    zmq.TCP_KEEPALIVE_INTVL: -1,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 0,
    zmq.HEARTBEAT_IVL: 0,
    # As long as the interval.
    zmq.HEARTBEAT_TIMEOUT: -1,
    zmq.HEARTBEAT_TTL: 0,
    zmq.IMMEDIATE: 0,
    zmq.ROUTING_ID: b"",
}

#: Values that cannot be, by the name of the setting.
WRONG: list[tuple[str, object]] = [
    ("allowLoopbackMulticast", "perhaps"),
    ("allowLoopbackMulticast", None),
    ("multicastRate", 0),
    ("multicastRate", "100"),
    ("highWaterMark", -1),
    ("highWaterMark", 0x80000000),
    ("highWaterMark", 1.5),
    ("highWaterMark", None),
    ("tcpKeepalive", -2),
    ("tcpKeepaliveCount", "3"),
    ("tcpKeepaliveIdle", None),
    ("tcpKeepaliveInterval", 0.5),
    ("reconnectInterval", -2),
    ("reconnectIntervalMax", -1),
    ("heartbeatInterval", -1),
    ("heartbeatTimeout", "500"),
    ("heartbeatTtl", 6_553_600),
    ("heartbeatTtl", None),
    ("immediate", "perhaps"),
    ("immediate", None),
    ("identity", 5),
    ("identity", b""),
    ("identity", ""),
    ("identity", b"\0client"),
    ("identity", b"x" * 256),
    ("socketType", None),
    ("socketType", "PUSH"),
]


def subclass(**settings: object) -> Any:
    """
    :return: a class of connections of its own, with these settings.
    """
    return type("Configured", (ZmqDealerConnection,), settings)


class TableTests(SynchronousTestCase):
    """
    The table itself.
    """

    def test_valuesAreComplete(self) -> None:
        """
        The tests of this module leave out no setting, and no option of libzmq.
        """
        named = {getattr(zmq, name) for option in OPTIONS.values() for name in option.names}
        self.assertEqual({*VALUES, "socketType"}, set(OPTIONS))
        self.assertEqual({option for _, row in VALUES.values() for option in row}, named)
        self.assertEqual(set(DEFAULTS), named)

    def test_everySettingIsAnAttribute(self) -> None:
        """
        Each setting stands in the class of connections, with its default.
        """
        self.assertEqual(
            {name: getattr(ZmqConnection, name) for name in OPTIONS},
            {
                "allowLoopbackMulticast": False,
                "multicastRate": 100,
                "highWaterMark": 0,
                "tcpKeepalive": 0,
                "tcpKeepaliveCount": 0,
                "tcpKeepaliveIdle": 0,
                "tcpKeepaliveInterval": 0,
                "reconnectInterval": 100,
                "reconnectIntervalMax": 0,
                "heartbeatInterval": 0,
                "heartbeatTimeout": 0,
                "heartbeatTtl": 0,
                "immediate": False,
                "identity": None,
                "socketType": None,
            },
        )

    def test_defaultsAreThoseOfLibzmq(self) -> None:
        """
        What is not set, because libzmq does it by itself, libzmq does by itself.
        """
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            for option in OPTIONS.values():
                for name in option.names:
                    self.assertEqual(socket.getsockopt(getattr(zmq, name)), option.default, name)

    def test_keepaliveIsLeftAlone(self) -> None:
        """
        0 and -1 are the same for the keepalive settings: as the system has it.
        """
        self.assertEqual([encode("tcpKeepaliveIdle", value) for value in (0, -1, 1)], [-1, -1, 1])

    def test_identityIsTextOrBytes(self) -> None:
        """
        An identity may have from 1 to 255 bytes; text is encoded as UTF-8.
        """
        for value, encoded in [("é", b"\xc3\xa9"), (b"x" * 255, b"x" * 255), (b"a\0", b"a\0")]:
            self.assertEqual(encode("identity", value), encoded)

    def test_limitIsIncluded(self) -> None:
        """
        The largest number that libzmq takes is taken.
        """
        self.assertEqual(encode("highWaterMark", 0x7FFFFFFF), 0x7FFFFFFF)

    def test_wrongValueIsNamed(self) -> None:
        """
        The error for a wrong value names the setting, in its text too.
        """
        for name, value in WRONG:
            error = self.assertRaises(ZmqOptionError, encode, name, value)
            self.assertEqual(error.name, name)
            self.assertTrue(str(error).startswith(f"{name} "), str(error))

    def test_wrongValueIsShown(self) -> None:
        """
        The text says what would be right, and shows what was given.
        """
        error = self.assertRaises(ZmqOptionError, encode, "highWaterMark", -3)
        self.assertEqual(str(error), "highWaterMark is a whole number from 0 up, not -3")


class SettingTests(ZmqTestCase):
    """
    The ways to set a setting, and what reaches the socket.
    """

    def assertSocket(self, connection: Any, expected: dict[int, Any]) -> None:
        """
        The socket of a connection has these options.
        """
        self.assertEqual({o: connection.socket.getsockopt(o) for o in expected}, expected)

    def test_nothingSet(self) -> None:
        """
        A connection without settings has the values of txZMQ 1.0.
        """
        self.assertSocket(ZmqDealerConnection(self.factory), DEFAULTS)

    def test_subclass(self) -> None:
        """
        Settings of a subclass are applied to the sockets of its connections.
        """
        settings = {name: value for name, (value, _) in VALUES.items()}
        connection = subclass(**settings)(self.factory)
        for _, expected in VALUES.values():
            self.assertSocket(connection, expected)
        self.assertEqual({name: getattr(connection, name) for name in VALUES}, settings)

    def test_grandchild(self) -> None:
        """
        The nearest class counts.
        """
        parent = subclass(highWaterMark=7, multicastRate=200)
        connection = type("Child", (parent,), {"highWaterMark": 9})(self.factory)
        self.assertSocket(connection, {zmq.SNDHWM: 9, zmq.RATE: 200})

    def test_mixin(self) -> None:
        """
        Settings can come from a class that is no connection.
        """

        class Tuned:
            highWaterMark = 7

        class Connection(Tuned, ZmqPairConnection):
            pass

        connection = Connection(self.factory)
        self.assertSocket(connection, {zmq.SNDHWM: 7})
        connection.highWaterMark = 8
        self.assertSocket(connection, {zmq.SNDHWM: 8})

    def test_mixinElsewhere(self) -> None:
        """
        Such a class goes on to work in classes that are no connections.
        """

        class Tuned:
            highWaterMark = 7

        type("Connection", (Tuned, ZmqPairConnection), {})(self.factory)
        other = Tuned()
        other.highWaterMark = 8
        self.assertEqual((other.highWaterMark, Tuned.highWaterMark), (8, 7))
        del other.highWaterMark
        self.assertEqual(other.highWaterMark, 7)

    def test_instance(self) -> None:
        """
        What is assigned on a connection reaches its socket at once, and no
        other.
        """
        connection = ZmqDealerConnection(self.factory)
        other = ZmqDealerConnection(self.factory)
        for name, (value, expected) in VALUES.items():
            setattr(connection, name, value)
            self.assertSocket(connection, expected)
            self.assertEqual(getattr(connection, name), value)
        self.assertSocket(other, DEFAULTS)

    def test_instanceWithEndpoints(self) -> None:
        """
        All but the identity can still be assigned when endpoints are open.
        """
        connection = self.bound(ZmqDealerConnection)
        for name in VALUES.keys() - {"identity"}:
            value, expected = VALUES[name]
            setattr(connection, name, value)
            self.assertSocket(connection, expected)

    def test_deletedFromInstance(self) -> None:
        """
        Without its own value a connection goes back to that of the class.
        """
        connection = subclass(highWaterMark=7, multicastRate=200)(self.factory)
        connection.highWaterMark = 8
        connection.multicastRate = 300
        del connection.highWaterMark
        del connection.multicastRate
        self.assertSocket(connection, {zmq.SNDHWM: 7, zmq.RCVHWM: 7, zmq.RATE: 200})
        self.assertEqual((connection.highWaterMark, connection.multicastRate), (7, 200))

    def test_deletedTwice(self) -> None:
        """
        Deleting what is not there is the error it always is.
        """
        connection = ZmqDealerConnection(self.factory)
        with self.assertRaises(AttributeError):
            del connection.highWaterMark

    def test_classAssignment(self) -> None:
        """
        What is assigned on a class counts for the connections made later, and
        leaves the living ones alone.
        """
        before = ZmqDealerConnection(self.factory)
        with assigned(ZmqDealerConnection, "highWaterMark", 7):
            self.assertSocket(ZmqDealerConnection(self.factory), {zmq.SNDHWM: 7, zmq.RCVHWM: 7})
            self.assertEqual(ZmqDealerConnection.highWaterMark, 7)
            self.assertSocket(before, {zmq.SNDHWM: 0})

    def test_classAssignmentBeside(self) -> None:
        """
        What was assigned to a connection stays, whatever its class is given later.
        """
        cls = subclass(highWaterMark=5)
        connection = cls(self.factory)
        connection.highWaterMark = 7
        cls.highWaterMark = 6
        self.assertEqual(connection.highWaterMark, 7)
        cls(self.factory)
        self.assertEqual(connection.highWaterMark, 7)
        del cls.highWaterMark
        self.assertEqual(connection.highWaterMark, 7)

    def test_baseClassAssignment(self) -> None:
        """
        So does what is assigned on the base of all connections.
        """
        with assigned(ZmqConnection, "highWaterMark", 7):
            self.assertSocket(ZmqDealerConnection(self.factory), {zmq.SNDHWM: 7})
        self.assertSocket(ZmqDealerConnection(self.factory), {zmq.SNDHWM: 0})

    def test_classDeletion(self) -> None:
        """
        What is deleted from a class again counts no longer.
        """
        cls = subclass(highWaterMark=7)
        cls(self.factory)
        del cls.highWaterMark
        self.assertSocket(cls(self.factory), {zmq.SNDHWM: 0})

    def test_beforeInit(self) -> None:
        """
        A subclass may set its own before the base is constructed.
        """

        class Early(ZmqDealerConnection):
            def __init__(self, factory: Any) -> None:
                self.highWaterMark = 7
                super().__init__(factory)

        # What the class has meanwhile is turned by the next construction.
        for highWaterMark in (5, 6):
            Early.highWaterMark = highWaterMark
            for _ in range(2):
                connection = Early(self.factory)
                self.assertSocket(connection, {zmq.SNDHWM: 7})
                self.assertEqual(connection.highWaterMark, 7)
                connection.highWaterMark = 8
                self.assertSocket(connection, {zmq.SNDHWM: 8})

    def test_beforeInitInstead(self) -> None:
        """
        The same where the class has it from the beginning, in a mixin.
        """

        class Mixin:
            highWaterMark = 5

        class Early(Mixin, ZmqDealerConnection):
            def __init__(self, factory: Any) -> None:
                self.highWaterMark = 7
                super().__init__(factory)

        self.assertSocket(Early(self.factory), {zmq.SNDHWM: 7})
        self.assertEqual((Mixin().highWaterMark, Early.highWaterMark), (5, 5))

    def test_mixinAlone(self) -> None:
        """
        A mixin can also be part of what is no connection.
        """

        class Mixin:
            highWaterMark = 5

        adopt(type("Mixed", (Mixin, ZmqDealerConnection), {}))
        alone = Mixin()
        alone.highWaterMark = 7
        self.assertEqual((alone.highWaterMark, Mixin().highWaterMark), (7, 5))
        del alone.highWaterMark
        self.assertEqual(alone.highWaterMark, 5)
        self.assertRaises(AttributeError, delattr, alone, "highWaterMark")

    def test_beforeInitWrong(self) -> None:
        """
        What is wrong there fails the construction, at the latest.
        """

        class Early(ZmqDealerConnection):
            def __init__(self, factory: Any) -> None:
                self.highWaterMark = "many"
                super().__init__(factory)

        for _ in range(2):
            self.assertRaises(ZmqOptionError, Early, self.factory)
        self.assertEqual(self.factory.connections, set())

    def test_afterSuperInit(self) -> None:
        """
        A subclass may set its own afterwards too.
        """

        class Late(ZmqDealerConnection):
            def __init__(self, factory: Any) -> None:
                super().__init__(factory)
                self.highWaterMark = 7

        self.assertSocket(Late(self.factory), {zmq.SNDHWM: 7})

    def test_property(self) -> None:
        """
        A property in the place of a setting is asked once, and left alone.
        """

        class Computed(ZmqDealerConnection):
            highWaterMark = property(lambda self: 7)

        declared = vars(Computed)["highWaterMark"]
        self.assertSocket(Computed(self.factory), {zmq.SNDHWM: 7})
        self.assertIs(vars(Computed)["highWaterMark"], declared)

    def test_adoptedClassReadsTheSame(self) -> None:
        """
        The attributes of a class read as plain values, before and after its
        first connection.
        """
        cls = subclass(**{name: value for name, (value, _) in VALUES.items()})
        before = {name: getattr(cls, name) for name in OPTIONS}
        adopt(cls)
        self.assertEqual({name: getattr(cls, name) for name in OPTIONS}, before)

    def test_identityArgument(self) -> None:
        """
        The identity can be an argument; it is kept as it was given.
        """
        connection = ZmqDealerConnection(self.factory, identity="client-1")
        self.assertSocket(connection, {zmq.ROUTING_ID: b"client-1"})
        self.assertEqual(connection.identity, "client-1")

    def test_identityArgumentCounts(self) -> None:
        """
        The argument goes before what the class says.
        """
        connection = subclass(identity=b"class")(self.factory, identity=b"argument")
        self.assertSocket(connection, {zmq.ROUTING_ID: b"argument"})

    def test_identityTaken(self) -> None:
        """
        The identity is in force for endpoints that are opened with it.
        """
        connection = self.bound(subclass(identity=b"client-1"))
        self.assertSocket(connection, {zmq.ROUTING_ID: b"client-1"})

    def test_noReconnectInterval(self) -> None:
        """
        An interval of 0 is libzmq's own, as in txZMQ 1.0: libzmq would never
        connect again.
        """
        connection = subclass(reconnectInterval=0)(self.factory)
        self.assertSocket(connection, {zmq.RECONNECT_IVL: 100})
        connection.reconnectInterval = 50
        connection.reconnectInterval = 0
        self.assertSocket(connection, {zmq.RECONNECT_IVL: 100})

    def test_noIdentity(self) -> None:
        """
        To have none is what a connection begins with, and can be said.
        """
        connection = ZmqDealerConnection(self.factory)
        connection.identity = None
        self.assertSocket(connection, {zmq.ROUTING_ID: b""})

    def test_identityTooLate(self) -> None:
        """
        When an endpoint is open, the identity cannot change; the error says
        when it could have.
        """
        connection = self.bound(ZmqDealerConnection, identity=b"client-1")
        with self.assertRaises(ZmqOptionError) as caught:
            connection.identity = b"client-2"
        self.assertEqual(
            str(caught.exception),
            "identity cannot be changed now: set it before the first endpoint is opened",
        )
        self.assertEqual(connection.identity, b"client-1")

    def test_socketTypeTooLate(self) -> None:
        """
        The type of a living connection cannot change; the error says when it
        could have.
        """
        connection = ZmqDealerConnection(self.factory)
        with self.assertRaises(ZmqOptionError) as caught:
            connection.socketType = zmq.PUSH
        self.assertEqual(
            str(caught.exception),
            "socketType cannot be changed now: set it before the connection is made",
        )
        self.assertEqual(connection.socketType, zmq.DEALER)

    def test_socketTypeInTime(self) -> None:
        """
        Before it is made, a connection can choose its type.
        """

        class Chosen(ZmqConnection):
            def __init__(self, factory: Any) -> None:
                self.socketType = zmq.PUSH
                super().__init__(factory)

        self.assertSocket(Chosen(self.factory), {zmq.TYPE: zmq.PUSH})

    def test_wrongInClass(self) -> None:
        """
        A wrong value in a class fails the construction, and leaves nothing.
        """
        for name, value in WRONG:
            error = self.assertRaises(ZmqOptionError, subclass(**{name: value}), self.factory)
            self.assertEqual(error.name, name)
        self.assertEqual(self.factory.connections, set())

    def test_wrongOnInstance(self) -> None:
        """
        A wrong value on a connection is an error, and changes nothing.
        """
        connection = ZmqDealerConnection(self.factory)
        for name, value in WRONG:
            before = getattr(connection, name)
            self.assertRaises(ZmqOptionError, setattr, connection, name, value)
            self.assertEqual(getattr(connection, name), before)
        self.assertSocket(connection, DEFAULTS)

    def test_wrongIdentityArgument(self) -> None:
        """
        A wrong identity fails the construction too.
        """
        self.assertRaises(ZmqOptionError, ZmqDealerConnection, self.factory, identity=b"\0")
        self.assertEqual(self.factory.connections, set())

    def test_refusedByLibzmq(self) -> None:
        """
        What only libzmq knows to be wrong is an error that names the option.
        """
        connection = ZmqDealerConnection(self.factory)
        with self.assertRaises(ZmqSocketError) as caught:
            connection.tcpKeepalive = 2
        self.assertEqual(
            (caught.exception.errno, str(caught.exception)),
            (errno.EINVAL, "libzmq refuses TCP_KEEPALIVE = 2: Invalid argument"),
        )
        self.assertEqual(connection.tcpKeepalive, 0)

    def test_refusedInClass(self) -> None:
        """
        In a class it fails the construction, and leaves nothing.
        """
        self.assertRaises(ZmqSocketError, subclass(tcpKeepalive=2), self.factory)
        self.assertEqual(self.factory.connections, set())

    def test_closed(self) -> None:
        """
        A closed connection keeps what it had, and can be assigned to without
        harm, though not everything.
        """
        connection = subclass(highWaterMark=7)(self.factory)
        connection.shutdown()
        self.assertEqual(connection.highWaterMark, 7)
        connection.highWaterMark = 8
        self.assertEqual(connection.highWaterMark, 8)
        self.assertRaises(ZmqOptionError, setattr, connection, "highWaterMark", -1)

    def test_ownCallbackIsNotSlowed(self) -> None:
        """
        Attributes that are no settings are plain attributes.
        """
        adopt(ZmqPushConnection)
        connection = ZmqPushConnection(self.factory)
        connection.count = 1
        self.assertEqual(vars(connection)["count"], 1)

    def test_manual(self) -> None:
        """
        The manual's sample: settings of a connection that is bound already.
        """
        connection = ZmqPushConnection(self.factory, ZmqEndpoint("bind", "inproc://manual"))
        connection.highWaterMark = 1000
        connection.multicastRate = 200
        self.assertSocket(connection, {zmq.SNDHWM: 1000, zmq.RCVHWM: 1000, zmq.RATE: 200})


class ApplyTests(SynchronousTestCase):
    """
    The functions that hand settings over, without a socket.
    """

    def setUp(self) -> None:
        self.options: dict[int, Any] = {}

    def test_apply(self) -> None:
        """
        One setting can stand for several options.
        """
        apply(self.options.__setitem__, "highWaterMark", 7)
        self.assertEqual(self.options, {zmq.SNDHWM: 7, zmq.RCVHWM: 7})

    def test_applyWrong(self) -> None:
        """
        A wrong value is not handed over.
        """
        setOption = self.options.__setitem__
        self.assertRaises(ZmqOptionError, apply, setOption, "highWaterMark", -1)
        self.assertEqual(self.options, {})

    def test_applyAll(self) -> None:
        """
        Every setting of an owner is handed over.
        """
        owner = subclass(**{name: value for name, (value, _) in VALUES.items()})
        applyAll(self.options.__setitem__, owner)
        expected = {o: value for _, row in VALUES.values() for o, value in row.items()}
        self.assertEqual(self.options, expected)

    def test_applyAllTheSame(self) -> None:
        """
        What is equal to a valid value need not be valid, also not the second time.
        """
        for value in (7, 7.0, True, [7]):
            owner = subclass(highWaterMark=value)
            for _ in range(2):
                if isinstance(value, int):
                    applyAll(self.options.__setitem__, owner)
                    self.assertEqual(self.options[zmq.SNDHWM], value)
                else:
                    error = self.assertRaises(ZmqOptionError, applyAll, dict.__setitem__, owner)
                    self.assertEqual(error.name, "highWaterMark")

    def test_applyDefaults(self) -> None:
        """
        What libzmq does by itself is not handed over: that takes time.
        """
        owner = subclass(highWaterMark=1000, allowLoopbackMulticast=True)
        applyAll(self.options.__setitem__, owner)
        self.assertEqual(self.options, {})
