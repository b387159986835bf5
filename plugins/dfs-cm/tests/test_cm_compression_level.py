import pytest
import torch

from dfs_cm.block_boundaries import boundary_steps
from dfs_cm.compression_level import grid_excess, quantiser_features, zero_shares
from dfs_cm.dct import block_dct, dct_matrix


def test_a_quantised_block_has_its_share_of_zeros():
    """Coefficients all 5, but zero from i + j = 10 on: the highest band is empty, the lower ones are full."""
    index = torch.arange(8)
    total = index[:, None] + index[None]
    coefficients = torch.where(total >= 10, 0.0, 5.0)
    image = (dct_matrix(8).T @ coefficients @ dct_matrix(8) + 128).repeat(2, 2)
    shares = zero_shares(block_dct(image).abs()).unflatten(-1, (3, 3))
    assert torch.equal(shares, torch.tensor([[0.0] * 3, [0.0] * 3, [1.0] * 3]))


def test_the_share_follows_the_threshold():
    """Magnitude 1 everywhere lies under the thresholds 1.5 and 3, not under 0.75."""
    magnitudes = torch.ones(8, 8, 4, 4)
    assert zero_shares(magnitudes).tolist() == [0, 1, 1] * 3


def test_half_of_the_blocks_give_half_the_share():
    magnitudes = torch.full((8, 8, 4, 4), 9.0)
    magnitudes[..., :2, :] = 0
    torch.testing.assert_close(zero_shares(magnitudes), torch.full((9,), 0.5))


@pytest.mark.parametrize(("period", "eight", "four"), [(8, True, True), (4, False, True)])
def test_steps_on_the_grid_stand_out(period, eight, four):
    levels = (torch.arange(64) // period % 2) * 8.0
    image = (levels[:, None] + levels[None] + 60).expand(1, 1, 64, 64)
    on_eight, on_four = grid_excess(boundary_steps(image, -1), boundary_steps(image, -2))[0, 0].tolist()
    assert (on_eight > 1.5) == eight
    assert (on_four > 0.5) == four


def test_an_unknown_quantiser_is_told_from_a_known_one():
    qp = torch.full((2, 49, 4, 4), 32.0)
    qp[0, 0] = -1
    qp[0, 1, :2] = -1
    qp[0, 2, :, :2] = 20
    features = quantiser_features(qp, torch.tensor([False, True]))
    assert features[0, :, 0].tolist() == [0, 0, 0]
    assert features[0, :, 1].tolist() == [0.5, 1, 0]
    assert features[0, :, 2].tolist() == [1, 0, 1]  # half 20, half 32: mean 26, deviation 6
    assert not features[1].any()  # hidden
