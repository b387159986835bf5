"""Models, frames and sums are in one order, whatever order they come in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from any_order import LETTERS, MIXED, list_in_any_order
from fake_specialists import SPEC, BrightIsFake, member, predictor

from dfcore.errors import CheckpointError
from dfcore.inference.explain.frames import LONGER_SIDE, key_frames
from dfcore.inference.models import find_models
from dfcore.inference.report.about import About
from dfcore.inference.verdict import mean
from dfcore.testing.views import made_clip


def test_the_distributions_of_specialists_are_told_by_name() -> None:
    members = [
        member(BrightIsFake(replace(SPEC, name=name, module=f"of_{name}.module:Cue")), label=name) for name in MIXED
    ]
    versions = [name for name, _ in About.of(predictor(*members)).versions]
    assert versions[-len(LETTERS) :] == [f"of-{name}" for name in LETTERS]


def test_the_mean_is_the_same_sum_in_any_order() -> None:
    margins = {"a": 1e16, "b": 1.0, "c": -1e16, "d": 1.0}
    assert mean(margins) == mean(dict(reversed(margins.items()))) == 0.25


def test_key_frames_are_spread_over_a_persons_clips_in_order() -> None:
    clips = []
    for k in range(5):
        clip = made_clip(k, frames=4, size=64, audio=False)
        clip.header = replace(clip.header, frames=tuple(range(10 * k, 10 * k + 4)))
        clips.append(clip)
    found = key_frames(clips[::-1], 3)
    assert [frame.frame for frame in found] == [2, 22, 42]
    assert [frame.frame for frame in key_frames(clips[:2], 3)] == [2, 12]
    assert [frame.size for frame in found] == [(64, 64)] * 3  # no larger than it was
    large = made_clip(9, frames=4, size=2 * LONGER_SIDE, audio=False)
    [frame] = key_frames([large])
    assert frame.size == (480, 480)
    assert frame.window == (0.0, 0.0, 480.0, 480.0)
    x0, y0, x1, y1 = large.header.boxes[2]
    assert frame.face == pytest.approx((x0 / 2, y0 / 2, x1 / 2, y1 / 2), abs=0.006)
    assert all(round(value, 2) == value for value in (*frame.face, *frame.face_view))


def test_of_a_folder_the_last_epoch_and_the_first_unfinished_run_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_in_any_order(monkeypatch)
    for name in MIXED:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"cm_stage1_epoch{LETTERS.index(name):02d}.zip").touch()
    with pytest.raises(CheckpointError, match=r"for example .*cm_stage1_epoch11\.zip\.$"):
        find_models([tmp_path])
    for name in MIXED:
        (tmp_path / name / "last.pt").touch()
    with pytest.raises(CheckpointError, match=r"^.*/a holds a run that is not finished.*epoch11\.zip\.$"):
        find_models([tmp_path])
