"""The one reader of lists: encodings, slashes, what is said twice, what is too deep or too long."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest

from dfcore.data.datasets import lists
from dfcore.data.datasets.celebdf import CelebDF
from dfcore.data.datasets.dfdc import DFDC
from dfcore.data.datasets.fakeavceleb import FakeAVCeleb
from dfcore.data.datasets.lists import find_listed, inside, read_json_table, read_lines, read_table
from dfcore.data.datasets.manifest import Manifest
from dfcore.data.datasets.real_videos import RealVideos
from dfcore.errors import DatasetError

from .conftest import touch

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1")


def write(file: Path, text: str, encoding: str = "utf-8") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_list_is_read_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    touch(tmp_path, "csv/café.mp4", "dfdc/café.mp4", "test/café.mp4", "celeb/Celeb-real/id0_0000.mp4", "real/café.mp4")
    touch(tmp_path, "av/RealVideo-RealAudio/African/men/id00076/00109.mp4")
    write(tmp_path / "csv/manifest.csv", "path,label\ncafé.mp4,real\n", encoding)
    write(tmp_path / "dfdc/metadata.json", '{"café.mp4": {"label": "REAL"}}', encoding)
    write(tmp_path / "real/metadata.json", '{"café.mp4": {"label": "FAKE"}, "é": {}}', encoding)
    write(tmp_path / "test/labels.csv", "filename,label\ncafé.mp4,0\n", encoding)
    write(tmp_path / "celeb/List_of_testing_videos.txt", "1 Celeb-real/id0_0000.mp4\n", encoding)
    write(
        tmp_path / "av/meta_data.csv",
        "source,method,type,é\nid00076,real,RealVideo-RealAudio,00109.mp4\n",
        encoding,
    )
    assert [r.id for r in Manifest().scan(tmp_path / "csv").records] == ["café"]
    assert [r.id for r in DFDC().scan(tmp_path / "dfdc").records] == ["café"]
    assert [r.id for r in DFDC().scan(tmp_path / "test").records] == ["café"]
    assert [r.split for r in CelebDF().scan(tmp_path / "celeb").records] == ["test"]
    assert not any("without a row" in note for note in FakeAVCeleb().scan(tmp_path / "av").notes)
    with pytest.raises(DatasetError, match="called fake"):
        RealVideos().scan(tmp_path / "real")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_are_parted_by_what_the_header_has_most_of(tmp_path: Path, delimiter: str) -> None:
    rows = [["path", "label", "group"], ["a,b;c.mp4", "real", "anna;ben"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    table = read_table(write(tmp_path / "t.csv", text))
    assert table.rows[0].cells == {"path": "a,b;c.mp4", "label": "real", "group": "anna;ben"}


def test_rows_know_their_line_and_every_cell(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", 'Path , LABEL,\n\n"two\nlines",real,x,y\nshort\n'))
    assert table.columns == ("path", "label")
    assert [(row.line, row.cells) for row in table.rows] == [
        (4, {"path": "two\nlines", "label": "real", "column 3": "x", "column 4": "y"}),
        (5, {"path": "short", "label": ""}),
    ]
    assert list(read_lines(write(tmp_path / "l.txt", "\n a b \r\n\nc"))) == [(2, "a b"), (4, "c")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label,Path\n", "line 1: the column 'path' is there twice"),
        ("path,label\na.mp4,real\n" + "x" * 200_000 + ",real\n", "line 3: field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_understood(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read_table(write(tmp_path / "t.csv", text))


def test_a_name_that_is_there_twice_is_a_problem_with_both_labels_and_lines(tmp_path: Path) -> None:
    touch(tmp_path, "aaa.mp4", "bbb.mp4")
    entries = ['"aaa.mp4": {"label": "REAL"}', '"bbb.mp4": {"label": "FAKE"}', '"bbb.mp4": {"label": "REAL"}']
    write(tmp_path / "metadata.json", "{\n" + ",\n".join(entries) + "}")
    with pytest.raises(DatasetError, match=r"json, line 4: 'bbb.mp4' is there twice: FAKE in line 3, REAL here"):
        DFDC().scan(tmp_path)
    (tmp_path / "metadata.json").unlink()
    write(tmp_path / "labels.csv", "filename,label\nbbb.mp4,1\nbbb.mp4,0\n")
    with pytest.raises(DatasetError, match=r"csv, line 3: 'bbb.mp4' is there twice: 1 in line 2, 0 here"):
        DFDC().scan(tmp_path)


def test_a_label_that_is_there_twice_is_a_problem_too(tmp_path: Path) -> None:
    text = '{"a.mp4": {"label": "REAL"},\n"b.mp4": {"label":\n"REAL", "label": "FAKE"},\n"c.mp4": {"label": "REAL"}}'
    with pytest.raises(DatasetError, match="line 3: 'label' is there twice: 'REAL' in line 2, 'FAKE' here"):
        read_json_table(write(tmp_path / "m.json", text))


@pytest.mark.parametrize(("length", "said"), [(38, "'" + "y" * 38 + "'"), (39, "'" + "y" * 36 + "...")])
def test_a_long_value_that_is_there_twice_is_shown_by_its_beginning(tmp_path: Path, length: int, said: str) -> None:
    file = write(tmp_path / "m.json", json.dumps({"a": "y" * length})[:-1] + ', "a": 1}')
    with pytest.raises(DatasetError, match=f"'a' is there twice: {said} in line 1, 1 here"):
        read_json_table(file)


def test_an_entry_that_is_not_understood_is_named_with_its_line(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    write(tmp_path / "metadata.json", '{"a.mp4": {"label": "REAL"},\n\n"x\\u00e9.mp4": {"label": "MAYBE"}}')
    with pytest.raises(DatasetError, match=r"line 3: the entry of 'xé.mp4' is not understood"):
        DFDC().scan(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a.mp4": {"label": 1' + "0" * 5000 + "}}", "cannot be read: a number in it has too many digits"),
        ("[1, 2]", "no table of videos: it holds a list"),
        ('{"a": 1', "cannot be read: Expecting"),
    ],
)
def test_json_that_is_damaged_or_hostile_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read_json_table(write(tmp_path / "m.json", text))


def test_a_list_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LARGEST", 10)
    assert len(list(read_lines(write(tmp_path / "l.txt", "a" * 10)))) == 1
    with pytest.raises(DatasetError, match=r"has 11 B; a list of at most 10 B is read"):
        list(read_lines(write(tmp_path / "l.txt", "a" * 11)))


def test_slashes_of_both_kinds(tmp_path: Path) -> None:
    touch(tmp_path, "clips/a.mp4", "clips/b.mp4", "c/Celeb-real/id0_0000.mp4")
    write(tmp_path / "manifest.csv", "path,label,original\nclips\\a.mp4,real,\n.\\clips\\b.mp4,fake,clips/a.mp4\n")
    records = Manifest().scan(tmp_path).records
    assert [(r.id, r.path, r.original) for r in records] == [
        ("clips/a", tmp_path / "clips/a.mp4", ""),
        ("clips/b", tmp_path / "clips/b.mp4", "clips/a"),
    ]
    write(tmp_path / "c/List_of_testing_videos.txt", "1 Celeb-real\\id0_0000.mp4")
    assert CelebDF().scan(tmp_path / "c").records[0].split == "test"
    assert [inside(name) for name in ("a/b", "..\\b", "a/../b", "\\b", "/b", "c:\\b", "")] == [True] + [False] * 6


def test_a_photo_beside_its_video_in_a_table(tmp_path: Path) -> None:
    touch(tmp_path, "clips/a.mp4", "clips/a.jpg", "clips/b.mp4")
    write(
        tmp_path / "manifest.csv",
        "path,label,original\nclips/a.mp4,real,\nclips/a.jpg,real,\nclips/b.mp4,fake,clips/a.mp4",
    )
    records = {r.id: r for r in Manifest().scan(tmp_path).records}
    assert list(records) == ["clips/a.mp4", "clips/a.jpg", "clips/b"]
    assert records["clips/b"].original == "clips/a.mp4"
    assert records["clips/b"].group == records["clips/a.mp4"].group


def test_names_as_other_systems_spell_them(tmp_path: Path) -> None:
    composed, parted = (unicodedata.normalize(form, "é.mp4") for form in ("NFC", "NFD"))
    touch(tmp_path, f"mac/{parted}", f"linux/{composed}")
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / os.fsdecode(b"\xe9.mp4")).touch()
    for folder in ("mac", "linux", "latin"):
        assert find_listed(tmp_path / folder, composed).is_file()
        assert find_listed(tmp_path / folder, parted).is_file() or folder == "latin"
    assert find_listed(tmp_path, "none/x.mp4") == tmp_path / "none/x.mp4"


def test_what_was_read_is_what_was_written(tmp_path: Path) -> None:
    values = {"a.mp4": {"label": "REAL", "n": [1, {"x": None}]}, "b": {}}
    assert read_json_table(write(tmp_path / "m.json", json.dumps(values))) == values


def test_a_name_that_no_file_can_have_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    long = "a" * 300 + ".mp4"
    assert find_listed(tmp_path, long) == tmp_path / long
    (tmp_path / "a.mp4").touch()
    (tmp_path / "manifest.csv").write_text(f"path,label\n{long},real\na.mp4,fake\n")
    found = Manifest().scan(tmp_path)
    assert [record.path.name for record in found.records] == ["a.mp4"]
    assert found.missing == {"manifest.csv": 1}
