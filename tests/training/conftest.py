from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import dfcore.data.prepare.videos
import dfcore.plugins.loader
import dfcore.training.inputs.prepare
from dfcore.config import TrainConfig, override
from dfcore.plugins import PluginEntry, registry
from dfcore.training.callbacks import metrics_log

DRAW = metrics_log.draw
"""As it is before anything of another module's tests stands in for it."""


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """A tiny model, its samples, and a whole run of them."""
    import tiny_run

    return tiny_run


@pytest.fixture(scope="session")
def toy_plugin() -> ModuleType:
    """A specialist as an installed plugin brings it."""
    import toy_plugin

    return toy_plugin


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Sums of floats depend on the number of threads, and the tests compare bits."""
    torch.set_num_threads(1)


@pytest.fixture
def drawing() -> None:
    """Asked for by tests that want the plot."""


@pytest.fixture(autouse=True)
def _no_drawing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than the rest of a tiny run."""
    wanted = "drawing" in request.fixturenames
    monkeypatch.setattr(metrics_log, "draw", DRAW if wanted else lambda run: None)


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset's folder and the store of most tests: the first one fills it."""
    folder = tmp_path_factory.mktemp("common")
    (folder / "data").mkdir()
    return folder


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, common: Path, toy_plugin: ModuleType) -> Iterator[TrainConfig]:
    """The configuration of a small run; the plugin and its dataset are installed, so to say."""
    real_prepare = dfcore.data.prepare.videos.prepare_videos
    monkeypatch.setattr(dfcore.plugins.loader, "discover", lambda: [PluginEntry("toy", "dfs-toy", "1", "toy_plugin")])
    monkeypatch.setattr(dfcore.data.prepare.videos, "extract_clips", toy_plugin.made_clips)
    monkeypatch.setattr(dfcore.data.prepare.videos, "find_detector", lambda name: None)
    monkeypatch.setattr(
        dfcore.training.inputs.prepare,
        "prepare_videos",
        lambda *args, workers, **rest: real_prepare(*args, workers=1, **{**rest, "progress": False, "isolate": False}),
    )
    registry.cache_clear()
    yield override(
        TrainConfig(specialist="toy"),
        {
            "run.out": str(tmp_path / "runs"),
            "run.device": "cpu",
            "data.root": str(common / "data"),
            "data.store": str(common / "store"),
            "data.clip_frames": 2,
            "data.compressions": "C23",
            "data.samples_per_video": 1,
            "data.eval_samples": 2,
            "data.val_share": 0.2,
            "data.workers": 0,
            "stage.dataset": "toy",
            "stage.epochs": 2,
            "stage.batch_size": 4,
            "model.backbone": "test_efficientnet",
            "model.pretrained": False,
        },
    )
    registry.cache_clear()
