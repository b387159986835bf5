from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD, build_views

GREY = [(128 - 16) / 219] * 3
BOX = (32 + 60.0, 16 + 50.0, 32 + 130.0, 16 + 140.0)
"""In a window of 192 x 192 at (32, 16): x 60 to 130, y 50 to 140; the strip on its right, from x 139 on, is largest."""


def grey_face(make_clip: Callable[..., Clip], box=BOX, frames: int = 1, size: int = 192, **source) -> Clip:
    """White noise-free background at luma 200, the face's box (and a tenth beside it) black."""
    clip = make_clip(frames, size, size, box=box, **source)
    clip.y = np.full_like(clip.y, 200)
    x0, y0, x1, y1 = (round(v) for v in (box[0] - 32, box[1] - 16, box[2] - 32, box[3] - 16))
    clip.y[:, y0:y1, x0:x1] = 16
    clip.u, clip.v = np.full_like(clip.u, 128), np.full_like(clip.v, 128)
    return clip


def views(clip: Clip, frames=(0,), size: int = 56) -> dict[str, torch.Tensor]:
    return build_views(MemoryClip(clip), ["face", "background_face", "background_cells"], frames, image_size=size)


def rgb(view: torch.Tensor) -> torch.Tensor:
    return view * torch.tensor(IMAGENET_STD)[:, None, None] + torch.tensor(IMAGENET_MEAN)[:, None, None]


def test_no_pixel_of_the_face_is_in_the_background(make_clip) -> None:
    found = views(grey_face(make_clip))
    assert rgb(found["face"]).min() < 0.01
    white = rgb(found["background_face"])
    assert white.shape == (3, 56, 56)
    assert white.min() == pytest.approx((200 - 16) / 219, abs=0.01)
    assert white.max() == pytest.approx((200 - 16) / 219, abs=0.01)


def test_background_has_the_scale_of_the_face_view(make_clip) -> None:
    clip = grey_face(make_clip)
    clip.y[:] = 16 + 200 * (np.arange(192) // 4 % 2)[None, None, :].astype(np.uint8)  # stripes of 4 pixels
    face, background = (rgb(views(clip, size=118)[name])[0, 59] > 0.5 for name in ("face", "background_face"))

    def changes(row: torch.Tensor) -> int:
        return int((row[1:] != row[:-1]).sum())

    assert abs(changes(face) - changes(background)) <= 3  # a mirror's seam may join or split a stripe
    assert changes(face) > 20


def test_background_cells_have_no_face(make_clip) -> None:
    cells = views(grey_face(make_clip))["background_cells"]
    assert cells.shape == (7, 7)
    assert cells[3, 3] == 0
    assert cells[2, 2] == 0
    assert cells[0, 6] == 1
    assert cells[6, 6] == 1
    # The tile in the middle of the upper edge, x 64 to 128, y 0 to 64, holds the top of the head.
    assert cells[0, 3] == 0


def test_a_face_that_moves_is_out_of_all_frames_cells(make_clip) -> None:
    clip = grey_face(make_clip, frames=2)
    still = views(clip, (0, 1))["background_cells"]
    x0, y0, x1, y1 = BOX
    boxes = (BOX, (x0 + 60, y0 + 40, x1 + 60, y1 + 40))
    moved = Clip(clip.source, type(clip.header)(**{**clip.header.to_json(), "boxes": boxes}), clip.y, clip.u, clip.v)
    assert views(moved, (0, 1))["background_cells"].sum() < still.sum()
    assert views(moved, (0, 1))["background_cells"][6, 6] == 0


def test_a_window_full_of_face_has_no_background(make_clip) -> None:
    found = views(grey_face(make_clip, box=(32.0, 16.0, 32 + 190.0, 16 + 190.0)))
    assert not found["background_cells"].any()
    assert not found["background_face"].any()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_cells_turn_with_the_image(make_clip, rotation: int) -> None:
    # The face is in the coded window's upper left; turned clockwise that corner goes round.
    clip = grey_face(make_clip, box=(32 + 10.0, 16 + 10.0, 32 + 80.0, 16 + 90.0), rotation=rotation)
    cells = views(clip)["background_cells"]
    corner = {0: (0, 0), 90: (0, 6), 180: (6, 6), 270: (6, 0)}[rotation]
    assert cells[corner] == 0
    assert sum(cells[place] for place in ((0, 0), (0, 6), (6, 6), (6, 0))) == 3
    white = rgb(views(clip)["background_face"])
    assert white.min() == pytest.approx((200 - 16) / 219, abs=0.01)
