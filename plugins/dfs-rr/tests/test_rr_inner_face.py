"""The inner face against its own rim."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from dfs_rr.inner_face import RATIOS, InnerFace
from dfs_rr.multi_scale import Pyramid
from dfs_rr.window import CELLS, WindowReader

COUNT = len(RATIOS)
INNER, RIM = 24, (16, 17, 18, 23, 25, 30, 31, 32)
"""The tiles that are the inner face and its rim."""


def views(tiles: Tensor, *, inner: bool = True, rim: bool = True) -> dict[str, Tensor]:
    """A window of tiles ``[49, 64, 64]``; its rim lies in the face's share."""
    parts = torch.zeros(1, CELLS, 2, 4, 4)
    parts[:, INNER, 0], parts[:, list(RIM), 1] = float(inner), float(rim)
    return {
        "tiles": tiles.round().clamp(0, 255).byte()[None],
        "tile_face": parts.sum(2),
        "tile_parts": parts,
        "qp": torch.full((1, CELLS, 4, 4), 23.0),
    }


def noise(seed: int = 0) -> Tensor:
    return 120 + 20 * torch.randn(CELLS, 64, 64, generator=torch.Generator().manual_seed(seed))


def softer(tiles: Tensor, which: tuple[int, ...]) -> Tensor:
    """These tiles blurred by a box of 3x3 pixels."""
    found = tiles.clone()
    found[list(which)] = torch.nn.functional.avg_pool2d(tiles[list(which)], 3, 1, 1, count_include_pad=False)
    return found


def described(given: dict[str, Tensor]) -> Tensor:
    """The groups for all blocks alike, then for those with contrast: ``[2, 4, R]``; and the two flags."""
    found = InnerFace()(WindowReader()(given))[0]
    assert found.shape == (CELLS, InnerFace.descriptors)
    assert (found == found[0]).all()
    return found[0]


def groups(given: dict[str, Tensor]) -> Tensor:
    return described(given)[:-2].reshape(2, 4, COUNT)


def test_it_is_the_log_ratio_of_octaves_by_its_definition() -> None:
    tiles = softer(noise(), (INNER, *RIM[:4], 3))
    given = views(tiles)
    given["tile_parts"] = torch.rand(1, CELLS, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    given["tile_face"] = torch.rand(1, CELLS, 4, 4, generator=torch.Generator().manual_seed(2))
    window = WindowReader()(given)
    pixels = window.pixels.double()
    bands = Pyramid().double()(pixels.movedim(0, 1).contiguous())
    energy = np.zeros((CELLS, 4, 4, 4))
    for level, band in enumerate(bands):
        at = np.arange(0, 64, 1 << level)
        squares = band.square().movedim(1, 0).numpy()
        for i in range(4):
            for j in range(4):
                rows, columns = ((at // 16 == k) & (at >= 4) & (at < 60) for k in (i, j))
                energy[:, i, j, level] = squares[:, rows][:, :, columns].mean((1, 2))
    weights = [given["tile_parts"][0, :, part].double().numpy() ** 4 for part in (0, 1)]
    weights.append((1 - given["tile_face"][0].double().numpy()) ** 2)
    contrast = window.blocks.contrast.double().numpy().reshape(CELLS, 4, 4)
    wanted = []
    for power in (np.ones_like(contrast), contrast**2):
        means = [np.log((energy * (w * power)[..., None]).sum((0, 1, 2)) / (w * power).sum() + 1 / 12) for w in weights]
        inner, rim, surround = ([m[a] - m[b] for a, b in ((0, 1), (1, 2), (2, 3), (0, 2))] for m in means)
        inner, rim, surround = (np.array(part) for part in (inner, rim, surround))
        wanted.append([inner, inner - rim, inner - surround, rim - surround])
    np.testing.assert_allclose(groups(given), wanted, rtol=2e-3, atol=2e-3)
    assert described(given)[-2:].tolist() == [1, 1]


def test_a_softer_inner_face_lacks_the_finest_octave_that_its_rim_has() -> None:
    plain, soft = groups(views(noise())), groups(views(softer(noise(), (INNER,))))
    assert plain[:, 1, :2].abs().max() < 0.15  # of the coarsest octaves there are few
    assert (soft[:, 1, RATIOS.index((0, 1))] < -0.5).all()
    torch.testing.assert_close(soft[:, 3], plain[:, 3], atol=0.02, rtol=0)  # the rim is as it was


def test_a_softer_rim_turns_the_sign() -> None:
    soft = groups(views(softer(noise(), RIM)))
    finest = RATIOS.index((0, 1))
    assert (soft[:, 1, finest] > 0.5).all()
    assert (soft[:, 3, finest] < -0.5).all()


@pytest.mark.parametrize(("gain", "level"), [(2.0, 0.0), (0.7, 0.0), (1.0, 60.0)])
def test_neither_contrast_nor_brightness_counts(gain: float, level: float) -> None:
    plain, other = noise(), noise()
    other[INNER] = 120 + gain * (other[INNER] - 120) + level
    alike, apart = groups(views(plain))[0, 1], groups(views(other))[0, 1]
    torch.testing.assert_close(alike, apart, atol=0.05, rtol=0)


@pytest.mark.parametrize(("inner", "rim"), [(False, True), (True, False), (False, False)])
def test_a_part_that_is_not_in_the_window_is_said_to_be_missing_and_tells_nothing(inner: bool, rim: bool) -> None:
    given = views(softer(noise(), (INNER,)), inner=inner, rim=rim)
    assert described(given)[-2:].tolist() == [float(inner), float(rim)]
    found = groups(given)
    assert (found[:, 0].abs().sum() > 0) == inner
    assert found[:, 1].abs().sum() == 0
    assert (found[:, 2].abs().sum() > 0) == inner
    assert (found[:, 3].abs().sum() > 0) == rim


def test_flat_windows_are_told_of_without_a_number_that_is_none() -> None:
    for level in (0.0, 128.0, 255.0):
        assert described(views(torch.full((CELLS, 64, 64), level)))[:-2].abs().max() == 0
