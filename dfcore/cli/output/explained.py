"""An explanation as text: a few lines for each person and specialist."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dfcore.text import count_of

if TYPE_CHECKING:
    from dfcore.inference.explanation import (
        CueEffect,
        FileExplanation,
        RegionEffect,
        SpecialistExplanation,
    )

__all__ = ["explanation_lines"]

INDENT = " " * 11
_ROWS = ("top", "top", "middle", "middle", "middle", "bottom", "bottom")
_COLUMNS = ("left", "left", "centre", "centre", "centre", "right", "right")
_WITHOUT = {"face": "blurred", "cue map": "replaced by genuine ones"}


def explanation_lines(explanation: FileExplanation) -> list[str]:
    """What each score of a file rests on, indented under its row of the table."""
    lines = []
    for person in explanation.people:
        who = f"person {person.person + 1}, " if len(explanation.people) > 1 else ""
        for one in person.specialists.values():
            if one.margin is not None:
                lines += [f"{INDENT}{line}" for line in _specialist(one, who)]
    return [*lines, *(f"{INDENT}{note}" for note in explanation.notes)]


def _specialist(one: SpecialistExplanation, who: str) -> list[str]:
    assert one.margin is not None
    over = count_of(one.samples, "sample")
    lines = [f"{who}{one.label} ({one.title}): score {_score(one.margin)} over {over}. {one.finding}"]
    if one.cues:
        width = max(len(cue.cue) for cue in one.cues)
        lines.append(f"  {'without':{width}}  unlike genuine       score  effect  as many at random")
        lines += [f"  {_cue(cue, one.margin, width)}" for cue in one.cues]
    lines += [f"  {_region(region)}" for region in one.regions]
    if one.course:
        lines.append(f"  {_course(one)}")
    if (shares := one.attention) is not None:
        row, column = max(((r, c) for r in range(7) for c in range(7)), key=lambda at: shares[at[0]][at[1]])
        lines.append(f"  attention: most to the {_place(row, column)} of the cue map, which is no reason")
    return [*lines, *(f"  {note}" for note in one.notes)]


def _cue(cue: CueEffect, margin: float, width: int) -> str:
    usual = "" if cue.usual is None else f" (usual < {cue.usual:.1f})"
    off = "not known" if cue.deviation is None else f"{cue.deviation:.1f} sd{usual}"
    after = _score(margin - cue.effect)
    return f"{cue.cue:{width}}  {off:<20} {after}  {cue.effect:+6.2f}  {cue.random_effect:+6.2f}"


def _region(region: RegionEffect) -> str:
    if not region.cells:
        return f"{region.on}: no cell of it speaks for fake"
    count = len(region.cells)
    cells = "the strongest cell" if count == 1 else f"the {count} strongest of 49 cells"
    return (
        f"{region.on}: {cells} {_WITHOUT.get(region.on, 'taken away')}: effect {region.effect:+.2f}, as many at random "
        f"{region.random_effect:+.2f}; the strongest is at the {_place(*region.cells[0])}"
    )


def _course(one: SpecialistExplanation) -> str:
    judged = [moment.margin for moment in one.course if moment.margin is not None]
    if not judged:
        return "course: no moment of the video could be judged by itself"
    low, high = min(judged), max(judged)
    begin = f"course: {count_of(len(judged), 'moment')} from {one.course[0].start:.1f} to {one.course[-1].end:.1f} s, "
    begin += f"scores {_score(low)} to {_score(high)}"
    if one.threshold is None:
        return f"{begin}; {one.threshold_from}"
    spans = ", ".join(f"{span.start:.1f}-{span.end:.1f} s ({_score(span.margin)})" for span in one.spans)
    return f"{begin}; called forged: {spans or 'none'} (from {_score(one.threshold)} on: {one.threshold_from})"


def _place(row: int, column: int) -> str:
    return f"{_ROWS[row]} {_COLUMNS[column]}"


def _score(margin: float) -> str:
    return f"{0.5 * (1 + math.tanh(margin / 2)):.3f}"
