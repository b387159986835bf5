from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.datasets.folder import Folder
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord
from dfcore.errors import DatasetError


def scan(root: Path, *names: str) -> Scan:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return Folder().scan(root)


def by_id(found: Scan) -> dict[str, VideoRecord]:
    assert len({r.id for r in found.records}) == len(found.records)
    return {r.id: r for r in found.records}


def test_it_is_a_dataset() -> None:
    assert isinstance(Folder(), Dataset)


def test_classes_at_any_depth_and_in_any_case(tmp_path: Path) -> None:
    found = by_id(
        scan(tmp_path, "REAL/a.mp4", "set1/Fake/b.MOV", "set1/deep/Original/c.jpg", "set2/manipulated/d.webm")
    )
    assert {name: r.label for name, r in found.items()} == {
        "REAL/a": REAL,
        "set1/deep/Original/c": REAL,
        "set1/Fake/b": FAKE,
        "set2/manipulated/d": FAKE,
    }
    assert found["REAL/a"].path == tmp_path / "REAL/a.mp4"
    assert found["REAL/a"].manipulation == "original"
    assert found["set1/Fake/b"].manipulation == "fake"


def test_real_ones_first_then_by_id(tmp_path: Path) -> None:
    found = scan(tmp_path, "fake/a.mp4", "real/c.mp4", "real/b.mp4", "fake/0.mp4")
    assert [r.id for r in found.records] == ["real/b", "real/c", "fake/0", "fake/a"]


def test_manipulation_is_the_first_folder(tmp_path: Path) -> None:
    found = by_id(scan(tmp_path, "real/a.mp4", "fake/faceswap/v2/x.mp4", "fake/lipsync/y.mp4"))
    assert found["fake/faceswap/v2/x"].manipulation == "faceswap"
    assert found["fake/lipsync/y"].manipulation == "lipsync"


@pytest.mark.parametrize("layout", ["{split}/{label}/x.mp4", "{label}/{split}/x.mp4", "set/{split}/more/{label}/x.mp4"])
@pytest.mark.parametrize(
    ("word", "split"), [("train", "train"), ("Validation", "val"), ("valid", "val"), ("testing", "test")]
)
def test_splits(tmp_path: Path, layout: str, word: str, split: str) -> None:
    found = scan(tmp_path, *(layout.format(split=word, label=label) for label in ("real", "fake")))
    assert [(r.label, r.split, r.manipulation) for r in found.records] == [
        (REAL, split, "original"),
        (FAKE, split, "fake"),
    ]


def test_a_split_name_below_other_folders_is_only_a_name(tmp_path: Path) -> None:
    assert by_id(scan(tmp_path, "real/a.mp4", "fake/faceswap/test/x.mp4"))["fake/faceswap/test/x"].split == ""


def test_groups_follow_names(tmp_path: Path) -> None:
    found = by_id(
        scan(
            tmp_path,
            *("real/anna.mp4", "real/ben.mp4", "real/anna_2.mp4", "real/carl.mp4"),
            *(
                "fake/swap/anna.mp4",
                "fake/swap/anna_ben.mp4",
                "fake/sync/anna_2_x.mp4",
                "fake/annabel.mp4",
                "fake/z.mp4",
            ),
        )
    )
    assert found["real/anna"].group == ("file:anna",)
    assert found["fake/swap/anna"].group == ("file:anna",)
    assert found["fake/swap/anna_ben"].group == ("file:anna", "file:ben")
    assert found["fake/sync/anna_2_x"].group == ("file:anna_2",), "the longest name that fits"
    assert found["fake/annabel"].group == ("file:annabel",)
    assert found["fake/swap/anna_ben"].original == "real/anna"
    assert found["fake/annabel"].original == found["fake/z"].original == ""


def test_groups_follow_people(tmp_path: Path) -> None:
    result = scan(
        tmp_path,
        *("real/anna/1.mp4", "real/anna/2.mp4", "real/ben/1.mp4"),
        *("fake/swap/anna/1.mp4", "fake/swap/dora/1.mp4", "fake/sync/Anna/9.mp4"),
    )
    found = by_id(result)
    anna = [name for name, r in found.items() if r.group == ("person:anna",)]
    assert anna == ["real/anna/1", "real/anna/2", "fake/swap/anna/1", "fake/sync/Anna/9"]
    assert found["real/ben/1"].group == ("person:ben",)
    assert found["fake/swap/dora/1"].group == ("person:dora",)
    assert found["fake/swap/anna/1"].manipulation == "swap"
    assert found["fake/sync/Anna/9"].manipulation == "sync"
    assert any("taken as people" in note and "anna, ben, dora" in note for note in result.notes)


def test_people_above_methods(tmp_path: Path) -> None:
    found = by_id(scan(tmp_path, "real/anna/1.mp4", "fake/anna/swap/1.mp4", "fake/ben/2.mp4"))
    assert found["fake/anna/swap/1"].group == found["real/anna/1"].group == ("person:anna",)
    assert found["fake/anna/swap/1"].manipulation == "swap"
    assert found["fake/ben/2"].manipulation == "fake"
    assert found["fake/ben/2"].group == ("person:ben",)


def test_equal_names_in_different_splits_are_different_files(tmp_path: Path) -> None:
    found = by_id(scan(tmp_path, "train/real/0001.mp4", "train/fake/0001.mp4", "test/real/0001.mp4"))
    assert found["train/real/0001"].group == found["train/fake/0001"].group
    assert set(found["train/real/0001"].group).isdisjoint(found["test/real/0001"].group)


def test_ids_stay_unique(tmp_path: Path) -> None:
    found = by_id(scan(tmp_path, "real/a.mp4", "real/a.jpg", "fake/b.mp4"))
    assert list(found) == ["real/a.jpg", "real/a.mp4", "fake/b"]


def test_strange_files_are_counted(tmp_path: Path) -> None:
    found = scan(
        tmp_path, "real/a.mp4", "real/notes.txt", "real/.hidden.mp4", "outside.mp4", "other/b.mp4", "labels.csv"
    )
    assert [r.id for r in found.records] == ["real/a"]
    notes = " ".join(found.notes)
    assert "neither video nor photo: 1 (real/notes.txt)" in notes
    assert "in no class folder: 2." in notes
    assert "Only real files" in notes


def test_links_in_circles_end(tmp_path: Path) -> None:
    scan(tmp_path, "real/a.mp4", "fake/b.mp4")
    (tmp_path / "real" / "again").symlink_to(tmp_path / "real", target_is_directory=True)
    found = Folder().scan(tmp_path)
    assert [r.id for r in found.records] == ["real/a", "fake/b"]
    assert any("real/again" in note for note in found.notes)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["videos/a.mp4"], r"no folder named real or fake \(it holds videos(.|\n)*ROOT/real/"),
        (["real/readme.txt"], "no video or photo in them"),
        (["fake/x/real/a.mp4", "real/b.mp4"], "named real and lies in a fake folder"),
        (["train/real/test/a.mp4"], "named test and lies in train"),
    ],
)
def test_unclear_folders_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        scan(tmp_path, *names)


def test_a_class_folder_as_root(tmp_path: Path) -> None:
    scan(tmp_path, "real/a.mp4")
    with pytest.raises(DatasetError, match="Point at the folder above it") as error:
        Folder().scan(tmp_path / "real")
    assert str(tmp_path) in str(error.value)


def test_missing_root(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        Folder().scan(tmp_path / "none")


def test_real_media(real_media: Path) -> None:
    found = Folder().scan(real_media / "wild")
    assert (sum(r.label == REAL for r in found.records), sum(r.label == FAKE for r in found.records)) == (13, 4)
    photos = Folder().scan(real_media / "photos")
    assert len(photos.records) == 11
