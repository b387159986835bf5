"""What of a video's frames and audio becomes footage, worked out by hand; and what serves evidence that is missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fake_parts
import numpy as np
import pytest
from preparing import PLAN, run

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare import footage
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.prepare.footage import read_footage
from dfcore.data.prepare.survey import can_extract, missing_evidence, survey_records, written_at
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import MediaError
from dfcore.specs import EvidenceSpec
from dfcore.testing.media import write_video

PATH = Path("a.mp4")


class Track:
    """A face that is in view in some frames."""

    def __init__(self, *frames: int) -> None:
        self.frames = set(frames)

    def covers(self, frames: list[int]) -> bool:
        return self.frames.issuperset(frames)


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ((range(20),), range(20)),
        ((range(8),), range(8)),
        (([*range(8), *range(9, 20)],), range(9, 20)),
        (([*range(8), *range(10, 18)],), range(8)),  # the first of equals
        ((range(7), range(3, 15)), range(3, 15)),  # the most prominent one comes and goes
    ],
)
def test_the_longest_stretch_of_the_first_face_that_stays_eight_frames_is_taken(seen: Any, kept: range) -> None:
    tracks: list[Any] = [Track(*frames) for frames in seen]
    track, frames = footage._choose(PATH, tracks, range(20))
    assert frames == list(kept)
    assert track is tracks[-1]


@pytest.mark.parametrize(("frames", "seen"), [(range(20), range(7)), ([*range(4), *range(5, 9)], range(20)), ([], [])])
def test_less_than_eight_frames_in_a_row_show_nothing_that_moves(frames: Any, seen: Any) -> None:
    with pytest.raises(MediaError, match=f"no face stays in view for 8 of the {len(frames)} frames in its middle"):
        footage._choose(PATH, [Track(*seen)], frames)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("fit", "kept"), [(12, range(14, 26)), (8, range(16, 24)), (3, range(16, 24)), (50, range(40))]
)
def test_of_large_frames_fewer_are_held_but_never_less_than_eight(
    monkeypatch: pytest.MonkeyPatch, made_video: Path, fit: int, kept: range
) -> None:
    told: list[tuple[int, ...]] = []
    spans: list[range] = []
    watch = footage._watch

    def watched(path: Path, info: Any, span: range, *rest: Any) -> Any:
        spans.append(span)
        return watch(path, info, span, *rest)

    monkeypatch.setattr(footage, "MOST_BYTES", fit * (192 * 160 * 3 // 2) + 1)
    monkeypatch.setattr(footage, "announce", lambda *sizes, held: told.append((*sizes, held)))
    monkeypatch.setattr(footage, "_watch", watched)
    read_footage(made_video, detector=fake_parts.FixedFace())
    assert spans == [kept]
    assert told == [(40, 192, 160, 6 * len(kept))]  # six copies of them


def test_frames_of_the_format_that_most_have_are_kept() -> None:
    frames: Any = {n: SimpleNamespace(format="small" if n in (0, 1, 5) else "large") for n in range(8)}
    kept, shown = footage._of_one_format(frames)
    assert (list(kept), shown) == ([2, 3, 4, 6, 7], "large")


def test_an_odd_row_and_column_are_left_out_before_the_image_is_turned() -> None:
    y = np.arange(35, dtype=np.uint8).reshape(5, 7)
    half = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for rotation, turns in ((0, 0), (90, -1), (180, 2), (270, 1)):
        frame: Any = SimpleNamespace(y=y, u=half, v=half + 50, rotation=rotation)
        planes = footage._stacked([frame])
        for plane, expected in zip(planes, (y[:4, :6], half[:2, :3], half[:2, :3] + 50), strict=True):
            assert np.array_equal(plane[0], np.rot90(expected, turns))
            assert plane.flags.c_contiguous


@pytest.mark.parametrize(("length", "heard"), [(4, [3, 4, 5, 6]), (3, [3, 4, 5]), (10, list(range(10))), (11, None)])
def test_another_voice_is_taken_from_its_middle(
    monkeypatch: pytest.MonkeyPatch, length: int, heard: list[int] | None
) -> None:
    monkeypatch.setattr(footage, "decode_audio", lambda path: np.arange(10, dtype=np.int16))
    found = footage._voice(PATH, length)
    assert (None if found is None else found.tolist()) == heard
    monkeypatch.setattr(footage, "decode_audio", lambda path: None)
    assert footage._voice(PATH, length) is None


@pytest.mark.parametrize(
    ("frames", "native", "needs", "serves"),
    [
        (16, 0, 0, True),  # all are kept, all are needed
        (16, 8, 0, False),
        (16, 8, 8, True),
        (16, 8, 9, False),
        (16, 7, 8, False),
        (8, 0, 16, True),  # of a shorter clip all it has
        (8, 7, 16, False),
    ],
)
def test_evidence_is_extracted_where_the_frames_that_it_needs_are_kept(
    frames: int, native: int, needs: int, serves: bool
) -> None:
    spec = EvidenceSpec("ghost", 2, "fake_parts:block_means", 2, frames=needs)
    entry: Any = SimpleNamespace(plan=ClipPlan(frames=frames, native=native), evidence={"ghost": 1, "other": 2})
    assert can_extract(spec, entry) == serves
    assert missing_evidence(entry, [spec, EvidenceSpec("other", 2, "x:y", 1)]) == (spec,)


def test_when_a_videos_clips_were_written_is_known_or_minus_one(tmp_path: Path) -> None:
    assert written_at(tmp_path, "a/b") == -1
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.safetensors").touch()
    assert written_at(tmp_path, "a/b") == (tmp_path / "a" / "b.safetensors").stat().st_mtime_ns


def test_times_of_a_clip_are_kept_to_the_microsecond_and_places_to_the_hundredth(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", width=192, height=160, frames=12, fps=30.0)
    (clip,) = extract_clips(video, ClipPlan(clips=1, frames=4), detector=fake_parts.FixedFace())
    assert clip.header.times == (0.133333, 0.166667, 0.2, 0.233333)
    places = [*clip.header.boxes, *(point for points in clip.header.landmarks for point in points)]
    assert all(value == round(value, 2) for place in places for value in place)


def test_a_source_that_was_emptied_speaks_against_its_clips_and_one_that_is_gone_does_not(
    made_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(made_video.read_bytes())
    records, store = [VideoRecord("v", path, 0)], tmp_path / "store"
    assert run(records, store).done == 1
    path.unlink()
    assert survey_records(records, ClipStore(store), PLAN).reused == 1
    path.touch()
    found = survey_records(records, ClipStore(store), PLAN)
    assert (found.reused, [task.entry for task in found.tasks]) == (0, [None])
