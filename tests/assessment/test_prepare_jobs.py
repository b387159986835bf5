"""Several specialists on one split: a video is decoded once for all that read the same clips."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import dfcore.assessment.scores.scoring as scoring
from dfcore.assessment.options import Job, Options
from dfcore.config import TrainConfig, override


def job(name: str, **keys: Any) -> Job:
    config = override(TrainConfig(specialist=name), {key.replace("__", "."): value for key, value in keys.items()})
    target: Any = SimpleNamespace(specialist=name)
    return Job(target, config)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int, tuple[str, ...]]]:
    """Notes what is prepared: the specialists, people in a video, splits."""
    calls: list[tuple[list[str], int, tuple[str, ...]]] = []
    monkeypatch.setattr(scoring, "registry", lambda: SimpleNamespace(specialist=lambda name: name))
    monkeypatch.setattr(scoring, "choose_videos", lambda config, specs: "chosen")
    monkeypatch.setattr(
        scoring,
        "prepare_together",
        lambda config, specs, chosen, splits, machine: calls.append((specs, config.data.people, splits)),
    )
    return calls


MACHINE: Any = SimpleNamespace(world=SimpleNamespace(on_main=lambda work: work()))


def test_those_that_read_the_same_clips_are_prepared_for_together(prepared: list[Any]) -> None:
    jobs = [job("cm"), job("tm", data__people=2), job("rr"), job("bg", data__people=2)]
    scoring.prepare_jobs(jobs, Options(), MACHINE)
    assert prepared == [(["cm", "rr"], 1, ("test",)), (["tm", "bg"], 2, ("test",))]


def test_one_specialist_alone_is_prepared_for_when_it_is_scored(prepared: list[Any]) -> None:
    scoring.prepare_jobs([job("cm"), job("cm"), job("tm", data__people=2)], Options(), MACHINE)
    assert prepared == []
