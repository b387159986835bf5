"""Two that prepare into one store at once, each for something else: both end with what they need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from preparing import PLAN, Records, ghost, run

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare import neighbours, videos
from dfcore.data.prepare.survey import Task
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.index import IndexEntry, Origin
from dfcore.specs import EvidenceSpec

LONGER = replace(PLAN, frames=5)
OTHER = EvidenceSpec("other", 3, "fake_parts:block_means", 2)


def meanwhile(monkeypatch: pytest.MonkeyPatch, video: str, *, before: bool, do: Any) -> None:
    """``do`` happens once: between decoding a video and writing its clips, or just after that."""
    write, extract, asked = videos.write_video, videos.extract_clips, []

    def once(name: str) -> None:
        if name == video and not asked:
            asked.append(name)
            do()

    def extracted(*given: Any, record: VideoRecord, **how: Any) -> Any:
        found = extract(*given, record=record, **how)
        if before:
            once(record.id)
        return found

    def written(root: Path, name: str, *rest: Any) -> Any:
        entry = write(root, name, *rest)
        if not before:
            once(name)
        return entry

    monkeypatch.setattr(videos, "extract_clips", extracted)
    monkeypatch.setattr(videos, "write_video", written)


def serves(root: Path, plan: ClipPlan, *evidence: EvidenceSpec) -> bool:
    store = ClipStore(root)
    opened = [store.open(video) for video in store.ids()]
    there = [video.evidence_file(spec.name) is not None for video in opened for spec in evidence]
    return all(there) and all(video.plan.covers(plan) for video in opened)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("video", ["a", "c"])
def test_what_another_has_written_over_is_made_again_for_both(
    records: Records, root: Path, monkeypatch: pytest.MonkeyPatch, video: str, before: bool
) -> None:
    meanwhile(monkeypatch, video, before=before, do=lambda: run(records, root, LONGER, [OTHER]))
    report = run(records, root, PLAN, [ghost()])
    assert (report.done, report.failed) == (4, ())
    assert serves(root, PLAN, ghost())
    assert serves(root, LONGER)
    assert run(records, root, PLAN, [ghost()]).reused == 4
    assert run(records, root, LONGER, [OTHER]).failed == ()
    assert serves(root, LONGER, ghost(), OTHER)


def test_what_another_has_written_since_is_not_decoded_again(
    records: Records, root: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[Path]
) -> None:
    meanwhile(monkeypatch, "a", before=False, do=lambda: run(records[1:], root, LONGER, [OTHER]))
    run(records, root, PLAN, [ghost()])
    assert len(decoded) == 4
    assert serves(root, PLAN, ghost())


def test_a_file_of_a_source_that_has_changed_is_not_taken_for_what_another_wrote(
    records: Records, root: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[Path]
) -> None:
    run(records, root, PLAN)
    copies = [replace(record, path=root.parent / f"{record.id}.mp4") for record in records]
    for record, copy in zip(records, copies, strict=True):
        copy.path.write_bytes(record.path.read_bytes() + b"\0" * 9)
    decoded.clear()
    assert run(copies, root, PLAN, [ghost()]).done == 4
    assert len(decoded) == 4


@pytest.mark.parametrize(("needs", "taken"), [(0, False), (4, True), (5, False)])
def test_what_another_wrote_serves_if_evidence_can_be_extracted_from_it(
    records: Records, root: Path, monkeypatch: pytest.MonkeyPatch, needs: int, taken: bool
) -> None:
    """Of eight frames it kept the planes of four: no more evidence can be had of these."""
    plan = ClipPlan(frames=8, native=4)
    entry = IndexEntry("a", "a", 1, 0, "original", "", (8,), (0,), plan, Origin())
    monkeypatch.setattr(neighbours, "written_at", lambda root, video: 7)
    monkeypatch.setattr(neighbours, "_on_disk", lambda *_: entry)
    task = Task(root, records[0], plan, (replace(ghost(), frames=needs),), None, Origin())
    now = neighbours.as_it_is_now(task)
    assert now.written == 7
    assert (now.entry is entry) == taken
    assert neighbours.as_it_is_now(now) is now  # nothing new since
    longer = neighbours.as_it_is_now(replace(task, plan=ClipPlan(frames=16, native=2), evidence=()))
    assert (longer.entry, longer.plan) == (None, ClipPlan(frames=16, native=4))
