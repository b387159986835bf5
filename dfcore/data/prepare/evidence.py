"""Running evidence extractors: the one place that calls them, and that checks what they return."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.announcement.source import place_of
from dfcore.data.clips import BLOCK, Clip
from dfcore.data.clips.part import cut_part
from dfcore.data.clips.plan import own_part
from dfcore.errors import PluginError
from dfcore.plugins.calls import plugin_code
from dfcore.specs import EvidenceSpec, resolve

__all__ = ["run_extractor"]


def run_extractor(spec: EvidenceSpec, clip: Clip) -> NDArray[np.float16]:
    """The evidence of a clip, float16 ``[T, C, H/16, W/16]``, all of it finite.

    Where ``spec.frames`` is less than T it is computed from the middle frames alone, and their first and last rows are
    repeated for the frames before and after.

    Raises:
        PluginError: the extractor cannot be imported, raises something, or returns anything else.
        MediaError: the extractor itself says that it can do nothing with this clip.
    """
    extractor = resolve(spec.extractor, f"evidence {spec.name}")
    whole = len(clip.header.frames)  # of a stored clip the planes may be those of the middle frames alone
    part = own_part(whole, spec.frames) if spec.frames else range(whole)
    with plugin_code(f"evidence {spec.name}", spec.extractor):
        values = extractor(cut_part(clip, len(part)))
    frames, (height, width) = len(part), clip.y.shape[1:]
    expected = (frames, spec.channels, height // BLOCK, width // BLOCK)
    found = _wrong(values, expected)
    if found:
        write = " Write `.astype(np.float16)` behind it." if found.startswith("float") else ""
        raise PluginError(
            f"evidence {spec.name}: the extractor {spec.extractor} ({place_of(extractor)}) must return float16 "
            f"[T, C, H/16, W/16] = {list(expected)}, all finite, for this clip; it returned {found}.{write} Its plugin "
            "needs repair."
        )
    around = ((part.start, whole - part.stop), (0, 0), (0, 0), (0, 0))
    result: NDArray[np.float16] = np.pad(values, around, mode="edge") if frames < whole else values
    return result


def _wrong(values: Any, expected: tuple[int, ...]) -> str:
    """What is returned in place of what was expected; "" where that is right."""
    if not isinstance(values, np.ndarray):
        return f"a {type(values).__name__}"
    if values.shape != expected:
        return f"the shape {list(values.shape)}"
    if values.dtype != np.float16:
        return f"{values.dtype}"
    odd = int(np.count_nonzero(~np.isfinite(values)))
    return f"{odd} of {values.size} values that are not finite" if odd else ""
