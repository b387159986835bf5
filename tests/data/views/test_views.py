from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.colour import yuv_matrix
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.views import FACE_SCALE, IMAGENET_MEAN, IMAGENET_STD, VIEWS, build_views
from dfcore.data.views.lattice import lattice
from dfcore.errors import StoreError
from dfcore.specs import VIDEO_VIEWS

MakeClip = Callable[..., Clip]
ALL = (*VIEWS, "ghost")
MEAN = torch.tensor(IMAGENET_MEAN)[:, None, None]
STD = torch.tensor(IMAGENET_STD)[:, None, None]


def views(
    clip: Clip, names: Sequence[str] = ALL, frames: Sequence[int] = (1,), size: int = 56, **how: Any
) -> dict[str, Tensor]:
    return build_views(MemoryClip(clip), names, frames, image_size=size, **how)


def rgb(view: Tensor) -> Tensor:
    """0..255 of a normalised image."""
    return (view * STD + MEAN) * 255


def with_box(clip: Clip, box: Sequence[float]) -> Clip:
    x, y = clip.header.window[:2]
    moved = (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
    clip.header = replace(clip.header, boxes=(moved,) * len(clip.header.frames))
    return clip


OF_SAMPLES = ("face", "mouth", "mouth_present", "log_mel", "audio_present", "mouth_openings", *VIDEO_VIEWS)


# -- shapes and types --------------------------------------------------------------------------------------------------


def test_shapes_and_types(make_clip: MakeClip) -> None:
    want = {
        "face": ((3, 56, 56), torch.float32),
        "context": ((3, 56, 56), torch.float32),
        "face_mask": ((1, 56, 56), torch.float32),
        "tiles": ((49, 64, 64), torch.uint8),
        "tile_face": ((49, 4, 4), torch.float32),
        "qp": ((49, 4, 4), torch.float32),
        "ghost": ((49, 5, 4, 4), torch.float32),
        "sequence": ((3, 112, 112), torch.uint8),
        "sequence_mask": ((1, 112, 112), torch.float32),
        "motion": ((3, 28, 28), torch.float32),
        "mouth": ((60, 96, 96), torch.uint8),
        "mouth_present": ((60,), torch.float32),
        "log_mel": ((80, 240), torch.float32),
        "audio_present": ((60,), torch.float32),
        "landmarks": ((95, 2), torch.float32),
        "tile_parts": ((49, 2, 4, 4), torch.float32),
        "mouth_openings": ((60, 4), torch.float32),
        "video_mouth_present": ((8, 60), torch.float32),
        "video_log_mel": ((8, 80, 240), torch.float32),
        "video_audio_present": ((8, 60), torch.float32),
        "video_mouth_openings": ((8, 60, 4), torch.float32),
    }
    single = views(make_clip())
    assert {name: (tuple(view.shape), view.dtype) for name, view in single.items()} == want
    several = views(make_clip(), frames=(0, 1, 2))
    assert {name: (tuple(view.shape), view.dtype) for name, view in several.items()} == {
        name: (shape if name in OF_SAMPLES else (3, *shape), kind) for name, (shape, kind) in want.items()
    }


def test_several_frames_are_those_frames(make_clip: MakeClip) -> None:
    clip = make_clip()
    several = views(clip, frames=(0, 1, 2))
    for i in range(3):
        single = views(clip, frames=(i,))
        for name in VIEWS:
            if name not in OF_SAMPLES:
                assert torch.equal(several[name][i], single[name])


def test_the_face_is_that_of_the_middle_frame(make_clip: MakeClip) -> None:
    clip = make_clip()
    for frames, middle in (((0, 1, 2), 1), ((0, 1), 1), ((2,), 2)):
        assert torch.equal(views(clip, ["face"], frames)["face"], views(clip, ["face"], (middle,))["face"])


def test_a_stored_clip_gives_the_same_views(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip()
    store = ClipStore(tmp_path)
    store.write("v", [clip])
    access = ClipStore(tmp_path).open("v").access(0)
    for frames in ((1,), (0, 1), (0, 2)):
        stored = build_views(access, ALL, frames, image_size=56)
        memory = views(clip, frames=frames)
        assert all(torch.equal(stored[name], memory[name]) for name in ALL)


def test_only_what_is_needed_is_read(make_clip: MakeClip) -> None:
    class Watched(MemoryClip):
        def __getattribute__(self, name: str) -> Any:
            if name in ("planes", "luma", "qp", "motion", "evidence", "evidence_mean", "audio"):
                read.append(name)
            return super().__getattribute__(name)

    for names, parts in (
        (("tiles",), ["luma"]),
        (("face", "tiles"), ["planes"]),
        (("tile_face", "face_mask"), []),
        (("qp",), ["qp"]),
        (("ghost",), ["evidence_mean"]),
    ):
        read: list[str] = []
        build_views(Watched(make_clip()), names, [0], image_size=56)
        assert read == parts


def test_a_name_that_is_neither_view_nor_evidence(make_clip: MakeClip) -> None:
    with pytest.raises(StoreError, match=r"clip: 'gost' is no view \(face, context, .*`dfcore prepare`"):
        views(make_clip(), ["gost"])


# -- images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("colour_range", ["tv", "pc"])
def test_a_constant_colour_has_the_right_rgb(make_clip: MakeClip, matrix: str, colour_range: str) -> None:
    colour = np.array([200.0, 90.0, 40.0])
    to_rgb, black = yuv_matrix(matrix, colour_range)
    y, u, v = np.linalg.solve(to_rgb.astype(float), colour) + black
    clip = make_clip(colour_matrix=matrix, colour_range=colour_range)
    clip.y[:], clip.u[:], clip.v[:] = np.rint(y), np.rint(u), np.rint(v)
    found = views(clip, ["face", "context"])
    for image in found.values():
        assert torch.allclose(rgb(image), torch.tensor(colour).float()[:, None, None], atol=1.6)
    assert float(found["face"][0, 0, 0]) == pytest.approx((200 / 255 - 0.485) / 0.229, abs=0.03)


def test_colours_out_of_range_are_cut(make_clip: MakeClip) -> None:
    clip = make_clip()
    for y, u, v in ((255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 255)):
        clip.y[:], clip.u[:], clip.v[:] = y, u, v
        face = rgb(views(clip, ["face"])["face"])
        assert face.min() >= -1e-3
        assert face.max() <= 255.001


def gradient(clip: Clip, axis: int) -> Clip:
    """Luma rises by 1 a pixel along an axis, without colour, full range: grey equals the place."""
    clip.source = replace(clip.source, colour_range="pc")
    clip.y[:] = np.arange(clip.y.shape[axis + 1], dtype=np.uint8).reshape((-1, 1) if axis == 0 else (1, -1))
    clip.u[:] = clip.v[:] = 128
    return clip


@pytest.mark.parametrize("size", [20, 35, 80])  # halved first (40 >= 2 * 20), reduced, enlarged
@pytest.mark.parametrize("axis", [0, 1])
def test_a_planted_gradient_lands_where_it_should(make_clip: MakeClip, size: int, axis: int) -> None:
    side = 52  # 1.3 times the box of 40
    clip = with_box(gradient(make_clip(3, 128, 128), axis), (44, 40, 84, 76))
    face = rgb(views(clip, ["face"], size=size)["face"])
    first = (44 + 84 - side) / 2 if axis == 1 else (40 + 76 - side) / 2
    want = first + (torch.arange(size) + 0.5) * side / size - 0.5  # pixel i spans i..i+1
    inner = slice(2, -2)  # at the very edge there is no neighbour to average with
    found = face[0].mean(dim=1 - axis)
    # Halving rounds up and reducing rounds again; once 0.5 is the most.
    assert torch.allclose(found[inner], want[inner], atol=1.05 if side >= 2 * size else 0.55)
    assert torch.allclose(face[0], face[2], atol=0.01)


def test_chroma_lands_where_luma_does(make_clip: MakeClip) -> None:
    clip = with_box(make_clip(3, 128, 128, colour_range="pc"), (34, 34, 94, 94))
    clip.y[:], clip.u[:], clip.v[:] = 128, 128, 128
    clip.v[:, :, 32:] = 228  # red right of x = 64, the face's middle
    clip.u[:, 32:, :] = 228  # blue below y = 64
    face = rgb(views(clip, ["face"], size=64)["face"])
    assert face[0, :, :30].max() < 130
    assert face[0, :, 34:].min() > 240
    assert face[2, :30].max() < 130
    assert face[2, 34:].min() > 240


def test_the_face_is_antialiased(make_clip: MakeClip) -> None:
    clip = with_box(make_clip(1, 256, 256, colour_range="pc"), (28, 28, 228, 228))
    clip.y[:] = np.where(np.arange(256) % 2, 255, 0).astype(np.uint8)
    clip.u[:] = clip.v[:] = 128
    for size in (40, 64, 100, 140):
        face = rgb(views(clip, ["face"], [0], size=size)["face"])[0, :, 2:-2]
        assert face.std() < 20  # without averaging it would be 127


def test_beyond_the_window_the_edge_is_repeated(make_clip: MakeClip) -> None:
    clip = with_box(gradient(make_clip(3, 128, 96), 1), (-10, 20, 50, 80))
    face = rgb(views(clip, ["face"], size=78)["face"])  # from x = -19, a pixel each
    assert torch.allclose(face[0, :, :18], torch.zeros(()), atol=0.51)
    assert torch.allclose(face[0, 30, 25:], torch.arange(25.0, 78) - 19, atol=1.01)
    wide = with_box(gradient(make_clip(3, 128, 96), 0), (34, 60, 94, 130))
    face = rgb(views(wide, ["face"], size=90)["face"])
    assert torch.allclose(face[0, -10:], torch.tensor(95.0), atol=0.51)


def test_the_context_is_the_whole_window_filled_up_to_a_square(make_clip: MakeClip) -> None:
    clip = gradient(make_clip(3, 128, 96), 0)  # a square of 128, 16 rows repeated above and below
    context = rgb(views(clip, ["context"], size=128)["context"])
    want = torch.clamp(torch.arange(128.0) - 16, 0, 95)
    assert torch.allclose(context[0].mean(dim=1), want, atol=0.6)


def test_the_mask_is_the_faces_ellipse_in_the_context(make_clip: MakeClip) -> None:
    clip = with_box(make_clip(3, 128, 96), (40, 20, 90, 80))
    mask = views(clip, ["face_mask"], size=128)["face_mask"][0]
    assert mask.sum() == pytest.approx(np.pi * 25 * 30, rel=0.02)
    rows, columns = torch.nonzero(mask > 0.5, as_tuple=True)
    assert (columns.min(), columns.max() + 1) == (40, 90)
    assert (rows.min(), rows.max() + 1) == (20 + 16, 80 + 16)
    assert mask[50 + 16, 65] == 1
    assert mask[21 + 16, 41] == 0


def test_one_square_serves_all_frames(make_clip: MakeClip) -> None:
    """A face box that jitters must not make the image jitter."""
    clip = gradient(make_clip(3, 128, 128), 1)
    x, y = clip.header.window[:2]
    boxes = tuple((x + 40.0 + d, y + 40.0, x + 80.0 + d, y + 80.0) for d in (-3, 0, 3))
    clip.header = replace(clip.header, boxes=boxes)
    made = views(clip, ["sequence", "sequence_mask"], (0, 1, 2))
    assert torch.equal(made["sequence"][0], made["sequence"][2])
    columns = made["sequence_mask"].sum(dim=(1, 2))
    middles = (columns * (torch.arange(112) + 0.5)).sum(1) / columns.sum(1)
    assert torch.allclose(middles, (60 + torch.tensor([-3.0, 0, 3])) * 112 / 128, atol=0.05)


# -- motion ------------------------------------------------------------------------------------------------------------


def moving(clip: Clip, kinds: str = "IPB") -> Clip:
    clip.motion = np.zeros((*clip.y.shape[:1], clip.y.shape[1] // 16, clip.y.shape[2] // 16, 2), np.int16)
    clip.header = replace(clip.header, pict_types=kinds)
    return clip


def test_motion_is_in_the_sequences_pixels_and_known_where_the_codec_tells_it(make_clip: MakeClip) -> None:
    clip = moving(make_clip(3, 224, 224))
    clip.motion[...] = (16, -8)  # 4 pixels right, 2 up
    view = views(clip, ["motion"], (0, 1, 2))["motion"]
    assert not view[0].any()  # an I-frame tells nothing
    for frame in view[1:]:
        assert torch.allclose(frame[0], torch.tensor(2.0))
        assert torch.allclose(frame[1], torch.tensor(-1.0))
        assert torch.equal(frame[2], torch.ones(28, 28))


def test_motion_lies_where_its_block_lies_and_is_unknown_outside_of_the_window(make_clip: MakeClip) -> None:
    clip = moving(make_clip(3, 224, 112), "PPP")
    clip.motion[:, 0, 13] = (40, 0)  # the upper right block of 14 x 7: two by two cells of the square
    view = views(clip, ["motion"], (0,))["motion"]
    known = torch.zeros(28, 28)
    known[7:21] = 1
    assert torch.equal(view[2], known)
    assert view[0].nonzero().tolist() == [[7, 26], [7, 27], [8, 26], [8, 27]]


def test_what_is_known_of_motion_is_one_and_what_is_not_zero_whatever_the_sums_of_the_shares(
    make_clip: MakeClip,
) -> None:
    known = views(moving(make_clip(3, 496, 208), "PPP"), ["motion"], (0,))["motion"][2]
    assert known.unique().tolist() == [0, 1]


def test_without_vectors_no_motion_is_known(make_clip: MakeClip) -> None:
    clip = make_clip()
    clip.motion = None
    assert not views(clip, ["motion"], (0, 1, 2))["motion"].any()


# -- the lattice -------------------------------------------------------------------------------------------------------


def test_tiles_are_native_luma(make_clip: MakeClip) -> None:
    clip = make_clip(3, 160, 96)
    tiles = views(clip, ["tiles"])["tiles"].numpy()
    for (x, y), tile in zip(lattice(160, 96).origins, tiles, strict=True):
        assert np.array_equal(tile, clip.y[1, y : y + 64, x : x + 64])


def test_qp_and_evidence_belong_to_the_tiles_blocks(make_clip: MakeClip) -> None:
    clip = make_clip(3, 160, 96)
    found = views(clip, ["qp", "ghost"])
    several = views(clip, ["ghost"], (0, 2))["ghost"]
    mean = clip.evidence["ghost"].astype(np.float32).mean(axis=0)
    for tile, (x, y) in enumerate(lattice(160, 96).origins // 16):
        part = np.s_[..., y : y + 4, x : x + 4]
        assert np.array_equal(found["qp"][tile], clip.qp[1][part])
        assert np.allclose(found["ghost"][tile], mean[part])
        assert np.array_equal(several[1, tile], clip.evidence["ghost"][2][part])


def test_unknown_quantisers_are_minus_one(make_clip: MakeClip) -> None:
    clip = make_clip()
    clip.qp = None
    assert torch.equal(views(clip, ["qp"])["qp"], torch.full((49, 4, 4), -1.0))


def test_tile_face_is_the_share_of_each_block_in_the_ellipse(make_clip: MakeClip) -> None:
    clip = with_box(make_clip(1, 448, 448), (101.5, 60.0, 290.25, 330.0))
    tile_face = views(clip, ["tile_face"], [0])["tile_face"]  # 448: the tiles neither overlap nor leave gaps
    assert float(tile_face.sum()) * 256 == pytest.approx(np.pi / 4 * 188.75 * 270, rel=1e-3)
    yy, xx = np.mgrid[:448, :448] + 0.5
    inside = ((xx - 195.875) / 94.375) ** 2 + ((yy - 195) / 135) ** 2 <= 1
    want = lattice(448, 448).blocks(inside.reshape(28, 16, 28, 16).mean(axis=(1, 3)))
    assert np.allclose(tile_face, want, atol=0.06)
    assert tile_face.max() == pytest.approx(1.0)
    assert tile_face.min() == 0.0


def test_a_face_outside_of_the_window_leaves_the_tiles_empty(make_clip: MakeClip) -> None:
    for box in ((-90, 10, -20, 70), (200, 10, 260, 70), (10, 150, 50, 190), (10, -80, 50, -40)):
        found = views(with_box(make_clip(), box), ["tile_face", "face"])
        assert found["tile_face"].sum() == 0
        assert torch.isfinite(found["face"]).all()


def test_the_scale_of_the_face_view_is_what_the_docs_say() -> None:
    assert FACE_SCALE == 1.3
