"""
The files of ``ipc`` addresses.

libzmq removes whatever is in the way of an address that it binds: a socket that
another program listens on, which is deaf from then on and does not know it, or
a file that is no socket at all.  And when it closes, it leaves its own file
behind.  So we look before, and clean up afterwards.

Between the look and the binding is a moment in which two programs may both find
an address free.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import closing, suppress
from typing import NamedTuple, Optional

_SCHEME = "ipc://"

#: Names that libzmq chooses itself, and cleans up; and those that are no files
#: (Linux's abstract sockets).
_NO_FILES = ("*", "@")

#: How to ask who is there.  Who listens to a stream does not notice the first: the
#: system refuses it because it is of the wrong type, or because nobody is there.  The
#: second is for systems that make no such difference.
_PROBES = (socket.SOCK_DGRAM, socket.SOCK_STREAM)

#: What a system says of a socket that nobody is bound to, of a link that leads nowhere,
#: in a circle, or to what is no socket.
_NOBODY = frozenset({errno.ECONNREFUSED, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENOTSOCK})


class SocketFile(NamedTuple):
    """
    The file of an address that is bound.

    :ivar path: absolute: programs change directories.
    :ivar identity: device and inode, to know it by: another program may have
        bound the address meanwhile.
    """

    path: str
    identity: tuple[int, int]


def pathOf(address: str) -> Optional[str]:
    """
    :return: the path of the file that an address has when it is bound, or
        ``None`` if there is none, or none of our business.
    """
    path = address[len(_SCHEME) :]
    if not address.startswith(_SCHEME) or not path or path.startswith(_NO_FILES):
        return None
    return os.path.abspath(path)


def checkFree(path: str) -> None:
    """
    :raise OSError: somebody listens there (``EADDRINUSE``), or there is a file that
        is no socket (``EEXIST``).
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return  # libzmq says what is wrong with it, if anything is
    isLink = stat.S_ISLNK(mode)
    if (stat.S_ISSOCK(mode) or isLink) and any(_answers(path, kind) for kind in _PROBES):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    # A link is somebody's, wherever it leads to; libzmq would remove it.
    if isLink or not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def _answers(path: str, kind: int) -> bool:
    """
    :return: whether somebody is bound to a path.
    """
    with closing(socket.socket(socket.AF_UNIX, kind)) as probe:
        probe.setblocking(False)
        reason = probe.connect_ex(path)
    # Refused: whoever has bound it has gone.  All else, also that there is no room in
    # the queue, or no permission, is the answer of somebody who is there.
    return reason not in _NOBODY


def identify(path: str) -> Optional[SocketFile]:
    """
    :return: the file that binding has made, to be removed later.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return SocketFile(path, (status.st_dev, status.st_ino))


def remove(file: SocketFile) -> None:
    """
    The address is not bound any more.  A file that is another by now stays.
    """
    if identify(file.path) == file:
        with suppress(OSError):
            os.unlink(file.path)
