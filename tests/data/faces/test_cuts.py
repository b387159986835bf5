import numpy as np
import pytest
from PIL import Image

from dfcore.data.faces import cuts as cuts_module
from dfcore.data.faces import find_cuts, signature
from dfcore.data.faces.cuts import Signature, _correlation


def scene(seed, shift=0, light=1.0):
    """An image of smooth coloured shapes, different for each seed; ``shift`` pans it by so many pixels."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    wide = np.asarray(coarse.resize((400, 180), Image.Resampling.BICUBIC), dtype=float) * light
    return np.clip(wide[:, 40 + shift : 360 + shift], 0, 255).astype(np.uint8)


def cuts(*images):
    return find_cuts({10 * i: signature(image) for i, image in enumerate(images)})


def test_another_scene_is_a_cut_at_the_first_frame_that_shows_it():
    assert cuts(scene(0), scene(0), scene(1), scene(1), scene(2)) == [20, 40]


def test_a_pan_noise_or_a_change_of_light_is_none():
    noise = np.random.default_rng(0).normal(0, 12, (180, 320, 3))
    noisy = np.clip(scene(0) + noise, 0, 255).astype(np.uint8)
    assert cuts(scene(0), scene(0, shift=40), noisy, scene(0, light=0.85)) == []


def test_between_like_and_unlike_layouts_the_colours_decide():
    half = scene(0).astype(float)
    half[:, 160:] = scene(5)[:, 160:]  # half the image has changed
    half = half.astype(np.uint8)
    one, other = signature(scene(0)), signature(half)
    assert 0.55 < _correlation(one.layout, other.layout, 0, 0) < 0.8
    same_colours = Signature(other.layout, one.colours)
    other_colours = Signature(other.layout, np.roll(one.colours, 100))
    assert find_cuts({0: one, 1: same_colours}) == []
    assert find_cuts({0: one, 1: other_colours}) == [1]


def test_blank_images_are_one_shot():
    black = np.zeros((180, 320, 3), np.uint8)
    assert cuts(black, black, black + 1) == []
    assert cuts(black, scene(0)) == [10]


def test_frames_may_come_in_any_order_and_size():
    signatures = {30: signature(scene(1)), 0: signature(scene(0)), 10: signature(scene(0)[::2, ::2])}
    assert find_cuts(signatures) == [30]
    assert find_cuts({}) == []


@pytest.mark.parametrize(
    ("likeness", "changed", "cut"),
    [
        (0.8, 1.0, False),  # layouts this much alike are one shot, whatever the colours
        (0.79, 1.0, True),
        (0.79, 0.5, False),  # between the two the colours decide
        (0.79, 0.52, True),
        (0.55, 0.5, False),
        (0.55, 0.52, True),
        (0.54, 0.0, True),  # layouts this unlike are two, whatever the colours
    ],
)
def test_the_limits_of_likeness_and_of_colour(likeness, changed, cut, monkeypatch):
    monkeypatch.setattr(cuts_module, "_correlation", lambda a, b, x, y: likeness if (x, y) == (2, -2) else -1.0)
    colours = np.zeros((2, 512), np.float32)
    colours[:, 0], colours[1, :2] = 1, (1 - changed, changed)
    assert find_cuts({n: Signature(np.zeros((16, 16)), colours[n]) for n in (0, 1)}) == ([1] if cut else [])


def test_layouts_are_shifted_by_two_cells_each_way_and_not_by_three():
    rng = np.random.default_rng(0)
    wide = rng.uniform(0, 255, (22, 22))
    for x, y in ((2, 0), (0, 2), (-2, 1), (-1, -2), (2, -2), (3, 0), (0, -3)):
        one, other = wide[3:19, 3:19], wide[3 + y : 19 + y, 3 + x : 19 + x]
        found = find_cuts({0: Signature(one, np.eye(2)[0]), 1: Signature(other, np.eye(2)[1])})
        assert found == ([1] if 3 in (abs(x), abs(y)) else []), (x, y)


def test_a_correlation_is_pearsons_of_what_both_show_and_1_without_contrast():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 255, (2, 16, 16))
    part = np.corrcoef(a[1:, :14].ravel(), b[:-1, 2:].ravel())[0, 1]
    assert _correlation(a, b, -2, 1) == pytest.approx(part)
    level = np.ones((16, 16))
    level[::2] = -1  # a variance of exactly one grey level squared
    assert _correlation(level, -level, 0, 0) == pytest.approx(-1)
    assert _correlation(level * 0.9, -level * 0.9, 0, 0) == 1
    assert _correlation(level, np.zeros((16, 16)), 0, 0) == 0


def test_a_signature_is_a_grey_thumbnail_and_shares_of_512_colours():
    image = np.zeros((64, 128, 3), np.uint8)
    image[:, :32] = (255, 0, 0)
    image[:, 32:64] = (31, 32, 200)
    found = signature(image)
    assert found.layout.shape == (16, 16)
    assert found.layout[3].tolist() == [76.0] * 4 + [51.0] * 4 + [0] * 8  # BT.601's luma
    places = {7 * 64: 0.25, 0 * 64 + 1 * 8 + 6: 0.25, 0: 0.5}
    assert {int(n): float(found.colours[n]) for n in np.flatnonzero(found.colours)} == places
