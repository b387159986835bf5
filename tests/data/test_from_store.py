"""Samples and records from a clip store alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dfcore.data.clips import Clip
from dfcore.data.clips.plan import LANDMARKS
from dfcore.data.records import pseudo_fake_id, pseudo_fake_of
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.comparisons import Comparison
from dfcore.data.store.contents import require_prepared_for, stored_records
from dfcore.errors import StoreError
from dfcore.specs import CueSpec, EvidenceSpec, SpecialistSpec

MakeClip = Callable[..., Clip]
SPEC = SpecialistSpec(
    "cm",
    "Test",
    (CueSpec("one", 1),),
    evidence=(EvidenceSpec("ghost", 0, "x:y", 5),),
    clip_frames=3,
    augmentations=("hflip",),
)


@dataclass(frozen=True)
class Model:
    """What a specialist says of itself to those who make its samples."""

    spec: SpecialistSpec = SPEC
    view_names: tuple[str, ...] = ("face", "tiles", "ghost")
    image_size: int = 24


VIDEOS = {
    "real": {"label": 0, "split": "train"},
    "fake": {"label": 1, "split": "train"},
    "dubbed": {"label": 0, "audio_label": 1, "split": "train"},
    "unlabelled": {"label": None, "split": "train"},
    "held-out": {"label": 1, "split": "val", "group": ("p", "q"), "compression": "c23"},
    pseudo_fake_id("real", "cm", 7, "fake"): {"label": 1, "split": "train"},
    pseudo_fake_id("real", "cm", 7, "control"): {"label": 0, "split": "train"},
    pseudo_fake_id("real", "rr", 7, "fake"): {"label": 1, "split": "train"},
}


@pytest.fixture
def store(make_clip: MakeClip, tmp_path: Path) -> ClipStore:
    found = ClipStore(tmp_path / "store")
    for video, about in VIDEOS.items():
        found.write(video, [make_clip(3, 80, 64, video=video, **about)])
    return found


def labels(samples: ClipSamples) -> dict[str, int]:
    return {record.id: record.label for record in samples.records}


def test_the_videos_of_a_split_with_their_labels(store: ClipStore) -> None:
    assert labels(ClipSamples.from_store(store, Model(), split="train")) == {"real": 0, "fake": 1, "dubbed": 0}
    found = ClipSamples.from_store(store.root, Model(), split="val")
    (record,) = found.records
    assert (record.id, record.label, record.group, record.compression) == ("held-out", 1, ("p", "q"), "c23")
    assert set(found[0]["views"]) == set(Model.view_names)
    assert found[0]["views"]["face"].shape == (3, 24, 24)


def test_one_that_uses_the_audio_has_its_labels(store: ClipStore) -> None:
    hearing = replace(SPEC, speech=0.5)
    store.index.update(
        {video: replace(entry, plan=replace(entry.plan, speech=1.0)) for video, entry in store.index.items()}
    )
    found = ClipSamples.from_store(store, Model(hearing), split="train")
    assert labels(found) == {"real": 0, "fake": 1, "dubbed": 1}


def test_a_fake_that_shows_its_originals_images_is_real_to_the_eye(store: ClipStore) -> None:
    store.comparisons.add(Comparison("fake", True, original="real.mp4"))
    assert labels(ClipSamples.from_store(store, Model(), split="train"))["fake"] == 0


def test_pseudo_fakes_are_taken_only_when_asked_for_and_only_its_own(store: ClipStore) -> None:
    asked = labels(ClipSamples.from_store(store, Model(), split="train", pseudo_fakes=True))
    assert {pseudo_fake_of(video) for video in asked} == {None, "cm"}
    assert len(asked) == 5


def test_training_draws_and_augments_and_evaluation_does_not(store: ClipStore) -> None:
    train, val = (ClipSamples.from_store(store, Model(), split=split) for split in ("train", "val"))
    assert train.train
    assert train.augment is not None
    assert train.augment.names == {"hflip"}
    assert not val.train
    assert val.augment is None
    assert not ClipSamples.from_store(store, Model(), split="train", train=False).train


def test_an_empty_split_says_what_there_is(store: ClipStore) -> None:
    with pytest.raises(StoreError, match=r"no labelled videos of the split 'test'; it has train 7, val 1"):
        ClipSamples.from_store(store, Model(), split="test")


@pytest.mark.parametrize(
    ("spec", "lacking"),
    [
        (replace(SPEC, clip_frames=4), "clips of 4 frames"),
        (replace(SPEC, speech=2.4), "2.4 s of mouth and audio"),
        (replace(SPEC, views=(*SPEC.views, "landmarks")), f"dense landmarks, version {LANDMARKS}"),
        (replace(SPEC, evidence=(EvidenceSpec("ghost", 1, "x:y", 5),)), "the evidence 'ghost', version 1"),
    ],
)
def test_a_store_of_another_specialist_is_refused(store: ClipStore, spec: SpecialistSpec, lacking: str) -> None:
    with pytest.raises(
        StoreError, match=rf"lacks what specialist 'cm' reads: {lacking} \(1 of 1 videos\).*dfcore\.prep"
    ):
        ClipSamples.from_store(store, Model(spec), split="val")


def test_a_store_without_motion_is_refused_by_who_reads_it(store: ClipStore, monkeypatch: pytest.MonkeyPatch) -> None:
    records, entry = stored_records(store, SPEC, "val"), store.entry
    still = lambda video: replace(entry(video), plan=replace(entry(video).plan, motion=False))  # noqa: E731
    monkeypatch.setattr(store, "entry", still)
    require_prepared_for(store, records, SPEC)
    with pytest.raises(StoreError, match=r"the codec's motion vectors \(1 of 1 videos\)"):
        require_prepared_for(store, records, replace(SPEC, views=(*SPEC.views, "motion")))


def test_ids_of_pseudo_fakes_are_told_from_others() -> None:
    assert pseudo_fake_of(pseudo_fake_id("a/b~c", "my-own", 2**64 - 1, "control")) == "my-own"
    for video in ("a/b", "a~b", "a~cm-12-fake", "~"):
        assert pseudo_fake_of(video) is None


def test_a_store_that_lacks_what_is_read_says_of_how_many_videos_what(store: ClipStore) -> None:
    records = stored_records(store, SPEC, "train")
    lacking = replace(SPEC, clip_frames=9, speech=2.4, evidence=(*SPEC.evidence, EvidenceSpec("echo", 3, "x:y", 1)))
    with pytest.raises(StoreError) as caught:
        require_prepared_for(store, records, lacking)
    for words in (
        "the evidence 'echo', version 3 (3 of 3 videos)",
        "clips of 9 frames (3 of 3 videos)",
        "2.4 s of mouth and audio (3 of 3 videos)",
        "dfcore.prepare(config, ['cm'])",
    ):
        assert words in str(caught.value)
    assert "'ghost'" not in str(caught.value)
    require_prepared_for(store, records, SPEC)


def test_a_split_that_is_not_there_is_said_with_those_that_are(store: ClipStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no labelled videos of the split 'test'; it has train 7, val 1\."):
        stored_records(store, SPEC, "test")
    with pytest.raises(StoreError, match="it has no videos at all"):
        stored_records(ClipStore(tmp_path / "empty"), SPEC, "train")


def test_videos_without_a_split_are_counted_as_such(make_clip: MakeClip, tmp_path: Path) -> None:
    found = ClipStore(tmp_path / "store")
    for video, split in (("a", "val"), ("b", ""), ("c", "")):
        found.write(video, [make_clip(3, 80, 64, video=video, split=split)])
    with pytest.raises(StoreError, match=r"no labelled videos of the split 'train'; it has none 2, val 1\."):
        stored_records(found, SPEC, "train")
