"""A stream that changes its frame size: each part is cut at its own size, and a person goes on through the change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dfcore.data.clips import FrameFormat, MemoryClip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.media import decode
from dfcore.data.prepare import watch
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.prepare.footage import read_footage
from dfcore.data.store.clip_store import ClipStore, StoredClip
from dfcore.errors import MediaError
from dfcore.testing.media import scene, write_video

PLAN = ClipPlan(clips=4, frames=8, detector="fake_parts:FixedFace", speech=1.0)


def in_parts(path: Path, *parts: tuple[int, int, int], cut: bool = False) -> Path:
    """A raw H.264 stream of parts ``(width, height, frames)``, of one shot or of one each."""
    whole = b""
    for number, (width, height, frames) in enumerate(parts):
        part = path.with_suffix(f".{number}.h264")

        def image(index: int, size: tuple[int, int] = (width, height), seed: int = number if cut else 0) -> np.ndarray:
            shown = Image.fromarray(scene(320, 240, seed=seed, noise=0))
            return np.asarray(shown.resize(size)) // 2 + np.uint8(index % 7)

        write_video(part, width=width, height=height, frames=frames, image=image, options={"bf": "0"}, gop=4)
        whole += part.read_bytes()
    path.write_bytes(whole)
    return path


def test_every_part_is_cut_at_its_own_size(tmp_path: Path) -> None:
    path = in_parts(tmp_path / "a.h264", (192, 144, 17), (384, 288, 23))
    clips = extract_clips(path, PLAN)
    frames = {frame.index: frame for frame in decode(path)}
    assert {clip.header.track for clip in clips} == {0}  # one person, through the change
    small, large = ([clip for clip in clips if (clip.header.format is None) == first] for first in (True, False))
    assert small
    assert large
    for clip in clips:
        x, y, width, height = clip.header.window
        size = {frames[index].y.shape for index in clip.header.frames}
        assert size == {(144, 192) if clip.header.format is None else (288, 384)}
        for row, index in enumerate(clip.header.frames):
            assert np.array_equal(clip.y[row], frames[index].y[y : y + height, x : x + width])
        expected = np.array([0.3, 0.25, 0.7, 0.75]) * ((192, 144) * 2 if clip.header.format is None else (384, 288) * 2)
        assert np.allclose(clip.header.boxes, expected, atol=3)
        assert clip.speech is not None
    assert large[0].header.format == FrameFormat(384, 288, "tv", "bt601", 0)


@pytest.mark.parametrize(("parts", "passes"), [([(192, 144, 17), (384, 288, 23)], 2), ([(192, 144, 40)], 1)])
def test_where_the_size_changes_all_frames_of_the_spans_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[int, int, int]], passes: int
) -> None:
    path = in_parts(tmp_path / "a.h264", *parts)
    bare: list[set[int]] = []

    def watched(*given: Any, **how: Any) -> Any:
        bare.append(set(how["outlines"]))
        return decode(*given, **how)

    monkeypatch.setattr(watch, "decode", watched)
    monkeypatch.setattr("dfcore.data.prepare.cut.crop_again", None)  # nothing is decoded for lack of what was held
    plan = ClipPlan(clips=1, frames=4, detector="fake_parts:FixedFace")
    assert len(extract_clips(path, plan)) == 1
    assert bare == [{13, 14, 15, 16, 17, 22, 23, 24, 25, 26}, set()][:passes]


def test_a_clip_knows_its_own_size_in_memory_and_in_the_store(tmp_path: Path) -> None:
    path = in_parts(tmp_path / "a.h264", (192, 144, 8), (1280, 720, 16))
    clips = extract_clips(path, PLAN)
    store = ClipStore(tmp_path / "store")
    store.write("v", clips)
    video = ClipStore(store.root).open("v")
    assert (video.source.width, video.source.colour_matrix) == (192, "bt601")
    for number, clip in enumerate(clips):
        for access in (MemoryClip(clip), StoredClip(video, number)):
            large = clip.header.format is not None
            assert access.source.width == (1280 if large else 192)
            assert access.source.colour_matrix == ("bt709" if large else "bt601")  # what players take for each size
        assert video.header(number) == clip.header
    assert {clip.header.format is None for clip in clips} == {True, False}


def test_a_span_across_the_change_is_cut_to_its_longest_part(tmp_path: Path) -> None:
    path = in_parts(tmp_path / "a.h264", (192, 144, 3), (384, 288, 5))
    clips = extract_clips(path, ClipPlan(clips=1, frames=8, detector="fake_parts:FixedFace"))
    assert [clip.header.frames for clip in clips] == [(3, 4, 5, 6, 7)]


def test_a_change_that_is_a_cut_too_begins_another_track(tmp_path: Path) -> None:
    path = in_parts(tmp_path / "a.h264", (192, 144, 17), (384, 288, 23), cut=True)
    clips = extract_clips(path, PLAN)
    shown = {clip.header.track: clip.header.format is None for clip in clips}
    assert len(shown) == 2
    assert sorted(shown.values()) == [False, True]


def test_a_first_part_that_is_too_small_for_a_face_does_not_end_the_video(tmp_path: Path) -> None:
    path = in_parts(tmp_path / "a.h264", (48, 48, 4), (384, 384, 12))
    assert {clip.header.format.width for clip in extract_clips(path, PLAN) if clip.header.format} == {384}
    small = write_video(tmp_path / "small.mp4", width=48, height=48, frames=4)
    with pytest.raises(MediaError, match="the image is 48x48 px; at least 64x64"):
        extract_clips(small, PLAN)


def test_frames_that_become_too_large_to_be_held_are_cropped_in_a_second_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_parts(tmp_path / "a.h264", (192, 144, 17), (384, 288, 23))
    expected = extract_clips(path, PLAN)
    monkeypatch.setattr(watch, "HELD_BYTES", 192 * 144 * 3 // 2 * 36)
    found = extract_clips(path, PLAN)
    assert [clip.header for clip in found] == [clip.header for clip in expected]
    assert all(np.array_equal(a.y, b.y) for a, b in zip(found, expected, strict=True))


def test_footage_is_of_one_size(tmp_path: Path) -> None:
    from fake_parts import FixedFace

    path = in_parts(tmp_path / "a.h264", (192, 144, 10), (384, 288, 24))
    assert read_footage(path, detector=FixedFace()).y.shape == (24, 288, 384)
