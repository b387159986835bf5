from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import fake_parts
import numpy as np
import pytest

from dfcore.data.clips.plan import ClipPlan, clip_spans, middle, reference_spans
from dfcore.data.faces.look import find_detector, frames_to_look_at
from dfcore.data.media import DecodedFrame, decode
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import MediaError, PluginError, PluginImportError, UnknownNameError
from dfcore.testing.media import click, tone, write_broken, write_video

FIXED = "fake_parts:FixedFace"
SMALL = ClipPlan(clips=2, frames=4, detector=FIXED)


def decoder_planes(path: Path, wanted: set[int]) -> dict[int, list[np.ndarray]]:
    """Frames straight from FFmpeg, by no code of ours: the three planes without their padding."""
    found = {}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                assert frame.format.name in ("yuv420p", "yuvj420p")
                found[index] = [
                    np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width].copy()
                    for plane in frame.planes
                ]
            if index >= max(wanted):
                break
    return found


def assert_equal_to_decoder(path: Path, plan: ClipPlan, tmp_path: Path) -> int:
    """Clips of ``path``, through the store, against the decoder's planes at the recorded window; how many frames."""
    store = ClipStore(tmp_path / "store")
    store.write("v", extract_clips(path, plan))
    video = ClipStore(store.root).open("v")
    compared = 0
    planes = decoder_planes(path, {frame for header in video.clips for frame in header.frames})
    for number, header in enumerate(video.clips):
        x, y, width, height = header.window
        assert all(value % 16 == 0 for value in header.window)
        assert x + width <= video.source.width
        assert y + height <= video.source.height
        clip = video.load(number)
        for i, frame in enumerate(header.frames):
            luma, *chroma = planes[frame]
            assert np.array_equal(clip.y[i], luma[y : y + height, x : x + width])
            for stored, plane in zip((clip.u, clip.v), chroma, strict=True):
                half = plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
                assert np.array_equal(stored[i], half)
            compared += 1
    return compared


def first_packets(path: Path, folder: Path, count: int) -> Path:
    """The beginning of a real file's video stream, not decoded, in a file of its own."""
    short = folder / f"short{path.suffix}"
    with av.open(str(path)) as source, av.open(str(short), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if number == count or packet.dts is None:
                break
            packet.stream = copy
            target.mux(packet)
    return short


# -- the evidence is kept ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "suffix", "size"),
    [
        ("libx264", "mp4", (192, 160)),
        ("libx264", "mp4", (202, 158)),
        ("libx265", "mp4", (192, 160)),
        ("mpeg1video", "mpg", (192, 160)),
        ("libvpx", "webm", (192, 160)),
    ],
)
def test_stored_planes_equal_the_decoders_bit_for_bit(
    tmp_path: Path, codec: str, suffix: str, size: tuple[int, int]
) -> None:
    fast = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx" else {}
    path = write_video(tmp_path / f"v.{suffix}", codec=codec, width=size[0], height=size[1], frames=36, options=fast)
    assert assert_equal_to_decoder(path, SMALL, tmp_path) == 8


@pytest.mark.parametrize(
    "name",
    [
        "wild/real/v052.mp4",  # H.264
        "wild/real/v069.mp4",  # HEVC, 1080x1920
        "wild/real/v072.mpg",  # MPEG-1
        "wild/real/v077.webm",  # VP8
    ],
)
def test_stored_planes_equal_the_decoders_on_real_files_with_found_faces(
    real_media: Path, tmp_path: Path, name: str
) -> None:
    path = first_packets(real_media / name, tmp_path, 40)
    assert assert_equal_to_decoder(path, ClipPlan(clips=2, frames=3), tmp_path) == 6


def test_side_data_are_those_of_the_windows_blocks(made_video: Path) -> None:
    clips = extract_clips(made_video, SMALL)
    frames = {frame.index: frame for frame in decode(made_video)}
    for clip in clips:
        x, y, width, height = (value // 16 for value in clip.header.window)
        assert (x, y) != (0, 0)
        for i, index in enumerate(clip.header.frames):
            assert np.array_equal(clip.qp[i], frames[index].qp[y : y + height, x : x + width])
            assert np.array_equal(clip.motion[i], frames[index].motion[y : y + height, x : x + width])
            assert clip.header.pict_types[i] == frames[index].pict_type
            assert clip.header.times[i] == pytest.approx(index / 25)


def test_without_side_data_none_is_kept(made_video: Path) -> None:
    clip = extract_clips(made_video, ClipPlan(clips=1, frames=2, detector=FIXED, side_data=False))[0]
    assert clip.qp is None
    assert clip.motion is None


# -- where and what is cut ---------------------------------------------------------------------------------------------


def test_spans_boxes_and_headers(made_video: Path) -> None:
    record = VideoRecord("folder/v", made_video, 1, "Swap", "val", ("x", "y"), "c23")
    clips = extract_clips(made_video, ClipPlan(clips=3, frames=5, detector=FIXED), record=record)
    assert [clip.header.frames for clip in clips] == [tuple(span) for span in clip_spans(40, 3, 5)]
    source = clips[0].source
    assert (source.video, source.label, source.manipulation, source.split) == ("folder/v", 1, "Swap", "val")
    assert (source.group, source.compression) == (("x", "y"), "c23")
    assert (source.width, source.height, source.frame_count, source.codec) == (192, 160, 40, "h264")
    for clip in clips:
        assert np.allclose(clip.header.boxes, [0.3 * 192, 0.25 * 160, 0.7 * 192, 0.75 * 160], atol=0.6)
        assert np.allclose(clip.header.landmarks[0][0], [0.4 * 192, 0.4 * 160], atol=0.6)
        assert clip.header.score == pytest.approx(0.9)
        assert clip.header.track == 0


def test_faces_of_a_rotated_file_are_placed_in_the_coded_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", width=192, height=160, frames=8, rotation=90)
    clip = extract_clips(path, ClipPlan(clips=1, frames=4, detector=FIXED))[0]
    assert clip.source.rotation == 90
    # Upright is 160x192; turned clockwise, upright x is (160 - coded y) and upright y is coded x.
    assert np.allclose(clip.header.boxes[0], [0.25 * 192, 160 - 0.7 * 160, 0.75 * 192, 160 - 0.3 * 160], atol=0.6)
    assert np.allclose(clip.header.landmarks[0][0], [0.4 * 192, 160 - 0.4 * 160], atol=0.6)


@pytest.mark.parametrize(
    ("frames", "lengths"), [(1, [1]), (3, [3]), (4, [4]), (7, [4]), (8, [4]), (25, [4]), (32, [4, 4])]
)
def test_short_videos_give_what_there_is(tmp_path: Path, frames: int, lengths: list[int]) -> None:
    path = write_video(tmp_path / "v.mp4", width=192, height=160, frames=frames)
    assert [len(clip.header.frames) for clip in extract_clips(path, SMALL)] == lengths


def test_a_photo_is_a_clip_of_one_frame(real_media: Path) -> None:
    clip = extract_clips(real_media / "photos/real/i042.jpg", ClipPlan())[0]
    assert clip.header.frames == (0,)
    assert len(clip.y) == 1
    assert clip.qp is None
    assert clip.audio is None


def test_so_many_people_as_asked_most_prominent_first(made_video: Path) -> None:
    both = extract_clips(made_video, ClipPlan(clips=2, frames=4, people=3, detector="fake_parts:TwoFaces"))
    assert [clip.header.track for clip in both] == [0, 0, 1, 1]
    assert both[0].header.boxes[0][0] < 20
    assert both[2].header.boxes[0][0] > 120
    one = extract_clips(made_video, ClipPlan(clips=2, frames=4, detector="fake_parts:TwoFaces"))
    assert [clip.header for clip in one] == [clip.header for clip in both[:2]]


def test_audio_is_exactly_the_clips_span(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", width=192, height=160, frames=50, audio=click(2.0, 0.4))
    clips = extract_clips(path, ClipPlan(clips=2, frames=8, detector=FIXED))
    levels = []
    for clip in clips:
        assert clip.audio is not None
        assert clip.audio.dtype == np.int16
        assert len(clip.audio) == 8 * 16000 // 25
        levels.append(np.abs(clip.audio.astype(int)))
    start = clips[0].header.frames[0] / 25
    assert start + levels[0].argmax() / 16000 == pytest.approx(0.4, abs=0.002)
    assert levels[0].max() > 5000
    assert levels[1].max() < 500  # it begins at 1.3 s
    silent = extract_clips(path, ClipPlan(clips=1, frames=4, detector=FIXED, audio=False))[0]
    assert silent.audio is None
    assert silent.source.has_audio


def test_audio_that_ends_early_is_filled_up_with_silence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", width=192, height=160, frames=50, audio=tone(0.45))
    first, second = extract_clips(path, ClipPlan(clips=2, frames=8, detector=FIXED))
    assert np.abs(first.audio[:1000].astype(int)).max() > 5000
    assert len(second.audio) == 8 * 16000 // 25
    assert np.abs(second.audio.astype(int)).max() < 500


# -- one pass ----------------------------------------------------------------------------------------------------------


def test_one_pass_takes_only_the_frames_it_needs(made_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[int]] = []

    def watched(path: Path, wanted: set[int], **how: Any) -> Any:
        asked.append(set(wanted))
        return decode(path, wanted, **how)

    monkeypatch.setattr("dfcore.data.prepare.watch.decode", watched)
    extract_clips(made_video, SMALL)
    spans = reference_spans(40, 2, 4)
    assert asked == [{frame for span in spans for frame in span} | frames_to_look_at(spans, None, 25.0)]


def test_frames_looked_at() -> None:
    spans = clip_spans(300, 4, 8)
    looks = frames_to_look_at(spans, None, 30.0)
    assert {33, 40, 108, 115, 183, 190, 258, 265} <= looks
    assert len(looks) <= 24
    assert max(looks) == 265
    assert max(b - a for a, b in zip(sorted(looks), sorted(looks)[1:], strict=False)) <= 30
    assert frames_to_look_at(spans, 5, 30.0) == {33, 40, 108, 115, 183, 190, 258, 265} | set(range(33, 266, 5))
    assert frames_to_look_at([range(1)], None, 0.0) == {0}


def test_small_faces_are_looked_for_in_a_larger_image(tmp_path: Path) -> None:
    class Counting(fake_parts.FixedFace):
        sizes: list[int] = []  # noqa: RUF012

        def detect(self, image: np.ndarray) -> Any:
            self.sizes.append(image.shape[1])
            return super().detect(image) if image.shape[1] > 400 else []

    path = write_video(tmp_path / "v.mp4", width=800, height=160, frames=1)
    clip = extract_clips(path, ClipPlan(detector=FIXED), detector=Counting())[0]
    assert Counting.sizes == [320, 640]
    assert np.allclose(clip.header.boxes[0], [240, 40, 560, 120], atol=1)


# -- why not -----------------------------------------------------------------------------------------------------------


def reason(path: Path, detector: str = FIXED, **plan: Any) -> str:
    find_detector.cache_clear()
    with pytest.raises(MediaError) as caught:
        extract_clips(path, ClipPlan(**{"clips": 2, "frames": 4, "detector": detector, **plan}))
    assert path.name in str(caught.value)
    return str(caught.value)


def test_reasons(made_video: Path, tmp_path: Path) -> None:
    looked = len(frames_to_look_at(reference_spans(40, 2, 4), None, 25.0))
    assert f"no face found in {looked} frames looked at" in reason(made_video, "fake_parts:NoFace")
    assert "the largest face is 13 px; 32 are needed" in reason(made_video, "fake_parts:TinyFace")
    brief = reason(made_video, "fake_parts:BriefFace", clips=1, frames=20)
    assert "no face stays in view through any of its 1 spans of 20 frames" in brief
    assert "found in 1 of" in brief
    narrow = write_video(tmp_path / "narrow.mp4", width=192, height=48, frames=4)
    assert "192x48 px; at least 64x64 are needed" in reason(narrow)
    assert "text file" in reason(write_broken(tmp_path / "text.mp4", "text"))
    assert "empty" in reason(write_broken(tmp_path / "empty.mp4", "empty"))


def test_a_file_that_breaks_off_gives_the_clips_that_are_whole(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mpg", codec="mpeg1video", width=192, height=160, frames=110, gop=5)
    cut = write_broken(tmp_path / "cut.mpg", "truncated", whole)
    plan = ClipPlan(clips=4, frames=4, detector=FIXED)
    clips = extract_clips(cut, plan)
    assert clips
    assert all(len(clip.header.frames) == 4 for clip in clips)
    assert max(clip.header.frames[-1] for clip in clips) < 74
    assert len(clips) > 1


def test_frames_missing_at_the_end_shorten_the_clips(made_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking_off(path: Path, wanted: set[int], **how: Any) -> Any:
        return (frame for frame in decode(path, wanted, **how) if frame.index < last)

    monkeypatch.setattr("dfcore.data.prepare.watch.decode", breaking_off)
    first, second = reference_spans(40, 2, 4)
    last = second.start + 2
    assert [clip.header.frames for clip in extract_clips(made_video, SMALL)] == [tuple(middle(first, 4))]
    last = first.start + 10
    assert [clip.header.frames for clip in extract_clips(made_video, SMALL)] == [tuple(middle(first[:6], 4))]
    last = first.start + 2
    assert [clip.header.frames for clip in extract_clips(made_video, SMALL)] == [tuple(first)[:2]]
    last = first.start
    assert f"breaks off before its first clip (frame {first.start})" in reason(made_video)


def test_an_error_in_the_detector_ends_the_pass(made_video: Path) -> None:
    class Broken:
        def detect(self, image: np.ndarray) -> Any:
            raise ZeroDivisionError

    with pytest.raises(PluginError, match=r"failed in .*test_extract.py:\d+: ZeroDivisionError"):
        extract_clips(made_video, SMALL, detector=Broken())


def test_detectors_are_found_by_name_and_by_path() -> None:
    assert type(find_detector("centerface")).__name__ == "CenterFace"
    assert isinstance(find_detector(FIXED), fake_parts.FixedFace)
    assert find_detector(FIXED) is find_detector(FIXED)
    with pytest.raises(UnknownNameError, match="centreface"):
        find_detector("centreface")
    with pytest.raises(PluginImportError, match="no_such_module"):
        find_detector("no_such_module:Face")


def test_frames_are_let_go_while_the_detector_is_behind(made_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a few decoded frames wait for a slow detector."""
    import threading
    import time

    monkeypatch.setattr("dfcore.data.prepare.watch.WAITING", 2)
    waiting, most, lock = 0, 0, threading.Lock()
    original = DecodedFrame.rgb

    def rgb(self: DecodedFrame, max_side: int | None = None) -> Any:
        nonlocal waiting
        time.sleep(0.01)
        with lock:
            waiting -= 1
        return original(self, max_side)

    def counting(path: Path, wanted: set[int], **how: Any) -> Any:
        nonlocal waiting, most
        for frame in decode(path, wanted, **how):
            with lock:
                waiting += 1
                most = max(most, waiting)
            yield frame

    monkeypatch.setattr(DecodedFrame, "rgb", rgb)
    monkeypatch.setattr("dfcore.data.prepare.watch.decode", counting)
    extract_clips(made_video, ClipPlan(clips=1, frames=20, detector=FIXED, detector_stride=1))
    assert most <= 4  # two in the queue, one being looked at, one just decoded
