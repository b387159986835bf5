"""The training loop: plain PyTorch, from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

import torch
from torch import Tensor, nn

from dfcore.announcement.source import place_of
from dfcore.console.progress import over
from dfcore.data.views.finish import move_views
from dfcore.errors import PluginError, RunInterrupted, TimeLimitReached, TrainingError
from dfcore.evaluation.predictions import predict_samples
from dfcore.evaluation.summary import summarise
from dfcore.models.guard import not_finite_cues
from dfcore.models.specialist import Specialist
from dfcore.training.checkpoint import kept_rng, save_last
from dfcore.training.features import feature_loss
from dfcore.training.loaders import evaluation_loader, training_loader
from dfcore.training.optimiser import learning_rate, set_learning_rate
from dfcore.training.protocols import tell
from dfcore.training.run import Group, Run
from dfcore.training.runtime.signals import StopSignals

__all__ = ["begin_epoch", "fit"]

GPU_CHECK_EVERY = 16
"""Optimiser steps between two looks at the loss and at signals on a GPU, where each look waits for all queued work.
On a CPU nothing is queued, and every step is looked at."""

LARGE_WEIGHT = 1e4
"""Weights beyond it, in a cue module, come of a rate that is too high."""


def fit(run: Run, signals: StopSignals) -> None:
    """Train what is left of the run, epoch by epoch.

    Raises:
        TrainingError: the loss, or a validation output, is not a finite number.
        PluginError: the same, where the cue module made it so; or a plugin's code raised something.
        RunInterrupted: a signal came; the state is saved.
    """
    while not run.finished:
        started = time.monotonic()
        begin_epoch(run, signals)
        train_epoch(run, signals)
        save_last(run)  # so that an interrupted validation costs no training
        with kept_rng(run.device):
            metrics = validate(run, signals)
            end_epoch(run, metrics, time.monotonic() - started)
        save_last(run)
        stop = _stops(run, signals)
        if stop:
            raise _interrupted(run, signals, stop)


def begin_epoch(run: Run, signals: StopSignals) -> None:
    """Take the epoch's data, which may have to be prepared first, and let go of what only earlier ones needed.

    Whether a chunk is prepared here or was prepared before must not show in the generators.
    """
    with kept_rng(run.device):
        run.epoch_data.done(run.epoch)  # here and not behind an epoch: a kill may come between saving and dropping
        with signals.paused():
            run.load_epoch()


def train_epoch(run: Run, signals: StopSignals) -> None:
    """Train from batch ``run.batch`` to the epoch's end."""
    run.network.train()
    batches = iter(_epoch_loader(run))
    for group in run.plan.groups(run.epoch, first=run.batch):
        compute_gradients(run, batches, group)
        looks = _looks(run)
        if looks:
            _require_finite(run)
        apply_gradients(run)
        run.batch += group.batches
        run.step += 1
        tell(run, "on_step")
        stop = _stops(run, signals) if looks else 0
        if stop or _saves(run):
            save_last(run)
        if stop:
            raise _interrupted(run, signals, stop)


def compute_gradients(run: Run, batches: Iterator[Mapping[str, Any]], group: Group) -> None:
    """The gradient of the mean loss over all samples of the group, batch after batch.

    Each batch's summed loss is divided by the group's number of samples, so the result is that of one large batch,
    also where the last batch, or the epoch's last group, is smaller.
    """
    # Sums stay on the device: asking for a number here would wait for the GPU in every step.
    run.last_loss = torch.zeros((), device=run.device)
    for number in range(group.batches):
        batch = next(batches)
        with run.world.accumulating(run.network, last=number == group.batches - 1):
            # By the group's samples and not by the number of batches: the last batch may be smaller.
            loss = batch_loss(run, batch) / group.samples
            run.scaler.scale(loss).backward()
        run.last_loss += loss.detach()
    run.scaler.unscale_(run.optimiser)  # before clipping, whose limit is meant for true gradients
    limit = run.config.stage.clip_norm or math.inf
    run.gradient_norm = nn.utils.clip_grad_norm_(run.model.parameters(), limit)
    # An infinite gradient under loss scaling is no error: the scaler skips the step and lowers the scale.
    norm = run.gradient_norm.nan_to_num(0, 0, 0) if run.scaler.is_enabled() else run.gradient_norm
    run.totals.add_step(norm)


def batch_loss(run: Run, batch: Mapping[str, Any]) -> Tensor:
    """The summed loss of a batch: the classifier's, and the cue head's, the cue module's own and those of the features
    at their weights.
    """
    views = move_views(batch["views"], run.device, channels_last=run.channels_last)
    labels = batch["label"].to(run.device, non_blocking=True)
    with run.precision.autocast():
        output = run.network(views, labels)
    logits = output.logits.float()  # bf16 has 3 significant digits, too few for the loss of a nearly certain sample
    losses, cue_losses = run.loss(logits, labels), run.loss(output.cue_logits.float(), labels)
    with torch.no_grad():
        run.watch_map(output.cue_map)
        run.totals.add_samples(losses, cue_losses, logits.argmax(dim=1) == labels)
    stage = run.config.stage
    own = stage.auxiliary_weight * len(labels) * output.auxiliary
    for one in run.feature_losses:  # means over the batch: by its samples, as all else is a sum over these
        own = own + one.weight * len(labels) * feature_loss(one, output.features, labels)
    return losses.sum() + stage.cue_weight * cue_losses.sum() + own


def apply_gradients(run: Run) -> None:
    """One step of the optimiser, at the schedule's rate."""
    stage = run.config.stage
    # From the step alone, so that there is no scheduler whose state could disagree with a resumed run's.
    run.lr = learning_rate(run.step, run.plan.steps, stage.lr, stage.warmup, stage.final_lr)
    set_learning_rate(run.optimiser, run.lr)
    run.scaler.step(run.optimiser)
    run.scaler.update()
    run.optimiser.zero_grad(set_to_none=True)


def validate(run: Run, signals: StopSignals) -> dict[str, Any]:
    """Metrics on the validation samples, the same on every process; {} when there are none."""
    if run.data.val is None:
        return {}
    # Each process has its own batch norm statistics; all must measure the model that the first one saves.
    run.world.share_buffers(run.model)
    loader = evaluation_loader(
        run.data.val,
        batch_size=run.config.stage.batch_size,
        workers=run.workers,
        device=run.device,
        world=run.world,
    )

    def check() -> None:
        # One process alone may leave at once. Of several, none may leave while another waits for its share.
        if signals.asked and run.world.size == 1:
            raise _interrupted(run, signals, _stops(run, signals))

    with closing(over(loader, run.log.bar("validation", len(loader)))) as batches:
        predictions = predict_samples(
            run.model, batches, run.device, run.precision, run.world, channels_last=run.channels_last, check=check
        )
    return summarise(predictions)


def end_epoch(run: Run, metrics: dict[str, Any], seconds: float) -> None:
    """Add the epoch's line to the history and tell the callbacks."""
    run.epoch += 1
    run.batch = 0
    run.history.append(
        {
            "epoch": run.epoch,
            "step": run.step,
            "lr": run.lr,
            **_head_rate(run),
            **({"data": run.data.title} if run.data.title else {}),
            **({"audio": run.data.audio} if run.data.audio else {}),
            "train": run.totals.means(run.world),
            "val": metrics,
            "seconds": round(seconds, 1),
        }
    )
    run.totals.reset()
    tell(run, "on_epoch")


def _head_rate(run: Run) -> dict[str, float]:
    """The rate of what starts at random, where that has another."""
    factors = {group.get("lr_factor", 1.0) for group in run.optimiser.param_groups} - {1.0}
    return {"head_lr": run.lr * max(factors)} if factors else {}


def _epoch_loader(run: Run) -> Iterable[Mapping[str, Any]]:
    stage = run.config.stage
    return training_loader(
        run.data.train,
        run.data.sampler,
        epoch=run.epoch,
        start=run.batch * stage.batch_size,
        batch_size=stage.batch_size,
        workers=run.workers,
        device=run.device,
    )


def _saves(run: Run) -> bool:
    return run.config.run.save_every > 0 and run.step % run.config.run.save_every == 0


def _looks(run: Run) -> bool:
    """Whether the step under way is looked at: the same ones on every process, and all before a save."""
    if run.device.type == "cpu":
        return True
    step, last = run.step + 1, run.batch + run.config.stage.accumulate >= run.plan.batches(run.epoch)
    return (
        last or step % GPU_CHECK_EVERY == 0 or (run.config.run.save_every > 0 and step % run.config.run.save_every == 0)
    )


def _greatest(run: Run, number: int) -> int:
    """The greatest of every process's numbers."""
    return number if run.world.size == 1 else int(run.world.greatest(torch.tensor(float(number))).item())


def _stops(run: Run, signals: StopSignals) -> int:
    """Why to stop, the same on every process: 0 for no reason, 1 for a signal to one of them, 2 for the time limit, as
    the first of their clocks has it.
    """
    return _greatest(run, 2 if signals.limit.over else int(bool(signals.asked)))


def _require_finite(run: Run) -> None:
    """Stop before weights that are not numbers are made, or at least before they are saved."""
    if not _greatest(run, not bool(run.totals.finite())):
        return
    _require_good_maps(run)
    kept = f"The last good state is {run.folder.last}" if run.folder.last.exists() else "Nothing was saved before it"
    stage = run.config.stage
    error = TrainingError(
        f"the loss or its gradient is not a finite number at step {run.step + 1} of {run.plan.steps} (epoch "
        f"{run.epoch + 1}, learning rate {run.lr:.2g}, {run.precision.name}). {kept}; the files of finished epochs are "
        f"kept too. Try a lower rate (stage.lr={stage.lr / 5:.2g}), a longer warm-up (stage.warmup=0.1) "
        "or full precision (run.precision=fp32), each with overwrite=True or another run.out."
    )
    raise run.world.repeated(error)


def _require_good_maps(run: Run) -> None:
    """Every process asks together, when a loss is not finite.

    Raises:
        PluginError: the cue module gave values that are not finite while everything before was; the message names the
            specialist, the cues and the line where the module computes.
    """
    odd = run.world.total(run.odd_values)
    if not isinstance(run.model, Specialist) or not odd.any() or _weights_explain(run, run.model.cue_module):
        return
    spec, module = run.model.spec, run.model.cue_module
    error = PluginError(
        f"the cue module of specialist {spec.name!r}, {spec.module} ({place_of(type(module).forward)}), gave values "
        f"that are not finite numbers at step {run.step + 1}, from views and weights that are: in "
        f"{not_finite_cues(spec, odd)}. A lower rate does not help: look there for a division by 0, a logarithm or "
        "root of 0 or less, or a sum that overflows, and bound it (`.clamp(min=1e-6)`). Nothing of this step is saved."
    )
    raise run.world.repeated(error)


def _weights_explain(run: Run, module: nn.Module) -> bool:
    """Whether a module's weights are themselves why it gives no finite numbers: so large, or none already.

    On a GPU a step or more has been taken since, so weights that are no numbers say nothing there.
    """
    sizes = [one.detach().abs().max() for one in module.parameters() if one.numel()]
    largest = float(torch.stack(sizes).max()) if sizes else 0.0
    return largest > LARGE_WEIGHT or (not math.isfinite(largest) and run.device.type == "cpu")


def _interrupted(run: Run, signals: StopSignals, stop: int) -> RunInterrupted:
    kind = TimeLimitReached if stop == 2 else RunInterrupted
    elsewhere = f"the time limit of {signals.limit.text}" if stop == 2 else "a signal to another process"
    error = kind(
        f"stopped by {signals.asked or elsewhere} at step {run.step} of {run.plan.steps} (epoch "
        f"{min(run.epoch + 1, run.plan.epochs)} of {run.plan.epochs}). Everything is in {run.folder.last}: start "
        "again with resume=True to go on."
    )
    return run.world.repeated(error)
