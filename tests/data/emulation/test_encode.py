"""What comes of a video that goes through a platform, and how it is prepared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from preparing import run

from dfcore.data.clips import ClipHeader
from dfcore.data.emulation.encode import as_from_platform, before_emulation
from dfcore.data.emulation.platforms import Platform, emulated
from dfcore.data.media.audio import decode_audio
from dfcore.data.media.encode import write_h264
from dfcore.data.media.frames import decode
from dfcore.data.media.probe import probe
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import MediaError

FRAMES, HEIGHT, WIDTH = 12, 96, 128
SMALL = Platform("small", 48, 64_000, key_frames=0.2)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradient that moves, with noise and a tone."""
    path = tmp_path_factory.mktemp("source") / "one.mp4"
    rng = np.random.default_rng(0)
    x = np.arange(WIDTH)[None, None] + 4 * np.arange(FRAMES)[:, None, None]
    y = (x % 200 + 20 + rng.normal(0, 8, (FRAMES, HEIGHT, WIDTH))).clip(16, 235).astype(np.uint8)
    u = np.full((FRAMES, HEIGHT // 2, WIDTH // 2), 100, np.uint8)
    audio = (9000 * np.sin(np.arange(16_000 * FRAMES // 25) * 0.2)).astype(np.int16)
    write_h264(path, (y, u, u + 50), 25.0, crf=10, audio=audio)
    return path


def test_it_is_smaller_and_has_fewer_bits_every_frame_at_its_time_and_the_audio(video: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    as_from_platform(video, target, SMALL)
    before, after = probe(video), probe(target)
    assert (after.width, after.height, after.codec) == (64, 48, "h264")
    assert after.frame_count == FRAMES
    assert target.stat().st_size < video.stat().st_size / 3
    times = [[round(frame.time, 3) for frame in decode(path)] for path in (video, target)]
    assert times[0] == times[1]
    heard = decode_audio(target)
    assert heard is not None
    assert abs(len(heard) / 16_000 - before.duration) < 0.1
    spectrum = np.abs(np.fft.rfft(heard[2000:6000]))
    assert np.argmax(spectrum) / 4000 == pytest.approx(0.2 / (2 * np.pi), abs=0.001)
    assert [frame.pict_type for frame in decode(target)].count("I") >= 2  # a key frame every 0.2 s


def test_the_content_is_the_same_but_coarser(video: Path, tmp_path: Path) -> None:
    as_from_platform(video, tmp_path / "out.mp4", SMALL)
    for old, new in zip(decode(video), decode(tmp_path / "out.mp4"), strict=True):
        reduced = old.y.reshape(48, 2, 64, 2).mean(axis=(1, 3))
        assert np.corrcoef(reduced.ravel(), new.y.ravel())[0, 1] > 0.97
        assert new.u.mean() == pytest.approx(100, abs=3)
        assert new.v.mean() == pytest.approx(150, abs=3)


def test_the_same_file_gives_the_same_bytes(video: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        as_from_platform(video, tmp_path / name, SMALL)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_what_is_no_video_is_a_media_error(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_text("no video")
    with pytest.raises(MediaError, match=r"no\.mp4"):
        as_from_platform(tmp_path / "no.mp4", tmp_path / "out.mp4", SMALL)


def test_it_is_prepared_beside_the_clean_one_from_the_platforms_frames(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not so small that the face would be too small to be used.
    monkeypatch.setattr("dfcore.data.emulation.encode.find_platform", lambda name: replace(SMALL, side=72))
    clean = VideoRecord("one", video, 0)
    report = run([clean, emulated(clean, "small")], tmp_path / "store")
    assert report.failed == ()
    store = ClipStore(tmp_path / "store")
    ids = sorted(store.ids())
    assert ids == ["one", "one~as-small"]
    sizes = [(store.open(name).source.width, store.open(name).source.height) for name in ids]
    assert sizes == [(WIDTH, HEIGHT), (96, 72)]
    assert run([clean, emulated(clean, "small")], tmp_path / "store").reused == 2


def test_faces_are_compared_with_the_original_where_they_lay_before(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.data.emulation.encode.find_platform", lambda name: SMALL)
    header = ClipHeader(0, (3,), (0.1,), "P", (0, 0, 16, 16), ((8.0, 6.0, 32.0, 24.0),), ((),), 1.0)
    record = replace(VideoRecord("one", video, 1), emulation="small")
    assert before_emulation(record, [header])[0].boxes == ((16.0, 12.0, 64.0, 48.0),)
