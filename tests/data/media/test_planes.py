"""Planes made smaller."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dfcore.data.media.planes import halved


@pytest.mark.parametrize("size", [(64, 48), (2, 2), (90, 130), (300, 64), (63, 48), (64, 47), (1, 1)])
@pytest.mark.parametrize("turned", [False, True])
def test_halving_gives_rounded_means_of_what_there_is(size: tuple[int, int], turned: bool) -> None:
    plane = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    plane = plane.T if turned else plane
    assert np.array_equal(halved(plane), np.asarray(Image.fromarray(np.ascontiguousarray(plane)).reduce(2)))
