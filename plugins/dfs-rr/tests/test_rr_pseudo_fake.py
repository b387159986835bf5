"""The pseudo-fake: only the face changes, and it changes as the kind says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dfcore.errors import UnknownNameError
from dfs_rr.pseudo_fake import FACTORS, PseudoFake

SIZE, FRAMES = 256, 3


@dataclass
class Span:
    """As the core's footage: full native frames of a span."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    fps: float = 25.0
    audio: None = field(default=None)


def forged(*given: Any) -> Any:
    control, fake = PseudoFake()(*given)
    assert control is given[0]
    return fake


def footage(*, left: float = 70.0) -> Span:
    rng = np.random.default_rng(0)

    def plane(size: int) -> NDArray[np.uint8]:
        return rng.integers(60, 200, (FRAMES, size, size), dtype=np.uint8)

    boxes = np.array([[left + 3.3 * t, 60.0, left + 100 + 3.3 * t, 190.0] for t in range(FRAMES)])
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    landmarks = boxes[:, None, :2] + points * (boxes[:, None, 2:] - boxes[:, None, :2])
    return Span(plane(SIZE), plane(SIZE // 2), plane(SIZE // 2), boxes, landmarks)


def core(span: Span, plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The middle of the face in every frame."""
    step = SIZE // plane.shape[1]
    x, y = ((span.boxes[:, :2] + span.boxes[:, 2:]) / 2 / step).astype(int).T
    reach = 24 // step
    cuts = [p[b - reach : b + reach, a - reach : a + reach] for p, a, b in zip(plane, x, y, strict=True)]
    return np.stack(cuts).astype(np.float64)


def finest(image: NDArray[np.float64], frequency: float) -> float:
    """Share of the energy above a frequency on either axis."""
    power = np.abs(np.fft.fft2(image - image.mean((1, 2), keepdims=True))) ** 2
    f = np.abs(np.fft.fftfreq(image.shape[-1]))
    above = np.maximum(f[:, None], f) > frequency
    return float(power[:, above].sum() / power.sum())


@pytest.mark.parametrize("kind", FACTORS)
def test_the_face_holds_nothing_above_what_the_small_image_could(kind: str) -> None:
    span = footage()
    for seed in range(6):  # every pair of kernels is drawn from a seed
        made = forged(span, kind, np.random.default_rng(seed))
        limit = min(0.45, 0.5 / FACTORS[kind] * 1.25)
        assert finest(core(span, made.y), limit) < 0.5 * finest(core(span, span.y), limit)


def test_a_larger_factor_leaves_less() -> None:
    span = footage()
    left = [core(span, forged(span, kind, np.random.default_rng(1)).y).std() for kind in FACTORS]
    assert left == sorted(left, reverse=True)


def test_nothing_changes_outside_the_face_in_any_plane() -> None:
    span = footage()
    made = forged(span, "x2", np.random.default_rng(0))
    for before, after, step in ((span.y, made.y, 1), (span.u, made.u, 2), (span.v, made.v, 2)):
        assert after.dtype == np.uint8
        assert after.shape == before.shape
        for frame in range(FRAMES):
            x0, y0, x1, y1 = span.boxes[frame] / step
            grid = np.arange(before.shape[1]) + 0.5
            radius = np.hypot((grid - (x0 + x1) / 2) / (x1 - x0), (grid[:, None] - (y0 + y1) / 2) / (y1 - y0)) * 2
            changed = after[frame] != before[frame]
            assert not changed[radius > 1.1].any()
            assert changed[radius < 0.6].mean() > 0.8


def test_the_image_stays_where_it_was() -> None:
    span = footage()
    x = np.arange(SIZE, dtype=np.float64)
    span.y[:] = np.rint(60 + 0.3 * x + 0.2 * x[:, None]).astype(np.uint8)  # a ramp is the same after any resampling
    made = forged(span, "x3", np.random.default_rng(4))
    assert np.abs(made.y.astype(int) - span.y).max() <= 1


def test_the_seed_decides_and_the_given_footage_is_left_alone() -> None:
    span = footage()
    kept = span.y.copy()
    first, again, other = (PseudoFake()(span, None, np.random.default_rng(seed))[1] for seed in (3, 3, 4))
    assert np.array_equal(first.y, again.y)
    assert not np.array_equal(first.y, other.y)
    assert np.array_equal(span.y, kept)


def test_a_sharper_face_has_steeper_edges_and_its_surround_and_colours_stay() -> None:
    span = footage()
    made = forged(span, "sharper", np.random.default_rng(0))
    changed = (made.y != span.y).any(axis=0)
    assert 0.02 < changed.mean() < 0.5
    steps = [
        np.abs(np.diff(plane.astype(float), axis=2))[:, :, :-1][:, changed[:, 1:-1]].mean()
        for plane in (span.y, made.y)
    ]
    assert steps[1] > 1.2 * steps[0]
    assert np.array_equal(made.u, span.u)


@pytest.mark.parametrize("left", [-60.0, 210.0, 500.0])
def test_a_face_that_leaves_the_frame_is_resampled_as_far_as_it_is_seen(left: float) -> None:
    made = forged(footage(left=left), "x2", np.random.default_rng(0))
    assert made.y.shape == (FRAMES, SIZE, SIZE)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"x9.*x1\.5"):
        forged(footage(), "x9", np.random.default_rng(0))
