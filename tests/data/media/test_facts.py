"""Facts of a file, by files whose facts are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dfcore.data.media.facts import media_facts
from dfcore.errors import MediaError
from dfcore.testing.media import write_broken, write_video


def test_the_facts_of_a_video_are_those_it_was_written_with(tmp_path: Path) -> None:
    audio = np.zeros(48000, np.int16)
    path = write_video(tmp_path / "a.mp4", width=320, height=240, frames=50, gop=10, audio=audio)
    facts = media_facts(path)
    expected = {"codec": "h264", "width": 320, "height": 240, "fps": 25.0, "frames": 50, "duration": 2.0,
                "key_frames": 5, "longest_gap": 0.04, "irregular_steps": 0, "edited_time_base": False,
                "audio_codec": "aac", "audio_rate": 48000, "audio_channels": 1, "pixel_format": "yuv420p"}  # fmt: skip
    assert {name: facts[name] for name in expected} == expected
    assert facts["size"] == path.stat().st_size
    assert facts["bit_rate"] == round(8 * facts["size"] / 2)
    assert facts["audio_duration"] == pytest.approx(1.0, abs=0.1)


def test_irregular_steps_are_counted(tmp_path: Path) -> None:
    times = [k / 25 for k in range(20)] + [1.6 + k / 25 for k in range(20)]
    facts = media_facts(write_video(tmp_path / "a.mp4", frames=40, times=times))
    assert facts["irregular_steps"] == 1
    assert facts["longest_gap"] == pytest.approx(0.84, abs=0.01)
    assert facts["audio_codec"] == "none"


def test_a_photo_has_its_size_and_codec(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24)).save(tmp_path / "a.jpg")
    facts = media_facts(tmp_path / "a.jpg")
    assert (facts["codec"], facts["width"], facts["height"]) == ("jpeg", 32, 24)


def test_what_the_file_states_of_its_tools_stands_apart(tmp_path: Path) -> None:
    facts = media_facts(write_video(tmp_path / "a.mp4"))
    assert facts["stated_brand"] == "isom"
    named = [key for key, value in facts.items() if "lavf" in str(value).lower() or "rc=" in str(value)]
    assert all(key.startswith("stated_") for key in named), named
    assert named, "the encoder's own settings at least"


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        media_facts(write_broken(tmp_path / "a.mp4", "noise"))
