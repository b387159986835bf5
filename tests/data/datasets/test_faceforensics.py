from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from dfcore.data.datasets.faceforensics import FaceForensics
from dfcore.data.datasets.faceforensics_names import ACTOR_SPLITS, official_pairs, split_of
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL, Scan
from dfcore.errors import DatasetError

from .conftest import touch

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
YOUTUBE = "original_sequences/youtube/c23/videos"
DFD = "manipulated_sequences/DeepFakeDetection/c23/videos"


def scan(root: Path) -> Scan:
    return FaceForensics().scan(root)


@pytest.fixture(scope="module")
def official(official_tree: Path) -> Scan:
    return scan(official_tree)


def test_it_is_a_dataset() -> None:
    assert isinstance(FaceForensics(), Dataset)


def test_the_packaged_lists_are_the_official_ones() -> None:
    assert {split: len(official_pairs(split)) for split in ("train", "val", "test")} == {
        "train": 360,
        "val": 70,
        "test": 70,
    }
    ids = [video for split in ("train", "val", "test") for pair in official_pairs(split) for video in pair]
    assert sorted(ids) == [f"{i:03d}" for i in range(1000)]
    assert official_pairs("train")[0] == ("071", "054")
    assert official_pairs("val")[0] == ("720", "672")
    assert official_pairs("test")[0] == ("953", "974")


@pytest.mark.parametrize("manipulation", ["youtube", *METHODS])
def test_official_split_sizes(official: Scan, manipulation: str) -> None:
    records = [r for r in official.records if f"/{manipulation}/" in r.id]
    assert Counter(r.split for r in records) == {"train": 720, "val": 140, "test": 140}
    assert {r.manipulation for r in records} == {"original" if manipulation == "youtube" else manipulation}
    assert {r.label for r in records} == {REAL if manipulation == "youtube" else FAKE}


def test_a_whole_copy_misses_nothing(official: Scan) -> None:
    assert official.missing == {}
    assert len({r.id for r in official.records}) == len(official.records)


def test_no_identity_is_in_two_splits(official: Scan) -> None:
    splits = defaultdict(set)
    for record in official.records:
        assert record.split in ("train", "val", "test")
        for identity in record.group:
            splits[identity].add(record.split)
    assert len(splits) == 1000 + 28
    assert all(len(found) == 1 for found in splits.values())


def test_a_fake_carries_both_identities_and_its_targets_original(official: Scan) -> None:
    fake = next(r for r in official.records if r.id == "manipulated_sequences/FaceSwap/c23/videos/071_054")
    assert fake.group == ("ff:071", "ff:054")
    assert fake.original == f"{YOUTUBE}/071"
    assert (fake.split, fake.label, fake.compression) == ("train", FAKE, "c23")
    assert fake.path.name == "071_054.mp4"
    ids = {r.id for r in official.records}
    assert all(r.original in ids for r in official.records if r.label == FAKE and r.group[0].startswith("ff:"))


def test_the_order_is_stable(official: Scan, official_tree: Path) -> None:
    assert [r.id for r in scan(official_tree).records] == [r.id for r in official.records]
    youtube = [r.id for r in official.records if r.id.startswith(YOUTUBE)]
    assert youtube == sorted(youtube)
    assert official.records[0].id == f"{YOUTUBE}/000"


def test_no_call_per_file(official_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Counter[str]()
    for name in ("stat", "scandir"):
        original = getattr(os, name)

        def counted(*args, _name=name, _original=original, **kwargs):
            calls[_name] += 1
            return _original(*args, **kwargs)

        monkeypatch.setattr(os, name, counted)
    scan(official_tree)
    assert 0 < calls["scandir"] < 60
    assert calls["stat"] < 100


def test_dfd_actors_are_split_without_sharing(official: Scan) -> None:
    assert sorted(actor for actors in ACTOR_SPLITS.values() for actor in actors) == list(range(1, 29))
    records = [r for r in official.records if r.group[0].startswith("actor:")]
    assert Counter(r.label for r in records)[REAL] == 363
    for split, actors in ACTOR_SPLITS.items():
        here = [r for r in records if r.split == split]
        assert {r.label for r in here} == {REAL, FAKE}
        assert {a for r in here for a in r.group} <= {f"actor:{actor:02d}" for actor in actors}


def test_dfd_fakes_that_mix_splits_are_counted(official: Scan, official_tree: Path) -> None:
    kept = sum(r.manipulation == "DeepFakeDetection" for r in official.records)
    assert 0 < kept < 3068
    assert any(f"Left out: {3068 - kept:,} of 3,068 DeepFakeDetection fakes" in note for note in official.notes)
    assert len(list((official_tree / DFD).iterdir())) == 3068


def test_dfd_names(tmp_path: Path) -> None:
    real = "original_sequences/actors/c40/videos/08__talking_against_wall"
    fake = "manipulated_sequences/DeepFakeDetection/c40/videos/08_28__talking_against_wall__5DCAESDA"
    found = {r.id: r for r in scan(touch(tmp_path, f"{real}.mp4", f"{fake}.mp4")).records}
    assert found[real].group == ("actor:08",)
    assert found[fake].group == ("actor:08", "actor:28")
    assert found[fake].original == real
    assert found[real].split == found[fake].split == "train"


def test_a_partial_copy_is_used_and_what_is_missing_counted(tmp_path: Path) -> None:
    touch(tmp_path, f"{YOUTUBE}/071.mp4", f"{YOUTUBE}/720.mp4")
    touch(tmp_path, "manipulated_sequences/Face2Face/c40/videos/054_071.mp4")
    found = scan(tmp_path)
    assert [(r.id.rsplit("/", 1)[1], r.split) for r in found.records] == [
        ("071", "train"),
        ("720", "val"),
        ("054_071", "train"),
    ]
    assert found.missing["original_sequences/youtube/c23"] == 998
    assert found.missing["original_sequences/youtube/c40"] == 1000
    assert found.missing["manipulated_sequences/Face2Face/c40"] == 999
    assert found.missing["original_sequences/actors/c23"] == 363
    assert found.missing["manipulated_sequences/DeepFakeDetection/c40"] == 3068
    assert not any("raw" in part for part in found.missing)
    assert any("Nothing of raw" in note for note in found.notes)


def test_compressions_come_from_the_best_to_the_worst_whatever_their_folders_are_called(tmp_path: Path) -> None:
    names = ("c40", "C23", "raw")
    found = scan(touch(tmp_path, *(f"original_sequences/youtube/{name}/videos/071.mp4" for name in names)))
    assert [r.compression for r in found.records] == ["raw", "c23", "c40"]


def test_an_original_of_another_compression_is_not_linked(tmp_path: Path) -> None:
    touch(tmp_path, f"{YOUTUBE}/071.mp4", "manipulated_sequences/Face2Face/c40/videos/071_054.mp4")
    assert scan(tmp_path).records[1].original == ""


def test_a_fake_across_splits_is_left_out(tmp_path: Path) -> None:
    """071 is a train id, 720 a val id."""
    folder = "manipulated_sequences/Deepfakes/c23/videos"
    found = scan(touch(tmp_path, f"{folder}/071_720.mp4", f"{folder}/071_054.mp4", f"{folder}/071_087.mp4"))
    assert [r.group for r in found.records] == [("ff:071", "ff:054"), ("ff:071", "ff:087")]
    assert any("Left out: 1 of 3 Deepfakes fakes" in note and "071_720" in note for note in found.notes)
    assert found.missing["manipulated_sequences/Deepfakes/c23"] == 999, "unofficial pairs stand for no official one"
    assert split_of(("ff:071", "ff:720")) is None


def test_masks(tmp_path: Path) -> None:
    method = "manipulated_sequences/Deepfakes"
    touch(tmp_path, f"{method}/c23/videos/071_054.mp4", f"{method}/c23/videos/054_071.mp4")
    touch(tmp_path, f"{method}/masks/videos/071_054.mp4")
    found = {r.group[0]: r.mask for r in scan(tmp_path).records}
    assert found == {"ff:071": tmp_path / method / "masks/videos/071_054.mp4", "ff:054": None}


def test_the_file_of_a_fakes_original_is_its_targets(tmp_path: Path) -> None:
    touch(tmp_path, f"{YOUTUBE}/071.mp4", "manipulated_sequences/Deepfakes/c23/videos/071_054.mp4")
    touch(tmp_path, "manipulated_sequences/Deepfakes/c23/videos/054_071.mp4")
    found = {r.group[0]: (r.original_path, r.either_forged) for r in scan(tmp_path).records if r.label}
    assert found == {"ff:071": (tmp_path / YOUTUBE / "071.mp4", False), "ff:054": (None, False)}


def test_case_containers_and_levels_are_tolerated(tmp_path: Path) -> None:
    folder = "Original_Sequences"
    touch(tmp_path, f"{folder}/YouTube/C23/Videos/071.MKV", f"{folder}/actors/c0/08__hugging_happy.avi")
    found = scan(tmp_path)
    assert [(r.id, r.compression) for r in found.records] == [
        ("Original_Sequences/YouTube/C23/Videos/071", "c23"),
        ("Original_Sequences/actors/c0/08__hugging_happy", "raw"),
    ]


def test_strange_files_are_counted_not_read(tmp_path: Path) -> None:
    names = ("071.mp4", "071.avi", "072.mp4.part", "readme.txt", "a071.mp4", "1071.mp4", ".071.mp4", "071_054.mp4")
    touch(tmp_path, *(f"{YOUTUBE}/{name}" for name in names))
    touch(tmp_path, "original_sequences/actors/c23/videos/77__hugging_happy.mp4")
    touch(tmp_path, "manipulated_sequences/Deepfakes_old/c23/videos/071_054.mp4")
    found = scan(tmp_path)
    assert [r.path.name for r in found.records] == ["071.mp4"]
    notes = " ".join(found.notes)
    assert "not the dataset's videos: 5" in notes
    assert "another suffix: 1" in notes
    assert "071.avi" in notes
    assert "actors or video ids that the dataset does not have: 1" in notes
    assert "manipulated_sequences/Deepfakes_old" in notes


class TestRoot:
    def test_one_level_up(self, tmp_path: Path) -> None:
        touch(tmp_path, f"FF++/{YOUTUBE}/071.mp4", "notes.txt")
        found = scan(tmp_path)
        assert found.root == tmp_path / "FF++"
        assert found.records[0].id == f"{YOUTUBE}/071"
        assert any("one level down" in note for note in found.notes)

    def test_two_copies_below(self, tmp_path: Path) -> None:
        touch(tmp_path, f"a/{YOUTUBE}/071.mp4", f"b/{YOUTUBE}/071.mp4")
        with pytest.raises(DatasetError, match=r"2 copies.*Point at one: .*/a, .*/b"):
            scan(tmp_path)

    @pytest.mark.parametrize("below", ["original_sequences", "original_sequences/youtube", YOUTUBE])
    def test_inside(self, tmp_path: Path, below: str) -> None:
        touch(tmp_path, f"{YOUTUBE}/071.mp4")
        with pytest.raises(DatasetError, match="only a part") as error:
            scan(tmp_path / below)
        assert str(error.value).endswith(f"Point at {tmp_path}.")

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="does not exist"):
            scan(tmp_path / "none")

    def test_file(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="is a file"):
            scan(touch(tmp_path, "x.zip") / "x.zip")

    def test_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"none of.*it holds Celeb-real.*official layout"):
            scan(touch(tmp_path, "Celeb-real/id0_0000.mp4"))

    def test_no_video(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"no FaceForensics\+\+ video"):
            scan(touch(tmp_path, "original_sequences/youtube/c23/images/071/0000.png"))


def test_real_media(real_media: Path) -> None:
    found = scan(real_media / "faceforensics")
    assert len(found.records) == 12
    assert Counter(r.label for r in found.records) == {REAL: 6, FAKE: 6}
    assert {r.split for r in found.records} == {"train"}
    assert Counter(r.compression for r in found.records) == {"c23": 3, "c40": 9}
    assert found.missing["original_sequences/youtube/c40"] == 996


class TestFlat:
    """Copies of one compression without the official folders."""

    NAMES = ("original/071.mp4", "original/054.mp4", "Deepfakes/071_054.mp4", "FaceSwap/054_071.mp4", "csv/all.csv")

    def test_it_is_read_like_the_official_layout(self, tmp_path: Path) -> None:
        found = scan(touch(tmp_path / "ff-c23" / "FaceForensics++_C23", *self.NAMES))
        assert {r.id: (r.label, r.manipulation, r.original) for r in found.records} == {
            "original/071": (REAL, "original", ""),
            "original/054": (REAL, "original", ""),
            "Deepfakes/071_054": (FAKE, "Deepfakes", "original/071"),
            "FaceSwap/054_071": (FAKE, "FaceSwap", "original/054"),
        }
        assert {r.compression for r in found.records} == {"c23"}
        assert {r.split for r in found.records} == {"train"}
        assert found.missing["manipulated_sequences/Deepfakes/c23"] == 999
        assert scan(tmp_path / "ff-c23").root == tmp_path / "ff-c23" / "FaceForensics++_C23"

    @pytest.mark.parametrize(
        ("folder", "compression"),
        [("ff-c23/v1", "c23"), ("raw/videos", ""), ("FF_raw", "raw"), ("c40_of_c23", ""), ("plain", "")],
    )
    def test_the_compression_stands_in_a_name_above(self, tmp_path: Path, folder: str, compression: str) -> None:
        found = scan(touch(tmp_path / folder, *self.NAMES))
        assert {r.compression for r in found.records} == {compression}

    def test_methods_alone_are_a_part_of_the_official_layout(self, tmp_path: Path) -> None:
        names = (f"manipulated_sequences/{method}/c23/videos/071_054.mp4" for method in ("Deepfakes", "FaceSwap"))
        with pytest.raises(DatasetError, match="only a part"):
            scan(touch(tmp_path, *names) / "manipulated_sequences")
