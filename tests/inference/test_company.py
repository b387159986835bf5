"""A specialist's score never depends on its company: alone and beside others the same, to the last bit."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fake_parts
import numpy as np
import pytest
from fake_specialists import member, predictor

from dfcore.data.clips import Clip
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.inference.models import Member
from dfcore.inference.people import same_people
from dfcore.models.factory import create
from dfcore.testing.media import tone, write_video


@pytest.fixture(scope="module")
def members() -> dict[str, Member]:
    """cm, tm and av with small random weights, that abstain from nothing; tm with plans of its own."""
    found = {}
    for name in ("cm", "tm", "av"):
        model = create(name, backbone="test_efficientnet", pretrained=False, seed=1).eval()
        model.spec = dataclasses.replace(model.spec, abstain_reason="")
        dense = LANDMARKS if model.spec.uses_landmarks else 0
        plan = ClipPlan(clips=2, frames=model.spec.clip_frames, speech=model.spec.speech, people=2, landmarks=dense)
        found[name] = member(model, plan=plan, samples=3, hash=name)
    return found


@pytest.fixture(scope="module", params=[30, 75])
def video(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    frames = request.param
    path = tmp_path_factory.mktemp("company") / "v.mp4"
    return write_video(path, width=224, height=192, frames=frames, audio=tone(frames / 25))


def scores(video: Path, *members: Member) -> dict[str, Any]:
    (result,) = predictor(*members, detector=fake_parts.WanderingFace()).results([video])
    assert result.people
    return {f"{person.person}/{name}": score for person in result.people for name, score in person.specialists.items()}


def test_scores_alone_and_in_company_are_equal_to_the_last_bit(members: dict[str, Member], video: Path) -> None:
    alone = {}
    for one in members.values():
        alone |= scores(video, one)
    assert sum(score.margin is not None for score in alone.values()) >= 3
    for size in (2, 3):
        for company in combinations(members.values(), size):
            found = scores(video, *company)
            assert found == {key: score for key, score in alone.items() if key in found}
            assert len(found) == size


def test_another_plan_of_one_changes_nothing_for_the_other(members: dict[str, Member], video: Path) -> None:
    alone = scores(video, members["cm"])
    others = dataclasses.replace(members["tm"], plan=ClipPlan(clips=1, frames=25, people=1, speech=1.0))
    together = scores(video, others, members["cm"])
    assert {key: together[key] for key in alone} == alone


# -- the same people -----------------------------------------------------------------------------------------------


def clip(first: int, *box: float) -> Clip:
    header = SimpleNamespace(frames=(first, first + 1), boxes=(box, box))
    empty = np.zeros((2, 16, 16), np.uint8)
    return Clip(None, header, empty, empty, empty)  # type: ignore[arg-type]


def test_people_are_known_again_by_where_and_when_they_are() -> None:
    left, right = (0.0, 0.0, 40.0, 40.0), (100.0, 0.0, 150.0, 50.0)
    first = {0: [clip(0, *right), clip(50, *right)], 1: [clip(0, *left)]}
    other = {0: [clip(20, 2.0, 1.0, 41.0, 43.0)], 1: [clip(60, *right)], 2: [clip(60, 300.0, 0.0, 340.0, 40.0)]}
    assert same_people(first, other) == {0: 1, 1: 0, 2: 2}
    assert same_people({}, other) == {0: 0, 1: 1, 2: 2}
