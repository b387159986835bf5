"""The views of dense landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dfcore.data.clips import MemoryClip, Speech
from dfcore.data.faces.dense import inner_face_mask, rim_mask, to_stored
from dfcore.data.views import build_views
from dfcore.data.views.augment import augmentation
from dfcore.errors import StoreError
from dfcore.testing.landmarks import made_landmarks
from dfcore.testing.views import made_clip


class Always:
    """A random generator that always says yes."""

    def random(self) -> float:
        return 0.0


def test_points_lie_where_the_face_is_in_the_window() -> None:
    found = build_views(MemoryClip(made_clip(size=192)), ["landmarks"], [0, 3], image_size=32)["landmarks"]
    assert found.shape == (2, 95, 2)
    assert found.dtype == torch.float32
    wanted = made_landmarks(np.zeros(1), (96, 96 - 0.05 * 192), 0.16 * 192)[0]
    assert np.abs(found[1].numpy() - wanted).max() < 0.07


def test_a_mirror_takes_left_for_right() -> None:
    clip = made_clip(size=192)
    assert clip.landmarks is not None
    clip.landmarks[..., 0] += 80  # ten pixels to the right, and a mouth that is not symmetric
    clip.landmarks[:, 71, 1] += 40
    plain = build_views(MemoryClip(clip), ["landmarks"], [0], image_size=32)["landmarks"]
    flipped = build_views(
        MemoryClip(clip), ["landmarks"], [0], image_size=32, augment=augmentation(["hflip"]), rng=Always()
    )["landmarks"]
    assert flipped[:, 0].mean() == pytest.approx(192 - plain[:, 0].mean().item(), abs=1e-3)
    assert flipped[:36, 0].argmax() < 18  # the contour still goes clockwise from the forehead
    assert flipped[77, 1] == plain[71, 1]


def test_parts_are_the_blocks_shares_of_inner_face_and_rim() -> None:
    """In a window of 448 the tiles neither overlap nor leave gaps."""
    found = build_views(MemoryClip(made_clip(size=448)), ["tile_parts"], [2], image_size=32)["tile_parts"]
    points = made_landmarks(np.zeros(1), (224, 224 - 0.05 * 448), 0.16 * 448)[0]
    for part, mask in enumerate((inner_face_mask, rim_mask)):
        blocks = mask(points, 448, 448).reshape(28, 16, 28, 16).mean((1, 3))
        tiles = blocks.reshape(7, 4, 7, 4).transpose(0, 2, 1, 3).reshape(49, 4, 4)
        assert np.abs(found[:, part].numpy() - tiles).max() < 0.2, part  # a point for each four pixels
        assert found[:, part].sum() == pytest.approx(tiles.sum(), rel=0.05)


def test_parts_are_mirrored_with_the_face() -> None:
    clip = made_clip(size=448)
    assert clip.landmarks is not None
    clip.landmarks[..., 0] += 480  # sixty pixels to the right
    plain, flipped = (
        build_views(MemoryClip(clip), ["tile_parts"], [0], image_size=32, augment=augmentation(names), rng=Always())
        for names in ([], ["hflip"])
    )
    maps = [found["tile_parts"].unflatten(0, (7, 7)) for found in (plain, flipped)]
    assert (maps[1] - maps[0].flip(1, 4)).abs().max() < 0.26
    assert (maps[1] - maps[0]).abs().max() > 0.9


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_lying_clip_is_read_upright(rotation: int) -> None:
    clip = made_clip(size=192)
    upright = made_landmarks(np.zeros(1), (90, 80), 30)[0]
    x, y = upright[:, 0], upright[:, 1]
    coded = {90: (y, 192 - x), 180: (192 - x, 192 - y), 270: (192 - y, x)}[rotation]
    clip.landmarks = np.repeat(to_stored(np.stack(coded, -1), (96, 96))[None], 8, axis=0)
    turned = replace(clip, source=replace(clip.source, rotation=rotation))
    found = build_views(MemoryClip(turned), ["landmarks"], [0], image_size=32)["landmarks"]
    assert np.abs(found.numpy() - upright).max() < 0.07


def test_openings_follow_the_opening_that_was_made() -> None:
    clip = made_clip()
    opening = np.linspace(0, 0.3, 60)
    assert clip.speech is not None
    dense = to_stored(made_landmarks(opening, (0, 0), 60), (0.0, 0.0))
    spoken = replace(clip, speech=replace(clip.speech, landmarks=dense))
    found = build_views(MemoryClip(spoken), ["mouth_openings"], [0], image_size=32)["mouth_openings"].numpy()
    assert found.shape == (60, 4)
    assert np.corrcoef(found[:, 0], opening)[0, 1] > 0.999
    assert found[0, 0] == pytest.approx(0, abs=0.01)
    assert found[:, 1].std() < 0.01


def test_of_longer_speech_the_middle_is_read() -> None:
    clip = made_clip()
    said = clip.speech
    assert said is not None
    opening = np.concatenate([np.zeros(20), np.full(60, 0.25), np.zeros(20)])
    longer = Speech(
        np.repeat(said.mouth[:1], 100, 0),
        np.ones(100, bool),
        0.0,
        None,
        to_stored(made_landmarks(opening, (0, 0), 60), (0.0, 0.0)),
    )
    found = build_views(MemoryClip(replace(clip, speech=longer)), ["mouth_openings"], [0], image_size=32)
    assert found["mouth_openings"][:, 0].min() > 0.15


def test_without_speech_they_are_zero_and_without_landmarks_an_error_says_what_to_do() -> None:
    clip = made_clip()
    silent = replace(clip, speech=None, header=replace(clip.header, speech_start=None))
    assert build_views(MemoryClip(silent), ["mouth_openings"], [0], image_size=32)["mouth_openings"].abs().sum() == 0
    assert clip.speech is not None
    bare = replace(clip, landmarks=None, speech=replace(clip.speech, landmarks=None))
    for name in ("landmarks", "tile_parts", "mouth_openings"):
        with pytest.raises(StoreError, match="dfcore prepare"):
            build_views(MemoryClip(bare), [name], [0], image_size=32)
