"""What a decoder does to its process costs one file."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.workers import process, serve
from dfcore.errors import PluginError
from dfcore.inference.ahead.jobs import Job
from dfcore.inference.clips import Extraction
from dfcore.inference.extraction import extract
from dfcore.inference.isolation import IsolatedExtractor, _Slot
from dfcore.specs import EvidenceSpec
from dfcore.testing.media import write_broken, write_video

pytestmark = pytest.mark.skipif(not process.can_isolate(), reason="needs descriptors that a process inherits")

MEANS = EvidenceSpec("means", 1, "fake_parts:block_means", 2)
JOBS = (Job.of(ClipPlan(clips=1, frames=4, detector="fake_parts:ActsUp"), (MEANS,)),)


@pytest.fixture(scope="module")
def of_width(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    folder = tmp_path_factory.mktemp("widths")

    def made(width: int) -> Path:
        path = folder / f"{width}.mp4"
        return path if path.exists() else write_video(path, width=width, height=160, frames=4)

    return made


def extracted(paths: list[Path]) -> list[Extraction]:
    with IsolatedExtractor(JOBS) as extractor:
        return list(extractor.extract_all(paths))


def same(one: Extraction, other: Extraction) -> bool:
    a, b = one.jobs[0].clips[0], other.jobs[0].clips[0]
    planes = all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in ("y", "u", "v"))
    return a.header == b.header and planes and a.evidence["means/4"].tobytes() == b.evidence["means/4"].tobytes()


def test_the_clips_are_those_of_this_process(of_width: Callable[[int], Path], tmp_path: Path) -> None:
    good, bad = of_width(192), write_broken(tmp_path / "bad.mp4", "noise")
    first, second, third = extracted([good, bad, good])
    here = extract(good, JOBS)
    assert same(first, here)
    assert same(third, here)
    assert second == extract(bad, JOBS)
    assert extracted([]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "reason", "passing"),
    [
        (208, "a decoder crashed on this file (SIGSEGV)", False),
        (240, "far more memory than its size explains", False),
        (256, "killed (SIGKILL), probably because the system ran out of memory", True),
    ],
)
def test_a_process_that_dies_costs_one_file(
    of_width: Callable[[int], Path], width: int, reason: str, passing: bool
) -> None:
    good, bad = of_width(192), of_width(width)
    before, died, after = extracted([good, bad, good])
    assert same(before, after)
    assert (died.jobs, died.passing) == ((), passing)
    assert f"{bad}: " in died.reason
    assert reason in died.reason


@pytest.mark.slow
def test_a_process_that_hangs_is_given_up(of_width: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PATIENCE", 5.0)
    computes, after, waits = extracted([of_width(288), of_width(192), of_width(224)])
    assert after.jobs or "did not end" in after.reason  # a busy machine may need longer to start a process
    for hung in (computes, waits):
        assert "did not end within 5 seconds" in hung.reason
    assert "most of them spent waiting" in waits.reason
    assert waits.passing


def test_a_fault_in_a_plugin_ends_the_call(of_width: Callable[[int], Path]) -> None:
    with pytest.raises(
        PluginError, match=r"fake_parts:ActsUp\) failed in detect, .*fake_parts\.py:\d+: ZeroDivisionError"
    ):
        extracted([of_width(272)])


def test_nothing_is_left_behind_when_the_caller_stops(of_width: Callable[[int], Path]) -> None:
    with IsolatedExtractor(JOBS) as extractor:
        found = extractor.extract_all([of_width(192), of_width(224)])
        next(found)
        worker = extractor._slots[0].worker
        assert worker is not None
    with pytest.raises(ProcessLookupError):
        os.kill(worker.process.pid, 0)


def test_files_are_extracted_in_a_thread_that_outlives_the_main_one(
    of_width: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    good, bad = of_width(192), write_broken(tmp_path / "bad.mp4", "noise")
    with IsolatedExtractor(JOBS, workers=2) as extractor:
        first, second, third = extractor.extract_all([good, bad, good])
    assert same(first, third)
    assert not second.jobs
    monkeypatch.setattr(_Slot, "extract", lambda *_: 1 / 0)
    with IsolatedExtractor(JOBS) as extractor, pytest.raises(ZeroDivisionError):
        list(extractor.extract_all([good]))


def test_limits_grow_with_the_file(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(100 * 2**20)
    assert process.seconds_to_read(large) == pytest.approx(process.seconds_to_read(small) + 200, abs=1)
    assert process.seconds_to_read(tmp_path / "absent") == process.PATIENCE
    assert serve.seconds_to_decode(100, 1920 * 1080) == pytest.approx(41.5, abs=0.1)
    assert serve.memory_limit(8192, 8192) - serve.memory_limit(64, 64) == pytest.approx(6 * 1.5 * 8192**2, rel=0.01)
    assert serve.memory_limit(640, 480, held=100) > serve.memory_limit(640, 480) + 40_000_000
