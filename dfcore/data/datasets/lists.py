"""Reading the lists that come with a dataset, or that a user writes: CSV, JSON, lines of text.

Text is read by one rule (:func:`dfcore.text.decode_text`). What a list says of a file twice, or what cannot be
understood, is an error that names the line. A list is small: one of more than :data:`LARGEST` bytes is refused.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dfcore.errors import DatasetError
from dfcore.filesystem.paths import is_file, read_regular
from dfcore.filesystem.writing import size_text
from dfcore.text import decode_text, parse_json

__all__ = [
    "LARGEST",
    "JsonTable",
    "Row",
    "Table",
    "find_listed",
    "inside",
    "read_json_table",
    "read_lines",
    "read_table",
    "slashed",
]

LARGEST = 256 * 2**20
"""Bytes of a list at most; the largest known (a CSV of all of DFDC) has 8 million."""
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its line, and its cells by the name of their column, stripped, "" where there is none.

    Cells beyond the header, or below an empty name, are named ``column 9``.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: the names of its columns, in small letters, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold something, stripped, with their numbers.

    Raises:
        DatasetError: the file cannot be read.
    """
    for number, line in enumerate(_text(file).splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def read_table(file: Path) -> Table:
    """A CSV file with a header; commas, semicolons or tabs part the cells, whichever the header has most of.

    Raises:
        DatasetError: it cannot be read or has two columns of one name; the line is named.
    """
    text = _text(file)
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count))
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if twice := {name for name in names if name and names.count(name) > 1}:
            raise DatasetError(
                f"{file}, line 1: the column {min(twice)!r} is there twice. Rename or remove one of them."
            )
        rows = [Row(reader.line_num, _cells(names, values)) for values in reader if values]
    except csv.Error as error:
        raise DatasetError(f"{file}, line {reader.line_num}: {error}. Mend or remove this line.") from error
    return Table(tuple(name for name in names if name), tuple(rows))


def _cells(names: list[str], values: list[str]) -> dict[str, str]:
    cells = {name: "" for name in names if name}
    for place, value in enumerate(values):
        name = names[place] if place < len(names) else ""
        cells[name or f"column {place + 1}"] = value.strip()
    return cells


class JsonTable(dict[str, Any]):
    """What a JSON file says of each name; :meth:`line` says where."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        super().__init__(values)
        self._text = text

    def line(self, key: str) -> int:
        """The line that names ``key``, or 1."""
        return _lines_of(self._text, key)[0]


def read_json_table(file: Path) -> JsonTable:
    """A JSON file that holds one object.

    Raises:
        DatasetError: it cannot be read, is no object, is nested too deeply, or says something twice, with the line.
    """
    text = _text(file)
    doubles = _Doubles()
    try:
        values = parse_json(text, doubles)
    except ValueError as error:
        raise DatasetError(f"{file} cannot be read: {error}. Download it again.") from error
    if doubles.first:
        raise DatasetError(f"{file}, {doubles.told(text)}. Remove the wrong one, or download the file again.")
    if not isinstance(values, dict):
        raise DatasetError(f"{file} is no table of videos: it holds a {type(values).__name__}. Download it again.")
    return JsonTable(values, text)


class _Doubles:
    """Makes the objects of a JSON file, and notes the first key that one of them has twice."""

    def __init__(self) -> None:
        self.first: tuple[str, Any, Any, int] | None = None
        self._met: Counter[str] = Counter()

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values and self.first is None:
                self.first = (key, values[key], value, self._met[key])
            values.setdefault(key, value)
        self._met.update(key for key, _ in pairs)
        return values

    def told(self, text: str) -> str:
        """What is there twice, and where: objects end in the order of the text, so earlier ones are counted off."""
        assert self.first is not None
        key, one, other, before = self.first
        lines = [*_lines_of(text, key)[before:], 1, 1]
        return f"line {lines[1]}: {key!r} is there twice: {_said(one)} in line {lines[0]}, {_said(other)} here"


def _said(value: Any) -> str:
    if isinstance(value, dict) and "label" in value:
        return str(value["label"])
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _lines_of(text: str, key: str) -> list[int]:
    """The lines in which ``key`` stands before a colon; [1] for none."""
    spelt = "|".join(re.escape(json.dumps(key, ensure_ascii=ascii_only)) for ascii_only in (False, True))
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(rf"(?:{spelt})\s*:", text)] or [1]


def slashed(path: str) -> str:
    """A path of a list with forward slashes: lists come from Windows too."""
    return path.replace("\\", "/")


def inside(name: str) -> bool:
    """Whether a listed name stays below its folder."""
    path = PurePosixPath(slashed(name))
    return bool(name) and not path.is_absolute() and ".." not in path.parts and name[1:2] != ":"


def find_listed(folder: Path, name: str) -> Path:
    """The file that a list means by ``name``: as written, with forward slashes, or as another system spells it.

    Accented letters may be stored composed or not, and a list in Latin-1 may name files whose own names are Latin-1.
    Where there is no such file, the path as written.
    """
    written = folder / name
    spelt = slashed(name)
    for other in (name, spelt, unicodedata.normalize("NFC", spelt), unicodedata.normalize("NFD", spelt)):
        if is_file(folder / other):
            return folder / other
    if not spelt.isascii():
        try:
            latin = folder / os.fsdecode(spelt.encode("latin-1"))
        except UnicodeEncodeError:
            return folder / spelt
        if is_file(latin):
            return latin
    return written if os.name == "nt" else folder / spelt


def _text(file: Path) -> str:
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise DatasetError(
                f"{file} has {size_text(size)}; a list of at most {size_text(LARGEST)} is read. Part it."
            )
        text = decode_text(read_regular(file))
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror}. Check its permissions.") from error
    if "\0" in text:
        raise DatasetError(f"{file} cannot be read: this is no text. Save it as text in UTF-8, or download it again.")
    return text
