"""Whose face was forged, of the people in a fake: by the dataset's mask, else by the difference from the original.

A face is looked at within the inner 80 % of its box, in up to four frames of each clip; a person's figure is the mean
over the clips.

By a mask it is the share of the inner face that is marked. By the original it is how far the face differs: the inner
face is divided into 4x4 cells; each cell's mean luma difference is averaged over the clip's frames with its sign, and
the sizes of these averages are averaged over the cells. A manipulation changes the means of such large cells, and for
longer than a frame; what re-encoding changes has either sign in neighbouring pixels and frames.

Who lies far enough below the most altered face was not forged; who lies in between is left undecided. Measured with
``benchmarks/forged_face.py``, which prints the figures of both kinds of faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfcore.data.clips import ClipHeader
from dfcore.data.emulation.encode import before_emulation
from dfcore.data.forged.regions import REGION_BLOCK, RegionMap, difference_maps, mask_maps
from dfcore.data.records import FAKE, VideoRecord
from dfcore.data.store.forged_faces import MASK, ORIGINAL, ClipFinding, ForgedFaces, files_of
from dfcore.data.store.origin import Origin
from dfcore.errors import MediaError
from dfcore.filesystem.paths import is_file

__all__ = ["find_forged_faces", "forged_by_difference", "forged_by_mask", "tells_forged_face"]

INNER = 0.8
"""Share of a face's box, in width and height, that is looked at: a swap's edge lies within it, hair and wall do not."""
CELLS = 4
"""Cells of the inner face in a row and in a column."""
FRAMES = 4
"""Frames of a clip that are looked at."""
_MARKED = 0.10
"""Share of the inner face that a mask of a forgery covers at least (of lips and chin alone about 0.3)."""
_UNMARKED = 0.05
"""Share that it covers at most of another's face."""
_DIFFERS = 0.5
"""Luma levels: less than this is no manipulation that could be seen."""
_ALWAYS = 4.0
"""Luma levels that re-encoding does not leave in a face."""
_APART = 1.4
"""How many times more than a bystander's a forged face differs."""


def tells_forged_face(record: VideoRecord) -> bool:
    """Whether there is a mask or an original that may tell whose face was forged in the record's video."""
    if record.video_label != FAKE or record.forgery is not None:
        return False
    return any(path is not None and is_file(path) for path in (record.mask, record.original_path))


def find_forged_faces(record: VideoRecord, headers: Sequence[ClipHeader], *, threads: int = 0) -> ForgedFaces:
    """Whose face was forged, clip by clip.

    The mask decides where there is one that lies on a face; else the original, where it shows the same frames.

    Args:
        record: the fake, with its mask and original, as far as they are there.
        headers: of its clips.
        threads: decoding threads; 0 means one per core.
    """
    files = files_of(record)
    refused = ""
    try:
        headers = before_emulation(record, headers) if record.emulation else headers
    except MediaError as error:
        refused = str(error)
    origins = {name: Origin.of(file).sampled(file) for name, file in files.items()}
    wanted = sorted({frame for header in headers for frame in _looked_at(header)})
    reasons: list[str] = []
    figures: list[float | None] = [None] * len(headers)
    for means, maps_of, measure, decide in (
        (MASK, mask_maps, _marked_share, forged_by_mask),
        (ORIGINAL, difference_maps, _difference, forged_by_difference),
    ):
        if refused:
            reasons = [refused]
            break
        if means not in files or origins[means].size < 0:
            reasons.append(f"there is no {means}.")
            continue
        try:
            maps = maps_of(files["video"], files[means], wanted, threads=threads)
        except MediaError as error:
            reasons.append(str(error))
            continue
        figures = [measure(header, maps) for header in headers]
        by_track = _by_track(headers, figures)
        forged = decide(by_track)
        if any(forged.values()):
            clips = tuple(
                ClipFinding(header.track, forged.get(header.track), figure)
                for header, figure in zip(headers, figures, strict=True)
            )
            return ForgedFaces(record.id, clips, means, origins=origins)
        reasons.append(_undecided(means, by_track))
    clips = tuple(ClipFinding(header.track, None, figure) for header, figure in zip(headers, figures, strict=True))
    return ForgedFaces(record.id, clips, reason=" ".join(reasons), origins=origins)


def forged_by_mask(shares: Mapping[int, float]) -> dict[int, bool | None]:
    """Who was forged, by which share of each person's inner face the mask marks; None where that does not tell.

    A mask that lies on nobody's face tells nothing of anybody: it may be empty, or another video's.
    """
    most = max(shares.values(), default=0.0)
    if most < _MARKED:
        return dict.fromkeys(shares)
    # A rectangle about one face may reach into the next one.
    return {
        track: True if share >= max(_MARKED, most / 2) else False if share <= max(_UNMARKED, most / 4) else None
        for track, share in shares.items()
    }


def forged_by_difference(levels: Mapping[int, float]) -> dict[int, bool | None]:
    """Who was forged, by how many luma levels each person's face differs from the original's; None where that does not
    tell.
    """
    most = max(levels.values(), default=0.0)
    if most < _DIFFERS:
        return dict.fromkeys(levels)
    certain = {track for track, level in levels.items() if level >= _ALWAYS}
    forged = certain or {track for track, level in levels.items() if level == most}
    limit = min(levels[track] for track in forged) / _APART
    between = {track for track, level in levels.items() if track not in forged and level > limit}
    if between and not certain:  # two who differ alike: either, or both, may be forged
        between |= forged
    return {track: None if track in between else track in forged for track in levels}


def _undecided(means: str, by_track: Mapping[int, float]) -> str:
    shown = ", ".join(f"{figure:.2f}" for figure in by_track.values()) or "nobody's"
    if means == MASK:
        return f"the mask lies on no face (shares of the inner faces: {shown})."
    return f"no face differs clearly more from the original than the others (luma levels: {shown})."


def _looked_at(header: ClipHeader) -> list[int]:
    """Up to ``FRAMES`` of the clip's frames, spread evenly."""
    count = len(header.frames)
    return sorted({header.frames[(2 * k + 1) * count // (2 * FRAMES)] for k in range(FRAMES)})


def _by_track(headers: Sequence[ClipHeader], figures: Sequence[float | None]) -> dict[int, float]:
    """Each person's mean over the clips that could be looked at."""
    held: dict[int, list[float]] = {}
    for header, figure in zip(headers, figures, strict=True):
        if figure is not None:
            held.setdefault(header.track, []).append(figure)
    return {track: float(np.mean(found)) for track, found in held.items()}


def _marked_share(header: ClipHeader, maps: Mapping[int, RegionMap]) -> float | None:
    found = _inner_faces(header, maps)
    return round(float(np.mean(found)), 3) if found else None


def _difference(header: ClipHeader, maps: Mapping[int, RegionMap]) -> float | None:
    found = _inner_faces(header, maps)
    return round(float(np.abs(np.mean(found, axis=0)).mean()), 2) if found else None


def _inner_faces(header: ClipHeader, maps: Mapping[int, RegionMap]) -> list[NDArray[np.float32]]:
    """The inner face in each frame that there is a map of, as ``[CELLS, CELLS]`` means."""
    boxes = dict(zip(header.frames, header.boxes, strict=True))
    return [_cells(maps[frame], boxes[frame]) for frame in _looked_at(header) if frame in maps]


def _cells(values: RegionMap, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """The mean of each cell of a face's inner box; what lies beyond the frame's edge is left out of it."""
    x0, y0, x1, y1 = (side / REGION_BLOCK for side in box)
    margin_x, margin_y = (x1 - x0) * (1 - INNER) / 2, (y1 - y0) * (1 - INNER) / 2
    height, width = values.shape
    left, right = (float(np.clip(x, 0, width)) for x in (x0 + margin_x, x1 - margin_x))
    top, bottom = (float(np.clip(y, 0, height)) for y in (y0 + margin_y, y1 - margin_y))
    if right - left < 1 or bottom - top < 1:
        return np.zeros((CELLS, CELLS), np.float32)
    image = Image.fromarray(values).resize((CELLS, CELLS), Image.Resampling.BOX, box=(left, top, right, bottom))
    return np.asarray(image, np.float32)
