"""Whose face was forged, of two people: by a mask, by the original, or not to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from two_people import HEIGHT, LEFT, RIGHT, WIDTH, altered, box, write, write_mask

from dfcore.data.clips import ClipHeader
from dfcore.data.forged import faces
from dfcore.data.forged.faces import (
    find_forged_faces,
    forged_by_difference,
    forged_by_mask,
    tells_forged_face,
)
from dfcore.data.forged.regions import REGION_BLOCK
from dfcore.data.records import Forgery, VideoRecord
from dfcore.data.store.forged_faces import ForgedFaces
from dfcore.testing.media import write_broken


def found(fake: Path, headers: Sequence[ClipHeader], **files: Path) -> ForgedFaces:
    return find_forged_faces(VideoRecord("fake", fake, 1, **files), headers)  # type: ignore[arg-type]


def by_track(finding: ForgedFaces) -> dict[int, set[bool | None]]:
    return {track: {clip.forged for clip in finding.clips if clip.track == track} for track in (0, 1)}


FORGED_RIGHT = {0: {False}, 1: {True}}
UNKNOWN = {0: {None}, 1: {None}}


def test_the_altered_region_is_the_forged_face(fake: Path, headers: list[ClipHeader], original: Path) -> None:
    finding = found(fake, headers, original_path=original)
    assert (finding.means, by_track(finding)) == ("original", FORGED_RIGHT)
    figures = {track: [clip.figure or 0 for clip in finding.clips if clip.track == track] for track in (0, 1)}
    assert min(figures[1]) > 2 * max(figures[0]) > 0


def test_the_other_face_as_well(headers: list[ClipHeader], original: Path, tmp_path: Path) -> None:
    fake = write(tmp_path / "fake.mp4", altered(LEFT), options={"crf": "28"})
    assert by_track(found(fake, headers, original_path=original)) == {0: {True}, 1: {False}}


def test_a_copy_at_another_crf_has_no_forged_face(headers: list[ClipHeader], original: Path, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.mp4", options={"crf": "33"})
    finding = found(copy, headers, original_path=original)
    assert (finding.means, by_track(finding)) == ("", UNKNOWN)
    assert "no face differs clearly more" in finding.reason


def test_the_original_may_be_longer_or_shorter(fake: Path, headers: list[ClipHeader], tmp_path: Path) -> None:
    """FaceForensics++ cuts some fakes to the shorter of two videos, and repeats the target's frames for others."""
    for frames in (14, 40):
        other = write(tmp_path / f"{frames}.mp4", frames=frames, options={"crf": "23"})
        assert by_track(found(fake, headers, original_path=other)) == FORGED_RIGHT


@pytest.mark.parametrize(
    ("kind", "reason"), [("shifted", "does not show the frames"), ("size", "cannot be compared"), ("noise", "noise")]
)
def test_an_original_that_does_not_fit_tells_nothing(
    fake: Path, headers: list[ClipHeader], tmp_path: Path, kind: str, reason: str
) -> None:
    path = tmp_path / f"{kind}.mp4"
    if kind == "noise":
        write_broken(path, "noise")
    elif kind == "size":
        write(path, width=320, height=240)
    else:  # the same camera, another time
        write(path, lambda index: altered(RIGHT, 0.0)(index + 10))
    finding = found(fake, headers, original_path=path)
    assert (finding.means, by_track(finding)) == ("", UNKNOWN)
    assert reason in finding.reason


def test_a_mask_on_one_of_two_faces_says_which(fake: Path, headers: list[ClipHeader], tmp_path: Path) -> None:
    finding = found(fake, headers, mask=write_mask(tmp_path / "mask.mp4", [box(LEFT)]))
    assert (finding.means, by_track(finding)) == ("mask", {0: {True}, 1: {False}})
    assert {(clip.track, round(clip.figure or 0)) for clip in finding.clips} == {(0, 1), (1, 0)}


def test_the_mask_goes_before_the_original(
    fake: Path, headers: list[ClipHeader], original: Path, tmp_path: Path
) -> None:
    mask = write_mask(tmp_path / "mask.mp4", [box(RIGHT)])
    assert found(fake, headers, mask=mask, original_path=original).means == "mask"


@pytest.mark.parametrize("kind", ["empty", "elsewhere", "shape", "length", "unreadable", "absent"])
def test_a_mask_that_tells_nothing_leaves_it_to_the_original(
    fake: Path, headers: list[ClipHeader], original: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "mask.mp4"
    if kind == "unreadable":
        write_broken(path, "noise")
    elif kind != "absent":
        how = {"shape": {"width": 288}, "length": {"frames": 12}}.get(kind, {})
        write_mask(
            path, [] if kind == "empty" else [(180, 200, 250, 280)] if kind == "elsewhere" else [box(LEFT)], **how
        )
    alone = found(fake, headers, mask=path)
    assert (alone.means, by_track(alone)) == ("", UNKNOWN)
    words = {"shape": "not the same shape", "length": "12 frames", "unreadable": "mask.mp4", "absent": "no mask"}
    assert words.get(kind, "lies on no face") in alone.reason
    both = found(fake, headers, mask=path, original_path=original)
    assert (both.means, by_track(both)) == ("original", FORGED_RIGHT)


def test_a_mask_of_half_the_size_is_laid_over_the_video(fake: Path, headers: list[ClipHeader], tmp_path: Path) -> None:
    x0, y0, x1, y1 = (side // 2 for side in box(RIGHT))
    mask = write_mask(tmp_path / "half.mp4", [(x0, y0, x1, y1)], width=192, height=144)
    assert by_track(found(fake, headers, mask=mask)) == FORGED_RIGHT


def test_shares_of_a_mask() -> None:
    assert forged_by_mask({0: 0.9, 1: 0.0}) == {0: True, 1: False}
    assert forged_by_mask({0: 0.9, 1: 0.8, 2: 0.01}) == {0: True, 1: True, 2: False}
    assert forged_by_mask({0: 0.9, 1: 0.3}) == {0: True, 1: None}, "a rectangle may reach into the next face"
    assert forged_by_mask({0: 0.9, 1: 0.2}) == {0: True, 1: False}
    assert forged_by_mask({0: 0.15, 1: 0.0}) == {0: True, 1: False}, "lips alone"
    assert forged_by_mask({0: 0.04, 1: 0.0}) == {0: None, 1: None}
    assert forged_by_mask({}) == {}


def test_differences_from_the_original() -> None:
    assert forged_by_difference({0: 2.0, 1: 0.5}) == {0: True, 1: False}
    assert forged_by_difference({0: 2.0, 1: 1.9}) == {0: None, 1: None}, "either or both"
    assert forged_by_difference({0: 2.0, 1: 1.9, 2: 0.5}) == {0: None, 1: None, 2: False}
    assert forged_by_difference({0: 12.0, 1: 5.0, 2: 0.5}) == {0: True, 1: True, 2: False}, "two swaps, unlike strong"
    assert forged_by_difference({0: 4.5, 1: 3.9, 2: 0.5}) == {0: True, 1: None, 2: False}
    assert forged_by_difference({0: 0.3, 1: 0.1}) == {0: None, 1: None}, "less than could be seen"


def test_what_flickers_is_no_difference_and_what_stays_is(headers: list[ClipHeader]) -> None:
    """Noise of two encodings goes up and down from frame to frame; a forged region stays as it is, up or down."""
    header, frames = headers[0], faces._looked_at(headers[0])
    _, y0, _, y1 = header.boxes[0]
    rows = np.arange(HEIGHT // REGION_BLOCK)[:, None] * np.ones((1, WIDTH // REGION_BLOCK), np.float32)
    up_and_down = np.where(rows < (y0 + y1) / 2 / REGION_BLOCK, 3, -3).astype(np.float32)
    flat = np.full_like(up_and_down, 3)
    assert len(frames) % 2 == 0
    assert faces._difference(header, {frame: flat * (-1) ** i for i, frame in enumerate(frames)}) == 0
    assert faces._difference(header, dict.fromkeys(frames, flat)) == 3
    assert 2.4 < (faces._difference(header, dict.fromkeys(frames, up_and_down)) or 0) <= 3
    assert faces._difference(header, {}) is None


@pytest.mark.parametrize("box", [(170, 16, 250, 80), (-80, 16, 4, 80), (16, 90, 80, 170), (16, -90, 80, 4)])
def test_a_face_beyond_one_edge_of_the_frame_has_no_cells(box: tuple[float, float, float, float]) -> None:
    values = np.ones((12, 20), np.float32)  # 160 x 96 pixels
    assert not faces._cells(values, box).any()
    assert faces._cells(values, (16, 16, 80, 80)).min() == 1


def test_only_fakes_with_a_file_that_is_there_are_looked_at(fake: Path, original: Path, tmp_path: Path) -> None:
    record = VideoRecord("fake", fake, 1, original_path=original)
    assert tells_forged_face(record)
    assert tells_forged_face(replace(record, original_path=None, mask=original))
    assert not tells_forged_face(replace(record, original_path=tmp_path / "absent.mp4"))
    assert not tells_forged_face(replace(record, label=0))
    assert not tells_forged_face(replace(record, visual_label=0)), "its audio alone was forged"
    assert not tells_forged_face(replace(record, forgery=Forgery("a:B", "kind", True, 0, 20.0)))
