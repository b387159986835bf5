"""Prediction and evaluation read the same of a video's other clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fake_specialists import SPEC, BrightIsFake, member

from dfcore.assessment.explanations import samples as explained
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.data.records import VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.inference.judging import read_batch, samples_of
from dfcore.specs import VIDEO_VIEWS
from dfcore.testing.views import made_clip


class Listener(BrightIsFake):
    """Reads the speech of all clips."""

    view_names = ("face", *VIDEO_VIEWS)


def test_views_of_a_video_are_the_same_wherever_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = []
    for number in range(3):
        made = made_clip(number, frames=4)
        assert made.speech is not None
        made.speech = replace(made.speech, start=3.0 * number)
        frames = tuple(range(100 * number, 100 * number + 4))
        clips.append(replace(made, header=replace(made.header, frames=frames, speech_start=3.0 * number)))
    store, record = ClipStore(tmp_path), VideoRecord("a", Path("a"), 0)
    store.write("a", clips)
    model, plan = Listener(replace(SPEC, views=VIDEO_VIEWS)), ClipPlan(frames=4, speech=2.4, landmarks=LANDMARKS)
    one = member(model, plan=plan, samples=3)
    draws, _ = samples_of(one, clips, 3)
    predicted = read_batch(one, draws, "cpu")
    data = ClipSamples([record], store, model.view_names, image_size=model.image_size, samples_per_video=3)
    assert predicted["video_mouth_present"][:, :4].sum(2).tolist() == [[60, 60, 60, 0]] * 3
    seen = list[dict[str, torch.Tensor]]()
    monkeypatch.setattr(explained, "halves_of", lambda _, views: seen.append(views) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explained.read_samples(model, store, record, 3, 4, torch.device("cpu"))  # type: ignore[arg-type]
    for name in VIDEO_VIEWS:
        assert torch.equal(predicted[name], torch.stack([data[place]["views"][name] for place in range(3)]))
        assert torch.equal(predicted[name], seen[0][name])
