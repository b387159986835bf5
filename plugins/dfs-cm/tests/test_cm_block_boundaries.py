import math

import pytest
import torch

from dfs_cm.block_boundaries import BlockBoundariesCue, agreement, boundary_steps, phase_profile, phase_steps


def blocky(period: int, phase: int, step: float, size: int = 64) -> torch.Tensor:
    """Columns whose level rises and falls by ``step`` at every x with x mod period = phase, flat between."""
    levels = ((torch.arange(size) - phase).div(period, rounding_mode="floor") % 2) * step
    return (100 + levels).expand(size, size).contiguous()


@pytest.mark.parametrize(("period", "phase"), [(8, 0), (8, 5), (16, 0), (16, 11)])
def test_a_step_is_found_at_its_phase_and_size(period, phase):
    image = blocky(period, phase, 6.0)
    expected = torch.zeros(period)
    expected[phase] = 6.0
    assert torch.equal(phase_steps(image, period), expected)
    assert torch.equal(phase_steps(image, period, axis=-2), torch.zeros(period))
    assert torch.equal(phase_steps(image.T, period, axis=-2), expected)


def test_a_16_grid_shows_at_half_strength_modulo_8():
    """Of the eight-pixel grid's 7 inner boundaries in 64 px, 3 belong to the 16-pixel grid."""
    assert phase_steps(blocky(16, 0, 7.0), 8)[0].item() == pytest.approx(7.0 * 3 / 7)


def test_a_ramp_has_no_phase():
    ramp = torch.arange(64, dtype=torch.uint8).expand(64, 64)
    assert torch.equal(boundary_steps(ramp), torch.ones(63))
    torch.testing.assert_close(phase_profile(phase_steps(ramp, 8)), torch.zeros(8))


def test_the_profile_does_not_depend_on_the_size_of_the_steps():
    steps = torch.tensor([4.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    torch.testing.assert_close(phase_profile(steps, 0.0), phase_profile(10 * steps, 0.0))
    assert phase_profile(steps, 0.0)[0].item() == pytest.approx(math.log(4 / 2.25))


def test_agreement_is_one_for_the_same_grid_and_none_for_another():
    own = phase_profile(phase_steps(blocky(8, 0, 6.0), 8))
    other = phase_profile(phase_steps(blocky(8, 4, 6.0), 8))
    assert agreement(own, own).item() == pytest.approx(1, abs=0.01)
    assert agreement(own, other).item() == pytest.approx(-1 / 7, abs=0.01)  # two unit peaks after their means


def test_a_face_on_another_grid_disagrees_with_its_surround():
    share = torch.zeros(1, 49)
    share[0, 24] = 1
    tiles = blocky(8, 0, 6.0).expand(1, 49, 64, 64).clone()
    tiles[0, 24] = blocky(8, 3, 6.0)
    features = BlockBoundariesCue.measures(boundary_steps(tiles, -1), boundary_steps(tiles, -2), share)
    alike = features[0, 48 + 2]  # columns, period 8: peak, on-grid, agreement
    assert alike[24].item() < 0
    assert alike[0].item() > 0.99
