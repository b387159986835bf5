"""Coding history, of files that were written in a known way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfcore.data.media.coding.history import size_rhythm, slice_kind, stated_settings
from dfcore.data.media.facts import media_facts
from dfcore.testing.media import write_video


def sizes_of(
    frames: int, beat: int = 0, more: float = 0.6, noise: float = 0.2, start: int = 5
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Sizes of frames as an encoder with B frames makes them; those of a beat are larger."""
    rng = np.random.default_rng(1)
    kinds = ["P1" if k % 4 == 0 else "B1" if k % 4 == 2 else "B0" for k in range(frames)]
    kinds[0] = "I1"
    logs = np.array([{"I": 10.0, "P": 8.0, "B": 6.5}[kind[0]] for kind in kinds]) + noise * rng.normal(size=frames)
    if beat:
        logs[start::beat] += more
    return np.exp(logs), kinds, np.array([0])


@pytest.mark.parametrize("beat", [7, 12, 30])
def test_frames_that_are_larger_at_a_fixed_distance_are_a_rhythm(beat: int) -> None:
    assert size_rhythm(*sizes_of(240, beat)) == (beat, 58)


def test_frames_of_different_types_and_noise_alone_are_none() -> None:
    assert size_rhythm(*sizes_of(240)) == (None, 58)
    found = [size_rhythm(*sizes_of(240), seed=seed)[0] for seed in range(5)]
    assert found == [None] * 5


def test_one_cut_is_no_rhythm() -> None:
    sizes, kinds, keys = sizes_of(240)
    sizes[120] *= 50
    assert size_rhythm(sizes, kinds, keys)[0] is None


def test_the_last_encoders_own_key_frames_are_none() -> None:
    sizes, kinds, _ = sizes_of(240, 12, start=1)  # the frame after each key frame is larger
    keys = np.arange(0, 240, 12)
    for key in keys:
        kinds[key] = "I1"
    assert size_rhythm(sizes, kinds, keys)[0] is None
    later, kinds, _ = sizes_of(240, 24, start=8)
    assert size_rhythm(later, kinds, keys)[0] is None, "a multiple of the key frames' distance is theirs"


def test_a_short_video_has_no_rhythm_to_look_for() -> None:
    assert size_rhythm(*sizes_of(12)) == (None, 0)
    assert size_rhythm(*sizes_of(32, 12))[1] < 12


def test_frame_types_and_key_frames_are_those_that_were_written(tmp_path: Path) -> None:
    facts = media_facts(write_video(tmp_path / "a.mp4", frames=50, gop=10))
    assert facts["key_frame_distance"] == {"shortest": 10, "usual": 10, "longest": 10}
    assert facts["frame_types"]["I"] == 5
    assert sum(facts["frame_types"].values()) == 50
    assert facts["size_rhythm"].startswith(("none found of 4 to", "too few"))


def test_an_encoder_that_states_its_settings_states_its_passes(tmp_path: Path) -> None:
    facts = media_facts(write_video(tmp_path / "a.mp4", frames=20))
    assert "rc=" in facts["stated_settings"]
    assert facts["stated_passes"] == 1
    message = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef") + b"x264 - core 1 - options: rc=2pass a=1\0rest"
    assert stated_settings(b"before" + message) == "rc=2pass a=1"
    assert stated_settings(b"another message") == ""


def test_slices_are_read_as_both_containers_pack_them() -> None:
    # After the header: a first macroblock of 0 ("1"), then the type: 2 is "011", an I slice; 5 is "00110", a P slice.
    key, predicted = bytes([0x65, 0b10110000, 0]), bytes([0x41, 0b10011000, 0])
    mp4 = bytes([1, 0x64, 0, 0x1E, 0xFF])
    parameters = (4).to_bytes(4, "big") + bytes([0x06, 1, 2, 3])
    assert slice_kind(parameters + (3).to_bytes(4, "big") + key, mp4) == "I1"
    assert slice_kind((3).to_bytes(4, "big") + predicted, mp4) == "P1"
    assert slice_kind(b"\0\0\0\1" + bytes([0x09, 0xF0, 0]) + b"\0\0\1" + predicted, b"") == "P1"
    assert slice_kind(bytes([0x01, 0b10011000, 0]), b"") == "", "no unit is marked"
    assert slice_kind(b"\0\0\1" + bytes([0x65, 0, 0, 0]), b"") == "", "a number that does not end"
    assert slice_kind(b"", mp4) == ""
