"""Writing reports: one page, or a page for each file with an index that is true whatever ends the command."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from dfcore.filesystem.paths import is_folder
from dfcore.filesystem.writing import replacing, require_place, require_target, require_writable
from dfcore.inference.explanation import FileExplanation
from dfcore.inference.output import JsonLines, stored_results
from dfcore.inference.predict import Predictor
from dfcore.inference.report.about import About
from dfcore.inference.report.index import Row, index_page
from dfcore.inference.report.page import file_page
from dfcore.inference.results import FileResult
from dfcore.inference.scan import Files
from dfcore.text import name_bytes

__all__ = ["FolderReport", "PageReport", "page_name", "start_report", "write_report"]

SUFFIXES = (".html", ".htm")
RESULTS = "results.jsonl"
_PATIENCE = 20
"""The index of a long list is written anew when so many times as long has passed as writing it took."""


def write_report(
    path: Path, result: FileResult, about: About, explanation: FileExplanation | None = None, *, index: str = ""
) -> None:
    """Write the page of one file, atomically.

    Args:
        path: of the page.
        result: of the file.
        about: what is to be said of the models and of how to make it again.
        explanation: of the result; without one the page has the scores alone.
        index: the address of an index, relative to the page.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
    """
    _write(path, file_page(result, explanation, about, index=index))


def _write(path: Path, text: str) -> None:
    content = text.encode()
    with replacing(path, len(content)) as temporary:
        temporary.write_bytes(content)


def page_name(path: Path) -> str:
    """The name of a file's page: what of its name every system allows, and eight digits of the hash of its path.

    So files of one name in different folders, and names that differ in strange characters alone, have pages of their
    own; the same path has the same one each time.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.name).strip("._")[:60] or "file"
    return f"{stem}-{hashlib.sha256(name_bytes(str(path))).hexdigest()[:8]}.html"


class PageReport:
    """The report of a single file: a page at ``path``."""

    def __init__(self, path: Path, about: About) -> None:
        require_place(path)  # before the file is judged and explained
        self.address, self.about = path, about
        self.known = set[str]()

    def write(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Write the page. :class:`dfcore.errors.WriteError` where it cannot be written."""
        write_report(self.address, result, self.about, explanation)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FolderReport:
    """The report of several files: an index, and a folder with a page for each and all results as ``results.jsonl``.

    A file's page is written first, then its line of results, then the index; so a killed command leaves no line without
    its page, and the next one writes the index from the lines. Use it as a context manager: however the block ends,
    the index then lists every page.

    Attributes:
        address: of the index.
        folder: of the pages.
        known: paths whose pages were there at the beginning, except those whose reason may have passed.

    Args:
        path: the index, or (where its suffix is not ``.html``) the folder of index and pages.
        about: what all pages share.
        expected: the files that are to be judged, so that the index says how many are not there yet.
        resume: go on with what is there, which must come from the same weights.

    Raises:
        UsageError: what is there is no report, or of other weights.
        WriteError: the folder cannot be made.
    """

    def __init__(self, path: Path, about: About, *, expected: Iterable[Path] = (), resume: bool = False) -> None:
        self.about = about
        is_page = path.suffix.lower() in SUFFIXES
        self.address = path if is_page else path / "index.html"
        self.folder = path.with_name(f"{path.stem}_files") if is_page else path
        require_target(self.address)
        require_writable(self.folder)
        models = {model.label: model.hash for model in about.models}
        self._lines = JsonLines(self.folder / RESULTS, models, check=resume)
        self.known = {one for one in self._lines.known if (self.folder / page_name(Path(one))).is_file()}
        self._rows: dict[str, Row] = {}
        self._waiting = set[str]()
        self._lines_read = 0
        self._read()
        self._waiting = {str(one) for one in expected} - (self.known if resume else set())
        self._due = 0.0
        self._refresh()

    def write(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Write the file's page and take it into the index.

        Raises:
            WriteError: something cannot be written; what was there is as it was.
        """
        up = "" if self.address.parent == self.folder else "../"
        page = self.folder / page_name(result.path)
        write_report(page, result, self.about, explanation, index=up + quote(name_bytes(self.address.name)))
        self._lines.write(result, explanation)
        self._add(result.to_dict())
        self._lines_read += 1
        if time.monotonic() >= self._due:
            self._refresh()

    def _read(self) -> None:
        """Take in the lines that are not known yet."""
        for found in islice(stored_results(self.folder / RESULTS), self._lines_read, None):
            self._add(found)
            self._lines_read += 1

    def _add(self, found: dict[str, Any]) -> None:
        path = Path(found["path"])
        self._waiting.discard(str(path))
        up = "" if self.address.parent == self.folder else f"{quote(name_bytes(self.folder.name))}/"
        mine = {model.label: model.hash for model in self.about.models}
        self._rows.pop(str(path), None)  # judged again: its place is the last one
        self._rows[str(path)] = Row.of(found, up + quote(page_name(path)), mine)

    def _refresh(self) -> None:
        begin = time.monotonic()
        _write(self.address, index_page(list(self._rows.values()), self.about, left=len(self._waiting)))
        now = time.monotonic()
        self._due = now + _PATIENCE * (now - begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._read()  # a signal may have come between a line and its row
        self._refresh()


def start_report(
    path: Path,
    predictor: Predictor,
    files: Sequence[Path],
    listed: Files,
    *,
    prior: float,
    command: str = "",
    resume: bool = False,
) -> PageReport | FolderReport:
    """The report of what a predictor is to judge: one page where a single file is named and ``path`` ends in ``.html``.

    Args:
        path: where to.
        predictor: that judges.
        files: what was named: files and folders.
        listed: the files that these are.
        prior: the share of fakes that the predictor was given.
        command: that makes the report again.
        resume: go on with what is there.

    Raises:
        UsageError: what is there is no report, or with ``resume`` of other weights.
        WriteError: it cannot be written.
    """
    about = About.of(predictor, prior=prior, command=command)
    if len(files) == 1 and not is_folder(files[0]) and path.suffix.lower() in SUFFIXES:
        return PageReport(path, about)
    expected = [*listed.found, *(refused for refused, _ in listed.refused)]
    return FolderReport(path, about, expected=expected, resume=resume)
