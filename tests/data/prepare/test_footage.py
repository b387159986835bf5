"""Footage: what is read of a video, and that writing it loses nothing but what the codec takes."""

from __future__ import annotations

from pathlib import Path

import fake_parts
import numpy as np
import pytest

from dfcore.data.media import decode, decode_audio, probe
from dfcore.data.media.encode import write_h264
from dfcore.data.prepare.footage import LEAD, read_footage, write_footage
from dfcore.errors import MediaError
from dfcore.testing.media import click, set_display_matrix, tone, write_video


def test_the_middle_frames_are_read_whole(made_video: Path) -> None:
    footage = read_footage(made_video, frames=10, detector=fake_parts.FixedFace())
    frames = list(decode(made_video, set(range(15, 25))))
    assert np.array_equal(footage.y, np.stack([frame.y for frame in frames]))
    assert np.array_equal(footage.v, np.stack([frame.v for frame in frames]))
    x0, y0, x1, y1 = fake_parts.BOX
    assert np.allclose(footage.boxes, [192 * x0, 160 * y0, 192 * x1, 160 * y1], atol=1)
    assert footage.audio is None
    assert footage.fps == 25


def test_lossless_gives_the_same_frames_again(made_video: Path, tmp_path: Path) -> None:
    footage = read_footage(made_video, detector=fake_parts.FixedFace())
    write_footage(footage, tmp_path / "same.mp4", crf=None)
    again = read_footage(tmp_path / "same.mp4", detector=fake_parts.FixedFace())
    for plane in ("y", "u", "v"):
        assert np.array_equal(getattr(again, plane), getattr(footage, plane))
    write_footage(footage, tmp_path / "rough.mp4", crf=40)
    assert (tmp_path / "rough.mp4").stat().st_size < (tmp_path / "same.mp4").stat().st_size / 4


def test_the_same_frames_give_the_same_bytes(made_video: Path, tmp_path: Path) -> None:
    footage = read_footage(made_video, detector=fake_parts.FixedFace())
    for name in "ab":
        write_footage(footage, tmp_path / f"{name}.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_audio_stays_with_its_frames(tmp_path: Path) -> None:
    """A click at 1.0 s of a 2 s video lies at 0.5 s of what the middle second's footage writes."""
    source = write_video(tmp_path / "v.mp4", width=192, height=160, frames=50, audio=click(2.0, 1.0))
    footage = read_footage(source, frames=25, detector=fake_parts.FixedFace())
    assert footage.audio is not None
    assert len(footage.audio) == 16000 * (1 + 2 * LEAD)
    assert np.abs(footage.audio.astype(int)).argmax() / 16000 - LEAD == pytest.approx(1.0 - 12 / 25, abs=0.01)
    write_footage(footage, tmp_path / "out.mp4")
    heard = decode_audio(tmp_path / "out.mp4")
    assert heard is not None
    assert np.abs(heard.astype(int)).argmax() / 16000 == pytest.approx(1.0 - 12 / 25, abs=0.01)
    assert probe(tmp_path / "out.mp4").frame_count == 25


def test_another_voice_is_of_the_same_length_and_only_given_where_both_speak(tmp_path: Path) -> None:
    speaking = write_video(tmp_path / "a.mp4", width=192, height=160, frames=10, audio=tone(0.4))
    long = write_video(tmp_path / "b.mp4", width=192, height=160, frames=100, audio=tone(4.0, 880))
    mute = write_video(tmp_path / "c.mp4", width=192, height=160, frames=10)
    face = fake_parts.FixedFace()
    footage = read_footage(speaking, detector=face, voice=long)
    assert footage.other_audio is not None
    assert footage.audio is not None
    assert len(footage.other_audio) == len(footage.audio)
    assert read_footage(speaking, detector=face, voice=mute).other_audio is None
    assert read_footage(long, detector=face, voice=speaking).other_audio is None  # too short
    assert read_footage(mute, detector=face, voice=long).other_audio is None


def test_a_lying_video_is_turned_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", width=192, height=160, frames=10)
    plain = read_footage(path, detector=fake_parts.FixedFace())
    set_display_matrix(path, (0, 1, -1, 0))
    turned = read_footage(path, detector=fake_parts.FixedFace())
    turns = -(probe(path).rotation // 90)
    assert turns
    assert np.array_equal(turned.y, np.rot90(plain.y, turns, axes=(1, 2)))
    assert turned.y.shape[1:] == (192, 160)
    x0, _, x1, _ = fake_parts.BOX
    assert turned.boxes[0, 2] - turned.boxes[0, 0] == pytest.approx(160 * (x1 - x0), abs=1)


def test_no_face_says_so(made_video: Path) -> None:
    with pytest.raises(MediaError, match="no face stays in view for 8 of the 40 frames"):
        read_footage(made_video, detector=fake_parts.NoFace())


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    planes = (np.zeros((1, 64, 64), np.uint8), *(np.zeros((1, 32, 32), np.uint8) for _ in range(2)))
    with pytest.raises(MediaError, match="cannot be written"):
        write_h264(tmp_path / "none" / "v.mp4", planes, 25.0, crf=23)  # type: ignore[arg-type]
