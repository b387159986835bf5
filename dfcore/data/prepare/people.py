"""Which people's clips are kept of a fake that shows several: those the plan asks for, and whose face was forged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from dfcore.data.clips import Clip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.forged.faces import find_forged_faces
from dfcore.data.records import VideoRecord
from dfcore.data.store.forged_faces import ForgedFaces

__all__ = ["keep_forged", "plan_for_all"]

PEOPLE = 8
"""People that are looked at to find whose face was forged, most prominent first."""


def plan_for_all(plan: ClipPlan) -> ClipPlan:
    """The plan by which a fake is cut whose mask or original is there: it has the clips of all its people."""
    return replace(plan, people=max(plan.people, PEOPLE))


def keep_forged(
    record: VideoRecord, clips: Sequence[Clip], people: int, *, threads: int = 0
) -> tuple[list[Clip], ForgedFaces | None]:
    """Those of a fake's clips that are kept, and what was found of them.

    The most prominent person may be a bystander: so the clips of whose face was forged are kept too, though the plan
    asks for fewer ``people``. Of a video that shows one person all are kept, and there is nothing to find (None).

    Args:
        record: the fake, with its mask and original.
        clips: of all its people (:func:`plan_for_all`).
        people: that the plan itself asks for.
        threads: decoding threads; 0 means one per core.
    """
    headers = [clip.header for clip in clips]
    if len({header.track for header in headers}) < 2:
        return list(clips), None
    found = find_forged_faces(record, headers, threads=threads)
    kept = _kept(clips, people, found)
    return [clips[i] for i in kept], replace(found, clips=tuple(found.clips[i] for i in kept))


def _kept(clips: Sequence[Clip], people: int, found: ForgedFaces) -> list[int]:
    """Of each span the most prominent ``people``, and those whose face was forged."""
    spans: dict[int, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):  # ordered by person
        spans[clip.header.frames[0]].append(i)
    asked = {i for of_span in spans.values() for i in of_span[:people]}
    return [i for i, finding in enumerate(found.clips) if i in asked or finding.forged]
