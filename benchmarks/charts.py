"""
Bar charts as SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

#: Colours by position; the first stands out.
_COLOURS = (
    "#d9480f",
    "#e8833a",
    "#f2b694",
    "#3b5b92",
    "#8aa4cf",
    "#5c8a58",
    "#9a86b5",
    "#c9b7dc",
)

_WIDTH = 760
_LEFT = 200
_RIGHT = 150
_BAR = 16
_GAP = 12
_HEAD = 40


class Bar(NamedTuple):
    """
    One bar.

    :ivar colour: a position in the list of colours.
    """

    label: str
    value: float
    text: str
    colour: int


def chart(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """
    :param groups: bars under a common heading.
    :return: an SVG document; bars are as long as their values.
    """
    longest = max(bar.value for _, bars in groups for bar in bars)
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    parts = [_text(10, 22, title, weight="bold", size=14)]
    y = _HEAD
    for heading, bars in groups:
        parts.append(_text(10, y + 12, heading, weight="bold"))
        y += _BAR + 4
        for bar in bars:
            width = max(1.0, bar.value * scale)
            parts.append(_text(_LEFT - 8, y + 12, bar.label, anchor="end"))
            parts.append(
                f'<rect x="{_LEFT}" y="{y + 1}" width="{width:.1f}" height="{_BAR - 2}"'
                f' fill="{_COLOURS[bar.colour % len(_COLOURS)]}"/>'
            )
            parts.append(_text(_LEFT + width + 6, y + 12, bar.text))
            y += _BAR
        y += _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}"'
        f' height="{y}" font-family="sans-serif" fill="#222">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(
    x: float, y: float, text: str, anchor: str = "start", weight: str = "normal", size: int = 12
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}"'
        f' font-size="{size}">{escape(text)}</text>'
    )
