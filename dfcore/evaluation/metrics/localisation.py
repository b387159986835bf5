"""Whether an explanation names the right thing: does the score rest on it, does it lie on the forgery, in the image and
in time.

* *Flips*: the share of decisions "fake" that are "fake" no longer when the named part is taken away, beside that of
  parts of the same size drawn at random (deletion, Samek et al. 2017, at one size).
* *Pointing game* (Zhang et al. 2018): whether a map's highest cell lies in the forged region; chance is the region's
  share of the cells.
* *IoU* of the forged region with as many of the map's highest cells; chance is its mean over maps in random order.
* *Average precision of spans* at a temporal IoU, as in temporal action detection (THUMOS, ActivityNet).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

__all__ = ["FoundSpan", "chance_iou", "flip_share", "pointing_hit", "span_average_precision", "span_iou", "top_iou"]

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


def flip_share(without: Floats, limits: Floats) -> float:
    """The share of decisions that fall below their limit.

    Args:
        without: margins with a part taken away: ``[N]``, or ``[N, D]`` for D draws of the part, over which is averaged.
        limits: from which margin on each was called fake, ``[N]``.

    Raises:
        ValueError: there are none.
    """
    if not len(limits):
        raise ValueError("there are no decisions")
    below = np.asarray(without) < np.asarray(limits).reshape(-1, *[1] * (np.ndim(without) - 1))
    return float(below.mean())


def pointing_hit(values: Floats, region: Bools) -> bool | None:
    """Whether the highest cell lies in the region; of several that are equal, the first. None where the region has no
    cell, or all: then nothing could be missed, or hit.
    """
    if not region.any() or region.all():
        return None
    return bool(region.reshape(-1)[int(np.argmax(values))])


def top_iou(values: Floats, region: Bools) -> float | None:
    """Intersection over union of the region with as many of the highest cells; None as in :func:`pointing_hit`."""
    if not region.any() or region.all():
        return None
    count = int(region.sum())
    highest = np.argsort(-values, axis=None, kind="stable")[:count]
    common = int(region.reshape(-1)[highest].sum())
    return common / (2 * count - common)


def chance_iou(region: Bools) -> float:
    """The mean of :func:`top_iou` over all orders of the cells: exact, for the common cells are hypergeometric."""
    count, cells = int(region.sum()), region.size
    total = comb(cells, count)
    return sum(
        comb(count, common) * comb(cells - count, count - common) / total * common / (2 * count - common)
        for common in range(count + 1)
        if common
    )


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """A stretch that was called forged: of which video, from when to when in seconds, and how sure."""

    video: str
    start: float
    end: float
    score: float


def span_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union of two stretches ``(start, end)``; 0 where both are empty."""
    common = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = one[1] - one[0] + other[1] - other[0] - common
    return common / union if union > 0 else 0.0


def span_average_precision(
    found: Sequence[FoundSpan], truth: Mapping[str, Sequence[tuple[float, float]]], iou: float = 0.5
) -> float:
    """The area under the curve of precision by recall, the precision at a recall being the highest at that or more.

    By falling score, a found span is right if it has an IoU of at least ``iou`` with a forged one of its video that no
    span before it has taken; of several the one with the highest.

    Args:
        found: of all videos.
        truth: the forged ``(start, end)`` of each video, in seconds; genuine videos may be there with none.
        iou: from which on.

    Raises:
        ValueError: nothing is forged: recall is undefined.
    """
    total = sum(len(spans) for spans in truth.values())
    if not total:
        raise ValueError("no span is forged: there is nothing to find")
    taken: dict[str, set[int]] = {}
    right = []
    for one in sorted(found, key=lambda span: -span.score):
        spans, used = truth.get(one.video, ()), taken.setdefault(one.video, set())
        overlaps = {i: span_iou((one.start, one.end), span) for i, span in enumerate(spans) if i not in used}
        best = max(overlaps, key=lambda i: overlaps[i], default=None)
        hit = best is not None and overlaps[best] >= iou
        if hit and best is not None:
            used.add(best)
        right.append(hit)
    if not right:
        return 0.0
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * np.array(right)).sum() / total)
