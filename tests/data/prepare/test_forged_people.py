"""Preparing finds out whose face was forged in a fake with several people, once, and keeps that person's clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from two_people import LEFT, PLAN, RIGHT, altered, box, write, write_mask

from dfcore.data.forged.faces import find_forged_faces
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.forged_faces import ForgedFaceLog, ForgedFaces
from dfcore.testing.media import write_broken

ONE = replace(PLAN, people=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An original, and fakes of either person."""
    root = tmp_path_factory.mktemp("people")
    write(root / "original.mp4", options={"crf": "23"})
    for name, which in (("left", LEFT), ("right", RIGHT)):
        write(root / f"{name}.mp4", altered(which), options={"crf": "28"})
    return root


@pytest.fixture
def fakes(folder: Path) -> list[VideoRecord]:
    return [
        VideoRecord(name, folder / f"{name}.mp4", 1, "swap", original_path=folder / "original.mp4")
        for name in ("left", "right")
    ]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every video of which it is found out, by id."""
    made: list[str] = []

    def counting(record: VideoRecord, *args: object, **how: int) -> ForgedFaces:
        made.append(record.id)
        return find_forged_faces(record, *args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("dfcore.data.prepare.videos.find_forged_faces", counting)
    monkeypatch.setattr("dfcore.data.prepare.people.find_forged_faces", counting)
    return made


def run(records: Sequence[VideoRecord], root: Path, plan: object = PLAN, **how: int) -> PrepareReport:
    return prepare_videos(records, ClipStore(root), plan, **{"workers": 1, "progress": False, **how})  # type: ignore[arg-type]


def forged(root: Path) -> dict[str, list[tuple[int, bool | None]]]:
    return {
        video: [(clip.track, clip.forged) for clip in one.clips] for video, one in ClipStore(root).forged_faces.items()
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_each_clip_has_what_was_found_of_its_person(fakes: list[VideoRecord], tmp_path: Path, workers: int) -> None:
    assert run(fakes, tmp_path, workers=workers).done == 2
    assert forged(tmp_path) == {
        "left": [(0, True), (0, True), (1, False), (1, False)],
        "right": [(0, False), (0, False), (1, True), (1, True)],
    }
    store = ClipStore(tmp_path)
    for video in store:
        assert store.forged_faces[video].speaks_of(store.entry(video))


def test_of_one_person_asked_for_the_forged_one_is_kept_beside_the_most_prominent(
    fakes: list[VideoRecord], tmp_path: Path
) -> None:
    run(fakes, tmp_path / "fakes", ONE)
    store = ClipStore(tmp_path / "fakes")
    assert {video: store.entry(video).tracks for video in store} == {"left": (0, 0), "right": (0, 0, 1, 1)}
    run([replace(fake, original_path=None) for fake in fakes], tmp_path / "plain", ONE)
    plain = ClipStore(tmp_path / "plain")
    for video in store:
        assert (store.open(video).load(0).y == plain.open(video).load(0).y).all(), "who is asked for is as without"


def test_once_is_enough(fakes: list[VideoRecord], tmp_path: Path, looked: list[str]) -> None:
    run(fakes, tmp_path)
    assert run(fakes, tmp_path).reused == 2
    assert looked == ["left", "right"]


def test_a_store_of_before_is_completed_without_making_clips_again(
    fakes: list[VideoRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run([replace(fake, original_path=None) for fake in fakes], tmp_path)
    assert forged(tmp_path) == {}
    monkeypatch.setattr("dfcore.data.prepare.videos.extract_clips", None)
    assert run(fakes, tmp_path).done == 2
    assert {video: dict(found)[1] for video, found in forged(tmp_path).items()} == {"left": False, "right": True}


def test_a_mask_that_comes_later_is_looked_at(fakes: list[VideoRecord], tmp_path: Path, looked: list[str]) -> None:
    mask = tmp_path / "mask.mp4"
    masked = [replace(fakes[1], mask=mask)]
    store = tmp_path / "store"
    run(masked, store)
    assert ClipStore(store).forged_faces["right"].means == "original"
    write_mask(mask, [box(RIGHT)])
    run(masked, store)
    assert ClipStore(store).forged_faces["right"].means == "mask"
    mask.unlink()  # what is away at the moment does not speak against it
    run(masked, store)
    assert ClipStore(store).forged_faces["right"].means == "mask"
    assert looked == ["right", "right"]


def test_files_that_only_moved_are_not_looked_at_again(
    fakes: list[VideoRecord], tmp_path: Path, looked: list[str]
) -> None:
    store, there = tmp_path / "store", []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for path in (fakes[1].path, fakes[1].original_path):
            assert path is not None
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
        there.append(
            replace(fakes[1], path=tmp_path / name / "right.mp4", original_path=tmp_path / name / "original.mp4")
        )
    for record in there:
        run([record], store)
    assert looked == ["right"]


def test_clips_cut_anew_are_judged_anew(fakes: list[VideoRecord], tmp_path: Path, looked: list[str]) -> None:
    run(fakes[1:], tmp_path)
    before = ClipStore(tmp_path).forged_faces["right"]
    run(fakes[1:], tmp_path, replace(PLAN, frames=6))
    store = ClipStore(tmp_path)
    assert looked == ["right", "right"]
    assert store.forged_faces["right"].speaks_of(store.entry("right"))
    assert not before.speaks_of(store.entry("right"))


def test_a_broken_original_does_not_cost_the_fake(fakes: list[VideoRecord], tmp_path: Path) -> None:
    broken = write_broken(tmp_path / "broken.mp4", "noise")
    report = run([replace(fakes[0], original_path=broken)], tmp_path / "store")
    assert (report.done, report.failed) == (1, ())
    found = ClipStore(tmp_path / "store").forged_faces["left"]
    assert (found.means, {clip.forged for clip in found.clips}) == ("", {None})
    assert "broken.mp4" in found.reason


def test_a_line_that_was_cut_short_is_left_out(fakes: list[VideoRecord], tmp_path: Path) -> None:
    run(fakes, tmp_path)
    path = tmp_path / "forged_faces.jsonl"
    path.write_text(path.read_text()[:-40])
    assert list(ForgedFaceLog(tmp_path)) == ["left"]
