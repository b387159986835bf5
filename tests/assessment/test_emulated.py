"""An evaluation of the same videos as platforms would deliver them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dfcore.data.emulation import encode
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import UnknownNameError

Evaluate = Callable[..., Any]


@pytest.fixture(autouse=True)
def _unencoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clips of these tests are made, not decoded."""
    monkeypatch.setattr(encode, "as_from_platform", lambda source, target, platform, threads: target.touch())


def test_emulated_figures_stand_beside_the_clean_ones_under_the_same_decisions(
    evaluate: Evaluate, trained: SimpleNamespace
) -> None:
    found = evaluate(emulate=("x_720", "youtube_360"), plots=True)
    assert found.names == ("toy_stage1", "toy_stage1 (x_720)", "toy_stage1 (youtube_360)")
    clean, emulated, _ = found.report["detectors"]
    assert "emulation" not in clean["weights"]
    assert emulated["weights"]["emulation"] == "x_720"
    assert emulated["weights"]["hash"] == clean["weights"]["hash"]
    assert (emulated["threshold"], emulated["calibration"]) == (clean["threshold"], clean["calibration"])
    assert emulated["coverage"]["videos"] == clean["coverage"]["videos"] == 6
    files = {path.name for path in found.plots}
    assert {"scores_toy_stage1.png", "scores_toy_stage1_x_720.png", "scores_toy_stage1_youtube_360.png"} <= files
    ids = {video.id for video in found.videos["toy_stage1"]}
    assert {video.id for video in found.videos["toy_stage1 (x_720)"]} == {f"{name}~as-x_720" for name in ids}
    assert all(video.bit_rate is None for video in found.videos["toy_stage1 (x_720)"])


def test_their_clips_and_scores_lie_apart(evaluate: Evaluate, trained: SimpleNamespace) -> None:
    before = set(ClipStore(trained.store).ids())
    found = evaluate(emulate="x_720")
    assert set(ClipStore(trained.store).ids()) == before
    apart = set(ClipStore(Path(f"{trained.store}~as-x_720")).ids())
    assert {name.endswith("~as-x_720") for name in apart} == {True}
    scores = sorted(path.name for path in (found.folder / "scores").glob("*.jsonl"))
    assert [name for name in scores if "x_720" in name] == ["toy_stage1_x_720.jsonl"]
    assert len({line.split(",")[0] for line in found.csv.read_text().splitlines()[1:]}) == 2


def test_without_an_emulation_there_is_none(evaluate: Evaluate) -> None:
    assert evaluate().names == ("toy_stage1",)


def test_an_unknown_platform_is_refused_before_anything_is_scored(evaluate: Evaluate, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="x_720"):
        evaluate(emulate=["x_72"])
    assert not (tmp_path / "runs").exists()
