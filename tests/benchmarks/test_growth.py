"""benchmarks/growth.py, on a small scale: the files that it makes and what it prints."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dfcore.data.media import decode_audio, probe
from dfcore.testing.demo import render_person
from dfcore.testing.media import write_video

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("growth")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    person = render_person(1, 8, 256)
    path = tmp_path_factory.mktemp("video") / "person.mp4"
    audio = (8000 * np.sin(np.arange(46080) / 20)).astype(np.int16)
    return write_video(
        path, width=256, height=256, frames=24, image=lambda index: person[index % len(person)], audio=audio
    )


def test_a_repeated_video_is_so_many_times_as_long_images_and_audio(
    growth: ModuleType, video: Path, tmp_path: Path
) -> None:
    longer = growth.repeated(video, tmp_path / "longer", 3) / "real" / "repeated.mp4"
    once, thrice = probe(video), probe(longer)
    assert once.has_audio
    assert thrice.has_audio
    assert thrice.frame_count == 3 * once.frame_count
    assert thrice.duration == pytest.approx(3 * once.duration, abs=0.1)
    assert len(decode_audio(longer)) == pytest.approx(3 * len(decode_audio(video)), rel=0.1)


@pytest.mark.slow
def test_each_count_has_a_row_of_each_command(
    growth: ModuleType, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--specialists", "rr", "--backbone", "test_efficientnet"]
    growth.main([str(video), *small, "--numbers", "1", "2", "--lengths"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [" ".join(words) for words in lines if words[0] == "dfcore"] == [
        "dfcore predict, files",
        "dfcore predict, lengths",
        "dfcore prepare, files",
        "dfcore prepare, lengths",
    ]
    rows = [words for words in lines if words[0].isdigit()]
    assert [words[0] for words in rows] == ["1", "2"] * 2
    assert [len(words) for words in rows] == [4, 5] * 2  # of the first there is none before
    assert all(float(words[place]) > 0 for words in rows for place in (1, 2, -1))
