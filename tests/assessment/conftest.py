"""A made specialist, trained for a moment on made clips, and its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import dfcore.data.prepare.videos
import dfcore.plugins.loader
import dfcore.training.inputs.prepare
from dfcore.config import TrainConfig, override
from dfcore.plugins import PluginEntry, registry
from dfcore.training.callbacks import metrics_log
from dfcore.training.trainer import train

SETTINGS = {
    "run.device": "cpu",
    "data.clip_frames": 2,
    "data.compressions": "c23",
    "data.samples_per_video": 2,
    "data.eval_samples": 2,
    "data.val_share": 0.3,
    "data.workers": 0,
    "stage.dataset": "toy",
    "stage.epochs": 2,
    "stage.lr": 1e-2,
    "stage.batch_size": 4,
    "model.backbone": "test_efficientnet",
    "model.pretrained": False,
    "model.image_size": 64,
}


def install(patch: pytest.MonkeyPatch) -> None:
    """The plugin and its dataset are there, and its clips are made, not decoded."""
    import toy_plugin

    real_prepare = dfcore.data.prepare.videos.prepare_videos
    patch.setattr(dfcore.plugins.loader, "discover", lambda: [PluginEntry("toy", "dfs-toy", "1", "toy_plugin")])
    patch.setattr(dfcore.data.prepare.videos, "extract_clips", toy_plugin.made_clips)
    patch.setattr(dfcore.data.prepare.videos, "find_detector", lambda name: None)
    patch.setattr(
        dfcore.training.inputs.prepare,
        "prepare_videos",
        lambda *args, workers, **rest: real_prepare(*args, workers=1, **{**rest, "progress": False, "isolate": False}),
    )
    patch.setattr(metrics_log, "draw", lambda run: None)
    registry.cache_clear()


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.set_num_threads(1)
    install(monkeypatch)
    yield
    registry.cache_clear()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """``final`` weights of a short run, its ``data`` folder and ``store``."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        config = override(
            TrainConfig(specialist="toy"),
            {
                **SETTINGS,
                "run.out": str(folder / "runs"),
                "data.root": str(folder / "data"),
                "data.store": str(folder / "store"),
            },
        )
        final = train(config).final
    registry.cache_clear()
    return SimpleNamespace(final=final, data=folder / "data", store=folder / "store", folder=final.parent)


@pytest.fixture
def evaluate(trained: SimpleNamespace, tmp_path: Path) -> Callable[..., Any]:
    """``dfcore.evaluate`` of the trained weights, into a folder of its own, with few draws and no plots."""
    from dfcore.api.evaluate import evaluate as public

    def run(models: Any = None, **how: Any) -> Any:
        defaults = {"store": trained.store, "out": tmp_path / "runs", "draws": 50, "plots": False}
        return public(models or trained.final, **{**defaults, **how})

    return run
