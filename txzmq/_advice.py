"""
What libzmq's error numbers mean here, and what to do about them.
"""

from __future__ import annotations

import errno

import zmq

from .errors import ZmqAgainError, ZmqClosedError, ZmqEndpointError, ZmqSocketError

#: When a socket is made.
_MAKING = {
    errno.EMFILE: (
        "there are too many; raise maxSockets of the factory, or the number of"
        " files that the process may open (ulimit -n)"
    ),
    errno.EINVAL: "this libzmq has no such socketType",
    zmq.ETERM: "the context was terminated by somebody else; make a new ZmqFactory",
}

#: When a socket fails.
_GONE = {
    errno.ENOTSOCK: "somebody else has closed it",
    zmq.ETERM: "somebody else has terminated its context",
}

#: When an endpoint is opened.
_OPENING = {
    errno.EADDRINUSE: "the address is in use; stop whoever has it, or choose another",
    errno.EADDRNOTAVAIL: "no interface of this machine has this address",
    errno.EEXIST: "there is a file that is no socket; remove it, or choose another path",
    errno.EINVAL: "not an address; one looks like tcp://127.0.0.1:5555 or ipc:///tmp/socket",
    errno.EMFILE: "the process has too many open files; raise their number (ulimit -n)",
    errno.ENAMETOOLONG: "File name too long; the path of a socket has at most 107 bytes",
    errno.ENODEV: "no such network interface",
    errno.EPROTONOSUPPORT: "libzmq was built without this transport, or there is none",
    zmq.ENOCOMPATPROTO: "this transport does not go with the type of the socket",
    zmq.EMTHREAD: "the context has no I/O thread left",
}

#: When a message is sent.
_SENDING = {
    errno.EAGAIN: (
        "nobody is there to take the message, or as many wait as highWaterMark"
        " allows; try again later"
    ),
    errno.EHOSTUNREACH: "there is no route to this recipient",
    errno.ENOTSUP: "sockets of this type do not send",
    zmq.EFSM: "sockets of this type send and receive in turn",
}


def socketError(error: zmq.ZMQError) -> ZmqSocketError:
    """
    :return: why a socket cannot be made.
    """
    number = error.errno or 0
    return ZmqSocketError(number, f"cannot open a socket: {_MAKING.get(number, error.strerror)}")


def goneError(error: zmq.ZMQError) -> ZmqClosedError:
    """
    :return: why a socket has failed that was open.
    """
    number = error.errno or 0
    return ZmqClosedError(
        number, f"the socket is of no more use: {_GONE.get(number, error.strerror)}"
    )


def endpointError(endpoint: tuple[object, object], number: int, why: str = "") -> ZmqEndpointError:
    """
    :param endpoint: its type and address, as they were given.
    :param number: the error number.
    :param why: what is wrong, if the number does not tell.
    :return: why an endpoint cannot be opened.
    """
    what, address = endpoint
    why = why or _OPENING.get(number) or zmq.strerror(number)
    error = ZmqEndpointError(number, f"cannot {what} {address!r}: {why}")
    error.endpoint = endpoint
    return error


def sendError(sender: str, error: zmq.ZMQError) -> ZmqSocketError:
    """
    :param sender: the name of who sends.
    :return: why a message cannot be sent.
    """
    number = error.errno or 0
    text = f"{sender} cannot send: {_SENDING.get(number, error.strerror)}"
    return ZmqAgainError(text=text) if number == zmq.EAGAIN else ZmqSocketError(number, text)
