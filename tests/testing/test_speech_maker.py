"""Made speech: the mouth is driven by the audio, speakers differ, and it comes again from its seed."""

from __future__ import annotations

import numpy as np
import pytest

from dfcore.data.prepare.speech import mouth_squares
from dfcore.testing.speech import made_footage, made_utterance


def envelope(audio: np.ndarray) -> np.ndarray:
    """RMS of each 40 ms."""
    return np.asarray(np.sqrt((audio[: len(audio) // 640 * 640].reshape(-1, 640).astype(float) ** 2).mean(1)))


def test_the_mouth_opens_with_the_voice() -> None:
    spoken = made_utterance(3, 6.0)
    assert spoken.audio.shape == spoken.opening.shape == (96000,)
    loud = np.log(envelope(spoken.audio) + 10)
    wide = spoken.opening.reshape(-1, 640).mean(1)
    found = [np.corrcoef(wide[15:-15], loud[15 + lag : len(loud) - 15 + lag])[0, 1] for lag in range(-10, 11)]
    assert abs(int(np.argmax(found)) - 10) <= 1
    assert max(found) > 0.6
    assert max(found) > max(found[0], found[-1]) + 0.3
    assert 0 <= spoken.opening.min() < 0.05
    assert 0.3 < spoken.opening.max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_it_has_the_rhythm_of_syllables(seed: int) -> None:
    loud = envelope(made_utterance(seed, 20.0).audio)
    power = np.abs(np.fft.rfft((loud - loud.mean()) * np.hanning(len(loud)))) ** 2
    hertz = np.fft.rfftfreq(len(loud), 0.04)
    inside = power[(hertz >= 2) & (hertz < 8)].mean()
    assert inside > 3 * power[hertz >= 9].mean()


def test_a_speaker_keeps_the_voice_and_says_something_else() -> None:
    one, same, other = (made_utterance(said, 3.0, voice=voice).audio for said, voice in ((1, 5), (1, 5), (2, 5)))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, made_utterance(1, 3.0, voice=6).audio)


def test_footage_of_a_talking_face() -> None:
    made = made_footage(4, frames=10, size=192, lead=0.5)
    assert made.y.shape == (10, 192, 192)
    assert made.u.shape == made.v.shape == (10, 96, 96)
    assert made.audio is not None
    assert made.other_audio is not None
    assert len(made.audio) == len(made.other_audio) == round((10 / 25 + 1.0) * 16000)
    x0, y0, x1, y1 = made.boxes[0]
    assert (made.landmarks[:, :, 0] > x0 - 5).all()
    assert (made.landmarks[:, :, 1] < y1).all()
    assert y0 < made.landmarks[0, 0, 1] < made.landmarks[0, 2, 1] < made.landmarks[0, 3, 1] < y1
    assert x0 < x1
    again = made_footage(4, frames=10, size=192, lead=0.5)
    assert np.array_equal(made.y, again.y)
    assert not np.array_equal(made_footage(4, frames=2, size=192, said=1).y, made.y[:2])


def test_its_mouth_is_where_the_points_say_and_moves_with_the_voice() -> None:
    made = made_footage(11, frames=30, size=192)
    assert made.audio is not None
    squares = mouth_squares(made.boxes, made.landmarks).round().astype(int)
    middle = (slice(squares[0, 2] // 4, squares[0, 2] * 7 // 10), slice(squares[0, 2] // 4, squares[0, 2] * 3 // 4))
    parts = [frame[y : y + s, x : x + s][middle] for frame, (x, y, s) in zip(made.y, squares, strict=True)]
    dark = np.array([(part < 0.6 * np.median(part)).mean() for part in parts])
    places = (16000 * (1.0 + (np.arange(30) + 0.5) / 25)).astype(int)
    opening = made_utterance(11, 30 / 25 + 2.0).opening[places]
    assert np.corrcoef(dark, opening)[0, 1] > 0.6
