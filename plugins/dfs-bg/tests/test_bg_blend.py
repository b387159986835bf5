"""How the pseudo-fake changes and blends a face, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dfs_bg import pseudo_fake
from dfs_bg.pseudo_fake import RATIOS, _blend, _changed, _draw, _mask, _Recipe, _toned

Array = NDArray[np.float64]
BOX = np.array([40.0, 30.0, 90.0, 70.0])
"""50x40 px about (65, 50)."""


def recipe(**changed: Any) -> _Recipe:
    """One that changes nothing and blends through a sharp ellipse."""
    given: dict[str, Any] = {
        "ratio": 1.0,
        "gain": 1.0,
        "offsets": (0.0, 0.0, 0.0),
        "saturation": 1.0,
        "reduce": 1,
        "sharpen": 0,
        "shift": (0.0, 0.0),
        "scale": 1.0,
        "outline": (0.8, 1.0, *[0.0] * 8),
        "soft": 0.001,
    }
    return _Recipe(**given | changed)


def ramp(*, down: bool = False, size: int = 120) -> NDArray[np.uint8]:
    line = (60 + np.arange(size)).astype(np.uint8)
    return (line[:, None] if down else line[None]).repeat(size, 1 if down else 0)


def test_what_is_drawn_covers_its_ranges() -> None:
    rng = np.random.default_rng(0)
    drawn = [_draw(rng) for _ in range(600)]
    ranges = {
        (0.9, 1.1): [one.gain for one in drawn],
        (-12.0, 12.0): [one.offsets[0] for one in drawn],
        (-10.0, 10.0): [value for one in drawn for value in one.offsets[1:]],
        (0.8, 1.2): [one.saturation for one in drawn],
        (-0.03, 0.03): [one.shift[0] for one in drawn],
        (-0.015, 0.015): [one.shift[1] for one in drawn],
        (0.95, 1.05): [one.scale for one in drawn],
        (0.7, 1.0): [value for one in drawn for value in one.outline[:2]],
        (0.0, 0.12): [one.outline[2] for one in drawn],
        (0.0, 0.06): [one.outline[3] for one in drawn],
        (0.0, 0.03): [one.outline[5] for one in drawn],
        (0.0, 2 * np.pi): [value for one in drawn for value in one.outline[6:]],
        (0.02, 0.08): [one.soft for one in drawn],
        (60, 180): [one.sharpen for one in drawn if one.sharpen],
    }
    for (low, high), values in ranges.items():
        slack = (high - low) / 20
        assert low <= min(values) < low + slack
        assert high - slack < max(values) < high
    assert all(len(one.outline) == 10 for one in drawn)
    assert {one.reduce for one in drawn if not one.sharpen} == {2, 4}  # made softer, or sharper, never both
    assert {one.reduce for one in drawn if one.sharpen} == {1}
    assert np.mean([one.sharpen > 0 for one in drawn]) == pytest.approx(0.5, abs=0.06)
    shares = [np.mean([one.ratio == ratio for one in drawn]) for ratio in (0.25, 0.5, 0.75, 1.0)]
    assert shares == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2], abs=0.06)
    assert len(RATIOS) == 6


def near(found: Array, expected: Array) -> None:
    """Within Pillow's habit of cutting fractions of a level off."""
    inner = np.s_[10:-10, 10:-10]
    off = expected[inner] - found[inner]
    assert -0.01 < off.min() <= off.max() < 1.01


def test_the_copy_is_moved_by_its_share_of_the_box_and_the_images_edge_stays() -> None:
    """.1 of 50 px is 5 px, 2.5 px on a chroma plane; down .1 of 40."""
    for step in (1, 2):
        near(_changed(ramp(), BOX, recipe(shift=(0.1, 0.0)), step), ramp() - 5 / step)
        near(_changed(ramp(down=True), BOX, recipe(shift=(0.0, 0.1)), step), ramp(down=True) - 4 / step)
    assert (_changed(ramp(), BOX, recipe(shift=(0.1, 0.0)), 1)[:, :4] == ramp()[:, :4]).all()


@pytest.mark.parametrize("down", [False, True])
def test_the_copy_is_scaled_about_the_middle(down: bool) -> None:
    expected = (60 + (np.arange(120) + 0.5 - 60) / 1.25 + 60 - 0.5)[None].repeat(120, 0)
    near(_changed(ramp(down=down), BOX, recipe(scale=1.25), 1), expected.T if down else expected)


def test_the_copy_is_made_softer_in_every_plane_and_sharper_in_luma_alone() -> None:
    stripes = np.zeros((64, 48), np.uint8)
    stripes[:, ::2] = 200
    soft = _changed(stripes, BOX, recipe(reduce=2), 2)
    np.testing.assert_allclose(soft[4:-4, 4:-4], 100, atol=1)
    blocks = np.kron(np.random.default_rng(0).integers(0, 256, (16, 12)), np.ones((4, 4))).astype(np.uint8)
    assert _changed(blocks, BOX, recipe(reduce=4), 1).std() < 0.9 * blocks.std()
    tiny = _changed(stripes[:12, :10], BOX, recipe(reduce=4), 1)  # 4x4 pixels at least
    np.testing.assert_allclose(tiny.mean(), 100, atol=8)
    assert tiny[:, :5].std() < 90
    edge = np.full((40, 40), 80, np.uint8)
    edge[:, 20:] = 120
    sharper = _changed(edge, BOX, recipe(sharpen=100), 1)
    assert sharper[20, 19] < 75
    assert sharper[20, 20] > 125
    assert np.array_equal(_changed(edge, BOX, recipe(sharpen=100), 2), edge)


def test_luma_is_stretched_about_grey_and_each_chroma_by_the_saturation() -> None:
    plane = np.array([[28.0, 128, 228]], np.float32)
    given = recipe(gain=1.1, saturation=0.5, offsets=(7.0, -3.0, 4.0))
    assert _toned(plane, 0, given).tolist() == [pytest.approx([25, 135, 245])]
    assert _toned(plane, 1, given).tolist() == [pytest.approx([75, 125, 175])]
    assert _toned(plane, 2, given).tolist() == [pytest.approx([82, 132, 182])]
    assert _toned(plane, 0, recipe(gain=2.0)).tolist() == [[0, 128, 255]]


def outline(weight: Array, angle: float) -> float:
    """Distance from (65, 50) at which the weight falls to a half."""
    radii = np.arange(0, 60, 0.1)
    x, y = 65 + radii * np.cos(angle), 50 + radii * np.sin(angle)
    kept = (x > 10) & (x < 119) & (y > 4) & (y < 99)
    values = weight[(y[kept] - 4).astype(int), (x[kept] - 10).astype(int)]
    return float(radii[kept][values >= 0.5].max())


def test_the_mask_is_a_star_about_the_boxs_middle() -> None:
    """Half axes .8 x 25 and 1 x 20; a third harmonic of .2 at phase pi pulls in at 0 degrees, pushes out at 60."""
    part = (10, 4, 120, 100)
    plain = _mask(part, BOX, recipe())
    assert plain.shape == (96, 110)
    assert (plain.min(), plain.max()) == (0, 1)
    for angle in (0, np.pi / 2, np.pi, -np.pi / 2):
        assert outline(plain, angle) == pytest.approx(20, abs=0.8)
    wavy = _mask(part, BOX, recipe(outline=(0.8, 1.0, 0, 0, 0.2, 0, 0, 0, np.pi, 0)))
    for degrees, radius in ((0, 16), (60, 24), (120, 16), (180, 24), (-60, 24)):
        assert outline(wavy, np.radians(degrees)) == pytest.approx(radius, abs=0.9)
    first = _mask(part, BOX, recipe(outline=(0.8, 1.0, 0.1, 0, 0, 0, 0, 0, 0, 0)))
    assert outline(first, 0.0) == pytest.approx(22, abs=0.9)
    assert outline(first, np.pi) == pytest.approx(18, abs=0.9)
    wide = _mask(part, BOX, recipe(outline=(1.0, 0.7, *[0.0] * 8)))
    assert outline(wide, 0.0) == pytest.approx(25, abs=0.8)
    assert outline(wide, np.pi / 2) == pytest.approx(14, abs=0.8)


def test_the_mask_is_blurred_by_its_share_of_the_smaller_side() -> None:
    """.08 of 40 px is a deviation of 3.2 px: 68 % of the edge lies within 6.4 px."""
    row = _mask((10, 4, 120, 100), BOX, recipe(soft=0.08))[46]
    rising = row[:55]
    assert ((rising > 0.16) & (rising < 0.84)).sum() == pytest.approx(6.4, abs=1)


def frame(size: int = 128) -> list[NDArray[np.uint8]]:
    return [
        np.full((size, size), 100, np.uint8),
        *(np.full((size // 2, size // 2), level, np.uint8) for level in (90, 160)),
    ]


def test_a_frame_is_the_blend_of_itself_and_its_toned_copy_by_ratio_and_mask() -> None:
    given = frame()
    changed = recipe(ratio=0.75, offsets=(20.0, -8.0, 12.0), soft=0.05)
    made = _blend(given, BOX, changed)
    side = 1.3 * 50
    corner = [2 * int(np.floor((c - side / 2) / 2)) for c in (65, 50)]
    ends = [2 * int(np.ceil((c + side / 2) / 2)) for c in (65, 50)]
    weight = np.zeros((128, 128))
    weight[corner[1] : ends[1], corner[0] : ends[0]] = _mask((*corner, *ends), BOX, changed)
    for number, (before, after) in enumerate(zip(given, made, strict=True)):
        share = weight if number == 0 else weight.reshape(64, 2, 64, 2).mean((1, 3))
        moved = (20.0, -8.0, 12.0)[number]
        np.testing.assert_array_equal(after, np.rint(before + 0.75 * share * moved))
    assert all((plane == plane[0, 0]).all() for plane in given)  # left alone


def test_chroma_is_saturated_about_grey_in_the_face_alone() -> None:
    made = _blend(frame(), BOX, recipe(saturation=0.5))
    assert [int(plane[25, 32]) for plane in made[1:]] == [109, 144]
    assert [int(plane[2, 2]) for plane in made[1:]] == [90, 160]


@pytest.mark.parametrize(("offset", "level"), [(400.0, 255), (-400.0, 0)])
def test_levels_are_cut_off(offset: float, level: int) -> None:
    made = _blend(frame(), BOX, recipe(offsets=(offset,) * 3))
    assert [int(plane[50 * len(plane) // 128, 65 * len(plane) // 128]) for plane in made] == [level] * 3


@pytest.mark.parametrize(("seen", "changes"), [(14, False), (16, True)])
@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_of_a_face_at_the_frames_edge_sixteen_pixels_are_enough(seen: int, changes: bool, side: str) -> None:
    """A square of 65 px whose outermost ``seen`` pixels lie within the frame."""
    first = seen - 57.5 if side in ("left", "top") else 128 - seen + 7.5
    near, far = [first, first + 50], [40, 90]
    box = np.array(
        [near[0], far[0], near[1], far[1]] if side in ("left", "right") else [far[0], near[0], far[1], near[1]]
    )
    made = _blend(frame(), box, recipe(offsets=(50.0, 0, 0), outline=(1.25, 1.25, *[0.0] * 8)))
    assert (made[0] != 100).any() == changes


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ([40.0, 30.0, 90.0, 70.0], (32, 16, 98, 84)),  # 65 px about (65, 50): from 32.5 and 17.5 to 97.5 and 82.5
        ([41.0, 30.0, 91.0, 70.0], (32, 16, 100, 84)),
        ([20.0, 10.0, 30.0, 30.0], (12, 6, 38, 34)),  # 26 px about (25, 20)
        ([-10.0, 90.0, 40.0, 140.0], (0, 82, 48, 128)),  # cut at the frame's edges
    ],
)
def test_the_part_that_is_blended_is_even_and_a_third_larger_than_the_face(
    monkeypatch: pytest.MonkeyPatch, box: list[float], part: tuple[int, int, int, int]
) -> None:
    asked: list[tuple[int, int, int, int]] = []

    def noted(part: tuple[int, int, int, int], box: Array, recipe: _Recipe) -> Array:
        asked.append(part)
        return _mask(part, box, recipe)

    monkeypatch.setattr(pseudo_fake, "_mask", noted)
    _blend(frame(), np.array(box), recipe())
    assert asked == [part]
