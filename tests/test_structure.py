"""
Tests of how the library is made: who imports whom, who touches sockets, what
is exported, and that all that is public is documented and typed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Union

from twisted.trial.unittest import SynchronousTestCase

import txzmq

PACKAGE = Path(txzmq.__file__).parent
TABLE = Path(__file__).parent.parent / "docs" / "architecture.rst"

SOURCES = {path.stem: path.read_text("utf-8") for path in sorted(PACKAGE.glob("*.py"))}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}

#: Which old programs import what from where.
OLD_NAMES = {
    "connection": ["ZmqConnection", "ZmqEndpoint", "ZmqEndpointType"],
    "factory": ["ZmqFactory"],
    "pubsub": ["ZmqPubConnection", "ZmqSubConnection"],
    "pushpull": ["ZmqPushConnection", "ZmqPullConnection"],
    "req_rep": [
        "ZmqREQConnection",
        "ZmqREPConnection",
        "ZmqRequestTimeoutError",
        "ZmqXREQConnection",
        "ZmqXREPConnection",
    ],
    "router_dealer": ["ZmqBase", "ZmqRouterConnection", "ZmqDealerConnection"],
    "compat": ["PY3", "binary_string_type", "is_nonstr_iter"],
}

#: Public classes whose names do not begin with Zmq: values that users handle.
OTHER_EXPORTS = {"MessageId", "ReadBudget", "SocketEvent", "VersionInfo"}

#: Public names that are no classes.
FUNCTIONS = {"connectZMQ", "createZmqConnection", "listenZMQ", "version", "version_info"}

#: Calls that do something to a socket, and those that tell a reactor about it.
SOCKET_CALLS = re.compile(
    r"(recv|send)_\w+|recv|recv_into|poll|zmq_poll|Poller|[gs]etsockopt|[gs]et_hwm|socket|monitor"
    r"|get_monitor_socket|disable_monitor|bind|bind_to_random_port|connect|unbind|disconnect"
    r"|addReader|removeReader"
)

#: Constants that only those need who read, write or poll.
SOCKET_CONSTANTS = re.compile(r"FD|EVENTS|POLLIN|POLLOUT|NOBLOCK|DONTWAIT|SNDMORE|RCVMORE")

#: Attributes that need no description: a logger, and Python's own.
UNDESCRIBED = {"log", "args"}

#: Definitions whose docstring is that of what they implement.
SPECIAL = re.compile(r"__\w+__")

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def ranks() -> dict[str, int]:
    """
    :return: the rank of each module, read from the page on the architecture.
    """
    rows = re.findall(r"\* - (\d+)\n +- ``(\w+)``", TABLE.read_text("utf-8"))
    return {module: int(rank) for rank, module in rows}


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """
    All nodes but those that only a type checker sees.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from executed(node)


def imports(tree: ast.AST) -> Iterator[str]:
    """
    The full names of all that is imported, anywhere in a module.
    """
    for node in executed(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(["txzmq"] * bool(node.level) + [node.module] * bool(node.module))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported(name: str) -> set[str]:
    """
    :return: the modules of the package that one of them imports.
    """
    parts = [full.split(".") for full in imports(TREES[name])]
    return {p[1] if p[1] in SOURCES else "__init__" for p in parts if p[0] == "txzmq"}


def touched(name: str) -> set[str]:
    """
    :return: what a module calls and names that is about sockets.
    """
    found = set()
    for node in executed(TREES[name]):
        if isinstance(node, ast.Call):
            called = node.func
            call = getattr(called, "attr", getattr(called, "id", ""))
            # A transport, and a connection's own send, are for everybody.
            if ast.unparse(called).startswith("transport."):
                continue
            if SOCKET_CALLS.fullmatch(call):
                found.add(call)
            if call == "send" and ast.unparse(called) not in ("self.send", "descriptor.send"):
                found.add(ast.unparse(called))
        elif (
            isinstance(node, ast.Attribute)
            and SOCKET_CONSTANTS.fullmatch(node.attr)
            and ast.unparse(node.value) == "zmq"
        ):
            found.add(node.attr)
    return found


def definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """
    The public classes and functions of a module, and the methods in them.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.ClassDef, *Function)):
            if not node.name.startswith("_") or SPECIAL.fullmatch(node.name):
                yield prefix + node.name, node
                if isinstance(node, ast.ClassDef):
                    yield from definitions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If):
            yield from definitions(node, prefix)


def values(tree: ast.AST, owner: str = "", prefix: str = "") -> Iterator[tuple[str, str, int]]:
    """
    The public attributes of a module, its classes, and their instances: owner,
    name, and the line where it is assigned.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from values(node, node.name)
        elif isinstance(node, Function) and node.name == "__init__":
            yield from values(node, owner, "self.")
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                found = re.fullmatch(prefix + r"([A-Za-z]\w*)", ast.unparse(target))
                if found and found[1] not in UNDESCRIBED:
                    yield owner, found[1], node.lineno


def described(module: str) -> Iterator[tuple[str, str]]:
    """
    The attributes that have a comment for the reference above them, or stand
    in the docstring of their class.
    """
    lines = SOURCES[module].splitlines()
    for owner, name, line in values(TREES[module]):
        if lines[line - 2].lstrip().startswith("#:") or "= Attribute(" in lines[line - 1]:
            yield owner, name
    for name, node in definitions(TREES[module]):
        text = ast.get_docstring(node) or ""
        for attribute in re.findall(r":(?:ivar|param) (\w+):|``(\w+)``", text):
            yield name, "".join(attribute)


def isTyped(function: Union[ast.FunctionDef, ast.AsyncFunctionDef], isMethod: bool) -> bool:
    """
    :return: whether all parameters of a function and its result have types.
    """
    args = function.args
    named = [*args.posonlyargs, *args.args][isMethod:]
    rest = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    everything = [*named, *args.kwonlyargs, *rest]
    return function.returns is not None and all(arg.annotation for arg in everything)


class ImportTests(SynchronousTestCase):
    """
    The picture in the documentation is what the modules do.
    """

    def test_tableIsComplete(self) -> None:
        """
        Every module has a rank, and there are no others.
        """
        self.assertEqual(set(ranks()), set(SOURCES))

    def test_downwards(self) -> None:
        """
        A module imports from modules of a lower rank only.
        """
        rank = ranks()
        upwards = [
            f"{module} ({rank[module]}) imports {other} ({rank[other]})"
            for module in SOURCES
            for other in sorted(imported(module))
            if rank[other] >= rank[module]
        ]
        self.assertEqual(upwards, [])

    def test_pure(self) -> None:
        """
        What is said to work on lists of bytes knows neither sockets nor
        reactors.
        """
        for module in ("endpoint", "_frames", "_flow", "_requests", "compat"):
            for name in imports(TREES[module]):
                self.assertNotRegex(name, r"^(zmq|socket|select)\b|interfaces|reactor")

    def test_reactor(self) -> None:
        """
        The global reactor is imported in one place, and not before somebody
        asks for it.
        """
        found = [
            module for module in SOURCES if "twisted.internet.reactor" in imports(TREES[module])
        ]
        atOnce = [
            module
            for module, tree in TREES.items()
            for node in tree.body
            if isinstance(node, (ast.Import, ast.ImportFrom))
            and "twisted.internet.reactor" in imports(ast.Module([node], []))
        ]
        self.assertEqual((found, atOnce), (["factory"], []))

    def test_packageOnlyExports(self) -> None:
        """
        The package itself imports; nothing else.
        """
        names = [
            ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else type(node).__name__
            for node in TREES["__init__"].body[1:]
        ]
        self.assertEqual(set(names), {"ImportFrom", "__all__"})


class SocketTests(SynchronousTestCase):
    """
    One module owns the socket.
    """

    def test_owner(self) -> None:
        """
        Only the descriptor reads, writes, polls and opens endpoints, and talks
        to the reactor about it; only the context makes sockets.  For the
        descriptor, another module reads one field.
        """
        found = {module: touched(module) for module in SOURCES if touched(module)}
        owner = found.pop("_descriptor")
        # It is given the function that sends a frame.
        self.assertEqual(found.pop("_whole"), {"send", "NOBLOCK", "SNDMORE"})
        # What has nothing to do with messages; how to bind stands in a table.
        control = {"socket", "connect", "bind", "monitor", "setsockopt", "getsockopt"}
        self.assertEqual(found.pop("_control"), control)
        self.assertEqual(found.pop("_endpoints"), {"getsockopt"})
        others = {
            "_context": {"socket", "setsockopt"},
            "_more": {"getsockopt", "RCVMORE"},
            # Not one of libzmq's: it knocks at the operating system's.
            "_ipc": {"socket"},
        }
        self.assertEqual(found, others)
        # What the test looks for can be found where it is allowed.
        expected = {"zmq_poll", "addReader", "removeReader", "getsockopt", "FD"}
        self.assertEqual(expected - owner, set())

    def test_ownersOwn(self) -> None:
        """
        Nobody but the descriptor has what touches sockets at hand; others look up how
        an endpoint is undone.
        """
        for module in SOURCES.keys() - {"_descriptor"}:
            names = set(imports(TREES[module]))
            own = {n for n in names if n.startswith(("txzmq._control", "txzmq._endpoints"))}
            self.assertEqual(own - {"txzmq._endpoints.UNDO"}, set(), module)

    def test_contextOnlySaysHowLong(self) -> None:
        """
        What is set where a socket is made is how long it lingers.
        """
        calls = [node for node in executed(TREES["_context"]) if isinstance(node, ast.Call)]
        options = [
            ast.unparse(call.args[0])
            for call in calls
            if ast.unparse(call.func).endswith(".setsockopt")
        ]
        self.assertEqual(options, ["zmq.LINGER"])

    def test_noAssertions(self) -> None:
        """
        Nothing is checked by assert, which can be switched off.
        """
        found = [
            m for m, tree in TREES.items() for n in ast.walk(tree) if isinstance(n, ast.Assert)
        ]
        self.assertEqual(found, [])

    def test_noSilence(self) -> None:
        """
        No handler takes whatever comes and says nothing.
        """
        found = [
            f"{module}:{node.lineno}"
            for module, tree in TREES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.ExceptHandler)
            and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
            and all(isinstance(child, (ast.Pass, ast.Continue)) for child in node.body)
        ]
        self.assertEqual(found, [])


class ExportTests(SynchronousTestCase):
    """
    What can be imported, and from where.
    """

    def test_complete(self) -> None:
        """
        The package exports every public class that is named after ZeroMQ, and
        the values that users handle; each once, in order.
        """
        named = {
            name
            for tree in TREES.values()
            for name, node in definitions(tree)
            if isinstance(node, ast.ClassDef) and re.fullmatch(r"Zmq\w+", name)
        }
        self.assertEqual(set(txzmq.__all__), named | OTHER_EXPORTS | FUNCTIONS)
        self.assertEqual(len(txzmq.__all__), len(set(txzmq.__all__)))

    def test_available(self) -> None:
        """
        All that is exported is there, and a star import gets it.
        """
        names: dict[str, Any] = {}
        exec("from txzmq import *", names)
        del names["__builtins__"]
        self.assertEqual(names, {name: getattr(txzmq, name) for name in txzmq.__all__})

    def test_oldPaths(self) -> None:
        """
        Old programs find the old names in the old modules; they are the same
        as those of the package.
        """
        for module, names in OLD_NAMES.items():
            for name in names:
                found = getattr(import_module(f"txzmq.{module}"), name)
                self.assertIs(found, getattr(txzmq, name, found))

    def test_oldPackage(self) -> None:
        """
        What the package always exported, it exports; some only from a module.
        """
        elsewhere = {"ZmqXREQConnection", "ZmqXREPConnection", "ZmqBase"}
        old = {name for names in OLD_NAMES.values() for name in names if name.startswith("Zmq")}
        self.assertEqual(old - elsewhere - set(txzmq.__all__), set())

    def test_modulesExport(self) -> None:
        """
        Where a module says what it exports, it has it.
        """
        for name in SOURCES:
            module = import_module("txzmq" if name == "__init__" else f"txzmq.{name}")
            for exported in getattr(module, "__all__", []):
                self.assertTrue(hasattr(module, exported), f"{name}.{exported}")

    def test_version(self) -> None:
        """
        The version is a number that programs that require 1.0 are happy with.
        """
        self.assertRegex(txzmq.__version__, r"^2\.\d+\.\d+$")

    def test_typed(self) -> None:
        """
        Type checkers are told that the package has types.
        """
        self.assertTrue((PACKAGE / "py.typed").exists())


class DescriptionTests(SynchronousTestCase):
    """
    All that is public is documented and typed.
    """

    def test_modules(self) -> None:
        """
        Every module says what it is for.
        """
        self.assertEqual([name for name, tree in TREES.items() if not ast.get_docstring(tree)], [])

    def test_docstrings(self) -> None:
        """
        Every public class, function and method has a docstring; setters and
        stubs have that of their property or class.
        """
        missing = [
            f"{module}.{name}"
            for module, tree in TREES.items()
            for name, node in definitions(tree)
            if not SPECIAL.fullmatch(node.name)
            and not ast.get_docstring(node)
            and not any(ast.unparse(d).endswith(".setter") for d in node.decorator_list)
            and ast.unparse(node.body[-1]) != "..."
        ]
        self.assertEqual(missing, [])

    def test_attributes(self) -> None:
        """
        Every public attribute is described, where it stands or in the class
        that it comes from.
        """
        known = {pair for module in SOURCES for pair in described(module)}
        missing = []
        for module in SOURCES.keys() - {"compat", "__init__"}:
            for owner, name, _ in values(TREES[module]):
                cls = getattr(import_module(f"txzmq.{module}"), owner) if owner else None
                bases = [base.__name__ for base in getattr(cls, "__mro__", ())]
                if not any((base, name) in known for base in [owner, *bases]):
                    missing.append(f"{module}.{owner}.{name}")
        self.assertEqual(missing, [])

    def test_types(self) -> None:
        """
        Every public function and method has types.
        """
        missing = [
            f"{module}.{name}"
            for module, tree in TREES.items()
            for name, node in definitions(tree)
            if isinstance(node, Function)
            # Methods of an interface have no self.
            and not isTyped(node, "." in name and module != "interfaces")
        ]
        self.assertEqual(missing, [])

    def test_parameters(self) -> None:
        """
        A docstring describes no parameter that there is not.
        """
        wrong = []
        for module, tree in TREES.items():
            for name, node in definitions(tree):
                function = node
                if isinstance(node, ast.ClassDef):
                    found = [n for n in node.body if isinstance(n, Function)]
                    function = next((n for n in found if n.name == "__init__"), None)
                if function is None:
                    continue
                described = re.findall(r":param (\w+):", ast.get_docstring(node) or "")
                named = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
                wrong += [f"{module}.{name}: {p}" for p in described if p not in named]
        self.assertEqual(wrong, [])
