from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.faces import boxes_to_coded, points_to_coded
from dfcore.data.faces.dense import MIRRORED, from_stored, to_stored
from dfcore.data.views import VIEWS, build_views
from dfcore.data.views.augment import augmentation
from dfcore.data.views.upright import UprightFrames
from dfcore.specs import VIDEO_VIEWS

MakeClip = Callable[..., Clip]
SPEECH = (
    "mouth",
    "mouth_present",
    "log_mel",
    "audio_present",
    "mouth_openings",
    *VIDEO_VIEWS,
)  # these clips have none; see test_speech_views.py
ALL = (*(name for name in VIEWS if name not in SPEECH), "ghost")


def views(
    clip: Clip, names: Sequence[str] = ALL, frames: Sequence[int] = (1,), size: int = 56, **how: Any
) -> dict[str, Tensor]:
    return build_views(MemoryClip(clip), names, frames, image_size=size, **how)


def same_view(one: Tensor, other: Tensor, name: str) -> bool:
    """Bit for bit; sums of motion vectors may be taken in another order."""
    return torch.allclose(one, other, atol=1e-4) if name == "motion" else torch.equal(one, other)


def turned(clip: Clip, rotation: int) -> Clip:
    """The same upright image, coded lying: what a camera held sideways writes."""
    turns = rotation // 90
    x, y, width, height = clip.header.window
    lying = (width, height) if rotation == 180 else (height, width)
    wide, high = lying
    at = np.array([x, y])
    boxes = boxes_to_coded(np.array(clip.header.boxes) - np.tile(at, 2), rotation, 1.0, wide, high) + np.tile(at, 2)
    points = points_to_coded(np.array(clip.header.landmarks) - at, rotation, 1.0, wide, high) + at

    def back(maps: Any, axes: tuple[int, int] = (-2, -1)) -> Any:
        return np.ascontiguousarray(np.rot90(maps, turns, axes=axes))

    motion = back(clip.motion, (1, 2))
    for _ in range(turns):
        motion = np.stack([motion[..., 1], -motion[..., 0]], axis=-1)  # right becomes up
    header = replace(
        clip.header,
        window=(x, y, *lying),
        boxes=tuple(map(tuple, boxes.tolist())),
        landmarks=tuple(tuple(map(tuple, five)) for five in points.tolist()),
    )
    return Clip(
        replace(clip.source, rotation=rotation),
        header,
        *(back(plane) for plane in (clip.y, clip.u, clip.v)),
        qp=back(clip.qp),
        motion=motion,
        evidence={name: back(values) for name, values in clip.evidence.items()},
        landmarks=to_stored(
            points_to_coded(from_stored(clip.landmarks, (width / 2, height / 2)), rotation, 1.0, wide, high),
            (wide / 2, high / 2),
        ),
    )


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_lying_clip_is_turned_upright_without_loss(make_clip: MakeClip, rotation: int) -> None:
    upright = make_clip(3, 160, 96)
    lying = turned(upright, rotation)
    if rotation != 180:
        assert lying.y.shape == (3, 160, 96)
    for frames in ((1,), (0, 2)):
        one, other = views(upright, frames=frames), views(lying, frames=frames)
        for name in ALL:
            assert same_view(one[name], other[name], name), name
    uprights = [UprightFrames(MemoryClip(clip), [1]) for clip in (upright, lying)]
    assert np.allclose(uprights[0].landmarks, uprights[1].landmarks)


def mirrored(clip: Clip) -> Clip:
    """The clip of the mirrored world: planes, block maps, boxes and points."""
    x, _, width, _ = clip.header.window
    flip = np.s_[..., ::-1]
    order = (1, 0, 2, 4, 3)
    header = replace(
        clip.header,
        boxes=tuple((2 * x + width - x1, y0, 2 * x + width - x0, y1) for x0, y0, x1, y1 in clip.header.boxes),
        landmarks=tuple(
            tuple((2 * x + width - five[k][0], five[k][1]) for k in order) for five in clip.header.landmarks
        ),
    )
    planes = (np.ascontiguousarray(plane[flip]) for plane in (clip.y, clip.u, clip.v))
    evidence = {name: np.ascontiguousarray(values[flip]) for name, values in clip.evidence.items()}
    motion = clip.motion[:, :, ::-1] * np.array([-1, 1], np.int16)
    qp, dense = np.ascontiguousarray(clip.qp[flip]), clip.landmarks[:, MIRRORED] * np.array([-1, 1], np.int16)
    return Clip(clip.source, header, *planes, qp=qp, motion=motion, evidence=evidence, landmarks=dense)


class Always:
    """A random generator that always draws ``value``."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


@pytest.mark.parametrize("frames", [(1,), (0, 1, 2)])
def test_a_mirrored_clip_is_exactly_the_clip_of_the_mirrored_world(
    make_clip: MakeClip, frames: tuple[int, ...]
) -> None:
    clip = make_clip(3, 144, 96)
    flip = {"augment": augmentation(["hflip"]), "rng": Always(0.1)}
    once, world = views(clip, frames=frames, **flip), views(mirrored(clip), frames=frames)
    twice, same = views(mirrored(clip), frames=frames, **flip), views(clip, frames=frames)
    for name in ALL:
        assert same_view(once[name], world[name], name), name
        assert same_view(twice[name], same[name], name), name
        assert not torch.equal(once[name], same[name]), name
    upright = UprightFrames(MemoryClip(clip), [1], flip=True)
    assert np.allclose(upright.landmarks, UprightFrames(MemoryClip(mirrored(clip)), [1]).landmarks)
    assert (upright.landmarks[0, 0] < upright.landmarks[0, 1])[0]  # the left eye is on the left still


def test_mirrored_tiles_are_mirrored_cell_by_cell(make_clip: MakeClip) -> None:
    clip = make_clip(1, 160, 96)  # an even number of free blocks: the lattice is symmetric
    flip = {"augment": augmentation(["hflip"]), "rng": Always(0.1)}
    for name in ("tiles", "tile_face", "qp", "ghost"):
        plain = views(clip, [name], [0])[name].unflatten(0, (7, 7))
        seen = views(clip, [name], [0], **flip)[name].unflatten(0, (7, 7))
        assert torch.allclose(seen, plain.flip(1, -1), atol=1e-5)


@pytest.mark.parametrize("rotation", [90, 270])
def test_a_lying_clip_may_be_mirrored_too(make_clip: MakeClip, rotation: int) -> None:
    flip = {"augment": augmentation(["hflip"]), "rng": Always(0.1)}
    one, other = views(make_clip(), **flip), views(turned(make_clip(), rotation), **flip)
    assert all(same_view(one[name], other[name], name) for name in ALL)
