"""The forgery: where a fake differs from its target, and what the codec's history says."""

from __future__ import annotations

import numpy as np
import pytest

from dfcore.testing.demo.codec import decode, encode
from dfcore.testing.demo.swap import Swap
from dfcore.testing.demo.video import C23, Upload, fake_frames

FRAMES, SIZE = 8, 256


@pytest.fixture(scope="module")
def uploads() -> tuple[Upload, ...]:
    return tuple(Upload.make(video, 0, FRAMES, SIZE) for video in ("071", "054", "087", "081"))


def weights(target: Upload, source: Upload) -> np.ndarray:
    """Where the fake is pasted, [FRAMES, SIZE, SIZE]."""
    swap = Swap(target.take, source.take.person)
    return np.stack([swap.paste(np.zeros((SIZE, SIZE, 3), np.uint8), index) for index in range(FRAMES)])


def pairs(uploads: tuple[Upload, ...]) -> list[tuple[Upload, Upload]]:
    a, b, c, d = uploads
    return [(a, b), (b, a), (c, d), (d, c)]


def test_a_fake_is_its_target_but_for_the_face(uploads: tuple[Upload, ...]) -> None:
    for target, source in pairs(uploads):
        before = [frame.copy() for frame in target.frames]
        fake = np.stack(fake_frames(target, source.take.person)).astype(int)
        np.testing.assert_array_equal(target.frames, before)
        weight, real = weights(target, source), np.stack(target.frames).astype(int)
        np.testing.assert_array_equal(fake[weight == 0], real[weight == 0])
        assert np.abs(fake - real)[weight > 0.9].mean() > 5
        assert 0.03 < (weight > 0.5).mean() < 0.2


def test_after_the_second_generation_too(uploads: tuple[Upload, ...]) -> None:
    target, source = pairs(uploads)[0]
    weight = weights(target, source)
    real, fake = (
        np.stack(decode(encode(frames, C23))).astype(int)
        for frames in (target.frames, fake_frames(target, source.take.person))
    )
    difference = np.abs(fake - real).mean(axis=-1)
    assert difference[weight > 0.9].mean() > 5
    assert difference[weight == 0].mean() < 1.5


def test_the_pasted_face_was_never_compressed(uploads: tuple[Upload, ...]) -> None:
    """The first generation takes the finest detail away; the pasted face still has it."""
    for target, source in pairs(uploads):
        core = weights(target, source) > 0.9
        real, fake = (
            np.stack(frames)[..., 1].astype(float)
            for frames in (target.frames, fake_frames(target, source.take.person))
        )
        assert fine_detail(fake, core) > 1.5 * fine_detail(real, core)


def fine_detail(luma: np.ndarray, where: np.ndarray) -> float:
    """Mean energy of the finest diagonal detail."""
    detail = luma[:, 1:, 1:] - luma[:, :-1, 1:] - luma[:, 1:, :-1] + luma[:, :-1, :-1]
    return float((detail**2)[where[:, 1:, 1:]].mean())


def test_the_recompression_ghost_tells_the_face_of_a_fake(uploads: tuple[Upload, ...]) -> None:
    """Face minus surround, after removing what local activity explains: higher in each fake than in its original."""
    gains = []
    for target, source in pairs(uploads):
        weight = weights(target, source)
        real, fake = (
            ghost_residual(frames, weight) for frames in (target.frames, fake_frames(target, source.take.person))
        )
        gains.append(fake - real)
    assert np.mean(gains) > 0.05
    assert sum(gain > 0 for gain in gains) >= 3


def ghost_residual(frames: list[np.ndarray], weight: np.ndarray) -> float:
    once = decode(encode(frames, C23))
    again = np.stack(decode(encode(once, C23)))[..., 1].astype(float)
    green = np.stack(once)[..., 1].astype(float)
    ghost = np.log(blocks((green - again) ** 2) + 0.05)
    activity = np.log(blocks(np.abs(np.diff(green, axis=2, append=green[:, :, -1:]))) + 0.3)
    face, surround = blocks(weight) > 0.8, blocks(weight) == 0
    terms = np.stack([np.ones_like(activity), activity, activity**2], axis=-1)
    fit = np.linalg.lstsq(terms[surround], ghost[surround], rcond=None)[0]
    return float((ghost - terms @ fit)[face].mean())


def blocks(planes: np.ndarray) -> np.ndarray:
    """Means over 16x16 blocks."""
    return planes.reshape(len(planes), SIZE // 16, 16, SIZE // 16, 16).mean(axis=(2, 4))


def test_encoding_gives_the_same_bytes_and_all_frames(uploads: tuple[Upload, ...]) -> None:
    frames = uploads[0].frames
    assert encode(frames, C23) == encode(frames, C23)
    back = decode(encode(frames, 8))
    assert len(back) == FRAMES
    assert np.abs(np.stack(back).astype(int) - np.stack(frames)).mean() < 3
