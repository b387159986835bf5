"""Dense landmarks: computed for the clips of the plans that ask for them, stored, and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.clips.part import ClipPart, without_landmarks
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.data.faces.dense import from_stored
from dfcore.data.prepare.extract import extract_clips, extract_for_plans
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import PluginError
from dfcore.testing.media import write_video
from dfcore.testing.views import made_clip

LOCATING = "fake_parts:LocatingFace"
PLAN = ClipPlan(clips=1, frames=8, detector=LOCATING, speech=1.2, landmarks=LANDMARKS)
SIZE = (192, 160)
MIDDLE = (0.5, 0.52)
"""Of the fake detector's five points, as a share of the upright image."""


def video(folder: Path, turns: int = 0) -> Path:
    """A grey video that is stored lying by so many quarter turns."""
    width, height = SIZE if turns % 2 == 0 else SIZE[::-1]
    image = np.full((height, width, 3), 120, np.uint8)
    path = folder / f"v{turns}.mp4"
    return write_video(path, width=width, height=height, frames=50, image=lambda _: image, rotation=90 * turns)


def clip_points(clip: Clip) -> np.ndarray:
    """In the coded frame."""
    x, y, width, height = clip.header.window
    assert clip.landmarks is not None
    return from_stored(clip.landmarks, (width / 2, height / 2)) + np.array([x, y], np.float32)


def test_they_lie_in_the_coded_frame_where_the_detector_saw_them(tmp_path: Path) -> None:
    clip = extract_clips(video(tmp_path), PLAN)[0]
    points = clip_points(clip)
    assert points.shape == (8, 95, 2)
    wanted = np.array([MIDDLE[0] * SIZE[0], MIDDLE[1] * SIZE[1]])
    for k in (1, 40, 94):
        np.testing.assert_allclose(points[:, k], np.broadcast_to(np.add(wanted, (k / 10, 0)), (8, 2)), atol=0.1)
    assert np.abs(points[:, 0, 1] - wanted[1] - clip.y.mean() / 10).max() < 0.2


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_lying_video_is_seen_upright(tmp_path: Path, turns: int) -> None:
    clip = extract_clips(video(tmp_path, turns), PLAN)[0]
    width, height = SIZE  # the upright image's, whichever way it is stored
    upright = np.array([MIDDLE[0] * width + 5.0, MIDDLE[1] * height])
    coded = {1: (upright[1], width - upright[0]), 2: (width - upright[0], height - upright[1])}
    coded[3] = (height - upright[1], upright[0])
    found = clip_points(clip)[:, 50]
    np.testing.assert_allclose(found, np.broadcast_to(coded[turns], found.shape), atol=0.1)
    assert clip.speech is not None
    assert clip.speech.landmarks is not None
    said = from_stored(clip.speech.landmarks, (width / 2, height / 2))[:, 50]
    np.testing.assert_allclose(said, np.broadcast_to(upright, said.shape), atol=0.1)


def test_speech_has_them_at_its_points(tmp_path: Path) -> None:
    clip = extract_clips(video(tmp_path), PLAN)[0]
    assert clip.speech is not None
    assert clip.speech.landmarks is not None
    assert clip.speech.landmarks.shape == (30, 95, 2)
    assert clip.speech.landmarks.dtype == np.int16


def test_speech_of_a_large_frame_is_found_in_a_reduced_one_and_told_in_its_own_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.data.prepare.speech.KEPT_SIDE", SIZE[0] // 2)
    speech = extract_clips(video(tmp_path), PLAN)[0].speech
    assert speech is not None
    assert speech.landmarks is not None
    found = from_stored(speech.landmarks, (SIZE[0] / 2, SIZE[1] / 2))[:, 1]
    wanted = np.array([MIDDLE[0] * SIZE[0] + 0.2, MIDDLE[1] * SIZE[1]])  # a tenth of a pixel there is a fifth here
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), atol=0.15)


def test_who_does_not_ask_gets_none_and_the_same_clip_otherwise(tmp_path: Path) -> None:
    plain = replace(PLAN, landmarks=0)
    asked, found = (of.clips[0] for of in extract_for_plans(video(tmp_path), [PLAN, plain]))
    assert found.landmarks is None
    assert found.speech is not None
    assert found.speech.landmarks is None
    cut = without_landmarks(asked)
    assert cut.landmarks is None
    assert cut.speech is not None
    assert cut.speech.landmarks is None
    assert cut.header == found.header


def test_the_store_keeps_them_and_completes_what_lacks_them(tmp_path: Path) -> None:
    record, store = VideoRecord("a", video(tmp_path), 0), ClipStore(tmp_path / "store")
    plain = replace(PLAN, landmarks=0)
    prepare_videos([record], store, plain, workers=1, progress=False)
    assert store.open("a").access(0).landmarks(range(8)) is None
    assert prepare_videos([record], store, PLAN, workers=1, progress=False).done == 1
    stored, clip = store.open("a"), extract_clips(record.path, PLAN)[0]
    assert clip.landmarks is not None
    np.testing.assert_array_equal(stored.access(0).landmarks([2, 5]), clip.landmarks[[2, 5]])
    np.testing.assert_array_equal(stored.load(0).landmarks, clip.landmarks)
    said, mine = stored.access(0).speech(), clip.speech
    assert said is not None
    assert mine is not None
    np.testing.assert_array_equal(said.landmarks, mine.landmarks)
    assert prepare_videos([record], store, plain, workers=1, progress=False).reused == 1


def test_a_part_has_its_own_frames() -> None:
    clip = made_clip(frames=16)
    assert clip.landmarks is not None
    clip.landmarks[:] += np.arange(16, dtype=np.int16)[:, None, None]
    part = ClipPart(MemoryClip(clip), 8).landmarks([0, 7])
    np.testing.assert_array_equal(part, clip.landmarks[[4, 11]])


def test_a_detector_that_gives_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"ShortOfPoints.*float \[8, 95, 2\].*\[8, 5, 2\]"):
        extract_clips(video(tmp_path), replace(PLAN, speech=0.0, detector="fake_parts:ShortOfPoints"))
