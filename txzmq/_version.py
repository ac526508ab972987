"""
Which version this is.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

#: This version, as package indexes write it.
__version__ = "2.0.0"


class VersionInfo(NamedTuple):
    """
    A version that can be compared, in the manner of ``sys.version_info``.
    """

    #: Grows when programs have to be changed.
    major: int

    #: Grows with what is new.
    minor: int

    #: Grows with what is mended.
    micro: int

    #: ``"alpha"``, ``"beta"``, ``"candidate"`` or ``"final"``.
    releaselevel: str

    #: Counts releases of a level.
    serial: int


#: This version.
version_info = VersionInfo(2, 0, 0, "final", 0)

#: This version and Python's, for bug reports.
version = f"{__version__}, Python {sys.version}"
