from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.checks.scan import check_leaks, check_polarity
from dfcore.data.datasets.manifest import Manifest
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL, Scan
from dfcore.data.splits import assign_splits
from dfcore.errors import DatasetError

from .conftest import touch

TABLE = """path,label,split,group,manipulation,original
a.mp4,real,train,anna,,
b.mp4,fake,train,anna; bert,faceswap,a.mp4
c.mp4,0,test,carl,,
sub/d.mp4,1,test,carl,,c.mp4
"""
FILES = ("a.mp4", "b.mp4", "c.mp4", "sub/d.mp4")


def scan(root: Path, table: str, files: tuple[str, ...] = FILES, name: str = "manifest.csv") -> Scan:
    root.mkdir(parents=True, exist_ok=True)
    touch(root, *files)
    (root / name).write_text(table)
    return Manifest().scan(root / name)


def test_it_is_a_dataset() -> None:
    assert isinstance(Manifest(), Dataset)


def test_all_columns(tmp_path: Path) -> None:
    found = scan(tmp_path, TABLE, name="mine.csv")
    rows = [(r.id, r.label, r.split, r.group, r.manipulation, r.original) for r in found.records]
    assert rows == [
        ("a", REAL, "train", ("anna",), "original", ""),
        ("b", FAKE, "train", ("anna", "bert"), "faceswap", "a"),
        ("c", REAL, "test", ("carl",), "original", ""),
        ("sub/d", FAKE, "test", ("carl",), "fake", "c"),
    ]
    assert all(r.path.is_file() for r in found.records)
    assert check_polarity(found) == check_leaks(found) == []


def test_a_folder_with_a_table(tmp_path: Path) -> None:
    scan(tmp_path, TABLE)
    assert len(Manifest().scan(tmp_path).records) == 4


def test_two_columns_will_do_and_a_fake_goes_with_its_original(tmp_path: Path) -> None:
    files = tuple(f"{kind}{n}.mp4" for n in range(10) for kind in "rf")
    lines = [f"r{n}.mp4,real,\nf{n}.mp4,fake,r{n}.mp4" for n in range(10)]
    records, _ = assign_splits(scan(tmp_path, "path,label,original\n" + "\n".join(lines), files).records)
    splits = {r.id: r.split for r in records}
    assert set(splits.values()) == {"train", "val"}
    assert all(splits[f"r{n}"] == splits[f"f{n}"] for n in range(10))


def test_a_leak_in_the_table_is_fatal(tmp_path: Path) -> None:
    found = scan(tmp_path, TABLE.replace("0,test,carl", "0,test,anna"))
    assert any(problem.fatal for problem in check_leaks(found))


def test_labels_of_the_audio(tmp_path: Path) -> None:
    rows = (
        "path,label,audio,manipulation,original",
        "a.mp4,real,1,tts,c.mp4",
        "b.mp4,1,real",
        "c.mp4,0,real",
        "sub/d.mp4,0",
    )
    found = scan(tmp_path, "\n".join(rows))
    assert [(r.label, r.audio_label, r.manipulation, r.original) for r in found.records] == [
        (REAL, FAKE, "tts", "c"),
        (FAKE, REAL, "fake", ""),
        (REAL, REAL, "original", ""),
        (REAL, None, "original", ""),
    ]
    assert found.records[0].group == found.records[2].group == ("file:c",)
    assert check_polarity(found) == []
    assert found.notes == ()


def test_absent_files_and_unknown_columns_are_said(tmp_path: Path) -> None:
    found = scan(tmp_path, "Path,Label,mood\na.mp4,real,good\ngone.mp4,fake,bad\n", ("a.mp4",))
    assert found.missing == {"manifest.csv": 1}
    assert "gone.mp4" in " ".join(found.notes)
    assert "mood" in " ".join(found.notes)


def test_paths_elsewhere(tmp_path: Path) -> None:
    other = touch(tmp_path / "other", "x.mp4") / "x.mp4"
    found = scan(tmp_path / "here", f"path,label\n{other},real\n", ())
    assert found.records[0].path == other


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("name,label\na.mp4,real\n", "columns name, label"),
        ("", "columns none"),
        ("path,label\na.mp4,maybe\n", "line 2: label 'maybe'"),
        ("path,label\n,real\n", "line 2: no path"),
        ("path,label,split\na.mp4,real,dev\n", "line 2: split 'dev'"),
        ("path,label,audio\na.mp4,real,none\n", "line 2: audio 'none'"),
        ("path,label\na.mp4,real\na.mp4,fake\n", "line 3: a.mp4 is there twice: real in line 2, fake here"),
        ("path,label\ngone.mp4,real\n", "none of its 1 files"),
    ],
)
def test_a_wrong_table(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        scan(tmp_path, table)


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"manifest\.csv does not exist"):
        Manifest().scan(tmp_path)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"\x7fELF\x00\x81")
    with pytest.raises(DatasetError, match="cannot be read: this is no text"):
        Manifest().scan(tmp_path)
