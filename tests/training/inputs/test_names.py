"""Every name in a configuration is looked up before anything is prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dfcore.api.prepare import prepare
from dfcore.config import TrainConfig, override
from dfcore.errors import ConfigError, PluginImportError, UnknownNameError, UsageError
from dfcore.plugins import registry
from dfcore.training import curriculum
from dfcore.training.curriculum import train_curriculum
from dfcore.training.trainer import train

WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "stage.loss": ("focall", UnknownNameError, "Did you mean 'focal'"),
    "stage.label_smoothing": (0.1, ConfigError, "takes no label smoothing"),
    "data.augment": ("hflipp", UnknownNameError, "Did you mean 'hflip'"),
    "data.detector": ("centreface", UnknownNameError, "Did you mean 'centerface'"),
    "data.detector ": ("nowhere_at_all:Detector", PluginImportError, "nowhere_at_all"),
    "model.attention_head": ("crosss", UnknownNameError, "Did you mean 'cross'"),
    "model.classifier": ("mlpp", UnknownNameError, "Did you mean 'mlp'"),
    "run.callbacks": ("metricss", UnknownNameError, "Did you mean 'metrics'"),
}


def wrong(config: TrainConfig, key: str, monkeypatch: pytest.MonkeyPatch) -> tuple[TrainConfig, type[Exception], str]:
    """The configuration with a wrong name in it, and the error; nothing of the data may be looked at."""

    def prepares(*_: object, **how: object) -> None:
        raise AssertionError("it was prepared first")

    monkeypatch.setattr("dfcore.training.inputs.sharing.prepare_together", prepares)
    monkeypatch.setattr("dfcore.training.inputs.prepare.prepare_data", prepares)
    value, error, said = WRONG[key]
    more = {"stage.loss": "focal"} if key == "stage.label_smoothing" else {}
    return override(config, {**more, key.strip(): value}), error, said


@pytest.mark.parametrize("key", WRONG)
def test_before_training(toy: TrainConfig, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, error, said = wrong(toy, key, monkeypatch)
    with pytest.raises(error, match=said):
        train(config)
    assert not Path(toy.run.out).exists()


@pytest.mark.parametrize("key", WRONG)
def test_before_preparing_ahead(toy: TrainConfig, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, error, said = wrong(toy, key, monkeypatch)
    with pytest.raises(error, match=said):
        prepare(config)


def test_before_the_first_of_several_stages(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    later, error, said = wrong(toy, "data.augment", monkeypatch)
    monkeypatch.setattr(curriculum, "train", None)
    with pytest.raises(error, match=said):
        train_curriculum([toy, later])


def test_an_augmentation_that_is_there_and_harms_is_another_matter(toy: TrainConfig) -> None:
    assert "face_blur" not in registry().specialist("toy").augmentations
    with pytest.raises(UsageError, match="does not admit it"):
        train(override(toy, {"data.augment": "face_blur"}))
