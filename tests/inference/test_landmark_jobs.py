"""Dense landmarks are asked for by who reads their views, and reach nobody else."""

from __future__ import annotations

from dataclasses import replace

from dfcore.config import TrainConfig
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.inference.ahead.jobs import Job, join_jobs
from dfcore.inference.clips import own_clip
from dfcore.plugins import Registry
from dfcore.testing.views import made_clip
from dfcore.training.inputs.prepare import clip_plan

PLAIN = ClipPlan()
DENSE = replace(PLAIN, landmarks=LANDMARKS)


def test_a_view_of_landmarks_is_what_asks_for_them() -> None:
    spec = Registry().specialist("rr")
    assert not spec.uses_landmarks
    assert clip_plan(TrainConfig(), [spec]).landmarks == 0
    for name in ("landmarks", "tile_parts", "mouth_openings"):
        reader = replace(spec, views=(*spec.views, name))
        assert reader.uses_landmarks
        assert clip_plan(TrainConfig(), [spec, reader]).landmarks == LANDMARKS


def test_plans_that_differ_in_landmarks_share_a_pass() -> None:
    (job,) = join_jobs([Job.of(PLAIN), Job.of(DENSE)])
    assert job.plan == DENSE


def test_each_specialist_gets_its_own_clip() -> None:
    clip = made_clip()
    asked, other = own_clip(clip, replace(DENSE, speech=2.4), ()), own_clip(clip, replace(PLAIN, speech=2.4), ())
    assert asked.landmarks is clip.landmarks
    assert asked.speech is not None
    assert asked.speech.landmarks is not None
    assert other.landmarks is None
    assert other.speech is not None
    assert other.speech.landmarks is None
