"""A small plot of values over time as SVG, drawn on the server: the values and, as a band, the range of reference.

It is a picture of the table that stands beneath it; its classes are those of the style sheet, because the content
security policy permits no style of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

WIDTH: Final = 300
HEIGHT: Final = 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 14, 26
_HEADROOM: Final = 0.12
"""The share of the span of values that stays free above and below them."""


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """A value at a moment. `is_outside`: outside of its own range of reference."""

    at: datetime
    value: float
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class PlotTexts:
    """What the plot says: `title` to those who do not see it, the days of the first and the last point, and the values
    at its ticks, by value."""

    title: str
    first: str
    last: str
    ticks: Sequence[tuple[float, str]]


def plot(points: Sequence[PlotPoint], low: float | None, high: float | None, texts: PlotTexts) -> str:
    """Returns the SVG of at least two points, oldest first. `low`, `high`: the range of reference, where it is known.

    Each tick is a line across the plot; those too near to an earlier one are left out.
    """
    bounds = [bound for bound in (low, high) if bound is not None]
    values = [point.value for point in points]
    scale = _Scale(points[0].at, points[-1].at, min([*values, *bounds]), max([*values, *bounds]))
    places = [(scale.x(point.at), scale.y(point.value), point.is_outside) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    return "".join(
        [
            f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(texts.title)}">',
            _band(scale, low, high),
            *_ticks(scale, texts.ticks),
            f'<polyline class="line" points="{line}"/>',
            *(_mark(x, y, is_outside=is_outside) for x, y, is_outside in places),
            f'<text x="{_LEFT}" y="{HEIGHT - 6}">{escape(texts.first)}</text>',
            f'<text class="end" x="{WIDTH - _RIGHT}" y="{HEIGHT - 6}">{escape(texts.last)}</text>',
            "</svg>",
        ]
    )


class _Scale:
    """Turns moments and values into places."""

    def __init__(self, first: datetime, last: datetime, low: float, high: float) -> None:
        self._first, self._seconds = first, (last - first).total_seconds() or 1.0
        free = (high - low or abs(high) or 1.0) * _HEADROOM
        self._low, self._span = low - free, high - low + 2 * free

    def x(self, at: datetime) -> float:
        share = (at - self._first).total_seconds() / self._seconds
        return _LEFT + 6 + share * (WIDTH - _LEFT - _RIGHT - 12)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (value - self._low) / self._span * (HEIGHT - _TOP - _BOTTOM)


def _band(scale: _Scale, low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    top = _TOP if high is None else scale.y(high)
    bottom = HEIGHT - _BOTTOM if low is None else scale.y(low)
    width = WIDTH - _LEFT - _RIGHT
    return f'<rect class="band" x="{_LEFT}" y="{top:.1f}" width="{width}" height="{max(bottom - top, 0):.1f}"/>'


def _ticks(scale: _Scale, ticks: Sequence[tuple[float, str]]) -> list[str]:
    written: list[float] = []
    parts = []
    for value, text in ticks:
        y = scale.y(value)
        if any(abs(y - other) < 14 for other in written):
            continue
        written.append(y)
        parts.append(f'<path class="tick" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{escape(text)}</text>')
    return parts


def _mark(x: float, y: float, *, is_outside: bool) -> str:
    """Returns a dot, or for a value outside of its range a diamond: the form differs, not only the colour."""
    if is_outside:
        return f'<path class="outside" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6-6z"/>'
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
