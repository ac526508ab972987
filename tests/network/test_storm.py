"""
A thousand clients of one server, which goes away and comes back: all of them
connect again at once.
"""

from __future__ import annotations

import resource
from pathlib import Path

from ..peers import Peer, eventually, memory, ownHost
from ..support import ZmqTestCase, descriptors, descriptorsBefore
from .namespaces import notAsked
from .server import Clock, Server

#: How many clients there are of each type, in processes.
CLIENTS = (("REQ", 150), ("REQ", 150), ("DEALER", 200), ("DEALER", 200), ("SUB", 150), ("SUB", 150))

#: To which of the server's addresses they connect.
WHERE = {"REQ": 0, "DEALER": 1, "SUB": 2}

#: How often the server is killed and comes back.
KILLS = 5

#: How often it closes and comes back; the first times until the allocator has
#: seen the worst.
WARM, STORMS = 4, 8

#: Descriptors that a server of so many needs.
NEEDED = 2000

#: Bytes by which a server may grow in the storms after that: a few kilobytes for
#: each connection that there was.
GROWTH = 16_000_000

#: Seconds for which the clock of the server may wait, on a very slow machine.
LONGEST = 5.0

_HERE = Path(__file__).parent


class StormTests(ZmqTestCase):
    """
    Storms.
    """

    skip = notAsked()

    def setUp(self) -> None:
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < NEEDED:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, NEEDED), hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def crowds(self, addresses: list[str]) -> list[Peer]:
        """
        :return: the clients.
        """
        program = str(_HERE / "crowd.py")
        return [
            Peer(self, kind, addresses[WHERE[kind]], count, program=program)
            for kind, count in CLIENTS
        ]

    async def assertServed(self, crowds: list[Peer], number: int) -> None:
        """
        Everybody gets a number.
        """
        for crowd in crowds:
            crowd.tell(str(number))
        for crowd in crowds:
            await eventually(lambda crowd=crowd: number in crowd.numbers)

    async def test_closed(self) -> None:
        """
        The server closes its sockets, and binds new ones: all are served again,
        nothing is left of the old ones, and the clock of the reactor goes on.
        """
        before = await descriptorsBefore()
        clock = Clock()
        self.addCleanup(clock.stop)
        server = Server(self.factory, [f"tcp://{ownHost()}:*"] * 3, 0)
        self.addCleanup(lambda: server.close())
        crowds = self.crowds(server.addresses)
        await self.assertServed(crowds, 0)
        opened, size = descriptors(), 0
        for number in range(1, STORMS + 1):
            ticks = clock.ticks
            server.close()
            await eventually(lambda: descriptors() < opened - 900)
            server = Server(self.factory, server.addresses, number)
            await self.assertServed(crowds, number)
            await eventually(lambda: descriptors() == opened)
            self.assertGreater(clock.ticks, ticks)
            size = memory() if number == WARM else size
        growth = memory() - size
        print(f"closed: {clock.longest:.3f} s the longest wait, {growth} bytes of growth")
        self.assertLess(clock.longest, LONGEST)
        self.assertLess(growth, GROWTH)
        for crowd in crowds:
            crowd.kill()
        self.factory.shutdown()
        await eventually(lambda: descriptors() <= before)

    async def test_killed(self) -> None:
        """
        The server is a process that is killed, and started again: all are served
        again, and each needs as many descriptors as the one before.
        """
        addresses = [f"tcp://{ownHost()}:*"] * 3
        crowds: list[Peer] = []
        first = 0
        for number in range(KILLS + 1):
            server = Peer(self, *addresses, number, program=str(_HERE / "server.py"))
            await server.says()
            addresses = server.lines[0].split()
            crowds = crowds or self.crowds(addresses)
            await self.assertServed(crowds, number)
            first = first or server.descriptors
            await eventually(lambda one=server, count=first: one.descriptors == count)
            server.tell("how long?")
            await server.says(2)
            print(f"killed: {server.lines[1]} s the longest wait, {first} descriptors")
            self.assertLess(float(server.lines[1]), LONGEST)
            server.kill()
