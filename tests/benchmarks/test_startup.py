"""benchmarks/startup.py and prepare/workers.py, on a small scale: what they run and what they print."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dfcore.models.factory import create
from dfcore.testing.demo import render_person
from dfcore.testing.media import write_video

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def startup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("startup")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    person = render_person(1, 8, 256)
    path = tmp_path_factory.mktemp("video") / "person.mp4"
    return write_video(path, width=256, height=256, frames=24, image=lambda index: person[index % len(person)])


@pytest.mark.slow
def test_the_first_verdict_is_timed_against_another_checkout_and_five_against_one(
    startup: ModuleType, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("rr", "tm"):
        path = tmp_path / f"{name}_stage1" / f"{name}_stage1_final.pt"
        path.parent.mkdir()
        create(name, backbone="test_efficientnet", pretrained=False, seed=0).eval().save(path)
    words = ["verdict", str(video), "--models", str(tmp_path), "--against", str(startup.HERE), "--rounds", "1"]
    startup.main([*words, "--specialist", "rr", "--specialists", "rr", "tm", "--threads", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 file(s), OMP_NUM_THREADS=1; medians of 1 rounds; in brackets the least"
    measured = [line.split() for line in lines[2:6]]
    assert [words[:2] for words in measured] == [["rr", "here"], ["rr", "against"], ["2", "here"], ["2", "against"]]
    for words in measured:
        first, everything, processor = (float(words[place]) for place in (2, 4, 6))
        assert 0 < first <= everything
        assert processor > 0
    assert lines[6].startswith("2 against 1  here     first verdict x ")
    assert [line.partition("; ")[2] for line in lines[8:]] == ["log-odds differ by 0 at most"] * 2


def test_differences_of_log_odds_are_told(startup: ModuleType) -> None:
    assert startup.difference({"a": 1.0, "b": None}, {"a": 1.25, "b": None}) == "0.25 at most"
    assert startup.difference({"a": None}, {"a": None}) == "there are none"
    assert startup.difference({"a": 1.0}, {"b": 1.0}) == "not of the same people"
    assert startup.difference({"a": 1.0}, {"a": None}) == "not of the same people"


def test_a_checkout_that_fails_is_told_with_what_it_said(startup: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "dfcore").mkdir()
    (tmp_path / "dfcore/__init__.py").write_text("")
    (tmp_path / "dfcore/__main__.py").write_text("raise SystemExit('it is broken')")
    with pytest.raises(SystemExit, match="ended with 1: it is broken"):
        startup.judge(tmp_path, [tmp_path / "v.mp4"], [])


@pytest.mark.slow
def test_preparing_is_timed_with_one_process_and_with_two(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    for number in range(2):
        (tmp_path / f"{number}.mp4").write_bytes(video.read_bytes())
    benchmark = importlib.import_module("prepare.workers")
    monkeypatch.setattr(benchmark, "COUNT", [sys.executable, "-c", ""])
    benchmark.main([str(tmp_path), "--specialists", "rr", "--rounds", "1"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 files for rr; medians of 1 rounds"
    assert [line.split(":")[0] for line in said[1:]] == ["1 workers", "2 workers"]
    assert said[1].endswith("gain 1.00, 1.00 by processes that share nothing")
