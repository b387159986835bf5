"""The same promises on real files, where they are at hand."""

import av
import numpy as np
import pytest

from dfcore.data.media import decode, decode_audio, probe

FILES = {
    "wild/real/v069.mp4": ("hevc", "yuv420p"),
    "wild/real/v072.mpg": ("mpeg1video", "yuv420p"),
    "wild/real/v077.webm": ("vp8", "yuv420p"),
    "wild/real/v079.mp4": ("h264", "yuv420p"),
    "faceforensics/original_sequences/youtube/c23/videos/519.mp4": ("h264", "yuv444p"),
}


def rows(plane):
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


@pytest.mark.parametrize("name", FILES)
def test_planes_equal_a_plain_loop(real_media, name):
    path, (codec, pix_fmt) = real_media / name, FILES[name]
    info = probe(path)
    assert (info.codec, info.pix_fmt) == (codec, pix_fmt)
    wanted = (0, 2, 9)
    got = list(decode(path, wanted))
    assert [frame.index for frame in got] == list(wanted)
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                mine = got[wanted.index(index)]
                np.testing.assert_array_equal(mine.y, rows(frame.planes[0]))
                if pix_fmt == "yuv420p":
                    np.testing.assert_array_equal(mine.u, rows(frame.planes[1]))
                    np.testing.assert_array_equal(mine.v, rows(frame.planes[2]))
            if index == 9:
                break
    assert (got[0].qp is not None) == (codec == "h264")


@pytest.mark.parametrize(
    ("name", "count"), [("wild/real/v072.mpg", 75), ("wild/real/v077.webm", 752), ("wild/real/v078.mp4", 4800)]
)
def test_frames_are_counted_without_decoding(real_media, name, count):
    assert probe(real_media / name).frame_count == count


def test_side_data_is_the_same_each_time(real_media):
    path = real_media / "faceforensics/original_sequences/youtube/c23/videos/519.mp4"
    first, second = (list(decode(path, range(40))) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.qp, other.qp)
        np.testing.assert_array_equal(one.motion, other.motion)
        assert one.qp.min() > 0


def test_a_video_that_starts_after_its_audio(real_media):
    """The images begin 0.84 s after the audio; second 0 is the first image."""
    path = real_media / "wild/real/v079.mp4"
    assert next(decode(path, [0])).time == 0.0
    before = decode_audio(path, -0.8, 0.0)
    assert before.shape == (12800,)
    assert before.any()
    with av.open(str(path)) as container:
        lag = float(container.streams.video[0].start_time * container.streams.video[0].time_base)
        audio = container.streams.audio[0]
        head = float(audio.start_time * audio.time_base) - lag
    assert not decode_audio(path, head - 0.5, head - 0.01).any()
