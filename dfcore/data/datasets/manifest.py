"""A table of videos or photos of your own, as CSV with a header.

::

    path,label,split,group,manipulation,original
    clips/a.mp4,real,train,anna,,
    clips/b.mp4,fake,train,anna;bert,faceswap,clips/a.mp4
    /elsewhere/c.mp4,1,,,,

Point at the file, or at a folder that holds ``manifest.csv``. ``path`` and ``label`` are needed, the other columns may
be absent or empty; columns that are not known are named in the notes. Paths are relative to the table's folder.

* ``label``: ``real`` or ``fake``, or 0 (real) or 1 (fake).
* ``split``: ``train``, ``val`` or ``test``; empty, dfcore decides.
* ``group``: the people (or sources) seen, separated by ``;``. Rows that share one are kept in one split. Without it a
  fake goes with its original, any other file stands alone.
* ``original``: the ``path`` of the row that a fake was made from.
* ``audio``: ``real`` or ``fake`` (or 0, 1), if you know; ``label`` is then that of the images. To a specialist that
  reads the audio a video is fake if either is.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from dfcore.data.datasets.listing import Listing, first_bytes, listed, split_name, without_lost_originals
from dfcore.data.records import FAKE, REAL, SPLITS, Scan, VideoRecord
from dfcore.errors import DatasetError

__all__ = ["Manifest"]

_LABELS = {"real": REAL, "0": REAL, "fake": FAKE, "1": FAKE}
_COLUMNS = ("path", "label", "split", "group", "manipulation", "original", "audio")
_HELP = (
    "Expected: a CSV file with the columns path and label (real or fake), and if you like split, group, manipulation, "
    "original, audio."
)


class Manifest:
    """The adapter; see the module for the columns."""

    def scan(self, root: Path) -> Scan:
        """List the rows whose file is there, in the table's order; ``missing`` counts the others.

        Raises:
            DatasetError: there is no table, it cannot be understood (the line is named), or none of its files exists.
        """
        file = _find(Path(os.path.abspath(root.expanduser())))  # noqa: PTH100 - keeps the user's links
        columns, rows = _read(file)
        seen: dict[str, int] = {}
        records: list[VideoRecord] = []
        absent: list[str] = []
        for line, row in rows:
            record = _record(file, line, row)
            if record.id in seen:
                raise DatasetError(f"{file}, line {line}: {row['path']} has the name of line {seen[record.id]}.")
            seen[record.id] = line
            if record.path.is_file():
                records.append(record)
            else:
                absent.append(row["path"])
        if not records:
            raise DatasetError(f"{file}: none of its {len(absent):,} files is there ({listed(absent, 3)}).")
        notes = [f"Files of the table that are not there: {len(absent):,} ({listed(absent, 3)})."] if absent else []
        unknown = [name for name in columns if name not in _COLUMNS]
        if unknown:
            notes.append(f"Columns that are not read: {listed(unknown)}.")
        missing = {file.name: len(absent)} if absent else {}
        return Scan("csv", file.parent, tuple(without_lost_originals(records)), missing, tuple(notes))

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By a ``manifest.csv`` whose header has the needed columns."""
        if "manifest.csv" not in listing.files:
            return False
        columns = first_bytes(folder / "manifest.csv").splitlines()[:1]
        return {"path", "label"} <= {name.strip() for name in "".join(columns).lower().split(",")}


def _find(root: Path) -> Path:
    file = root / "manifest.csv" if root.is_dir() else root
    if not file.is_file():
        raise DatasetError(f"{file} does not exist. {_HELP}")
    return file


def _read(file: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Column names, and each row with its line number; values stripped, absent ones ""."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            columns = [str(name).strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file} cannot be read: {error}. {_HELP}") from error
    if not {"path", "label"} <= set(columns):
        raise DatasetError(f"{file} has the columns {listed(columns, 8) or 'none'}. {_HELP}")
    return columns, rows


def _record(file: Path, line: int, row: Mapping[str, str]) -> VideoRecord:
    path, label, split = row["path"], _LABELS.get(row["label"].lower()), row.get("split", "").lower()
    if not path:
        raise DatasetError(f"{file}, line {line}: no path.")
    if label is None:
        raise DatasetError(f"{file}, line {line}: label {row['label']!r} is none of real, fake, 0 (real), 1 (fake).")
    if split not in ("", *SPLITS):
        raise DatasetError(f"{file}, line {line}: split {split!r} is none of {', '.join(SPLITS)}, or empty.")
    said = row.get("audio", "").lower()
    if said and said not in _LABELS:
        raise DatasetError(f"{file}, line {line}: audio {row['audio']!r} is none of real, fake, 0, 1, or empty.")
    audio = _LABELS.get(said)
    forged = FAKE in (label, audio)
    original = _id(row.get("original", "")) if forged else ""
    people = tuple(dict.fromkeys(name.strip() for name in row.get("group", "").split(";") if name.strip()))
    return VideoRecord(
        id=_id(path),
        path=file.parent / path,
        label=label,
        manipulation="original" if not forged else row.get("manipulation") or "fake",
        split=split,
        group=people or (f"file:{original or _id(path)}",),
        original=original,
        audio_label=audio,
    )


def _id(path: str) -> str:
    return split_name(Path(path).as_posix())[0] if path else ""
