"""Bars for a terminal, a line for each epoch."""

from __future__ import annotations

from typing import Any

from dfcore.console.progress import Bar
from dfcore.text import duration
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run

__all__ = ["Progress", "epoch_line"]

REFRESH = 10
"""Steps between two readings of the loss for the bar: on a GPU each one waits."""


class Progress(BaseCallback):
    """A bar over each epoch's optimiser steps, where there is a terminal; a line for each epoch everywhere."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._left = 0

    def on_step(self, run: Run) -> None:
        """Move the bar on, with the loss now and then."""
        bar = self._bar or self._open(run)
        bar.update()
        self._left -= 1
        if bar.shown and run.step % REFRESH == 0:
            bar.note(loss=f"{run.last_loss.item():.4f}", lr=f"{run.lr:.1e}")
        if self._left <= 0:
            self._close()  # the validation has a bar of its own

    def on_epoch(self, run: Run) -> None:
        """Say what the epoch came to."""
        run.log.say(epoch_line(run.history[-1], run.plan.epochs))

    def on_exit(self, run: Run) -> None:
        """Take the bar away, so that what follows begins on a line of its own."""
        self._close()

    def _open(self, run: Run) -> Bar:
        done = run.step - run.plan.steps_before(run.epoch) - 1
        label = f"epoch {run.epoch + 1}/{run.plan.epochs}" + (f", {run.data.title}" if run.data.title else "")
        total = run.plan.steps_in(run.epoch)
        self._left = total - done
        self._bar = run.log.bar(label, total, initial=done)
        return self._bar

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def epoch_line(line: dict[str, Any], epochs: int) -> str:
    """``epoch 2/6  loss 0.51 (val 0.48)  AUC video 0.91, frame 0.88, cue 0.79  ...``."""
    val = line["val"]
    part = f" ({line['data']})" if line.get("data") else ""
    text = f"epoch {line['epoch']}/{epochs}{part}  loss {line['train']['loss']:.4f}"
    if val:
        text += (
            f" (val {number(val['loss'], 4)})  AUC video {number(val['video_auc'])}, frame {number(val['frame_auc'])}, "
            f"cue {number(val['cue_video_auc'])}  accuracy real {number(val['frame_real_accuracy'])}, "
            f"fake {number(val['frame_fake_accuracy'])}"
        )
        coverage = val.get("coverage", 1.0)
        text += f"  judged {coverage:.0%}" if coverage < 1 else ""
    return f"{text}  {duration(line['seconds'])}"


def number(value: float | None, digits: int = 3) -> str:
    """A metric for people; undefined ones as ``n/a``."""
    return "n/a" if value is None else f"{value:.{digits}f}"
