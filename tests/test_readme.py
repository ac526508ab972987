"""
What the README says is true.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .support import PATIENCE

ROOT = Path(__file__).resolve().parent.parent


def read(name: str) -> str:
    """
    :return: a file of the project.
    """
    return (ROOT / name).read_text(encoding="utf-8")


def block(head: str) -> str:
    """
    :return: the indented lines below the line ``head`` of the README.
    """
    found = re.search(rf"^{re.escape(head)}\n\n((?:(?:    .*)?\n)+)", read("README.rst"), re.M)
    assert found is not None, head
    return re.sub(r"^    ", "", found[1], flags=re.MULTILINE).strip() + "\n"


class ReadmeTests(SynchronousTestCase):
    """
    The program, and the figures that the metadata state, too.
    """

    def test_program(self) -> None:
        """
        The program prints what is said to be its output, and ends.
        """
        program = [sys.executable, "-c", block(".. code-block:: python")]
        run = subprocess.run(
            program, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True
        )
        self.assertEqual(run.stdout, block("It prints::"))

    def test_oldestVersions(self) -> None:
        """
        The oldest versions are the bounds in the metadata, and those that
        ``tox -e oldest`` runs.
        """
        dependencies = re.search(r"^dependencies = \[(.*)\]$", read("pyproject.toml"), re.M)[1]
        bounds = set(re.findall(r'"([\w.]+)>=([\d.]+)"', dependencies))
        pinned = set(re.findall(r"^    ([\w.]+)==([\d.]+)$", read("tox.ini"), re.M))
        table = set(
            re.findall(r"^([\w.]+)  +([\d.]+) to [\d.]+$", read("README.rst").lower(), re.M)
        )
        self.assertEqual((bounds, pinned), (table, table))

    def test_pythonVersions(self) -> None:
        """
        The Python versions are those of the classifiers.
        """
        classifiers = re.findall(r":: Python :: (3\.\d+)", read("pyproject.toml"))
        self.assertIn(f"CPython              {', '.join(classifiers)}\n", read("README.rst"))
