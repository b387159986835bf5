import numpy as np
from PIL import Image

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
