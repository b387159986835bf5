import numpy as np
import pytest

from dfcore.data.colour import default_matrix, yuv_matrix, yuv_to_rgb
from dfcore.errors import UsageError

# 8-bit code values of the standards' colour bars: BT.601 and BT.709, studio range (EBU Tech 3325), and JFIF.
KNOWN = [
    ("bt601", "tv", (235, 128, 128), (255, 255, 255)),
    ("bt601", "tv", (16, 128, 128), (0, 0, 0)),
    ("bt601", "tv", (81, 90, 240), (255, 0, 0)),
    ("bt601", "tv", (145, 54, 34), (0, 255, 0)),
    ("bt601", "tv", (41, 240, 110), (0, 0, 255)),
    ("bt709", "tv", (63, 102, 240), (255, 0, 0)),
    ("bt709", "tv", (173, 42, 26), (0, 255, 0)),
    ("bt709", "tv", (32, 240, 118), (0, 0, 255)),
    ("bt709", "tv", (126, 128, 128), (128, 128, 128)),
    ("bt601", "pc", (255, 128, 128), (255, 255, 255)),
    ("bt601", "pc", (76, 85, 255), (255, 0, 0)),
    ("bt601", "pc", (150, 44, 21), (0, 255, 0)),
    ("bt601", "pc", (29, 255, 107), (0, 0, 255)),
    ("bt709", "pc", (54, 99, 255), (255, 0, 0)),
    ("bt709", "pc", (182, 30, 12), (0, 255, 0)),
    ("bt709", "pc", (18, 255, 116), (0, 0, 255)),
    ("bt2020", "pc", (67, 92, 255), (255, 0, 0)),
]


@pytest.mark.parametrize(("matrix", "colour_range", "yuv", "rgb"), KNOWN)
def test_pure_colours(matrix, colour_range, yuv, rgb):
    y, u, v = (np.full((2, 2) if i == 0 else (1, 1), value, np.uint8) for i, value in enumerate(yuv))
    image = yuv_to_rgb(y, u, v, matrix, colour_range)
    assert image.shape == (2, 2, 3)
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image[1, 1].astype(int), rgb, atol=2)  # the code values themselves are rounded


def test_chroma_belongs_to_its_own_pixels_at_odd_sizes():
    y = np.full((3, 5), 128, np.uint8)
    u = np.full((2, 3), 128, np.uint8)
    v = np.array([[128, 128, 128], [128, 128, 255]], np.uint8)
    image = yuv_to_rgb(y, u, v, "bt601", "pc").astype(int)
    red = image[..., 0] > 200
    assert image.shape == (3, 5, 3)
    assert np.argwhere(red).tolist() == [[2, 4]]


def test_matrix_is_exact_for_grey_and_has_the_standards_coefficients():
    a, offset = yuv_matrix("bt709", "tv")
    assert a.dtype == offset.dtype == np.float32
    np.testing.assert_allclose(a[:, 0], 255 / 219, rtol=1e-6)
    np.testing.assert_allclose(a[0, 2], 1.5748 * 255 / 224, rtol=1e-5)
    np.testing.assert_allclose(a[1, 1], -0.187324 * 255 / 224, rtol=1e-4)
    np.testing.assert_array_equal(offset, [16, 128, 128])


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("colour_range", ["tv", "pc"])
def test_every_pixel_is_the_formula_rounded(matrix, colour_range):
    y, u, v = np.random.default_rng(3).integers(0, 256, (3, 40, 40), dtype=np.uint8)
    a, offset = (part.astype(np.float64) for part in yuv_matrix(matrix, colour_range))
    exact = np.clip((np.stack([y, u, v], axis=-1) - offset) @ a.T, 0, 255)
    assert np.abs(yuv_to_rgb(y, u, v, matrix, colour_range) - exact).max() < 0.501


def test_default_matrix_changes_at_720_lines():
    assert [default_matrix(height) for height in (480, 719, 720, 1080)] == ["bt601", "bt601", "bt709", "bt709"]


@pytest.mark.parametrize(("matrix", "colour_range"), [("bt999", "tv"), ("bt601", "mpeg")])
def test_unknown_names_are_refused(matrix, colour_range):
    with pytest.raises(UsageError, match="Known"):
        yuv_matrix(matrix, colour_range)
