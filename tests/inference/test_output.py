"""Files of results: every line whole, whatever happened before; names of any bytes; the same weights."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from dfcore.errors import UsageError, WriteError
from dfcore.inference.output import CsvTable, JsonLines
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore

MODELS = {"cm": "a" * 64, "av": "b" * 64}
ODD = os.fsdecode(b'caf\xe9, "x"\n\xc3\xa9.mp4')


def result(path: str = "a.mp4", **values: Any) -> FileResult:
    scores = {"cm": SpecialistScore(0.75, 1.0986, 0.5, 4), "av": SpecialistScore(abstained="the file has no audio")}
    person = PersonResult(0, "uncertain", 0.75, 1.0986, None, None, "raw", scores, 3, 0.12, (1.0, 2.0, 3.0, 4.0))
    return FileResult(Path(path), "uncertain", 0.75, 1.0986, person=0, reason="raw", people_seen=2, people=(person,), models=MODELS, **values)  # fmt: skip # noqa: E501


def failed(path: str, *, passing: bool = False) -> FileResult:
    return FileResult(Path(path), "none", reason=f"{path}: no", passing=passing, models=MODELS)


@pytest.mark.parametrize("kind", [JsonLines, CsvTable])
def test_paths_of_any_bytes_are_known_again(tmp_path: Path, kind: Any) -> None:
    file = kind(tmp_path / "out", MODELS, check=True)
    for one in (result(), result(ODD), failed("b.mp4"), failed("again.mp4", passing=True)):
        file.write(one)
    assert kind(tmp_path / "out", MODELS, check=True).known == {"a.mp4", ODD, "b.mp4"}


@pytest.mark.parametrize("kind", [JsonLines, CsvTable])
@pytest.mark.parametrize("name", ["b.mp4", ODD])
def test_a_line_cut_short_at_any_byte_is_removed_and_written_again(tmp_path: Path, kind: Any, name: str) -> None:
    path = tmp_path / "out"
    file = kind(path, MODELS, check=True)
    file.write(result())
    before = path.read_bytes()
    file.write(result(name))
    whole = path.read_bytes()
    for end in range(len(before), len(whole)):
        path.write_bytes(whole[:end])
        again = kind(path, MODELS, check=True)
        assert again.known == {"a.mp4"}
        again.write(result(name))
        assert path.read_bytes() == whole


def test_json_lines_are_the_results(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    JsonLines(path, MODELS, check=False).write(result())
    assert json.loads(path.read_text()) == result().to_dict()
    assert json.loads(path.read_text())["people"][0]["specialists"]["av"]["abstained"] == "the file has no audio"


def test_a_row_has_the_specialists_columns(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    table = CsvTable(path, MODELS, check=False)
    table.write(result())
    table.write(failed("b.mp4"))
    first, second = csv.DictReader(path.open(newline=""))
    assert (first["cm_score"], first["av_score"], first["av_abstained"]) == ("0.75", "", "the file has no audio")
    assert (first["people_seen"], first["people_judged"], first["person"]) == ("2", "1", "0")
    assert (second["verdict"], second["score"], second["reason"]) == ("none", "", "b.mp4: no")
    assert first["models"] == f"cm:{'a' * 12} av:{'b' * 12}"


@pytest.mark.parametrize("kind", [JsonLines, CsvTable])
def test_results_of_other_weights_are_not_mixed_when_going_on(tmp_path: Path, kind: Any) -> None:
    kind(tmp_path / "out", MODELS, check=True).write(result())
    with pytest.raises(UsageError, match="results of other weights"):
        kind(tmp_path / "out", {"cm": "c" * 64, "av": "b" * 64}, check=True)


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text('{"name": 1}\n')
    with pytest.raises(UsageError, match=r"line 1 is no result"):
        JsonLines(other, MODELS, check=False)
    with pytest.raises(UsageError, match="has other columns"):
        CsvTable(other, MODELS, check=False)
    with pytest.raises(WriteError, match="this is a folder, not a file"):
        JsonLines(tmp_path, MODELS, check=False)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    file = JsonLines(path, MODELS, check=False)
    file.write(result())
    before, write = path.read_bytes(), os.write

    def full(handle: int, content: Any) -> int:
        write(handle, bytes(content)[:7])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WriteError, match="no space left"):
        file.write(result("b.mp4"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", [JsonLines, CsvTable])
def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_judged(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(WriteError, match=r"nowhere/found.* cannot be written: No such file or directory"):
        kind(tmp_path / "nowhere" / "found", {"cm": "hash"}, check=False)
