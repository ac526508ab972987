"""
Binding and connecting: what is checked before, and what the real address is.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import NamedTuple, Optional, Union

import zmq

from . import _ipc
from ._advice import endpointError
from ._frames import toBytes
from ._spare import checkForBinding

#: What undoes the opening of an endpoint.
UNDO = {"bind": "unbind", "connect": "disconnect"}

_LAST_PORT = 65_535


class Opened(NamedTuple):
    """
    An endpoint that is open.

    :ivar address: the real one, without wildcards.
    :ivar file: what to remove when it is closed, if anything.
    """

    address: str
    file: Optional[_ipc.SocketFile]


def openEndpoint(
    socket: zmq.Socket[bytes], endpointType: str, address: Union[str, bytes]
) -> Opened:
    """
    Bind or connect.

    :raise ZmqEndpointError: that is not possible.
    """
    name = _checked(endpointType, address)
    path = None
    try:
        if endpointType == "bind":
            checkForBinding(name)
            path = _ipc.pathOf(name)
        if path is not None:
            _ipc.checkFree(path)
        getattr(socket, endpointType)(name)
    except (zmq.ZMQError, OSError) as error:
        raise endpointError((endpointType, address), error.errno or 0) from error
    real = name
    # pyzmq has no room for one of more than 254 bytes; it has no wildcard, then.
    with suppress(zmq.ZMQError):
        last: bytes = socket.getsockopt(zmq.LAST_ENDPOINT)  # type: ignore[assignment]
        real = last.rstrip(b"\0").decode("utf-8")
    return Opened(real, None if path is None else _ipc.identify(path))


def closeEndpoint(socket: zmq.Socket[bytes], endpointType: str, address: str) -> None:
    """
    Undo :func:`openEndpoint`, but for the file.

    :param address: the real one.
    :raise ZmqEndpointError: there is no such endpoint.
    """
    undo = UNDO[endpointType]
    try:
        getattr(socket, undo)(address)
    except (TypeError, zmq.ZMQError) as error:
        number = getattr(error, "errno", None) or errno.EINVAL
        raise endpointError((undo, address), number) from error


def _checked(endpointType: str, address: Union[str, bytes]) -> str:
    """
    :return: the address as text.
    :raise ZmqEndpointError: libzmq would not say what is wrong with it.
    """
    endpoint = (endpointType, address)
    if not isinstance(endpointType, str) or endpointType not in UNDO:
        why = f"{endpointType!r} is neither bind nor connect"
        raise endpointError(endpoint, errno.EINVAL, why)
    try:
        name = toBytes(address).decode("utf-8")
    except ValueError as error:
        raise endpointError(endpoint, errno.EINVAL, "an address is text") from error
    if "\0" in name:
        # libzmq would take what is in front of it for all.
        raise endpointError(endpoint, errno.EINVAL, "an address has no NUL")
    if not _isPortPossible(name):
        raise endpointError(endpoint, errno.EINVAL, "a port is a number from 0 to 65535")
    return name


def _isPortPossible(address: str) -> bool:
    """
    :return: ``False`` for a TCP port that is none: libzmq takes it modulo 65536.
    """
    port = address.rpartition(":")[2]
    isNumber = port.lstrip("-").isdecimal()
    return not address.startswith("tcp:") or not isNumber or 0 <= int(port) <= _LAST_PORT
