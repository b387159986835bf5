"""Presentation times: stamps where there are any, a sane order where there are none."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from dfcore.data.media import decode, probe
from dfcore.data.media.stream import Clock
from dfcore.testing.media import ENCODINGS, write_video

SMALL = {"width": 96, "height": 64, "options": {"preset": "veryfast"}}


def times_of(path):
    return [frame.time for frame in decode(path)]


def test_variable_frame_rate_keeps_its_times(tmp_path):
    times = np.cumsum([0.0, 0.04, 0.02, 0.2, 0.04, 0.04, 0.5, 0.033, 0.033, 0.1])
    path = write_video(tmp_path / "vfr.mp4", frames=10, times=times, **SMALL)
    np.testing.assert_allclose(times_of(path), times, atol=1e-4)
    info = probe(path)
    assert info.frame_count == 10
    assert info.duration >= times[-1]


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4"])
def test_time_starts_with_the_first_frame(tmp_path, name):
    """An MPEG transport stream starts at 1.4 s or so; this one 0.6 s later than that."""
    times = 0.6 + np.arange(8) / 25
    path = write_video(tmp_path / name, frames=8, times=times, **SMALL)
    np.testing.assert_allclose(times_of(path), np.arange(8) / 25, atol=1e-3)


@pytest.mark.parametrize("name", ["raw.h264", "b_frames.avi"])
def test_without_presentation_times_frames_follow_at_the_rate(tmp_path, name):
    path = write_video(tmp_path / name, frames=14, **SMALL)
    frames = list(decode(path))
    assert "B" in {frame.pict_type for frame in frames}
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(14) / 25, atol=1e-6)
    info = probe(path)
    assert (info.frame_count, info.fps) == (14, 25)
    assert info.duration == pytest.approx(14 / 25)


def clock(name="mov,mp4", start=0):
    stream = SimpleNamespace(time_base=Fraction(1, 100), start_time=start, average_rate=Fraction(25), guessed_rate=None)
    return Clock(SimpleNamespace(format=SimpleNamespace(name=name)), stream)


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 4, None, 12], [0.0, 0.04, 0.08, 0.12]),  # one is missing
        ([0, 4, 4, 12], [0.0, 0.04, 0.08, 0.12]),  # one is given twice
        ([100, 104, 2, 6], [0.0, 0.04, 0.08, 0.12]),  # the clock was reset
        ([None, None], [0.0, 0.04]),
        ([104, 108, 150], [0.04, 0.08, 0.5]),  # the first frames did not decode; a pause
    ],
)
def test_times_always_increase(stamps, times):
    start = 100 if stamps[0] in (100, 104) else 0
    ticking = clock(start=start)
    found = [ticking.at(i, SimpleNamespace(pts=stamp)) for i, stamp in enumerate(stamps)]
    np.testing.assert_allclose(found, times, atol=1e-9)


def test_frames_cut_off_by_an_edit_list_are_neither_counted_nor_given(tmp_path):
    path = write_video(tmp_path / "whole.mp4", frames=12, **SMALL)
    whole = list(decode(path))
    data = bytearray(path.read_bytes())
    at = data.find(b"elst") + 4
    assert data[at : at + 8] == bytes([0, 0, 0, 0, 0, 0, 0, 1])  # version 0, one edit: duration, media time
    with av.open(str(path)) as container:
        per_frame = round(0.04 / float(container.streams.video[0].time_base))
    media_time = int.from_bytes(data[at + 12 : at + 16], "big") + 3 * per_frame
    data[at + 12 : at + 16] = media_time.to_bytes(4, "big")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(bytes(data))
    frames = list(decode(cut))
    assert probe(cut).frame_count == len(frames) == 9
    assert [frame.index for frame in frames] == list(range(9))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(9) / 25, atol=1e-6)
    for frame, original in zip(frames, whole[3:], strict=True):
        np.testing.assert_array_equal(frame.y, original.y)


def test_hidden_vp8_packets_are_not_counted(tmp_path):
    name, settings = ENCODINGS["vp8"]
    path = write_video(tmp_path / name, width=96, height=64, frames=8, **settings)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    at = data.find(packets[4])
    data[at] &= ~0x10  # show_frame off (RFC 6386, 9.1), as in an alternate reference frame
    path.write_bytes(bytes(data))
    assert len(packets) == 8
    assert probe(path).frame_count == len(list(decode(path))) == 7
