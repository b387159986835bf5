from typing import ClassVar

import numpy as np
import pytest
import torch

import dfs_av
from dfcore.data.clips import MemoryClip, Speech
from dfcore.errors import ModelError
from dfcore.plugins import Registry
from dfcore.testing.contract import SpecialistContract
from dfcore.testing.views import made_clip, made_views
from dfs_av.abstain_reason import abstain_reason, voiced_points
from dfs_av.module import CueModule


class TestContract(SpecialistContract):
    name: ClassVar[str] = "av"


def test_the_numbers_of_the_design():
    spec = Registry().specialist("av")
    assert [(cue.name, cue.channels) for cue in spec.cues] == [
        ("lip_sync", 18),
        ("audio_visual_correlation", 18),
        ("speech_patterns", 12),
    ]
    assert (spec.channels, spec.features, spec.features + 1792, CueModule.channels) == (48, 2352, 4144, 48)


def test_the_package_gives_its_cue_module_and_nothing_else():
    assert dfs_av.CueModule is CueModule
    with pytest.raises(AttributeError, match="no attribute 'Cue'"):
        _ = dfs_av.Cue


def test_a_view_of_another_shape_is_refused():
    views = made_views(Registry().specialist("av"), 1)
    views["mouth"] = views["mouth"][:, :25]
    with pytest.raises(ModelError, match=r"'mouth' must have the shape \[B, 60, 96, 96\]"):
        CueModule()(views)


def test_silent_clips_are_read_by_their_mouth_alone():
    views = made_views(Registry().specialist("av"), 2)
    views["audio_present"].zero_()
    views["log_mel"].fill_(np.log(1e-6))
    torch.manual_seed(0)
    module = CueModule().train()
    found = module(views)
    assert torch.isfinite(found).all()
    assert not torch.equal(found[0], found[1])
    found.square().sum().backward()
    assert module.lip_sync.towers.no_audio.grad.abs().sum() > 0
    assert module.lip_sync.towers.mouth_in.weight.grad.abs().sum() > 0


def test_its_own_loss_is_of_real_clips_with_a_voice():
    views = made_views(Registry().specialist("av"), 4)
    torch.manual_seed(0)
    module = CueModule().train()
    real = torch.tensor([0, 0, 1, 1])
    loss = module.auxiliary_loss(views, real)
    alone = module.auxiliary_loss({name: view[:2] for name, view in views.items()}, real[:2])
    assert loss.item() == pytest.approx(alone.item(), rel=1e-4)
    assert 3 < loss.item() < 15
    assert module.auxiliary_loss(views, torch.ones(4, dtype=torch.int64)) is None
    silent = {**views, "audio_present": torch.zeros(4, 60)}
    assert module.auxiliary_loss(silent, real) is None


def test_what_is_fixed_may_be_kept():
    views = made_views(Registry().specialist("av"), 4)
    torch.manual_seed(0)
    module = CueModule().train()
    kept = module.describe(views)
    assert not any(values.requires_grad for values in kept.values())
    torch.manual_seed(1)
    other = CueModule().train()
    assert all(torch.equal(values, kept[name]) for name, values in other.describe(views).items())
    torch.testing.assert_close(module.eval().project(kept), module(views))
    labels = torch.tensor([0, 1, 0, 1])
    torch.testing.assert_close(module.described_loss(kept, labels), module.auxiliary_loss(views, labels))
    assert module.described_loss(kept, torch.ones(4)) is None


def test_it_abstains_without_a_mouth_or_a_voice():
    clip = made_clip(1)
    assert clip.speech is not None
    assert abstain_reason(MemoryClip(clip)) is None
    mouth, audio = clip.speech.mouth, clip.speech.audio
    assert audio is not None
    few = np.arange(60) < 30
    quiet = audio.copy()
    quiet[20 * 640 :] = 0
    for speech, reason in (
        (None, "no moving mouth"),
        (Speech(mouth, few, 0.0, audio), "1.2 of 2.4 s"),
        (Speech(mouth, ~few | few, 0.0, None), "no audio"),
        (Speech(mouth, ~few | few, 0.0, quiet), "1 s are needed"),
        (Speech(mouth, ~few | few, 0.0, audio // 256), "0.00 s of voice"),
    ):
        clip.speech = speech
        assert reason in (abstain_reason(MemoryClip(clip)) or "")


def test_a_voice_is_above_45_db_below_full_scale_about_its_mean():
    """Of a square wave of amplitude a the level is 20 log10(a / 32768): -45 dB lies between 184 and 185."""
    wave = np.tile(np.array([1, -1], np.int16), 320)
    pieces = [184 * wave, 185 * wave, 0 * wave + 3000, 184 * wave + 3000, 185 * wave - 3000]
    samples = np.concatenate([*pieces, np.full(639, 9000)]).astype(np.int16)  # and less than a whole piece
    assert voiced_points(samples).tolist() == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("voiced", "seen", "reason"), [(25, 48, ""), (24, 48, "0.96 s of voice"), (60, 47, "1.9 of 2.4 s")]
)
def test_the_limits_are_a_second_of_voice_and_four_fifths_of_a_mouth(voiced: int, seen: int, reason: str):
    clip = made_clip(1)
    assert clip.speech is not None
    audio = np.zeros(60 * 640, np.int16)
    audio[: voiced * 640] = np.tile(np.array([3000, -3000], np.int16), voiced * 320)
    clip.speech = Speech(clip.speech.mouth, np.arange(60) < seen, 0.0, audio)
    found = abstain_reason(MemoryClip(clip))
    assert (reason in found) if reason and found else (found is None and not reason)
