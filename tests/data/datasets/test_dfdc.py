from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from dfcore.data.checks.scan import check_leaks, check_polarity
from dfcore.data.datasets.dfdc import DFDC, part_number
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL, Scan
from dfcore.data.splits import assign_splits
from dfcore.errors import DatasetError

from .conftest import touch


def write_part(folder: Path, videos: Mapping[str, str], absent: tuple[str, ...] = ()) -> None:
    """A part: name to the original's name, or "" for a real one."""
    entries = {
        f"{name}.mp4": {"label": "FAKE", "split": "train", "original": f"{source}.mp4"}
        if source
        else {"label": "REAL", "split": "train"}
        for name, source in videos.items()
    }
    touch(folder, *(name for name in entries if name not in absent))
    (folder / "metadata.json").write_text(json.dumps(entries))


def write_parts(root: Path, numbers: tuple[int, ...], prefix: str = "") -> Path:
    for n in numbers:
        videos = {f"r{n}x": "", f"r{n}y": "", f"f{n}x": f"r{n}x", f"g{n}x": f"r{n}x", f"f{n}y": f"r{n}y"}
        write_part(root / prefix / f"dfdc_train_part_{n}", videos)
    return root


def parts_of(scan: Scan, split: str) -> set[str]:
    return {r.path.parent.name for r in scan.records if r.split == split}


def test_it_is_a_dataset() -> None:
    assert isinstance(DFDC(), Dataset)


@pytest.mark.parametrize(
    ("name", "number"),
    [("dfdc_train_part_7", 7), ("dfdc_train_part_07", 7), ("dfdc_train_part_49", 49), ("part_7", None)],
)
def test_part_numbers(name: str, number: int | None) -> None:
    assert part_number(name) == number


def test_labels_groups_and_originals(tmp_path: Path) -> None:
    scan = DFDC().scan(write_parts(tmp_path, (0,)))
    found = {r.path.stem: r for r in scan.records}
    assert {name: r.label for name, r in found.items()} == {
        "f0x": FAKE,
        "f0y": FAKE,
        "g0x": FAKE,
        "r0x": REAL,
        "r0y": REAL,
    }
    assert found["f0x"].original == found["g0x"].original == "dfdc_train_part_0/r0x"
    assert found["f0x"].group == found["r0x"].group == ("dfdc:r0x",)
    assert check_polarity(scan) == []


def test_all_fifty_parts_hold_out_two(tmp_path: Path) -> None:
    scan = DFDC().scan(write_parts(tmp_path, tuple(range(50))))
    assert parts_of(scan, "val") == {"dfdc_train_part_24", "dfdc_train_part_49"}
    assert len(parts_of(scan, "train")) == 48
    assert len(scan.records) == 250
    assert check_leaks(scan) == []
    assert [part_number(r.path.parent.name) for r in scan.records] == [n for n in range(50) for _ in range(5)]


def test_validation_is_whole_and_no_part_of_train(tmp_path: Path) -> None:
    """Not one record only, and not what is trained on too."""
    scan = DFDC().scan(write_parts(tmp_path, tuple(range(50))))
    splits = {split: {r.path for r in scan.records if r.split == split} for split in ("train", "val")}
    assert (len(splits["train"]), len(splits["val"])) == (240, 10)
    assert not splits["train"] & splits["val"]


def test_absent_parts_are_named(tmp_path: Path) -> None:
    notes = " ".join(DFDC().scan(write_parts(tmp_path / "some", tuple(range(1, 50)))).notes)
    assert "Of 50 parts 49 are there; absent: 0." in notes
    write_part(tmp_path / "sample" / "train_sample_videos", {"a": "", "b": "a"})
    assert "parts" not in " ".join(DFDC().scan(tmp_path / "sample").notes)


def test_a_fake_is_to_be_compared_with_its_original_where_that_is_there(tmp_path: Path) -> None:
    write_part(tmp_path / "dfdc_train_part_3", {"a": "", "b": "a", "c": "gone", "d": "x"})
    write_part(tmp_path / "dfdc_train_part_4", {"x": ""})
    scan = DFDC().scan(tmp_path)
    assert {r.path.stem: r.original_path for r in scan.records} == {
        "a": None,
        "b": tmp_path / "dfdc_train_part_3/a.mp4",
        "c": None,
        "d": tmp_path / "dfdc_train_part_4/x.mp4",
        "x": None,
    }
    assert {r.path.stem: r.audio_label for r in scan.records} == {"a": REAL, "b": None, "c": None, "d": None, "x": REAL}
    assert "The original of 2 fakes is there" in " ".join(scan.notes)


def test_a_subset_holds_out_its_last_part(tmp_path: Path) -> None:
    scan = DFDC().scan(write_parts(tmp_path, (3, 10), prefix="chunk_0"))
    assert parts_of(scan, "val") == {"dfdc_train_part_10"}
    assert parts_of(scan, "train") == {"dfdc_train_part_3"}


def test_one_part_is_split_by_originals(tmp_path: Path) -> None:
    root = write_parts(tmp_path, (3,)) / "dfdc_train_part_3"
    records, _ = assign_splits(DFDC().scan(root).records)
    splits = {r.path.stem: r.split for r in records}
    assert {"train", "val"} == set(splits.values())
    assert splits["f3x"] == splits["g3x"] == splits["r3x"]
    assert splits["f3y"] == splits["r3y"]


def test_a_fake_whose_original_is_held_out_trains_nothing(tmp_path: Path) -> None:
    write_parts(tmp_path, (10,))
    write_part(tmp_path / "dfdc_train_part_3", {"a": "", "b": "a", "stray": "r10x"})
    scan = DFDC().scan(tmp_path)
    assert "stray" not in {r.path.stem for r in scan.records}
    assert any("Left out of train" in note for note in scan.notes)
    assert check_leaks(scan) == []


def test_what_is_absent_and_what_is_unlisted(tmp_path: Path) -> None:
    write_part(tmp_path / "dfdc_train_part_3", {"a": "", "b": "a", "c": "gone"}, absent=("b.mp4",))
    touch(tmp_path, "dfdc_train_part_3/extra.mp4")
    scan = DFDC().scan(tmp_path)
    assert scan.missing == {"dfdc_train_part_3": 1}
    assert "extra.mp4" in " ".join(scan.notes)
    assert {r.path.stem: r.original for r in scan.records} == {"a": "", "c": ""}


def test_kaggles_sample(tmp_path: Path) -> None:
    write_part(tmp_path / "train_sample_videos", {"a": "", "b": "a"})
    touch(tmp_path, "test_videos/x.mp4", "sample_submission.csv")
    assert [r.id for r in DFDC().scan(tmp_path).records] == ["train_sample_videos/a", "train_sample_videos/b"]


def test_the_preview(tmp_path: Path) -> None:
    entries = {
        "original_videos/1/a.mp4": {"set": "train", "label": "real"},
        "method_A/1/b.mp4": {"set": "test", "label": "fake"},
        "method_B/1/c.mp4": {"set": "train", "label": "fake"},
    }
    touch(tmp_path, "original_videos/1/a.mp4", "method_A/1/b.mp4")
    (tmp_path / "dataset.json").write_text(json.dumps(entries))
    scan = DFDC().scan(tmp_path)
    assert {r.id: (r.label, r.split) for r in scan.records} == {
        "original_videos/1/a": (REAL, "train"),
        "method_A/1/b": (FAKE, "test"),
    }
    assert sum(scan.missing.values()) == 1


def test_the_test_set(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4", "videos/c.mp4")
    (tmp_path / "labels.csv").write_text("filename,label\na.mp4,1\nb.mp4,0\nlost.mp4,0\n")
    scan = DFDC().scan(tmp_path)
    assert {r.path.stem: (r.label, r.split) for r in scan.records} == {"a": (FAKE, "test"), "b": (REAL, "test")}
    assert sum(scan.missing.values()) == 1
    assert "c.mp4" in " ".join(scan.notes)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"a.mp4": {"label": "MAYBE"}}',
        '{"../a.mp4": {"label": "REAL"}}',
        '{"/a.mp4": {"label": "REAL"}}',
        '{"a.mp4": 3}',
    ],
)
def test_a_broken_list(tmp_path: Path, content: str) -> None:
    (touch(tmp_path, "a.mp4") / "metadata.json").write_text(content)
    with pytest.raises(DatasetError, match=r"metadata\.json"):
        DFDC().scan(tmp_path)


@pytest.mark.parametrize(
    "content", ["name,what\na.mp4,1\n", "filename,label\na.mp4,2\n", "filename,label\n../a.mp4,1\n"]
)
def test_a_broken_table(tmp_path: Path, content: str) -> None:
    (touch(tmp_path, "a.mp4") / "labels.csv").write_text(content)
    with pytest.raises(DatasetError, match=r"labels\.csv"):
        DFDC().scan(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [("metadata.json", '{"../a.mp4": {"label": "REAL"}}'), ("labels.csv", "filename,label\n../a.mp4,1\n")],
)
def test_a_list_that_leads_elsewhere_is_told_so(tmp_path: Path, file: str, content: str) -> None:
    (touch(tmp_path, "a.mp4") / file).write_text(content)
    with pytest.raises(DatasetError, match=r"line \d: '\.\./a\.mp4' leads out of the list's folder"):
        DFDC().scan(tmp_path)


def test_wrong_roots(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        DFDC().scan(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no DFDC video"):
        DFDC().scan(touch(tmp_path, "a.mp4"))
