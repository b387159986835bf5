"""A warning when a run's own files may not fit on the disk."""

from __future__ import annotations

from contextlib import suppress

from dfcore.kaggle import free_space
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run

__all__ = ["DiskWatch"]


class DiskWatch(BaseCallback):
    """Compares the space for checkpoints with what is free before the first epoch and after each one, and warns once.

    At most the folder holds ``last.pt`` (weights and two moments of each) twice, since the new one is written beside
    the old; a best epoch more than are kept; and the final weights. The files of clips are watched where they are
    made (:mod:`dfcore.training.inputs.store_watch`).
    """

    def __init__(self) -> None:
        self._warned = False

    def on_start(self, run: Run) -> None:
        """Look."""
        with suppress(OSError):  # a file that goes meanwhile, a disk that does not answer: it is only a warning
            self._look(run)

    def on_epoch(self, run: Run) -> None:
        """Look again: clips of the next chunk, or somebody else, may have taken the space."""
        if run.epoch < run.plan.epochs:
            with suppress(OSError):
                self._look(run)

    def _look(self, run: Run) -> None:
        if self._warned or not run.world.is_main:
            return
        weights = sum(tensor.numel() * tensor.element_size() for tensor in run.model.state_dict().values())
        most = weights * (2 * 3 + max(1, run.config.run.keep) + 1 + 1)
        have = sum(path.stat().st_size for path in run.folder.path.iterdir() if path.is_file())
        space = free_space(run.folder.path)
        if most - have > space.free:
            self._warned = True
            run.log.warn(
                f"checkpoints may not fit on the disk: this run may still need {(most - have) / 1e9:.2f} GB, and "
                f"{space.free / 1e9:.2f} GB are free in {space.where}. You can keep fewer epochs (run.keep=1), "
                "free what old runs keep (dfcore runs prune), or move the clip store away (data.store)."
            )
