from types import SimpleNamespace

import numpy as np
import pytest

from dfcore.data.faces import clip_window
from dfcore.data.faces.window import fills_window
from dfcore.errors import UsageError


def still(x0, y0, x1, y1, frames=8):
    return np.tile(np.array([x0, y0, x1, y1], float), (frames, 1))


def test_a_face_in_the_middle_of_a_large_frame():
    # 96 x 128 around (480, 320): twice the larger side is 256, and 480 - 128 = 352 = 22 x 16.
    assert clip_window(still(432, 256, 528, 384), 960, 640) == (352, 192, 256, 256)


def test_the_origin_goes_to_the_nearest_point_of_the_grid():
    for shift in range(-7, 8):
        x, y, w, h = clip_window(still(432 + shift, 256, 528 + shift, 384), 960, 640)
        assert (x, y, w, h) == (352, 192, 256, 256)
    assert clip_window(still(432 + 9, 256, 528 + 9, 384), 960, 640) == (368, 192, 256, 256)


def test_the_window_stays_in_the_frame_cut_to_whole_blocks():
    assert clip_window(still(1850, 1000, 1915, 1080), 1920, 1080) == (1920 - 160, 1072 - 160, 160, 160)
    assert clip_window(still(0, 0, 64, 80), 1920, 1080) == (0, 0, 160, 160)


def test_it_is_square_only_where_the_frame_allows():
    assert clip_window(still(500, 20, 800, 340), 1280, 360) == (336, 0, 640, 352)
    assert clip_window(still(20, 500, 340, 800), 360, 1280) == (0, 336, 352, 640)


def test_a_moving_face_keeps_its_surround():
    boxes = still(432, 256, 528, 384)
    boxes[:, [0, 2]] += np.linspace(-40, 40, 8)[:, None]
    # The union is 176 wide; with one face's side (128) of surround that is 304, around (480, 320).
    assert clip_window(boxes + 4, 960, 640) == (336, 176, 304, 304)


def test_the_scale_widens():
    assert clip_window(still(432, 256, 528, 384), 960, 640, scale=3.0) == (288, 128, 384, 384)


def test_too_small_a_face_or_frame_gives_none():
    assert clip_window(still(100, 100, 120, 131), 640, 480) is None
    assert clip_window(still(100, 100, 120, 132), 640, 480) is not None
    assert clip_window(still(100, 100, 120, 124), 640, 480, min_face=24) == (80, 80, 64, 64)
    assert clip_window(still(0, 0, 60, 60), 79, 63) is None
    assert clip_window(still(0, 0, 60, 60), 79, 64) == (0, 0, 64, 64)


def test_one_odd_box_does_not_decide_on_the_face_size():
    boxes = still(100, 100, 120, 131)
    boxes[3] = [90, 90, 150, 160]
    assert clip_window(boxes, 640, 480) is None


@pytest.mark.parametrize("boxes", [np.zeros((0, 4)), np.zeros((8, 5)), np.zeros(4), np.full((2, 4), np.nan)])
def test_what_is_no_list_of_boxes_is_refused(boxes):
    with pytest.raises(UsageError, match=r"finite boxes \[T, 4\]"):
        clip_window(boxes, 640, 480)


def random_case(rng):
    width, height = (int(v) for v in rng.integers(64, 2000, 2))
    size = rng.uniform(32, 600, 2)
    start = rng.uniform(0, [width, height]) - size / 2
    path = np.cumsum(rng.normal(0, 4, (int(rng.integers(1, 40)), 2)), axis=0)
    boxes = np.concatenate([start + path, start + path + size], axis=1)
    return np.clip(boxes, 0, [width, height, width, height]), width, height


def test_promises_hold_for_many_random_clips():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        boxes, width, height = random_case(rng)
        window = clip_window(boxes, width, height)
        face = np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1))
        if window is None:
            assert face < 32
            continue
        assert face >= 32
        x, y, w, h = window
        assert all(type(v) is int and v % 16 == 0 for v in window)
        assert min(x, y) >= 0
        assert min(w, h) >= 64
        assert x + w <= width // 16 * 16
        assert y + h <= height // 16 * 16
        wanted = (boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)).max() + face
        for size, limit, start, stop, origin in zip(
            (w, h),
            (width // 16 * 16, height // 16 * 16),
            boxes[:, :2].min(axis=0),
            boxes[:, 2:].max(axis=0),
            (x, y),
            strict=True,
        ):
            assert size == limit or abs(size - max(wanted, 64)) <= 8
            off_centre = abs(origin + size / 2 - (start + stop) / 2)
            assert off_centre <= 8 or origin in (0, limit - size)
            if size < limit:  # the face is wholly inside, but for what the frame's last odd pixels hold
                assert origin <= start + 1e-9
                assert origin + size >= min(stop, limit) - 1e-9
        assert w == h or min(w // 16, h // 16) == min(width // 16, height // 16) or max(w, h) > min(width, height) - 16


def test_a_window_of_several_frames_has_a_largest_size_and_keeps_its_middle() -> None:
    huge = [[2000.0, 3000.0, 5000.0, 6000.0]]
    assert clip_window(huge, 8192, 8192) == (496, 1504, 6000 // 16 * 16, 6000 // 16 * 16)
    assert clip_window(huge * 2, 8192, 8192) == (3504 - 768, 4496 - 768, 1536, 1536)


@pytest.mark.parametrize(
    ("boxes", "fills"),
    [
        ([(10, 20, 90, 170)], True),  # 80 of 100 across and 150 of 200 down: exactly .8 and .75
        ([(10, 20, 89, 170)], False),
        ([(10, 20, 90, 169)], False),
        ([(10, 20, 80, 160), (0, 0, 90, 160)], True),  # 80 and 150 in the mean
        ([(10, 20, 80, 160), (0, 0, 89, 160)], False),
    ],
)
def test_a_face_fills_its_window_where_its_mean_box_does_in_both_directions(boxes, fills) -> None:
    header = SimpleNamespace(
        window=(300, 400, 100, 200), boxes=[(x0, y0 * 16 / 15, x1, y1 * 16 / 15) for x0, y0, x1, y1 in boxes]
    )
    assert fills_window(header, 0.8) == ("the face fills its window (80x160 of 100x200 px)" if fills else "")


def test_a_window_has_a_least_size_and_a_photos_has_no_largest() -> None:
    assert clip_window(still(300, 200, 332, 232), 640, 480) == (288, 192, 64, 64)  # its middle is (316, 216)
    assert clip_window(still(300, 200, 340, 240), 640, 480) == (288, 176, 80, 80)  # 280 lies between two, and goes up
