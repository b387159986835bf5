import math

import pytest
import torch

from dfs_cm.dct import (
    BINS,
    band_energies,
    block_dct,
    block_histograms,
    block_logs,
    dct_matrix,
    soft_histogram,
    zigzag,
)


def cosine_block(vertical: int, horizontal: int, size: int, amplitude: float) -> torch.Tensor:
    n = torch.arange(size, dtype=torch.float64)
    down, across = (torch.cos(math.pi * (2 * n + 1) * k / (2 * size)) for k in (vertical, horizontal))
    return (128 + amplitude * down[:, None] * across[None]).float()


@pytest.mark.parametrize("size", [4, 8])
def test_a_cosine_has_one_coefficient(size):
    """cos · cos of frequencies (1, 2) over NxN: C[1, 2] = amplitude · N/2, all others 0 (orthonormal DCT-II)."""
    image = cosine_block(1, 2, size, 40.0).repeat(3, 2)  # 3 blocks down, 2 across
    coefficients = block_dct(image, size)
    assert coefficients.shape == (size, size, 3, 2)
    expected = torch.zeros(size, size, 3, 2)
    expected[1, 2] = 40.0 * size / 2
    torch.testing.assert_close(coefficients, expected, atol=1e-3, rtol=0)


def test_blocks_stay_in_their_places():
    image = torch.full((16, 24), 128.0)
    image[8:, 16:] = cosine_block(0, 3, 8, 10.0)
    energy = block_dct(image).square().sum((0, 1))
    assert energy.nonzero().tolist() == [[1, 2]]


def test_parseval():
    image = torch.randint(0, 256, (2, 64, 48), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    energy = (image.double() - 128).square().sum((-2, -1))
    for size in (4, 8, 16):
        torch.testing.assert_close(block_dct(image, size).double().square().sum((1, 2, 3, 4)), energy)


def test_the_matrix_is_orthonormal():
    torch.testing.assert_close(dct_matrix(8) @ dct_matrix(8).T, torch.eye(8), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(60, 64), (64, 60)])
def test_an_image_off_the_grid_is_refused(height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} has no whole number of 8x8 blocks"):
        block_dct(torch.zeros(height, width))


def test_zigzag_is_jpegs():
    assert zigzag(8)[:10] == ((0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0))
    assert zigzag(8)[-2:] == ((7, 6), (7, 7))
    assert len(set(zigzag(8))) == 64


def test_log_magnitudes_follow_the_zigzag_block_by_block():
    """Frequency (2, 0) is the third AC one; a coefficient of e - 1 gives 1. One block of one tile has it."""
    tiles = torch.full((1, 49, 64, 64), 128.0)
    tiles[0, 5, 16:32, 48:] = cosine_block(2, 0, 8, (math.e - 1) / math.sqrt(32)).repeat(2, 2)
    found = block_logs(block_dct(tiles).abs(), 20)
    expected = torch.zeros(1, 20, 784)
    expected[0, 2, 5 * 16 + 4 + 3] = 1.0
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_histograms_are_of_each_block():
    """Twelve coefficients of the diagonal i + j = 2 in a block: four of (2, 0) are 3, the eight others 0."""
    magnitudes = torch.zeros(1, 49, 8, 8, 8, 8)
    magnitudes[0, 7, 2, 0, 4:6, 2:4] = 3.0  # third row, second column of the eighth tile
    found = block_histograms(magnitudes).unflatten(1, (5, BINS))[0, :, :, 7 * 16 + 2 * 4 + 1]
    assert found[1, [0, 3]].tolist() == pytest.approx([8 / 12, 4 / 12])
    assert found[0, 0].item() == 1
    assert block_histograms(magnitudes).unflatten(1, (5, BINS))[0, 1, 0].sum().item() == pytest.approx(784 - 4 / 12)


def test_each_band_sees_its_own_frequencies():
    """F3-Net's bands of an 8x8 block: i + j in 1..2, 3..4 and 5..14."""
    for frequency, band in [((1, 1), 0), ((0, 2), 0), ((0, 3), 1), ((2, 2), 1), ((1, 4), 2), ((7, 7), 2)]:
        energies = band_energies(block_dct(cosine_block(*frequency, 8, 20.0)).abs())
        silent = math.log(0.05)
        assert energies.argmax().item() == band
        assert [round(e, 3) == round(silent, 3) for e in energies.tolist()].count(True) == 2


def test_integers_fall_into_their_own_bins():
    values = torch.tensor([0.0, 0.0, 3.0, 19.0, 20.0, 57.0, 1e6, 2.0])
    found = soft_histogram(values)
    expected = torch.zeros(BINS)
    expected[[0, 3, 19, 20, 2]] = torch.tensor([2, 1, 1, 3, 1]) / 8
    assert torch.equal(found, expected)


def test_a_value_between_two_bins_is_shared():
    found = soft_histogram(torch.tensor([[2.25], [19.5]]))
    assert found[0, 2].item() == 0.75
    assert found[0, 3].item() == 0.25
    assert found[1, 19].item() == found[1, 20].item() == 0.5
    assert torch.equal(found.sum(-1), torch.ones(2))
