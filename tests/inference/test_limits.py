"""Limits and defaults of what is read before a file is judged."""

from __future__ import annotations

import json
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dfcore.data.clip_plan import ClipPlan
from dfcore.inference import course
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.ahead.peek import peek
from dfcore.inference.ahead.task import Task
from dfcore.inference.explain.course import Timeline

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
