"""
A message is sent whole or not at all.

libzmq takes a message frame by frame, and three things can go wrong on the way.

- A refusal of the first frame may be false: libzmq looks for news about once a
  millisecond only, and may not have noticed yet that there is room, or that a
  peer has come.
- A refusal of a later frame means that the peer which was to get the message
  has died.  libzmq drops what is left of it; were the message to end here,
  it would take the next one for the rest, and drop that.
- An exception between two frames would glue the next message onto this one.
  So all frames must have been checked before the first is sent.

No socket here: whoever calls brings the functions that send one frame, and
that ask whether there is room.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Optional

import zmq

#: Flags of the last frame, or the only one.  Plain integers: to combine pyzmq's
#: enums costs as much as to send a frame.
NOBLOCK = int(zmq.NOBLOCK)

#: Flags of the frames before it.
MORE = int(zmq.NOBLOCK | zmq.SNDMORE)

#: How often a message is begun anew because its peer died.  Each time costs a
#: peer, so this is never reached.
_ATTEMPTS = 100

#: Sends a frame, with flags.
SendFrame = Callable[[bytes, int], object]


def attempt(send: SendFrame, frames: Sequence[bytes]) -> bool:
    """
    Try once.  Afterwards libzmq is ready for a new message, come what may.

    :param frames: at least one.
    :return: ``False`` if the peer that was to get it died half-way.
    :raise zmq.ZMQError: nothing of it was sent.
    """
    left = len(frames)
    try:
        for frame in frames:
            left -= 1
            send(frame, MORE if left else NOBLOCK)
    except zmq.Again:
        if left == len(frames) - 1:
            raise
        while left:
            left -= 1
            send(frames[-1 - left], MORE if left else NOBLOCK)
        return False
    return True


def _isTrue(error: zmq.ZMQError, hasRoom: Callable[[], bool]) -> bool:
    """
    :return: whether libzmq has refused a message for good.
    """
    if isinstance(error, zmq.Again):
        return not hasRoom()
    if error.errno == errno.EHOSTUNREACH:
        # Whether others have room does not matter, but to ask makes it look.
        hasRoom()
        return False
    return True


def insist(
    send: SendFrame,
    frames: Sequence[bytes],
    error: Optional[zmq.ZMQError],
    hasRoom: Callable[[], bool],
) -> None:
    """
    Go on after a first attempt has failed.

    :param error: why; ``None`` if the peer died half-way.
    :param hasRoom: whether libzmq, if it looks, would take a message.
    :raise zmq.ZMQError: it was right.
    """
    for _ in range(_ATTEMPTS):
        if error is not None and _isTrue(error, hasRoom):
            break
        # It has just looked: what it says now is true.
        if attempt(send, frames):
            return
        error = None
    try:
        raise error or zmq.Again()
    finally:
        # It knows this frame: together they would stay in memory.
        del error
