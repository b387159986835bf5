"""The recompression ghost, on images whose history is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dfcore.testing.views import made_clip
from dfs_cm.codec import jpeg_again, x264_again
from dfs_cm.evidence import EPSILON, ghost, is_jpeg_like, jpeg_ghost, log_activity


def planes(frames: int = 8, size: int = 128):
    clip = made_clip(11, frames=frames, size=size)
    return clip.y, clip.u, clip.v


@pytest.mark.parametrize("quality", [90, 75, 65])
def test_jpeg_content_changes_least_at_its_own_quality(quality):
    qualities = (95, 90, 85, 75, 65, 50)
    luma = jpeg_again(planes(1)[0][0], quality)[None]
    change = jpeg_ghost(luma, qualities).mean((0, 2, 3))
    assert qualities[int(change.argmin())] == quality


def test_h264_content_changes_less_than_fresh_content():
    fresh = planes()
    coded = x264_again(fresh, 23)
    again, first = ghost(coded, (23,)), ghost(fresh, (23,))
    assert again.mean() < first.mean() - 0.5
    assert (again < first).mean() > 0.9


def test_a_region_pasted_fresh_stands_out_from_a_coded_surround():
    fresh = planes()
    y, u, v = (plane.copy() for plane in x264_again(fresh, 23))
    y[:, 32:96, 32:96] = fresh[0][:, 32:96, 32:96]
    change = ghost((y, u, v), (23,)).mean((0, 1))
    inside = np.zeros_like(change, bool)
    inside[2:6, 2:6] = True
    assert change[inside].min() > np.median(change[~inside])


def test_a_coarser_quality_changes_more():
    change = ghost(planes(), (18, 28, 40)).mean((0, 2, 3))
    assert change[0] < change[1] < change[2]


def test_encoding_finely_gives_nearly_the_same_frames_in_their_order():
    before = planes(6)
    after = x264_again(before, 1)
    for plane, again in zip(before, after, strict=True):
        assert plane.shape == again.shape
        assert np.abs(plane.astype(int) - again).mean() < 1
    shifted = np.abs(before[0][1:].astype(int) - after[0][:-1]).mean()
    assert shifted > 3  # the upright drifts: another order would show


def test_activity_of_a_ramp_is_its_slope_squared():
    ramp = np.broadcast_to(np.arange(0, 192, 3, dtype=np.uint8), (2, 64, 64))
    activity = log_activity(ramp)
    assert activity.shape == (2, 4, 4)
    np.testing.assert_allclose(activity[:, :, :3], np.log(EPSILON + 9), rtol=1e-5)
    np.testing.assert_allclose(activity[:, :, 3], np.log(EPSILON + 9 * 15 / 16), rtol=1e-5)
    np.testing.assert_allclose(log_activity(np.full((1, 32, 32), 7, np.uint8)), np.log(EPSILON), rtol=1e-5)


def test_stills_and_motion_jpeg_take_jpeg():
    clip = made_clip(1, frames=4)
    assert not is_jpeg_like(clip)
    assert is_jpeg_like(made_clip(1, frames=1))
    clip.source = dataclasses.replace(clip.source, codec="mjpeg")
    assert is_jpeg_like(clip)
