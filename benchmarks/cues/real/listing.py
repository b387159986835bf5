"""Which videos there are, of whom, and which fake was made of which original.

Either a CSV file with the columns ``path,label,person,pair,method,compression``, or a folder with a file
``real-fakes.csv`` of that form in it, or a folder in FaceForensics++'s layout.

- ``path``: the video, from the CSV's folder on.
- ``label``: ``real`` or ``fake``.
- ``person``: who is in it; names joined by ``+`` where it is two (the one seen and the one pasted in).
- ``pair``: of a fake the ``path`` of the original that it was made of, or nothing.
- ``method``, ``compression``: what the figures are told apart by; any words, or nothing.

People who share a video, or a fake and its original, are always on the same side of a split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dfcore.data.datasets.lists import read_table
from dfcore.errors import UsageError

__all__ = ["COLUMNS", "LIST", "Video", "grouped", "read_genuine", "read_listing"]

COLUMNS = ("path", "label", "person", "pair", "method", "compression")
LIST = "real-fakes.csv"
_LABELS = {"real": 0, "fake": 1, "0": 0, "1": 1}


@dataclass(frozen=True, slots=True)
class Video:
    """A labelled video.

    Attributes:
        path: the file.
        label: 0 real, 1 fake.
        people: who is in it.
        original: of a fake, the video that it was made of; else None.
        method, compression: words of the list.
        group: the same for all videos that share people, directly or through others.
    """

    path: Path
    label: int
    people: tuple[str, ...]
    original: Path | None = None
    method: str = ""
    compression: str = ""
    group: str = ""


def read_listing(place: Path) -> list[Video]:
    """The videos that ``place`` lists or holds, grouped by people.

    Raises:
        UsageError: nothing is there, the list lacks a column or names a file that is not there, or there is no fake or
            no real video.
    """
    if place.is_dir() and not (place / LIST).exists():
        found = _faceforensics(place)
    else:
        found = _listed(place / LIST if place.is_dir() else place)
    missing = [str(video.path) for video in found if not video.path.exists()]
    if missing:
        raise UsageError(f"{place} names {len(missing)} files that are not there, such as {missing[0]}.")
    if {video.label for video in found} != {0, 1}:
        raise UsageError(
            f"{place}: real fakes are measured against genuine videos, so both must be there. Found "
            f"{sum(video.label for video in found)} fake and {sum(not video.label for video in found)} real videos. "
            f"A folder in FaceForensics++'s layout is read as it is; of any other write {LIST} with the columns "
            f"{','.join(COLUMNS)}."
        )
    return grouped(found)


def read_genuine(place: Path) -> list[Video]:
    """The genuine videos of a list, which says who is in them; fakes in it are left out.

    Raises:
        UsageError: the list is not there, lacks a column, or names a file that is not there.
    """
    found = [video for video in _listed(place) if video.label == 0]
    missing = [str(video.path) for video in found if not video.path.exists()]
    if missing:
        raise UsageError(f"{place} names {len(missing)} files that are not there, such as {missing[0]}.")
    return found


def _listed(path: Path) -> list[Video]:
    if not path.exists():
        raise UsageError(f"{path} is not there. Give a CSV file or a folder to --real-fakes.")
    table = read_table(path)
    lacking = [name for name in COLUMNS[:3] if name not in table.columns]
    if lacking:
        raise UsageError(f"{path} lacks the columns {', '.join(lacking)}; it has {', '.join(table.columns)}.")
    videos = []
    for row in table.rows:
        cell = {name: row.cells.get(name, "") for name in COLUMNS}
        if cell["label"].lower() not in _LABELS:
            raise UsageError(f"{path}, line {row.line}: the label is {cell['label']!r}. Write real or fake.")
        if not cell["person"]:
            raise UsageError(
                f"{path}, line {row.line}: who is in {cell['path']}? Without names people cannot be held out."
            )
        original = path.parent / cell["pair"] if cell["pair"] else None
        people = tuple(part.strip() for part in cell["person"].split("+"))
        label = _LABELS[cell["label"].lower()]
        videos.append(Video(path.parent / cell["path"], label, people, original, cell["method"], cell["compression"]))
    return videos


def _faceforensics(root: Path) -> list[Video]:
    """``manipulated_sequences/METHOD/COMPRESSION/videos/a_b.mp4`` is a with b's face or expression."""
    videos = []
    for path in sorted(root.glob("original_sequences/*/*/videos/*.mp4")):
        videos.append(Video(path, 0, (path.stem.split("__")[0],), None, "", path.parts[-3]))
    originals = {(video.compression, video.path.stem): video.path for video in videos}
    for path in sorted(root.glob("manipulated_sequences/*/*/videos/*.mp4")):
        method, compression = path.parts[-4], path.parts[-3]
        people = tuple(path.stem.split("_")[:2])
        videos.append(Video(path, 1, people, originals.get((compression, people[0])), method, compression))
    return videos


def grouped(videos: Sequence[Video]) -> list[Video]:
    """The same with ``group`` set: connected through shared people, or as a fake and its original."""
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    def join(names: Iterable[str]) -> None:
        first, *rest = (top(name) for name in names)
        for other in rest:
            parent[max(first, other)] = first = min(first, other)

    owners = {video.path: video.people for video in videos}
    for video in videos:
        join((*video.people, *owners.get(video.original or video.path, ())))
    return [replace(video, group=top(video.people[0])) for video in videos]
