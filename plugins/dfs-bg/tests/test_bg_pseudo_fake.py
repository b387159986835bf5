"""The pseudo-fake: only the face changes, coherently in time, and the control is untouched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfcore.data.protocols import Footage
from dfcore.errors import UnknownNameError
from dfcore.testing.views import made_clip
from dfs_bg.pseudo_fake import PseudoFake


def footage(size: int = 192) -> Footage:
    clip = made_clip(3, frames=4, size=size)
    return Footage(clip.y, clip.u, clip.v, np.array(clip.header.boxes), np.array(clip.header.landmarks), 25.0)


def test_the_control_is_the_footage_and_nothing_changes_outside_of_the_face() -> None:
    source = footage()
    for seed in range(8):
        control, fake = PseudoFake()(source, "sbi", np.random.default_rng(seed))
        assert control is source
        x0, y0, x1, y1 = source.boxes[0]
        for before, after, step in ((source.y, fake.y, 1), (source.u, fake.u, 2), (source.v, fake.v, 2)):
            grid = np.arange(before.shape[1]) * step + step / 2
            radius = np.hypot((grid - (x0 + x1) / 2) / (x1 - x0), (grid[:, None] - (y0 + y1) / 2) / (y1 - y0)) * 2
            assert not (before != after)[:, radius > 1.65].any()
        assert (source.y != fake.y).any()


def test_it_is_coherent_in_time() -> None:
    """Of a still face, every frame is changed alike."""
    source = footage()
    still = replace(source, y=source.y[:1].repeat(4, 0), u=source.u[:1].repeat(4, 0), v=source.v[:1].repeat(4, 0))
    _, fake = PseudoFake()(still, "sbi", np.random.default_rng(0))
    assert all(np.array_equal(fake.y[0], frame) for frame in fake.y)


def test_the_mean_colour_of_the_face_moves_and_its_seed_decides() -> None:
    source = footage()
    made = [PseudoFake()(source, "sbi", np.random.default_rng(seed))[1] for seed in (0, 0, 2)]
    assert np.array_equal(made[0].y, made[1].y)
    assert not np.array_equal(made[0].u, made[2].u)
    middle = np.s_[:, 40:56, 40:56]
    moved = [abs(float(fake.u[middle].mean()) - float(source.u[middle].mean())) for fake in made]
    assert moved[0] > 4


def test_a_face_outside_of_the_frame_leaves_it_as_it_was() -> None:
    source = footage()
    source.boxes[1] += 900
    source.boxes[2] -= [150, 0, 150, 0]
    _, fake = PseudoFake()(source, "sbi", np.random.default_rng(0))
    assert np.array_equal(fake.y[1], source.y[1])
    assert not np.array_equal(fake.y[0], source.y[0])


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match="sib"):
        PseudoFake()(footage(), "sib", np.random.default_rng(0))
