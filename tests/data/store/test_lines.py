"""The store's logs: lines that were cut short, parts of several processes, checksums; files that lie about sizes."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.index import FailureLog, Origin
from dfcore.data.store.lines import (
    VideoLog,
    append_line,
    checked_line,
    parsed_line,
    part_of,
    parts_of,
    read_lines,
    remove_parts,
)
from dfcore.errors import StoreError
from dfcore.text import to_json


@dataclass(frozen=True)
class Found:
    """What a line of the log below says."""

    id: str
    faces: int

    def to_line(self) -> str:
        return checked_line({"id": self.id, "faces": self.faces})

    @classmethod
    def from_line(cls, line: str) -> Found:
        values = parsed_line(line)
        return cls(values["id"], values["faces"])


class Log(VideoLog[Found]):
    NAME: ClassVar[str] = "found.jsonl"
    LINE: ClassVar[Any] = Found


def test_a_part_is_named_by_its_process_and_read_behind_the_main_file(tmp_path: Path) -> None:
    main = tmp_path / "found.jsonl"
    assert part_of(main, 0) == main
    assert part_of(main, 2) == tmp_path / "found-2.jsonl"
    for part, line in ((2, "c\n"), (0, "a\n\nb\n"), (1, "d")):
        part_of(main, part).write_text(line)
    (tmp_path / "other-1.jsonl").write_text("x\n")
    (tmp_path / "found-1.json").write_text("x\n")
    assert parts_of(main) == [tmp_path / "found-1.jsonl", tmp_path / "found-2.jsonl"]
    assert list(read_lines(main)) == ["a", "b", "d", "c"]
    remove_parts(main)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found-1.json", "found.jsonl", "other-1.jsonl"]
    assert list(read_lines(tmp_path / "none")) == []
    assert list(read_lines(main / "below a file")) == []


def test_a_line_goes_behind_one_that_was_cut_short_and_not_into_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log"
    append_line(path, "one\n")
    append_line(path, "two")
    append_line(path, "three\n")
    assert path.read_text() == "one\ntwo\nthree\n"
    (tmp_path / "empty").touch()
    append_line(tmp_path / "empty", "one\n")
    assert (tmp_path / "empty").read_text() == "one\n"


def test_a_line_says_its_values_and_their_checksum() -> None:
    line = checked_line({"id": "a", "label": 1})
    assert json.loads(line) == {
        "id": "a",
        "label": 1,
        "checksum": zlib.crc32(to_json({"id": "a", "label": 1}).encode()),
    }
    assert line.endswith("}\n")
    assert parsed_line(line) == {"id": "a", "label": 1}
    assert parsed_line('{"id": "a"}') == {"id": "a"}  # an earlier dfcore's
    for damaged in (line.replace("1", "0", 1), line[:-3], "[]", '{"id": "a", "checksum": 0}', '{"checksum": "x"}'):
        with pytest.raises(ValueError, match=r"checksum|object|Expect|Unterminated|JSON|delimiter"):
            parsed_line(damaged)


def test_of_several_lines_the_last_counts_and_damaged_ones_are_left_out(tmp_path: Path) -> None:
    lines = [Found("b", 1).to_line(), Found("a", 2).to_line().replace("2", "3", 1), "{\n", Found("b", 4).to_line()]
    (tmp_path / "found.jsonl").write_text("".join(lines))
    log = Log(tmp_path)
    assert dict(log) == {"b": Found("b", 4)}
    assert not log.settled
    log.save()
    assert log.settled
    assert (tmp_path / "found.jsonl").read_text() == Found("b", 4).to_line()
    assert Log(tmp_path).settled


def test_each_process_appends_to_its_own_file_and_saving_takes_all_into_one(tmp_path: Path) -> None:
    first, second = Log(tmp_path), Log(tmp_path, 1)
    first.add(Found("c", 1))
    assert not first.settled
    second.add(Found("a", 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found-1.jsonl", "found.jsonl"]
    assert not Log(tmp_path).settled  # in parts
    assert set(first) == {"c"}
    first.save()  # what the other has noted meanwhile stays
    assert [path.name for path in tmp_path.iterdir()] == ["found.jsonl"]
    again = Log(tmp_path)
    assert list(again.values()) == [Found("a", 2), Found("c", 1)]
    assert again.settled
    empty = Log(tmp_path / "empty")
    assert empty.settled
    empty.save()
    assert not (tmp_path / "empty").exists()


def test_lines_out_of_order_are_not_settled(tmp_path: Path) -> None:
    (tmp_path / "found.jsonl").write_text(Found("b", 1).to_line() + Found("a", 1).to_line())
    assert not Log(tmp_path).settled


# -- files that lie ----------------------------------------------------------------------------------------------------


def file_of(path: Path, header: dict[str, Any], data: bytes, length: int | None = None) -> Path:
    text = json.dumps({"__metadata__": {"dfcore": "{}"}, **header}).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def array(first: int, last: int, shape: list[int], dtype: str = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def test_arrays_are_views_of_their_places(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a", {"x": array(0, 6, [2, 3]), "y": array(6, 14, [4], "I16")}, bytes(range(14)))
    file = ArrayFile(path)
    assert file.get("x").tolist() == [[0, 1, 2], [3, 4, 5]]  # type: ignore[union-attr]
    np.testing.assert_array_equal(file.get("y"), np.frombuffer(bytes(range(6, 14)), np.int16))
    assert file.get("z") is None
    assert not file.checked
    assert file.compare_all() == 2
    assert file.get("x").flags.writeable is False  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("header", "size", "length", "said"),
    [
        ({"x": array(0, 7, [2, 3])}, 7, None, "'x' has not the size of its shape"),
        ({"x": array(0, 6, [2, 3], "I16")}, 6, None, "'x' has not the size of its shape"),
        ({"x": array(-2, 4, [2, 3])}, 4, None, "'x' has not the size of its shape"),
        ({"x": array(0, 6, [2, 3])}, 7, None, "bytes were expected"),
        ({"x": array(0, 6, [2, 3])}, 5, None, "bytes were expected"),
        ({"x": array(0, 6, [2, 3], "F64")}, 6, None, "F64"),
        ({"x": array(0, 6, [2, 3])}, 6, 1, "its header is cut short"),
        ({"x": array(0, 6, [2, 3])}, 6, 10**9, "its header is cut short"),
    ],
)
def test_a_file_that_claims_what_it_does_not_hold_is_damaged(
    tmp_path: Path, header: dict[str, Any], size: int, length: int | None, said: str
) -> None:
    path, told = file_of(tmp_path / "a", header, bytes(size), length), list[str]()
    with pytest.raises(StoreError, match=rf"a is damaged \(.*{said}"):
        ArrayFile(path, told.append)
    assert len(told) == 1
    assert said in told[0]


def test_a_missing_or_empty_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        ArrayFile(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(StoreError, match="is damaged"):
        ArrayFile(tmp_path / "empty")


def test_failures_are_settled_once_they_are_saved_in_the_order_of_their_ids(tmp_path: Path) -> None:
    log = FailureLog(tmp_path)
    for video in ("b", "a"):
        log.add(video, Path(video), "no face was found", Origin())
    assert not log.settled
    again = FailureLog(tmp_path)
    assert list(again) == ["b", "a"]
    assert not again.settled
    again.save()
    assert again.settled
    assert [json.loads(line)["id"] for line in read_lines(again.path)] == ["a", "b"]
    assert FailureLog(tmp_path).settled
