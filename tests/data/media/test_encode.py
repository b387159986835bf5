"""What is written as H.264 in MP4 is what was given, with its audio and its time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfcore.data.clips import Planes
from dfcore.data.media import SAMPLE_RATE, decode, decode_audio, probe
from dfcore.data.media.encode import write_h264
from dfcore.testing.media import tone


@pytest.fixture
def planes() -> Planes:
    random = np.random.default_rng(0)
    y, u, v = (random.integers(16, 236, (5, *shape), dtype=np.uint8) for shape in ((50, 70), (25, 35), (25, 35)))
    return y, u, v


def test_lossless_is_to_the_last_bit_and_the_same_bytes_each_time(planes: Planes, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for path in paths:
        write_h264(path, planes, 12.5, crf=None)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    info = probe(paths[0])
    assert (info.width, info.height, info.frame_count, info.fps, info.has_audio) == (70, 50, 5, 12.5, False)
    frames = list(decode(paths[0]))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.08, 0.16, 0.24, 0.32])
    for number, plane in enumerate(planes):
        assert np.array_equal(np.stack([(frame.y, frame.u, frame.v)[number] for frame in frames]), plane)


def test_a_higher_rate_factor_takes_fewer_bytes(planes: Planes, tmp_path: Path) -> None:
    sizes = []
    for crf in (18, 30, 45):
        write_h264(tmp_path / "a.mp4", planes, 25.0, crf=crf)
        sizes.append((tmp_path / "a.mp4").stat().st_size)
    assert sizes[0] > sizes[1] > sizes[2]


def test_the_audio_is_heard_at_its_time_as_it_was(planes: Planes, tmp_path: Path) -> None:
    given = tone(0.4, rate=SAMPLE_RATE)
    given[:1600] = 0
    write_h264(tmp_path / "a.mp4", planes, 12.5, crf=23, audio=given)
    assert probe(tmp_path / "a.mp4").has_audio
    found = decode_audio(tmp_path / "a.mp4", 0.0, 0.4)
    assert found is not None
    error = found[400:-400].astype(float) - given[400:-400]
    assert np.sqrt(np.square(error).mean()) < 0.02 * np.sqrt(np.square(given.astype(float)).mean())
