"""What a plan gives does not depend on which plans are served beside it, and shorter clips are in longer ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfcore.data.clips import Clip, ClipAccess, MemoryClip
from dfcore.data.clips.part import ClipPart, cut_part, part_of
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare.extract import extract_clips, extract_for_plans
from dfcore.testing.media import tone, write_video

WANDERING = "fake_parts:WanderingFace"
SHORT = ClipPlan(clips=3, frames=8, detector=WANDERING)
LONG = replace(SHORT, frames=16)
SPEECH = replace(SHORT, speech=1.2)
DENSE = replace(SPEECH, frames=16, landmarks=1)
OTHER = ClipPlan(clips=2, frames=5, people=2, detector="fake_parts:TwoFaces", side_data=False)


@pytest.fixture(scope="module", params=[23, 40, 90])
def video(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    frames = request.param
    path = tmp_path_factory.mktemp("part") / "v.mp4"
    return write_video(path, width=256, height=208, frames=frames, audio=tone(frames / 25))


def content(access: ClipAccess, frames: int) -> list[Any]:
    """All that can be read of a clip."""
    every = range(frames)
    arrays = [*access.planes(every), access.luma(every), access.qp(every), access.motion(every), access.audio()]
    arrays += [access.landmarks(every)]
    said = access.speech()
    if said is not None:
        arrays += [said.mouth, said.present, said.audio, said.landmarks]
    return [replace(access.header, speech_start=None), *(None if a is None else a.tobytes() for a in arrays)]


def whole(clip: Clip) -> list[Any]:
    return content(MemoryClip(clip), len(clip.header.frames))


def test_plans_give_in_company_what_they_give_alone(video: Path) -> None:
    plans = [SHORT, LONG, SPEECH, OTHER, DENSE]
    together = extract_for_plans(video, plans)
    for plan, found in zip(plans, together, strict=True):
        assert found.clips
        assert [whole(clip) for clip in found.clips] == [whole(clip) for clip in extract_clips(video, plan)]


def test_clips_of_a_longer_plan_contain_those_of_a_shorter(video: Path) -> None:
    short, long, speech = (found.clips for found in extract_for_plans(video, [SHORT, LONG, SPEECH]))
    assert len(short) == len(long) == len(speech)
    assert max(len(clip.header.frames) for clip in long) == 16
    for mine, longer, spoken in zip(short, long, speech, strict=True):
        frames = len(mine.header.frames)
        assert content(ClipPart(MemoryClip(longer), 8), frames) == whole(mine)
        assert whole(cut_part(longer, 8)) == whole(mine)
        assert content(MemoryClip(replace(spoken, speech=None)), frames) == whole(mine)


def test_the_same_where_frames_are_too_large_to_be_held(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [[whole(clip) for clip in found.clips] for found in extract_for_plans(video, [SHORT, LONG])]
    monkeypatch.setattr("dfcore.data.prepare.watch.HELD_BYTES", 0)
    again = [[whole(clip) for clip in found.clips] for found in extract_for_plans(video, [SHORT, LONG])]
    assert again == held


def test_evidence_of_the_part_is_given_as_it_is_and_that_of_the_whole_is_cut(video: Path) -> None:
    clip = max(extract_clips(video, LONG), key=lambda c: len(c.y))
    rows = np.arange(16, dtype=np.float16).reshape(16, 1, 1, 1)
    clip.evidence = {"whole": rows, "own": rows[:8]}
    part = part_of(MemoryClip(clip), 8)
    assert part.evidence("whole").ravel().tolist() == list(range(4, 12))  # type: ignore[union-attr]
    assert part.evidence_mean("whole").ravel().tolist() == [7.5]  # type: ignore[union-attr]
    assert part.evidence("own").ravel().tolist() == list(range(8))  # type: ignore[union-attr]
    assert part.evidence("none") is None
    assert part_of(MemoryClip(clip), 16).evidence("whole") is rows


def test_positions_are_those_of_the_part(video: Path) -> None:
    clip = max(extract_clips(video, LONG), key=lambda clip: len(clip.y))
    part = ClipPart(MemoryClip(clip), 8)
    assert part.source is clip.source
    assert np.array_equal(part.luma([0, 7]), clip.y[[4, 11]])
    assert part.header.frames == clip.header.frames[4:12]


def test_a_clip_that_is_no_longer_than_what_is_asked_for_is_given_itself(make_clip: Callable[..., Clip]) -> None:
    access = MemoryClip(make_clip(3))
    assert part_of(access, 3) is access
    assert part_of(access, 4) is access
    part = part_of(access, 2)
    assert isinstance(part, ClipPart)
    assert len(part.header.frames) == 2
