"""Looks at the part of an image where a face was seen before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dfcore.data.faces.close import close_paths, faces_close
from dfcore.data.protocols import Face

IMAGE = np.zeros((320, 640, 3), np.uint8)
IMAGE[..., 0], IMAGE[..., 1] = np.arange(320)[:, None] // 32, np.arange(640) // 32


class Shows:
    """Finds faces whose boxes are given in pixels of the whole image, in whatever part it is given."""

    def __init__(self, *boxes: Sequence[float]) -> None:
        self.boxes, self.parts = boxes, list[tuple[int, int, int, int]]()

    def __call__(self, part: np.ndarray) -> list[Face]:
        top, left = int(part[0, 0, 0]) * 32, int(part[0, 0, 1]) * 32
        self.parts.append((left, top, part.shape[1], part.shape[0]))
        found = []
        for x0, y0, x1, y1 in self.boxes:
            inside = np.clip([x0 - left, y0 - top, x1 - left, y1 - top], 0, [*part.shape[1::-1]] * 2).tolist()
            if inside[2] > inside[0] and inside[3] > inside[1]:
                found.append(Face(tuple(inside), 0.8, ((x0 - left + 1, y0 - top + 2),) * 5))
        return found


BEFORE = (300.0, 100.0, 340.0, 150.0)


def test_a_face_that_stays_is_found_in_its_part_alone() -> None:
    now = (306.0, 104.0, 344.0, 152.0)
    shows = Shows(now)
    (found,) = faces_close(IMAGE, BEFORE, shows)
    assert shows.parts == [(256, 64, 128, 128)]  # 45 pixels to each side of 320, 125: 275-365, 80-170
    assert found.box == now
    assert found.score == 0.8
    assert found.landmarks == ((307.0, 106.0),) * 5


@pytest.mark.parametrize(
    "boxes",
    [
        (),  # it is gone
        ((340.0, 100.0, 380.0, 150.0),),  # somebody else's, elsewhere
        ((310.0, 115.0, 325.0, 130.0),),  # far smaller
        ((300.0, 100.0, 340.0, 150.0), (350.0, 100.0, 380.0, 130.0)),  # two of them
        ((240.0, 90.0, 330.0, 160.0),),  # it goes on beyond the part
    ],
)
def test_the_whole_image_is_asked_for_where_the_part_leaves_something_open(boxes: Sequence[Sequence[float]]) -> None:
    shows = Shows(*boxes)
    assert faces_close(IMAGE, BEFORE, shows) == []
    assert len(shows.parts) == 1


def test_a_face_at_the_images_edge_may_be_cut_by_it() -> None:
    box = (0.0, 0.0, 40.0, 50.0)
    assert [face.box for face in faces_close(IMAGE, box, Shows(box))] == [box]


@pytest.mark.parametrize(
    "before",
    [
        (300.0, 100.0, 320.0, 120.0),  # too small to be found in an image of this size
        (100.0, 20.0, 400.0, 300.0),  # so large that its part is most of the image
        (900.0, 100.0, 940.0, 150.0),  # beyond it
        (300.0, 100.0, 340.0, 100.0),  # of no height
    ],
)
def test_no_part_is_looked_at_where_that_would_be_no_use(before: Sequence[float]) -> None:
    shows = Shows(before)
    assert faces_close(IMAGE, before, shows) == []
    assert shows.parts == []


def test_frames_are_looked_at_close_to_the_frame_before_them() -> None:
    paths, alone = close_paths({50, 65}, {20, 32, 44, 80, 92, 150}, 30)
    assert alone == {20, 150}
    assert paths == [(20, 32), (20, 32, 44), (65, 80), (65, 80, 92)]


def test_after_some_close_looks_the_whole_is_looked_at_again() -> None:
    paths, alone = close_paths((), range(0, 120, 10), 10)
    assert alone == {0, 50, 100}
    assert [len(path) for path in paths] == [2, 3, 4, 5, 2, 3, 4, 5, 2]
