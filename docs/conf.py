"""
How Sphinx builds the documentation: ``sphinx-build -W -n -b html docs docs/_build/html``.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, Optional

from docutils import nodes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import txzmq
from txzmq import interfaces

project = "txZMQ"
author = "the authors of txZMQ"
copyright = author
version = release = txzmq.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build", "snippets"]
html_theme = "furo"
html_title = f"txZMQ {release}"
nitpicky = True
#: Modules have no page of their own elsewhere that would help.
nitpick_ignore = [("py:mod", "zmq"), ("py:mod", "errno")]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autoclass_content = "class"

#: Where the names of others are explained.
ELSEWHERE = {
    "twisted": "https://docs.twisted.org/en/stable/api/{module}.{name}.html",
    "zmq": "https://pyzmq.readthedocs.io/en/latest/api/zmq.html#zmq.{name}",
}
PYTHON = "https://docs.python.org/3/library/{module}.html#{module}.{name}"


def ours(target: str, cls: Optional[str]) -> Optional[str]:
    """
    :param cls: the class in whose description the reference stands.
    :return: under which name these pages describe ``target``, if they do: it
        can be a name in the module that defines it, or an inherited one.
    """
    package, _, name = target.rpartition(".")
    if package.split(".")[0] == "txzmq" and name in txzmq.__all__:
        return f"txzmq.{name}"
    for base in getattr(getattr(txzmq, cls or "", None), "__mro__", ()):
        if target in vars(base):
            return f"txzmq.{base.__name__}.{target}"
    return None


def theirs(target: str) -> Optional[str]:
    """
    :return: the page that explains a name of Twisted, pyzmq or Python.
    """
    module, _, name = target.rpartition(".")
    try:
        getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return None
    return ELSEWHERE.get(module.split(".")[0], PYTHON).format(module=module, name=name)


def resolve(app: Any, env: Any, node: Any, content: nodes.Node) -> Optional[nodes.Node]:
    """
    Find what Sphinx does not: references out of these pages, and some of ours.

    A name must exist to be linked to, so a misspelt one is still an error.  The
    lists that other projects publish for this purpose would have to be fetched
    from the network at each build.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    interface = re.fullmatch(r"<InterfaceClass (txzmq\.interfaces\.(\w+))>", target)
    if interface is not None:
        # An interface is no class, and autodoc knows no better name for it.
        target, content = interface[1], nodes.Text(interface[2])
    name = ours(target, node.get("py:class"))
    if name is not None or interface is not None:
        return env.get_domain("py").resolve_xref(
            env, node["refdoc"], app.builder, "obj", name or target, node, content
        )
    page = theirs(target)
    if page is None or target.startswith("txzmq."):
        return None
    return nodes.reference("", "", content, internal=False, refuri=page)


#: Which interface says in full what the methods of a class promise.
PROMISES = {
    "txzmq.ZmqTransport": interfaces.IZmqTransport,
    "txzmq.ZmqProtocol": interfaces.IZmqProtocol,
}


def promise(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """
    Describe a method in the words of its interface, where that is one of ours.
    """
    owner, _, member = name.rpartition(".")
    method = PROMISES[owner].get(member) if owner in PROMISES and what == "method" else None
    if method is not None and method.interface.__module__ == interfaces.__name__:
        lines[:] = [*inspect.cleandoc(method.getDoc()).splitlines(), ""]


def showBases(app: Any, name: str, obj: Any, options: Any, bases: list[Any]) -> None:
    """
    Show the public base of a class, where a private one is in between.
    """
    while bases[0].__name__.startswith("_"):
        bases[:] = bases[0].__bases__


def setup(app: Any) -> None:
    """
    Called by Sphinx.
    """
    app.connect("autodoc-process-docstring", promise)
    app.connect("autodoc-process-bases", showBases)
    app.connect("missing-reference", resolve)
