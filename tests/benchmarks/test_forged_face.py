"""The benchmark of whose face was forged: its fakes are as it says, and what it counts as right is."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import forged_face  # noqa: E402
from forged_face import Case, Outcome, beside, joined, judge, paste, summary  # noqa: E402
from two_people import LEFT, PLAN, RIGHT, altered, box, write  # noqa: E402

from dfcore.data.records import FAKE, VideoRecord  # noqa: E402


def planes(image: object) -> forged_face.Planes:
    frames = np.stack([image(index)[..., 0] for index in range(32)])  # type: ignore[operator]
    grey = np.full((32, frames.shape[1] // 2, frames.shape[2] // 2), 128, np.uint8)
    return frames, grey, grey


@pytest.mark.parametrize("which", [LEFT, RIGHT])
def test_the_forged_face_is_found_where_it_was_put(monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    monkeypatch.setattr(forged_face, "PLAN", PLAN)
    part = tuple(map(float, box(which)))
    case = Case("made", "case", planes(altered(which)), planes(altered(which, 0.0)), part)  # type: ignore[arg-type]
    found = judge(case, 26)
    assert found is not None
    assert (found.verdict, len(found.others)) == ("right", 1)
    assert found.forged > 3 * found.others[0]
    other = judge(replace(case, part=tuple(map(float, box(1 - which)))), 26)  # type: ignore[arg-type]
    assert other is not None
    assert other.verdict == "wrong"


def test_a_pair_beside_another_video(tmp_path: Path) -> None:
    fake, original, other = (
        write(tmp_path / f"{name}.mp4", altered(RIGHT, strength)) for name, strength in (("f", 1), ("o", 0), ("x", 0))
    )
    sides = set()
    for seed in range(4):
        (case,) = beside("beside", VideoRecord("f", fake, FAKE, "swap"), original, other, np.random.default_rng(seed))
        x0, _, x1, _ = case.part
        differs = np.abs(case.fake[0].astype(int) - case.original[0]).max(axis=(0, 1)) > 40
        assert x0 <= np.flatnonzero(differs).min()
        assert np.flatnonzero(differs).max() < x1
        sides.add(x0 > 0)
    assert sides == {False, True}


def test_side_by_side_keeps_every_pixel() -> None:
    rng = np.random.default_rng(0)
    one, two = (
        tuple(rng.integers(0, 256, (2, h // s, w // s), dtype=np.uint8) for s in (1, 2, 2))
        for h, w in ((64, 96), (96, 64))
    )
    y, u, _ = joined(one, two, left=False)  # type: ignore[arg-type]
    assert y.shape == (2, 96, 160)
    assert (y[:, :, :64] == two[0]).all()
    assert (y[:, :64, 64:] == one[0]).all()
    assert (u[:, :32, 32:] == one[1]).all()


def test_a_pasted_face_keeps_the_mean_and_the_surround() -> None:
    image = np.random.default_rng(1).integers(60, 180, (80, 120), dtype=np.uint8)
    before = image.copy()
    paste(image, np.array([10.0, 10, 50, 60]), np.array([60.0, 10, 110, 70]))
    inside = np.zeros(image.shape, bool)
    inside[10:60, 10:50] = True
    assert (image[~inside] == before[~inside]).all()
    assert (image[25:45, 20:40] != before[25:45, 20:40]).mean() > 0.9
    assert abs(image[inside].mean() - before[inside].mean()) < 3


def test_the_summary_counts() -> None:
    made = [
        Outcome("several", "a", 23, "right", 4.0, (1.0, 2.0)),
        Outcome("several", "b", 23, "wrong", 1.0, (2.0,)),
        Outcome("several", "c", 35, "undecided", 3.0, (0.0,)),
    ]
    rows = [row.split() for row in summary(made).splitlines()[2:]]
    assert rows == [["several", "23", "2", "1", "0", "1", "0.5"], ["several", "35", "1", "0", "1", "0", "60.0"]]
