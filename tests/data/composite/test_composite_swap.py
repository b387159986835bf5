"""The composite swap: where it is, what it does, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from dfcore.data.composite.generator import REDUCTIONS, Generator, draw_generator
from dfcore.data.composite.kinds import COMPOSITES, chosen_kind, kind_shares
from dfcore.data.composite.regions import PARTS, Outline, face_region
from dfcore.data.composite.swap import BLENDS, Swap, composite_swap, draw_swap, swapped
from dfcore.data.prepare.pseudo_fakes import forged_pairs
from dfcore.data.protocols import Footage
from dfcore.data.records import VideoRecord
from dfcore.errors import MediaError, UnknownNameError
from dfcore.plugins import Registry
from dfcore.specs import resolve
from dfcore.testing.views import clip_footage

BOX = np.array([100.0, 100.0, 200.0, 230.0])
POINTS = np.array([[130.0, 140.0], [170.0, 140.0], [150.0, 165.0], [135.0, 190.0], [165.0, 190.0]])
PLAIN = Generator(1.0, Image.Resampling.BOX, Image.Resampling.BICUBIC, 0.0, 0, 1.0, 0.0, (0.0, 0.0), 1.0)
STEADY = Swap("face", Outline(), PLAIN, "soft", 0.3, 1.0, (0.0, 0.0), 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def footage() -> Footage:
    return clip_footage(3, frames=8, size=192)


def planes(footage: Footage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return footage.y, footage.u, footage.v


def inside(footage: Footage, part: str = "face", margin: float = 1.0) -> np.ndarray:
    """Which pixels of the first frame lie in the region."""
    region = face_region(part, footage.boxes[0], footage.landmarks[0])
    side = np.arange(footage.y.shape[1]) + 0.5
    found: np.ndarray = region.distance(side, side[:, None]) < margin
    return found


# -- where -----------------------------------------------------------------------------------------------------------


def test_the_inner_face_holds_the_landmarks_and_stays_in_the_box() -> None:
    region = face_region("face", BOX, POINTS)
    assert region.distance(POINTS[:, 0], POINTS[:, 1]).max() < 1
    x0, y0, x1, y1 = region.bounds(400, 400, 1.0)
    assert x0 >= BOX[0] - 2
    assert x1 <= BOX[2] + 2
    assert y0 >= BOX[1] - 2
    assert y1 <= BOX[3] + 2


@pytest.mark.parametrize(
    ("part", "holds", "leaves"), [("lower", (150, 190), (150, 130)), ("mouth", (150, 190), (150, 150))]
)
def test_a_part_holds_what_it_is_named_for_and_no_more(
    part: str, holds: tuple[int, int], leaves: tuple[int, int]
) -> None:
    region = face_region(part, BOX, POINTS)
    assert region.distance(np.array(holds[0]), np.array(holds[1])) < 1 < region.distance(*map(np.array, leaves))


def test_the_region_turns_with_the_face() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])  # a quarter to the right
    centre = np.array([150.0, 165.0])
    turned = (POINTS - centre) @ turn.T * 0.999 + centre
    turned += (np.arange(5) == 1)[:, None] * (0.5, 0.0)  # the second eye stays the right one
    first, second = face_region("face", BOX, POINTS), face_region("face", BOX, turned)
    assert np.allclose(second.half, first.half, rtol=0.02)
    assert np.allclose((np.array(first.centre) - centre) @ turn.T, np.array(second.centre) - centre, atol=1.0)


def test_in_a_profile_the_region_keeps_a_width() -> None:
    points = POINTS.copy()
    points[:, 0] = 150 + (points[:, 0] - 150) * 0.01
    assert face_region("face", BOX, points).half[0] > 0.25 * (BOX[2] - BOX[0])


def test_nothing_outside_of_the_region_changes_and_the_given_frames_stay(footage: Footage) -> None:
    kept = footage.y.copy()
    for seed in range(12):
        for part in PARTS:
            swap = draw_swap(np.random.default_rng(seed), part)
            y, _, _ = swapped(planes(footage), footage, swap, np.random.default_rng(0))
            region = face_region(part, footage.boxes[0], footage.landmarks[0], swap.outline)
            side = np.arange(192) + 0.5
            outside = region.distance(side, side[:, None]) > 1.05
            assert np.array_equal(y[0][outside], footage.y[0][outside])
            assert not np.array_equal(y[0], footage.y[0])
    assert np.array_equal(footage.y, kept)


# -- what ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blend", BLENDS)
def test_a_generator_that_does_nothing_leaves_the_face_as_it_was(blend: str, footage: Footage) -> None:
    made = swapped(planes(footage), footage, replace(STEADY, blend=blend), np.random.default_rng(0))
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(made, planes(footage), strict=True))


def test_a_reduced_image_has_lost_its_finest_detail_and_kept_its_coarse() -> None:
    """Stripes of period 3 are beyond what half the pixels hold; stripes of period 32 are not."""
    x = np.arange(96)
    for period, least, most in ((3, 0.0, 0.2), (32, 0.9, 1.05)):
        stripes = np.tile(128 + 60 * np.sin(2 * np.pi * x / period), (96, 1)).round().astype(np.uint8)
        made = replace(PLAIN, reduction=2.0, shrink=Image.Resampling.BICUBIC).luma(stripes, (0.0, 0.0))
        assert least <= made[20:-20, 20:-20].std() / stripes[20:-20, 20:-20].std() <= most


def test_a_denoised_image_has_less_noise_and_the_same_edges() -> None:
    rng = np.random.default_rng(0)
    step = np.where(np.arange(64) < 32, 80, 160) + rng.normal(0, 6, (64, 64))
    made = replace(PLAIN, denoise=1.0).luma(step.round().astype(np.uint8), (0.0, 0.0))
    assert made[8:-8, 4:28].std() < 4.0  # a median of nine: about 0.41 of the deviation
    assert made[8:-8, 40:60].mean() - made[8:-8, 4:24].mean() == pytest.approx(80, abs=2)


def test_sharpening_steepens_an_edge() -> None:
    ramp = np.tile(np.clip(np.arange(64) - 28, 0, 8) * 10 + 80, (64, 1)).astype(np.uint8)
    made = replace(PLAIN, sharpen=150).luma(ramp, (0.0, 0.0))
    assert np.diff(made[32]).max() > np.diff(ramp[32].astype(float)).max() + 0.5
    assert made.max() > ramp.max()


def test_a_shift_moves_the_image_by_so_many_pixels() -> None:
    ramp = np.tile(np.arange(64) * 3.0, (64, 1)).astype(np.uint8)
    made = PLAIN.luma(ramp, (0.5, 0.0))
    np.testing.assert_allclose(made[20:-20, 20:-20], ramp[20:-20, 20:-20] - 1.5, atol=0.1)


def test_recolouring_moves_light_and_colour_by_what_was_drawn() -> None:
    grey = np.full((32, 32), 100, np.uint8)
    generator = replace(PLAIN, offset=4.0, chroma=(3.0, -2.0), saturation=0.5)
    assert generator.luma(grey, (0, 0), light=1.0).mean() == pytest.approx(105)
    assert generator.colour(grey, 0, (0, 0)).mean() == pytest.approx(128 - 14 + 3)
    assert generator.colour(grey, 1, (0, 0)).mean() == pytest.approx(128 - 14 - 2)


def test_a_soft_edge_is_wide_and_a_hard_one_is_not(footage: Footage) -> None:
    flat = replace(
        footage, y=np.full_like(footage.y, 100), u=np.full_like(footage.u, 128), v=np.full_like(footage.v, 128)
    )
    lift = replace(STEADY, generator=replace(PLAIN, offset=40.0))
    between = {}
    for blend in ("soft", "hard"):
        y = swapped(planes(flat), flat, replace(lift, blend=blend), np.random.default_rng(0))[0][0]
        assert y.max() == 140
        between[blend] = int(((y > 103) & (y < 137)).sum())
    assert between["hard"] < 0.35 * between["soft"]


def test_toned_brightness_is_that_of_what_it_covers(footage: Footage) -> None:
    lift = replace(STEADY, generator=replace(PLAIN, offset=20.0))
    soft, toned = (
        swapped(planes(footage), footage, replace(lift, blend=blend), np.random.default_rng(0))[0][0]
        for blend in ("soft", "toned")
    )
    core = inside(footage, margin=0.6)
    assert (soft[core].astype(int) - footage.y[0][core]).mean() > 15
    assert abs((toned[core].astype(int) - footage.y[0][core]).mean()) < 3


def test_bands_take_detail_through_the_narrow_edge(footage: Footage) -> None:
    """Between the edges the pasted part's coarse light is mixed, its detail is its own in full."""
    blur = replace(STEADY, generator=replace(PLAIN, reduction=2.6), soft=0.8)
    soft, bands = (
        swapped(planes(footage), footage, replace(blur, blend=blend), np.random.default_rng(0))[0][0].astype(float)
        for blend in ("soft", "bands")
    )
    rim = inside(footage, margin=0.9) & ~inside(footage, margin=0.7)
    detail = {
        name: np.abs(np.diff(image, axis=1))[:, :-1][rim[:, 1:-1]].mean() for name, image in (("s", soft), ("b", bands))
    }
    assert detail["b"] < 0.9 * detail["s"]


# -- in time ---------------------------------------------------------------------------------------------------------


def second_difference(y: np.ndarray, where: np.ndarray) -> float:
    return float(np.square(np.diff(y.astype(float), n=2, axis=0)[:, where]).mean())


@pytest.mark.parametrize("field", ["jitter", "light", "patches"])
def test_what_is_unsteady_changes_a_still_face_from_frame_to_frame(field: str, footage: Footage) -> None:
    still = replace(footage, y=footage.y[:1].repeat(8, 0), u=footage.u[:1].repeat(8, 0), v=footage.v[:1].repeat(8, 0))
    core = inside(footage, margin=0.6)
    steady, unsteady = (
        swapped(planes(still), still, replace(STEADY, **{field: value}), np.random.default_rng(0))[0]
        for value in (0.0, 1.0)
    )
    assert second_difference(steady, core) == 0
    assert second_difference(unsteady, core) > 1


def test_patches_change_whole_blocks_of_sixteen(footage: Footage) -> None:
    flat = replace(footage, y=np.full_like(footage.y, 100))
    y = swapped(planes(flat), flat, replace(STEADY, patches=3.0, blend="hard"), np.random.default_rng(0))[0]
    region = face_region("face", footage.boxes[0], footage.landmarks[0])
    x0, y0, _, _ = region.bounds(192, 192, 1.3)
    change = y[1].astype(int) - y[0]
    at = [
        (r, c)
        for r in range(y0, 176, 16)
        for c in range(x0, 176, 16)
        if inside(footage, margin=0.95)[r : r + 16, c : c + 16].all()
    ]
    assert at
    for r, c in at:
        assert np.ptp(change[r : r + 16, c : c + 16]) == 0
    assert len({int(change[r, c]) for r, c in at}) > 1


# -- the pair --------------------------------------------------------------------------------------------------------


def test_control_and_fake_share_their_history_and_differ_in_the_region_alone(footage: Footage) -> None:
    changed = 0
    for seed in range(8):
        control, fake = composite_swap(footage, np.random.default_rng(seed), part="lower")
        again = composite_swap(footage, np.random.default_rng(seed), part="lower")
        assert np.array_equal(fake.y, again[1].y)
        changed += not np.array_equal(control.y, footage.y)
        assert np.array_equal(control.y[0][~inside(footage, "lower", 1.5)], fake.y[0][~inside(footage, "lower", 1.5)])
        assert not np.array_equal(control.y, fake.y)
    assert 4 <= changed <= 8  # most, not all, have a codec's generation before


def test_the_generators_that_are_drawn_reduce_or_sharpen_and_never_both() -> None:
    drawn = [draw_generator(np.random.default_rng(seed)) for seed in range(200)]
    soft = [one for one in drawn if one.reduction > 1]
    assert 0.65 < len(soft) / 200 < 0.85
    assert all(REDUCTIONS[0] <= one.reduction <= REDUCTIONS[1] and not one.sharpen for one in soft)
    assert all(one.sharpen >= 60 for one in drawn if one.reduction == 1)
    assert {draw_swap(np.random.default_rng(seed)).blend for seed in range(50)} == set(BLENDS)
    assert not any(draw_swap(np.random.default_rng(seed), "mouth").generator.sharpen for seed in range(50))


def test_a_part_that_is_too_small_is_refused_rather_than_left_as_it_was() -> None:
    with pytest.raises(MediaError, match="mouth is too small"):
        composite_swap(clip_footage(0, frames=4, size=64), np.random.default_rng(0), part="mouth")


def test_an_unknown_part_is_named(footage: Footage) -> None:
    with pytest.raises(UnknownNameError, match="nose"):
        composite_swap(footage, np.random.default_rng(0), part="nose")


# -- shares ----------------------------------------------------------------------------------------------------------


class Maker:
    kinds: tuple[str, ...] = ("a", "b", "c")
    shares: ClassVar = {"b": 2.0}

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        raise AssertionError("shares are told without making anything")


def test_shares_are_weights_of_kinds_and_one_where_none_is_named() -> None:
    assert kind_shares(Maker()) == {"a": 0.25, "b": 0.5, "c": 0.25}
    drawn = [chosen_kind(Maker(), None, np.random.default_rng(seed), "XX") for seed in range(400)]
    assert drawn.count("b") / 400 == pytest.approx(0.5, abs=0.07)
    assert chosen_kind(Maker(), "c", np.random.default_rng(0), "XX") == "c"
    with pytest.raises(UnknownNameError, match="kind of XX pseudo-fake"):
        chosen_kind(Maker(), "d", np.random.default_rng(0), "XX")


@pytest.mark.parametrize("name", ["bg", "cm", "rr", "tm"])
def test_every_specialist_of_images_makes_composites_and_mixes_them_in(name: str) -> None:
    maker = resolve(Registry().specialist(name).pseudo_fake)()
    shares = kind_shares(maker)
    assert set(COMPOSITES) <= set(shares)
    mixed = sum(shares[kind] for kind in COMPOSITES)
    assert 0.3 <= mixed <= 0.5
    footage = clip_footage(0, frames=8, size=256)
    control, fake = maker(footage, "mouth", np.random.default_rng(5))
    assert 0 < (control.y != fake.y).mean() < 0.1


def test_training_makes_kinds_by_their_shares() -> None:
    spec = Registry().specialist("tm")
    record = VideoRecord(id="a", path=Path("a.mp4"), label=0, manipulation="original", split="train", group=("a",))
    made = [one.forgery.kind for one in forged_pairs([record], spec, 400) if one.forgery and one.forgery.fake]
    assert made.count("swap") / made.count("drop") == pytest.approx(1.5, abs=0.5)
    assert set(made) == set(resolve(spec.pseudo_fake)().kinds)
    soft = [one.forgery.kind for one in forged_pairs([record], Registry().specialist("rr"), 100) if one.forgery]
    assert "sharper" not in soft
