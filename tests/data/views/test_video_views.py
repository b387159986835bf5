"""Views of a person's speech in all clips of a video."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.records import VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.views import build_views
from dfcore.data.views.speech import FLOOR
from dfcore.data.views.video import VIDEO_CLIPS
from dfcore.specs import VIDEO_VIEWS
from dfcore.testing.views import made_clip

OWN = tuple(name.removeprefix("video_") for name in VIDEO_VIEWS)


def clip(number: int, track: int = 0) -> Clip:
    """Of another moment than any other number's."""
    made = made_clip(number)
    assert made.speech is not None
    first = 100 * number
    made.speech = replace(made.speech, start=4.0 * number)
    header = replace(made.header, frames=tuple(range(first, first + 8)), track=track, speech_start=4.0 * number)
    return replace(made, header=header)


def views(one: Clip, *others: Clip) -> dict[str, Tensor]:
    names = (*OWN, *VIDEO_VIEWS)
    return build_views(MemoryClip(one), names, [0], image_size=32, others=[MemoryClip(other) for other in others])


def test_each_row_is_the_view_of_one_clip_the_samples_own_first() -> None:
    clips = [clip(number) for number in (1, 2, 3)]
    found = views(clips[1], clips[0], clips[2])
    for name in OWN:
        wanted = torch.stack([views(clips[number])[name] for number in (1, 0, 2)])
        assert torch.equal(found[f"video_{name}"][:3], wanted)


def test_a_row_without_a_clip_is_as_a_clip_without_speech() -> None:
    silent = replace(clip(1), speech=None)
    found = views(clip(1), silent)
    for name in VIDEO_VIEWS:
        rows = found[name]
        assert all(torch.equal(rows[1], rows[number]) for number in range(2, VIDEO_CLIPS))
    assert found["video_log_mel"][1].unique().tolist() == pytest.approx([math.log(FLOOR)])
    assert not found["video_mouth_present"][1:].any()


def test_of_many_clips_some_are_taken_spread_over_all() -> None:
    made = made_clip(1)
    assert made.speech is not None
    others = [
        replace(made, speech=replace(made.speech, present=np.arange(60) < number, start=4.0 * number))
        for number in range(1, 22)
    ]
    found = views(made, *others)["video_mouth_present"].sum(1)
    assert found.tolist() == [60, 2, 5, 8, 11, 14, 17, 20]


def test_a_moment_that_two_clips_hold_counts_once() -> None:
    clips = [clip(1), clip(2), clip(3)]
    for one, start in zip(clips, (5.0, 4.0, 6.6), strict=True):
        assert one.speech is not None
        one.speech = replace(one.speech, start=start)
    found = views(*clips)["video_mouth_present"]
    assert found.sum(1).tolist()[:3] == [60, 25, 40]  # 4 to 5 s of the second, 7.4 to 9 s of the third
    assert found[1].nonzero().flatten().tolist() == list(range(25))
    assert found[2].nonzero().flatten().tolist() == list(range(20, 60))


def test_a_moment_between_the_last_of_one_clip_and_the_next_counts_in_the_next() -> None:
    """A clip shows from half a point before its first moment, that included, to half a point after its last."""
    ends = 5.0 + (60 - 0.5) / 25
    for start, counted in ((ends, 60), (ends - 1e-6, 59)):
        clips = [clip(1), clip(2)]
        for one, begin in zip(clips, (5.0, start), strict=True):
            assert one.speech is not None
            one.speech = replace(one.speech, start=begin)
        found = views(*clips)["video_mouth_present"]
        assert found.sum(1).tolist()[:2] == [60, counted]


def test_samples_hold_the_same_persons_other_clips_of_the_record(tmp_path: Path) -> None:
    store = ClipStore(tmp_path)
    clips = [clip(1), clip(2, track=1), clip(3), clip(4), clip(5, track=1)]
    store.write("a", clips)
    for chosen, wanted in ((None, {0: [0, 2, 3], 1: [1, 4]}), ((0, 3), {0: [0, 3]})):
        record = VideoRecord("a", Path("a"), 0, clips=chosen)
        data = ClipSamples([record], store, VIDEO_VIEWS, image_size=32, samples_per_video=5)
        for item in (data[place] for place in range(len(data))):
            number = item["frame"] // 100 - 1
            company = wanted[clips[number].header.track]
            rows = views(clips[number], *(clips[other] for other in company if other != number))
            for name in VIDEO_VIEWS:
                assert torch.equal(item["views"][name], rows[name])


def test_mouths_of_other_clips_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ClipStore(tmp_path)
    store.write("a", [clip(1), clip(2)])
    video, asked = store.open("a"), list[str]()
    get = video.file.get
    monkeypatch.setattr(video.file, "get", lambda name, *rows: asked.append(name) or get(name, *rows))
    build_views(video.access(0), VIDEO_VIEWS, [0], image_size=32, others=[video.access(1)])
    assert "1/speech_audio" in asked
    assert not [name for name in asked if name.endswith("/mouth")]
