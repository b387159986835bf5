"""Which clips of a fake with several people its label belongs to, and what the bystanders are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dfcore.data.clips import Clip
from dfcore.data.forged.people import FoundPeople, by_person, found_people
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.forged_faces import ClipFinding, ForgedFaces

TRACKS = (0, 0, 1, 1, 2)


@pytest.fixture
def store(tmp_path: Path, make_clip: Callable[..., Clip]) -> ClipStore:
    """A fake and a real video, each with three people, and a fake with one."""
    made = ClipStore(tmp_path / "store")
    for video, tracks in (("fake", TRACKS), ("real", TRACKS), ("alone", (0, 0))):
        clips = [make_clip(seed=i, video=video) for i in range(len(tracks))]
        for clip, track in zip(clips, tracks, strict=True):
            clip.header = replace(clip.header, track=track)
        made.write(video, clips)
    return made


RECORDS = [
    VideoRecord(name, Path(f"{name}.mp4"), label, "swap" if label else "original", "train", group=(name,))
    for name, label in (("fake", FAKE), ("real", REAL), ("alone", FAKE))
]


def told(store: ClipStore, *forged: bool | None, means: str = "original") -> ForgedFaces:
    """What was found of the three people in the fake."""
    clips = tuple(ClipFinding(track, forged[track], 1.0) for track in TRACKS)
    return ForgedFaces("fake", clips, means, "" if means else "no mask.", store.entry("fake").size)


def clips(store: ClipStore, finding: ForgedFaces | None, bystanders: str, **how: bool) -> dict[str, tuple]:
    findings = {} if finding is None else {"fake": finding}
    found = by_person(RECORDS, store.index, findings, bystanders, **how)
    return {record.id: (record.label, record.clips) for record in found}


OTHERS = {"real": (REAL, None), "alone": (FAKE, None)}


def test_bystanders_are_left_out(store: ClipStore) -> None:
    finding = told(store, False, True, None)
    assert clips(store, finding, "leave_out") == {"fake": (FAKE, (2, 3)), **OTHERS}


def test_bystanders_are_real_videos_of_their_own(store: ClipStore) -> None:
    """Of whom it cannot be told, nothing is said."""
    finding = told(store, False, True, None)
    assert clips(store, finding, "real") == {"fake": (FAKE, (2, 3)), "fake~person0": (REAL, (0, 1)), **OTHERS}
    bystander = by_person(RECORDS, store.index, {"fake": finding}, "real")[1]
    assert (bystander.store_id, bystander.group, bystander.split) == ("fake", ("fake",), "train")
    assert (bystander.manipulation, bystander.video_label) == ("original", REAL)


def test_bystanders_come_in_the_order_of_their_numbers(store: ClipStore) -> None:
    """Whatever the order in which they were found, and in which a set would hold their numbers."""
    tracks = (16, 9, 3, 8)
    entry = replace(store.entry("fake"), tracks=tracks)
    clips = tuple(ClipFinding(track, track == 3, 1.0) for track in tracks)
    finding = ForgedFaces("fake", clips, "original", "", entry.size)
    found = by_person(RECORDS[:1], {"fake": entry}, {"fake": finding}, "real")
    assert [record.id for record in found] == ["fake", "fake~person8", "fake~person9", "fake~person16"]
    assert [record.clips for record in found] == [(2,), (3,), (1,), (0,)]


def test_those_known_by_a_mask_and_by_the_original_are_not_unknown() -> None:
    assert FoundPeople(9, 7, by_mask=2, by_original=1, bystanders=0).unknown == 4


def test_everybody_is_fake_as_the_video_is(store: ClipStore) -> None:
    assert clips(store, told(store, False, True, None), "fake") == {"fake": (FAKE, None), **OTHERS}


@pytest.mark.parametrize("bystanders", ["leave_out", "real"])
def test_without_evidence_it_is_the_most_prominent_person(store: ClipStore, bystanders: str) -> None:
    for finding in (None, told(store, None, None, None, means="")):
        assert clips(store, finding, bystanders) == {"fake": (FAKE, (0, 1)), **OTHERS}


def test_what_was_found_of_other_clips_counts_for_nothing(store: ClipStore) -> None:
    finding = replace(told(store, False, True, False), size=1)
    assert clips(store, finding, "leave_out")["fake"] == (FAKE, (0, 1))


def test_two_forged_faces_are_both_fake(store: ClipStore) -> None:
    assert clips(store, told(store, True, False, True), "leave_out")["fake"] == (FAKE, (0, 1, 4))


def test_where_the_audio_may_be_forged_no_bystander_is_real_to_a_detector_that_uses_it(store: ClipStore) -> None:
    finding = told(store, False, True, False)
    assert "fake~person0" not in clips(store, finding, "real", uses_audio=True)
    known = [replace(record, audio_label=REAL) for record in RECORDS]
    assert len(by_person(known, store.index, {"fake": finding}, "real", uses_audio=True)) == 5


@pytest.mark.parametrize("train", [False, True])
def test_samples_are_read_of_these_clips_alone(store: ClipStore, train: bool) -> None:
    def samples(records: list[VideoRecord], **how: bool) -> ClipSamples:
        return ClipSamples(records, store, ("context",), image_size=32, samples_per_video=6, **how)  # type: ignore[arg-type]

    records = by_person(RECORDS[:1], store.index, {"fake": told(store, False, True, None)}, "real")
    data = samples(records, train=train)
    shown = {record.id: [samples([replace(record, clips=(i,))]) for i in record.clips or ()] for record in records}
    for item in map(data.__getitem__, range(len(data))):
        record = records[item["video"]]
        own = [one[k]["views"]["context"] for one in shown[record.id] for k in range(len(one))]
        assert item["label"] == record.label
        assert any((item["views"]["context"] == view).all() for view in own)


def test_how_often_it_was_found_out_is_said(store: ClipStore) -> None:
    found = found_people(RECORDS, store.index, {"fake": told(store, False, True, None)})
    assert (found.fakes, found.several, found.by_mask, found.by_original, found.bystanders) == (2, 1, 0, 1, 1)
    (sentence,) = found.sentences("leave_out")
    assert sentence == (
        "1 of 2 fakes shows several people: whose face was forged is known of 0 by the mask and of 1 by the original, "
        "and unknown of 0. 1 bystander is left out (data.bystanders=leave_out)."
    )
    unknown = found_people(RECORDS, store.index, {"fake": told(store, None, None, None, means="")})
    assert unknown.unknown == 1
    assert "the most prominent person is taken for it" in unknown.sentences("leave_out")[1]
    assert unknown.sentences("leave_out")[1].endswith("fake: no mask.")
    assert len(unknown.sentences("fake")) == 1
    assert found_people(RECORDS[1:], store.index, {}).sentences("leave_out") == []
