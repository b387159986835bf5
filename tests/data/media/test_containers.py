"""Which formats are read, which stream of a file is shown, and what is never opened."""

from __future__ import annotations

import http.server
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dfcore.data.media import container, decode, probe
from dfcore.data.media.formats import points_elsewhere
from dfcore.data.media.images import still
from dfcore.errors import MediaError
from dfcore.testing.media import write_video

# -- containers that point to other files ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", asked
        found.shutdown()


POINTERS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n",
    "bom.mp4": "\ufeff#EXTM3U\n{target}\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "list.mp4": "file '{target}'\nfile '{target}'\n",
    "dash.mpd": '<?xml version="1.0"?>\n<!-- made -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "session.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n",
    "list.pls": "[playlist]\nFile1={target}\n",
    "list.asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "list.xspf": '<?xml version="1.0"?><playlist version="1"><trackList/></playlist>',
    "addresses.mp4": "{target}\n",
    "shortcut.url": "[InternetShortcut]\nURL={target}\n",
}


@pytest.mark.parametrize("name", POINTERS)
@pytest.mark.parametrize("local", [True, False])
def test_what_points_elsewhere_is_refused_by_name_and_nothing_else_is_opened(
    name: str, local: bool, tmp_path: Path, server: tuple[str, list[str]]
) -> None:
    address, asked = server
    good = write_video(tmp_path / "good.ts", frames=3, width=96, height=64)
    path = tmp_path / name
    path.write_text(POINTERS[name].format(target=good if local else f"{address}/a.ts"), encoding="utf-8")
    text = "this is a text file" if local and name == "addresses.mp4" else "it points to other files or addresses"
    with pytest.raises(MediaError, match=text):
        probe(path)
    with pytest.raises(MediaError):
        next(decode(path))
    assert asked == []


def test_what_begins_like_a_sentence_is_a_text() -> None:
    assert points_elsewhere(b"The file is in http://here.org") == ""
    assert points_elsewhere(b"v=0 is the speed") == ""


def test_a_pattern_of_names_is_one_files_name(tmp_path: Path) -> None:
    for name, level in (("a_%02d.tif", 200), ("a_01.tif", 20), ("a_%02d.tga", 200), ("a_01.tga", 20)):
        Image.new("L", (96, 80), level).save(tmp_path / name)
    for suffix in ("tif", "tga"):
        frames = list(decode(tmp_path / f"a_%02d.{suffix}"))
        assert [round(float(frame.y.mean())) > 150 for frame in frames] == [True], suffix


def test_a_connection_by_a_name_is_not_tried(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    for name in (address, f"concat:{address}/a", "pipe:0", "subfile,,start,0,end,9,,:/etc/hosts", "data:video/mp4,aa"):
        with pytest.raises(MediaError, match=r"no such file|this is an address, not a file"):
            probe(Path(name))
    assert asked == []


# -- the stream that is shown ------------------------------------------------------------------------------------------


def two_tracks(
    path: Path, sizes: list[tuple[int, int]], *, frames: tuple[int, ...] = (4, 4), default: int | None = None
) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for number, (width, height) in enumerate(sizes):
            stream = container.add_stream("libx264", rate=25, options={"threads": "1", "bf": "0"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            if default is not None:
                flag = av.stream.Disposition.default
                stream.disposition = flag if number == default else av.stream.Disposition(0)
            streams.append(stream)
        for index in range(max(frames)):
            for number, stream in enumerate(streams):
                if index < frames[number]:
                    image = np.full((stream.height, stream.width, 3), 40 + 100 * number, np.uint8)
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
                    frame.pts = index
                    container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_of_several_tracks_the_largest_is_read(suffix: str, tmp_path: Path) -> None:
    path = two_tracks(tmp_path / f"a.{suffix}", [(96, 64), (192, 128)])  # the MP4's muxer calls the first the default
    assert (probe(path).width, {frame.y.shape for frame in decode(path)}) == (192, {(128, 192)})


def test_the_default_track_comes_before_the_largest(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv", [(192, 128), (96, 64)], default=1)
    assert (probe(path).width, {frame.y.shape for frame in decode(path)}) == (96, {(64, 96)})


def test_a_large_still_beside_a_video_is_not_the_video(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mp4", [(192, 128), (96, 64)], frames=(1, 6))
    assert (probe(path).width, probe(path).frame_count) == (96, 6)


# -- size --------------------------------------------------------------------------------------------------------------


def test_frames_that_are_too_large_are_refused_with_their_size_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=1, width=96, height=64)
    with pytest.raises(MediaError, match=r"16000x16000 pixels .256 million.; up to 67 million .* Reduce it"):
        container.check_size(path, 16000, 16000)
    container.check_size(path, 8192, 8192)
    with pytest.raises(MediaError, match=r"144x55551 pixels, a strip more than 50 times"):
        container.check_size(path, 144, 55551)
    container.check_size(path, 5000, 100)
    monkeypatch.setattr(container, "MAX_PIXELS", 6000)
    with pytest.raises(MediaError, match=r"a\.mp4: its frames have 96x64 pixels"):
        probe(path)


def test_a_decoder_refuses_what_is_too_large_whatever_the_container_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=3, width=192, height=128)
    monkeypatch.setitem(container.DECODER_OPTIONS, "max_pixels", "8000")
    with pytest.raises(MediaError, match="not one frame can be decoded"):
        probe(path)
    with pytest.raises(MediaError, match="not one intact frame can be decoded"):
        next(decode(path))


def test_a_photo_that_is_too_large_is_refused_without_a_library_s_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (8, 8)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 16000, 16000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MediaError, match=r"a\.png: its frames have 16000x16000 pixels \(256 million\)"):
            probe(path)
        with pytest.raises(MediaError, match="16000x16000"):
            next(decode(path))


def test_a_large_jpeg_is_reduced_while_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in (container, still):
        monkeypatch.setattr(module, "MAX_PIXELS", 400 * 400)
    path, side = tmp_path / "a.jpg", 900
    image = Image.new("RGB", (side, side), (30, 30, 30))
    image.paste((220, 220, 220), (0, 0, side // 2, side))
    image.save(path, quality=50)
    info = probe(path)
    assert (info.width, info.height) == (side // 4, side // 4)
    assert info.converted.endswith("900x900 -> 225x225")
    frame = next(decode(path))
    assert frame.y.shape == (side // 4, side // 4)
    assert (frame.y[:, 10] > 200).all()
    assert (frame.y[:, -10] < 50).all()
    assert "reduced while it is decoded (900x900 -> 225x225)" in caplog.text
