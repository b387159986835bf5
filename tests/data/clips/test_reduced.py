"""A clip's window made small: a square about its middle, filled up with its own edges."""

from __future__ import annotations

import numpy as np
import pytest

from dfcore.data.clips.reduced import reduced


@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize(("short", "first"), [(112, 28), (110, 28.5)])
def test_what_is_not_square_lies_in_the_middle_and_its_edges_go_on(upright: bool, short: int, first: float) -> None:
    y = np.full((1, 224, short), 60, np.uint8)
    y[:, :, :8], y[:, :, -8:] = 200, 120
    u, v = (np.full((1, 112, short // 2), level, np.uint8) for level in (90, 30))
    planes = (y, u, v) if upright else tuple(plane.transpose(0, 2, 1) for plane in (y, u, v))
    found = reduced(*planes, 0)
    assert found.shape == (1, 3, 112, 112)
    assert (found[0, 1] == 90).all()
    assert (found[0, 2] == 30).all()
    luma = (found[0, 0] if upright else found[0, 0].T).astype(int)
    assert (luma == luma[0]).all()
    left, right = int(np.ceil(first)) + 4, int(112 - first) - 4
    assert (luma[0, : left - 2] == 200).all()
    assert (luma[0, left + 1 : right - 1] == 60).all()
    assert (luma[0, right + 2 :] == 120).all()


def test_a_lying_clip_gives_the_same_lying() -> None:
    y, u, v = (np.random.default_rng(0).integers(0, 256, (2, side, side * 2), dtype=np.uint8) for side in (96, 48, 48))
    upright = reduced(y, u, v, 0)
    for turns in (1, 2, 3):
        lying = [np.rot90(plane, turns, (1, 2)) for plane in (y, u, v)]
        assert np.array_equal(reduced(*lying, 90 * turns), np.rot90(upright, turns, (2, 3)))
