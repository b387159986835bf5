"""The stages of a curriculum: one time limit for all, each resumed or discarded, without training anything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from stages import at_stage

from dfcore.config import TrainConfig, override
from dfcore.errors import TimeLimitReached
from dfcore.training import curriculum


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_first_stages_time_limit_is_that_of_all(monkeypatch: pytest.MonkeyPatch, overwrite: bool) -> None:
    trained: list[Any] = []
    monkeypatch.setattr(curriculum, "_on_main", lambda config, action: action())
    monkeypatch.setattr(curriculum, "_require_data", lambda configs: None)
    monkeypatch.setattr(curriculum, "train", lambda config, **how: trained.append((config, how)) or config)
    configs = [
        override(at_stage(TrainConfig(specialist="cm"), stage), {"run.time_limit": limit})
        for stage, limit in ((1, "3h"), (2, "5h"))
    ]
    assert curriculum.train_curriculum(configs, overwrite=overwrite) == configs
    assert [config for config, _ in trained] == configs
    for _, how in trained:
        assert (how["limit"].text, how["resume"], how["overwrite"]) == ("3h", not overwrite, overwrite)
    assert trained[0][1]["limit"] is trained[1][1]["limit"]


def test_a_stage_that_is_finished_needs_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(when: str) -> None:
        raise TimeLimitReached(when)

    limit: Any = SimpleNamespace(check=check)
    config = at_stage(TrainConfig(specialist="cm"), 2)
    there = [True]
    folder = SimpleNamespace(summary=SimpleNamespace(exists=lambda: there[0]))
    monkeypatch.setattr(curriculum, "RunFolder", SimpleNamespace(of=lambda config: folder))
    curriculum._require_time(config, limit)
    there[0] = False
    with pytest.raises(TimeLimitReached, match="before stage 2 began"):
        curriculum._require_time(config, limit)
