from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from dfcore.errors import TrainingError
from dfcore.models.files.weights import read_final
from dfcore.models.protocols import SpecialistOutput
from dfcore.runs.folder import read_lines
from dfcore.training.inputs.data import WholeDataset
from dfcore.training.loop import apply_gradients, compute_gradients
from dfcore.training.losses import CrossEntropy
from dfcore.training.optimiser import learning_rate
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Group, Plan, Run, assemble


class Linear(nn.Module):
    """No batch norm and no dropout: its gradients do not depend on how samples are batched."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.main, self.cue = nn.Linear(192, 2), nn.Linear(192, 2)

    def forward(self, views: dict[str, torch.Tensor], labels: Any = None) -> SpecialistOutput:
        flat = views["face"].flatten(1)
        return SpecialistOutput(self.main(flat), self.cue(flat), flat, flat, torch.zeros(()))


def make_run(tiny: ModuleType, tmp_path: Path, model: nn.Module | None = None, loss: Any = None, **values: Any) -> Run:
    config = tiny.tiny_config(tmp_path, **values)
    machine = tiny.tiny_machine(config)
    epoch_data = WholeDataset(tiny.tiny_data(), config.stage.epochs)
    run = assemble(config, machine, model or Linear(), lambda _: loss or CrossEntropy(), epoch_data, [], {})
    run.load_epoch()
    return run


def batches(count: int, sizes: list[int]) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    faces, labels = torch.randn(count, 3, 8, 8, generator=generator), torch.arange(count) % 2
    parts = zip(faces.split(sizes), labels.split(sizes), strict=True)
    return [{"views": {"face": face}, "label": label} for face, label in parts]


def gradients(run: Run, made: list[dict[str, Any]], count: int) -> list[torch.Tensor]:
    run.optimiser.zero_grad()
    compute_gradients(run, iter(made), Group(len(made), count))
    return [parameter.grad.clone() for parameter in run.model.parameters()]


@pytest.mark.parametrize("sizes", [[4, 4], [2, 2, 2, 2], [3, 3, 2], [5, 1, 2]])
def test_accumulation_is_one_large_batch(tiny: ModuleType, tmp_path: Path, sizes: list[int]) -> None:
    weights = CrossEntropy(torch.tensor([1.7, 0.3]))
    run = make_run(tiny, tmp_path, loss=weights, stage__clip_norm=0.0)
    whole = gradients(run, batches(8, [8]), 8)
    whole_loss = run.last_loss
    assert not whole_loss.requires_grad  # or every step of the epoch would keep its graph
    parts = gradients(run, batches(8, sizes), 8)
    for one, many in zip(whole, parts, strict=True):
        torch.testing.assert_close(many, one, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(run.last_loss, whole_loss)


def test_gradient_is_that_of_the_stage_loss_and_the_weighted_cue_loss(tiny: ModuleType, tmp_path: Path) -> None:
    run = make_run(tiny, tmp_path, stage__clip_norm=0.0, stage__cue_weight=0.3)
    found = gradients(run, batches(4, [4]), 4)
    (batch,) = batches(4, [4])
    output = run.model(batch["views"])
    loss = nn.functional.cross_entropy(output.logits, batch["label"])
    loss = loss + 0.3 * nn.functional.cross_entropy(output.cue_logits, batch["label"])
    for one, other in zip(found, torch.autograd.grad(loss, list(run.model.parameters())), strict=True):
        torch.testing.assert_close(one, other)
    assert run.last_loss.item() == pytest.approx(loss.item())


def test_gradients_are_clipped_to_the_norm(tiny: ModuleType, tmp_path: Path) -> None:
    run = make_run(tiny, tmp_path, stage__clip_norm=0.01)
    found = gradients(run, batches(4, [4]), 4)
    assert run.gradient_norm > 0.1
    assert torch.cat([g.flatten() for g in found]).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_plan_counts_incomplete_batches_and_groups() -> None:
    plan = Plan(samples=(29, 8), batch_size=4, accumulate=3)
    assert (plan.batches(0), plan.steps_in(0), plan.steps_in(1), plan.steps_before(1), plan.steps) == (8, 3, 1, 3, 4)
    assert list(plan.groups(0)) == [Group(3, 12), Group(3, 12), Group(2, 5)]
    assert list(plan.groups(0, first=6)) == [Group(2, 5)]
    assert list(plan.groups(0, first=8)) == []
    assert list(Plan((8,), 4, 1).groups(0)) == [Group(1, 4), Group(1, 4)]


class Watch(BaseCallback):
    def __init__(self) -> None:
        self.rates: list[float] = []
        self.steps: list[int] = []

    def on_step(self, run: Run) -> None:
        self.rates.append(run.optimiser.param_groups[0]["lr"])
        self.steps.append(run.step)


def test_the_schedule_runs_over_the_whole_stage_per_optimiser_step(tiny: ModuleType, tmp_path: Path) -> None:
    watch = Watch()
    tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=2), extra=(watch,))
    assert watch.steps == list(range(1, 11))  # 30 samples in batches of 3, two a step: 5 steps an epoch
    assert watch.rates == [learning_rate(step, 10, 1e-2, 0.05) for step in range(10)]


class NanAt(nn.Module):
    """Cross-entropy that is not a number in one call (two calls a batch)."""

    def __init__(self, call: int) -> None:
        super().__init__()
        self.call, self.calls = call, 0

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        self.calls += 1
        return losses * float("nan") if self.calls == self.call else losses


def test_a_loss_that_is_not_a_number_stops_with_words(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path)
    with pytest.raises(TrainingError) as caught:
        tiny.tiny_run(config, loss=NanAt(4 * 4 + 1))  # the first batch of step 5; last.pt is written at steps 2 and 4
    text = str(caught.value)
    for words in ("step 5 of 15", "epoch 1", "0.0095", "last.pt", "(stage.lr=0.002)", "run.precision=fp32"):
        assert words in text, words
    state = torch.load(tmp_path / "tiny_stage1" / "last.pt", weights_only=True)
    assert state["step"] == 4
    assert all(torch.isfinite(tensor).all() for tensor in state["model"].values())


def test_a_gradient_that_is_not_a_number_stops_before_it_reaches_the_weights(tiny: ModuleType, tmp_path: Path) -> None:
    model = tiny.TinyModel()
    calls = [0]

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        calls[0] += 1
        return gradient * float("inf") if calls[0] == 5 else gradient

    model.cue_head.weight.register_hook(spoil)
    with pytest.raises(TrainingError, match="step 3 of 15"):
        tiny.tiny_run(tiny.tiny_config(tmp_path), model=model)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_nothing_saved_yet_is_said(tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Nothing was saved"):
        tiny.tiny_run(tiny.tiny_config(tmp_path), loss=NanAt(1))


def test_an_infinite_gradient_under_loss_scaling_is_skipped(tiny: ModuleType, tmp_path: Path) -> None:
    run = make_run(tiny, tmp_path, run__precision="fp16")
    assert run.scaler.is_enabled()
    before = [parameter.clone() for parameter in run.model.parameters()]
    scale = run.scaler.get_scale()
    run.model.cue.weight.register_hook(lambda gradient: gradient * float("inf"))
    compute_gradients(run, iter(batches(4, [4])), Group(1, 4))
    assert bool(run.totals.finite())
    apply_gradients(run)
    for parameter, old in zip(run.model.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
    assert run.scaler.get_scale() == scale / 2


def test_scaled_gradients_are_measured_and_clipped_unscaled(tiny: ModuleType, tmp_path: Path) -> None:
    plain = make_run(tiny, tmp_path, stage__clip_norm=0.01)
    scaled = make_run(tiny, tmp_path, stage__clip_norm=0.01, run__precision="fp16")
    gradients(plain, batches(4, [4]), 4)
    found = gradients(scaled, batches(4, [4]), 4)
    assert scaled.gradient_norm.item() == pytest.approx(plain.gradient_norm.item(), rel=0.01)
    assert torch.cat([g.flatten() for g in found]).norm().item() == pytest.approx(0.01, rel=0.01)


def test_a_model_that_comes_in_evaluation_mode_is_trained_in_training_mode(tiny: ModuleType, tmp_path: Path) -> None:
    modes: list[bool] = []

    class Look(BaseCallback):
        def on_step(self, run: Run) -> None:
            modes.append(run.model.training)

    tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=2), model=tiny.TinyModel().eval(), extra=(Look(),))
    assert modes == [True] * 10


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_every_precision_shares_the_loop(tiny: ModuleType, tmp_path: Path, precision: str) -> None:
    result = tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1, run__precision=precision))
    assert all(torch.isfinite(tensor).all() for tensor in read_final(result.final)["state_dict"].values())


def test_training_means_are_over_samples(tiny: ModuleType, tmp_path: Path) -> None:
    """Four epochs' lines against sums made by hand: the last batch and group are smaller."""
    seen: list[tuple[float, int]] = []

    class Recorder(nn.Module):
        def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            losses = nn.functional.cross_entropy(logits, labels, reduction="none")
            seen.append((losses.sum().item(), len(losses)))
            return losses

    config = tiny.tiny_config(tmp_path, stage__epochs=1, stage__batch_size=4)
    result = tiny.tiny_run(config, loss=Recorder())
    (line,) = [line for line in read_lines(result.folder / "metrics.jsonl") if line["kind"] == "epoch"]
    main, cue = seen[0::2], seen[1::2]
    assert sum(count for _, count in main) == 30
    assert line["train"]["loss"] == pytest.approx(sum(loss for loss, _ in main) / 30)
    assert line["train"]["cue_loss"] == pytest.approx(sum(loss for loss, _ in cue) / 30)
    assert json.loads((result.folder / "summary.json").read_text())["best_epoch"] == 1


def test_loader_processes_give_the_same_run(tiny: ModuleType, tmp_path: Path) -> None:
    alone = tiny.tiny_run(tiny.tiny_config(tmp_path / "a", stage__epochs=1))
    helped = tiny.tiny_run(tiny.tiny_config(tmp_path / "b", stage__epochs=1, data__workers=2))
    assert read_final(alone.final)["hash"] == read_final(helped.final)["hash"]


class OwnLoss(Linear):
    """A cue module's own loss: the same number for each batch."""

    def forward(self, views: dict[str, torch.Tensor], labels: Any = None) -> SpecialistOutput:
        return super().forward(views)._replace(auxiliary=self.main.weight.square().sum())


def test_the_cue_modules_own_loss_counts_at_its_weight_for_each_sample(tiny: ModuleType, tmp_path: Path) -> None:
    weights = {"stage__cue_weight": 0.0, "stage__auxiliary_weight": 0.7, "stage__clip_norm": 0.0}
    run = make_run(tiny, tmp_path, model=OwnLoss(), **weights)
    (batch,) = batches(5, [5])
    plain = nn.functional.cross_entropy(run.model(batch["views"]).logits, batch["label"])
    loss = plain + 0.7 * run.model.main.weight.square().sum()
    expected = torch.autograd.grad(loss, list(run.model.main.parameters()))
    for sizes in ([5], [3, 2]):
        found = gradients_of(run, batches(5, sizes), 5)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)
        assert run.last_loss.item() == pytest.approx(loss.item())


def gradients_of(run: Run, made: list[dict[str, Any]], count: int) -> list[torch.Tensor]:
    run.optimiser.zero_grad()
    compute_gradients(run, iter(made), Group(len(made), count))
    return [parameter.grad.clone() for parameter in run.model.main.parameters()]
