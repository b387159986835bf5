"""Views from a store that keeps them have the bits of views that are made anew."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.clips import Clip, ClipAccess, MemoryClip, Speech
from dfcore.data.clips.part import part_of
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.coding import CODECS
from dfcore.data.views import VIEWS, build_views
from dfcore.data.views.augment import AUGMENTATIONS, augmentation
from dfcore.data.views.images import KEPT_SIDE
from dfcore.testing.views import made_clip

FRAMES = 8


def clip_of(rotation: int) -> Clip:
    """A clip with a face off the middle, whose planes are noise."""
    clip, rng = made_clip(frames=FRAMES, size=320), np.random.default_rng(rotation)
    shape = clip.u.shape
    clip.u, clip.v = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    boxes = tuple((70.3 + k, 40.7, 190.9 + k, 200.2) for k in range(FRAMES))
    assert clip.landmarks is not None
    clip.landmarks[..., 0] += 77  # no mirrored outline falls on the same points
    return replace(clip, source=replace(clip.source, rotation=rotation), header=replace(clip.header, boxes=boxes))


def views(access: ClipAccess, frames: list[int], seed: int, size: int = KEPT_SIDE) -> dict[str, Tensor]:
    chosen = augmentation(AUGMENTATIONS)
    return build_views(access, VIEWS, frames, image_size=size, augment=chosen, rng=random.Random(seed))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_stores_of_both_kinds_give_what_a_clip_in_memory_gives(tmp_path: Path, rotation: int) -> None:
    clip = clip_of(rotation)
    found = {}
    for codec in ("raw", "compact"):
        store = ClipStore(tmp_path / codec, codec=codec)
        store.write("v", [clip], ClipPlan(context=True))
        found[codec] = store.open("v").access(0)
    flips = set()
    for seed, frames in enumerate([[0], [3], [5], [7], [1, 2, 3], [4, 5, 6]]):
        want = views(MemoryClip(clip), frames, seed)
        flips.add(augmentation(["hflip"]).draw(random.Random(seed), 320, 320).flip)
        for codec, access in found.items():
            got = views(access, frames, seed)
            assert all(torch.equal(got[name], view) for name, view in want.items()), codec
    assert flips == {False, True}


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_kept_is_read_in_place_of_the_planes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    store = ClipStore(tmp_path, codec=codec)
    store.write("v", [clip_of(0)], ClipPlan(context=True))
    access = store.open("v").access(0)
    monkeypatch.setattr(type(access), "planes", None)
    monkeypatch.setattr("dfcore.data.views.landmarks.part_masks", None)
    names = ("face", "context", "tiles", "tile_parts")
    assert set(build_views(access, names, [2], image_size=KEPT_SIDE)) == set(names)
    with pytest.raises(TypeError):
        build_views(access, ["face"], [2], image_size=KEPT_SIDE - 32)  # another size is made of the planes


@pytest.mark.parametrize("codec", CODECS)
def test_another_size_and_a_part_of_a_clip_are_right_too(tmp_path: Path, codec: str) -> None:
    clip = clip_of(0)
    store = ClipStore(tmp_path, codec=codec)
    store.write("v", [clip], ClipPlan(clips=1, frames=FRAMES, native=4, context=True))  # planes of frames 2 to 5 alone
    access = store.open("v").access(0)
    for size in (KEPT_SIDE, 96):
        want, got = (
            build_views(one, ("face", "context", "tile_parts"), [3], image_size=size)
            for one in (MemoryClip(clip), part_of(access, 4))
        )
        shifted = build_views(part_of(access, 4), ("face",), [1], image_size=size)["face"]
        assert torch.equal(shifted, want["face"])  # the part's frame 1 is the clip's frame 3
        assert not torch.equal(got["face"], want["face"])


def test_without_landmarks_there_are_no_parts(tmp_path: Path) -> None:
    store = ClipStore(tmp_path, codec="raw")
    store.write("v", [replace(clip_of(0), landmarks=None)])
    access = store.open("v").access(0)
    assert access.kept("parts", [0]) is None
    assert access.kept("context", [0]) is not None


@pytest.mark.parametrize("codec", CODECS)
def test_openings_of_the_mouth_are_kept_and_landmarks_read_only_where_they_are_asked_for(
    tmp_path: Path, codec: str
) -> None:
    clip, rng = clip_of(0), np.random.default_rng(5)
    points = rng.integers(-900, 900, (60, 95, 2)).astype(np.int16)
    mouth = np.zeros((60, 96, 96), np.uint8)
    clip.speech = Speech(mouth, np.ones(60, bool), 0.4, None, points)
    clip = replace(clip, header=replace(clip.header, speech_start=0.4))
    store = ClipStore(tmp_path, codec=codec)
    store.write("v", [clip], ClipPlan(speech=2.4))
    access = store.open("v").access(0)
    alone, whole = access.speech(mouth=False), access.speech()
    assert alone is not None
    assert whole is not None
    assert (alone.openings is None, alone.landmarks is None) == (False, True)
    assert np.array_equal(whole.landmarks, points)
    names = ("mouth_openings", "video_mouth_openings")
    got, want = (build_views(one, names, [0], image_size=32) for one in (access, MemoryClip(clip)))
    assert all(torch.equal(got[name], want[name]) for name in names)
    assert float(want["mouth_openings"].abs().max()) > 0


def test_what_is_kept_is_decoded_once_for_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ClipStore(tmp_path)
    store.write("v", [clip_of(0)], ClipPlan(context=True))
    access = store.open("v").access(0)
    read, kept = [], type(access).kept
    monkeypatch.setattr(
        type(access), "kept", lambda self, name, frames: (read.append(name), kept(self, name, frames))[1]
    )
    build_views(access, ("face", "context", "tile_parts"), [2], image_size=KEPT_SIDE)
    assert sorted(read) == ["context", "face", "parts"]


def test_a_compact_store_keeps_the_context_for_those_alone_who_read_it(tmp_path: Path) -> None:
    for context in (False, True):
        store = ClipStore(tmp_path / str(context), codec="compact")
        store.write("v", [clip_of(0)], ClipPlan(context=context))
        access = store.open("v").access(0)
        kept = [name for name in ("face", "context", "parts") if access.kept(name, [1]) is not None]
        assert kept == (["face", "context", "parts"] if context else ["face", "parts"])
