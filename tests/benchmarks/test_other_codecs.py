"""Genuine footage of another codec is as genuine: a cue head that was trained on H.264 alone says so."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from cues.heads import Budget, predict, train  # noqa: E402
from cues.real.clips import _kept  # noqa: E402
from cues.real.training import Recipe, made_pairs  # noqa: E402
from cues.samples import Samples  # noqa: E402

from dfcore.data.clips import Clip  # noqa: E402
from dfcore.data.media.coding.codecs import CODECS  # noqa: E402
from dfcore.plugins import Registry  # noqa: E402
from dfcore.testing.recoded import recoded  # noqa: E402
from dfcore.testing.views import made_clip  # noqa: E402

KINDS = {"bg": ["sbi"], "cm": ["from28"], "rr": ["x2"], "tm": ["flicker", "drop", "repeat"]}
PEOPLE, TESTED = 8, 3
COARSENESS = (0.1, 0.4, 0.8)


def clip(seed: int) -> Clip:
    return made_clip(seed, frames=24, size=192, audio=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_other_codecs_score_within_the_range_of_h264(name: str) -> None:
    spec = Registry().specialist(name)
    rows: list[tuple[Clip, int]] = []
    for seed in range(PEOPLE):
        for draw, kind in enumerate(KINDS[name]):
            rows += made_pairs([clip(seed)], spec, Recipe(name, kind, draw, ""))
    count = len(rows)
    for seed in range(PEOPLE, PEOPLE + TESTED):
        rows += [(recoded(clip(seed), codec, fine), 0) for codec in CODECS for fine in COARSENESS]
    kept = _kept(rows, spec, "", "")
    assert len(kept["label"]) == len(rows)
    every = np.arange(len(rows))
    zeros = np.zeros_like(every)
    samples = Samples(kept["data"], None, every, kept["label"].numpy(), zeros, zeros, zeros, (), {})
    torch.manual_seed(0)
    model = train("cue", spec, samples, every[:count], Budget(60), 0)
    margins = predict(model, samples, every[count:]).reshape(TESTED, len(CODECS), len(COARSENESS))
    own = margins[:, list(CODECS).index("h264")]
    spread = float(own.max() - own.min())
    for number, codec in enumerate(CODECS):
        medians = np.median(margins[:, number])
        assert own.min() - spread <= medians <= own.max() + spread, (
            f"{codec}: {medians:.1f}, H.264 {own.min():.1f} to {own.max():.1f}"
        )
