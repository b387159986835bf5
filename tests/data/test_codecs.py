"""Generations of common codecs, to a file and in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfcore.data.clips import Planes
from dfcore.data.media import probe
from dfcore.data.media.coding.codecs import CODECS, coded_again, write_coded
from dfcore.errors import MediaError, UnknownNameError
from dfcore.testing.recoded import recoded
from dfcore.testing.views import made_clip


@pytest.fixture(scope="module")
def planes() -> Planes:
    clip = made_clip(3, frames=8, size=128)
    return clip.y, clip.u, clip.v


def error(one: Planes, other: Planes) -> float:
    return float(np.square(one[0].astype(float) - other[0]).mean())


@pytest.mark.parametrize("codec", CODECS)
def test_a_generation_changes_pixels_more_the_coarser_it_is_and_in_the_same_way_each_time(
    codec: str, planes: Planes
) -> None:
    fine, coarse = coded_again(planes, 25.0, codec, 0.0), coded_again(planes, 25.0, codec, 1.0)
    assert [plane.shape for plane in fine] == [plane.shape for plane in planes]
    assert fine[0].dtype == np.uint8
    assert 0 < error(fine, planes) < error(coarse, planes) < 600
    assert np.array_equal(coarse[0], coded_again(planes, 25.0, codec, 1.0)[0])


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_is_of_the_codec_that_was_asked_for(codec: str, planes: Planes, tmp_path: Path) -> None:
    write_coded(tmp_path / "a.mkv", planes, 25.0, codec)
    info = probe(tmp_path / "a.mkv")
    assert (info.codec, info.width, info.height, info.frame_count) == (codec, 128, 128, 8)


def test_an_unknown_codec_is_named(planes: Planes) -> None:
    with pytest.raises(UnknownNameError, match="h265"):
        coded_again(planes, 25.0, "h265", 0.5)


def test_frames_that_an_encoder_refuses_are_an_error_that_says_so(planes: Planes) -> None:
    odd: Planes = (planes[0][:, :127, :127], planes[1][:, :63, :63], planes[2][:, :63, :63])
    with pytest.raises(MediaError, match="libx264 failed"):
        coded_again(odd, 25.0, "h264", 0.5)


def test_a_recoded_clip_has_the_side_data_that_its_codec_gives() -> None:
    clip = made_clip(0, frames=6, size=128)
    clip.evidence["x"] = np.zeros(1, np.float16)
    h264, mjpeg = recoded(clip, "h264"), recoded(clip, "mjpeg")
    assert h264.qp is not None
    assert h264.motion is not None
    assert (mjpeg.qp, mjpeg.motion, mjpeg.source.codec, mjpeg.header.pict_types) == (None, None, "mjpeg", "I" * 6)
    assert h264.evidence == {}
    assert h264.header.boxes == clip.header.boxes
