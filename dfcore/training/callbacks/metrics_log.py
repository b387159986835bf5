"""``metrics.jsonl`` and the plot of the curves."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from dfcore.filesystem.writing import append, is_full
from dfcore.runs.folder import read_lines, write_bytes
from dfcore.runs.ranking import best_epochs
from dfcore.text import described, to_json_line
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run

__all__ = ["MetricsLog"]

LINES_PER_EPOCH = 50
"""Training loss lines an epoch, at most."""


class MetricsLog(BaseCallback):
    """A line for each epoch (``"kind": "epoch"``), and lines with the mean training loss since the line before
    (``"kind": "train"``; of the first process's samples). The plot is drawn again after each epoch.
    """

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._count = 0
        self._warned = False

    def on_start(self, run: Run) -> None:
        """Drop the lines that come after the state which the run goes on from: they are written again."""

        def rewrite() -> None:
            kept = [line for line in read_lines(run.folder.metrics) if _is_before(line, run)]
            write_bytes(run.folder.metrics, "".join(_line(line) for line in kept).encode())

        run.world.on_main(rewrite)

    def on_step(self, run: Run) -> None:
        """Now and then, a line with the mean loss."""
        self._sum = run.last_loss if self._sum is None else self._sum + run.last_loss
        self._count += 1
        every = -(-run.plan.steps_in(run.epoch) // LINES_PER_EPOCH)
        if run.step % every:
            return
        mean = self._sum.item() / self._count
        loss = mean if math.isfinite(mean) else None  # a GPU's loss may be looked at a few steps late
        self._sum, self._count = None, 0
        values = {"kind": "train", "step": run.step, "epoch": run.epoch + 1, "lr": run.lr, "loss": loss}
        self._append(run, values)

    def on_epoch(self, run: Run) -> None:
        """The epoch's line, and the plot."""
        self._append(run, {"kind": "epoch", **run.history[-1]})
        run.world.on_main(lambda: self._draw(run))

    def on_finish(self, run: Run) -> None:
        """The plot once more: a run killed between its last epoch and its end has it too."""
        run.world.on_main(lambda: self._draw(run))

    def _draw(self, run: Run) -> None:
        """A full disk stops the run, which goes on afterwards; nothing else about a plot does."""
        try:
            draw(run)
        except Exception as error:
            if is_full(error):
                raise
            if not self._warned:
                self._warned = True
                run.log.warn(f"{run.folder.plot.name} cannot be drawn ({described(error)}); training goes on without")

    def state_dict(self) -> dict[str, Any]:
        """The sum since the last line."""
        return {"sum": None if self._sum is None else self._sum.cpu(), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the sum."""
        self._sum, self._count = state.get("sum"), int(state.get("count", 0))

    @staticmethod
    def _append(run: Run, values: dict[str, Any]) -> None:
        # Every process comes here at the same steps: none is left waiting when the first finds the disk full.
        def write() -> None:
            run.check_lock()
            append(run.folder.metrics, _line(values).encode(), sync=True)

        run.world.on_main(write)


def draw(run: Run) -> None:
    """Write the plot of the run's history."""
    from dfcore.evaluation.plots.training import curves, to_png

    best = best_epochs(run.history, 1)
    title = f"{run.folder.name} · {run.config.stage.dataset}"
    write_bytes(run.folder.plot, to_png(curves(run.history, title, best[0] if best else None)))


def _line(values: dict[str, Any]) -> str:
    return to_json_line(values)


def _is_before(line: dict[str, Any], run: Run) -> bool:
    """Whether a resumed run keeps a line; a damaged one goes."""
    try:
        if line["kind"] == "epoch":
            return int(line["epoch"]) <= run.epoch
        return int(line["step"]) <= run.step
    except (KeyError, OverflowError, TypeError, ValueError):
        return False
