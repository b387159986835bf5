"""The figures of faithfulness as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from dfcore.assessment.output.cells import cell, escape

__all__ = ["faithfulness_table"]

_PARTS = {
    "cue": ("the cue", "as many other channels"),
    "cue_map_cells": ("cells of the cue map", "as many random cells"),
    "face_cells": ("cells of the face", "as many random cells"),
}
_MAPS = {"face": "the face's map", "cue_map": "the cue map"}
_PLACES = {"pointing": "pointing game", "iou": "IoU"}


def faithfulness_table(detectors: Sequence[Mapping[str, Any]]) -> Table:
    """What flips and falls without the named part, and where the maps lie; below each figure that of chance."""
    title = "Explanations: the named part against a random one of its size"
    table = Table(title=title, title_justify="left")
    table.add_column("", overflow="fold")
    found = [(one["name"], one["faithfulness"]) for one in detectors if one.get("faithfulness")]
    for name, _ in found:
        table.add_column(escape(name), justify="right", overflow="fold")

    def row(name: str, cells: Iterator[str]) -> None:
        table.add_row(escape(name), *map(escape, cells))

    all_of = [figures for _, figures in found]
    row("called fake; looked at (fakes)", (_called(one) for one in all_of))
    row("called so by", (one["basis"] for one in all_of))
    for part, (words, others) in _PARTS.items():
        parts = [one[part] for one in all_of]
        if not any(parts):
            continue
        table.add_section()
        row(f"flips without {words}", (_flips(one) for one in parts))
        row(f"  without {others}", (_figure(one, "flips_random") for one in parts))
        row("  difference", (_figure(one, "flips_difference") for one in parts))
        row(f"fall of fakes' log-odds without {words}", (_falls(one) for one in parts))
        row(f"  without {others}", (_figure(one, "fall_random") for one in parts))
        row("  difference", (_figure(one, "fall_difference") for one in parts))
    for on, words in _MAPS.items():
        maps = [one["localisation"][on] for one in all_of]
        if not any(maps):
            continue
        table.add_section()
        for key, name in _PLACES.items():
            row(f"{name}, {words}", (_counted(one, key, "videos") for one in maps))
            row("  chance", (_figure(one, f"{key}_chance") for one in maps))
            row("  difference", (_figure(one, f"{key}_difference") for one in maps))
    return table


def _called(figures: Mapping[str, Any]) -> str:
    if not figures["called_fake"]:
        return "none"
    return f"{figures['called_fake']}; {figures['videos']} ({figures['fakes']})"


def _flips(part: Mapping[str, Any] | None) -> str:
    """Where there is no figure, why."""
    if part is not None and part["flips"]["value"] is None:
        return "none called fake" if not part["unnamed"] else "nothing named"
    return _counted(part, "flips", "videos")


def _falls(part: Mapping[str, Any] | None) -> str:
    if part is not None and part["fall"]["value"] is None:
        return "nothing named"
    return _counted(part, "fall", "fakes")


def _counted(part: Mapping[str, Any] | None, key: str, of: str) -> str:
    return "-" if part is None else f"{cell(part[key], 2)}, {part[of]}"


def _figure(part: Mapping[str, Any] | None, key: str) -> str:
    return "-" if part is None else cell(part[key], 2)
