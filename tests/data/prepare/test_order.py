"""In which order videos are worked on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare import survey, videos
from dfcore.data.prepare.survey import Task, in_working_order
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.origin import Origin


def tasks(sizes: list[int]) -> list[Task]:
    record = VideoRecord("v", Path("v.mp4"), 0)
    return [Task(Path(), record, ClipPlan(), (), None, Origin(size, number, 0)) for number, size in enumerate(sizes)]


def sizes_of(given: list[Task]) -> list[int]:
    return [task.origin.size for task in given]


def test_the_last_videos_are_worked_on_by_falling_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "_SORTED", 2)
    assert sizes_of(in_working_order(tasks([1, 9, 2, 3, 8, 5]), 2)) == [1, 9, 8, 5, 3, 2]
    assert sizes_of(in_working_order(tasks([3, 8, -1, 5]), 2)) == [8, 5, 3, -1]
    assert sizes_of(in_working_order(tasks([1, 9, 2]), 3)) == [9, 2, 1]
    equal = in_working_order(tasks([4, 4, 4]), 2)
    assert [task.origin.mtime_ns for task in equal] == [0, 1, 2]


def test_one_worker_keeps_to_the_order() -> None:
    assert sizes_of(in_working_order(tasks([1, 9, 2]), 1)) == [1, 9, 2]


def test_workers_are_given_the_last_videos_by_falling_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def run_tasks(_: object, todo: list[Task], *__: object) -> object:
        given.extend(sizes_of(todo))
        return iter(())

    monkeypatch.setattr(videos, "run_tasks", run_tasks)
    records = []
    for number, size in enumerate((10, 30, 20)):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(bytes(size))
        records.append(VideoRecord(str(number), path, 0))
    store = ClipStore(tmp_path / "store")
    videos.prepare_videos(records, store, ClipPlan(detector="fake_parts:FixedFace"), workers=2, progress=None)
    assert given == [30, 20, 10]
