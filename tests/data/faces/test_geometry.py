import numpy as np
import pytest

from dfcore.data.faces import boxes_to_coded, boxes_to_upright, points_to_coded, to_coded, to_upright
from dfcore.data.faces.geometry import scaled_face
from dfcore.data.protocols import Face
from dfcore.errors import UsageError

ROTATIONS = (0, 90, 180, 270)
# A point 1 px from the left and 2 px from the top of a coded frame 10 wide and 6 high, after each clockwise turn.
TURNED = {0: (1, 2), 90: (6 - 2, 1), 180: (10 - 1, 6 - 2), 270: (2, 10 - 1)}


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_known_points(rotation):
    upright = to_upright([1.0, 2.0], rotation, 1.0, 10, 6)
    assert upright.tolist() == list(TURNED[rotation])
    assert points_to_coded(upright, rotation, 1.0, 10, 6).tolist() == [1, 2]


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_points_agree_with_turning_the_pixels(rotation):
    frame = np.zeros((6, 10))
    frame[1, 7] = 1
    image = np.rot90(frame, -rotation // 90)
    row, column = np.argwhere(image)[0]
    assert to_upright([7.5, 1.5], rotation, 1.0, 10, 6).tolist() == [column + 0.5, row + 0.5]


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("scale", [1.0, 0.25, 1 / 6])
def test_round_trips(rotation, scale):
    rng = np.random.default_rng(rotation)
    points = rng.uniform(0, 1000, (4, 5, 2))
    there = to_upright(points, rotation, scale, 1920, 1080)
    np.testing.assert_allclose(points_to_coded(there, rotation, scale, 1920, 1080), points)
    boxes = np.concatenate([points[:, 0], points[:, 0] + rng.uniform(1, 50, (4, 2))], axis=1)
    there = boxes_to_upright(boxes, rotation, scale, 1920, 1080)
    assert (there[:, :2] < there[:, 2:]).all()
    np.testing.assert_allclose(boxes_to_coded(there, rotation, scale, 1920, 1080), boxes)


def test_a_face_found_in_a_reduced_image_of_a_phone_video():
    # Coded 1920 x 1080, to be turned clockwise: the upright image is 1080 x 1920, reduced by 6 to 180 x 320.
    points = ((70, 50), (90, 50), (80, 60), (72, 70), (88, 70))
    face = Face((60, 40, 100, 80), 0.9, points)
    coded = to_coded(face, 90, 1 / 6, 1920, 1080)
    assert coded.score == 0.9
    assert coded.box == pytest.approx((240, 1080 - 600, 480, 1080 - 360))
    # Landmarks keep the order of the upright image: the left eye is the lower one of the coded frame.
    assert coded.landmarks[0] == pytest.approx((300, 1080 - 420))
    assert coded.landmarks[1] == pytest.approx((300, 1080 - 540))
    assert coded.landmarks[3] == pytest.approx((420, 1080 - 432))


def test_a_window_turns_within_itself():
    # A 64 x 32 window turned by 270 degrees is 32 x 64; its upper right corner comes to the upper left.
    assert to_upright([64, 0], 270, 1.0, 64, 32).tolist() == [0, 0]


@pytest.mark.parametrize(("rotation", "scale"), [(45, 1.0), (-90, 1.0), (0, 0.0), (0, -1.0)])
def test_what_is_no_turn_or_scale_is_refused(rotation, scale):
    for turn in (to_upright, points_to_coded):
        with pytest.raises(UsageError, match=f"not {rotation if rotation else scale}"):
            turn([0, 0], rotation, scale, 10, 10)


def test_a_face_in_an_image_of_another_size():
    face = Face((1.0, 2.0, 3.0, 5.0), 0.5, ((1.0, 2.0), (3.0, 4.0)))
    assert scaled_face(face, 2.0, 10.0) == Face((2.0, 20.0, 6.0, 50.0), 0.5, ((2.0, 20.0), (6.0, 40.0)))
