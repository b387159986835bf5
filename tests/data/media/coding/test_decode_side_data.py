"""Quantisers and motion vectors against encodes whose values are known."""

import gc
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.codec.context import ThreadType
from av.sidedata.sidedata import Type

from dfcore.data.media import decode, frames
from dfcore.data.media.coding import side_data as side
from dfcore.data.media.coding.side_data import block_motion, qp_map
from dfcore.testing.media import scene, write_video

CONSTANT = {"qp": "31", "x264-params": "ipratio=1:pbratio=1"}
PAN = (3, -2)
SIZE = {"width": 192, "height": 128}


def panned(noise: float = 0.0):
    return lambda index: scene(192, 128, index, pan=PAN, noise=noise)


def inner_blocks_that_moved_back(frame, shape=(8, 12)) -> float:
    """Share of the blocks, without the border, whose vector points to where the pan came from."""
    assert frame.motion.shape == (*shape, 2)
    inner = frame.motion[1:-1, 1:-1]
    return float((inner == (-4 * PAN[0], -4 * PAN[1])).all(axis=-1).mean())


def test_qp_of_a_constant_quantiser_is_that_number(tmp_path):
    path = write_video(tmp_path / "qp.mp4", width=206, height=110, frames=9, options=CONSTANT)
    kinds = set()
    for frame in decode(path):
        kinds.add(frame.pict_type)
        assert frame.qp.dtype == np.int8
        assert frame.qp.shape == (7, 13)
        assert (frame.qp == 31).all()
    assert kinds == {"I", "P", "B"}


def test_side_data_of_some_frames_is_what_it_is_of_all(tmp_path):
    path = write_video(tmp_path / "some.mp4", **SIZE, frames=9, image=panned(), options=CONSTANT)
    whole, some = list(decode(path)), list(decode(path, [1, 2, 5, 6], side_data={2, 6}))
    assert [frame.index for frame in some if frame.qp is not None] == [2, 6]
    for frame in some:
        assert (frame.qp is None) == (frame.motion is None)
        if frame.qp is not None:
            np.testing.assert_array_equal(frame.qp, whole[frame.index].qp)
            np.testing.assert_array_equal(frame.motion, whole[frame.index].motion)


def test_quantisers_come_without_motion_too(tmp_path):
    path = write_video(tmp_path / "some.mp4", **SIZE, frames=9, image=panned(), options=CONSTANT)
    for one, other in zip(decode(path), decode(path, motion=False), strict=True):
        assert other.motion is None
        np.testing.assert_array_equal(one.qp, other.qp)


def test_qp_at_ten_bits_is_on_the_same_scale(tmp_path):
    path = write_video(tmp_path / "qp.mp4", **SIZE, frames=3, pix_fmt="yuv420p10le", options=CONSTANT)
    for frame in decode(path):  # x264 counts from 0 here, the standard from -12
        assert (frame.qp == 31 - 12).all()


def test_qp_of_each_block_is_where_the_block_is(tmp_path):
    def half_flat(index):
        image = scene(192, 128, index)
        image[:, 96:] = 90
        return image

    path = write_video(
        tmp_path / "aq.mp4",
        **SIZE,
        frames=4,
        image=half_flat,
        options={"crf": "26", "aq-mode": "1", "aq-strength": "2"},
    )
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"export_side_data": "venc_params"}
        expected = [
            next(d for d in frame.side_data if hasattr(d, "qp_map")).qp_map() for frame in container.decode(video=0)
        ]
    got = [frame.qp for frame in decode(path)]
    assert len(np.unique(got[0])) > 3
    np.testing.assert_array_equal(got, expected)
    assert got[0][:, :6].mean() > got[0][:, 7:].mean() + 2  # adaptive quantisation spares the flat half


def test_motion_of_a_pan_is_the_pan(tmp_path):
    path = write_video(
        tmp_path / "pan.mp4", **SIZE, frames=6, image=panned(), options={"bf": "0", "refs": "1", "qp": "20"}
    )
    first, *rest = decode(path)
    assert first.pict_type == "I"
    assert first.motion.dtype == np.int16
    assert not first.motion.any()
    for frame in rest:
        assert frame.pict_type == "P"
        assert inner_blocks_that_moved_back(frame) > 0.9


def test_b_frames_point_to_the_past_too(tmp_path):
    path = write_video(
        tmp_path / "pan.mp4",
        **SIZE,
        frames=8,
        image=panned(),
        options={"qp": "20", "refs": "1", "x264-params": "bframes=1:b-adapt=0:weightb=0:scenecut=0"},
    )
    b_frames = [frame for frame in decode(path) if frame.pict_type == "B"]
    assert b_frames
    for frame in b_frames:
        assert inner_blocks_that_moved_back(frame) > 0.8


def test_mpeg1_gives_motion_in_quarter_pixels_and_no_qp(tmp_path):
    path = write_video(tmp_path / "pan.mpg", codec="mpeg1video", **SIZE, frames=5, image=panned(), options={"b": "4M"})
    first, *rest = decode(path)
    assert first.qp is None
    assert not first.motion.any()
    for frame in rest[:-1]:  # FFmpeg gives none for the last
        assert inner_blocks_that_moved_back(frame) > 0.8


@pytest.mark.parametrize(
    ("name", "settings"),
    [("a.mp4", {"codec": "libx265"}), ("a.webm", {"codec": "libvpx", "options": {"cpu-used": "8"}})],
)
def test_codecs_without_side_data_give_none(tmp_path, name, settings):
    for frame in decode(write_video(tmp_path / name, width=96, height=64, frames=3, **settings)):
        assert frame.qp is None
        assert frame.motion is None


def test_side_data_can_be_left_out(tmp_path):
    path = write_video(tmp_path / "a.mp4", width=96, height=64, frames=3)
    with_it, without = list(decode(path)), list(decode(path, side_data=False))
    for one, other in zip(with_it, without, strict=True):
        assert one.qp is not None
        assert other.qp is None
        assert other.motion is None
        np.testing.assert_array_equal(one.y, other.y)


def test_threads_do_not_touch_it(tmp_path, monkeypatch):
    """Frame threads give wrong values now and then; other threads must be left out when it is asked for."""
    kinds = []

    class Watched(frames.Reader):
        def __init__(self, container, stream, path, **how):
            super().__init__(container, stream, path, **how)
            kinds.append(stream.codec_context.thread_type)

    monkeypatch.setattr(frames, "Reader", Watched)
    path = write_video(tmp_path / "a.mp4", width=96, height=64, frames=2)
    list(decode(path))
    list(decode(path, side_data=False))
    assert kinds == [ThreadType.SLICE, ThreadType.AUTO]


FIELDS = np.dtype(  # AVMotionVector
    {
        "names": ["source", "w", "h", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale"],
        "formats": ["i4", "u1", "u1", "i2", "i2", "i4", "i4", "u2"],
        "offsets": [0, 4, 5, 10, 12, 24, 28, 32],
        "itemsize": 40,
    }
)


def vectors(*rows):
    """Rows of (source, w, h, centre x, centre y, motion x, motion y, scale)."""
    return np.array(list(rows), FIELDS)


def test_parts_of_a_block_are_weighted_by_their_area():
    rows = [(-1, 16, 8, 8, 4, 8, 0, 4), (-1, 8, 8, 4, 12, 0, 40, 4), (-1, 8, 8, 12, 12, 0, 0, 4)]
    np.testing.assert_array_equal(block_motion(vectors(*rows), (1, 2)), [[[4, 10], [0, 0]]])


def test_past_references_win_and_future_ones_are_negated():
    rows = [
        (-1, 16, 16, 8, 8, -12, 4, 4),
        (1, 16, 16, 8, 8, 99, 99, 4),  # both: the past one counts
        (1, 16, 16, 24, 8, 12, -4, 4),  # only the future: its negative
    ]
    np.testing.assert_array_equal(block_motion(vectors(*rows), (1, 2)), [[[-12, 4], [-12, 4]]])


def test_half_pixels_are_doubled_and_blocks_outside_left_out():
    rows = [(-1, 16, 16, 24, 24, 3, -5, 2), (-1, 16, 16, 40, 8, 77, 77, 2)]
    motion = block_motion(vectors(*rows), (2, 2))
    assert motion[1, 1].tolist() == [6, -10]
    assert np.count_nonzero(motion) == 2


def test_motion_is_rounded_and_kept_within_its_type():
    rows = [
        (-1, 16, 16, 8, 8, 40000, -40000, 1),  # four times as many quarter pixels
        (1, 16, 16, 24, 8, 8192, -8192, 1),  # from the future: negated
        (-1, 16, 16, 8, 24, 7, -5, 8),  # 3.5 and -2.5: to the even neighbour
        (-1, 16, 16, 24, 24, 3, -3, 0),  # a scale that is not told is one of whole pixels
    ]
    found = block_motion(vectors(*rows), (2, 2))
    assert found.dtype == np.int16
    assert found.reshape(4, 2).tolist() == [[32767, -32768], [-32768, 32767], [4, -2], [12, -12]]


@pytest.mark.parametrize("place", [(-8, 8), (8, -8), (40, 8), (8, 40)])
def test_vectors_of_blocks_outside_on_any_side_are_left_out(place):
    assert not block_motion(vectors((-1, 16, 16, *place, 3, -5, 4)), (2, 2)).any()


class Described:
    """A frame of 40 x 24 whose decoder said of its quantisers what is given."""

    width, height = 40, 24

    def __init__(self, count=0, kind=1, base=30, rows=(), bits=8, junk=0):
        self.format = SimpleNamespace(components=[SimpleNamespace(bits=bits)])
        fields = b"".join(np.array([*row, *[7] * junk], np.int32).tobytes() for row in rows)
        size = 4 * (5 + junk)
        head = np.array([count, 0], np.uint32).tobytes() + np.array([40, size], np.uint64).tobytes()
        self.raw = head + np.array([kind, base, 0, 0], np.int32).tobytes() + fields
        self.side_data = {Type.VIDEO_ENC_PARAMS: self.raw}


@pytest.fixture
def _said(monkeypatch):
    """Side data as a made frame has them."""
    monkeypatch.setattr(side, "side_data", lambda frame, kind: frame.side_data.get(kind))


@pytest.mark.usefixtures("_said")
@pytest.mark.parametrize("junk", [0, 2])
def test_each_block_has_its_quantiser_and_the_others_the_frames(junk):
    rows = [(0, 0, 16, 16, -4), (32, 16, 16, 16, 5), (-16, 0, 16, 16, 9), (48, 0, 16, 16, 9), (0, 32, 16, 16, 9)]
    rows.append((0, -16, 16, 16, 9))
    found = qp_map(Described(len(rows), rows=rows, junk=junk))
    assert found.dtype == np.int8
    assert found.tolist() == [[26, 30, 30], [30, 30, 35]]
    assert qp_map(Described(1, rows=rows[:1], bits=10)).tolist() == [[14, 18, 18], [18] * 3]


@pytest.mark.usefixtures("_said")
def test_quantisers_of_another_scale_or_of_no_block_are_none():
    assert qp_map(Described(0)) is None
    assert qp_map(Described(1, kind=2, rows=[(0, 0, 16, 16, 0)])) is None
    assert qp_map(SimpleNamespace(side_data={})) is None


def test_frames_whose_side_data_was_read_go_without_the_garbage_collector(tmp_path):
    path = write_video(tmp_path / "many.mp4", **SIZE, frames=9)
    gc.collect()
    gc.disable()
    try:
        before = sum(type(one) is av.VideoFrame for one in gc.get_objects())
        assert sum(frame.qp is not None for frame in decode(path)) == 9
        assert sum(type(one) is av.VideoFrame for one in gc.get_objects()) == before
    finally:
        gc.enable()
