"""The planes are the decoder's own, bit for bit; what must be converted is converted once, and exactly."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import ThreadType

from dfcore.data.media import decode, frames, probe
from dfcore.data.media.container import describe
from dfcore.data.media.planes import planes_420
from dfcore.testing.media import ENCODINGS, scene, write_video

FILES = {
    **{name: {**settings, "width": 208, "height": 112} for name, settings in ENCODINGS.values()},
    "cropped.mp4": {"width": 206, "height": 110},
    "odd.webm": {**ENCODINGS["vp8"][1], "width": 207, "height": 111},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "width": 208, "height": 112},
    "odd.mkv": {"codec": "ffv1", "width": 207, "height": 113},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planes")
    for name, settings in FILES.items():
        write_video(folder / name, frames=14, **settings)
    return folder


def plain_loop(path: Path, first: int | None = None):
    """What PyAV alone gives: a list of (y, u, v) bytes objects, row by row, without padding."""
    out = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            out.append(
                tuple(
                    b"".join(
                        bytes(plane)[row * plane.line_size : row * plane.line_size + plane.width]
                        for row in range(plane.height)
                    )
                    for plane in frame.planes[:3]
                )
            )
            if len(out) == first:
                break
    return out


@pytest.mark.parametrize("side_data", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_planes_equal_a_plain_loop_bit_for_bit(files, name, side_data):
    path, settings = files / name, FILES[name]
    width, height = settings["width"], settings["height"]
    expected = plain_loop(path)
    got = list(decode(path, side_data=side_data))
    assert [frame.index for frame in got] == list(range(14))
    for frame, (y, u, v) in zip(got, expected, strict=True):
        assert frame.y.shape == (height, width)
        assert all(plane.flags.owndata and plane.flags.c_contiguous for plane in (frame.y, frame.u, frame.v))
        assert frame.u.shape == frame.v.shape == ((height + 1) // 2, (width + 1) // 2)
        assert (frame.y.tobytes(), frame.u.tobytes(), frame.v.tobytes()) == (y, u, v)
    info = probe(path)
    assert (info.width, info.height, info.frame_count, info.converted) == (width, height, 14, "")
    assert info.kind == "video"
    assert info.fps == pytest.approx(25)
    assert info.duration == pytest.approx(14 / 25, abs=0.002)


def test_codecs_and_formats_are_named(files):
    found = {name: (probe(files / name).codec, probe(files / name).pix_fmt) for name in FILES}
    assert found == {
        "h264.mp4": ("h264", "yuv420p"),
        "cropped.mp4": ("h264", "yuv420p"),
        "hevc.mp4": ("hevc", "yuv420p"),
        "mpeg1.mpg": ("mpeg1video", "yuv420p"),
        "vp8.webm": ("vp8", "yuv420p"),
        "odd.webm": ("vp8", "yuv420p"),
        "mjpeg.avi": ("mjpeg", "yuvj420p"),
        "odd.mkv": ("ffv1", "yuv420p"),
    }


def test_only_wanted_frames_are_materialised_and_decoding_stops_after_the_last(files, monkeypatch):
    copied, readers = [], []

    class Watched(frames.Reader):
        def __init__(self, container, stream, path, **how):
            super().__init__(container, stream, path, **how)
            readers.append((self, stream))

    def counted(frame, matrix):
        copied.append(frame.pts)
        return planes_420(frame, matrix)

    monkeypatch.setattr(frames, "Reader", Watched)
    monkeypatch.setattr(frames, "planes_420", counted)
    path = files / "h264.mp4"
    got = list(decode(path, {7, 2, 5}, side_data=False, threads=2))
    assert [frame.index for frame in got] == [2, 5, 7]
    assert len(copied) == 3
    reader, stream = readers[0]
    assert reader.decoded == 8
    assert stream.codec_context.thread_type == ThreadType.AUTO
    assert stream.codec_context.thread_count == 2
    everything = plain_loop(path)
    assert [frame.y.tobytes() for frame in got] == [everything[i][0] for i in (2, 5, 7)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "gray"])
def test_outlines_say_all_of_a_frame_but_its_content(tmp_path, pix_fmt):
    path = write_video(tmp_path / "v.mp4", width=98, height=62, frames=6, pix_fmt=pix_fmt)
    whole, some = list(decode(path)), list(decode(path, range(6), outlines={1, 4}))
    for frame, one in zip(whole, some, strict=True):
        assert (one.index, one.time, one.pict_type, one.format) == (
            frame.index,
            frame.time,
            frame.pict_type,
            frame.format,
        )
        assert [part.shape for part in (one.y, one.u, one.v)] == [part.shape for part in (frame.y, frame.u, frame.v)]
        bare = frame.index in (1, 4)
        assert np.array_equal(one.y, 0 * frame.y if bare else frame.y)
        assert (one.qp is None) == bare
        assert (set(one.y.strides) == {0}) == bare  # one byte stands for all of them


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_luma_alone_is_the_same_luma(tmp_path, pix_fmt):
    path = write_video(tmp_path / "a.mp4", width=64, height=48, frames=6, pix_fmt=pix_fmt)
    whole, some = list(decode(path)), list(decode(path, range(6), luma_alone={1, 4}))
    for one, other in zip(whole, some, strict=True):
        assert np.array_equal(one.y, other.y)
        assert np.array_equal(one.qp, other.qp)
        assert (other.u.size == other.v.size == 0) if other.index in (1, 4) else np.array_equal(one.u, other.u)
        assert other.y.flags.writeable == (other.index not in (1, 4) or pix_fmt.endswith("10le"))  # the decoder's own


def test_nothing_wanted_gives_nothing(files):
    assert list(decode(files / "h264.mp4", [])) == []


def test_a_wanted_frame_beyond_the_end_is_logged(files, caplog):
    got = list(decode(files / "h264.mp4", [3, 99]))
    assert [frame.index for frame in got] == [3]
    assert "ended after 14 frames, before the last wanted one (99)" in caplog.text


def test_ten_bits_are_rounded_without_dither(tmp_path):
    path = write_video(tmp_path / "deep.mp4", pix_fmt="yuv420p10le", width=96, height=64, frames=3)
    with av.open(str(path)) as container:
        deep = [frame.to_ndarray().astype(int) for frame in container.decode(video=0)]  # [H * 3 / 2, W], 10-bit
    for frame, samples in zip(decode(path), deep, strict=True):
        expected = np.minimum((samples + 2) // 4, 255)
        np.testing.assert_array_equal(frame.y, expected[:64])
        np.testing.assert_array_equal(frame.u.reshape(-1), expected[64:80].reshape(-1))
        np.testing.assert_array_equal(frame.v.reshape(-1), expected[80:].reshape(-1))
    assert probe(path).converted == "yuv420p10le -> yuv420p"


def test_full_chroma_becomes_the_mean_and_leaves_luma_alone(tmp_path):
    path = write_video(tmp_path / "full.mp4", pix_fmt="yuv444p", width=97, height=65, frames=2)
    with av.open(str(path)) as container:
        full = [frame.to_ndarray().astype(int) for frame in container.decode(video=0)]  # [3, H, W]
    for frame, (y, u, v) in zip(decode(path), full, strict=True):
        np.testing.assert_array_equal(frame.y, y)
        for plane, chroma in ((frame.u, u), (frame.v, v)):
            inner = chroma[:64, :96].reshape(32, 2, 48, 2).sum(axis=(1, 3))
            assert plane.shape == (33, 49)
            np.testing.assert_array_equal(plane[:32, :48], (inner + 2) // 4)
            assert plane[32, 48] == chroma[64, 96]
    assert probe(path).converted == "yuv444p -> yuv420p"


def test_half_chroma_is_averaged_over_two_rows(tmp_path):
    path = write_video(tmp_path / "half.mp4", pix_fmt="yuv422p", width=96, height=64, frames=1)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        u = np.frombuffer(frame.planes[1], np.uint8).reshape(64, -1)[:, :48].astype(int)
    got = next(decode(path))
    np.testing.assert_array_equal(got.u, (u[0::2] + u[1::2] + 1) // 2)
    assert probe(path).converted == "yuv422p -> yuv420p"


def test_grey_has_neutral_chroma_and_its_own_luma(tmp_path):
    path = write_video(tmp_path / "grey.mkv", codec="ffv1", pix_fmt="gray", width=65, height=49, frames=1)
    with av.open(str(path)) as container:
        grey = next(container.decode(video=0)).to_ndarray()
    frame = next(decode(path))
    np.testing.assert_array_equal(frame.y, grey)
    assert frame.u.shape == (25, 33)
    assert (frame.u == 128).all()
    assert (frame.v == 128).all()
    info = probe(path)
    assert (info.converted, info.colour_range) == ("gray -> yuv420p", "pc")


@pytest.mark.parametrize("pix_fmt", ["yuvj444p", "yuvj420p"])
def test_full_range_stays_full_range(tmp_path, pix_fmt):
    path = write_video(tmp_path / "range.avi", codec="mjpeg", pix_fmt=pix_fmt, width=96, height=64, frames=1)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[:, :96]
    np.testing.assert_array_equal(next(decode(path)).y, luma)
    info = probe(path)
    assert info.colour_range == "pc"
    assert info.converted == ("" if pix_fmt == "yuvj420p" else "yuvj444p -> yuv420p")


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40)])
def test_rgb_video_keeps_its_colours(tmp_path, colour):
    path = tmp_path / "rgb.mkv"
    flat = np.zeros((48, 64, 3), np.uint8) + np.array(colour, np.uint8)
    write_video(path, codec="ffv1", pix_fmt="bgr0", width=64, height=48, frames=1, image=lambda index: flat)
    frame = next(decode(path))
    np.testing.assert_allclose(frame.rgb()[0].astype(int), flat.astype(int), atol=3)
    info = probe(path)
    assert (info.converted, info.colour_range, info.colour_matrix) == ("bgr0 -> yuv420p", "pc", "bt601")


def test_frames_stored_bottom_line_first_are_read_top_line_first():
    graph = av.filter.Graph()
    source = graph.add_buffer(width=64, height=48, format="yuv420p", time_base=Fraction(1, 25))
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(scene(64, 48), "rgb24").reformat(format="yuv420p")
    upright = planes_420(frame, "bt601")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    source.push(frame)
    flipped = sink.pull()
    assert flipped.planes[0].line_size < 0
    for plane, original in zip(planes_420(flipped, "bt601"), upright, strict=True):
        np.testing.assert_array_equal(plane, original[::-1])


def test_colour_tags_of_the_stream_count(tmp_path):
    path = write_video(
        tmp_path / "tags.mp4", width=96, height=64, frames=2, options={"x264-params": "colormatrix=bt709:fullrange=on"}
    )
    info = probe(path)
    assert (info.colour_matrix, info.colour_range) == ("bt709", "pc")
    frame = next(decode(path, [0]))
    assert (frame.colour_matrix, frame.colour_range) == ("bt709", "pc")


@pytest.mark.parametrize(
    ("height", "pix_fmt", "matrix", "colour_range"),
    [
        (480, "yuv420p", "bt601", "tv"),
        (720, "yuv420p", "bt709", "tv"),
        (480, "yuvj420p", "bt601", "pc"),
        (480, "gray", "bt601", "pc"),
    ],
)
def test_untagged_streams_get_the_usual_matrix_and_range(height, pix_fmt, matrix, colour_range):
    look = describe(av.VideoFrame(64, height, pix_fmt))
    assert (look.colour_matrix, look.colour_range, look.rotation) == (matrix, colour_range, 0)


def test_frames_after_a_change_of_size_in_mid_stream_come_at_their_own_size(tmp_path, caplog):
    parts = [
        write_video(tmp_path / f"{width}.h264", width=width, height=64, frames=6, options={"bf": "0"})
        for width in (96, 128)
    ]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    got = list(decode(joined))
    assert [frame.y.shape for frame in got] == [(64, 96)] * 6 + [(64, 128)] * 6
    assert [frame.index for frame in got] == list(range(12))
    assert caplog.text.count("the frame size changes in mid-stream (first at frame 6, from 96x64 to 128x64)") == 1


def joined(path, *parts):
    """A raw H.264 stream of parts ``(width, options of write_video)``, four frames each."""
    whole = b""
    for number, (width, how) in enumerate(parts):
        part = write_video(
            path.with_name(f"{number}.h264"), width=width, height=64, frames=4, options={"bf": "0"}, **how
        )
        whole += part.read_bytes()
    path.write_bytes(whole)
    return path


def test_several_changes_of_size_are_warned_of_once(tmp_path, caplog):
    path = joined(tmp_path / "a.h264", (96, {}), (128, {}), (96, {}))
    assert [frame.y.shape[1] for frame in decode(path)] == [96] * 4 + [128] * 4 + [96] * 4
    assert caplog.text.count("the frame size changes") == 1
    assert "first at frame 4, from 96x64 to 128x64" in caplog.text


def test_a_change_of_the_range_alone_is_followed_and_is_no_change_of_size(tmp_path, caplog):
    looks = frames._Looks(tmp_path / "a.mp4")
    formats = ["yuv420p", "yuvj420p", "yuv420p"]
    found = [looks.of(index, av.VideoFrame(64, 48, name)).colour_range for index, name in enumerate(formats)]
    assert found == ["tv", "pc", "tv"]
    assert not caplog.text
