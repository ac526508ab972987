"""
Names that programs written for txZMQ 1.0 may import from here.

They date from the time of Python 2; new programs have no use for them.
"""

from __future__ import annotations

PY3 = True
binary_string_type = bytes


def is_nonstr_iter(v: object) -> bool:
    """
    :return: whether ``v`` can be iterated over and is neither text nor bytes.
    """
    return hasattr(v, "__iter__") and not isinstance(v, (str, bytes))
