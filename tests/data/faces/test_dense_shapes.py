from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from dfcore.data.faces.dense import (
    MIRRORED,
    OPENINGS,
    POINTS,
    REGIONS,
    contour_mask,
    face_unit,
    from_stored,
    inner_face_mask,
    jitter,
    mouth_openings,
    rim_mask,
    to_stored,
)
from dfcore.data.faces.dense.align import cut_square, face_square
from dfcore.testing.landmarks import made_landmarks


def made(opening: float = 0.0, eyes: float = 40.0) -> np.ndarray:
    return made_landmarks(np.array([opening]), (100.0, 90.0), eyes)[0]


def turned(points: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (points - (100, 90)) @ turn + (70, 120)


def test_regions_hold_every_point_once() -> None:
    assert sorted(k for region in REGIONS.values() for k in region) == list(range(POINTS)) == list(range(95))


def test_the_mirror_of_a_symmetric_face_is_itself_in_its_own_order() -> None:
    face = made(0.2)
    mirrored = face[list(MIRRORED)] * (-1, 1) + (200, 0)
    np.testing.assert_allclose(mirrored, face, atol=1e-9)
    assert [MIRRORED[MIRRORED[k]] for k in range(POINTS)] == list(range(POINTS))


def test_openings_are_what_the_face_was_made_with() -> None:
    opening, width, _, height = mouth_openings(made(0.25)) * face_unit(made()) / 40
    assert opening == pytest.approx(0.25, abs=1e-6)
    assert width == pytest.approx(0.76, abs=1e-6)
    assert height == pytest.approx(0.24 + 0.25, abs=1e-6)
    jaws = [mouth_openings(made(value))[OPENINGS.index("jaw_opening")] for value in (0.0, 0.25)]
    assert (jaws[1] - jaws[0]) * face_unit(made()) / 40 == pytest.approx(0.25, abs=1e-6)


def test_openings_do_not_depend_on_place_size_or_turn() -> None:
    np.testing.assert_allclose(mouth_openings(turned(made(0.3), 40, 2.5)), mouth_openings(made(0.3)), rtol=1e-5)


def test_crossed_lips_are_no_opening() -> None:
    assert mouth_openings(made(-0.05))[0] < 0


def test_an_open_mouth_leaves_the_unit_alone() -> None:
    assert face_unit(made(0.5)) == face_unit(made(0.0))


def test_the_contours_inside_is_an_ellipse_of_the_made_face() -> None:
    inside = contour_mask(made(), 220, 200)
    assert inside.sum() == pytest.approx(np.pi * 1.15 * 1.5 * 40**2, rel=0.02)
    assert inside[110, 100] == 1
    assert inside[5, 5] == 0
    assert contour_mask(made(), 220, 200, 0.1).sum() > inside.sum() > contour_mask(made(), 220, 200, -0.1).sum()


def test_the_inner_face_holds_the_features_and_the_rim_the_rest_of_the_contours_inside() -> None:
    face = made()
    inner, rim, inside = (mask(face, 220, 200) for mask in (inner_face_mask, rim_mask, contour_mask))
    features = face[[k for name, region in REGIONS.items() if name != "contour" for k in region]]
    assert all(inner[round(y), round(x)] for x, y in features)
    assert not (inner & rim).any()
    assert (rim <= inside).all()
    chin, forehead = face[REGIONS["contour"][18]], face[REGIONS["contour"][0]]
    assert rim[round(chin[1]) - 4, round(chin[0])] == rim[round(forehead[1]) + 4, round(forehead[0])] == 1
    assert inner.sum() == pytest.approx(ConvexHull(features).volume * 1.12**2, rel=0.03)


def test_a_face_whose_points_coincide_has_an_inner_face_of_hardly_a_point() -> None:
    assert inner_face_mask(np.full((95, 2), 50.0), 100, 100).sum() <= 1
    line = np.stack([np.linspace(10, 90, 95), np.linspace(10, 90, 95)], axis=-1)
    assert inner_face_mask(line, 100, 100).sum() < 300


def test_jitter_is_the_points_own_noise_and_not_the_heads_motion() -> None:
    rng = np.random.default_rng(0)
    still = np.repeat(made()[None], 40, axis=0)
    moving = still + np.linspace(0, 60, 40)[:, None, None] ** 1.0
    unit = float(face_unit(made()))
    assert jitter(moving) == pytest.approx(0, abs=1e-9)
    noisy = moving + rng.normal(0, 0.02 * unit, moving.shape)
    assert jitter(noisy) == pytest.approx(0.02, rel=0.1)
    assert jitter(noisy[:2]) == 0


def test_stored_points_come_back_to_a_sixteenth_of_a_pixel() -> None:
    points = made() + 0.0371
    back = from_stored(to_stored(points, (100.0, 50.0)), (100.0, 50.0))
    assert np.abs(back - points).max() <= 1 / 16 + 1e-4
    assert to_stored(np.array([9e4, -9e4]), (0.0, 0.0)).tolist() == [32767, -32768]


FIVE = np.array([[80.0, 90.0], [120.0, 90.0], [100.0, 112.0], [88.0, 132.0], [112.0, 132.0]])


def test_the_square_turns_and_grows_with_the_face() -> None:
    square = face_square(FIVE)
    moved = face_square(turned(FIVE, 30, 2.0))
    assert moved.side == pytest.approx(2 * square.side)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.8]])
    np.testing.assert_allclose(moved.to_image(corners), turned(square.to_image(corners), 30, 2.0), atol=1e-9)
    np.testing.assert_allclose(square.from_image(square.to_image(corners)), corners, atol=1e-12)


def test_a_profile_keeps_its_square() -> None:
    profile = FIVE.copy()
    profile[:, 0] = 100 + (profile[:, 0] - 100) * 0.2
    assert face_square(profile).side == pytest.approx(face_square(FIVE).side, rel=0.06)


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_a_square_shows_what_lies_in_it(scale: float) -> None:
    rows, columns = np.mgrid[: int(220 * scale), : int(200 * scale)] + 0.5
    for ramp, axis in ((columns / scale, 0), (rows / scale, 1)):
        image = np.clip(ramp, 0, 255).astype(np.uint8)
        square = face_square(turned(FIVE, 25, 1.0) * scale)
        cut = cut_square(image, square, 96).astype(float)
        places = (np.stack(np.meshgrid(np.arange(96), np.arange(96)), -1) + 0.5) / 96
        wanted = square.to_image(places)[..., axis] / scale
        inside = (np.abs(places - 0.5) < 0.3).all(-1)
        assert np.abs(cut - wanted)[inside].max() < 2.0
        assert -1.3 < (cut - wanted)[inside].mean() < -0.2  # values are cut down to whole numbers, once or twice


def test_beyond_the_image_a_square_is_black() -> None:
    cut = cut_square(np.full((40, 40), 200, np.uint8), face_square(FIVE), 96)
    assert cut[80:, 80:].max() == 0
    far = face_square(FIVE + 5000)
    assert cut_square(np.full((40, 40), 200, np.uint8), far, 96).max() == 0


def test_the_unit_of_points_that_coincide_is_no_zero_to_divide_by() -> None:
    assert face_unit(np.zeros((95, 2))) > 0
    assert np.isfinite(mouth_openings(np.zeros((95, 2)))).all()
