"""Writing a video's clips and evidence into a store, each as one atomic step; see :mod:`dfcore.data.store.format`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.collector import importing
from dfcore.data.clips import Clip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.clips.reduced import reduced
from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.coding import COMPACT
from dfcore.data.store.format import (
    EVIDENCE_SUFFIX,
    FORMAT,
    VIDEO_SUFFIX,
    evidence_name,
    parse_evidence_name,
    stem_of,
    write_arrays,
)
from dfcore.data.store.index import IndexEntry, Origin
from dfcore.data.workers.serve import in_worker
from dfcore.errors import StoreError
from dfcore.version import __version__

__all__ = ["remove_evidence", "write_evidence", "write_video"]


def write_video(
    root: Path,
    video: str,
    clips: Sequence[Clip],
    plan: ClipPlan,
    origin: Origin | None = None,
    codec: str = COMPACT,
) -> IndexEntry:
    """Write a video's clip file atomically, in place of an older one; the evidence of that one is removed.

    Evidence in ``clips`` is not written: see :func:`write_evidence`.

    Args:
        root: the store's folder.
        video: its id.
        clips: with all their frames.
        plan: what they were cut by; it says what of them is kept.
        origin: the source file.
        codec: see :func:`dfcore.data.store.format.write_arrays`.

    Raises:
        WriteError: the disk is full or not writable.
        StoreError: there is nothing to write.
    """
    if not clips:
        raise StoreError(
            f"{video}: a stored video needs at least one clip. This is a fault in dfcore; please report it."
        )
    origin = origin or Origin()  # the inode's time is of this disk alone: the index has it
    kept = [_arrays(clip, plan, codec) for clip in clips]
    arrays = {f"{i}/{name}": values for i, found in enumerate(kept) for name, values in found.items()}
    groups = [key for key in arrays if key.endswith(_GROUPS)]
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
    path = root / (stem + VIDEO_SUFFIX)
    size = write_arrays(path, arrays, metadata, lambda: remove_evidence(root, stem), codec=codec, groups=groups)
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


_GROUPS = ("/mouth", "/sequence")
_OF_NATIVE_FRAMES = ("y", "u", "v", "qp")


def _arrays(clip: Clip, plan: ClipPlan, codec: str) -> dict[str, NDArray]:
    """What is kept of a clip."""
    part = plan.native_part(len(clip.header.frames))
    native = slice(part.start, part.stop)
    found = {name: getattr(clip, name) for name in ("y", "u", "v", "qp", "motion", "audio", "landmarks")}
    found |= {name: found[name][native] for name in _OF_NATIVE_FRAMES if found[name] is not None}
    if plan.sequence:
        found["sequence"] = reduced(clip.y, clip.u, clip.v, clip.header.source_of(clip.source).rotation)
    if clip.speech is not None:
        found["mouth"], found["mouth_present"] = clip.speech.mouth, clip.speech.present.astype(np.uint8)
        found["speech_audio"], found["speech_landmarks"] = clip.speech.audio, clip.speech.landmarks
    found |= _kept_views()(clip, part, context=plan.context or codec != COMPACT)
    return {name: values for name, values in found.items() if values is not None}


@cache
def _kept_views() -> Callable[..., dict[str, NDArray]]:
    """:func:`dfcore.data.views.kept.kept_views`, which imports torch: nothing else here needs it."""
    with importing() if in_worker() else nullcontext():  # a caller's own process keeps its collector as it is
        from dfcore.data.views.kept import kept_views
    return kept_views


def write_evidence(
    root: Path, entry: IndexEntry, name: str, version: int, values: Sequence[NDArray], codec: str = COMPACT
) -> IndexEntry:
    """Write one evidence of a stored video, ``[T, C, H/16, W/16]`` per clip; other versions of it are removed.

    Args:
        root: the store's folder.
        entry: the video.
        name: of the evidence.
        version: of the evidence.
        values: of each clip.
        codec: see :func:`dfcore.data.store.format.write_arrays`.

    Returns:
        The entry with this evidence.

    Raises:
        WriteError: see :func:`write_video`.
        StoreError: its clips are missing or damaged.
    """
    file = ArrayFile(root / entry.file)
    arrays: dict[str, NDArray] = {}
    for i, value in enumerate(values):
        rows = np.asarray(value, dtype=np.float16)
        same = len(rows) > 1 and bool((rows == rows[:1]).all())  # computed of the clip as a whole
        arrays[f"{i}/values"] = rows[:1] if same else rows
        if codec != COMPACT and not same:
            # Samples of one frame read the mean over all frames: stored, so that they need not read them all.
            arrays[f"{i}/mean"] = rows.astype(np.float32).mean(axis=0)
    about = {"name": name, "version": version, "stamp": file.entry("video")["stamp"]}
    write_arrays(root / evidence_name(entry.stem, name, version), arrays, {"evidence": about}, codec=codec)
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
