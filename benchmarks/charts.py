"""
Charts as SVG: bars, and lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple, Optional

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
#: Of bars: the room for the text behind the longest.
_TEXT = 190
_BAR = 16
_GAP = 12
_HEAD = 40

#: Of charts with lines: the room for their scales, their height, and their
#: colours, which have to be told apart.
_MARGIN = 50
_PANEL = 90
_LINES = (0, 3, 5, 6)


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
    scale = (_WIDTH - _LEFT - _TEXT) / longest
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
    return _document(parts, y)


def _text(
    x: float, y: float, text: str, anchor: str = "start", weight: str = "normal", size: int = 12
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}"'
        f' font-size="{size}">{escape(text)}</text>'
    )


class Line(NamedTuple):
    """
    One line.

    :ivar ys: where one is ``None``, the line has a gap.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[Optional[float]]


class Panel(NamedTuple):
    """
    Lines with a common scale, from 0 up.
    """

    heading: str
    lines: Sequence[Line]


def panels(title: str, shown: Sequence[Panel]) -> str:
    """
    :param shown: one above the other, all with the same ``xs``.
    :return: an SVG document.
    """
    xs = shown[0].lines[0].xs
    parts = [_text(10, 22, title, weight="bold", size=14)]
    y = _HEAD
    for panel in shown:
        parts.append(_text(10, y + 12, panel.heading, weight="bold"))
        parts += _panel(panel, y + 20, xs[-1] or 1.0)
        y += _PANEL + 36
    for share in range(5):
        x = _MARGIN + share / 4 * (_WIDTH - _MARGIN - _RIGHT)
        parts.append(_text(x, y + 4, f"{xs[-1] * share / 4:.3g}", anchor="middle"))
    return _document(parts, y + 16)


def _panel(panel: Panel, top: float, widest: float) -> list[str]:
    right = _WIDTH - _RIGHT
    highest = _round(max(y for line in panel.lines for y in line.ys if y is not None))
    bottom = top + _PANEL
    parts = [
        f'<path d="M{_MARGIN} {y:.1f}H{right}" stroke="#ccc"/>'
        for y in (top, (top + bottom) / 2, bottom)
    ]
    for share in (0.0, 0.5, 1.0):
        parts.append(_text(_MARGIN - 6, bottom - share * _PANEL + 4, f"{highest * share:g}", "end"))
    labels = float("-inf")
    for index, line in sorted(enumerate(panel.lines), key=lambda each: -(each[1].ys[-1] or 0)):
        colour = _COLOURS[_LINES[index % len(_LINES)]]
        path, isDown = "", False
        for x, value in zip(line.xs, line.ys):
            if value is None:
                isDown = False
                continue
            place = f"{_MARGIN + x / widest * (right - _MARGIN):.1f}"
            path += f"{'L' if isDown else 'M'}{place} {bottom - value / highest * _PANEL:.1f}"
            isDown = True
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        # Beside its end, but not above another.
        labels = max(labels + 13, bottom - (line.ys[-1] or 0) / highest * _PANEL + 4)
        parts.append(
            f'<text x="{right + 6}" y="{labels:.1f}" font-size="12" fill="{colour}">'
            f"{escape(line.label)}</text>"
        )
    return parts


def _round(value: float) -> float:
    """
    :return: a round number that is no smaller.
    """
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * power >= value)


def _document(parts: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}" font-family="sans-serif" fill="#222">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
