"""The flow against its definition, written out in NumPy and double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfs_tm import flow
from dfs_tm.flow import correlation, measure, soft_argmax, warped

Array = NDArray[np.float64]


def textured(frames: int = 3, seed: int = 0) -> Tensor:
    """``[1, T, 112, 112]``: strong texture that moves and changes, a part that is flat, a part that is faint."""
    draw = torch.Generator().manual_seed(seed)
    fine = F.interpolate(torch.randn(1, 1, 70, 70, generator=draw), size=(160, 160), mode="bicubic")[0, 0]
    moved = torch.stack([fine[20 + 3 * t : 132 + 3 * t, 24 - 2 * t : 136 - 2 * t] for t in range(frames)])
    luma = 40 * moved + 6 * torch.randn(frames, 112, 112, generator=draw)  # about 0: less is lost to rounding
    luma[:, :32, 80:] = 5
    luma[:, 80:, :32] = 5 + luma[:, 80:, :32] / 20
    return luma[None]


def halved(luma: Tensor) -> Array:
    return luma.double().numpy().reshape(-1, 56, 2, 56, 2).mean((2, 4))


def matched(first: Array, second: Array) -> Array:
    """Normalised cross-correlation of 8x8 windows for displacements -4..4 down and across: ``[9, 9, 14, 14]``."""
    windows = np.lib.stride_tricks.sliding_window_view
    here = windows(np.pad(first, 2, mode="edge"), (8, 8))[::4, ::4].reshape(14, 14, 64)
    around = windows(np.pad(second, 6, mode="edge"), (8, 8))
    here = here - here.mean(-1, keepdims=True)
    found = np.zeros((9, 9, 14, 14))
    for down in range(9):
        for across in range(9):
            there = around[down : down + 56 : 4, across : across + 56 : 4].reshape(14, 14, 64)
            there = there - there.mean(-1, keepdims=True)
            power = (here**2).mean(-1) * (there**2).mean(-1)
            found[down, across] = (here * there).mean(-1) / np.sqrt(power + 4**2)
    return found


def shares(volume: Array) -> Array:
    """Softmax over the 81 displacements, 40 to a unit of correlation: ``[81, 14, 14]``."""
    raised = np.exp(40 * (volume.reshape(81, 14, 14) - volume.max()))
    return raised / raised.sum(0)


def displacement(volume: Array) -> Array:
    """Expected (x, y): ``[2, 14, 14]``."""
    places = np.arange(81)
    steps = np.stack([places % 9 - 4, places // 9 - 4])
    return np.einsum("kn,nyx->kyx", steps, shares(volume))


def looked_up(image: Array, x: Array, y: Array) -> Array:
    """Bilinear values at (x, y), in pixels from the middle of the first one; the edge is repeated."""
    height, width = image.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    right, low = x - left, y - top
    upper = image[top, left] * (1 - right) + image[top, left + 1] * right
    lower = image[top + 1, left] * (1 - right) + image[top + 1, left + 1] * right
    return upper * (1 - low) + lower * low


def grid(side: int) -> tuple[Array, Array]:
    y, x = np.mgrid[:side, :side].astype(float)
    return x, y


def along(image: Array, flow: Array) -> Array:
    """``image`` ``[56, 56]`` moved along ``flow`` ``[2, 14, 14]``, which is spread bilinearly."""
    x, y = grid(56)
    dense = [looked_up(part, (x + 0.5) / 4 - 0.5, (y + 0.5) / 4 - 0.5) for part in flow]
    return looked_up(image, x - dense[0], y - dense[1])


def test_correlation_is_that_of_every_pair_of_windows() -> None:
    first, second = halved(textured(2))
    found = correlation(*(torch.from_numpy(part[None]).float() for part in (first, second)))
    np.testing.assert_allclose(found[0], matched(first, second), atol=2e-3)


def test_a_compiled_graph_goes_row_by_row_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (torch.from_numpy(part[None]).float() for part in halved(textured(2)))
    expected = correlation(first, second)
    monkeypatch.setattr(flow, "is_compiling", lambda: True)
    monkeypatch.setattr(Tensor, "new_empty", None)  # what the loop over displacements fills
    assert torch.allclose(correlation(first, second), expected, atol=1e-5)


@pytest.mark.parametrize("level", [100.3, 200.7, 254.9])
def test_correlation_of_flat_ground_with_texture_is_a_number(level: float) -> None:
    """Rounding makes the variance of flat ground slightly negative."""
    texture = 128 + 100 * torch.randn(1, 56, 56, generator=torch.Generator().manual_seed(0))
    flat = torch.full((1, 56, 56), level)
    for pair in ((flat, texture), (texture, flat)):
        found = correlation(*pair)
        assert torch.isfinite(found).all()
        assert found.abs().max() < 0.2


def test_the_flow_is_the_expected_displacement() -> None:
    volume = torch.rand(2, 9, 9, 14, 14, generator=torch.Generator().manual_seed(0))
    vectors, share = soft_argmax(volume)
    for number in range(2):
        one = volume[number].double().numpy()
        np.testing.assert_allclose(share[number], shares(one), atol=1e-5)
        np.testing.assert_allclose(vectors[number], displacement(one), atol=1e-4)


def test_warping_looks_the_image_up_behind_the_flow() -> None:
    draw = torch.Generator().manual_seed(3)
    image, flow = 100 * torch.rand(1, 56, 56, generator=draw), 6 * torch.rand(1, 2, 14, 14, generator=draw) - 3
    expected = along(image[0].double().numpy(), flow[0].double().numpy())
    np.testing.assert_allclose(warped(image, flow)[0], expected, atol=2e-2)


def test_all_that_is_measured_of_a_pair() -> None:
    luma = textured()
    small, found = halved(luma), measure(luma)
    for t in range(2):
        volume, back = matched(small[t], small[t + 1]), matched(small[t + 1], small[t])
        forward, share = displacement(volume), shares(volume)
        near = {"rtol": 0.01, "atol": 0.02}
        np.testing.assert_allclose(found.vectors[0, t], 2 * forward, **near)
        np.testing.assert_allclose(found.peak[0, t], volume.max((0, 1)), **near)
        entropy = -(share * np.log(share + 1e-9)).sum(0) / np.log(81)
        np.testing.assert_allclose(found.entropy[0, t], entropy, **near)
        x, y = grid(14)
        returned = [looked_up(part, x + forward[0] / 4, y + forward[1] / 4) for part in displacement(back)]
        length = np.hypot(forward[0] + returned[0], forward[1] + returned[1])
        np.testing.assert_allclose(found.back[0, t], 2 * length, **near)
        error = (along(small[t], forward) - small[t + 1]) ** 2
        residual = np.log(error.reshape(14, 4, 14, 4).mean((1, 3)) + 0.1)
        np.testing.assert_allclose(found.residual[0, t], residual, rtol=0.02, atol=0.1)


def faint() -> Tensor:
    """Noise that hardly matches anywhere: the best correlation is below .05."""
    return 0.4 * torch.randn(1, 2, 112, 112, generator=torch.Generator().manual_seed(5)) + 4


@pytest.mark.parametrize("luma", [textured(seed=1), faint()], ids=["textured", "faint"])
def test_the_second_peak_lies_two_steps_away_and_is_a_share_of_the_first(luma: Tensor) -> None:
    """Where the first is below .05, that stands in its place."""
    small, found = halved(luma), measure(luma)
    flat = matched(small[0], small[1]).reshape(81, 14, 14)
    rows, columns = np.divmod(np.arange(81), 9)
    clear = 0
    for row in range(14):
        for column in range(14):
            here = flat[:, row, column]
            best = here.argmax()
            if np.sort(here)[-2] > 0.98 * here[best]:
                continue  # float32 may take another of two peaks
            away = np.maximum(np.abs(rows - rows[best]), np.abs(columns - columns[best])) >= 2
            expected = here[away].max() / max(here[best], 0.05)
            assert found.second[0, 0, row, column].item() == pytest.approx(expected, abs=0.01)
            clear += 1
    assert clear > 50
