"""Views that are finished for a batch at once are those that are finished one by one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.views import CONTROL_VIEWS, VIEWS, build_views
from dfcore.data.views.augment import AUGMENTATIONS, augmentation
from dfcore.data.views.finish import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    _drawn_singly,
    _drawn_together,
    finish_views,
    move_views,
)

SIZE = 56
NAMES = (*VIEWS, *CONTROL_VIEWS)
FINISHED = {"face", "context", "face_mask", "sequence_mask", "background_face"}


@pytest.fixture
def clip(make_clip: Callable[..., Clip]) -> Clip:
    return make_clip(4, 320, 320, box=(150.0, 100.0, 240.0, 210.0))


def read(clip: Clip, frames: list[int], seed: int, **how: Any) -> dict[str, Tensor]:
    every = augmentation(AUGMENTATIONS)
    return build_views(MemoryClip(clip), NAMES, frames, image_size=SIZE, augment=every, rng=random.Random(seed), **how)


@pytest.mark.parametrize("frames", [[1], [0, 1, 2]])
def test_a_batch_gives_the_same_bits_as_its_samples(clip: Clip, frames: list[int]) -> None:
    seeds = range(24)
    parts = [read(clip, frames, seed, finish=False) for seed in seeds]
    assert {name.partition(":")[0] for name in parts[0] if ":" in name} == FINISHED
    assert not FINISHED & set(parts[0])
    whole = default_collate([read(clip, frames, seed) for seed in seeds])
    found = finish_views(default_collate(parts))
    assert list(found) == list(whole) == list(NAMES)
    for name, view in whole.items():
        assert found[name].dtype == view.dtype
        assert torch.equal(found[name], view), name
    assert len({face.numpy().tobytes() for face in whole["face"]}) > 20  # what is drawn differs


def test_what_a_loader_carries_of_an_image_is_bytes(clip: Clip) -> None:
    parts = read(clip, [1], 0, finish=False)
    assert parts["face:pixels"].dtype == parts["context:pixels"].dtype == torch.uint8
    sizes = {name: part.numel() * part.element_size() for name, part in parts.items()}
    assert sizes["face:pixels"] == 3 * SIZE**2
    assert sizes["face_mask:axes"] == 4 * (2 * SIZE + 1)


def test_a_finished_batch_stays_as_it_is(clip: Clip) -> None:
    views = default_collate([read(clip, [1], seed) for seed in range(3)])
    assert all(torch.equal(view, views[name]) for name, view in finish_views(views).items())
    moved = move_views(views, torch.device("cpu"), channels_last=False)
    assert all(torch.equal(view, views[name]) for name, view in moved.items())


@pytest.mark.parametrize("channels_last", [False, True])
def test_moving_finishes_and_lays_images_out(clip: Clip, channels_last: bool) -> None:
    parts = default_collate([read(clip, [1], seed, finish=False) for seed in range(3)])
    moved = move_views(parts, torch.device("cpu"), channels_last=channels_last)
    want = finish_views(parts)
    assert list(moved) == list(want)
    for name, view in want.items():
        assert torch.equal(moved[name], view)
        image = view.ndim == 4 and view.shape[1] == 3
        layout = torch.channels_last if image and channels_last else torch.contiguous_format
        assert moved[name].is_contiguous(memory_format=layout)


def test_blur_and_rectangle_of_a_whole_batch_are_those_of_single_images() -> None:
    """A device other than a CPU does the former."""
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 3, 224, 224)).astype(np.float32))
    drawn = torch.tensor(
        [[0, 0, 0, 0, 0], [1.5, 0, 0, 0, 0], [0, 10, 20, 200, 90], [0.45, 0, 100, 50, 224], [1.568, 5, 6, 7, 8]]
    )
    singly, together = _drawn_singly(images.clone(), drawn), _drawn_together(images.clone(), drawn)
    assert torch.equal(together[0], images[0])
    assert torch.allclose(together, singly, atol=1e-5)
    assert (singly[1:] != images[1:]).flatten(1).any(1).all()
    assert (singly[3, :, 100:, :50] == 0).all()
    assert (together[3, :, 100:, :50] == 0).all()


def test_autocast_rounds_no_view(clip: Clip) -> None:
    parts = default_collate([read(clip, [1], seed, finish=False) for seed in range(4)])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = finish_views(parts)
    assert all(torch.equal(view, rounded[name]) for name, view in finish_views(parts).items())


def test_colours_are_those_of_the_matrix(make_clip: Callable[..., Clip]) -> None:
    clip = make_clip(1, 128, 128)
    clip.y[:], clip.u[:], clip.v[:] = 81, 90, 240  # red in BT.601, limited range
    red = build_views(MemoryClip(clip), ["context"], [0], image_size=SIZE)["context"]
    want = [(value - mean) / std for value, mean, std in zip((1, 0, 0), IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    assert torch.allclose(red.amax((1, 2)), torch.tensor(want), atol=0.02)
    assert torch.allclose(red.amin((1, 2)), torch.tensor(want), atol=0.02)
