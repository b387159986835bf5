"""One specialist's score of one person: which samples it rests on, what it is the mean of, what is said without one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_specialists import SPEC, BrightIsFake, member

from dfcore.data.clips import Clip
from dfcore.data.clips.plan import ClipPlan
from dfcore.errors import DataError
from dfcore.inference import judging
from dfcore.inference.clips import own_clip
from dfcore.inference.judging import BATCH, judge, probability, read_batch, samples_of
from dfcore.inference.results import FileResult, PersonResult
from dfcore.models.protocols import SpecialistOutput
from dfcore.testing.views import made_clip


@pytest.mark.parametrize(
    ("margin", "share"), [(0.0, 0.5), (math.log(3), 0.75), (-math.log(9), 0.1), (1e4, 1.0), (-1e4, 0.0)]
)
def test_log_odds_are_a_probability_without_overflow(margin: float, share: float) -> None:
    assert probability(margin) == pytest.approx(share, abs=1e-15)


def clips(count: int = 2) -> list[Clip]:
    return [made_clip(frames=4, size=64, audio=False, seed=k) for k in range(count)]


class Counts(BrightIsFake):
    """Its n-th sample has the log-odds n, and by the cue head 2 n; it writes down how many come at once."""

    def __init__(self, factor: float = 1.0, spec: Any = SPEC) -> None:
        super().__init__(spec)
        self.batches: list[int] = []
        self.factor = factor

    def __call__(self, views: dict[str, torch.Tensor]) -> SpecialistOutput:
        size, seen = len(views["face"]), sum(self.batches)
        self.batches.append(size)
        odds = self.factor * torch.arange(seen, seen + size, dtype=torch.float32)
        logits = torch.stack([-odds / 2, odds / 2], 1)
        return SpecialistOutput(logits, 2 * logits, torch.zeros(1), torch.zeros(1), torch.zeros(()))


def test_a_score_is_the_mean_of_all_samples_a_few_at_a_time() -> None:
    model = Counts()
    one = member(model, samples=2 * BATCH + 1)
    found = judge(one, clips(5), "cpu")
    count = found.samples
    assert count == sum(model.batches)
    assert model.batches[0] == min(BATCH, count)
    assert max(model.batches) <= BATCH
    mean = (count - 1) / 2
    assert found.margin == pytest.approx(mean)
    assert found.score == pytest.approx(probability(mean))
    assert found.cue_score == pytest.approx(probability(2 * mean))
    assert found.counted


def test_what_is_no_number_is_no_score() -> None:
    with pytest.raises(DataError, match=r"the score of still is not a finite number \(nan\)"):
        judge(member(Counts(math.nan)), clips(), "cpu")


def reason_of(access: Any) -> str | None:
    return None if access.header.times[0] == 0 else "it comes late"


@pytest.mark.parametrize(("late", "kept", "why"), [(0, 2, ""), (1, 1, ""), (2, 0, "it comes late")])
def test_clips_that_it_abstains_from_are_left_out_and_the_reason_is_theirs(late: int, kept: int, why: str) -> None:
    given = clips()
    for clip in given[2 - late :]:
        clip.header = replace(clip.header, times=tuple(time + 1 for time in clip.header.times))
    for clip in given[: 2 - late]:
        clip.header = replace(clip.header, times=tuple(time - given[0].header.times[0] for time in clip.header.times))
    spec = replace(SPEC, abstain_reason=f"{__name__}:reason_of")
    found, said = samples_of(member(BrightIsFake(spec)), given, 4)
    assert {one.clip.header.times[0] for one in found} == ({0.0} if kept else set())
    assert bool(found) == bool(kept)
    assert said == why
    score = judge(member(BrightIsFake(spec), counted=False), given, "cpu")
    assert (score.abstained, score.counted, score.score is None) == (why, False, not kept)


def test_the_views_of_a_batch_are_the_samples_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = samples_of(member(), clips(), 4)
    stacked = read_batch(member(), found, "cpu")
    apart = [read_batch(member(), [one], "cpu") for one in found]
    assert list(stacked) == ["face"]
    assert torch.equal(stacked["face"], torch.cat([one["face"] for one in apart]))
    seen: list[list[Any]] = []

    def views(access: Any, names: Any, frames: Any, *, others: Any, **_: Any) -> dict[str, torch.Tensor]:
        seen.append([other.header for other in others])
        return {"face": torch.zeros(3, 4, 4)}

    monkeypatch.setattr(judging, "build_views", views)
    read_batch(member(), found, "cpu")
    headers = {id(one.clip): [other.header for other in one.others] for one in found}
    assert seen == [headers[id(one.clip)] for one in found]
    assert all(len(one) == 1 for one in seen)


@pytest.mark.parametrize(("speech", "landmarks"), [(0.0, False), (0.0, True), (2.4, False), (2.4, True)])
def test_a_clip_keeps_the_speech_and_the_landmarks_that_its_plan_asks_for(speech: float, landmarks: bool) -> None:
    plan, clip = ClipPlan(clips=1, frames=4, speech=speech, landmarks=landmarks), made_clip(frames=4, size=64)
    found = own_clip(clip, plan, ())
    assert (found.speech is not None) == (speech > 0)
    assert (found.header.speech_start is not None) == (speech > 0)
    assert (found.landmarks is not None) == landmarks
    assert found.evidence == {}
    assert found.motion is clip.motion is not None
    assert own_clip(clip, replace(plan, motion=False), ()).motion is None


@pytest.mark.parametrize(
    ("numbers", "person", "chosen"), [((), None, None), ((0, 1), None, 0), ((0, 1), 1, 1), ((3, 7), 7, 7), ((3,), 9, 3)]
)
def test_a_files_verdict_is_about_the_person_that_it_names_else_about_the_first(
    numbers: tuple[int, ...], person: int | None, chosen: int | None
) -> None:
    people = tuple(PersonResult(n, "fake", 0.5, 0.0, 0.5, 0.0, "", {}, 0, 0.0, (0, 0, 1, 1)) for n in numbers)
    found = FileResult(Path("x"), "fake", people=people, person=person).chosen
    assert (None if found is None else found.person) == chosen
