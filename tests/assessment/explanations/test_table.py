"""The table of faithfulness says why a figure is missing."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from dfcore.assessment.explanations import faithfulness
from dfcore.assessment.explanations.table import faithfulness_table
from dfcore.assessment.explanations.tally import Tally


def figures(called: int, *, flips: bool = False, unnamed: bool = False, place: bool = False) -> dict[str, Any]:
    tally = Tally(draws=20)
    tally.tested.add("cue")
    for group in range(4):
        tally.add_fall("cue", group, 2.0, 0.5)
        if flips:
            tally.add_flip("cue", group, 0.0, -1.0, np.array([1.0, -1.0]))
        if place:
            tally.add_place("face", group, 1.0, 0.25, 0.5, 0.1)
    if unnamed:
        tally.add_unnamed("cue")
    return {"called_fake": called, "basis": "verdict", "videos": called, "fakes": called, **tally.to_dict(called)}


def shown(**by_name: dict[str, Any]) -> dict[str, list[str]]:
    """The cells of each row."""
    console = Console(file=StringIO(), width=200)
    console.print(faithfulness_table([{"name": name, "faithfulness": found} for name, found in by_name.items()]))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    rows = [[cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")] for line in lines]
    return {row[0]: row[1:] for row in rows if len(row) > 1}


def test_a_figure_stands_with_its_interval_and_the_number_of_videos() -> None:
    rows = shown(cm=figures(4, flips=True, place=True))
    assert rows["called fake; looked at (fakes)"] == ["4; 4 (4)"]
    assert rows["flips without the cue"] == ["1.00 (1.00 to 1.00), 4"]
    assert rows["fall of fakes' log-odds without the cue"] == ["2.00 (2.00 to 2.00), 4"]
    assert rows["pointing game, the face's map"] == ["1.00 (1.00 to 1.00), 4"]
    assert "flips without cells of the face" not in rows, "nothing of that was tested"
    decimals = {len(found) for cells in rows.values() for found in re.findall(r"\d\.(\d+)", " ".join(cells))}
    assert decimals == {2}
    assert rows["chance"] == ["0.10 (0.10 to 0.10)"]


@pytest.mark.parametrize(("count", "taken"), [(9, [1, 4, 7]), (3, [0, 1, 2]), (2, [0, 1]), (0, [])])
def test_at_most_so_many_videos_are_looked_at_spread_evenly(
    monkeypatch: pytest.MonkeyPatch, count: int, taken: list[int]
) -> None:
    monkeypatch.setattr(faithfulness, "MOST_VIDEOS", 3)
    assert faithfulness._spread(list(range(count))) == taken  # type: ignore[arg-type]


def test_none_called_fake_and_nothing_named_are_said() -> None:
    rows = shown(a=figures(0), b=figures(1, unnamed=True), c=figures(4, flips=True))
    assert rows["called fake; looked at (fakes)"][0] == "none"
    assert rows["flips without the cue"] == ["none called fake", "nothing named", "1.00 (1.00 to 1.00), 4"]
    assert rows["fall of fakes' log-odds without the cue"][0] == "2.00 (2.00 to 2.00), 4", "it needs no verdict"
