"""The views of a clip's speech."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dfcore.data.clips import Clip, MemoryClip, Speech
from dfcore.data.views import build_views
from dfcore.data.views.augment import augmentation
from dfcore.data.views.speech import FLOOR, mel_spectrum
from dfcore.errors import StoreError
from dfcore.testing.media import click, tone
from dfcore.testing.views import made_clip

NAMES = ("mouth", "mouth_present", "log_mel", "audio_present")


class Always:
    """A random generator that always says yes."""

    def random(self) -> float:
        return 0.0


def views(clip: Clip) -> dict[str, Tensor]:
    return build_views(MemoryClip(clip), NAMES, [0], image_size=32)


def test_shapes_types_and_what_they_are() -> None:
    clip = made_clip(1)
    assert clip.speech is not None
    found = views(clip)
    assert {name: (tuple(view.shape), view.dtype) for name, view in found.items()} == {
        "mouth": ((60, 96, 96), torch.uint8),
        "mouth_present": ((60,), torch.float32),
        "log_mel": ((80, 240), torch.float32),
        "audio_present": ((60,), torch.float32),
    }
    assert np.array_equal(found["mouth"].numpy(), clip.speech.mouth)
    assert found["audio_present"].sum() > 25
    assert found["audio_present"][:5].sum() == 0  # nothing is said before 0.2 s


def test_a_clip_without_speech_or_audio_has_the_same_shapes() -> None:
    clip = made_clip(1, audio=False)
    silent = views(clip)
    assert silent["mouth"].any()
    assert not silent["audio_present"].any()
    assert silent["log_mel"].unique().tolist() == pytest.approx([math.log(FLOOR)])
    clip.speech = None
    nothing = views(clip)
    assert {name: view.shape for name, view in nothing.items()} == {name: view.shape for name, view in silent.items()}
    assert not nothing["mouth"].any()
    assert not nothing["mouth_present"].any()


def test_a_mirrored_sample_has_a_mirrored_mouth() -> None:
    clip = made_clip(1)
    assert clip.speech is not None
    augment = augmentation(["hflip"])
    found = build_views(MemoryClip(clip), NAMES, [0], image_size=32, augment=augment, rng=Always())  # type: ignore[arg-type]
    assert np.array_equal(found["mouth"].numpy(), clip.speech.mouth[:, :, ::-1])
    assert torch.equal(found["log_mel"], views(clip)["log_mel"])


def test_of_longer_speech_the_middle_is_read_and_shorter_is_refused() -> None:
    clip = made_clip(1)
    speech = clip.speech
    assert speech is not None
    assert speech.audio is not None
    whole = views(clip)
    edge = np.zeros((5, 96, 96), np.uint8)
    quiet = np.zeros(5 * 640, np.int16)
    clip.speech = Speech(
        np.concatenate([edge, speech.mouth, edge]),
        np.pad(speech.present, 5),
        -0.2,
        np.concatenate([quiet, speech.audio, quiet]),
    )
    assert all(torch.equal(view, whole[name]) for name, view in views(clip).items())
    clip.speech = Speech(speech.mouth[:50], speech.present[:50], 0.0, speech.audio[:32000])
    clip.source = replace(clip.source, video="short")
    with pytest.raises(StoreError, match=r"short.*2.0 s of speech; 2.4 s"):
        views(clip)


@pytest.mark.parametrize(("hertz", "level"), [(300.0, 0.5), (1000.0, 0.1), (4000.0, 0.02)])
def test_a_tones_mel_powers_sum_to_its_mean_square(hertz: float, level: float) -> None:
    mel = mel_spectrum(tone(2.4, hertz, rate=16000, level=level))
    power = np.exp(mel[:, 10:230]).sum(0)
    assert power / 38400 == pytest.approx(level**2 / 2, rel=0.02)
    place = 2595 * np.log10(1 + hertz / 700) / (2595 * np.log10(1 + 8000 / 700) / 81)
    assert (np.abs(mel[:, 120].argmax() + 1 - place) <= 1).all()


def test_a_click_is_in_the_column_of_its_time() -> None:
    mel = mel_spectrum(click(2.4, 1.0, rate=16000))
    assert np.exp(mel).sum(0).argmax() == 100
    assert mel.shape == (80, 240)
    assert mel[:, :90].max() == pytest.approx(math.log(FLOOR))


def test_audio_that_begins_late_is_heard_from_there() -> None:
    clip = made_clip(1)
    assert clip.speech is not None
    audio = np.zeros(38400, np.int16)
    audio[20 * 640 :] = 100
    clip.speech = replace(clip.speech, audio=audio)
    assert views(clip)["audio_present"].tolist() == [0.0] * 20 + [1.0] * 40
