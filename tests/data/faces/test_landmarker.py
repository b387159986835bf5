"""The network that dfcore carries: where its points lie on rendered faces, and that nothing else moves them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from dfcore.data.faces import CenterFace
from dfcore.data.faces.dense import REGIONS, DenseLandmarks, contour_mask, landmarks_of, mouth_openings
from dfcore.data.faces.dense.landmarker import WEIGHTS
from dfcore.errors import DataError
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.scene import Take


@pytest.fixture(scope="module")
def take() -> Take:
    return Take(Person.draw(3), 3, 40, 320)


@pytest.fixture(scope="module")
def frames(take: Take) -> list[np.ndarray]:
    return [take.frame(index) for index in range(0, 40, 2)]


@pytest.fixture(scope="module")
def five(frames: list[np.ndarray]) -> np.ndarray:
    detector = CenterFace(threads=1)
    return np.array([detector.detect(frame)[0].landmarks for frame in frames])


@pytest.fixture(scope="module")
def luma(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [(frame @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8) for frame in frames]


@pytest.fixture(scope="module")
def found(luma: list[np.ndarray], five: np.ndarray) -> np.ndarray:
    return DenseLandmarks().locate(luma, five)


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 4e6


def test_eyes_and_mouth_lie_where_the_detector_has_them(found: np.ndarray, five: np.ndarray) -> None:
    apart = np.linalg.norm(five[:, 1] - five[:, 0], axis=1)
    for region, points in (("left_eye", five[:, 0]), ("right_eye", five[:, 1]), ("outer_lips", five[:, 3:].mean(1))):
        middle = found[:, list(REGIONS[region])].mean(1)
        assert (np.linalg.norm(middle - points, axis=1) / apart).max() < 0.25, region
    chin, brow = found[:, REGIONS["contour"][18]], found[:, REGIONS["contour"][0]]
    assert (chin[:, 1] > five[:, 3:, 1].mean(1) + 0.3 * apart).all()
    assert (brow[:, 1] < five[:, :2, 1].mean(1) - 0.4 * apart).all()


def test_the_contour_holds_eyes_and_mouth(found: np.ndarray, five: np.ndarray) -> None:
    mask = contour_mask(found[0], 320, 320)
    assert all(mask[int(y), int(x)] for x, y in five[0])
    assert 0.05 < mask.mean() < 0.6


def test_lips_open_when_the_rendered_mouth_does(take: Take, found: np.ndarray) -> None:
    mouth = np.array([take.moments[index].pose.mouth for index in range(0, 40, 2)])
    assert np.corrcoef(mouth_openings(found)[:, 0], mouth)[0, 1] > 0.7


def test_a_turned_image_has_turned_points(luma: list[np.ndarray], five: np.ndarray, found: np.ndarray) -> None:
    turned = [np.ascontiguousarray(np.rot90(image)) for image in luma[:4]]  # (x, y) goes to (y, 320 - x)
    points = np.stack([five[:4, :, 1], 320 - five[:4, :, 0]], -1)
    wanted = np.stack([found[:4, :, 1], 320 - found[:4, :, 0]], -1)
    assert np.abs(DenseLandmarks().locate(turned, points) - wanted).max() < 1.0


def test_a_face_is_the_same_in_any_company(luma: list[np.ndarray], five: np.ndarray, found: np.ndarray) -> None:
    alone = DenseLandmarks().locate(luma[7:8], five[7:8])
    np.testing.assert_array_equal(alone[0], found[7])


def test_it_travels_to_other_processes(luma: list[np.ndarray], five: np.ndarray, found: np.ndarray) -> None:
    model = DenseLandmarks()
    model.locate(luma[:1], five[:1])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).locate(luma[:1], five[:1]), found[:1])


def test_a_detector_without_its_own_is_served_by_the_network(
    luma: list[np.ndarray], five: np.ndarray, found: np.ndarray
) -> None:
    np.testing.assert_array_equal(landmarks_of(CenterFace(), luma, five), found)


def test_damaged_weights_are_named(tmp_path: Path, luma: list[np.ndarray], five: np.ndarray) -> None:
    path = tmp_path / "landmarks.safetensors"
    path.write_bytes(WEIGHTS.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"landmarks\.safetensors cannot be used"):
        DenseLandmarks(path).locate(luma[:1], five[:1])
