"""
Builds the sdist and the wheel, and checks them:

    python tests/package/check.py

Both are valid and complete, the wheel can be installed where there is nothing
else, and the package in it is typed and has its version.  Needs ``build`` and
``twine``.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: What belongs into both: the package.
PACKAGE = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("txzmq/*.py*")}

#: What else belongs into the sdist; of directories, all that git has.
SOURCES = (
    *("docs", "examples", "newsfragments", "tests", ".ci/run"),
    *("CHANGELOG.rst", "CONTRIBUTING.rst", "LICENSE", "README.rst"),
    *("Makefile", "pyproject.toml", "setup.py", "tox.ini"),
)

#: What a user does first, where nothing but the wheel is installed.
PROBE = """
import importlib.metadata, importlib.resources, sys
import txzmq, txzmq.compat, txzmq.connection, txzmq.factory, txzmq.pubsub
import txzmq.pushpull, txzmq.req_rep, txzmq.router_dealer

assert "twisted.internet.reactor" not in sys.modules
assert importlib.metadata.version("txZMQ") == txzmq.__version__ == sys.argv[1]
assert importlib.resources.files("txzmq").joinpath("py.typed").is_file()
for name in txzmq.__all__:
    getattr(txzmq, name)
"""


def run(*command: object, cwd: Path = ROOT) -> str:
    """
    :return: the standard output of a command that has succeeded.
    """
    arguments = [str(argument) for argument in command]
    done = subprocess.run(arguments, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def check(contents: set[str], expected: set[str], where: Path) -> None:
    """
    :raise SystemExit: something that is expected is not there.
    """
    lacking = sorted(expected - contents)
    if lacking:
        raise SystemExit(f"{where.name} lacks {lacking}")
    print(f"{where.name} has the {len(expected)} files that it should have")


def main(directory: Path) -> None:
    """
    :param directory: where to work; empty.
    """
    run(sys.executable, "-m", "build", "--outdir", directory)
    (sdist,) = directory.glob("*.tar.gz")
    (wheel,) = directory.glob("*.whl")
    print(run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel))

    tracked = set(run("git", "ls-files", *SOURCES).splitlines())
    with tarfile.open(sdist) as archive:
        contents = {name.partition("/")[2] for name in archive.getnames()}
        check(contents, PACKAGE | tracked | {"PKG-INFO", "README.rst"}, sdist)
    with zipfile.ZipFile(wheel) as archive:
        contents = set(archive.namelist())
        check(contents, PACKAGE, wheel)
        others = {name for name in contents if not name.startswith(("txzmq/", "txzmq-"))}
        if others:
            raise SystemExit(f"{wheel.name} should not have {sorted(others)}")

    environment = directory / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    version = wheel.name.split("-")[1]
    run(python, "-c", PROBE, version, cwd=directory)

    run(python, "-m", "pip", "install", "--quiet", "setuptools")
    stated = run(python, "setup.py", "--version").splitlines()[-1]
    if stated != version:
        raise SystemExit(f"setup.py --version prints {stated}, not {version}")
    print(f"txZMQ {version} can be installed from it, and imported")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="txzmq-") as temporary:
        main(Path(temporary))
