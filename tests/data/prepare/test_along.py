"""Clips along a whole video: where they lie, and that cutting it into stretches changes none of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fake_parts import FixedFace

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare import along
from dfcore.data.prepare.along import MOST_CLIPS, extract_along, spans_along
from dfcore.errors import MediaError, UsageError
from dfcore.testing.media import write_broken, write_video

PLANS = [ClipPlan(frames=4), ClipPlan(frames=8, speech=1.2)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    audio = (3000 * rng.normal(size=5 * 48000)).clip(-32000, 32000).astype(np.int16)
    return write_video(tmp_path_factory.mktemp("v") / "a.mp4", frames=125, audio=audio)


def parts(video: Path, **options: object) -> list:
    return list(extract_along(video, PLANS, detector=FixedFace(), **options))  # type: ignore[arg-type]


def test_clips_lie_in_the_middle_of_equal_parts(video: Path) -> None:
    (found,) = parts(video)
    for one, frames in zip(found, (4, 8), strict=True):
        middles = [clip.header.frames[frames // 2] for clip in one.clips]
        assert middles == [12, 37, 62, 87, 112]


def test_stretches_change_no_clip(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = parts(video)
    monkeypatch.setattr(along, "STRETCH", 2)
    cut = parts(video)
    assert [len(found[0].clips) for found in cut] == [2, 2, 1]
    for plan in range(2):
        again = [clip for found in cut for clip in found[plan].clips]
        for one, other in zip(whole[plan].clips, again, strict=True):
            assert one.header == other.header
            assert np.array_equal(one.y, other.y)
            assert np.array_equal(one.audio, other.audio)  # type: ignore[arg-type]
            if plan == 1:
                assert one.speech is not None
                assert other.speech is not None
                assert np.array_equal(one.speech.mouth, other.speech.mouth)
                assert np.array_equal(one.speech.audio, other.speech.audio)  # type: ignore[arg-type]
                assert np.abs(one.speech.audio.astype(int)).mean() > 500  # type: ignore[union-attr]


def test_clips_of_one_place_are_in_one_stretch_however_long_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(along, "STRETCH", 4)
    info = SimpleNamespace(frame_count=250, fps=25.0, width=64, height=64)
    plans = [ClipPlan(frames=4), ClipPlan(frames=24)]
    stretches = along._stretches(Path("a.mp4"), info, plans, 1.0)  # type: ignore[arg-type]
    assert [[len(work.spans) for work in works] for works in stretches] == [[4, 4], [4, 4], [2, 2]]
    for short, long in stretches:
        assert [{*inner} <= {*outer} for inner, outer in zip(short.spans, long.spans, strict=True)].count(False) == 0


def test_frames_that_were_given_out_are_let_go(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(along, "HELD_BYTES", 1)  # a stretch of one clip each
    assert [len(found[0].clips) for found in parts(video)] == [1, 1, 1, 1, 1]


def test_short_videos_have_some_clips_and_long_ones_not_too_many() -> None:
    assert len(spans_along(40, 25.0, 1.0)) == 4
    assert len(spans_along(10, 25.0, 1.0)) == 1
    assert len(spans_along(25 * 3600, 25.0, 1.0)) == MOST_CLIPS
    assert len(spans_along(250, 25.0, 0.5)) == 20


def test_what_cannot_be_cut_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 0"):
        spans_along(10, 25.0, 0.0)
    with pytest.raises(MediaError):
        parts(write_broken(tmp_path / "a.mp4", "noise"))
