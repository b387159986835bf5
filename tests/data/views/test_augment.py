from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD, VIEWS, build_views
from dfcore.data.views.augment import AUGMENTATIONS, augmentation, blur, erase
from dfcore.data.views.lattice import jitter_range, lattice
from dfcore.errors import UnknownNameError
from dfcore.specs import VIDEO_VIEWS

SPEECH = (
    "mouth",
    "mouth_present",
    "log_mel",
    "audio_present",
    "mouth_openings",
    *VIDEO_VIEWS,
)  # these clips have none; see test_speech_views.py
ALL = (*(name for name in VIEWS if name not in SPEECH), "ghost")
TILES = {"tiles", "tile_face", "tile_parts", "qp", "ghost"}


def views(clip: Clip, names: list[str], seed: int) -> dict[str, Tensor]:
    chosen = augmentation(names)
    return build_views(MemoryClip(clip), ALL, [1], image_size=56, augment=chosen, rng=random.Random(seed))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_touches_the_views_that_it_announces_and_no_other(make_clip: Callable[..., Clip], name: str) -> None:
    clip = make_clip(3, 160, 160)
    plain = views(clip, [], 0)
    touched = {view for seed in range(40) for view, v in views(clip, [name], seed).items() if not v.equal(plain[view])}
    announced = AUGMENTATIONS[name].views
    assert touched == {"*": set(ALL), "tiles*": TILES}.get(announced[0], set(announced))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_numbers_give_the_same_views_and_others_do_not(make_clip: Callable[..., Clip], name: str) -> None:
    clip = make_clip(3, 160, 160)
    drawn = [views(clip, [name], seed) for seed in range(30)]
    again = views(clip, [name], 7)
    assert all(torch.equal(drawn[7][view], again[view]) for view in ALL)
    assert len({drawn[seed][view].numpy().tobytes() for seed in range(30) for view in ("face", "tiles")}) > 2


def test_choosing_one_more_does_not_change_the_others() -> None:
    for seed in range(20):
        every = augmentation(AUGMENTATIONS).draw(random.Random(seed), 320, 320)
        for name, part in (
            ("hflip", "flip"),
            ("lattice_jitter", "jitter"),
            ("face_colour", "colour"),
            ("face_erase", "erase"),
            ("face_blur", "blur"),
        ):
            alone = augmentation([name]).draw(random.Random(seed), 320, 320)
            assert getattr(alone, part) == getattr(every, part)


def test_how_often_each_is_drawn() -> None:
    draws = [augmentation(AUGMENTATIONS).draw(random.Random(seed), 320, 320) for seed in range(2000)]
    shares = {
        "flip": (0.5, [draw.flip for draw in draws]),
        "colour": (0.8, [draw.colour is not None for draw in draws]),
        "erase": (0.25, [draw.erase is not None for draw in draws]),
        "blur": (0.2, [draw.blur > 0 for draw in draws]),
    }
    for share, drawn in shares.values():
        assert np.mean(drawn) == pytest.approx(share, abs=0.04)


def test_any_uniform_generator_will_do() -> None:
    drawn = augmentation(AUGMENTATIONS).draw(np.random.default_rng(0), 320, 320)
    assert isinstance(drawn.flip, bool)


def test_the_lattice_is_moved_by_blocks_and_reaches_all_of_its_range(make_clip: Callable[..., Clip]) -> None:
    clip = make_clip(3, 320, 160)
    most = jitter_range(320), jitter_range(160)
    moves = set()
    for seed in range(200):
        draw = augmentation(["lattice_jitter"]).draw(random.Random(seed), 320, 160)
        moves.add(draw.jitter)
        tiles = views(clip, ["lattice_jitter"], seed)["tiles"].numpy()
        for (x, y), tile in zip(lattice(320, 160, draw.jitter).origins, tiles, strict=True):
            assert np.array_equal(tile, clip.y[1, y : y + 64, x : x + 64])
    assert moves == {(x, y) for x in range(-most[0], most[0] + 1) for y in range(-most[1], most[1] + 1)}


def test_colour_is_an_affine_map_of_rgb(make_clip: Callable[..., Clip]) -> None:
    clip = make_clip(colour_range="pc")
    clip.y[:], clip.u[:], clip.v[:] = 120, 118, 140
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    before = views(clip, [], 0)["face"][:, 20, 20] * std + mean
    changed = 0
    for seed in range(20):
        colour = augmentation(["face_colour"]).draw(random.Random(seed), 128, 96).colour
        after = views(clip, ["face_colour"], seed)["face"][:, 20, 20] * std + mean
        want = before if colour is None else torch.tensor(colour[0]) @ before + torch.tensor(colour[1])
        assert torch.allclose(after, want, atol=1e-4)
        changed += colour is not None
    assert 10 < changed < 20


def test_erasing_sets_a_rectangle_to_the_mean_colour() -> None:
    images = torch.ones(2, 3, 50, 50)
    erase(images, (10, 20, 30, 25))
    assert (images[:, :, 20:25, 10:30] == 0).all()
    assert images.sum() == 2 * 3 * (2500 - 5 * 20)
    for seed in range(200):
        rectangle = augmentation(["face_erase"]).draw(random.Random(seed), 128, 96).erase
        if rectangle:
            x0, y0, x1, y1 = rectangle
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1
            assert 0.02 <= (x1 - x0) * (y1 - y0) <= 0.2 + 1e-9


def test_blur_is_a_gaussian() -> None:
    images = torch.zeros(1, 3, 41, 41)
    images[..., 20, 20] = 1
    found = blur(images, 1.5)[0, 1]
    steps = torch.arange(41.0) - 20
    assert found.sum() == pytest.approx(1.0, abs=1e-5)
    assert (found.sum(0) * steps**2).sum() ** 0.5 == pytest.approx(1.5, rel=0.02)
    assert torch.allclose(found, found.T, atol=1e-7)
    assert torch.allclose(blur(torch.full((1, 3, 9, 9), 2.0), 1.0), torch.tensor(2.0))


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'hflip'"):
        augmentation(["hflop"])


def test_augmentations_need_a_generator(make_clip: Callable[..., Clip]) -> None:
    how: dict[str, Any] = {"image_size": 56, "augment": augmentation(["hflip"])}
    with pytest.raises(ValueError, match="random generator"):
        build_views(MemoryClip(make_clip()), ["face"], [0], **how)
