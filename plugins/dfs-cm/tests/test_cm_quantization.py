import pytest
import torch

from dfs_cm.module import comparisons
from dfs_cm.quantization import MAPS, QuantizationCue, soft_argmin


@pytest.mark.parametrize("place", [0, 2, 5])
def test_soft_argmin_finds_the_least(place):
    values = torch.full((1, 6, 3), 4.0)
    values[:, place] = -1.0
    torch.testing.assert_close(soft_argmin(values), torch.full((1, 1, 3), float(place)), atol=1e-3, rtol=0)


def test_soft_argmin_of_equal_values_is_the_middle():
    assert soft_argmin(torch.zeros(1, 6, 1)).item() == pytest.approx(2.5)


def test_soft_argmin_lies_between_two_qualities_that_are_alike():
    values = torch.full((1, 6, 1), 4.0)
    values[:, 2:4] = -1.0
    assert soft_argmin(values).item() == pytest.approx(2.5, abs=1e-3)


def made_ghost(lifted: float, softened: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A ghost that the local spectrum explains but for noise; three tiles of face, lifted or softened."""
    generator = torch.Generator().manual_seed(1)
    ghost = torch.randn(1, 49, 18, 4, 4, generator=generator)
    tile_face = torch.zeros(1, 49, 4, 4)
    face = [23, 24, 25]
    tile_face[:, face] = 1
    ghost[:, face, 14:] -= softened
    ghost[:, :, :MAPS] = 0.6 * ghost[:, :, 14:].mean(2, keepdim=True) + 0.3 * ghost[:, :, 12:13]
    ghost[:, :, :MAPS] += 0.05 * torch.randn(1, 49, MAPS, 4, 4, generator=generator)
    ghost[:, face, :MAPS] += lifted
    return ghost, tile_face


def features(ghost: torch.Tensor, tile_face: torch.Tensor) -> torch.Tensor:
    parts = torch.stack([tile_face, 1 - tile_face], 2)  # all that is not the face is its rim
    return QuantizationCue.features(ghost, comparisons(ghost, tile_face)[0], tile_face.mean((-2, -1)), parts)[0]


def test_a_face_that_changes_more_than_its_content_says_stands_out():
    """The local spectrum explains the ghost everywhere but in the face, which is 0.8 above at every quality."""
    found = features(*made_ghost(0.8))
    cells, over_face = found[:MAPS], found[MAPS + 2 : 2 * MAPS + 2]
    assert cells[:, [23, 24, 25]].min() > 0.2
    assert cells[:, :20].abs().max() < 0.1
    torch.testing.assert_close(over_face, torch.full((MAPS, 49), 0.8), atol=0.1, rtol=0)


def test_a_softer_face_does_not():
    """Its spectrum falls, and the ghost with it, as the surround says: nothing is left over."""
    found = features(*made_ghost(0.0, softened=1.0))
    assert found[MAPS + 2 : 2 * MAPS + 2].abs().max() < 0.1


def test_the_inner_face_is_told_from_its_rim_as_it_is():
    """Lifted by 0.8, and by what its content differs in: nothing is fitted there."""
    ghost, tile_face = made_ghost(0.8)
    found = features(ghost, tile_face)[-20:-1]
    inside = tile_face[0, :, None].bool().expand(-1, 18, -1, -1)
    maps = ghost[0].double()
    for k in range(18):
        inner, rim = maps[:, k][inside[:, k]].mean(), maps[:, k][~inside[:, k]].mean()
        assert found[k].tolist() == pytest.approx([(inner - rim).item()] * 49, abs=1e-3)
    assert found[:MAPS].min() > 0.3
    assert (found[18] == 1).all()


def test_without_a_rim_nothing_is_told_of_the_inner_face():
    ghost, tile_face = made_ghost(0.8)
    parts = torch.stack([tile_face, 0 * tile_face], 2)
    blocks = comparisons(ghost, tile_face)[0]
    found = QuantizationCue.features(ghost, blocks, tile_face.mean((-2, -1)), parts)[0, -20:-1]
    assert found.abs().max() == 0
