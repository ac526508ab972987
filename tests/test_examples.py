"""
Tests of the programs in ``examples/``, run as users run them: in processes of
their own, ended by Ctrl-C.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Optional
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.trial.unittest import TestCase

import txzmq

from .support import PATIENCE, Recorder, ZmqTestCase

CHECKOUT = Path(__file__).resolve().parent.parent
EXAMPLES = CHECKOUT / "examples"

#: A free port of this machine.
TCP = "tcp://127.0.0.1:*"

#: What ``news.py`` quotes.
STOCKS = ["ACME", "OCTO"]

#: The two modes of the programs that we write for the demo.
PARTS = ["server", "client"]

#: Lines of the demo that show each pattern at work over each transport.
HEARD = [
    f"^{name} {transport} .*{line}"
    for name, line in {
        "subscriber": "message received",
        "pull": "consuming",
        "req": "the reply to",
        "dealer": "is done",
    }.items()
    for transport in ("tcp", "ipc")
]

#: The environment of somebody who likes colours.
COLOURS = {"NO_COLOR": "", "TERM": "xterm"}

#: What a program that was stopped by Ctrl-C leaves: its exit status, and
#: nothing on its standard error.
QUIET = (0, "")


class Program(ProcessProtocol):
    """
    A running program.

    :ivar lines: what it said, line by line; ``None`` once it has ended.
    """

    def __init__(self) -> None:
        self.lines = Recorder()
        self.errors = b""
        self.status: Optional[int] = None
        self._rest = b""
        self._ended: Deferred[None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.lines(line.rstrip(b"\r").decode())

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Any) -> None:
        self.status = reason.value.exitCode
        self.lines(None)
        self._ended.callback(None)

    async def says(self, pattern: str, count: int = 1) -> list[re.Match[str]]:
        """
        Wait for lines that match a regular expression.

        :return: ``count`` matches, or more.
        """
        seen = 0
        while True:
            lines = await self.lines.wait(seen + 1)
            seen = len(lines)
            found = [match for line in lines for match in re.finditer(pattern, line or "")]
            if len(found) >= count:
                return found
            if None in lines:
                raise AssertionError(f"no {pattern!r} in {lines}; {self.errors.decode()}")

    async def ends(self) -> tuple[Optional[int], str]:
        """
        :return: its exit status, and what is on its standard error.
        """
        await self._ended
        return self.status, self.errors.decode()

    async def endsOn(self, signal: str) -> tuple[Optional[int], str]:
        """
        Send it a signal, and wait for its end; otherwise as :meth:`ends`.
        """
        self.transport.signalProcess(signal)
        return await self.ends()

    def stop(self) -> Deferred[None]:
        """
        End it if a failing test has not: first so that the demo can end its
        own programs, then by force.
        """
        self._signal("TERM")
        force = reactor.callLater(10, self._signal, "KILL")
        return self._ended.addCallback(lambda _: force.active() and force.cancel())

    def _signal(self, name: str) -> None:
        try:
            self.transport.signalProcess(name)
        except ProcessExitedAlready:
            pass


class ExampleTestCase(ZmqTestCase):
    """
    A test that starts programs.
    """

    def setUp(self) -> None:
        super().setUp()
        # Where the programs make their temporary files.
        self.directory = tempfile.mkdtemp(prefix="txzmq-")
        self.addCleanup(shutil.rmtree, self.directory)

    def start(
        self,
        *command: str,
        directory: Path = CHECKOUT,
        usePTY: bool = False,
        **environment: str,
    ) -> Program:
        """
        Start an example from the checkout directory, as the manual does it.

        :param command: its name, and its options; or a path and arguments.
        :param directory: where to start it instead.
        :param usePTY: whether it has a terminal.
        :param environment: additional variables.
        """
        variables = {
            **os.environ,
            # The python3 that the first line of an example asks for.
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
            # The library that this test runs with.
            "PYTHONPATH": str(Path(txzmq.__file__).resolve().parent.parent),
            "PYTHONWARNINGS": "error",
            # Lines must arrive at once without it.
            "PYTHONUNBUFFERED": "",
            "TMPDIR": self.directory,
            **environment,
        }
        program = Program()
        path = command[0] if os.path.isabs(command[0]) else f"examples/{command[0]}"
        arguments = [path, *command[1:]]
        reactor.spawnProcess(program, path, arguments, variables, str(directory), usePTY=usePTY)
        self.addCleanup(program.stop)
        return program

    async def bind(self, *command: str) -> tuple[Program, list[str]]:
        """
        Start an example that binds.

        :return: it, and its addresses.
        """
        program = self.start(*command)
        count = sum("://" in word for word in command)
        return program, [match[1] for match in await program.says("^bound to (.*)", count)]


class PatternTests(ExampleTestCase):
    """
    One example for each pattern.
    """

    async def test_pubSubAsTheManualShows(self) -> None:
        """
        A publisher and a subscriber run by the manual's commands, and what one
        publishes the other receives.
        """
        endpoint = f"--endpoint={self.ipcAddress()}"
        publisher = self.start("pub_sub.py", "--method=bind", endpoint, "--mode=publisher")
        subscriber = self.start("pub_sub.py", "--method=connect", endpoint, "--mode=subscriber")
        [received, *_] = await subscriber.says(r"^message received: \(b'(.*)', b''\)$")
        published = [match[1] for match in await publisher.says("^publishing '(.*)'$")]
        self.assertIn(received[1], published)
        self.assertEqual(await publisher.endsOn("INT"), QUIET)
        self.assertEqual(await subscriber.endsOn("INT"), QUIET)

    async def test_pushPullAsTheManualShows(self) -> None:
        """
        The same for push and pull.
        """
        endpoint = f"--endpoint={self.ipcAddress()}"
        push = self.start("push_pull.py", "--method=bind", endpoint, "--mode=push")
        pull = self.start("push_pull.py", "--method=connect", endpoint, "--mode=pull")
        [consumed, *_] = await pull.says(r"^consuming \[b'(.*)', b'.*'\]$")
        produced = [match[1] for match in await push.says(r"^producing \['(.*)', '.*'\]$")]
        self.assertIn(consumed[1], produced)
        self.assertEqual(await push.endsOn("INT"), QUIET)
        self.assertEqual(await pull.endsOn("INT"), QUIET)

    def test_pushPullDefault(self) -> None:
        """
        Without options, ``push_pull.py`` pulls from the address that it always
        has had as its default.
        """
        with mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path]):
            example = importlib.import_module("push_pull")
            self.addCleanup(sys.modules.pop, "push_pull")
        with mock.patch.object(sys, "argv", ["push_pull.py"]):
            options = example.parseOptions()
        expected = ("connect", ["ipc:///tmp/txzmq-pc-demo"], "pull")
        self.assertEqual((options.method, options.endpoint, options.mode), expected)

    async def test_pubSubOverBoth(self) -> None:
        """
        A publisher bound over tcp and ipc has subscribers over both.
        """
        options = ("-m", "bind", "-M", "publisher", "-i", "0.1", "-e", TCP, self.ipcAddress())
        _, addresses = await self.bind("pub_sub.py", *options)
        for address in addresses:
            subscriber = self.start("pub_sub.py", "-m", "connect", "-e", address)
            await subscriber.says("^message received")
            self.assertEqual(await subscriber.endsOn("INT"), QUIET)

    async def test_workIsShared(self) -> None:
        """
        Of two programs that pull, each gets work, and none gets the other's.
        """
        options = ("-m", "bind", "-M", "push", "-i", "0.1", "-e", TCP)
        _, [address] = await self.bind("push_pull.py", *options)
        workers = [self.start("push_pull.py", "-e", address) for _ in range(2)]
        shares = [{match[1] for match in await w.says("^consuming (.*)", 2)} for w in workers]
        self.assertEqual(shares[0] & shares[1], set())

    async def test_nobodyPulls(self) -> None:
        """
        The program that pushes says so when nobody is there to pull.
        """
        options = ("-m", "bind", "-M", "push", "-i", "0.1", "-e", TCP)
        push, _ = await self.bind("push_pull.py", *options)
        await push.says("^Skipping, no pull consumers")
        self.assertEqual(await push.endsOn("INT"), QUIET)

    async def test_reqRep(self) -> None:
        """
        Every question gets the reply to it.
        """
        rep, [address] = await self.bind("req_rep.py", "-m", "bind", "-M", "rep", "-e", TCP)
        req = self.start("req_rep.py", "-M", "req", "-i", "0.1", "-e", address)
        replies = await req.says(r"^the reply to 'question (\d+)' is \[b'QUESTION (\d+)'\]$", 3)
        self.assertEqual([reply.groups() for reply in replies[:3]], [(n, n) for n in "123"])
        self.assertEqual(await req.endsOn("INT"), QUIET)
        self.assertEqual(await rep.endsOn("INT"), QUIET)

    async def test_nobodyReplies(self) -> None:
        """
        A request that cannot be sent is reported.
        """
        req, _ = await self.bind("req_rep.py", "-m", "bind", "-M", "req", "-e", TCP)
        await req.says("^no reply to 'question 1': .* cannot send: nobody is there")
        self.assertEqual(await req.endsOn("INT"), QUIET)

    async def test_interruptedWhileWaiting(self) -> None:
        """
        Ctrl-C ends a program whose request has not been answered.
        """
        req = self.start("req_rep.py", "-M", "req", "-e", self.ipcAddress())
        await req.says("^asking")
        self.assertEqual(await req.endsOn("INT"), QUIET)

    async def test_routerDealer(self) -> None:
        """
        Each dealer hears of its own jobs, and of nobody else's.
        """
        options = ("-m", "bind", "-M", "router", "-e", TCP)
        router, [address] = await self.bind("router_dealer.py", *options)
        dealers = [self.start("router_dealer.py", "-i", "0.1", "-e", address) for _ in range(2)]
        for dealer in dealers:
            await dealer.says(r"^'job 2 of process \d+' is done$")
            pids = {match[1] for match in await dealer.says(r"^'job \d+ of process (\d+)' is")}
            self.assertEqual(pids, {str(dealer.transport.pid)})
            self.assertEqual(await dealer.endsOn("INT"), QUIET)
        self.assertEqual(await router.endsOn("INT"), QUIET)

    async def test_nonsense(self) -> None:
        """
        An address that cannot be ends a program with an error that names it.
        """
        status, errors = await self.start("pub_sub.py", "-e", "nonsense").ends()
        self.assertEqual(status, 1)
        self.assertRegex(errors, "ZmqEndpointError: cannot connect 'nonsense'")


class IntegrationTests(ExampleTestCase):
    """
    ``integration_test.py``.
    """

    async def test_success(self) -> None:
        """
        It checks every pattern, and ends well.
        """
        program = self.start("integration_test.py", "--patience", str(PATIENCE))
        self.assertEqual(await program.ends(), QUIET)
        self.assertEqual(len(await program.says("^ok ")), 15)
        self.assertEqual(os.listdir(self.directory), [])

    async def test_failure(self) -> None:
        """
        What does not arrive in time has failed, and so has the program.
        """
        program = self.start("integration_test.py", "--patience", "0")
        self.assertEqual(await program.ends(), (1, ""))
        failed = len(await program.says("^FAILED "))
        # What happens within the process may be done before the clock is looked at.
        done = [line for line in program.lines.events if line and line.startswith("ok ")]
        self.assertEqual(failed + len(done), 15)
        await program.says(f"^{failed} checks failed")

    async def test_notInstalled(self) -> None:
        """
        An example of a checkout runs wherever the package is not installed,
        and from any directory.
        """
        path = str(EXAMPLES / "integration_test.py")
        program = self.start(path, directory=Path(self.directory), PYTHONPATH="")
        self.assertEqual(await program.ends(), QUIET)


class NewsTests(ExampleTestCase):
    """
    ``news.py``.
    """

    async def reads(self, mode: str, *patterns: str) -> list[str]:
        """
        :param patterns: the lines to wait for.
        :return: the beginnings of all lines that a reader says until then.
        """
        options = ("-m", "bind", "-M", "desk", "-i", "0.1", "-e", TCP)
        desk, [address] = await self.bind("news.py", *options)
        reader = self.start("news.py", "-M", mode, "-e", address)
        for pattern in patterns:
            await reader.says(pattern)
        self.assertEqual(await reader.endsOn("INT"), QUIET)
        self.assertEqual(await desk.endsOn("INT"), QUIET)
        return sorted({re.split("[:.] ", line)[0] for line in reader.lines.events if line})

    async def test_news(self) -> None:
        """
        The news reader gets all kinds of news and nothing else.
        """
        kinds = ["News [news.breaking]", "News [news.culture]", "News [news.sports]"]
        self.assertEqual(await self.reads("news", *map(re.escape, kinds)), kinds)

    async def test_weather(self) -> None:
        """
        The weather reader gets the weather only.
        """
        lines = await self.reads("weather", "Fog", "Snow")
        self.assertEqual(lines, ["The weather"])

    async def test_stocks(self) -> None:
        """
        The stock reader understands the JSON in the messages.
        """
        lines = await self.reads("stocks", *[rf"{s}: \d+\.\d\d \(volume \d+" for s in STOCKS])
        self.assertEqual(lines, [f"Stock {symbol}" for symbol in STOCKS])

    async def test_all(self) -> None:
        """
        Who reads everything gets messages without a tag, too.
        """
        tags = ["", "news.breaking", "stocks.ACME", "weather.hills"]
        lines = await self.reads("all", *[rf"^All \[{tag}\]" for tag in tags])
        self.assertTrue({f"All [{tag}]" for tag in tags} < set(lines), lines)

    async def test_router(self) -> None:
        """
        The function for the longest matching topic gets a message.
        """
        lines = ["A COMET HAS COME BACK EARLY", "Read later", "Shall we go sailing?"]
        self.assertEqual(await self.reads("router", *map(re.escape, lines)), lines)


class TelemetryTests(ExampleTestCase):
    """
    ``telemetry.py``.
    """

    async def test_subscriberEnds(self) -> None:
        """
        The subscriber understands all that is published, misses nothing, and
        ends by itself.
        """
        options = ("-m", "bind", "-M", "publisher", "-i", "0.1", "-s", "10", "-e", TCP)
        publisher, [address] = await self.bind("telemetry.py", *options)
        subscriber = self.start("telemetry.py", "-e", address, "-b", "3")
        self.assertEqual(await subscriber.ends(), QUIET)
        status = r"^\[\d{4}-.*\+00:00\] status: {'sent': \d+}, received \d+, missed 0$"
        self.assertEqual(len(await subscriber.says(status)), 3)
        self.assertEqual(len(await subscriber.says("^raw: b'")), 3)
        self.assertEqual(await publisher.endsOn("INT"), QUIET)

    async def test_publisherRestarts(self) -> None:
        """
        The subscriber carries on when the publisher is started again.
        """
        options = ("-m", "bind", "-M", "publisher", "-i", "0.1", "-e", self.ipcAddress(), "-s")
        first, [address] = await self.bind("telemetry.py", *options, "10")
        subscriber = self.start("telemetry.py", "-e", address)
        await subscriber.says("'sent': [0-9]+0}")
        self.assertEqual(await first.endsOn("INT"), QUIET)
        await self.bind("telemetry.py", *options, "1")
        await subscriber.says("'sent': [0-9]*[1-9]}")
        self.assertEqual(await subscriber.endsOn("INT"), QUIET)


class PushFileTests(ExampleTestCase):
    """
    ``push_file.py``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.original, self.copy = (Path(self.directory, name) for name in ("original", "copy"))
        self.original.write_bytes(os.urandom(1_000_000))

    async def test_fileArrives(self) -> None:
        """
        The receiver has the file in the end, and both end by themselves.
        """
        options = ("-m", "bind", "-M", "receive", "-f", str(self.copy), "-p", "0.01", "-e", TCP)
        receiver, [address] = await self.bind("push_file.py", *options)
        sender = self.start("push_file.py", "-M", "send", "-f", str(self.original), "-e", address)
        self.assertEqual(await sender.ends(), QUIET)
        self.assertEqual(await receiver.ends(), QUIET)
        await sender.says("^16 pieces, 1000000 bytes, have arrived$")
        self.assertEqual(self.copy.read_bytes(), self.original.read_bytes())

    async def test_senderIsFirst(self) -> None:
        """
        Without a receiver, the sender reads what there is room for, and goes
        on when there is one.
        """
        address = self.ipcAddress()
        sender = self.start("push_file.py", "-M", "send", "-f", str(self.original), "-e", address)
        await sender.says("^piece 5 waits$")
        self.assertEqual(sender.lines.events, ["piece 5 waits"])
        await self.bind(
            "push_file.py", "-m", "bind", "-M", "receive", "-f", str(self.copy), "-e", address
        )
        self.assertEqual(await sender.ends(), QUIET)
        self.assertEqual(self.copy.read_bytes(), self.original.read_bytes())

    async def test_interrupted(self) -> None:
        """
        Ctrl-C ends a sender whose pieces nobody takes.
        """
        options = ("-M", "send", "-f", str(self.original), "-e", self.ipcAddress())
        sender = self.start("push_file.py", *options)
        await sender.says("^piece 5 waits$")
        self.assertEqual(await sender.endsOn("INT"), QUIET)
        await sender.says("^stopped after piece 5$")


class MonitoredClientTests(ExampleTestCase):
    """
    ``monitored_client.py``.
    """

    async def test_comingsAndGoings(self) -> None:
        """
        The client tells when its server comes, goes, and comes back.
        """
        address = self.ipcAddress()
        client = self.start("monitored_client.py", "-i", "0.1", "-e", address)
        for times in (1, 2):
            options = ("-m", "bind", "-M", "server", "-e", address)
            server, _ = await self.bind("monitored_client.py", *options)
            await client.says(f"^the server is there: {address}$", times)
            await server.says("what time is it")
            self.assertEqual(await server.endsOn("INT"), QUIET)
            await client.says("^the server has gone$", times)
        await client.says(r"^it is \d\d:\d\d:\d\d$")
        self.assertEqual(await client.endsOn("INT"), QUIET)

    async def test_verbose(self) -> None:
        """
        On demand it shows all events.
        """
        client = self.start("monitored_client.py", "--verbose", "-e", self.ipcAddress())
        await client.says(r"^ +CONNECT_RETRIED ipc://.* \(\d+ ms\)$")
        self.assertEqual(await client.endsOn("INT"), QUIET)


class LoadBalancerTests(ExampleTestCase):
    """
    ``load_balancer.py``.
    """

    def startWorkers(self, address: str) -> list[Program]:
        """
        Start two of them.
        """
        command = ("load_balancer.py", "-M", "worker", "-w", address)
        return [self.start(*command) for _ in range(2)]

    async def test_workIsShared(self) -> None:
        """
        Each worker does some of the work, none does the other's, and the
        client gets the results.
        """
        options = ("-M", "balancer", "-w", TCP, "-e", TCP)
        balancer, [inside, outside] = await self.bind("load_balancer.py", *options)
        workers = self.startWorkers(inside)
        client = self.start("load_balancer.py", "-i", "0.05", "-e", outside)
        shares = [{m[1] for m in await w.says("^working on (.*)$", 3)} for w in workers]
        self.assertEqual(shares[0] & shares[1], set())
        for worker in workers:
            await client.says(rf"^done: request \d+, by worker {worker.transport.pid}$")
        for program in (client, balancer, *workers):
            self.assertEqual(await program.endsOn("INT"), QUIET)

    async def test_workerGoes(self) -> None:
        """
        When a worker goes, the other does the work.
        """
        options = ("-M", "balancer", "-w", TCP, "-e", TCP)
        _, [inside, outside] = await self.bind("load_balancer.py", *options)
        one, other = self.startWorkers(inside)
        client = self.start("load_balancer.py", "-i", "0.05", "-e", outside)
        await one.says("^working on")
        self.assertEqual(await one.endsOn("INT"), QUIET)
        done = len(await other.says("^working on"))
        await client.says(f", by worker {other.transport.pid}$", done + 3)

    async def test_balancerRestarts(self) -> None:
        """
        When the balancer comes back, the workers tell it that they are there.
        """
        inside, outside = self.ipcAddress(), self.ipcAddress()
        options = ("-M", "balancer", "-w", inside, "-e", outside)
        client = self.start("load_balancer.py", "-i", "0.05", "-e", outside)
        workers = self.startWorkers(inside)
        for _ in range(2):
            balancer, _addresses = await self.bind("load_balancer.py", *options)
            for worker in workers:
                done = sum("working" in (line or "") for line in worker.lines.events)
                await worker.says("^working on", done + 2)
            self.assertEqual(await balancer.endsOn("INT"), QUIET)
        await client.says("^done")


class DemoTests(ExampleTestCase):
    """
    ``demo.py``.
    """

    def startScene(self, program: str, expected: str) -> Program:
        """
        Start the demo with one scene of our own.

        :param program: Python code for all three parts; ``mode`` is "server"
            or "client".
        :param expected: what both should say.
        """
        Path(self.directory, "part.py").write_text(
            "import os, signal, sys, time\n"
            "sys.stdout.reconfigure(line_buffering=True)\n"
            "mode = sys.argv[4]\n"
            "print('bound to one\\nbound to two')\n" + program
        )
        roles = ", ".join(f"demo.Role({mode!r}, {{{expected!r}: 1}})" for mode in PARTS)
        main = Path(self.directory, "main.py")
        main.write_text(
            "import demo\n"
            f"demo.SCENES[:] = [demo.Scene('Ours', '{self.directory}/part.py', {roles})]\n"
            "demo.react(demo.main, [demo.parseOptions()])\n"
        )
        path = os.pathsep.join(map(str, (EXAMPLES, CHECKOUT)))
        options = ("--patience", str(PATIENCE))
        return self.start(sys.executable, "-u", str(main), *options, PYTHONPATH=path)

    async def test_success(self) -> None:
        """
        It shows every pattern at work over both transports, ends well, and
        leaves nothing behind.
        """
        demo = self.start("demo.py", "--patience", str(PATIENCE))
        self.assertEqual(await demo.ends(), QUIET)
        await demo.says("^Everything arrived: 4 patterns, over tcp and ipc, between 12 processes")
        for line in HEARD:
            await demo.says(line)
        self.assertEqual(os.listdir(self.directory), [])

    async def test_timeIsUp(self) -> None:
        """
        It fails when the time is up, says what is missing, and leaves nothing
        behind.
        """
        demo = self.start("demo.py", "--patience", "0")
        self.assertEqual(await demo.ends(), (1, ""))
        await demo.says("^FAILED: ")
        self.assertEqual(os.listdir(self.directory), [])

    async def test_lineMissing(self) -> None:
        """
        It fails, and shows why, when a program ends without having said what
        it should.
        """
        demo = self.startScene("sys.exit('no ' + mode)", "welcome")
        self.assertEqual(await demo.ends(), (1, ""))
        await demo.says("^client tcp .* no client$")
        await demo.says("^FAILED: .*client tcp said 'welcome' 0 times instead of 1")

    async def test_programFails(self) -> None:
        """
        It fails if a program does not end well on Ctrl-C, though it has said
        everything before.
        """
        demo = self.startScene("print('welcome'); time.sleep(1000)", "welcome")
        self.assertEqual(await demo.ends(), (1, ""))
        await demo.says("^client ipc .*KeyboardInterrupt")
        await demo.says("^FAILED: .*client ipc ended with status")

    async def test_interrupted(self) -> None:
        """
        Ctrl-C ends it without a traceback, and leaves nothing behind.
        """
        demo = self.start("demo.py", "--patience", str(PATIENCE))
        await demo.says("^subscriber ipc .*message received")
        self.assertEqual(await demo.endsOn("INT"), (130, ""))
        self.assertEqual(demo.lines.events[-3:], ["Interrupted.", "", None])
        self.assertEqual(os.listdir(self.directory), [])

    async def test_stubbornProgram(self) -> None:
        """
        A program that does not end is killed.
        """
        ignore = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
        demo = self.startScene(f"{ignore}; print('pid', os.getpid()); time.sleep(1000)", "welcome")
        pids = [int(match[1]) for match in await demo.says(r"pid (\d+)$", 3)]
        self.assertEqual(await demo.endsOn("INT"), (130, ""))
        for pid in pids:
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    async def test_colours(self) -> None:
        """
        It uses colours on a terminal.
        """
        await self.start("demo.py", "--patience", "0", usePTY=True, **COLOURS).says("\x1b\\[1m1. P")

    async def test_noColours(self) -> None:
        """
        It does not on a terminal of somebody who has set ``NO_COLOR``, nor
        where it is piped.
        """
        for usePTY, colours in ((True, {"NO_COLOR": "1"}), (False, COLOURS)):
            demo = self.start("demo.py", "--patience", "0", usePTY=usePTY, **colours)
            await demo.says("^1. P")
            await demo.ends()
            self.assertNotIn("\x1b", "".join(filter(None, demo.lines.events)))


class StructureTests(TestCase):
    """
    What all examples have in common.
    """

    def test_allAreTested(self) -> None:
        """
        Every example is run by a test here.
        """
        source = Path(__file__).read_text()
        for path in EXAMPLES.glob("*.py"):
            self.assertRegex(source, rf'(start|bind)\("{path.name}"')

    def test_executable(self) -> None:
        """
        Every example can be run by its name.
        """
        for path in EXAMPLES.glob("*.py"):
            self.assertTrue(os.access(path, os.X_OK), path)
            self.assertEqual(path.read_text().partition("\n")[0], "#!/usr/bin/env python3")
