"""
What pyproject.toml cannot say so that old and new releases of setuptools both
understand it; the rest is there.

Those before 61 read nothing there, and those before 77 refuse the way in which
it states a licence today.  Here every one of them reads both.
"""

import re
from pathlib import Path

from setuptools import setup

source = Path(__file__).with_name("txzmq").joinpath("_version.py").read_text(encoding="utf-8")

setup(
    # Read, not imported: pyzmq need not be there when we are built.
    version=re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE).group(1),
    license="MIT",
)
