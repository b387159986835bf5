"""Animated WebP and PNG are videos of all their frames, as GIF is; photos in tiles come whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heif_files import write_grid
from PIL import Image

from dfcore.data.media import decode, decode_audio, probe, yuv_to_rgb
from dfcore.data.media.images import grids
from dfcore.data.prepare.speech import frame_times
from dfcore.errors import MediaError
from dfcore.testing.media import scene

LEVELS = [40, 90, 140, 190, 240]


def animated(path: Path, levels: list[int] = LEVELS, **how: object) -> Path:
    images = [Image.fromarray(np.full((80, 96, 3), level, np.uint8)) for level in levels]
    images[0].save(path, save_all=True, append_images=images[1:], duration=40, loop=0, **how)
    return path


@pytest.mark.parametrize("suffix", ["webp", "png", "apng", "gif"])
def test_every_frame_of_an_animation_comes(suffix: str, tmp_path: Path) -> None:
    path = animated(tmp_path / f"a.{suffix}")
    info = probe(path)
    assert (info.kind, info.frame_count, info.width, info.height, info.has_audio) == ("video", 5, 96, 80, False)
    assert info.fps == pytest.approx(25, rel=0.01)
    frames = list(decode(path))
    assert [frame.index for frame in frames] == list(range(5))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=0.001)
    assert frame_times(path, info) == pytest.approx([frame.time for frame in frames], abs=0.001)
    assert [float(frame.rgb()[0].mean()) for frame in frames] == pytest.approx(LEVELS, abs=4)
    assert decode_audio(path) is None


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_only_the_frames_wanted_come(suffix: str, tmp_path: Path) -> None:
    path = animated(tmp_path / f"a.{suffix}")
    assert [(f.index, round(float(f.rgb()[0].mean()), -1)) for f in decode(path, {1, 3})] == [(1, 90), (3, 190)]


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_a_photo_of_the_same_format_is_one(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (96, 80), (90, 90, 90)).save(path)
    assert (probe(path).kind, len(list(decode(path)))) == ("image", 1)


def test_an_animation_that_breaks_off_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = animated(tmp_path / "a.webp", method=0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(MediaError, match=r"a\.webp: the image cannot be read"):  # the library refuses it as a whole
        list(decode(path))


# -- tiles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [0, 1])
def test_a_photo_in_tiles_comes_whole(turns: int, tmp_path: Path) -> None:
    image = scene(300, 200, noise=0)
    path = write_grid(tmp_path / "a.heic", image, 2, 3, turns=turns)
    info = probe(path)
    assert (info.kind, info.width, info.height, info.codec, info.frame_count) == ("image", 300, 200, "hevc", 1)
    assert info.rotation == (0, 270)[turns]
    frame = next(decode(path))
    assert (frame.y.shape, frame.u.shape, frame.rotation) == ((200, 300), (100, 150), info.rotation)
    found = yuv_to_rgb(frame.y, frame.u, frame.v, frame.colour_matrix, frame.colour_range)
    assert np.abs(found.astype(np.float64) - image).mean() < 8  # chroma is halved
    assert frame.rgb()[0].shape == ((200, 300, 3), (300, 200, 3))[turns]


def test_a_missing_tile_is_the_files_fault(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.heic", scene(200, 100, noise=0), 1, 2)
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes(40))
    damaged = path.read_bytes().find(b"mdat") + 8
    path.write_bytes(data[:damaged] + bytes(len(data) - damaged))
    with pytest.raises(MediaError, match=r"tile 1 of the 2 of this photo cannot be decoded"):
        next(decode(path))


@pytest.mark.parametrize("cut", range(20, 700, 37))
def test_a_grid_that_does_not_hold_together_is_an_error_of_the_file(cut: int, tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.heic", scene(130, 66, noise=0), 1, 2)
    data = bytearray(path.read_bytes())
    for value in (0, 0xFF):
        data[cut] = value
        path.write_bytes(data)
        try:
            grids.read_grid(path)
            assert all(frame.y.size <= 2**26 for frame in decode(path))
        except MediaError:
            pass
