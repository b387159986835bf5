"""The clip store: a folder of prepared clips, one safetensors file per video.

See :mod:`dfcore.data.store.format` for the files and :mod:`dfcore.data.store.index` for the index. This module needs
no torch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dfcore.console.progress import SILENT, Progress, over
from dfcore.data.clips import Clip, ClipAccess, MemoryClip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.store.coding import CODECS, COMPACT
from dfcore.data.store.comparisons import ComparisonLog
from dfcore.data.store.damage import Damage, DamageLog, StoreCheck, check_video, joined, note_damage
from dfcore.data.store.forged_faces import ForgedFaceLog
from dfcore.data.store.format import VIDEO_SUFFIX, stem_of
from dfcore.data.store.index import FailureLog, IndexEntry, Origin, StoreIndex
from dfcore.data.store.stored import StoredClip, StoredVideo
from dfcore.data.store.write import remove_evidence, write_evidence, write_video
from dfcore.errors import StoreError, UnknownNameError
from dfcore.text import count_of

__all__ = ["ClipAccess", "ClipPlan", "ClipStore", "MemoryClip", "StoredClip", "StoredVideo"]

HANDLES = 256
"""Open videos that a store keeps, per process. Opening maps the file and parses its header, so it is not done for each
sample; a process may have 1024 files open by default, of each video one for its clips and one for each evidence."""


class ClipStore:
    """A folder of prepared clips. Opening it reads the index and removes what killed writers left behind.

    A store travels to loader processes by pickling: the index goes along, open files do not.

    Args:
        root: the folder; it is made when the first video is written.
        part: where several processes write into it at once, the number of this one, from 1; 0 for one alone. No two
            may write the same video.
        codec: how arrays are written: ``compact`` codes them without loss, ``raw`` leaves them as they are, to be read
            faster. Both are read, also in one store.

    Raises:
        StoreError: ``root`` is a file.
        UnknownNameError: there is no such codec.
    """

    def __init__(self, root: Path | str, part: int = 0, codec: str = COMPACT) -> None:
        if codec not in CODECS:
            raise UnknownNameError("store codec", codec, CODECS)
        self.root, self.part, self.codec = Path(root), part, codec
        self.index = StoreIndex(self.root, part)
        self.failures = FailureLog(self.root, part)
        self.comparisons = ComparisonLog(self.root, part)
        self.damage = DamageLog(self.root)
        self.forged_faces = ForgedFaceLog(self.root, part)
        self._open: OrderedDict[str, StoredVideo] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}  # a memory map cannot be pickled; each process opens its own

    def __contains__(self, video: object) -> bool:
        return video in self.index

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def ids(self) -> list[str]:
        """Ids of the videos that can be opened, in order."""
        return sorted(self.index)

    def entry(self, video: str) -> IndexEntry:
        """The index entry of a video.

        Raises:
            StoreError: it is not there; the message says why, where that is known.
        """
        if video not in self.index:
            raise StoreError(self._absent(video))
        return self.index[video]

    def _absent(self, video: str) -> str:
        file = stem_of(video) + VIDEO_SUFFIX
        if file in self.index.damaged:
            return self.index.damaged[file]
        if video in self.failures:
            failure = self.failures[video]
            return f"{video} could not be prepared: {failure.reason} ({failure.path}; see {self.failures.path})."
        held = count_of(len(self), "video")
        return f"{video} is not in the clip store {self.root} ({held}). `dfcore prepare` adds it."

    def open(self, video: str) -> StoredVideo:
        """A video for reading; the last few stay open.

        Raises:
            StoreError: it is not there, or its file is damaged.
        """
        found = self._open.get(video)
        if found is None:
            found = self._open[video] = StoredVideo(self.root, self.entry(video))
            if len(self._open) > HANDLES:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(video)
        return found

    def add(self, entry: IndexEntry) -> None:
        """Take in what :func:`write_video` or :func:`write_evidence` returned, perhaps in another process."""
        self._open.pop(entry.id, None)
        self.index.add(entry)

    def write(
        self, video: str, clips: Sequence[Clip], plan: ClipPlan | None = None, origin: Origin | None = None
    ) -> IndexEntry:
        """Write a video's clips, and the evidence they carry as version 0; see :func:`write_video`.

        Args:
            video: its id.
            clips: at least one.
            plan: what they were cut by; None means one that fits them.
            origin: the source file.
        """
        people = len({clip.header.track for clip in clips})
        fitting = ClipPlan(clips=len(clips), frames=max(len(c.header.frames) for c in clips), people=people)
        entry = write_video(self.root, video, clips, plan or fitting, origin, self.codec)
        for name in sorted(clips[0].evidence):
            values = [clip.evidence[name] for clip in clips]
            entry = write_evidence(self.root, entry, name, 0, values, self.codec)
        self.add(entry)
        return entry

    def write_evidence(self, video: str, name: str, version: int, values: Sequence[NDArray]) -> IndexEntry:
        """Write one evidence of a stored video; see :func:`write_evidence`."""
        entry = write_evidence(self.root, self.entry(video), name, version, values, self.codec)
        self.add(entry)
        return entry

    def settle(self) -> None:
        """Write the index and all logs anew, each as one file. One of several writers leaves that to whoever
        opens the store when all have done: nobody else may be writing.
        """
        if not self.part:
            self.index.save()
            self.failures.save()
            self.comparisons.save()
            self.damage.save()
            self.forged_faces.save()

    @property
    def settled(self) -> bool:
        """Whether :meth:`settle` would change nothing: a kill may have come before it."""
        return all(log.settled for log in (self.index, self.failures, self.comparisons, self.forged_faces, self.damage))

    def verify(self, progress: Progress | None = None) -> StoreCheck:
        """Read the whole store and compare every checksum. What is damaged is noted in ``damaged.jsonl``, so that
        preparing makes it again; nothing is removed.

        Args:
            progress: shows a bar.
        """
        bar = (progress or SILENT).bar("reading", len(self), unit="video")
        checks = (check_video(self.root, self.index[video]) for video in self.ids())
        found = joined(over(checks, bar))
        unreadable = tuple(Damage(file, why) for file, why in sorted(self.index.damaged.items()))
        for damage in found.damaged:
            note_damage(self.root, damage.file, damage.why)
        return replace(found, damaged=(*unreadable, *found.damaged))

    def remove(self, video: str) -> None:
        """Remove a video with its evidence, as if it had never been prepared. Its line in the index goes when that is
        saved, or the store opened again.
        """
        entry = self.entry(video)
        # Evidence first: a kill in between leaves a video that only lacks evidence, which is made again.
        remove_evidence(self.root, entry.stem)
        (self.root / entry.file).unlink(missing_ok=True)
        self._open.pop(video, None)
        del self.index[video]
