"""Results in files, each written as soon as it is there: a JSON object a line, or a row of a table a file.

A line is appended in one write, whole or not at all; one that a kill or a power cut has cut short all the same is
removed by the next command that writes to the file. ``docs/predict.md`` says what the columns are.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from dfcore.errors import UsageError
from dfcore.filesystem.paths import read_regular
from dfcore.filesystem.writing import append, require_target, writing
from dfcore.inference.explanation import FileExplanation, with_explanation
from dfcore.inference.results import VERDICTS, FileResult
from dfcore.text import parse_json

__all__ = ["CsvTable", "JsonLines", "ResultFile", "json_line", "stored_results"]

CSV_COLUMNS = (
    "path", "verdict", "score", "probability", "log_likelihood_ratio", "person", "people_seen", "people_judged",
    "passing", "reason",
)  # fmt: skip


class ResultFile(Protocol):
    """A file of results."""

    @property
    def known(self) -> set[str]:
        """Paths whose results are there, except those whose reason may have passed."""
        ...

    def write(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Append a result, with its explanation where the file holds such.

        Raises:
            WriteError: it cannot be written (a full disk, ...); the file is as it was.
        """
        ...


def json_line(values: Mapping[str, Any]) -> str:
    """One line of JSON without NaN; a name that is no valid text is written as escapes."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(values, allow_nan=False)
    return text


def stored_results(path: Path) -> Iterator[dict[str, Any]]:
    """What :class:`JsonLines` wrote to a file, in order; nothing where there is none.

    Every one has ``path``, ``verdict``, ``score``, ``probability``, ``reason``, ``passing`` and ``models``. A line
    that was cut short is removed.

    Raises:
        UsageError: a line is no such result.
        WriteError: a line that was cut short cannot be removed.
    """
    for number, line in enumerate(_whole_lines(path), start=1):
        try:
            found = parse_json(line)
            found = {"verdict": "none", "score": None, "probability": None, "reason": "", "passing": False, **found}
            found |= {"path": str(found["path"]), "models": dict(found.get("models", {}))}
            if found["verdict"] not in VERDICTS:
                raise ValueError(f"unknown verdict {found['verdict']!r}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path}: line {number} is no result of `dfcore predict` ({error}). Give another file."
            ) from error
        yield found


class JsonLines:
    """``--jsonl``: :meth:`FileResult.to_dict <dfcore.inference.results.FileResult.to_dict>`, one a line.

    Args:
        path: the file; it may exist.
        models: SHA-256 of the weights by label.
        check: whether what is there must come from the same weights.

    Raises:
        UsageError: it holds something else, or results of other weights.
        WriteError: it cannot be written to.
    """

    def __init__(self, path: Path, models: Mapping[str, str], *, check: bool) -> None:
        self.path, self.known = path, set[str]()
        for found in stored_results(path):
            if check and found["models"] != dict(models):
                raise _other_weights(path)
            if not found["passing"]:
                self.known.add(found["path"])
        append(path, b"")  # whether it can be written to is said before anything is judged

    def write(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Append a result, with the explanation under ``explanation`` where there is one."""
        append(self.path, json_line(with_explanation(result, explanation)).encode() + b"\n")


class CsvTable:
    """``--csv``: a row for each file, with a header; a column of scores and one of reasons for each specialist.

    Args and errors as of :class:`JsonLines`; the columns must be the same, whether ``check`` is set or not.
    """

    def __init__(self, path: Path, models: Mapping[str, str], *, check: bool) -> None:
        self.path, self.known, self.labels = path, set[str](), list(models)
        self._models = " ".join(f"{label}:{digest[:12]}" for label, digest in models.items())
        pairs = [f"{label}_{what}" for label in self.labels for what in ("score", "abstained")]
        columns = [*CSV_COLUMNS, *pairs, "models"]
        text = b"".join(_whole_records(path)).decode("utf-8-sig", "surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not rows:
            append(path, _row(columns))
            return
        if rows[0] != columns:
            raise UsageError(
                f"{path} has other columns ({', '.join(rows[0][:12])} ...) than these specialists give "
                f"({', '.join(columns[:12])} ...). Give another file."
            )
        for row in rows[1:]:
            found = dict(zip(columns, row, strict=False))
            if check and found.get("models") != self._models:
                raise _other_weights(path)
            if found.get("passing") != "yes":
                self.known.add(found["path"])

    def write(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Append a result; the table has no explanations."""
        values = {**result.to_dict(), "people_judged": len(result.people), "passing": "yes" if result.passing else ""}
        cells = [values[name] for name in CSV_COLUMNS]
        for label in self.labels:
            score = result.specialists.get(label)
            cells += ["", ""] if score is None else [score.score, score.abstained]
        append(self.path, _row([*cells, self._models]))


def _other_weights(path: Path) -> UsageError:
    return UsageError(
        f"{path} holds results of other weights than these; going on would mix them. Give the same models, or another "
        "file."
    )


def _row(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue().encode("utf-8", "surrogateescape")


def _whole_lines(path: Path) -> Iterator[str]:
    for line in _cut_short(path, lambda content: content.rfind(b"\n") + 1).split(b"\n"):
        if line.strip():
            yield line.decode("utf-8-sig", "surrogateescape")


def _whole_records(path: Path) -> Iterator[bytes]:
    def end(content: bytes) -> int:
        """Behind the last line end that is not inside of quotes."""
        last, quoted = 0, False
        for number, byte in enumerate(content):
            if byte == 0x22:
                quoted = not quoted
            elif byte == 0x0A and not quoted:
                last = number + 1
        return last

    yield _cut_short(path, end)


def _cut_short(path: Path, end: Any) -> bytes:
    """The file's content; what a killed process left behind the last whole record is removed."""
    require_target(path)
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Give another file.") from error
    whole = int(end(content))
    if whole < len(content):
        with writing(path):
            os.truncate(path, whole)
    return content[:whole]
