"""
The documentation is true: its programs run and print what it says, and it
describes every name, every setting and every line of the log.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from difflib import SequenceMatcher
from importlib import import_module
from inspect import signature
from operator import attrgetter
from pathlib import Path
from threading import Timer
from typing import Any, Optional

import zmq
from twisted.trial.unittest import SynchronousTestCase

import txzmq
from txzmq import compat, interfaces
from txzmq.interfaces import IZmqFactory, IZmqProtocolFactory
from txzmq.options import OPTIONS

from .support import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SNIPPETS = DOCS / "snippets"
PAGES = [path for path in DOCS.rglob("*.rst") if "_build" not in path.parts]


#: Every name of aiozmq's Core API.
AIOZMQ = """
    create_zmq_connection protocol_factory zmq_type bind= connect= zmq_sock loop
    ZmqTransport get_extra_info close write abort getsockopt setsockopt
    get_write_buffer_limits set_write_buffer_limits get_write_buffer_size
    pause_reading resume_reading bind unbind bindings connect disconnect connections
    subscribe unsubscribe subscriptions enable_monitor disable_monitor
    ZmqProtocol connection_made connection_lost pause_writing resume_writing
    msg_received event_received SocketEvent version version_info
    ZmqEventLoopPolicy ZmqEventLoop set_event_loop_policy get_event_loop new_event_loop
    set_event_loop get_child_watcher set_child_watcher zmq_context
"""


def text(page: str) -> str:
    """
    :return: the source of a page.
    """
    return (DOCS / page).read_text("utf-8")


def table(page: str) -> list[list[str]]:
    """
    :return: the rows of the first list-table of a page, below its header.
    """
    body = re.split(r"^\.\. list-table::.*\n(?:   :.*\n)*\n", text(page), flags=re.M)[1]
    body = re.split(r"^(?=\S)", body, flags=re.M)[0]
    rows = re.split(r"^   \* - ", body, flags=re.M)[2:]
    return [[" ".join(c.split()) for c in re.split(r"^     -(?: |$)", r, flags=re.M)] for r in rows]


def literals(cell: str) -> list[str]:
    """
    :return: what stands between double backquotes.
    """
    return re.findall("``(.+?)``", cell)


def numbers(ranges: str) -> set[int]:
    """
    :param ranges: such as ``"1, 3-5"``.
    """
    pairs = [part.partition("-") for part in ranges.split(",")]
    return {n for first, _, last in pairs for n in range(int(first), int(last or first) + 1)}


def newLines(before: Path, after: Path) -> set[int]:
    """
    :return: the numbers of the lines of a program that it did not have before;
        but for empty lines, and its docstring.
    """
    old, new = (path.read_text("utf-8").splitlines() for path in (before, after))
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    added = {
        line for tag, _, _, start, end in changes if tag != "equal" for line in range(start, end)
    }
    return {line + 1 for line in added if new[line] and line > new.index('"""', 1)}


class Program:
    """
    A program of the documentation, in a process of its own.
    """

    def __init__(self, path: str, *arguments: str, directory: Optional[str] = None) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-u", str(SNIPPETS / path), *arguments],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            env=dict(os.environ, PYTHONPATH=str(ROOT), TMPDIR=directory or ""),
        )
        self._watchdog = Timer(PATIENCE, self._process.kill)
        self._watchdog.start()

    def line(self) -> str:
        """
        :return: the next line that it prints; empty if it has ended.
        """
        return self._process.stdout.readline().rstrip("\n")  # type: ignore[union-attr]

    def stop(self) -> None:
        """
        Do what Ctrl-C does.
        """
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[str, str, int]:
        """
        Wait until it has ended.

        :return: the rest of its output, its error output, its exit status.
        """
        output = self._process.stdout.read()  # type: ignore[union-attr]
        status = self._process.wait()
        self._errors.seek(0)
        return output, self._errors.read(), status

    def close(self) -> None:
        """
        Get rid of it, also when a test has failed.
        """
        self._watchdog.cancel()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._errors.close()


class ProgramTestCase(SynchronousTestCase):
    """
    A test that starts programs.
    """

    def setUp(self) -> None:
        # Not mktemp: the path of an ipc socket must be short.
        self.directory = tempfile.mkdtemp(prefix="txzmq-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def start(self, path: str, *arguments: str) -> Program:
        """
        Start a program of the documentation.
        """
        program = Program(path, *arguments, directory=self.directory)
        self.addCleanup(program.close)
        return program


class SnippetTests(ProgramTestCase):
    """
    Each program that ends by itself prints what the page shows.
    """

    def check(self) -> None:
        """
        Run the program that the test is named after, and compare.
        """
        name = self.id().rpartition("test_")[2]
        expected = (SNIPPETS / f"{name}.txt").read_text("utf-8")
        self.assertEqual(self.start(f"{name}.py").end(), (expected, "", 0))

    def test_back_pressure(self) -> None:
        """
        A protocol is told when too much waits, and when there is room.
        """
        self.check()

    def test_callbacks(self) -> None:
        """
        A coroutine is a callback, and what it raises is logged.
        """
        self.check()

    def test_closing_down(self) -> None:
        """
        Whatever is closed says so.
        """
        self.check()

    def test_closing_later(self) -> None:
        """
        What was left is counted.
        """
        self.check()

    def test_endpoints(self) -> None:
        """
        One connection has many endpoints.
        """
        self.check()

    def test_finish_first(self) -> None:
        """
        A program stops when its requests are answered.
        """
        self.check()

    def test_from_aiozmq(self) -> None:
        """
        A program in the manner of aiozmq runs.
        """
        self.check()

    def test_hello(self) -> None:
        """
        The first program runs.
        """
        self.check()

    def test_high_water_marks(self) -> None:
        """
        As many messages as the mark allows are accepted.
        """
        self.check()

    def test_identities(self) -> None:
        """
        A router reaches a dealer by its identity.
        """
        self.check()

    def test_immediate(self) -> None:
        """
        A request that was given up never reaches the server.
        """
        self.check()

    def test_losing(self) -> None:
        """
        A protocol hears how its transport has ended.
        """
        self.check()

    def test_monitoring(self) -> None:
        """
        A protocol is told who comes and goes.
        """
        self.check()

    def test_old_send(self) -> None:
        """
        A subclass with a send of its own works.
        """
        self.check()

    def test_outbox(self) -> None:
        """
        Messages can be kept and sent later.
        """
        self.check()

    def test_pausing(self) -> None:
        """
        One message is finished before the next begins.
        """
        self.check()

    def test_processes(self) -> None:
        """
        Processes send their results.
        """
        self.check()

    def test_producer(self) -> None:
        """
        A producer writes when there is room.
        """
        self.check()

    def test_send_when_ready(self) -> None:
        """
        A connection keeps what cannot be sent yet.
        """
        self.check()

    def test_settings(self) -> None:
        """
        Settings can be changed, or an error says when.
        """
        self.check()

    def test_subclasses(self) -> None:
        """
        A subclass chooses another socket type.
        """
        self.check()

    def test_threads(self) -> None:
        """
        A thread hands its result to the reactor, since it is refused itself.
        """
        self.check()

    def test_timeouts(self) -> None:
        """
        Requests have an end.
        """
        self.check()

    def test_unroutable(self) -> None:
        """
        A message to a peer that is not there is an error.
        """
        self.check()

    def test_when_connected(self) -> None:
        """
        A program waits for a peer.
        """
        self.check()

    def test_when_subscribed(self) -> None:
        """
        A publisher waits for a subscriber.
        """
        self.check()

    def test_write_message(self) -> None:
        """
        A message that waits can be taken back.
        """
        self.check()

    def test_allAreRun(self) -> None:
        """
        No program is left out.
        """
        tests = {name[5:] for name in dir(self) if name.startswith("test_")}
        self.assertEqual({path.stem for path in SNIPPETS.glob("*.py")} - tests, set())


class TutorialTests(ProgramTestCase):
    """
    The programs of each chapter work together.
    """

    MEASURED = r"^oslo: -?[0-9.]+ degrees$"

    def setUp(self) -> None:
        super().setUp()
        self.collecting, self.publishing, self.answering = (
            f"ipc://{self.directory}/{number}" for number in range(3)
        )

    def raw(self, socketType: int) -> Any:
        """
        :return: a plain socket, which gives up after a while.
        """
        context = zmq.Context()
        self.addCleanup(context.term)
        socket = context.socket(socketType)
        self.addCleanup(socket.close, 0)
        socket.rcvtimeo = socket.sndtimeo = PATIENCE * 1000
        return socket

    def assertStops(self, *programs: Program) -> None:
        """
        The programs end quietly when they are told to.
        """
        for program in programs:
            program.stop()
            _, errors, status = program.end()
            self.assertNotIn("Traceback", errors)
            self.assertEqual(status, 0)

    def test_measurementsArrive(self) -> None:
        """
        Chapter 1: the hub prints what a station measures.
        """
        station = self.start("tutorial/1/station.py", self.collecting, "oslo")
        hub = self.start("tutorial/1/hub.py", self.collecting)
        self.assertRegex(hub.line(), self.MEASURED)
        for _ in range(2):
            self.assertRegex(station.line(), r"^-?[0-9.]+ measured$")
        self.assertStops(station, hub)

    def test_nonsenseIsLogged(self) -> None:
        """
        Chapter 1: what is no measurement costs a line in the log.
        """
        hub = self.start("tutorial/1/hub.py", self.collecting)
        pusher = self.raw(zmq.PUSH)
        pusher.connect(self.collecting)
        for message in [b"atlantis", b"1"], [b"nonsense"], [b"oslo", b"2.5"]:
            pusher.send_multipart(message)
        self.assertEqual(hub.line(), "oslo: 2.5 degrees")
        hub.stop()
        _, errors, status = hub.end()
        self.assertIn("unknown place b'atlantis'", errors)
        self.assertEqual((errors.count("Traceback"), status), (2, 0))

    def test_displayShows(self) -> None:
        """
        Chapter 2: a display shows the places that it is told to.
        """
        hub = self.start("tutorial/2/hub.py", self.collecting, self.publishing)
        self.start("tutorial/1/station.py", self.collecting, "bergen")
        self.start("tutorial/1/station.py", self.collecting, "oslo")
        display = self.start("tutorial/2/display.py", self.publishing, "oslo")
        for _ in range(2):
            self.assertRegex(display.line(), self.MEASURED)
        self.assertStops(display, hub)

    def test_displayShowsAll(self) -> None:
        """
        Chapter 2: a display that is told no places shows all.
        """
        hub = self.start("tutorial/2/hub.py", self.collecting, self.publishing)
        self.start("tutorial/1/station.py", self.collecting, "oslo")
        display = self.start("tutorial/2/display.py", self.publishing)
        self.assertRegex(display.line(), self.MEASURED)
        self.assertStops(display, hub)

    def test_hubAnswers(self) -> None:
        """
        Chapter 3: the hub knows the latest measurements.
        """
        addresses = self.collecting, self.publishing, self.answering
        hub = self.start("tutorial/3/hub.py", *addresses)
        self.start("tutorial/1/station.py", self.collecting, "oslo")
        self.start("tutorial/2/display.py", self.publishing).line()
        ask = self.start("tutorial/3/ask.py", self.answering, str(PATIENCE), "oslo", "bergen")
        self.assertRegex(ask.line(), r"^oslo: -?[0-9.]+$")
        self.assertEqual(ask.end(), ("bergen: unknown\n", "", 0))
        self.assertStops(hub)

    def test_noHubNoAnswer(self) -> None:
        """
        Chapter 3: without a hub, the question times out.
        """
        ask = self.start("tutorial/3/ask.py", self.answering, "0.1", "oslo")
        self.assertEqual(ask.end(), ("oslo: no answer\n", "", 0))

    def test_hubSaysGoodbye(self) -> None:
        """
        Chapter 4: the last thing that a display hears is that the hub closes.
        """
        addresses = self.collecting, self.publishing, self.answering
        hub = self.start("tutorial/4/hub.py", *addresses)
        station = self.start("tutorial/1/station.py", self.collecting, "oslo")
        display = self.start("tutorial/4/display.py", self.publishing, "oslo")
        self.assertRegex(display.line(), self.MEASURED)
        hub.stop()
        output, errors, status = display.end()
        self.assertEqual((output.splitlines()[-1], errors, status), ("the hub is closing", "", 0))
        output, errors, status = hub.end()
        self.assertRegex(output, r"^closing, the latest are {'oslo': -?[0-9.]+}\n$")
        self.assertNotIn("Traceback", errors)
        station.line()
        station.line()
        self.assertStops(station)

    def test_askIsStopped(self) -> None:
        """
        Chapter 4: a question that waits is told when its program is stopped.
        """
        hub = self.raw(zmq.ROUTER)
        hub.bind(self.answering)
        ask = self.start("tutorial/4/ask.py", self.answering, str(PATIENCE), "oslo", "bergen")
        route, request, delimiter, place = hub.recv_multipart()
        self.assertEqual(place, b"oslo")
        hub.send_multipart([route, request, delimiter, b"3.5"])
        self.assertEqual(ask.line(), "oslo: 3.5")
        ask.stop()
        self.assertEqual(ask.end(), ("bergen: we were stopped\n", "", 0))

    def upload(self, text: str, seconds: float) -> Program:
        """
        Start the upload of a file.

        :param seconds: how long to wait for a hub.
        """
        path = Path(self.directory, "measured.txt")
        path.write_text(text)
        return self.start("tutorial/5/upload.py", self.collecting, str(seconds), str(path))

    def test_backlogIsUploaded(self) -> None:
        """
        Chapter 5: all that is in the file arrives, also if the hub comes late.
        """
        upload = self.upload("oslo 1.5\n" * 1000 + "bergen -3.0\n", PATIENCE)
        hub = self.start("tutorial/1/hub.py", self.collecting)
        self.assertEqual([hub.line() for _ in range(1000)], ["oslo: 1.5 degrees"] * 1000)
        self.assertEqual(hub.line(), "bergen: -3.0 degrees")
        self.assertEqual(upload.end(), ("1001 measurements uploaded\n", "", 0))
        self.assertStops(hub)

    def test_noHubNoUpload(self) -> None:
        """
        Chapter 5: without a hub, the upload is given up.
        """
        upload = self.upload("oslo 1.5\n", 0.1)
        output, errors, status = upload.end()
        self.assertRegex(output, "^no hub\nnot all is uploaded: ")
        self.assertEqual((errors, status), ("", 0))


class PageTests(SynchronousTestCase):
    """
    Tests of what the pages say.
    """

    def test_codeIsRun(self) -> None:
        """
        A page has no Python of its own, which nothing would run.
        """
        for page in PAGES:
            self.assertNotRegex(
                page.read_text("utf-8"), r"(?m)^ *(\.\. code(-block)?:: (python|pycon)|>>> )", page
            )

    def test_snippetsAreShown(self) -> None:
        """
        Every program is shown on a page.
        """
        shown = set()
        for page in PAGES:
            for path in re.findall(r"literalinclude:: (\S+)", page.read_text("utf-8")):
                shown.add((page.parent / path).resolve())
        self.assertEqual(shown, set(SNIPPETS.rglob("*.py")) | set(SNIPPETS.rglob("*.txt")))

    def test_newLinesAreEmphasised(self) -> None:
        """
        The tutorial emphasises what a chapter adds to a program.
        """
        compared = 0
        for page in (DOCS / "tutorial").glob("*.rst"):
            pattern = r":: (\S+/)(\d)/(.+)\n   :caption: .+\n(?:   :emphasize-lines: (.+)\n)?"
            shown = re.findall(pattern, page.read_text("utf-8"))
            for directory, chapter, name, emphasised in shown:
                earlier = [
                    (page.parent / directory / str(number) / name)
                    for number in range(1, int(chapter))
                ]
                earlier = [path for path in earlier if path.exists()]
                if earlier:
                    now = page.parent / directory / chapter / name
                    self.assertEqual(numbers(emphasised), newLines(earlier[-1], now), now)
                    compared += 1
        self.assertEqual(compared, 5)

    def test_namesAreDescribed(self) -> None:
        """
        The reference has every public name.
        """
        reference = "\n".join(path.read_text("utf-8") for path in (DOCS / "reference").iterdir())
        described = re.findall(r"\.\. (?:auto\w+|py:data):: (\w+)", reference)
        self.assertEqual(set(txzmq.__all__) - set(described), set())

    def test_oldModules(self) -> None:
        """
        The names of each old module can be imported from there.
        """
        rows = table("reference/modules.rst")
        self.assertEqual(len(rows), 6)
        for module, names in rows:
            for name in literals(names):
                there = getattr(import_module(literals(module)[0]), name)
                self.assertIs(there, getattr(txzmq, name))

    def test_compat(self) -> None:
        """
        What old programs import from ``compat`` is described.
        """
        page = text("reference/modules.rst")
        for name in vars(compat):
            if not name.startswith("_") and name != "annotations":
                self.assertIn(f":: {name}", page)

    def test_interfaces(self) -> None:
        """
        The interfaces are described; in full, where not with our class.
        """
        page = text("reference/interfaces.rst")
        names = [name for name in vars(interfaces) if name.startswith("IZmq")]
        for name in [*names, *IZmqFactory.names(), *IZmqProtocolFactory.names()]:
            self.assertRegex(page, rf":: {name}\b")

    def test_settings(self) -> None:
        """
        The table of the settings says what they are.
        """
        expected = [
            [
                name,
                [f"ZMQ_{option}" for option in row.names],
                repr(getattr(txzmq.ZmqConnection, name)),
                row.until.value,
            ]
            for name, row in OPTIONS.items()
        ]
        described = [
            [literals(name)[0], literals(options), literals(default)[0], until]
            for name, options, default, _, until in table("reference/settings.rst")
        ]
        self.assertEqual(described, expected)

    def test_errors(self) -> None:
        """
        The table of the errors says what each is.
        """
        names = r":exc:`(?:\w+\.)*(\w+)`"
        described = [re.findall(names, " ".join(row)) for row in table("reference/errors.rst")]
        expected = [
            [name, *(base.__name__ for base in getattr(txzmq, name).__bases__)]
            for name in txzmq.__all__
            if name.endswith("Error")
        ]
        self.assertEqual(sorted(described), sorted(expected))

    def test_aiozmq(self) -> None:
        """
        The table for those who come from aiozmq has every name, and what takes
        its place exists.
        """
        rows = table("howto/from-aiozmq.rst")
        self.assertEqual({name for row in rows for name in literals(row[0])}, set(AIOZMQ.split()))
        for _, names, _ in rows:
            for name, argument in re.findall(r"``([\w.]+)(?:\((\w+)\))?``", names):
                there = attrgetter(name)(txzmq)
                if argument:
                    self.assertIn(argument, signature(there).parameters)

    def test_log(self) -> None:
        """
        The lines of the log that are explained are those that are written.
        """
        source = "".join(path.read_text("utf-8") for path in (ROOT / "txzmq").glob("*.py"))
        source = re.sub(r'"\s*\n\s*"', "", source)
        written = re.findall(r'log\.(\w+)\(\s*"(.*?)"', source)
        rows = table("howto/log.rst")
        described = {(literals(row[1])[0], literals(row[0])[0]) for row in rows}
        self.assertEqual(described, set(written))
