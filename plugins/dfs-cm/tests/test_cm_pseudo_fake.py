"""The pseudo-fake: control and fake differ in the face alone, and there by one generation."""

from __future__ import annotations

import numpy as np
import pytest

from dfcore.data.protocols import Footage
from dfcore.errors import UnknownNameError
from dfcore.testing.views import made_clip
from dfs_cm.codec import x264_again
from dfs_cm.pseudo_fake import PseudoFake


def footage() -> Footage:
    clip = made_clip(3, frames=8, size=192)
    boxes = np.array(clip.header.boxes)
    return Footage(clip.y, clip.u, clip.v, boxes, np.array(clip.header.landmarks), 25.0, lead=0.0)


def test_the_control_is_one_generation_more_and_the_fake_is_that_outside_of_the_face() -> None:
    source = footage()
    control, fake = PseudoFake()(source, "from28", np.random.default_rng(0))
    assert np.array_equal(control.y, x264_again((source.y, source.u, source.v), 28, {"preset": "veryfast"})[0])
    x0, y0, x1, y1 = source.boxes[0]
    grid = np.arange(192) + 0.5
    radius = np.hypot((grid - (x0 + x1) / 2) / (x1 - x0), (grid[:, None] - (y0 + y1) / 2) / (y1 - y0)) * 2
    assert not (control.y != fake.y)[:, radius > 1.1].any()
    inner = radius < 0.6
    assert np.array_equal(fake.y[:, inner], source.y[:, inner])
    assert (control.y != source.y)[:, inner].mean() > 0.3
    assert np.array_equal(fake.u[:, inner[::2, ::2]], source.u[:, inner[::2, ::2]])


def test_the_seed_decides_and_the_given_footage_is_left_alone() -> None:
    source = footage()
    kept = source.y.copy()
    first, again, other = (PseudoFake()(source, None, np.random.default_rng(seed))[1] for seed in (3, 3, 4))
    assert np.array_equal(first.y, again.y)
    assert not np.array_equal(first.y, other.y)
    assert np.array_equal(source.y, kept)


def test_a_face_that_leaves_the_frame_is_spared_as_far_as_it_is_seen() -> None:
    source = footage()
    source.boxes[:] += [-120, 0, -120, 0]
    source.boxes[5:] -= [500, 0, 500, 0]
    control, fake = PseudoFake()(source, "from23", np.random.default_rng(0))
    assert (control.y != fake.y)[0, :, :60].any()
    assert not (control.y != fake.y)[5:].any()


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"from9.*from23"):
        PseudoFake()(footage(), "from9", np.random.default_rng(0))
