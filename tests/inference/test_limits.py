"""Limits and defaults of what is read before a file is judged, and in which order things come."""

from __future__ import annotations

import io
import json
import math
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from any_order import LETTERS, MIXED, list_in_any_order
from fake_specialists import SPEC, BrightIsFake, member, predictor
from PIL import Image

from dfcore.data.clips.plan import ClipPlan
from dfcore.errors import CheckpointError
from dfcore.inference import course
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.ahead.peek import peek
from dfcore.inference.ahead.task import Task
from dfcore.inference.explain.course import Timeline
from dfcore.inference.explain.frames import LONGER_SIDE, key_frames
from dfcore.inference.models import find_models
from dfcore.inference.report.about import About
from dfcore.inference.verdict import mean
from dfcore.testing.views import made_clip

JOBS = (Job.of(ClipPlan(clips=1, frames=4)),)


@pytest.mark.parametrize(("size", "told"), [(16 * 2**20, True), (16 * 2**20 + 1, False)])
def test_a_description_of_more_than_16_mib_is_not_looked_at(tmp_path: Path, size: int, told: bool) -> None:
    path, frame = tmp_path / "cm_epoch01.zip", len(json.dumps({"a": ""}))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.json", json.dumps({"a": "x" * (size - frame)}))
    found = peek(path)
    assert (found is not None) == told
    assert found is None or len(found["a"]) == size - frame


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("torch._utils", "_rebuild_tensor_v2", True),
        ("torch", "FloatStorage", True),
        ("torch._utils", "other", False),
        ("elsewhere", "_rebuild_tensor_v2", False),
        ("torch", "load", False),
        ("elsewhere", "FloatStorage", False),
        ("collections", "deque", False),
        ("elsewhere", "OrderedDict", False),
    ],
)
def test_only_tensors_and_ordered_dictionaries_may_be_named_in_a_file(
    tmp_path: Path, module: str, name: str, told: bool
) -> None:
    path = tmp_path / "cm_stage1_final.pt"
    call = pickle.dumps({"specialist": "cm", "x": 0}, protocol=0)
    assert call.endswith(b"I0\ns.")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", call.removesuffix(b"I0\ns.") + f"c{module}\n{name}\n(tRs.".encode())
    assert peek(path) == ({"specialist": "cm", "x": None} if told else None)


def test_a_file_is_decoded_on_all_cores_unless_another_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("a.mp4")
    assert Task(JOBS, path) == Task(JOBS, path, None, 0)
    asked: list[Any] = []
    monkeypatch.setattr(course, "media_facts", lambda path: {})
    monkeypatch.setattr(course, "extract_along", lambda *given, **how: asked.append(how) or iter(()))
    assert len(list(course.extract_course(path, JOBS, 2.0))) == 1
    assert asked == [{"every": 2.0, "detector": None, "threads": 0}]


def test_a_video_that_says_no_frame_rate_has_a_course_all_the_same() -> None:
    timeline = Timeline(0, 0.0, 1.0)
    assert timeline.count == 1
    assert math.isfinite(timeline.time(5))
    assert timeline.moments() == ()


def test_the_distributions_of_specialists_are_told_by_name() -> None:
    members = [
        member(BrightIsFake(replace(SPEC, name=name, module=f"of_{name}.module:Cue")), label=name) for name in MIXED
    ]
    versions = [name for name, _ in About.of(predictor(*members)).versions]
    assert versions[-len(LETTERS) :] == [f"of-{name}" for name in LETTERS]


def test_the_mean_is_the_same_sum_in_any_order() -> None:
    margins = {"a": 1e16, "b": 1.0, "c": -1e16, "d": 1.0}
    assert mean(margins) == mean(dict(reversed(margins.items()))) == 0.5


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
    held = io.BytesIO()
    Image.new("RGB", (8, 8)).save(held, "JPEG", quality=85)
    tables = [Image.open(io.BytesIO(content)).quantization for content in (frame.image, held.getvalue())]  # type: ignore[attr-defined]
    assert tables[0] == tables[1]
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
