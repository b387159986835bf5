from dataclasses import replace

import av
import numpy as np
import pytest

from dfcore.data.clips import MemoryClip
from dfcore.errors import MediaError
from dfcore.testing.views import made_clip
from dfs_cm import codec
from dfs_cm.abstain_reason import abstain_reason
from dfs_cm.codec import jpeg_again, x264_again
from dfs_cm.evidence import (
    CRFS,
    EPSILON,
    JPEG_QUALITIES,
    OPTIONS,
    by_kind,
    extract_ghost,
    ghost,
    is_jpeg_like,
    jpeg_ghost,
    local_spectrum,
    log_activity,
    log_motion,
)


def planes(clip):
    return clip.y, clip.u, clip.v


def test_x264_gives_the_frames_back_in_order():
    """Frames of one grey level each: however they were reordered for coding, each comes back as it went in."""
    levels = np.array([20, 200, 60, 160, 90, 130, 40, 220], np.uint8)
    y = np.broadcast_to(levels[:, None, None], (8, 64, 80)).copy()
    u, v = np.full((8, 32, 40), 100, np.uint8), np.full((8, 32, 40), 150, np.uint8)
    again = x264_again((y, u, v), 10)
    for before, after in zip((y, u, v), again, strict=True):
        assert after.shape == before.shape
        assert np.abs(after.astype(int) - before).max() <= 2


def test_a_coarser_factor_changes_more():
    clip = made_clip(3, size=96)
    errors = [np.square(clip.y - x264_again(planes(clip), crf)[0].astype(float)).mean() for crf in (10, 20, 30, 40)]
    assert errors == sorted(errors)
    assert errors[3] > 4 * errors[0]


@pytest.mark.parametrize("size", [112, 192])  # x264's results vary in widths that are no multiple of 128, if let
def test_the_ghost_is_the_same_each_time(size):
    clip = made_clip(4, size=size)
    first = extract_ghost(clip)
    assert np.array_equal(first, extract_ghost(clip))
    copied = made_clip(4, size=size)
    copied.y = np.ascontiguousarray(np.pad(copied.y, ((0, 0), (0, 0), (0, 7))))[:, :, :-7]  # elsewhere in memory
    assert np.array_equal(first, extract_ghost(copied))


def test_the_ghost_is_the_log_mean_squared_change_of_each_block():
    clip = made_clip(5, size=64)
    found = ghost(planes(clip), (26,))
    changed = x264_again(planes(clip), 26, OPTIONS)[0]
    block = (slice(2, 3), slice(16, 32), slice(48, 64))  # frame 2, row 1, column 3
    expected = np.log(EPSILON + np.square(clip.y[block].astype(float) - changed[block]).mean())
    assert found.shape == (8, 1, 4, 4)
    assert found[2, 0, 1, 3] == pytest.approx(expected, abs=1e-5)


def test_the_evidence_holds_both_kinds_of_frames_and_what_they_are_compared_under():
    clip = made_clip(6, size=80)
    clip.header = replace(clip.header, pict_types="IBBPBBPB")
    evidence = extract_ghost(clip)
    assert evidence.shape == (8, 18, 5, 5)
    assert evidence.dtype == np.float16
    assert (evidence == evidence[:1]).all()
    maps = ghost(planes(clip), CRFS)
    near = {"rtol": 1e-3, "atol": 1e-3}
    np.testing.assert_allclose(evidence[0, :6], maps[[0, 3, 6]].mean(0), **near)
    np.testing.assert_allclose(evidence[0, 6:12], maps[[1, 2, 4, 5, 7]].mean(0), **near)
    np.testing.assert_allclose(evidence[0, 12], log_activity(clip.y).mean(0), **near)
    np.testing.assert_allclose(evidence[0, 13], log_motion(clip.y).mean(0), **near)
    np.testing.assert_allclose(evidence[0, 14:], local_spectrum(clip.y), **near)


@pytest.mark.parametrize("types", ["PPPP", "BBBB", "????"])
def test_frames_of_one_kind_stand_for_the_other(types):
    maps = np.random.default_rng(0).random((4, 6, 2, 2), np.float32)
    for found in by_kind(maps, types):
        np.testing.assert_allclose(found, maps.mean(0))


@pytest.mark.parametrize(("frequency", "band"), [((0, 1), 0), ((3, 1), 1), ((2, 4), 2), ((7, 6), 3)])
def test_a_cosine_fills_its_own_band(frequency, band):
    """One 8x8 frequency of amplitude 240: its band's mean square is 240² over the band's frequencies."""
    index = np.arange(16)
    waves = [np.cos((2 * (index % 8) + 1) * f * np.pi / 16) * np.sqrt((2 if f else 1) / 8) for f in frequency]
    luma = (128 + 240 * np.outer(*waves)).round().astype(np.uint8)
    found = local_spectrum(np.stack([luma, luma]))[:, 0, 0]
    count = (5, 9, 21, 28)[band]
    assert found[band] == pytest.approx(np.log(EPSILON + 240**2 / count), abs=0.05)
    assert np.delete(found, band).max() < np.log(1.0)


def test_activity_of_a_ramp_and_of_a_flat_block():
    """A ramp of 3 to the right and 4 down has the squared gradient 25; the last row and column lack a neighbour."""
    rows, columns = np.mgrid[:32, :32]
    ramp = (20 + 3 * columns + 4 * rows).astype(np.uint8)[None]
    found = log_activity(ramp)
    assert found[0, 0, 0] == pytest.approx(np.log(EPSILON + 25), abs=1e-4)
    assert found[0, 1, 1] == pytest.approx(np.log(EPSILON + 25 * 15 / 16), abs=1e-4)
    assert log_activity(np.full((1, 16, 16), 9, np.uint8))[0, 0, 0] == pytest.approx(np.log(EPSILON))


def test_motion_is_the_change_from_the_frame_before():
    luma = np.full((3, 16, 32), 100, np.uint8)
    luma[1, :, 16:] += 3
    luma[2] = luma[1]
    found = log_motion(luma)
    still, moved = np.log(EPSILON), np.log(EPSILON + 9)
    np.testing.assert_allclose(found[:, 0], [[still, moved], [still, moved], [still, still]], rtol=1e-5)
    np.testing.assert_allclose(log_motion(luma[:1]), np.full((1, 1, 2), still), rtol=1e-5)


def test_the_jpeg_ghost_is_least_at_the_quality_that_a_image_has():
    """Farid's experiment: what was saved at 75 hardly changes when it is saved at 75 again."""
    fresh = made_clip(7, frames=1, size=160).y
    saved = jpeg_again(fresh[0], 75)[None]
    before, after = jpeg_ghost(fresh).mean((0, 2, 3)), jpeg_ghost(saved).mean((0, 2, 3))
    place = JPEG_QUALITIES.index(75)
    assert list(before) == sorted(before)  # fresh: the finer, the less it changes
    assert after.argmin() == place
    assert after[place] < before[place] - 2


def test_the_jpeg_ghost_finds_the_region_with_another_history():
    fresh = made_clip(8, frames=1, size=192).y[0]
    spliced = jpeg_again(fresh, 65).copy()
    spliced[64:128, 64:128] = fresh[64:128, 64:128]
    found = jpeg_ghost(jpeg_again(spliced, 95)[None])[0, JPEG_QUALITIES.index(65)]
    inside = np.zeros((12, 12), bool)
    inside[4:8, 4:8] = True
    assert found[inside].min() > found[~inside].max()


@pytest.mark.parametrize(
    ("frames", "codec_name", "expected"), [(1, "h264", True), (8, "mjpeg", True), (8, "h264", False), (8, "vp8", False)]
)
def test_stills_take_jpeg_and_videos_x264(frames, codec_name, expected, monkeypatch):
    clip = made_clip(9, frames=frames, size=64)
    clip.source = replace(clip.source, codec=codec_name)
    assert is_jpeg_like(clip) == expected
    used = []
    monkeypatch.setattr("dfs_cm.evidence.x264_again", lambda p, *_: used.append("x264") or p)
    monkeypatch.setattr("dfs_cm.evidence.jpeg_again", lambda luma, _: used.append("jpeg") or luma)
    assert extract_ghost(clip).shape == (frames, 18, 4, 4)
    assert set(used) == {"jpeg" if expected else "x264"}


def test_a_pyav_without_x264_is_named(monkeypatch):
    def create(name, mode):
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr(codec.av.CodecContext, "create", create)
    clip = made_clip(10, size=64)
    with pytest.raises(MediaError, match=r"8 frames of 64x64 with libx264 failed.*pip install"):
        extract_ghost(clip)


def test_it_abstains_where_the_face_fills_the_window():
    clip = made_clip(11, size=96)
    assert abstain_reason(MemoryClip(clip)) is None
    clip.header = replace(clip.header, boxes=((0.0, 1.0, 96.0, 96.0),) * 8)
    assert "the face fills its window (96x95 of 96x96 px)" in abstain_reason(MemoryClip(clip))
