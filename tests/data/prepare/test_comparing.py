"""Fakes are compared with their originals while they are prepared, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.labels import labelled_for
from dfcore.data.prepare.comparison import compare_images
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.comparisons import Comparison
from dfcore.testing.media import write_broken, write_video

PLAN = ClipPlan(clips=2, frames=3, detector="fake_parts:FixedFace")


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return write_video(tmp_path / "original.mp4", width=192, height=160, frames=24)


@pytest.fixture
def fakes(tmp_path: Path, original: Path) -> list[VideoRecord]:
    """One that shows the original's images, and one of another scene."""
    copy = write_video(tmp_path / "copy.mp4", width=192, height=160, frames=24, options={"crf": "20"})
    other = write_video(tmp_path / "other.mp4", width=192, height=160, frames=24, seed=1)
    return [
        VideoRecord(path.stem, path, 1, "dfdc", original_path=original, either_forged=True) for path in (copy, other)
    ]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every comparison that is made, by id."""
    made: list[str] = []

    def counting(video: str, *args: Path, **how: int) -> Comparison:
        made.append(video)
        return compare_images(video, *args, **how)

    monkeypatch.setattr("dfcore.data.prepare.videos.compare_images", counting)
    return made


def run(records: Sequence[VideoRecord], root: Path, **how: int) -> PrepareReport:
    return prepare_videos(records, ClipStore(root), PLAN, **{"workers": 1, "progress": False, **how})  # type: ignore[arg-type]


def outcomes(root: Path) -> dict[str, bool | None]:
    return {video: found.same for video, found in ClipStore(root).comparisons.items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_outcome_is_in_the_store_and_the_clips_keep_the_label_as_scanned(
    fakes: list[VideoRecord], tmp_path: Path, workers: int
) -> None:
    root = tmp_path / "store"
    assert run(fakes, root, workers=workers).done == 2
    assert outcomes(root) == {"copy": True, "other": False}
    store = ClipStore(root)
    assert {store.open(video).source.label for video in store} == {1}


def test_once_is_enough(fakes: list[VideoRecord], tmp_path: Path, compared: list[str]) -> None:
    root = tmp_path / "store"
    run(fakes, root)
    assert run(fakes, root).reused == 2
    assert compared == ["copy", "other"]
    store = ClipStore(root)
    store.remove("copy")  # as a chunk that is done with
    assert run(fakes, root).done == 1
    assert compared == ["copy", "other"]
    assert outcomes(root) == {"copy": True, "other": False}


def test_clips_that_are_there_are_not_made_again_for_a_comparison(
    fakes: list[VideoRecord], tmp_path: Path, compared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store of before, or an original that was downloaded later."""
    root = tmp_path / "store"
    run([replace(fake, original_path=tmp_path / "not_yet.mp4") for fake in fakes], root)
    assert compared == []
    monkeypatch.setattr("dfcore.data.prepare.videos.extract_clips", None)
    monkeypatch.setattr("dfcore.data.store.clip_store.StoredVideo.load", None)  # nor read
    assert run(fakes, root).done == 2
    assert compared == ["copy", "other"]


def test_another_file_is_compared_again(fakes: list[VideoRecord], tmp_path: Path, compared: list[str]) -> None:
    root = tmp_path / "store"
    run(fakes[:1], root)
    fakes[0].path.write_bytes(fakes[1].path.read_bytes())
    run(fakes[:1], root)
    assert compared == ["copy", "copy"]
    assert outcomes(root) == {"copy": False}


def test_a_broken_original_does_not_cost_the_fake(fakes: list[VideoRecord], tmp_path: Path, original: Path) -> None:
    write_broken(original, "noise")
    report = run(fakes, tmp_path / "store")
    assert (report.done, report.failed) == (2, ())
    assert outcomes(tmp_path / "store") == {"copy": None, "other": None}


def test_both_labels_are_in_the_clips_whatever_they_are_prepared_for(tmp_path: Path, original: Path) -> None:
    """As scanned, and as a specialist that uses the audio has it: the store is the same."""
    dubbed = VideoRecord("dubbed", original, 0, "rtvc", audio_label=1)
    for uses_audio in (False, True):
        root = tmp_path / f"store {uses_audio}"
        run(labelled_for([dubbed], uses_audio=uses_audio), root)
        source = ClipStore(root).open("dubbed").source
        assert (source.label, source.audio_label) == (0, 1)
    one, two = ((tmp_path / f"store {uses_audio}" / "dubbed.safetensors").read_bytes() for uses_audio in (False, True))
    assert one == two
