"""How the pseudo-fake pastes: what is drawn, where the small image lies, and the mask, all by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dfs_rr.pseudo_fake import _draw, _ellipse, _paste, _Recipe, _resampled

Array = NDArray[np.float64]
BOX = np.array([60.4, 50.2, 120.4, 140.2])  # its square: 117 px about (90.4, 95.2)
LEVEL = np.array([[80.0, 80], [100, 80], [90, 95], [82, 110], [98, 110]])


def recipe(**changed: Any) -> _Recipe:
    given: dict[str, Any] = {
        "factor": 2.0,
        "shrink": Image.Resampling.BOX,
        "enlarge": Image.Resampling.BICUBIC,
        "axes": (0.9, 1.0),
        "soft": 0.2,
        "shift": (0.25, 0.75),
        "sharpen": 0,
    }
    return _Recipe(**given | changed)


def plane(size: int = 200, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)


def smooth_ellipse(x: Array, y: Array, half: tuple[float, float], turn: float = 0.0, soft: float = 0.2) -> Array:
    along, down = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    t = np.clip((1 - np.sqrt((along / half[0]) ** 2 + (down / half[1]) ** 2)) / soft, 0, 1)
    return 3 * t**2 - 2 * t**3


def test_what_is_drawn_covers_its_ranges() -> None:
    rng = np.random.default_rng(0)
    drawn = [_draw(1.5, rng) for _ in range(400)]
    ranges = {
        (0.85, 1.05): [value for one in drawn for value in one.axes],
        (0.08, 0.25): [one.soft for one in drawn],
        (0.0, 1.0): [value for one in drawn for value in one.shift],
    }
    for (low, high), values in ranges.items():
        slack = (high - low) / 20
        assert low <= min(values) < low + slack
        assert high - slack < max(values) < high
    assert {one.factor for one in drawn} == {1.5}
    assert (len({one.shrink for one in drawn}), len({one.enlarge for one in drawn})) == (4, 3)


def test_a_face_is_pasted_through_the_small_image_in_all_planes() -> None:
    planes = [plane(), plane(100, 1), plane(100, 2)]
    found = _paste([part.copy() for part in planes], BOX, LEVEL, recipe())
    square, part, small = np.array([32.15, 37.45, 149.15, 154.45]), np.array([34, 38, 148, 154]), 58
    for number, (before, after) in enumerate(zip(planes, found, strict=True)):
        step = 1 if number == 0 else 2
        x0, y0, x1, y1 = part // step
        source = Image.fromarray(before.astype(np.float32))
        reduced = source.resize((small, small), Image.Resampling.BOX, box=tuple(square / step))
        inside = (part - square[[0, 1, 0, 1]]) * small / 117
        again = np.asarray(reduced.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC, box=tuple(inside)))
        x, y = (np.arange(x0, x1) + 0.5) * step - 90.4, (np.arange(y0, y1)[:, None] + 0.5) * step - 95.2
        weight = smooth_ellipse(x, y, (27, 45))
        expected = before.astype(float)
        window = expected[y0:y1, x0:x1]
        window += weight * (again - window)
        assert np.abs(after - np.clip(np.rint(expected), 0, 255)).max() <= 1
        assert np.array_equal(after[:y0], before[:y0])


@pytest.mark.parametrize(("left", "top"), [(-25.0, 30.0), (30.0, -25.0), (60.0, 30.0), (30.0, 60.0), (-30.0, -30.0)])
def test_a_ramp_stays_where_it_was_within_the_frame_and_its_edge_is_repeated_beyond(left: float, top: float) -> None:
    """The square leaves the frame on one side; the ramps along x and y come back as they were inside of it."""
    x, y = np.meshgrid(np.arange(100.0), np.arange(100.0))
    square = (left, top, left + 60, top + 60)
    x0, y0, x1, y1 = (int(np.clip(v, 0, 100)) for v in square)
    for ramp in (x, y, 200 - x - y):
        found = _resampled(ramp.astype(np.uint8), square, (x0, y0, x1, y1), 30, recipe())
        assert found.shape == (y1 - y0, x1 - x0)
        inner = np.s_[8:-8, 8:-8]
        np.testing.assert_allclose(found[inner], ramp[y0:y1, x0:x1][inner], atol=0.05)
        edges = np.abs(found - ramp[y0:y1, x0:x1])
        assert edges.max() < 4


def test_the_mask_is_a_smooth_ellipse_turned_with_the_eyes() -> None:
    tilted = LEVEL.copy()
    tilted[1] = tilted[0] + [20, 12]
    x, y = np.arange(30, 80) * 2 + 1 - 90.4, np.arange(20, 90)[:, None] * 2 + 1 - 95.2
    for points, turn in ((LEVEL, 0.0), (tilted, np.arctan2(12, 20))):
        found = _ellipse((30, 20, 80, 90), 2, BOX, points, recipe())
        np.testing.assert_allclose(found, smooth_ellipse(x, y, (27, 45), turn), atol=1e-5)


@pytest.mark.parametrize("eyes", [(0.0, 12.0), (-3.0, 12.0)])
def test_eyes_above_one_another_turn_nothing(eyes: tuple[float, float]) -> None:
    """A face in profile, or landmarks in the wrong order."""
    points = LEVEL.copy()
    points[1] = points[0] + eyes
    part = (50, 40, 130, 150)
    assert np.array_equal(_ellipse(part, 1, BOX, points, recipe()), _ellipse(part, 1, BOX, LEVEL, recipe()))


@pytest.mark.parametrize(("seen", "changes"), [(6, False), (8, True)])
def test_of_a_face_at_the_frames_edge_eight_pixels_are_enough(seen: int, changes: bool) -> None:
    """A square of 78 px whose last ``seen`` columns lie within the frame."""
    box = np.array([seen - 69.0, 50.0, seen - 9.0, 110.0])
    given = [plane(), plane(100, 1), plane(100, 2)]
    found = _paste([part.copy() for part in given], box, LEVEL, recipe(shift=(0.0, 0.0), axes=(1.3, 1.3), soft=0.01))
    assert np.array_equal(found[0], given[0]) != changes
    below = [np.array([50.0, seen - 69.0, 110.0, seen - 9.0]), np.array([50.0, 209.0 - seen, 110.0, 269.0 - seen])]
    for other in below:
        made = _paste(
            [part.copy() for part in given], other, LEVEL, recipe(shift=(0.0, 0.0), axes=(1.3, 1.3), soft=0.01)
        )
        assert np.array_equal(made[0], given[0]) != changes


def test_the_small_image_has_eight_pixels_at_least() -> None:
    """A face of 10 px, made smaller by 3: its square of 13 px becomes one of 8, not of 4."""
    box, given = np.array([50.0, 50.0, 60.0, 60.0]), [plane(), plane(100, 1), plane(100, 2)]
    wide = recipe(factor=3.0, axes=(1.0, 1.0), shift=(0.0, 0.0))
    found = _paste([part.copy() for part in given], box, LEVEL, wide)
    reduced = Image.fromarray(given[0].astype(np.float32)).resize(
        (8, 8), Image.Resampling.BOX, box=(48.5, 48.5, 61.5, 61.5)
    )
    scale = 8 / 13
    again = reduced.resize(
        (10, 10), Image.Resampling.BICUBIC, box=(1.5 * scale, 1.5 * scale, 11.5 * scale, 11.5 * scale)
    )
    assert abs(float(found[0][55, 55]) - float(np.asarray(again)[5, 5])) <= 1
