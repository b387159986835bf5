"""Rotation and the reduced RGB image."""

import numpy as np
import pytest

from dfcore.data.media import DecodedFrame, decode, probe
from dfcore.testing.media import set_display_matrix, write_video

QUADRANTS = ((200, 40, 40), (40, 180, 60), (50, 60, 200), (210, 210, 200))  # top left, top right, bottom left, right


def upright_image(height: int, width: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    for i, colour in enumerate(QUADRANTS):
        rows = slice(0, height // 2) if i < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if i % 2 == 0 else slice(width // 2, width)
        image[rows, columns] = colour
    return image


def quadrant_colours(image: np.ndarray) -> list[np.ndarray]:
    height, width, _ = image.shape
    return [image[height * r // 4, width * c // 4].astype(int) for r in (1, 3) for c in (1, 3)]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("max_side", [None, 48])
def test_the_image_comes_upright(tmp_path, rotation, max_side):
    upright = upright_image(96, 64)
    coded = np.ascontiguousarray(np.rot90(upright, rotation // 90))  # turned counter-clockwise: a player undoes it
    height, width, _ = coded.shape
    path = write_video(
        tmp_path / "turned.mp4",
        width=width,
        height=height,
        frames=2,
        rotation=rotation,
        image=lambda index: coded,
        options={"qp": "10"},
    )
    info = probe(path)
    assert (info.rotation, info.width, info.height) == (rotation, width, height)
    frame = next(decode(path))
    assert frame.rotation == rotation
    assert frame.y.shape == (height, width)  # the planes stay as coded
    image, scale = frame.rgb(max_side)
    assert image.shape == ((96, 64, 3) if max_side is None else (48, 32, 3))
    assert scale == (1.0 if max_side is None else 0.5)
    for found, colour in zip(quadrant_colours(image), QUADRANTS, strict=True):
        np.testing.assert_allclose(found, colour, atol=8)


@pytest.mark.parametrize(
    ("matrix", "rotation"), [((-1, 0, 0, 1), 0), ((1, 0, 0, -1), 180), ((0, 1, 1, 0), 90), ((0, -1, -1, 0), 270)]
)
def test_of_a_mirrored_matrix_the_turn_is_kept(tmp_path, matrix, rotation):
    path = write_video(tmp_path / "mirrored.mp4", width=64, height=48, frames=2)
    set_display_matrix(path, matrix)
    assert probe(path).rotation == rotation


@pytest.mark.parametrize("size", [(333, 211), (211, 333), (640, 360), (64, 48)])
def test_scale_is_exact_in_both_directions(size):
    width, height = size
    y = np.full((height, width), 16, np.uint8)
    top, left = height * 5 // 8, width * 5 // 8
    y[top : top + 16, left : left + 16] = 235
    neutral = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    image, scale = DecodedFrame(0, 0.0, "I", y, neutral, neutral).rgb(100)
    light = image[..., 1].astype(float)
    assert max(image.shape) <= 100
    assert scale == pytest.approx(min(1.0, 100 / max(size)))
    for axis, first in ((1, top), (0, left)):
        profile = light.sum(axis=axis)
        centre = ((np.arange(len(profile)) + 0.5) * profile).sum() / profile.sum()
        assert centre == pytest.approx((first + 8) * scale, abs=0.05)


def test_reduction_is_antialiased():
    y = np.tile(np.array([16, 235], np.uint8), (240, 160))  # stripes one pixel wide
    neutral = np.full((120, 160), 128, np.uint8)
    image, _ = DecodedFrame(0, 0.0, "I", y, neutral, neutral).rgb(80)
    assert image[5:-5, 5:-5].std() < 8
    assert abs(image.mean() - 127.5) < 3


def test_never_enlarged():
    y = np.full((48, 64), 100, np.uint8)
    neutral = np.full((24, 32), 128, np.uint8)
    image, scale = DecodedFrame(0, 0.0, "I", y, neutral, neutral).rgb(320)
    assert (image.shape, scale) == ((48, 64, 3), 1.0)


@pytest.mark.parametrize("width", [96, 97])
def test_colour_lies_where_luma_lies(width):
    y = np.full((64, width), 128, np.uint8)
    u = np.full((32, (width + 1) // 2), 128, np.uint8)
    v = u.copy()
    v[:, 40:] = 200
    image, scale = DecodedFrame(0, 0.0, "I", y, u, v).rgb(48)
    red = image[16, :, 0].astype(float)
    edge = ((red.max() - red) / (red.max() - red.min())).sum()  # pixels before the step
    assert edge == pytest.approx(80 * scale, abs=0.1)
