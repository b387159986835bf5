"""The pseudo-fake: control and fake differ in the face alone, and there by one generation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfcore.data.protocols import Footage
from dfcore.errors import UnknownNameError
from dfcore.testing.views import made_clip
from dfs_cm import pseudo_fake
from dfs_cm.codec import x264_again
from dfs_cm.pseudo_fake import PseudoFake, _spared


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


def test_the_other_sign_is_one_generation_more_in_the_face_alone() -> None:
    source = footage()
    control, fake = PseudoFake()(source, "again28", np.random.default_rng(0))
    assert control is source
    again = x264_again((source.y, source.u, source.v), 28, {"preset": "veryfast"})
    x0, y0, x1, y1 = source.boxes[0]
    grid = np.arange(192) + 0.5
    radius = np.hypot((grid - (x0 + x1) / 2) / (x1 - x0), (grid[:, None] - (y0 + y1) / 2) / (y1 - y0)) * 2
    assert not (source.y != fake.y)[:, radius > 1.1].any()
    assert np.array_equal(fake.y[:, radius < 0.6], again[0][:, radius < 0.6])


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


def test_the_face_is_put_back_through_an_ellipse_with_a_soft_edge() -> None:
    """Box of 60x80 px about (50.5, 60): half axes of .9 x 30 and 1.1 x 40, an edge of .2."""
    source, axes = footage(), np.array([0.9, 1.1])
    source.boxes[:] = [20.5, 20.0, 80.5, 100.0]
    before = tuple(np.full((8, size, size), 200, np.uint8) for size in (192, 96, 96))
    after = tuple(np.full((8, size, size), 40, np.uint8) for size in (192, 96, 96))
    made = _spared((before[0], before[1], before[2]), (after[0], after[1], after[2]), source, axes, 0.2)
    for plane, step in zip(made, (1, 2, 2), strict=True):
        grid = (np.arange(len(plane[0])) + 0.5) * step
        radius = np.sqrt(((grid - 50.5) / 27) ** 2 + (((grid - 60) / 44) ** 2)[:, None])
        expected = 40 + 160 * np.clip((1 - radius) / 0.2, 0, 1)
        assert np.abs(plane[3] - expected).max() <= 0.5001
    hard = _spared((before[0], before[1], before[2]), (after[0], after[1], after[2]), source, axes, 0.0)[0]
    assert set(np.unique(hard)) <= {40, 200} | set(range(40, 201))
    assert ((hard[0] != 40) & (hard[0] != 200)).sum() < 30  # an edge of a thousandth
    assert (after[0] == 40).all()


@pytest.mark.slow
def test_what_is_drawn_covers_its_ranges_and_the_generation_has_the_footages_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, asked = [], []
    monkeypatch.setattr(pseudo_fake, "_spared", lambda b, a, f, axes, soft: drawn.append((*axes, soft)) or a)
    monkeypatch.setattr(pseudo_fake, "x264_again", lambda planes, crf, o, fps: asked.append((crf, o, fps)) or planes)
    source = footage()
    for seed in range(300):
        PseudoFake()(source, None, np.random.default_rng(seed))
    axes, soft = np.array(drawn)[:, :2], np.array(drawn)[:, 2]
    assert (axes.min(), axes.max()) == pytest.approx((0.85, 1.05), abs=0.005)
    assert (soft.min(), soft.max()) == pytest.approx((0.0, 0.15), abs=0.005)
    assert {crf for crf, _, _ in asked} == {18, 23, 28}
    assert all((options, fps) == ({"preset": "veryfast"}, 25) for _, options, fps in asked)
    for rate, expected in ((0.2, 1), (29.97, 30), (24.4, 24)):
        PseudoFake()(replace(source, fps=rate), "from23", np.random.default_rng(0))
        assert asked[-1] == (23, {"preset": "veryfast"}, expected)


def test_a_face_larger_than_the_frame_is_spared_to_its_edges() -> None:
    source = footage()
    source.boxes[:] = [-900.0, -900.0, 1092.0, 1092.0]
    before = (source.y, source.u, source.v)
    after = (255 - source.y, 255 - source.u, 255 - source.v)
    made = _spared(before, after, source, np.ones(2), 0.1)
    assert all(np.array_equal(plane, given) for plane, given in zip(made, before, strict=True))
