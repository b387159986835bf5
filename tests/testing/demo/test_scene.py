"""The rendered people: they hold still where they should, move where they should, and the detector sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfcore.data.faces.centerface import CenterFace
from dfcore.testing.demo import render_person
from dfcore.testing.demo.camera import Camera
from dfcore.testing.demo.people.head import Head, Light, Pose
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.scene import Take

SIZE = 192
SCALE = 34.0
LIGHT = Light(0.4, 0.5, (0.9, 0.9, 0.9), 0.35, (1.0, 1.0, 1.0))
POSE = Pose(96.0, 84.0, SCALE, roll=0.0, yaw=0.0, pitch=0.0, mouth=0.0, eyes=1.0, gaze=(0.0, 0.0))


@pytest.fixture(scope="module")
def head() -> Head:
    return Head(Person.draw(5), SCALE)


def image(head: Head, **changes: object) -> np.ndarray:
    """The head over grey, linear [3, SIZE, SIZE]."""
    seen = head.render(LIGHT, replace(POSE, **changes), SIZE, SIZE)  # type: ignore[arg-type]
    out = np.full((3, SIZE, SIZE), 0.2, np.float32)
    part = (slice(None), *seen.part)
    out[part] += (seen.colour - out[part]) * seen.alpha
    return out


def changed(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Face coordinates u, v of the pixels that differ visibly."""
    rows, columns = np.nonzero(np.abs(a - b).max(axis=0) > 0.03)
    return (columns - POSE.x) / SCALE, (rows - POSE.y) / SCALE


def test_a_person_is_the_seeds() -> None:
    assert Person.draw(7) == Person.draw(7)
    assert len({Person.draw(seed).skin for seed in range(20)}) == 20


def test_a_head_moves_with_its_pose(head: Head) -> None:
    still, moved = image(head), image(head, x=POSE.x + 7, y=POSE.y + 4)
    np.testing.assert_allclose(moved[:, 24:, 27:], still[:, 20:-4, 20:-7], atol=1e-3)


def test_turning_moves_the_nose_further_than_the_eyes(head: Head) -> None:
    anatomy = head.anatomy

    def seen_at(u: float, v: float, yaw: float) -> float:
        """The column (head units) in which the face point (u, v) is seen."""
        part = head.render(LIGHT, replace(POSE, yaw=yaw), SIZE, SIZE)
        distance = np.hypot(part.u - u, part.v - v)
        column = np.unravel_index(int(distance.argmin()), distance.shape)[1]
        return (float(column) + (part.part[1].start or 0) - POSE.x) / SCALE

    nose = [seen_at(0.0, anatomy.nose_v, yaw) for yaw in (-0.2, 0.2)]
    eye = [seen_at(anatomy.eye_u, 0.0, yaw) for yaw in (-0.2, 0.2)]
    assert nose[1] - nose[0] > 0.2
    assert 0 < eye[1] - eye[0] < nose[1] - nose[0]


def test_blinking_changes_the_eyes_only(head: Head) -> None:
    u, v = changed(image(head), image(head, eyes=0.0))
    assert len(u) > 20
    assert np.all(np.abs(np.abs(u) - head.anatomy.eye_u) < 0.36)
    assert np.all(np.abs(v) < 0.26)
    pupil = (slice(None), round(POSE.y), round(POSE.x + head.anatomy.eye_u * SCALE))
    cheek = image(head)[:, round(POSE.y + 0.4 * SCALE), round(POSE.x + 0.5 * SCALE)].mean()
    assert image(head)[pupil].mean() < 0.35 * cheek
    assert 0.5 * cheek < image(head, eyes=0.0)[pupil].mean() < 1.5 * cheek


def test_speaking_changes_mouth_and_chin_only(head: Head) -> None:
    u, v = changed(image(head), image(head, mouth=0.8))
    assert len(u) > 50
    assert v.min() > head.anatomy.mouth_v - 0.1
    dark = image(head, mouth=0.8)[:, round(POSE.y + (head.anatomy.mouth_v + 0.11) * SCALE), round(POSE.x)]
    assert dark.max() < 0.1


def test_the_chin_follows_the_jaw(head: Head) -> None:
    shut, opened = (head.render(LIGHT, replace(POSE, mouth=mouth), SIZE, SIZE) for mouth in (0.0, 1.0))
    below = np.abs(shut.u) < 0.1
    for v, drop in ((head.anatomy.mouth_v - 0.2, 0.0), (head.anatomy.chin_v, 0.2)):
        at = below & (np.abs(shut.v - v) < 0.05)
        assert (shut.v - opened.v)[at].mean() == pytest.approx(drop, abs=0.02)


def test_light_from_the_right_lights_the_right_cheek(head: Head) -> None:
    sides = []
    for azimuth in (-0.8, 0.8):
        seen = head.render(replace(LIGHT, azimuth=azimuth), POSE, SIZE, SIZE)
        cheek = (np.abs(np.abs(seen.u) - 0.55) < 0.12) & (np.abs(seen.v - 0.4) < 0.12)
        sides.append([seen.colour[:, cheek & (seen.u * side > 0)].mean() for side in (-1, 1)])
    assert sides[0][0] > 1.2 * sides[0][1]
    assert sides[1][1] > 1.2 * sides[1][0]


def test_sensor_noise_grows_with_the_light() -> None:
    camera = Camera(exposure=1.0, noise=0.02, blur=0.4, vignette=0.0)
    measured = []
    for level in (0.1, 0.4):
        flat = np.full((3, 200, 200), level, np.float32)
        shot = camera.expose(flat, camera.falloff(200, 200), np.random.default_rng(0)).astype(np.float64)
        linear = (shot / 255) ** 2.2
        assert linear.mean() == pytest.approx(level, rel=0.02)
        measured.append(linear.std())
    expected = [0.02 / 0.45 * np.sqrt(level + 0.02) for level in (0.1, 0.4)]
    np.testing.assert_allclose(measured, expected, rtol=0.05)


def test_noise_is_new_in_each_frame_and_the_same_when_asked_again() -> None:
    take = Take(Person.draw(3), 3, 4, SIZE)
    np.testing.assert_array_equal(take.frame(1), take.frame(1))
    moving = take.moments[2]
    take.moments[1] = moving  # the same moment: what differs now is the sensor's noise
    difference = take.frame(1).astype(int) - take.frame(2)
    assert 1 < difference.std() < 12
    assert abs(np.corrcoef(difference[1:].ravel(), difference[:-1].ravel())[0, 1]) < 0.03


def test_render_person_gives_moving_frames() -> None:
    frames = render_person(11, 6, SIZE)
    assert frames.shape == (6, SIZE, SIZE, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, render_person(11, 6, SIZE))
    means = frames.astype(np.float32).reshape(6, 8, 24, 8, 24, 3).mean(axis=(2, 4))
    assert np.abs(means[5] - means[0]).max() > 2


@pytest.mark.parametrize("seed", range(8))
def test_the_detector_finds_the_one_face(seed: int) -> None:
    take = Take(Person.draw(seed), seed, 24, 256)
    detector = CenterFace(threads=1)
    for index in (0, 12, 23):
        faces = detector.detect(take.frame(index))
        assert len(faces) == 1
        assert faces[0].score > 0.6
        pose = take.moments[index].pose
        points = np.asarray(faces[0].landmarks)
        assert np.hypot(*(points[:2].mean(axis=0) - (pose.x, pose.y))) < 0.35 * pose.scale
        assert 1.2 < (faces[0].box[3] - faces[0].box[1]) / pose.scale < 3.0
