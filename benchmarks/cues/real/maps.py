"""Where the cue heads see a fake: a image with one pair of every method and each specialist's map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.colour import yuv_to_rgb
from dfcore.data.prepare.extract import extract_for_plans
from dfcore.errors import DfcoreError

from .listing import Video

__all__ = ["chosen_pairs", "draw_pairs"]

Floats = NDArray[np.float64]


def chosen_pairs(videos: Sequence[Video]) -> list[tuple[int, int]]:
    """``(original, fake)`` by their numbers: the first fake of each method and compression that has its original."""
    numbers = {video.path.resolve(): number for number, video in enumerate(videos)}
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for number, video in enumerate(videos):
        original = None if video.original is None else numbers.get(video.original.resolve())
        if original is not None:
            found.setdefault((video.method, video.compression), (original, number))
    return list(found.values())


def draw_pairs(videos: Sequence[Video], parts: Mapping[str, Floats], place: Path) -> Path | None:
    """Write the image; None where no fake has its original beside it.

    Args:
        videos: the tests.
        parts: ``[V, 7, 7]`` of each specialist: what each cell adds to the margin; NaN where nothing was judged.
        place: of the image.
    """
    from matplotlib.figure import Figure

    pairs = chosen_pairs(videos)
    if not pairs:
        return None
    columns = 2 * (1 + len(parts))
    figure = Figure(figsize=(1.5 * columns, 1.75 * len(pairs)), layout="constrained")
    axes = figure.subplots(len(pairs), columns, squeeze=False)
    for row, pair in zip(axes, pairs, strict=True):
        for axis, number in zip(row, pair, strict=False):
            axis.imshow(_window(videos[number].path))
        fake = videos[pair[1]]
        row[0].set_ylabel("\n".join((fake.method, fake.compression, fake.path.stem)), fontsize=7)
        for place_, (name, maps) in enumerate(parts.items(), 1):
            both = [maps[number] for number in pair]
            largest = max((float(np.nanmax(np.abs(one))) for one in both if np.isfinite(one).any()), default=1.0)
            for axis, one, what in zip(row[2 * place_ :], both, ("original", "fake"), strict=False):
                axis.imshow(one, cmap="RdBu_r", vmin=-largest, vmax=largest)
                axis.set_title(f"{name} {what} {np.nansum(one):+.1f}", fontsize=7)
    for axis, what in zip(axes[0], ("original", "fake"), strict=False):
        axis.set_title(what, fontsize=7)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(place, dpi=110)
    return place


def _window(path: Path) -> NDArray[np.uint8]:
    """The middle of the first clip's window, in colour; grey where nothing can be cut."""
    try:
        clips = extract_for_plans(path, [ClipPlan(clips=1, frames=1)], threads=1)[0].clips
    except DfcoreError:
        clips = ()
    if not clips:
        return np.full((8, 8, 3), 128, np.uint8)
    clip = clips[0]
    return yuv_to_rgb(clip.y[0], clip.u[0], clip.v[0], clip.source.colour_matrix, clip.source.colour_range)
