"""Every bad input ends in a MediaError that says why, and damage costs only the frames that it touches."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dfcore.data.media import decode, probe
from dfcore.errors import MediaError
from dfcore.testing.media import scene, tone, write_broken, write_video


def audio_only(folder: Path) -> Path:
    path = folder / "audio.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            tone(0.1)[None, :1024].astype(np.float32) / 32768, format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def audio_with_cover(folder: Path) -> Path:
    path = folder / "cover.m4a"
    Image.fromarray(scene(64, 48)).save(folder / "cover.jpg")
    with (
        av.open(str(folder / "cover.jpg")) as cover,
        av.open(str(audio_only(folder))) as audio,
        av.open(str(path), "w", format="mp4") as container,
    ):
        image = container.add_stream_from_template(cover.streams.video[0])
        image.disposition = av.stream.Disposition.attached_pic
        track = container.add_stream_from_template(audio.streams.audio[0])
        for source, stream in ((cover, image), (audio, track)):
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    return path


def undecodable(folder: Path) -> Path:
    """An intact MP4 whose image data are noise."""
    path = write_video(folder / "noise.mp4", width=96, height=64, frames=6)
    data = bytearray(path.read_bytes())
    at = data.find(b"mdat")
    size = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 : at - 4 + size] = b"\xff" * (size - 8)
    path.write_bytes(bytes(data))
    return path


def cut_image(folder: Path) -> Path:
    Image.fromarray(scene(96, 64)).save(folder / "cut.jpg", quality=95)
    return write_broken(folder / "cut.jpg", "truncated", folder / "cut.jpg")


BAD = {
    "missing": (lambda folder: folder / "none.mp4", "no such file"),
    "folder": (lambda folder: folder, "is a folder"),
    "empty": (lambda folder: write_broken(folder / "empty.mp4", "empty"), r"empty \(0 bytes\)"),
    "text": (lambda folder: write_broken(folder / "text.mp4", "text"), "is a text file"),
    "text with a text's name": (lambda folder: write_broken(folder / "text.txt", "text"), "is a text file"),
    "noise": (lambda folder: write_broken(folder / "noise.mp4", "noise"), "not a media file"),
    "without index": (
        lambda folder: write_broken(
            folder / "half.mp4", "truncated", write_video(folder / "a.mp4", width=96, height=64, frames=6)
        ),
        "index .moov. is missing",
    ),
    "audio only": (audio_only, r"no video stream \(found: audio\)"),
    "audio with a cover": (audio_with_cover, r"no video stream \(found: audio, cover image\)"),
    "undecodable": (undecodable, "not one"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_refused_with_its_reason(tmp_path, kind):
    make, reason = BAD[kind]
    path = make(tmp_path)
    for read in (probe, lambda p: list(decode(p)), lambda p: list(decode(p, [0], side_data=False))):
        with pytest.raises(MediaError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert str(caught.value).rstrip(".").split(". ")[-1], "the message ends with what to do"


def test_a_cut_image_is_refused(tmp_path):
    with pytest.raises(MediaError, match=r"cannot be read \(.*truncated"):
        list(decode(cut_image(tmp_path)))


def test_frames_around_damage_are_given_and_those_that_depend_on_it_are_not(tmp_path, caplog, capfd):
    good = write_video(tmp_path / "good.mp4", width=160, height=112, frames=60, gop=12)
    bad = write_broken(tmp_path / "bad.mp4", "damaged", good)
    whole = {frame.index: frame for frame in decode(good)}
    given = list(decode(bad))
    indices = [frame.index for frame in given]
    lost = sorted(set(range(60)) - set(indices))
    assert 12 <= len(lost) <= 36
    assert lost == list(range(lost[0], lost[-1] + 1))  # from the damage to the next key frame
    assert indices[-1] == 59
    for frame in given:
        np.testing.assert_array_equal(frame.y, whole[frame.index].y)
        assert frame.time == pytest.approx(whole[frame.index].time)
    assert f"{len(lost)} frames that depend on damaged ones are left out" in caplog.text
    assert capfd.readouterr().err == "", "FFmpeg's own messages belong nowhere"


@pytest.mark.parametrize(
    ("name", "side_data"), [("a.mp4", True), ("a.mp4", False), ("a.mkv", True), ("a.mkv", False), ("a.ts", True)]
)
def test_a_file_cut_short_gives_the_frames_before_the_cut(tmp_path, caplog, name, side_data):
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    good = write_video(tmp_path / name, width=160, height=112, frames=60, container_options=options)
    bad = write_broken(tmp_path / f"cut_{name}", "truncated", good)
    info = probe(bad)
    whole = list(decode(good, side_data=side_data))
    given = list(decode(bad, set(range(60)), side_data=side_data))
    assert 20 <= len(given) < 40
    assert abs(info.frame_count - len(given)) <= 1
    for frame, original in zip(given, whole, strict=False):
        assert frame.index == original.index
        np.testing.assert_array_equal(frame.y, original.y)
    assert "before the last wanted one (59)" in caplog.text


def test_a_pipe_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, kind in ((tmp_path / "pipe.mp4", "pipe"), (Path("/dev/zero"), "device")):
        with pytest.raises(MediaError, match=f"this is a {kind}, not a file"):
            probe(path)
