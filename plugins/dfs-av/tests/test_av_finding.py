"""What AV says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dfcore.testing.views import clip_views, made_clip
from dfs_av.finding import FITS, STANDS_OUT, Finding, standing_out
from dfs_av.module import CueModule
from dfs_av.plugin import dfcore_specialist

FRAMES = dfcore_specialist().clip_frames


def test_the_delay_is_where_lips_and_voice_are_most_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, module = made_clip(3, frames=FRAMES), CueModule().eval()
    views = clip_views(dfcore_specialist(), clip)
    views["video_mouth_openings"].zero_()  # landmarks know nothing
    points = F.normalize(torch.randn(1, 60, 64, generator=torch.manual_seed(0)), dim=-1)
    for late in (4, 0, -3):

        def shifted(*_: object, late: int = late) -> tuple[torch.Tensor, torch.Tensor]:
            return points, points.roll(late, 1)

        monkeypatch.setattr(module.lip_sync.towers, "forward", shifted)
        found = Finding().measure(views, module)
        assert float(found["delay_ms"]) == 40.0 * late
        assert float(found["sync_confidence"]) > 0.5


def test_unlike_lips_and_voice_fit_at_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    module, views = CueModule().eval(), clip_views(dfcore_specialist(), made_clip(3, frames=FRAMES))
    other_mouth = clip_views(dfcore_specialist(), made_clip(8, frames=FRAMES))
    views |= {name: other_mouth[name] for name in ("mouth_openings", "video_mouth_openings")}
    one, other = (F.normalize(torch.randn(1, 60, 64, generator=torch.manual_seed(k)), dim=-1) for k in (0, 1))
    monkeypatch.setattr(module.lip_sync.towers, "forward", lambda *_: (one, other))
    found = Finding().measure(views, module)
    assert float(found["sync_confidence"]) < 0.2
    assert bool(found["delay_ms"].isnan()), "one of 31 delays is always the best: that is no delay to be told"


def test_a_delay_stands_out_from_those_that_are_not_next_to_it() -> None:
    place = torch.arange(31.0)
    noise = 0.05 * torch.sin(7 * place)
    peak = torch.exp(-((place - 12) ** 2) / 4)
    broad = torch.exp(-((place - 12) ** 2) / 400)
    clear, slope, flat = standing_out(torch.stack([noise + peak, noise + broad, noise])).tolist()
    assert clear > 10 > STANDS_OUT
    assert max(slope, flat) < STANDS_OUT


def test_without_a_voice_there_is_no_number() -> None:
    views = clip_views(dfcore_specialist(), made_clip(3, frames=FRAMES))
    views["audio_present"] = torch.zeros_like(views["audio_present"])
    found = Finding().measure(views, CueModule().eval())
    assert all(bool(value.isnan().all()) for value in found.values())


def test_landmarks_need_less_of_a_fit_the_more_speech_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module, views = CueModule().eval(), clip_views(dfcore_specialist(), made_clip(3, frames=FRAMES))
    one, other = (F.normalize(torch.randn(1, 60, 64, generator=torch.manual_seed(k)), dim=-1) for k in (0, 1))
    monkeypatch.setattr(module.lip_sync.towers, "forward", lambda *_: (one, other))
    noise = torch.randn(1, 8, 60, 4, generator=torch.manual_seed(2))
    views["video_mouth_openings"] += 0.6 * noise
    short = Finding().measure(views, module)
    for name in ("video_mouth_present", "video_log_mel", "video_audio_present"):
        views[name] = views[name][:, :1].expand_as(views[name])
    views["video_mouth_openings"] = views["video_mouth_openings"][:, :1].expand_as(views["video_mouth_openings"])
    long = Finding().measure(views, module)
    assert float(long["voice_fit"]) == pytest.approx(float(short["voice_fit"]), abs=1e-4)
    assert FITS / 8**0.5 < float(short["voice_fit"]) < FITS
    assert bool(short["delay_ms"].isnan())
    assert not bool(long["delay_ms"].isnan())


def test_where_the_towers_know_nothing_landmarks_tell_the_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    module, views = CueModule().eval(), clip_views(dfcore_specialist(), made_clip(3, frames=FRAMES))
    one, other = (F.normalize(torch.randn(1, 60, 64, generator=torch.manual_seed(k)), dim=-1) for k in (0, 1))
    monkeypatch.setattr(module.lip_sync.towers, "forward", lambda *_: (one, other))
    found = Finding().measure(views, module)
    assert float(found["voice_fit"]) > FITS
    assert float(found["delay_ms"]) == 0.0  # a mouth that opens with the voice's level
    views["video_mouth_openings"] = views["video_mouth_openings"].roll(-2, 2)
    assert float(Finding().measure(views, module)["delay_ms"]) == 80.0
