"""Training, validation, evaluation and prediction show a model the views that a `ClipSamples` of one's own shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate

from dfcore.data.clips import Clip
from dfcore.data.records import VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.evaluation.predictions import predict_samples
from dfcore.evaluation.scored import _Judge
from dfcore.inference.judging import Sample, read_batch
from dfcore.testing.views import made_clip
from dfcore.training.loop import batch_loss

CPU = torch.device("cpu")
NAMES = ("face", "context", "face_mask", "tiles", "tile_parts", "log_mel")


class ShownError(Exception):
    """Ends what is tested when the model has been shown something."""


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, Tensor] = {}
        self.view_names, self.image_size = NAMES, 64

    def forward(self, views: dict[str, Tensor], labels: Any = None) -> Any:
        self.views = views
        raise ShownError


@pytest.fixture
def clip() -> Clip:
    return made_clip(frames=4, size=192)


def samples(clip: Clip, store: ClipStore, **how: Any) -> ClipSamples:
    store.write("v", [clip])
    return ClipSamples([VideoRecord("v", Path("v"), 0)], store, NAMES, image_size=64, samples_per_video=4, **how)


def trained(model: Model, batch: dict[str, Any]) -> None:
    precision = SimpleNamespace(autocast=nullcontext)
    batch_loss(SimpleNamespace(device=CPU, channels_last=True, precision=precision, network=model), batch)  # type: ignore[arg-type]


def validated(model: Model, batch: dict[str, Any]) -> None:
    predict_samples(model, [batch], CPU, SimpleNamespace(autocast=nullcontext), SimpleNamespace())  # type: ignore[arg-type]


def evaluated(model: Model, batch: dict[str, Any]) -> None:
    precision = SimpleNamespace(autocast=nullcontext)
    _Judge(model, CPU, precision, False).rows(batch, VideoRecord("v", Path("v"), 0))  # type: ignore[arg-type]


@pytest.mark.parametrize("shown", [trained, validated, evaluated])
def test_a_model_sees_finished_views(
    tmp_path: Path, clip: Clip, shown: Callable[[Model, dict[str, Any]], None]
) -> None:
    store, model = ClipStore(tmp_path), Model()
    want = default_collate(list(samples(clip, store)))
    left = next(iter(DataLoader(samples(clip, store, finish=False), batch_size=4)))
    assert "face" not in left["views"]
    with pytest.raises(ShownError):
        shown(model, left)
    assert list(model.views) == list(NAMES)
    assert all(torch.equal(view, want["views"][name]) for name, view in model.views.items())


def test_prediction_reads_the_same_of_a_clip_in_memory(tmp_path: Path, clip: Clip) -> None:
    want = samples(clip, ClipStore(tmp_path))
    found = read_batch(SimpleNamespace(model=Model()), [Sample(clip, [k], []) for k in range(4)], "cpu")  # type: ignore[arg-type]
    views = default_collate([item["views"] for item in want])
    assert all(torch.equal(view, views[name]) for name, view in found.items())
