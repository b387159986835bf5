"""Whole runs with norms alone trained, pairs, losses and augmentations of features."""

from __future__ import annotations

import os
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from dfcore.config import TrainConfig, override
from dfcore.data.pairs import PairSampler, partners
from dfcore.errors import ModelError, RunInterrupted, UsageError
from dfcore.models import factory
from dfcore.plugins import registry
from dfcore.training import loop
from dfcore.training.protocols import BaseCallback
from dfcore.training.start import make_model
from dfcore.training.trainer import train

SMALL = {"model.backbone": "test_vit", "model.image_size": 64, "model.backbone_input_size": 112, "stage.batch_size": 4}


@pytest.fixture
def recorded(toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """The recipe on a small encoder; the dataset says what each fake was made of."""
    scan = toy_plugin.ToyDataset.scan

    def with_originals(self: Any, root: Any) -> Any:
        found = scan(self, root)
        records = [replace(one, original=one.id.replace("fake", "real")) if one.label else one for one in found.records]
        return replace(found, records=tuple(records))

    monkeypatch.setattr(toy_plugin.ToyDataset, "scan", with_originals)
    values = dict(registry().recipe("record").values)
    return override(toy, {**values, **SMALL, "data.samples_per_video": 1, "data.eval_samples": 1, "stage.epochs": 1})


class Stop(BaseCallback):
    def on_step(self, run: Any) -> None:
        if run.step == 2:
            os.kill(os.getpid(), 15)


class Watch(BaseCallback):
    def on_start(self, run: Any) -> None:
        self.run = run


def test_the_norms_alone_of_the_backbone_change(recorded: TrainConfig) -> None:
    start, _ = make_model(recorded)
    result = train(recorded)
    trained = factory.load(result.final)
    changed = {
        name
        for (name, before), after in zip(start.state_dict().items(), trained.state_dict().values(), strict=True)
        if not torch.equal(before, after)
    }
    inside = {name for name in changed if name.startswith("backbone.")}
    assert inside
    assert all("norm" in name for name in inside)
    assert {"classifier.layers.1.weight", "cue_head.weight", "token_norm.weight"} <= changed
    assert (trained.normalize_features, trained.image_size, trained.backbone.input_size) == (True, 64, 112)


def test_interrupted_and_resumed_is_bit_for_bit_the_same(recorded: TrainConfig) -> None:
    whole = train(override(recorded, {"run.out": recorded.run.out + "/whole"}))
    with pytest.raises(RunInterrupted):
        train(recorded, callbacks=[Stop()])
    resumed = train(recorded, resume=True)
    hashes = [torch.load(result.final, weights_only=True)["hash"] for result in (whole, resumed)]
    assert hashes[0] == hashes[1]


def test_batches_hold_fakes_with_their_originals(recorded: TrainConfig) -> None:
    watch = Watch()
    train(recorded, callbacks=[watch])
    data = watch.run.data
    assert isinstance(data.sampler, PairSampler)
    originals, count = partners(data.train.records), len(data.train)
    data.sampler.set_epoch(0)
    videos = [data.train.samples[index % count][0] for index in data.sampler]
    found = list(zip(videos[::2], videos[1::2], strict=True))
    assert len(found) == 7
    assert all(originals[fake] in (real, None) for fake, real in found)
    assert sum(originals[fake] is not None for fake, _ in found) == 6  # the seventh's could not be prepared
    assert data.class_weights is None


def test_losses_of_the_features_are_added_at_their_weights(
    recorded: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[str, float, float, int]] = []
    real = loop.feature_loss

    def spied(term: Any, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(features.norm(dim=1), torch.ones(len(labels)))
        loss = real(term, features, labels)
        found.append((term.name, term.weight, loss.item(), len(labels)))
        return loss * 0

    monkeypatch.setattr(loop, "feature_loss", spied)
    plain, watch = Watch(), Watch()
    train(override(recorded, {"run.out": recorded.run.out + "/plain"}), callbacks=[plain])
    steps = plain.run.step
    assert [name for name, *_ in found] == ["uniformity", "alignment"] * steps
    assert {(name, weight) for name, weight, *_ in found} == {("uniformity", 0.5), ("alignment", 0.1)}
    monkeypatch.setattr(loop, "feature_loss", lambda term, features, labels: torch.tensor(100.0 * (term.weight == 0.1)))
    train(recorded, callbacks=[watch])
    # The gradients are alike, so that the last step's loss differs by what was added: 100 at the weight 0.1.
    assert watch.run.last_loss.item() - plain.run.last_loss.item() == pytest.approx(10.0, abs=1e-4)


def test_the_start_tells_recipe_and_parameters(recorded: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    train(override(recorded, {"run.recipe": "record", "model.tune": "head"}))
    said = capsys.readouterr().out
    assert "recipe     record: only the norms" in said
    line = said.split("recipe     ")[1].splitlines()[0]
    assert "; set otherwise: model.backbone=test_vit, model.image_size=64, model.backbone_input_size=112, " in line
    assert "stage.batch_size=4" in line
    assert "model.normalize_features" not in line
    assert "0 of " in said.split("parameters ")[1].splitlines()[0]
    assert "(model.tune=head)" in said


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stage.batch_size": 3}, "stage.batch_size must be even, not 3"),
        ({"model.normalize_features": False}, "set model.normalize_features=true too"),
        ({"stage.final_lr": 1e-3}, "lies above the peak"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_prepared(
    recorded: TrainConfig, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        train(override(recorded, values))


def test_an_encoder_without_norms_is_refused_before_anything_is_prepared(
    recorded: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.models.backbones.tuning.norm_parameters", lambda module: iter(()))
    with pytest.raises(ModelError, match=r"model\.tune to all or head"):
        train(recorded)
