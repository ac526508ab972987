"""
Publish and subscribe by multicast, between processes in network namespaces.

Each test makes two hosts: a pair of namespaces, joined by a pair of virtual
interfaces.  That takes root.  Where something is missing the tests are skipped;
with ``TXZMQ_NEED_PGM`` in the environment they fail instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

import zmq
from twisted.trial.unittest import SynchronousTestCase

from ..support import PATIENCE

PEER = Path(__file__).with_name("peer.py")

#: The addresses of the hosts.  They exist in the namespaces only.
HOSTS = ("10.99.0.1", "10.99.0.2")


def missing() -> Optional[str]:
    """
    :return: why multicast cannot be tested here.
    """
    if not zmq.has("pgm"):
        return f"libzmq {zmq.zmq_version()}, as pyzmq has it here, was built without PGM"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if shutil.which("ip") is None:
        return "there is no ip(8), which makes network namespaces"
    return None


def ip(*arguments: str) -> None:
    """
    Run ip(8).
    """
    subprocess.run(["ip", *arguments], check=True, timeout=PATIENCE)


class EpgmTests(SynchronousTestCase):
    """
    ``epgm://``, which is PGM in UDP.
    """

    if not os.environ.get("TXZMQ_NEED_PGM"):
        skip = missing()

    def setUp(self) -> None:
        reason = missing()
        if reason is not None:
            self.fail(reason)
        self.namespaces = [f"txzmq-{os.getpid()}-{number}" for number in range(len(HOSTS))]
        for namespace in self.namespaces:
            ip("netns", "add", namespace)
            self.addCleanup(ip, "netns", "delete", namespace)
        one, other = self.namespaces
        ip("link", "add", "veth", "netns", one, "type", "veth", "peer", "veth", "netns", other)
        for namespace, host in zip(self.namespaces, HOSTS):
            ip("-n", namespace, "link", "set", "lo", "up")
            ip("-n", namespace, "address", "add", f"{host}/24", "dev", "veth")
            ip("-n", namespace, "link", "set", "veth", "up")
            ip("-n", namespace, "route", "add", "224.0.0.0/4", "dev", "veth")

    def peer(self, host: int, mode: str, interface: str, *arguments: str) -> subprocess.Popen[str]:
        """
        Start a peer.

        :param interface: the address of an interface of the host.
        """
        inside = ["ip", "netns", "exec", self.namespaces[host], sys.executable, str(PEER)]
        process = subprocess.Popen(
            [*inside, mode, f"epgm://{interface};239.192.1.1:5556", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )

        def end() -> None:
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def publish(self, host: int, interface: str) -> None:
        """
        Start a publisher, and wait until it publishes.
        """
        publisher = self.peer(host, "publish", interface)
        self.assertIn("publishing\n", iter(publisher.stdout.readline, ""))

    def assertReceives(self, host: int, interface: str) -> None:
        """
        A subscriber gets what is published by its tag, in order and with
        nothing missing, from when it began to listen.
        """
        subscriber = self.peer(host, "subscribe", interface, "50")
        output, _ = subscriber.communicate(timeout=PATIENCE)
        self.assertEqual(subscriber.returncode, 0)
        lines = output.splitlines()
        begin = int(lines[0].split()[1])
        self.assertEqual(lines, [f"wanted {begin + number}" for number in range(50)])

    def test_otherHost(self) -> None:
        """
        Multicast reaches another host.
        """
        self.publish(0, HOSTS[0])
        self.assertReceives(1, HOSTS[1])

    def test_sameHost(self) -> None:
        """
        Multicast over the loopback interface reaches the host itself.
        """
        self.publish(0, "127.0.0.1")
        self.assertReceives(0, "127.0.0.1")
