"""Writing a video's clips and evidence into a store, each as one atomic step; see :mod:`dfcore.data.store.format`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clip_plan import ClipPlan
from dfcore.data.clips import Clip
from dfcore.data.store.format import (
    EVIDENCE_SUFFIX,
    FORMAT,
    VIDEO_SUFFIX,
    ArrayFile,
    evidence_name,
    parse_evidence_name,
    stem_of,
    write_arrays,
)
from dfcore.data.store.index import IndexEntry, Origin
from dfcore.errors import StoreError
from dfcore.version import __version__

__all__ = ["remove_evidence", "write_evidence", "write_video"]


def write_video(
    root: Path, video: str, clips: Sequence[Clip], plan: ClipPlan, origin: Origin | None = None
) -> IndexEntry:
    """Write a video's clip file atomically, in place of an older one; the evidence of that one is removed.

    Evidence in ``clips`` is not written: see :func:`write_evidence`.

    Raises:
        WriteError: the disk is full or not writable.
        StoreError: there is nothing to write.
    """
    if not clips:
        raise StoreError(
            f"{video}: a stored video needs at least one clip. This is a fault in dfcore; please report it."
        )
    origin = origin or Origin()  # the inode's time is of this disk alone: the index has it
    arrays: dict[str, NDArray] = {}
    for i, clip in enumerate(clips):
        for name in ("y", "u", "v", "qp", "motion", "audio", "landmarks"):
            values = getattr(clip, name)
            if values is not None:
                arrays[f"{i}/{name}"] = values
        if clip.speech is not None:
            arrays[f"{i}/mouth"] = clip.speech.mouth
            arrays[f"{i}/mouth_present"] = clip.speech.present.astype(np.uint8)
            if clip.speech.audio is not None:
                arrays[f"{i}/speech_audio"] = clip.speech.audio
            if clip.speech.landmarks is not None:
                arrays[f"{i}/speech_landmarks"] = clip.speech.landmarks
    headers = [clip.header.to_json() for clip in clips]
    about = {
        "format": FORMAT,
        "version": __version__,
        "plan": plan.to_json(),
        "origin": {"size": origin.size, "mtime_ns": origin.mtime_ns, "sample": origin.sample},
        "stamp": _stamp(headers),
    }
    source = replace(clips[0].source, video=video)
    stem = stem_of(video)
    metadata = {"video": about, "source": source.to_json(), "clips": headers}
    # Evidence of other clips must never lie beside these, and must not be lost when the disk is full.
    size = write_arrays(root / (stem + VIDEO_SUFFIX), arrays, metadata, lambda: remove_evidence(root, stem))
    return IndexEntry(
        id=video,
        stem=stem,
        size=size,
        label=source.label,
        manipulation=source.manipulation,
        split=source.split,
        frames=tuple(len(clip.header.frames) for clip in clips),
        tracks=tuple(clip.header.track for clip in clips),
        plan=plan,
        origin=origin,
    )


def write_evidence(root: Path, entry: IndexEntry, name: str, version: int, values: Sequence[NDArray]) -> IndexEntry:
    """Write one evidence of a stored video, ``[T, C, H/16, W/16]`` per clip; other versions of it are removed.

    Returns:
        The entry with this evidence.

    Raises:
        WriteError: see :func:`write_video`.
        StoreError: its clips are missing or damaged.
    """
    file = ArrayFile(root / entry.file)
    arrays: dict[str, NDArray] = {}
    for i, value in enumerate(values):
        arrays[f"{i}/values"] = np.asarray(value, dtype=np.float16)
        # Samples of one frame read the mean over all frames: stored, so that they need not read them all.
        arrays[f"{i}/mean"] = np.asarray(value, dtype=np.float32).mean(axis=0)
    about = {"name": name, "version": version, "stamp": file.entry("video")["stamp"]}
    write_arrays(root / evidence_name(entry.stem, name, version), arrays, {"evidence": about})
    remove_evidence(root, entry.stem, name, keep=version)
    return replace(entry, evidence={**entry.evidence, name: version})


def remove_evidence(root: Path, stem: str, name: str | None = None, keep: int | None = None) -> None:
    """Remove a video's evidence files: of one name or all, but for the version ``keep``."""
    path = root / stem
    if not path.parent.is_dir():
        return
    for file in path.parent.glob(f"*{EVIDENCE_SUFFIX}"):
        parsed = parse_evidence_name(file.name)
        if parsed and parsed[0] == path.name and name in (None, parsed[1]) and parsed[2] != keep:
            file.unlink(missing_ok=True)


def _stamp(headers: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.blake2b(json.dumps(headers).encode(), digest_size=16).hexdigest()
