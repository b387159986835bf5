"""Each operator on a signal whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dfcore.testing.views import made_clip
from dfs_tm.clip_view import ClipView, against_surround, read_clip, regularity, summary
from dfs_tm.evidence import EPSILON, extract_change
from dfs_tm.flow import correlation, measure, soft_argmax, warped
from dfs_tm.frame_consistency import log_distance, ssim
from dfs_tm.motion_flow import MotionFlowCue, _codec, mean_motion
from dfs_tm.temporal_artifacts import TemporalArtifactsCue, flicker, roughness


def texture(size: int, seed: int = 0) -> Tensor:
    """Smooth random texture of 0..255."""
    noise = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(seed))
    smooth = F.avg_pool2d(noise, 5, 1, 2)[0, 0]
    return 128 + 40 * smooth / smooth.std()


def drifting(dx: int, dy: int, frames: int = 16) -> Tensor:
    """``[1, T, 112, 112]``: a texture that moves by (dx, dy) pixels a frame."""
    canvas = texture(112 + 2 * 8 * frames)
    origin = 8 * frames
    return torch.stack(
        [
            canvas[origin - dy * t : origin - dy * t + 112, origin - dx * t : origin - dx * t + 112]
            for t in range(frames)
        ]
    )[None]


def clip_of(luma: Tensor, share: float = 0.3) -> ClipView:
    sequence = torch.full((*luma.shape[:2], 3, 112, 112), 128, dtype=torch.uint8)
    sequence[:, :, 0] = luma.round().clamp(0, 255).byte()
    mask = torch.zeros(*luma.shape[:2], 1, 112, 112)
    edge = round(112 * share)
    mask[..., edge : 112 - edge, edge : 112 - edge] = 1
    return read_clip(sequence, mask)


# -- statistics over time ----------------------------------------------------------------------------------------------


def test_the_summary_of_a_series_with_one_peak():
    series = torch.zeros(1, 9, 1)
    series[0, 4] = 9
    mean, spread, above, below = summary(series)[0, :, 0].tolist()
    assert (mean, above, below) == pytest.approx((1, 9, 0))
    assert spread == pytest.approx(3)


def test_regularity_tells_one_low_value_from_one_high_one():
    flat = torch.zeros(1, 15)
    low, high = flat.clone(), flat.clone()
    low[0, 7], high[0, 7] = -5, 5
    assert regularity(low)[0, 3].item() == 5  # least against the median
    assert regularity(low)[0, :3].tolist() == [0, 0, 0]
    assert regularity(high)[0, 2].item() == 5
    assert regularity(flat).abs().sum() == 0


def test_the_face_is_compared_with_its_surround():
    face = torch.zeros(1, 49)
    face[0, 24] = 1
    assert against_surround(3 * face[:, None] + 1, face).item() == pytest.approx(3, abs=0.2)


def test_the_centre_is_the_masks():
    clip = clip_of(torch.full((1, 16, 112, 112), 100.0))
    assert clip.centre[0, 3].tolist() == pytest.approx([56, 56])
    assert clip.face[0, 24].item() == 1
    assert clip.face[0, 0].item() == 0


# -- flow --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (2, -4), (-6, 2)])
def test_a_moved_texture_gives_its_motion(dx: int, dy: int):
    flow = measure(drifting(dx, dy, frames=3))
    inner = flow.vectors[0, :, :, 2:-2, 2:-2]
    assert inner[:, 0].mean().item() == pytest.approx(dx, abs=0.15)
    assert inner[:, 1].mean().item() == pytest.approx(dy, abs=0.15)
    assert flow.peak[0, :, 2:-2, 2:-2].min() > 0.8
    assert flow.back[0, :, 2:-2, 2:-2].mean() < 0.3


def test_the_residual_of_a_motion_that_is_followed_is_small_and_of_new_noise_large():
    moved = measure(drifting(2, 0, frames=3))
    fresh = measure(torch.stack([texture(112, seed) for seed in range(3)])[None])
    assert moved.residual[0, :, 2:-2, 2:-2].mean() + 2 < fresh.residual.mean()
    assert moved.entropy.mean() < 0.6 * fresh.entropy.mean()
    assert moved.back.mean() < fresh.back.mean()


def test_correlation_is_one_at_the_displacement_and_nothing_on_flat_ground():
    canvas = texture(80)
    first, second = canvas[None, 12:68, 12:68], canvas[None, 9:65, 13:69]  # moved by (-1, +3)
    volume = correlation(first, second)[0, :, :, 3:-3, 3:-3]
    assert volume.flatten(0, 1).amax(0).min() > 0.95
    assert (volume.flatten(0, 1).argmax(0) == (3 + 4) * 9 + (-1 + 4)).all()
    assert correlation(torch.full((1, 56, 56), 90.0), torch.full((1, 56, 56), 90.0)).abs().max() < 1e-3


def test_soft_argmax_of_a_single_peak():
    volume = torch.zeros(1, 9, 9, 14, 14)
    volume[:, 2, 7] = 1
    vectors, share = soft_argmax(volume)
    assert vectors[0, :, 0, 0].tolist() == pytest.approx([3, -2], abs=1e-3)
    assert share.sum(1).allclose(torch.ones(1, 14, 14))


def test_warping_follows_the_flow():
    image = texture(56)[None]
    flow = torch.zeros(1, 2, 14, 14)
    flow[:, 0] = 3
    moved = warped(image, flow)
    torch.testing.assert_close(moved[..., 10:46, 10:46], image[..., 10:46, 7:43], atol=1e-2, rtol=0)


# -- frame_consistency -------------------------------------------------------------------------------------------------


def test_ssim_of_equal_inverted_and_shifted_images():
    image = texture(112)[None]
    assert ssim(image, image).min() > 0.999
    assert log_distance(ssim(image, image)).max().item() == pytest.approx(math.log(1e-3), abs=0.1)
    rounded_up = log_distance(torch.tensor([1.0, 1.0005, 1.002]))
    assert rounded_up.tolist() == pytest.approx([math.log(1e-3)] * 3)
    assert ssim(image, 255 - image).mean() < -0.5
    brighter = ssim(image, image + 10)
    assert 0.95 < brighter.mean() < 1


# -- motion_flow -------------------------------------------------------------------------------------------------------


def test_a_face_that_moves_against_its_surround():
    vectors = torch.zeros(1, 2, 2, 14, 14)
    vectors[:, :, 0, 4:10, 4:10] = 3
    weight = torch.zeros(1, 14, 14)
    weight[:, 4:10, 4:10] = 1
    apart = mean_motion(vectors, weight) - mean_motion(vectors, 1 - weight)
    assert apart[0, 0].tolist() == pytest.approx([3, 0], abs=0.05)


def test_the_codecs_vectors_are_read_where_they_are_known():
    clip = clip_of(drifting(0, 0))
    flow = measure(clip.luma)
    codec = torch.zeros(1, 16, 3, 28, 28)
    none = MotionFlowCue(13).describe(clip, flow, codec)
    codec[:, 1:, 2] = 1
    codec[:, 1:, 0, 10:18, 10:18] = 2
    told = MotionFlowCue(13).describe(clip, flow, codec)
    assert none[0, 10].eq(0).all()  # share known, per cell
    assert told[0, 10].min() > 0.9
    assert told[0, -5, 0] > none[0, -5, 0] + 0.8  # face minus surround, mean length


# -- temporal_artifacts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cycles", [2, 5, 8])
def test_the_spectrum_of_a_cosine_peaks_at_its_frequency(cycles: int):
    series = torch.cos(2 * math.pi * cycles * torch.arange(16) / 16)[None, :, None]
    assert flicker(series)[0, :, 0].argmax().item() == cycles - 1


def test_roughness_of_independent_frames_and_of_a_steady_change():
    noise = torch.randn(1, 16, 56, 56, generator=torch.Generator().manual_seed(0)) * 5
    assert roughness(noise).mean().item() == pytest.approx(math.log(3), abs=0.05)
    ramp = torch.arange(16.0)[None, :, None, None].expand(1, 16, 56, 56)
    assert roughness(ramp).max() < -2


def test_a_flickering_face_stands_out_from_its_surround():
    still = drifting(0, 0)
    flickering = still.clone()
    flickering[:, ::2, 40:72, 40:72] += 12
    cue, change = TemporalArtifactsCue(12), torch.zeros(1, 16, 49, 3, 4, 4)
    calm, busy = (cue.describe(clip_of(luma), change)[0, 33:41, 0] for luma in (still, flickering))
    assert calm.abs().max() < 0.1
    assert busy[7] > 3  # half the frame rate, face minus surround


# -- evidence ----------------------------------------------------------------------------------------------------------


def test_change_of_a_still_a_ramp_and_a_flicker():
    clip = made_clip(0, frames=4, size=64)
    clip.y = np.full((4, 64, 64), 100, np.uint8)
    clip.y[:, :16, :16] += np.array([0, 2, 4, 6], np.uint8)[:, None, None]  # steady
    clip.y[:, 48:, 48:] += np.array([0, 4, 0, 4], np.uint8)[:, None, None]  # flicker
    change = extract_change(clip).astype(float)
    assert change.shape == (4, 3, 4, 4)
    assert (change[:, 0, 1, 1] == 1).all()
    assert change[1:, 1, 0, 0] == pytest.approx(math.log(4 + EPSILON), abs=0.01)
    assert change[2:, 2, 0, 0] == pytest.approx(math.log(EPSILON), abs=0.01)
    assert change[2:, 2, 3, 3] == pytest.approx(math.log(64 + EPSILON), abs=0.01)
    assert (change[1:, 0, 3, 3] == 0).all()


@pytest.mark.parametrize("frames", [1, 2])
def test_change_of_very_short_clips_is_finite(frames: int):
    assert np.isfinite(extract_change(made_clip(0, frames=frames))).all()


@pytest.mark.parametrize(("cells", "share"), [(14, 0.0), (15, 0.5)])
def test_a_frame_counts_as_told_where_the_codec_knows_more_than_half_of_it(cells: int, share: float):
    codec = torch.zeros(1, 16, 3, 28, 28)
    codec[:, ::2, 2, :cells] = 1  # rows of 28, in every second frame
    found = _codec(codec, torch.zeros(1, 14, 14))
    assert float(found[0, 3]) == share
