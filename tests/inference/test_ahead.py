"""The first file is decoded while the models are loaded, and that changes nothing but the time."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.workers import process
from dfcore.inference import isolation
from dfcore.inference.ahead.early import EarlyStart, expected_jobs
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.ahead.peek import peek
from dfcore.inference.ahead.task import Extract, Task
from dfcore.inference.isolation import IsolatedExtractor, worker_count
from dfcore.inference.models import Found, find_models, load_models
from dfcore.inference.predict import Predictor
from dfcore.inference.verdict import find_judge
from dfcore.models.factory import create
from dfcore.models.files import weights
from dfcore.testing.media import write_broken, write_video

needs_pipes = pytest.mark.skipif(not process.can_isolate(), reason="needs descriptors that a process inherits")
JOBS = (Job.of(ClipPlan(clips=1, frames=4, detector="fake_parts:FixedFace")),)
SaveSpecialist = Callable[..., Path]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("ahead")
    made = [write_video(folder / f"{n}.mp4", width=160 + 16 * n, height=160, frames=4 + n) for n in range(5)]
    return [*made[:2], write_broken(folder / "bad.mp4", "noise"), *made[2:]]


# -- what a file of weights says -----------------------------------------------------------------------------------


def test_a_description_is_told_without_torch_as_with_it(save_specialist: SaveSpecialist, tmp_path: Path) -> None:
    final = save_specialist(tmp_path, metrics={"auc": 0.5, "odd": None}, note=["a", {"b": 1.25}])
    best = tmp_path / "cm_epoch01.zip"
    weights.save_zip(best, create("cm", backbone="test_efficientnet", pretrained=False), {"stage": 2})
    assert peek(final) == weights.describe(final)
    assert peek(best) == weights.describe(best)
    code = "import sys; from pathlib import Path; from dfcore.inference.ahead.peek import peek; found = peek("
    code += "Path(sys.argv[1])); assert found['specialist'] == 'cm' and not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(final)], check=True)


class Calls:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo called",)


def test_nothing_in_a_file_is_called_and_what_is_odd_is_not_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cm_stage1_final.pt"
    for content in (pickle.dumps({"specialist": "cm", "x": Calls()}), b"no pickle", pickle.dumps([1])):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", content)
        assert peek(path) is None
    torch.save({"specialist": "cm", "x": Calls()}, path)
    assert peek(path) is None
    path.write_bytes(b"no archive")
    assert peek(path) is None
    assert peek(tmp_path / "absent.pt") is None
    assert "called" not in capfd.readouterr().out


def test_the_expected_jobs_are_those_of_the_loaded_models(save_specialist: SaveSpecialist, tmp_path: Path) -> None:
    for name in ("cm", "tm", "av"):
        save_specialist(tmp_path, name, data={"clip_frames": 8 if name == "cm" else 16})
    found = find_models([tmp_path])[0]
    for people, detector in ((None, None), (3, "fake_parts:FixedFace")):
        roster = load_models(found, "cpu", people=people, detector=detector)
        predictor = Predictor(roster, find_judge(roster.members))
        assert expected_jobs(found, people, detector) == predictor.jobs


def test_a_file_that_does_not_say_gives_no_expectation(save_specialist: SaveSpecialist, tmp_path: Path) -> None:
    good = save_specialist(tmp_path / "good")
    code = save_specialist(tmp_path / "code", data={"detector": "os:system"})
    last = tmp_path / "bad_final.pt"
    last.write_bytes(b"x")
    for bad in (code, last):
        assert expected_jobs([Found(good, named=True), Found(bad, named=True)], None, None) == ()
    assert expected_jobs([Found(good, named=True)], None, None)


# -- the process that is started early ---------------------------------------------------------------------------------


@needs_pipes
def test_a_file_that_was_begun_early_is_taken_over(videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [one.reason or one.jobs[0].clips[0].header for one in IsolatedExtractor(JOBS).extract_all(videos)]
    monkeypatch.setattr("dfcore.inference.ahead.early.expected_jobs", lambda *_: JOBS)
    with EarlyStart() as early:
        early.begin(videos, [])
        worker = early._worker
        assert worker is not None
        worker._began -= 10_000  # the models were long in loading: that is not the file's fault
        given: list[Task] = []
        monkeypatch.setattr(worker, "give", lambda task, seconds: given.append(task))
        with IsolatedExtractor(JOBS, early=early) as extractor:
            results = extractor.extract_all(videos[:1])
            (first,) = results
        assert given == []  # it had the task already
        assert first.jobs[0].clips[0].header == plain[0]
        assert early._worker is None


@needs_pipes
def test_another_task_than_expected_is_done_anew(videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    other = (Job.of(ClipPlan(clips=2, frames=2, detector="fake_parts:FixedFace")),)
    monkeypatch.setattr("dfcore.inference.ahead.early.expected_jobs", lambda *_: other)
    with EarlyStart() as early:
        early.begin(videos, [])
        with IsolatedExtractor(JOBS, early=early) as extractor:
            (first,) = extractor.extract_all(videos[:1])
        assert len(first.jobs[0].clips) == 1
    with EarlyStart() as early:  # and one that was given nothing is of use all the same
        worker = early._worker
        with IsolatedExtractor(JOBS, early=early) as extractor:
            results = extractor.extract_all(videos[:1])
            assert next(results).jobs
            assert extractor._slots[0].worker is worker


@needs_pipes
def test_nobody_s_early_process_is_ended() -> None:
    with EarlyStart() as early:
        worker = early._worker
        assert worker is not None
    assert worker.process.poll() is not None
    with EarlyStart(wanted=False) as none:
        assert none._worker is None
        none.begin([Path("a")], [])


def test_where_no_process_can_be_started_so_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfcore.inference.ahead.early.can_isolate", lambda: False)
    with EarlyStart() as early:
        assert early._worker is None
        early.begin([Path("a")], [])
        assert early.take(Task(JOBS, Path("a"))) == (None, False)


def test_a_task_is_a_files_verdict_or_its_course(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(name: str) -> Any:
        return lambda *given, **how: (name, *given, how)

    monkeypatch.setattr("dfcore.inference.extraction.extract", told("verdict"))
    monkeypatch.setattr("dfcore.inference.course.extract_course", told("course"))
    path = Path("a.mp4")
    assert Extract()(Task(JOBS, path, None, 3)) == ("verdict", path, JOBS, {"threads": 3})
    assert Extract()(Task(JOBS, path, 0.5, 3)) == ("course", path, JOBS, 0.5, {"threads": 3})
    assert isinstance(pickle.loads(pickle.dumps(Extract())), Extract)


# -- several processes ---------------------------------------------------------------------------------------------


@needs_pipes
@pytest.mark.parametrize("workers", [2, 3])
def test_several_processes_give_what_one_gives_in_the_same_order(videos: list[Path], workers: int) -> None:
    with IsolatedExtractor(JOBS) as extractor:
        one = list(extractor.extract_all(videos))
    with IsolatedExtractor(JOBS, workers) as extractor:
        several = list(extractor.extract_all(videos))
    assert [found.path for found in several] == videos
    for a, b in zip(one, several, strict=True):
        assert (a.reason, a.passing) == (b.reason, b.passing)
        for x, y in zip(a.jobs, b.jobs, strict=True):
            assert [clip.header for clip in x.clips] == [clip.header for clip in y.clips]
            assert all(p.y.tobytes() == q.y.tobytes() for p, q in zip(x.clips, y.clips, strict=True))
    assert several[2].reason


@needs_pipes
def test_a_crash_among_several_costs_one_file(tmp_path: Path) -> None:
    jobs = (Job.of(ClipPlan(clips=1, frames=4, detector="fake_parts:ActsUp")),)
    good = write_video(tmp_path / "good.mp4", width=192, height=160, frames=4)
    bad = write_video(tmp_path / "bad.mp4", width=208, height=160, frames=4)
    with IsolatedExtractor(jobs, 2) as extractor:
        found = list(extractor.extract_all([good, bad, good, bad, good]))
    assert [bool(one.reason) for one in found] == [False, True, False, True, False]
    assert "SIGSEGV" in found[1].reason


@needs_pipes
def test_stopping_early_leaves_no_process(videos: list[Path]) -> None:
    with IsolatedExtractor(JOBS, 3) as extractor:
        results = extractor.extract_all([*videos, *videos])
        next(results)
        workers = [slot.worker for slot in extractor._slots]
    assert any(workers)
    for worker in workers:
        assert worker is None or worker.process.poll() is not None


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_as_many_files_as_there_are_processes_are_extracted_at_once(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Each in a place of its own: they meet, or the last one waits in vain."""
    meet, used = threading.Barrier(workers), list[isolation._Slot]()

    def extract(slot: isolation._Slot, task: Task) -> Any:
        used.append(slot)
        if len(used) <= workers:
            meet.wait(timeout=20)
        return task.path

    monkeypatch.setattr(isolation._Slot, "extract", extract)
    paths = [Path(str(n)) for n in range(7)]
    assert list(IsolatedExtractor(JOBS, workers).extract_all(paths)) == paths
    assert len({id(slot) for slot in used}) == workers


def test_how_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def machine(cores: int, memory: int) -> None:
        monkeypatch.setattr("dfcore.inference.isolation.usable_cores", lambda: cores)
        monkeypatch.setattr("dfcore.inference.isolation.free_memory", lambda: memory * 2**30)

    machine(16, 64)
    assert [worker_count(None, device, 100) for device in ("cpu", "cuda:0")] == [4, 8]
    assert worker_count(6, "cpu", 100) == 6
    assert worker_count(6, "cpu", 2) == 2
    machine(16, 5)
    assert worker_count(None, "cuda:0", 100) == 2
    machine(2, 64)
    assert [worker_count(None, device, 100) for device in ("cpu", "cuda:0")] == [1, 1]
    machine(8, 0)  # a system that does not tell
    assert worker_count(None, "cpu", 100) == 4


# -- the command ---------------------------------------------------------------------------------------------------


@needs_pipes
def test_the_command_begins_before_torch_and_says_the_same(
    save_specialist: SaveSpecialist, two_people: Path, tmp_path: Path
) -> None:
    path = save_specialist(tmp_path)
    code = """
import sys, json
from dfcore.inference.ahead import early
begin = early.EarlyStart.begin
def watched(self, *args, **named):
    begin(self, *args, **named)
    print("heavy:", sorted({"torch", "numpy", "timm", "av"} & set(sys.modules)), "task:", self._task is not None,
        file=sys.stderr)
early.EarlyStart.begin = watched
from dfcore.cli import main
try:
    main()
finally:
    print("compiler:", "torch._dynamo" in sys.modules, file=sys.stderr)
"""
    known = ["predict", str(two_people), "--models", str(path), "--detector", "fake_parts:FixedFace", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    said = []
    for how in ("--isolate", "--no-isolate"):
        command = [sys.executable, "-c", code, *known, "--json", how]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said.append(json.loads(done.stdout))
        assert f"heavy: [] task: {how == '--isolate'}" in done.stderr
        assert "compiler: False" in done.stderr
    assert said[0] == said[1]
    assert said[0][0]["verdict"] == "uncertain"
