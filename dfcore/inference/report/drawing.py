"""The geometry of a report's drawings. The templates write them as SVG; here are only numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dfcore.inference.explanation import CueEffect, Map, Moment, Span, SpecialistExplanation
from dfcore.text import count_of

__all__ = ["Bar", "Cell", "Grid", "Timeline", "bars", "draw_timeline", "grid"]

WIDTH, HEIGHT = 640, 168
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 24, 30
MOST_MOMENTS = 600
"""Moments that are drawn; of more, neighbours are merged and the highest of them stands for all."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in the drawing's units, and its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A span, or a stretch without a score: its left end and width in the drawing's units."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The margin over time.

    Attributes:
        width, height: of the drawing.
        plot: left, top, right and bottom of the area of the axes.
        steps: the path of the margin: one level for each moment.
        bands: the spans that are called forged.
        silent: stretches in which the specialist abstains.
        zero: where the margin 0 lies.
        threshold: where the threshold lies; None where there is none.
        x_ticks, y_ticks: the axes.
        merged: how many moments stand behind each level; 1 where all are drawn.
        text: the drawing in words.
    """

    width: int
    height: int
    plot: tuple[float, float, float, float]
    steps: str
    bands: tuple[Band, ...]
    silent: tuple[Band, ...]
    zero: float
    threshold: float | None
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    merged: int
    text: str


def draw_timeline(explained: SpecialistExplanation) -> Timeline | None:
    """The margin through the video; None where there is not one moment."""
    moments, merged = _merged(moments_of(explained))
    if not moments:
        return None
    begin, end = moments[0].start, max(one.end for one in moments)
    end = max(end, begin + 1e-3)
    margins = [one.margin for one in moments if one.margin is not None]
    low, high = _limits([*margins, 0.0, *([explained.threshold] if explained.threshold is not None else [])])

    def x(time: float) -> float:
        return round(LEFT + (min(max(time, begin), end) - begin) / (end - begin) * (WIDTH - LEFT - RIGHT), 2)

    def y(margin: float) -> float:
        return round(TOP + (high - margin) / (high - low) * (HEIGHT - TOP - BOTTOM), 2)

    return Timeline(
        width=WIDTH,
        height=HEIGHT,
        plot=(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
        steps=" ".join(
            f"M{x(one.start)} {y(one.margin)}H{max(x(one.end), x(one.start) + 1)}"
            for one in moments
            if one.margin is not None
        ),
        bands=tuple(_band(x(span.start), x(span.end)) for span in explained.spans),
        silent=tuple(_band(x(one.start), x(one.end)) for one in moments if one.margin is None),
        zero=y(0.0),
        threshold=None if explained.threshold is None else y(explained.threshold),
        x_ticks=tuple(Tick(x(value), _time(value)) for value in _ticks(begin, end, 8)),
        y_ticks=tuple(Tick(y(value), _level(value)) for value in _ticks(low, high, 4)),
        merged=merged,
        text=_in_words(explained, begin, end),
    )


def moments_of(explained: SpecialistExplanation) -> Sequence[Moment]:
    """The margin's values along the video."""
    return explained.course


def _merged(moments: Sequence[Moment]) -> tuple[list[Moment], int]:
    size = math.ceil(len(moments) / MOST_MOMENTS) or 1
    found = []
    for first in range(0, len(moments), size):
        part = moments[first : first + size]
        margins = [one.margin for one in part if one.margin is not None]
        found.append(Moment(part[0].start, max(one.end for one in part), max(margins, default=None)))
    return found, size


def _band(left: float, right: float) -> Band:
    return Band(left, round(max(right - left, 1.0), 2))


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest of the axis, with a little space about the values."""
    low, high = min(values), max(values)
    space = max(high - low, 1.0) * 0.1
    return low - space, high + space


def _ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers between the two."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _level(value: float) -> str:
    return f"{value:+g}".replace("-", "\u2212") if value else "0"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _in_words(explained: SpecialistExplanation, begin: float, end: float) -> str:
    moments = moments_of(explained)
    scored = [one for one in moments if one.margin is not None]
    parts = [f"From {begin:.2f} s to {end:.2f} s."]
    if scored:
        top = max(scored, key=lambda one: one.margin or 0.0)
        bottom = min(scored, key=lambda one: one.margin or 0.0)
        verb = "was" if len(scored) == 1 else "were"
        parts.append(
            f"{count_of(len(scored), 'clip')} {verb} scored; the margin is highest at {top.start:.2f} s "
            f"({top.margin:+.2f}) and lowest at {bottom.start:.2f} s ({bottom.margin:+.2f})."
        )
    if len(scored) < len(moments):
        parts.append(f"In {count_of(len(moments) - len(scored), 'clip')} it abstains.")
    parts.append(spans_in_words(explained.spans))
    return " ".join(parts)


def spans_in_words(spans: Sequence[Span]) -> str:
    """Which stretches are called forged."""
    if not spans:
        return "No stretch of the video is called forged."
    listed = ", ".join(f"{span.start:.2f} s to {span.end:.2f} s" for span in spans)
    return f"Called forged: {listed}."


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a map that is drawn: its place, how strong it is (0 to 1), and whether it speaks for "fake"."""

    row: int
    column: int
    strength: float
    positive: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A 7x7 map as it is drawn.

    Attributes:
        cells: those that are seen.
        largest: the value whose cell is drawn at full strength, without its sign.
        text: the map in words.
    """

    cells: tuple[Cell, ...]
    largest: float
    text: str


def grid(values: Map, chosen: Sequence[tuple[int, int]] = (), least: float = 0.0) -> Grid:
    """A map as it is drawn.

    Args:
        values: 7 rows of 7; positive where a cell speaks for "fake".
        chosen: cells that are outlined.
        least: a value that is drawn at full strength at least: what is much smaller stays faint.
    """
    largest = max((abs(value) for row in values for value in row), default=0.0)
    largest = max(largest, least) if largest else 0.0
    marked = {(int(row), int(column)) for row, column in chosen}
    cells = tuple(
        Cell(i, j, round(abs(value) / largest, 3) if largest else 0.0, value > 0, (i, j) in marked)
        for i, row in enumerate(values)
        for j, value in enumerate(row)
        if (i, j) in marked or (largest and abs(value) / largest >= 0.02)
    )
    order = sorted(cells, key=lambda cell: -cell.strength * (1 if cell.positive else -1))
    strongest = [cell for cell in order if cell.positive][:3]
    named = ", ".join(f"row {cell.row + 1} column {cell.column + 1}" for cell in strongest)
    text = f"Strongest of 7 by 7 cells, counted from the top left: {named}." if named else "No cell stands out."
    return Grid(cells, largest, text)


@dataclass(frozen=True, slots=True)
class Bar:
    """An effect and that of the random control, as places between -50 and 50."""

    effect: float
    random: float


def bars(cues: Sequence[CueEffect]) -> list[Bar]:
    """The bars of one specialist's cues, all to the same scale."""
    largest = max((max(abs(cue.effect), abs(cue.random_effect)) for cue in cues), default=0.0) or 1.0
    return [Bar(round(50 * cue.effect / largest, 2), round(50 * cue.random_effect / largest, 2)) for cue in cues]
