"""A table of videos or photos of your own, as CSV with a header.

::

    path,label,split,group,manipulation,original
    clips/a.mp4,real,train,anna,,
    clips/b.mp4,fake,train,anna;bert,faceswap,clips/a.mp4
    /elsewhere/c.mp4,1,,,,

Point at the file, or at a folder that holds ``manifest.csv``. ``path`` and ``label`` are needed, the other columns may
be absent or empty; columns that are not known are named in the notes. Paths are relative to the table's folder, with
slashes of either kind. Cells may also be parted by tabs or semicolons, and the text be in any encoding that
:func:`dfcore.text.decode_text` knows. The id of a row is its path without the suffix, or with it where two files differ
in nothing else (a photo beside its video).

* ``label``: ``real`` or ``fake``, or 0 (real) or 1 (fake).
* ``split``: ``train``, ``val`` or ``test``; empty, dfcore decides.
* ``group``: the people (or sources) seen, separated by ``;``. Rows that share one are kept in one split. Without it a
  fake goes with its original, any other file stands alone.
* ``original``: the ``path`` of the row that a fake was made from.
* ``audio``: ``real`` or ``fake`` (or 0, 1), if you know; ``label`` is then that of the images. To a specialist that
  reads the audio a video is fake if either is.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from dfcore.data.datasets.listing import Listing, first_bytes, listed, split_name
from dfcore.data.datasets.lists import Row, find_listed, read_table, slashed
from dfcore.data.datasets.roots import linked_originals
from dfcore.data.records import FAKE, REAL, SPLITS, Scan, VideoRecord
from dfcore.errors import DatasetError
from dfcore.filesystem.paths import is_file, is_folder, what_it_is

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
        table = read_table(file)
        if not {"path", "label"} <= set(table.columns):
            raise DatasetError(f"{file} has the columns {listed(table.columns, 8) or 'none'}. {_HELP}")
        ids = _ids(file, table.rows)
        records: list[VideoRecord] = []
        absent: list[str] = []
        for row in table.rows:
            record = _record(file, row, ids)
            if is_file(record.path):
                records.append(record)
            else:
                absent.append(row.cells["path"])
        if not records:
            raise DatasetError(f"{file}: none of its {len(absent):,} files is there ({listed(absent, 3)}).")
        notes = [f"Files of the table that are not there: {len(absent):,} ({listed(absent, 3)})."] if absent else []
        unknown = [name for name in table.columns if name not in _COLUMNS]
        if unknown:
            notes.append(f"Columns that are not read: {listed(unknown)}.")
        missing = {file.name: len(absent)} if absent else {}
        return Scan("csv", file.parent, tuple(linked_originals(records)), missing, tuple(notes))

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By a ``manifest.csv`` whose header has the needed columns."""
        if "manifest.csv" not in listing.files:
            return False
        columns = first_bytes(folder / "manifest.csv").splitlines()[:1]
        return {"path", "label"} <= {name.strip() for name in "".join(columns).lower().split(",")}


def _find(root: Path) -> Path:
    file = root / "manifest.csv" if is_folder(root) else root
    if not is_file(file):
        kind = what_it_is(file)
        raise DatasetError(f"{file} {f'is {kind}, not a file' if kind else 'does not exist'}. {_HELP}")
    return file


def _ids(file: Path, rows: Sequence[Row]) -> dict[str, str]:
    """The id of each path in the table: without its suffix, unless two files differ in nothing else.

    Raises:
        DatasetError: a row names no file, or one that a row before it names.
    """
    lines: dict[str, Row] = {}
    for row in rows:
        path = _path(row.cells["path"])
        if not path:
            raise DatasetError(f"{file}, line {row.line}: no path.")
        first = lines.setdefault(path, row)
        if first is not row:
            raise DatasetError(
                f"{file}, line {row.line}: {row.cells['path']} is there twice: {first.cells['label']} in line "
                f"{first.line}, {row.cells['label']} here. Remove the wrong one."
            )
    stems = Counter(split_name(path)[0] for path in lines)
    return {path: split_name(path)[0] if stems[split_name(path)[0]] == 1 else path for path in lines}


def _record(file: Path, row: Row, ids: Mapping[str, str]) -> VideoRecord:
    cells, where = row.cells, f"{file}, line {row.line}"
    path, label, split = _path(cells["path"]), _LABELS.get(cells["label"].lower()), cells.get("split", "").lower()
    if label is None:
        raise DatasetError(f"{where}: label {cells['label']!r} is none of real, fake, 0 (real), 1 (fake).")
    if split not in ("", *SPLITS):
        raise DatasetError(f"{where}: split {split!r} is none of {', '.join(SPLITS)}, or empty.")
    said = cells.get("audio", "").lower()
    if said and said not in _LABELS:
        raise DatasetError(f"{where}: audio {cells['audio']!r} is none of real, fake, 0, 1, or empty.")
    audio = _LABELS.get(said)
    forged = FAKE in (label, audio)
    source = _path(cells.get("original", "")) if forged else ""
    original = ids.get(source, split_name(source)[0])
    people = tuple(dict.fromkeys(name.strip() for name in cells.get("group", "").split(";") if name.strip()))
    return VideoRecord(
        id=ids[path],
        path=find_listed(file.parent, cells["path"]),
        label=label,
        manipulation="original" if not forged else cells.get("manipulation") or "fake",
        split=split,
        group=people or (f"file:{original or ids[path]}",),
        original=original,
        audio_label=audio,
    )


def _path(written: str) -> str:
    """A path of the table in one spelling: forward slashes, no ``./``; "" for none."""
    return PurePosixPath(slashed(written)).as_posix() if written else ""
