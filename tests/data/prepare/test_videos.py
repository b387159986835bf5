from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from preparing import PLAN, Records, ghost, run

from dfcore.data.prepare.videos import survey
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.origin import Origin
from dfcore.errors import DatasetError, PluginError, PluginImportError, UnknownNameError
from dfcore.testing.media import write_broken

# -- what is made, and what is reused ----------------------------------------------------------------------------------


def test_everything_is_made_once(records: Records, root: Path, decoded: list[Path]) -> None:
    first = run(records, root, evidence=[ghost()])
    assert (first.done, first.reused, first.failed) == (4, 0, ())
    assert first.seconds > 0
    assert len(decoded) == 4
    again = run(records, root, evidence=[ghost()])
    assert (again.done, again.reused) == (0, 4)
    assert len(decoded) == 4
    store = ClipStore(root)
    assert store.ids() == ["a", "b", "c", "d"]
    video = store.open("b")
    assert (video.source.label, video.source.group, video.plan) == (1, ("b",), PLAN)
    clip = video.load(1)
    means = clip.y.reshape(3, clip.y.shape[1] // 16, 16, clip.y.shape[2] // 16, 16).mean((2, 4))
    assert np.allclose(video.access(1).evidence("ghost")[:, 1], means + 100, atol=0.2)


def test_evidence_is_made_from_stored_clips_without_decoding_again(
    records: Records, root: Path, decoded: list[Path]
) -> None:
    run(records, root)
    assert len(decoded) == 4
    report = run(records, root, evidence=[ghost()])
    assert (report.done, report.reused, len(decoded)) == (4, 0, 4)
    assert run(records, root, evidence=[ghost(version=2)]).done == 4
    assert {entry.evidence["ghost"] for entry in ClipStore(root).index.values()} == {2}
    assert run(records, root).reused == 4
    assert len(decoded) == 4


def test_evidence_of_frames_that_are_not_kept_decodes_the_video_again(
    records: Records, root: Path, decoded: list[Path]
) -> None:
    small = replace(PLAN, frames=5, native=3, sequence=True)
    run(records[:1], root, small)
    run(records[:1], root, small, [replace(ghost(), frames=3)])
    assert len(decoded) == 1
    assert ClipStore(root).entry("a").evidence == {"ghost": 1}
    report = run(records[:1], root, small, [ghost(version=2)])
    assert (report.done, len(decoded)) == (1, 2)
    entry = ClipStore(root).entry("a")
    assert (entry.evidence, entry.plan) == ({"ghost": 2}, small)
    values = ClipStore(root).open("a").access(0).evidence("ghost")
    assert values is not None
    assert len(values) == 5


def test_evidence_made_at_once_equals_evidence_made_later(records: Records, tmp_path: Path) -> None:
    run(records[:1], tmp_path / "one", evidence=[ghost()])
    run(records[:1], tmp_path / "two")
    run(records[:1], tmp_path / "two", evidence=[ghost()])
    one, two = ((tmp_path / name / "a.ghost-v1.evidence.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_larger_plan_is_prepared_again_and_a_smaller_one_reused(
    records: Records, root: Path, decoded: list[Path]
) -> None:
    run(records, root, evidence=[ghost()])
    longer = replace(PLAN, clips=1, frames=5)
    assert run(records[:2], root, longer, [ghost()]).done == 2
    assert len(decoded) == 6
    store = ClipStore(root)
    assert store.entry("a").plan == replace(PLAN, clips=2, frames=5)  # what was there before is not lost
    assert store.entry("a").frames == (5, 5)
    assert store.open("a").access(1).evidence("ghost").shape[0] == 5
    assert store.entry("c").plan == PLAN
    assert run(records, root, PLAN, [ghost()]).reused == 4
    assert len(decoded) == 6


def test_a_changed_source_is_prepared_again_and_an_absent_one_reused(
    records: Records, root: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(records[0].path.read_bytes())
    mine = [replace(records[0], path=own)]
    run(mine, root)
    own.unlink()
    assert run(mine, root).reused == 1
    own.write_bytes(records[0].path.read_bytes() + b"more")
    assert run(mine, root).done == 1
    assert run(mine, root).reused == 1


@pytest.mark.parametrize("kept", ["nothing", "mtime"])
def test_another_file_of_the_same_size_is_prepared_again(
    records: Records, root: Path, tmp_path: Path, image: Callable[..., Path], kept: str
) -> None:
    own = image(tmp_path / "own.bmp", 1, 128, 96)
    mine = [VideoRecord("own", own, 0)]
    run(mine, root)
    before = own.stat()
    image(own, 2, 128, 96)
    assert own.stat().st_size == before.st_size
    if kept == "mtime":
        os.utime(own, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(mine, root).done == 1
    assert run(mine, root).reused == 1


def test_a_copied_source_is_the_same_and_is_read_for_that_once(
    records: Records, root: Path, tmp_path: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for path in paths:
        path.write_bytes(records[0].path.read_bytes())
    text = write_broken(tmp_path / "text.mp4", "text")
    run([VideoRecord("v", paths[0], 0), VideoRecord("text", text, 0)], root)
    text.touch()
    moved = [VideoRecord("v", paths[1], 0), VideoRecord("text", text, 0)]
    assert run(moved, root).reused == 1
    assert len(decoded) == 1
    sampled: list[Path] = []
    monkeypatch.setattr(Origin, "sampled", lambda self, path: sampled.append(path) or self)
    assert run(moved[:1], root).reused == 1
    assert sampled == []


def test_a_name_of_any_bytes_is_prepared(records: Records, root: Path, tmp_path: Path) -> None:
    names = [os.fsdecode(name) for name in (b"caf\xe9", b"a\x1b[31mred", b"two\nlines", "é\u2028".encode())]
    mine = []
    for name in (*names, "broken\udce9"):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(records[0].path.read_bytes() if name in names else b"")
        mine.append(VideoRecord(name, path, 0, group=(name,)))
    report = run(mine, root, evidence=[ghost()], workers=2)
    assert (report.done, [failure.id for failure in report.failed]) == (4, ["broken\udce9"])
    store = ClipStore(root)
    assert store.ids() == sorted(names)
    assert [store.open(name).source.video for name in names] == names
    assert store.failures["broken\udce9"].path == str(mine[-1].path)
    (root / "index.jsonl").unlink()
    report = run(mine, root, evidence=[ghost()])
    assert (report.reused, len(report.failed)) == (4, 1)


def test_damaged_files_are_made_again(records: Records, root: Path) -> None:
    run(records, root)
    whole = (root / "a.safetensors").read_bytes()
    (root / "a.safetensors").write_bytes(whole[:-9])
    length = int.from_bytes(whole[:8], "little")
    (root / "b.safetensors").write_bytes(whole[:8] + b"#" * length + whole[8 + length :])  # of the same size
    report = run(records, root)
    assert (report.done, report.reused) == (2, 2)
    assert (root / "a.safetensors").read_bytes() == whole
    assert ClipStore(root).open("b").source.video == "b"


def test_ids_must_be_unique(records: Records, root: Path) -> None:
    with pytest.raises(DatasetError, match="two videos have the id 'a'"):
        run([records[0], replace(records[1], id="a")], root)


# -- what cannot be used -----------------------------------------------------------------------------------------------


def bad_files(folder: Path, good: Path) -> Records:
    folder.mkdir()
    paths = [write_broken(folder / f"{kind}.mp4", kind) for kind in ("text", "empty", "noise")]
    paths += [write_broken(folder / "truncated.mp4", "truncated", good), folder / "absent.mp4"]
    return [VideoRecord(path.stem, path, 0) for path in paths]


def test_bad_files_are_listed_with_reasons_and_the_rest_goes_on(records: Records, root: Path, tmp_path: Path) -> None:
    bad = bad_files(tmp_path / "bad", records[0].path)
    report = run([*bad[:2], *records, *bad[2:]], root)
    assert report.done == 4
    assert [failure.id for failure in report.failed] == ["text", "empty", "noise", "truncated", "absent"]
    lines = [json.loads(line) for line in (root / "failed.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == sorted(record.id for record in bad)
    reasons = {line["id"]: line["reason"] for line in lines}
    assert "text file" in reasons["text"]
    assert "empty" in reasons["empty"]
    assert "cut short" in reasons["truncated"]
    assert "no such file" in reasons["absent"]
    assert all(line["time"] and line["path"].endswith(f"{line['id']}.mp4") for line in lines)


def test_failures_are_tried_again_only_when_changed_or_asked_for(
    records: Records, root: Path, tmp_path: Path, decoded: list[Path]
) -> None:
    path = tmp_path / "v.mp4"
    record = VideoRecord("v", path, 0)
    path.write_bytes(records[0].path.read_bytes())
    faceless = replace(PLAN, detector="fake_parts:NoFace")
    assert "no face found" in run([record], root, faceless).failed[0].reason
    assert len(decoded) == 1
    assert "no face found" in run([record], root, PLAN).failed[0].reason  # the file is the same: not looked at
    assert len(decoded) == 1
    assert run([record], root, PLAN, retry_failed=True).done == 1
    assert not (root / "failed.jsonl").exists()
    assert ClipStore(root).ids() == ["v"]


def test_a_failed_file_that_was_replaced_is_tried_again(records: Records, root: Path, tmp_path: Path) -> None:
    path = write_broken(tmp_path / "v.mp4", "noise")
    record = VideoRecord("v", path, 0)
    assert len(run([record], root).failed) == 1
    path.write_bytes(records[0].path.read_bytes())
    report = run([record], root)
    assert (report.done, report.failed) == (1, ())
    assert not (root / "failed.jsonl").exists()


def test_what_an_extractor_cannot_do_is_not_noted_against_the_file(records: Records, root: Path) -> None:
    report = run(records, root, evidence=[ghost("refuses_b")])
    assert report.done == 3
    assert [(failure.id, failure.again) for failure in report.failed] == [("b", True)]
    assert "b: refused" in report.failed[0].reason
    store = ClipStore(root)
    assert store.ids() == ["a", "b", "c", "d"]  # its clips are good for others
    assert store.entry("b").evidence == {}
    assert not (root / "failed.jsonl").exists()
    assert run(records, root, evidence=[ghost()]).done == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plugin_that_raises_stops_with_its_name_and_line_and_spoils_nothing(
    records: Records, root: Path, workers: int
) -> None:
    place = r"in fails_on_b, .*fake_parts.py:\d+: ZeroDivisionError: on b"
    with pytest.raises(PluginError, match=rf"evidence ghost \(fake_parts:fails_on_b\) failed {place}"):
        run(records, root, evidence=[ghost("fails_on_b")], workers=workers)
    assert not ClipStore(root).failures
    report = run(records, root, evidence=[ghost()])
    assert (report.done + report.reused, report.failed) == (4, ())


@pytest.mark.parametrize(
    ("extractor", "words"),
    [
        ("wrong_shape", r"must return float16 .* = \[3, 2, .*; it returned the shape \[1, 2, 3\]"),
        ("too_wide", "it returned float32"),
        ("not_finite", r"it returned 2 of \d+ values that are not finite"),
        ("no_array", "it returned a list"),
    ],
)
def test_what_an_extractor_returns_is_checked(records: Records, root: Path, extractor: str, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        run(records[:1], root, evidence=[ghost(extractor)])
    assert not (root / "failed.jsonl").exists()


def test_faults_of_the_call_are_errors_not_failures(records: Records, root: Path) -> None:
    with pytest.raises(UnknownNameError, match="centerface"):
        run(records, root, replace(PLAN, detector="centreface"))
    with pytest.raises(PluginImportError, match="no_such"):
        run(records, root, evidence=[ghost("no_such")])
    assert not (root / "failed.jsonl").exists()


def test_calls_that_share_a_machine_share_its_cores(
    records: Records, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, set[int]]] = []

    def noted(work: Any, tasks: Any, workers: int, seconds: Any) -> Any:
        begun.append((workers, {task.threads for task in tasks}))
        return iter(())

    monkeypatch.setattr("dfcore.data.prepare.videos.usable_cores", lambda: 12)
    monkeypatch.setattr("dfcore.data.prepare.videos.run_tasks", noted)
    for sharing in (1, 4, 6, 100):
        run(records, root, workers=0, sharing=sharing)
    assert begun == [(4, {3}), (3, {1}), (2, {1}), (1, {1})]  # four videos


def test_a_survey_says_what_is_to_be_done_and_writes_nothing(records: Records, root: Path, tmp_path: Path) -> None:
    bad = VideoRecord("text", write_broken(tmp_path / "text.mp4", "text"), 0)
    todo, report = survey([*records, bad], ClipStore(root), PLAN)
    assert [record.id for record in todo] == ["a", "b", "c", "d", "text"]
    assert not root.exists()
    run([*records[:2], bad], root)
    todo, report = survey([*records, bad], ClipStore(root), PLAN, [ghost()])
    assert [record.id for record in todo] == ["a", "b", "c", "d"]  # a and b lack the evidence
    todo, report = survey([*records, bad], ClipStore(root), PLAN)
    assert ([record.id for record in todo], report.reused) == (["c", "d"], 2)
    assert [failure.id for failure in report.failed] == ["text"]
