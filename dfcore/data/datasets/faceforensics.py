"""FaceForensics++ (Rössler et al. 2019) with DeepFakeDetection (Google 2019), as the download script leaves them.

::

    ROOT/original_sequences/youtube/{raw,c23,c40}/videos/071.mp4
    ROOT/original_sequences/actors/{raw,c23,c40}/videos/08__talking_against_wall.mp4
    ROOT/manipulated_sequences/{Deepfakes,Face2Face,FaceSwap,NeuralTextures,FaceShifter}/{raw,c23,c40}/videos/071_054.mp4
    ROOT/manipulated_sequences/DeepFakeDetection/{raw,c23,c40}/videos/08_28__talking_against_wall__5DCAESDA.mp4
    ROOT/manipulated_sequences/<method>/masks/videos/071_054.mp4

Any subset is read, in any case of letters, ``.mp4`` or another container; the ``videos`` level may be absent. ROOT may
also be the folder above. What is not of the dataset is counted in the notes.

Copies of one compression are also passed on flat; it is taken from the name of ROOT or of a folder above::

    ROOT_c23/original/071.mp4
    ROOT_c23/{Deepfakes,Face2Face,FaceSwap,NeuralTextures,FaceShifter,DeepFakeDetection}/071_054.mp4

Split protocol: :mod:`dfcore.data.datasets.faceforensics_names`. Identities are ``ff:071`` (a video id: target and
source of a fake) and ``actor:08``. ``original`` of a fake is its *target's* original of the same compression: frames,
size and background are the target's (the frame rate is the source's). ``mask`` is the fake's mask video where it was
downloaded; FaceShifter has none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dfcore.data.datasets.faceforensics_names import COMPRESSIONS, PARTS, Name, Part, split_of
from dfcore.data.datasets.listing import Listing, is_video, list_folder, listed, split_name, subfolders
from dfcore.data.datasets.roots import check_root, child, find_base, linked_originals
from dfcore.data.records import FAKE, Scan, VideoRecord
from dfcore.errors import DatasetError

__all__ = ["FaceForensics"]

_SIDES = ("original_sequences", "manipulated_sequences")
_LAYOUT = """The official layout is
    ROOT/original_sequences/{youtube,actors}/{raw,c23,c40}/videos/*.mp4
    ROOT/manipulated_sequences/{Deepfakes,Face2Face,FaceSwap,NeuralTextures,FaceShifter,DeepFakeDetection}/{raw,c23,c40}/videos/*.mp4
Any part of it will do. Point at ROOT."""
_FLAT = {"original": PARTS[0]} | {part.manipulation.lower(): part for part in PARTS if part.label == FAKE}
"""Parts by their folder where a copy is flat."""


class FaceForensics:
    """The adapter; see the module for layout and protocol."""

    def scan(self, root: Path) -> Scan:
        """List the videos under ``root``: originals first, then method by method, each compression sorted by name.

        ``missing`` counts, for each part and each compression that this copy has anything of, the official videos that
        are absent (of 1000, for DFD of 363 and 3068).

        Raises:
            DatasetError: ``root`` does not exist, lies inside the dataset, or holds nothing of it.
        """
        root = check_root(root, "FaceForensics++")
        flat = _flat_base(root)
        base, notes = (flat, []) if flat else find_base(root, "FaceForensics++", _SIDES, _LAYOUT)
        found = _Found(base)
        for part in PARTS:
            folder = None if flat else _descend(base, part.folder)
            if folder is not None:
                found.read_part(part, folder)
        for name, part in _FLAT.items():
            folder = child(base, name) if flat else None
            if folder is not None:
                found.read_videos(part, _compression_of(base), child(folder, "videos") or folder, {})
        if not found.records:
            left_out = " ".join(found.notes())
            raise DatasetError(f"{base} holds no FaceForensics++ video that can be used. {left_out}\n{_LAYOUT}")
        return Scan(
            "faceforensics",
            base,
            tuple(linked_originals(found.records)),
            found.missing(),
            (*notes, *found.notes(), *_unknown(base)),
        )

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """By the two top folders, or those of a flat copy."""
        return any(name.lower() in _SIDES for name in listing.folders) or _is_flat(listing)


@dataclass(slots=True)
class _Found:
    """What has been read so far."""

    base: Path
    records: list[VideoRecord] = field(default_factory=list)
    stems: dict[tuple[Part, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    originals: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """Record id by identity family, compression and stem."""
    mixed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    odd: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    unknown_people: list[str] = field(default_factory=list)

    def read_part(self, part: Part, folder: Path) -> None:
        masks = _masks(folder) if part.label == FAKE else {}
        order = list(COMPRESSIONS)
        names = [name for name in list_folder(folder).folders if name.lower() in COMPRESSIONS]
        for name in sorted(names, key=lambda name: (order.index(name.lower()), name)):
            self.read_videos(part, COMPRESSIONS[name.lower()], child(folder / name, "videos") or folder / name, masks)

    def read_videos(self, part: Part, compression: str, folder: Path, masks: dict[str, Path]) -> None:
        below = folder.relative_to(self.base).as_posix()
        for file, stem, name in self._named(part, folder, below):
            self.stems[part, compression].add(stem)
            split = split_of(name.identities)
            if split is None:
                self._leave_out(part, name.identities, f"{below}/{stem}")
                continue
            key = (part.family, compression, name.original or stem)
            record = VideoRecord(
                id=f"{below}/{stem}",
                path=folder / file,
                label=part.label,
                manipulation=part.manipulation,
                split=split,
                group=name.identities,
                compression=compression,
                original=self.originals.get(key, "") if part.label == FAKE else "",
                mask=masks.get(stem),
            )
            self.records.append(record)
            if part.label != FAKE:
                self.originals.setdefault(key, record.id)

    def _named(self, part: Part, folder: Path, below: str) -> Iterator[tuple[str, str, Name]]:
        """The files of ``folder`` that are the part's videos, each stem once: file name, stem, what it says."""
        previous = ""
        listing = list_folder(folder)
        self.odd += [f"{below}/{file}" for file in listing.special]
        # ".mp4" first, so that of 071.mp4 and 071.avi the file that the dataset ships is the one read
        for stem, _, file in sorted((split_name(file)[0], not file.endswith(".mp4"), file) for file in listing.files):
            name = part.parse(stem) if is_video(file) else None
            if name is None:
                self.odd.append(f"{below}/{file}")
            elif stem == previous:
                self.doubles.append(f"{below}/{file}")
            else:
                previous = stem
                yield file, stem, name

    def _leave_out(self, part: Part, identities: tuple[str, ...], name: str) -> None:
        if any(split_of((identity,)) is None for identity in identities):
            self.unknown_people.append(name)
        else:
            self.mixed[part.manipulation].append(name)

    def missing(self) -> dict[str, int]:
        present = {compression for _, compression in self.stems}
        counts = {
            f"{part.folder}/{compression}": part.count_missing(self.stems.get((part, compression), set()))
            for part in PARTS
            for compression in ("raw", "c23", "c40")
            if compression in present
        }
        return {name: count for name, count in counts.items() if count}

    def notes(self) -> list[str]:
        """One sentence for each kind of file that was left out."""
        notes = []
        present = {compression for _, compression in self.stems if compression}
        absent = [name for name in ("raw", "c23", "c40") if name not in present]
        if present and absent:
            notes.append(f"Nothing of {' or '.join(absent)} is there, nor counted as missing.")
        for manipulation, names in self.mixed.items():
            total = sum(len(stems) for (part, _), stems in self.stems.items() if part.manipulation == manipulation)
            notes.append(
                f"Left out: {len(names):,} of {total:,} {manipulation} fakes, "
                f"since their two identities are in different splits ({listed(names, 2)})."
            )
        for names, what in (
            (self.unknown_people, "files of actors or video ids that the dataset does not have"),
            (self.doubles, "files whose video is there with another suffix"),
            (self.odd, "files that are not the dataset's videos"),
        ):
            if names:
                notes.append(f"Left out, {what}: {len(names):,} ({listed(names, 3)}).")
        return notes


def _masks(method: Path) -> dict[str, Path]:
    """Mask videos of a method by stem."""
    folder = child(method, "masks")
    folder = folder and child(folder, "videos")
    return {split_name(n)[0]: folder / n for n in list_folder(folder).files if is_video(n)} if folder else {}


def _is_flat(listing: Listing) -> bool:
    """``original`` beside a method; methods alone may be a part of the official layout."""
    names = {name.lower() for name in listing.folders}
    return "original" in names and len(names & _FLAT.keys()) > 1


def _flat_base(root: Path) -> Path | None:
    """``root`` or the only folder right below it, where that is a flat copy."""
    listing = list_folder(root)
    if _is_flat(listing):
        return root
    below = [folder for folder, inner in subfolders(root, listing) if _is_flat(inner)]
    return below[0] if len(below) == 1 else None


def _compression_of(base: Path) -> str:
    """As a word in the name of the copy's folder says (``FaceForensics++_C23``), or of the two above (``ff-c23``);
    "" where none does. A folder above named ``raw`` says nothing: people keep all data as it came in one.
    """
    for folder in (base, base.parent, base.parent.parent):
        words = {COMPRESSIONS.get(word, "") for word in re.split(r"[^a-z0-9]+", folder.name.lower())}
        known = words & ({"raw", "c23", "c40"} if folder == base else {"c23", "c40"})
        if len(known) == 1:
            return known.pop()
    return ""


def _descend(folder: Path, path: str) -> Path | None:
    found: Path | None = folder
    for name in path.split("/"):
        found = child(found, name) if found else None
    return found


def _unknown(base: Path) -> list[str]:
    """A note on folders that stand where methods stand and are none, e.g. ``manipulated_sequences/Deepfakes_old``."""
    known = {part.folder.lower() for part in PARTS}
    names = [
        f"{side}/{name}"
        for side in _SIDES
        if (folder := child(base, side))
        for name in list_folder(folder).folders
        if f"{side}/{name.lower()}" not in known
    ]
    return [f"Folders that the dataset does not have are not read: {listed(names)}."] if names else []
