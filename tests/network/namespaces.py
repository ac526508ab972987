"""
What the tests over bad networks share: two network namespaces with a wire
between them, the test in one and its peers in the other.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Optional

from ..peers import Peer
from ..support import PATIENCE
from ..transports import TransportTestCase

#: The addresses of the two ends.  They exist in the namespaces only.
OURS, THEIRS = "10.98.0.1", "10.98.0.2"

#: With it in the environment, the tests are run.
ASKED = "TXZMQ_TEST_NETWORK"

_WIRE = str(Path(__file__).with_name("wire.py"))

#: Of the kernel: linux/sched.h.
_CLONE_NEWNET = 0x40000000


def notAsked() -> Optional[str]:
    """
    :return: why the tests are not run.
    """
    return None if os.environ.get(ASKED) else f"{ASKED} is not set; run tox -e network"


def missing() -> Optional[str]:
    """
    :return: why a bad network cannot be had here.
    """
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if shutil.which("ip") is None:
        return "there is no ip(8), which makes network namespaces"
    if not os.path.exists("/dev/net/tun"):
        return "the kernel has no TUN devices"
    return None


def ip(*arguments: str) -> None:
    """
    Run ip(8).
    """
    subprocess.run(["ip", *arguments], check=True, timeout=PATIENCE)


def enter(namespace: str) -> None:
    """
    Let this thread, and those that it starts, be in a namespace.

    :param namespace: the path of a file that stands for it.
    """
    # os.setns is newer than the oldest Python that we support.
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace) as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


class NetworkTestCase(TransportTestCase):
    """
    A test at one end of a wire.
    """

    skip = notAsked()

    def setUp(self) -> None:
        reason = missing()
        if reason is not None:
            self.fail(reason)
        super().setUp()
        names = [f"txzmq-{os.getpid()}-{side}" for side in "ab"]
        for name in names:
            ip("netns", "add", name)
            self.addCleanup(ip, "netns", "delete", name)
        self.namespace, self._theirs = names
        self.wire = Peer(self, program=_WIRE)
        devices = self.ends()
        for name, device, address, peer in zip(names, devices, (OURS, THEIRS), (THEIRS, OURS)):
            ip("link", "set", device, "netns", name)
            ip("-n", name, "address", "add", address, "peer", peer, "dev", device)
            ip("-n", name, "link", "set", device, "up")
        self.device = devices[0]
        # libzmq's threads begin where the thread is that makes the context.
        home = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
        kept = os.open(home, os.O_RDONLY)
        self.addCleanup(os.close, kept)
        self.addCleanup(enter, f"/proc/self/fd/{kept}")
        enter(f"/run/netns/{self.namespace}")

    def ends(self) -> list[str]:
        """
        Wait, without the reactor, until the wire is there.

        :return: the names of its ends.
        """
        deadline = time.monotonic() + PATIENCE
        while not self.wire.lines:
            if self.wire.hasEnded or time.monotonic() >= deadline:
                self.fail("there is no wire: see what it has said")
            time.sleep(0.01)
        return self.wire.lines[0].split()

    async def order(self, order: str) -> None:
        """
        Tell the wire how bad it is to be.
        """
        count = len(self.wire.lines)
        self.wire.tell(order)
        await self.wire.says(count + 1)

    def peer(self, *arguments: object) -> Any:
        """
        :return: a peer at the other end.
        """
        return Peer(self, *arguments, before=("ip", "netns", "exec", self._theirs))

    async def boundPeer(self, *arguments: object) -> tuple[Peer, str]:
        """
        :return: a peer that is bound, and its address.
        """
        peer = self.peer(*arguments, f"tcp://{THEIRS}:*")
        await peer.says()
        return peer, peer.lines[0]
