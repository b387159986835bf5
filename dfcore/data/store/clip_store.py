"""The clip store: a folder of prepared clips, one safetensors file per video.

See :mod:`dfcore.data.store.format` for the files and :mod:`dfcore.data.store.index` for the index. This module needs
no torch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clip_plan import ClipPlan
from dfcore.data.clips import Clip, ClipAccess, ClipHeader, MemoryClip, Planes, SourceHeader, Speech
from dfcore.data.store.comparisons import ComparisonLog
from dfcore.data.store.damage import Damage, DamageLog, StoreCheck, check_video, joined, note_damage
from dfcore.data.store.forged_faces import ForgedFaceLog
from dfcore.data.store.format import VIDEO_SUFFIX, ArrayFile, damaged, evidence_name, stem_of
from dfcore.data.store.index import FailureLog, IndexEntry, Origin, StoreIndex, check_format
from dfcore.data.store.write import remove_evidence, write_evidence, write_video
from dfcore.errors import StoreError
from dfcore.progress import SILENT, Progress, over
from dfcore.text import count_of

__all__ = ["ClipAccess", "ClipPlan", "ClipStore", "MemoryClip", "StoredClip", "StoredVideo"]

HANDLES = 256
"""Open videos that a store keeps, per process. Opening maps the file and parses its header, so it is not done for each
sample; a process may have 1024 files open by default, of each video one for its clips and one for each evidence."""


class StoredVideo:
    """One video of a store, opened; its clips' pixels are read when they are asked for.

    Raises:
        StoreError: its file is missing or damaged.
    """

    def __init__(self, root: Path, entry: IndexEntry) -> None:
        self.root, self.entry = root, entry
        self.file = self._opened(entry.file)
        check_format(self.file)
        self._about = self.file.entry("video")
        self._evidence: dict[str, ArrayFile | None] = {}
        self._headers: dict[int, ClipHeader] = {}
        if self.source.video != entry.id:
            raise damaged(self.file.path, f"it holds {self.source.video!r}, not {entry.id!r}")

    def _opened(self, file: str) -> ArrayFile:
        return ArrayFile(self.root / file, partial(note_damage, self.root, file))

    @cached_property
    def source(self) -> SourceHeader:
        """What is known of the source file."""
        return SourceHeader.from_json(self.file.entry("source"))

    @property
    def plan(self) -> ClipPlan:
        """The plan that it was prepared with."""
        return self.entry.plan

    def __len__(self) -> int:
        return len(self.file.entry("clips"))

    def header(self, clip: int) -> ClipHeader:
        """What is known of one clip."""
        if clip not in self._headers:
            self._headers[clip] = ClipHeader.from_json(self.file.entry("clips")[clip])
        return self._headers[clip]

    @property
    def clips(self) -> tuple[ClipHeader, ...]:
        """What is known of the clips."""
        return tuple(self.header(i) for i in range(len(self)))

    def access(self, clip: int) -> StoredClip:
        """Reads parts of one clip.

        Raises:
            IndexError: there is no such clip.
        """
        if not 0 <= clip < len(self):
            raise IndexError(f"{self.entry.id} has {count_of(len(self), 'clip')}, no clip {clip}")
        return StoredClip(self, clip)

    def load(self, clip: int) -> Clip:
        """One clip whole, with its pixels and audio, as an evidence extractor takes it."""
        access = self.access(clip)
        frames = range(len(access.header.frames))
        y, u, v = access.planes(frames)
        found = Clip(self.source, access.header, y, u, v, access.qp(frames), access.motion(frames), access.audio())
        found.speech, found.landmarks = access.speech(), access.landmarks(frames)
        return found

    def evidence_file(self, name: str) -> ArrayFile | None:
        """The open file of an evidence, or None where there is none that belongs to these clips."""
        if name not in self._evidence:
            self._evidence[name] = self._open_evidence(name)
        return self._evidence[name]

    def _open_evidence(self, name: str) -> ArrayFile | None:
        version = self.entry.evidence.get(name)
        if version is None:
            return None
        file = self._opened(evidence_name(self.entry.stem, name, version))
        # Evidence of other clips would be read as if it were of these: another process may have written them anew.
        return file if file.entry("evidence").get("stamp") == self._about["stamp"] else None


class StoredClip:
    """A :class:`ClipAccess` to a clip in a store."""

    def __init__(self, video: StoredVideo, clip: int) -> None:
        self.video, self.clip = video, clip

    @property
    def source(self) -> SourceHeader:
        """What is known of the source file, with the format of the clip's frames."""
        return self.header.source_of(self.video.source)

    @property
    def header(self) -> ClipHeader:
        """What is known of the clip."""
        return self.video.header(self.clip)

    def _rows(self, name: str, frames: Sequence[int]) -> NDArray | None:
        found = self.video.file.get(f"{self.clip}/{name}")
        if found is None:
            return None
        first, last = frames[0], frames[-1] + 1
        consecutive = last - first == len(frames) and all(
            a == b for a, b in zip(frames, range(first, last), strict=True)
        )
        return found[first:last] if consecutive else found[list(frames)]  # the former copies nothing

    def _plane(self, name: str, frames: Sequence[int]) -> NDArray[np.uint8]:
        found = self._rows(name, frames)
        if found is None:
            raise damaged(self.video.file.path, f"clip {self.clip} has no plane {name!r}")
        return found

    def planes(self, frames: Sequence[int]) -> Planes:
        """Luma uint8 ``[n, H, W]``, and both chroma planes uint8 ``[n, H/2, W/2]``."""
        return self._plane("y", frames), self._plane("u", frames), self._plane("v", frames)

    def luma(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """Luma alone, uint8 ``[n, H, W]``."""
        return self._plane("y", frames)

    def qp(self, frames: Sequence[int]) -> NDArray[np.int8] | None:
        """Each block's quantiser, int8 ``[n, H/16, W/16]``, or None where the codec gives none."""
        return self._rows("qp", frames)

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Motion vectors int16 ``[n, H/16, W/16, 2]``, in quarter pixels, or None."""
        return self._rows("motion", frames)

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """An extractor's result, float16 ``[T, C, H/16, W/16]``, or None where it was not extracted."""
        file = self.video.evidence_file(name)
        return None if file is None else file.get(f"{self.clip}/values")

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """Its mean over the clip's frames, float32 ``[C, H/16, W/16]``, or None."""
        file = self.video.evidence_file(name)
        return None if file is None else file.get(f"{self.clip}/mean")

    def audio(self) -> NDArray[np.int16] | None:
        """16 kHz mono int16 ``[n]``, exactly the clip's span, or None without audio."""
        return self.video.file.get(f"{self.clip}/audio")

    def speech(self) -> Speech | None:
        """Mouth and audio about the clip's middle, or None where it was prepared without."""
        start, file = self.header.speech_start, self.video.file
        if start is None:
            return None
        mouth, present = (file.get(f"{self.clip}/{name}") for name in ("mouth", "mouth_present"))
        if mouth is None or present is None:
            raise damaged(file.path, f"clip {self.clip} has no mouth")
        audio, landmarks = (file.get(f"{self.clip}/speech_{name}") for name in ("audio", "landmarks"))
        return Speech(mouth, present.astype(bool), start, audio, landmarks)

    def landmarks(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Dense landmarks int16 ``[n, 95, 2]``, or None where it was prepared without."""
        return self._rows("landmarks", frames)


class ClipStore:
    """A folder of prepared clips. Opening it reads the index and removes what killed writers left behind.

    A store travels to loader processes by pickling: the index goes along, open files do not.

    Args:
        root: the folder; it is made when the first video is written.
        part: where several processes write into it at once, the number of this one, from 1; 0 for one alone. No two
            may write the same video.

    Raises:
        StoreError: ``root`` is a file.
    """

    def __init__(self, root: Path | str, part: int = 0) -> None:
        self.root, self.part = Path(root), part
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
        entry = write_video(self.root, video, clips, plan or fitting, origin)
        for name in sorted(clips[0].evidence):
            entry = write_evidence(self.root, entry, name, 0, [clip.evidence[name] for clip in clips])
        self.add(entry)
        return entry

    def write_evidence(self, video: str, name: str, version: int, values: Sequence[NDArray]) -> IndexEntry:
        """Write one evidence of a stored video; see :func:`write_evidence`."""
        entry = write_evidence(self.root, self.entry(video), name, version, values)
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
