#!/usr/bin/env python3
"""
See txZMQ at work: the example programs, each in a process of its own, talking
over tcp and ipc.

    examples/demo.py

Takes a few seconds and ends by itself, with status 0 if everything arrived that
should.  Ctrl-C ends it earlier, with status 130.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater, react

EXAMPLES = Path(__file__).resolve().parent

#: Seconds that programs have to end, once they are told to and time is up.
GRACE = 1

BOLD, FAINT, RED, GREEN = "1", "2", "31", "32"
YELLOW, MAGENTA, CYAN = "33", "35", "36"


class Role(NamedTuple):
    """
    One side of a scene.

    :ivar mode: the mode of the program.
    :ivar lines: what we expect it to say: regular expressions, and how many
        lines must match each.
    """

    mode: str
    lines: dict


class Scene(NamedTuple):
    """
    One pattern: a process that binds an address of each transport, and two
    that connect to it, one over each.
    """

    title: str
    program: str
    binds: Role
    connects: Role


SCENES = [
    Scene(
        "Publish and subscribe: every subscriber gets everything",
        "pub_sub.py",
        Role("publisher", {"publishing": 3}),
        Role("subscriber", {"message received": 3}),
    ),
    Scene(
        "Push and pull: each piece of work goes to one of the workers",
        "push_pull.py",
        Role("push", {"producing": 4}),
        Role("pull", {"consuming": 2}),
    ),
    Scene(
        "Request and reply: every question is answered",
        "req_rep.py",
        Role("rep", {"asked for": 4}),
        Role("req", {r"the reply to 'question (\d+)' is \[b'QUESTION \1'\]": 2}),
    ),
    Scene(
        "Router and dealer: who orders a job hears how it goes",
        "router_dealer.py",
        Role("router", {"ordered by": 4}),
        Role("dealer", {"is begun": 2, "is half done": 2, "is done": 2}),
    ),
]


class NotArrived(Exception):
    """
    What we expected has not happened.
    """


class Actor(ProcessProtocol):
    """
    A running program.

    :param name: what to call it.
    :param role: what it plays.
    :param show: called with each line that it says.
    :ivar complaints: the lines of its standard error.
    """

    def __init__(self, name, role, show):
        self.name = name
        self.role = role
        self.complaints = []
        self.ended = Deferred()  # fires with the exit status
        self._show = show
        self._lines = []
        self._rests = {1: b"", 2: b""}
        self._expected = []
        self._hasGivenUp = False

    def expect(self, pattern, count):
        """
        :return: fires with the matches when ``count`` lines match; fails with
            ``NotArrived`` when there is no hope any more.
        """
        arrived = Deferred()
        self._expected.append((pattern, count, arrived))
        self._look()
        return arrived

    def giveUp(self):
        """
        Expect nothing any more.
        """
        self._hasGivenUp = True
        self._look()

    def signal(self, name):
        try:
            self.transport.signalProcess(name)
        except ProcessExitedAlready:
            pass

    def childDataReceived(self, fd, data):
        *lines, self._rests[fd] = (self._rests[fd] + data).split(b"\n")
        for line in (line.decode(errors="replace") for line in lines):
            if fd == 2:
                self.complaints.append(line)
            else:
                self._show(line)
                self._lines.append(line)
        self._look()

    def processEnded(self, reason):
        self.giveUp()
        self.ended.callback(reason.value.exitCode)

    def _look(self):
        expected, self._expected = self._expected, []
        for pattern, count, arrived in expected:
            matches = [match for match in (re.search(pattern, e) for e in self._lines) if match]
            if len(matches) >= count:
                arrived.callback(matches)
            elif self._hasGivenUp:
                said = f"{self.name} said {pattern!r} {len(matches)} times instead of {count}"
                arrived.errback(NotArrived(said))
            else:
                self._expected.append((pattern, count, arrived))


class Demo:
    """
    Plays the scenes, one after the other.

    :param patience: seconds that all of them may take.
    """

    def __init__(self, reactor, patience):
        self.reactor = reactor
        self.start = reactor.seconds()
        self.patience = patience
        self.isOver = False
        self.isInterrupted = False
        self.actors = []  # those on the stage
        self.processes = 0
        self.isColourful = (
            sys.stdout.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )

    async def run(self):
        """
        :raise SystemExit: something did not arrive, or we were interrupted.
        """
        self.directory = tempfile.mkdtemp(prefix="txzmq-")
        alarm = self.reactor.callLater(self.patience, self.giveUp)
        try:
            for number, scene in enumerate(SCENES, 1):
                if self.isOver:
                    raise NotArrived("time was up before all was shown")
                self.headline(f"{number}. {scene.title}", BOLD)
                await self.play(scene)
        except NotArrived as error:
            # Ctrl-C ends the programs, too, and that may be what we notice first.
            await deferLater(self.reactor, 0.1, lambda: None)
            await self.clear(GRACE)
            if self.isInterrupted:
                self.headline("Interrupted.", RED)
                raise SystemExit(130) from None
            self.headline(f"FAILED: {error}.", RED)
            raise SystemExit(1) from None
        finally:
            if alarm.active():
                alarm.cancel()
            await self.clear(GRACE)
            shutil.rmtree(self.directory)
        self.headline(
            f"Everything arrived: {len(SCENES)} patterns, over tcp and ipc, between"
            f" {self.processes} processes, in {self.elapsed():.1f} s.",
            GREEN,
        )

    async def play(self, scene):
        """
        Play one scene.

        :raise NotArrived: not everything that we expected was to be seen.
        """
        mode = scene.binds.mode
        addresses = ["tcp://127.0.0.1:*", f"ipc://{self.directory}/{mode}"]
        server = self.enter(scene.program, mode, YELLOW, scene.binds, "bind", *addresses)
        # The system has chosen the port, and the program says which it is.
        tcp, ipc = (match[1] for match in await server.expect("bound to (.*)", 2))
        mode = scene.connects.mode
        for name, colour, address in ((f"{mode} tcp", CYAN, tcp), (f"{mode} ipc", MAGENTA, ipc)):
            self.enter(scene.program, name, colour, scene.connects, "connect", address)

        arrivals = [
            actor.expect(pattern, count)
            for actor in self.actors
            for pattern, count in actor.role.lines.items()
        ]
        results = await DeferredList(arrivals, consumeErrors=True)
        problems = [str(failure.value) for hasArrived, failure in results if not hasArrived]
        problems = problems or await self.clear(self.patience - self.elapsed())
        if problems:
            raise NotArrived("; ".join(problems))

    def enter(self, program, name, colour, role, method, *addresses):
        """
        Start a program.
        """
        options = ["-m", method, "-M", role.mode, "-i", "0.3", "-e", *addresses]

        def show(line):
            if actor in self.actors:
                self.say(f"{name:15} {line}", colour)

        actor = Actor(name, role, show)
        self.say(f"{name:15} $ {shlex.join([f'examples/{program}', *options])}", FAINT)
        command = [sys.executable, str(EXAMPLES / program), *options]
        self.reactor.spawnProcess(actor, command[0], command, env=None)
        self.actors.append(actor)
        self.processes += 1
        return actor

    async def clear(self, seconds):
        """
        End the programs, as Ctrl-C would.

        :param seconds: the time they have.
        :return: a list of what went wrong.
        """
        actors, self.actors = self.actors, []
        for actor in actors:
            actor.signal("INT")
        kill = self.reactor.callLater(
            max(seconds, GRACE), lambda: [actor.signal("KILL") for actor in actors]
        )
        statuses = [await actor.ended for actor in actors]
        if kill.active():
            kill.cancel()
        if not self.isInterrupted:
            for actor in actors:
                for line in actor.complaints:
                    self.say(f"{actor.name:15} {line}", RED)
        return [
            f"{actor.name} ended with status {status}"
            for actor, status in zip(actors, statuses)
            if status != 0
        ]

    def giveUp(self):
        """
        Wait for nothing any more: time is up.
        """
        self.isOver = True
        for actor in self.actors:
            actor.giveUp()

    def elapsed(self):
        return self.reactor.seconds() - self.start

    def headline(self, text, colour):
        print()
        self.say(text, colour)
        print()

    def say(self, text, colour):
        print(f"\033[{colour}m{text}\033[0m" if self.isColourful else text)


def main(reactor, options):
    demo = Demo(reactor, options.patience)
    playing = ensureDeferred(demo.run())
    hasEnded = Deferred()
    playing.addBoth(lambda result: hasEnded.callback(None) or result)

    def clearTheStage():
        # Ctrl-C: the reactor waits for what this returns, and stops.
        demo.isInterrupted = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.giveUp()
        return hasEnded

    reactor.addSystemEventTrigger("before", "shutdown", clearTheStage)
    return playing


def parseOptions():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    help = "seconds until the demo has failed"
    parser.add_argument("--patience", type=float, default=120, help=help)
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe sees lines at once
    options = parseOptions()
    # Only when the reactor runs does Ctrl-C stop it in good order; so not before.
    react(lambda reactor: deferLater(reactor, 0, main, reactor, options))
