"""How the pseudo-fake ``flicker`` blends one frame's face, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dfcore.data.protocols import Footage
from dfcore.testing.views import made_clip
from dfs_tm import pseudo_fake
from dfs_tm.pseudo_fake import PseudoFake, _blend

Array = NDArray[np.float64]


def test_the_face_is_moved_lifted_and_laid_over_itself_through_a_soft_ellipse() -> None:
    """Box of 60x40 px: moved by .1 of its width and -.05 of its height, so 6 px right and 2 up on luma."""
    flat = [np.full((128, 128), 100, np.uint8), np.full((64, 64), 90, np.uint8), np.full((64, 64), 160, np.uint8)]
    luma = (100 + np.arange(128)).astype(np.uint8)[None].repeat(128, 0)
    box, axes, soft, ratio = np.array([30.0, 50.0, 90.0, 90.0]), np.array([0.8, 1.0]), 0.25, 0.75
    offsets, shift = np.array([10.0, -20.0, 15.0]), np.array([0.1, -0.05])
    made = _blend([luma, *flat[1:]], box, axes, soft, offsets, shift, ratio)
    for number, (after, before) in enumerate(zip(made, [luma, *flat[1:]], strict=True)):
        step = 1 if number == 0 else 2
        x = (np.arange(before.shape[1]) + 0.5) * step - 60
        y = ((np.arange(before.shape[0]) + 0.5) * step - 70)[:, None]
        weight = ratio * np.clip((1 - np.sqrt((x / 24) ** 2 + (y / 20) ** 2)) / soft, 0, 1)
        moved = before.astype(float) - (6 if number == 0 else 0)  # a ramp moved right by six is six lower
        expected = before + weight * (moved + offsets[number] - before)
        assert np.abs(after - np.rint(expected)).max() <= 1
        assert np.abs(after - expected).mean() < 0.3
    assert np.array_equal(luma[0], 100 + np.arange(128))  # the given frame is left alone


def test_it_moves_down_as_it_moves_right() -> None:
    down = (60 + np.arange(128)).astype(np.uint8)[:, None].repeat(128, 1)
    small = np.full((64, 64), 128, np.uint8)
    box, still = np.array([30.0, 50.0, 90.0, 90.0]), np.zeros(3)
    made = _blend([down, small, small], box, np.ones(2), 0.1, still, np.array([0.0, 0.1]), 1.0)[0]
    assert made[70, 60] == down[70, 60] - 4  # .1 of the height, 40 px
    assert np.array_equal(made[:45], down[:45])
    chroma = (60 + np.arange(64)).astype(np.uint8)[:, None].repeat(64, 1)
    for number in (1, 2):
        planes = [down, small, small]
        planes[number] = chroma
        assert _blend(planes, box, np.ones(2), 0.1, still, np.array([0.0, 0.1]), 1.0)[number][35, 30] == 95 - 2


@pytest.mark.parametrize(("offset", "level"), [(300.0, 255), (-300.0, 0)])
def test_levels_are_cut_off(offset: float, level: int) -> None:
    planes = [np.full((64, 64), 100, np.uint8), *[np.full((32, 32), 100, np.uint8)] * 2]
    made = _blend(planes, np.array([10.0, 10, 50, 50]), np.ones(2), 0.1, np.full(3, offset), np.zeros(2), 1.0)
    assert [int(plane[len(plane) // 2, len(plane) // 2]) for plane in made] == [level] * 3


@pytest.mark.parametrize(("seen", "changed"), [(14, False), (15, True), (30, True)])
@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_of_a_face_at_the_frames_edge_sixteen_pixels_are_enough(seen: int, changed: bool, side: str) -> None:
    """``seen`` whole pixels and the one that the outline cuts."""
    low, high = (seen + 0.5 - 40.0, seen + 0.5) if side in ("left", "top") else (127.5 - seen, 167.5 - seen)
    box = [low, 40, high, 80] if side in ("left", "right") else [40, low, 80, high]
    planes = [np.full((128, 128), 100, np.uint8), *[np.full((64, 64), 100, np.uint8)] * 2]
    made = _blend(planes, np.array(box, float), np.ones(2), 0.01, np.full(3, 20.0), np.zeros(2), 1.0)
    assert (made[0] != 100).any() == changed
    rows, columns = np.nonzero(made[0] != 100)
    if changed:
        at = columns if side in ("left", "right") else rows
        assert (at.min(), at.max()) == ((0, seen - 1) if side in ("left", "top") else (128 - seen, 127))


def test_what_is_drawn_for_each_frame_covers_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def recorded(planes: list[NDArray[np.uint8]], *given: object) -> list[NDArray[np.uint8]]:
        drawn.append(given)
        return planes

    monkeypatch.setattr(pseudo_fake, "_blend", recorded)
    clip = made_clip(3, frames=16, size=64)
    source = Footage(clip.y, clip.u, clip.v, np.array(clip.header.boxes), np.array(clip.header.landmarks), 25.0)
    clips = []
    for seed in range(120):
        drawn.clear()
        PseudoFake()(source, "flicker", np.random.default_rng(seed))
        clips.append(list(drawn))
    every = [frame for frames in clips for frame in frames]
    assert all(len({(*frame[1].tolist(), frame[2]) for frame in frames}) == 1 for frames in clips)  # type: ignore[attr-defined]
    columns = [np.array([np.ravel(frame[number]) for frame in every]) for number in range(1, 6)]  # type: ignore[call-overload]
    limits = {0: (0.75, 1.0), 1: (0.1, 0.3), 4: (0.5, 1.0)}
    for number, (low, high) in limits.items():
        slack = (high - low) / 20
        assert low <= columns[number].min() < low + slack
        assert high - slack < columns[number].max() <= high
    for number, most in ((2, [8, 5, 5]), (3, [0.012, 0.012])):
        assert np.allclose(np.abs(columns[number]).max(0), most, rtol=0.06)
        assert (np.abs(columns[number]) <= most).all()
        assert np.allclose(columns[number].mean(0), 0, atol=0.05 * np.array(most))
    strengths = [max(np.abs(frame[3]).max() / 8 for frame in frames) for frames in clips]  # type: ignore[call-overload]
    assert min(strengths) < 0.6  # half as strong in some clips
