"""A video in the clip store, opened for reading, and its clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import MOUTH_SIDE, Clip, ClipHeader, Planes, SourceHeader, Speech, mean_over_frames
from dfcore.data.clips.plan import ClipPlan, own_part
from dfcore.data.clips.reduced import reduced
from dfcore.data.store.array_file import ArrayFile, damaged
from dfcore.data.store.damage import note_damage
from dfcore.data.store.format import evidence_name
from dfcore.data.store.index import IndexEntry, check_format
from dfcore.errors import StoreError
from dfcore.text import count_of

__all__ = ["StoredClip", "StoredVideo"]


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
        """One clip with all that is kept of its pixels, and its audio, as an evidence extractor takes it."""
        access = self.access(clip)
        frames, native = range(len(access.header.frames)), access.native
        y, u, v = access.planes(native)
        found = Clip(self.source, access.header, y, u, v, access.qp(native), access.motion(frames), access.audio())
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

    @cached_property
    def source(self) -> SourceHeader:
        """What is known of the source file, with the format of the clip's frames."""
        return self.header.source_of(self.video.source)

    @cached_property
    def header(self) -> ClipHeader:
        """What is known of the clip."""
        return self.video.header(self.clip)

    @cached_property
    def native(self) -> range:
        """The frames whose planes and quantisers are kept."""
        length = len(self.header.frames)
        return own_part(length, self.video.file.length(f"{self.clip}/y") or length)

    def _rows(self, name: str, frames: Sequence[int]) -> NDArray | None:
        return self.video.file.get(f"{self.clip}/{name}", frames)

    def _native_rows(self, name: str, frames: Sequence[int]) -> NDArray | None:
        kept = self.native
        if min(frames) < kept.start or max(frames) >= kept.stop:
            raise StoreError(
                f"{self.video.entry.id}: of the clip's {len(self.header.frames)} frames those from {kept.start} to "
                f"{kept.stop - 1} are kept at native resolution, for no specialist that the store was prepared for "
                "reads others. `dfcore prepare` for one that does adds them."
            )
        return self._rows(name, [frame - kept.start for frame in frames] if kept.start else frames)

    def _plane(self, name: str, frames: Sequence[int]) -> NDArray[np.uint8]:
        found = self._native_rows(name, frames)
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
        return self._native_rows("qp", frames)

    def sequence(self, frames: Sequence[int]) -> NDArray[np.uint8]:
        """The whole window made small, uint8 ``[n, 3, 112, 112]``; made now where the store has it not."""
        found = self._rows("sequence", frames)
        return reduced(*self.planes(frames), self.source.rotation) if found is None else found

    def motion(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Motion vectors int16 ``[n, H/16, W/16, 2]``, in quarter pixels, or None."""
        return self._rows("motion", frames)

    def evidence(self, name: str) -> NDArray[np.float16] | None:
        """An extractor's result, float16 ``[T, C, H/16, W/16]``, or None where it was not extracted."""
        file = self.video.evidence_file(name)
        found = None if file is None else file.get(f"{self.clip}/values")
        if found is None or len(found) != 1:
            return found
        return np.broadcast_to(found, (len(self.header.frames), *found.shape[1:]))

    def evidence_mean(self, name: str) -> NDArray[np.float32] | None:
        """Its mean over the clip's frames, float32 ``[C, H/16, W/16]``, or None."""
        file = self.video.evidence_file(name)
        if file is None:
            return None
        mean = file.get(f"{self.clip}/mean")
        values = self.evidence(name) if mean is None else None
        return mean if values is None else mean_over_frames(values)

    def audio(self) -> NDArray[np.int16] | None:
        """16 kHz mono int16 ``[n]``, exactly the clip's span, or None without audio."""
        return self.video.file.get(f"{self.clip}/audio")

    def speech(self, *, mouth: bool = True) -> Speech | None:
        """Mouth and audio about the clip's middle, or None where it was prepared without; they are read once, the
        images only where they are asked for, as are the landmarks where what views show of them is kept.
        """
        return self._speech if mouth else self._speech_alone

    @cached_property
    def _speech(self) -> Speech | None:
        found = self._speech_alone
        if found is None:
            return None
        landmarks = self._of_speech("landmarks") if found.landmarks is None else found.landmarks
        return replace(found, mouth=self._speech_array("mouth"), landmarks=landmarks)

    @cached_property
    def _speech_alone(self) -> Speech | None:
        start = self.header.speech_start
        if start is None:
            return None
        present, none = self._speech_array("mouth_present"), np.zeros((0, MOUTH_SIDE, MOUTH_SIDE), np.uint8)
        audio, openings = self._of_speech("audio"), self._of_speech("openings")
        landmarks = self._of_speech("landmarks") if openings is None else None
        return Speech(none, present.astype(bool), start, audio, landmarks, openings)

    def _of_speech(self, name: str) -> NDArray | None:
        return self.video.file.get(f"{self.clip}/speech_{name}")

    def _speech_array(self, name: str) -> NDArray:
        found = self.video.file.get(f"{self.clip}/{name}")
        if found is None:
            raise damaged(self.video.file.path, f"clip {self.clip} has no mouth")
        return found

    def landmarks(self, frames: Sequence[int]) -> NDArray[np.int16] | None:
        """Dense landmarks int16 ``[n, 95, 2]``, or None where it was prepared without."""
        return self._rows("landmarks", frames)

    def kept(self, name: str, frames: Sequence[int]) -> NDArray | None:
        """What is kept of a view (:mod:`dfcore.data.views.kept`), ``[n, ...]``, or None."""
        return self._native_rows(name, frames) if self.video.file.length(f"{self.clip}/{name}") else None
