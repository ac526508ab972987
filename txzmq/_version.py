"""
Which version this is.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

__version__ = "2.0.0"


class VersionInfo(NamedTuple):
    """
    A version that can be compared, in the manner of ``sys.version_info``.
    """

    major: int
    minor: int
    micro: int
    releaselevel: str
    serial: int


#: This version.
version_info = VersionInfo(*map(int, __version__.split(".")), releaselevel="final", serial=0)

#: This version and Python's, for bug reports.
version = f"{__version__}, Python {sys.version}"
