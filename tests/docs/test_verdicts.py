"""The examples and figures of docs/verdicts.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import documents
import numpy as np
import pytest

from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration_file import calibrate_scores
from dfcore.evaluation.verdicts.ensemble_fit import MemberScores, fit_ensemble
from dfcore.models.factory import create
from dfcore.models.files.weights import describe, save_final

PAGE = documents.ROOT / "docs/verdicts.md"


def scored(strength: float, seed: int) -> list[ScoredVideo]:
    random = np.random.default_rng(seed)
    return [
        ScoredVideo(f"v{i}", i % 2, split="val", codec="h264", margin=float(random.normal() + strength * (i % 2)))
        for i in range(240)
    ]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``runs`` in the working folder: two specialists with weights, calibrations and an ensemble."""
    monkeypatch.chdir(tmp_path)
    members = []
    for seed, name in enumerate(("cm", "av")):
        final = tmp_path / f"runs/{name}_stage1/{name}_stage1_final.pt"
        save_final(final, create(name, backbone="test_efficientnet", pretrained=False, seed=seed), {"stage": 1})
        weights, videos = describe(final)["hash"], scored(3.0, seed)
        found = calibrate_scores(videos, specialist=name, stage=1, weights=weights, dataset="made")
        found.write(final.with_name(f"{name}_stage1_calibration.json"))
        members.append(MemberScores(f"{name}_stage1", name, 1, final, weights, videos))
    fit_ensemble(members, draws=20).save(tmp_path / "runs/ensemble.json")
    return tmp_path / "runs"


def test_the_examples_run(runs: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["found"].verdict in ("fake", "real", "uncertain")
    assert names["found"].weights == {"cm_stage1": 1.0}  # av abstains


def test_the_base_rates_are_computed_rightly() -> None:
    rows = re.findall(r"\| 1 in (\d+) \|.*\| 61 : (\d+) \| (\d+) % \|", PAGE.read_text())
    assert [int(one) for one, _, _ in rows] == [2, 10, 1000]
    for one, odds, percent in rows:
        assert int(odds) == int(one) - 1
        assert int(percent) == round(100 * 61 / (61 + int(odds)))
    for one, right in ((2, 99), (10, 91), (1000, 8)):
        assert round(100 * 0.9 / (0.9 + 0.01 * (one - 1))) == right
        assert re.search(rf"\b{right} of 100", PAGE.read_text())
