"""Stop when validation no longer gets better."""

from __future__ import annotations

from dfcore.runs.ranking import best_epochs
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run

__all__ = ["EarlyStop"]


class EarlyStop(BaseCallback):
    """Ends training after ``run.patience`` epochs in a row none of which was better than the best before them.

    It has no state of its own: the history, which is saved, tells it all.
    """

    def on_epoch(self, run: Run) -> None:
        """Look back at the best epoch."""
        patience = run.config.run.patience
        best = best_epochs(run.history, 1)[0]
        if patience and run.history[-1]["val"] and run.epoch - best >= patience:
            run.stop = f"no epoch since epoch {best} was better (run.patience={patience})"
