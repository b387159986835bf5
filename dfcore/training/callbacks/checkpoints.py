"""The best epochs' weights, and the final ones."""

from __future__ import annotations

from dfcore.models.files import weights
from dfcore.models.specialist import Specialist
from dfcore.runs.ranking import best_epochs
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run

__all__ = ["Checkpoints"]


class Checkpoints(BaseCallback):
    """Keeps a ``.zip`` of each of the best ``run.keep`` epochs, at least one; makes the final weights of the best.

    Which is best is said in :mod:`dfcore.runs.ranking`; without validation samples it is the last epoch. An epoch that
    is no longer among the best is removed once the state that says so is saved: a kill in between loses nothing.
    """

    def on_start(self, run: Run) -> None:
        """Remove what belongs to epochs after the state that the run goes on from."""
        self._clean(run)

    def on_epoch(self, run: Run) -> None:
        """Write the epoch's weights if it is among the best."""
        run.world.on_main(lambda: self._save(run))  # not alone: the others must hear of a full disk

    def _save(self, run: Run) -> None:
        if run.epoch in self._kept(run):
            path = run.folder.epoch_zip(run.epoch)
            weights.save_zip(path, _specialist(run), {**run.meta, **_about(run, run.epoch)})
        previous = best_epochs(run.history[:-1], self._keep(run))
        self._remove_but(run, {*previous, *self._kept(run)})

    def on_finish(self, run: Run) -> None:
        """Write the best epoch's weights as the run's final ones."""
        run.world.on_main(lambda: self._finish(run))

    def _finish(self, run: Run) -> None:
        self._clean(run)
        best = best_epochs(run.history, 1)[0]
        state, _ = weights.read_zip(run.folder.epoch_zip(best))
        run.model.load_state_dict(state)
        weights.save_final(run.folder.final, _specialist(run), {**run.meta, **_about(run, best)})

    def _clean(self, run: Run) -> None:
        if run.world.is_main:
            self._remove_but(run, set(self._kept(run)))

    def _kept(self, run: Run) -> list[int]:
        return best_epochs(run.history, self._keep(run))

    @staticmethod
    def _keep(run: Run) -> int:
        return max(1, run.config.run.keep)

    @staticmethod
    def _remove_but(run: Run, epochs: set[int]) -> None:
        kept = {run.folder.epoch_zip(epoch) for epoch in epochs}
        for path in run.folder.epoch_zips():
            if path not in kept:
                path.unlink(missing_ok=True)


def _specialist(run: Run) -> Specialist:
    model: Specialist = run.model  # type: ignore[assignment]  # Run takes any module, to be tried with small ones
    return model


def _about(run: Run, epoch: int) -> dict[str, object]:
    """What its file says of an epoch; ``audio``: of the training videos up to it, how many had any."""
    lines = run.history[:epoch]
    about = {"epoch": epoch, "epochs": run.plan.epochs, "metrics": lines[-1]["val"]}
    # Of the history, for it is all that a resumed run knows of the chunks that were trained on before.
    heard = {line.get("data", ""): line["audio"] for line in lines if "audio" in line}
    if heard:
        total = {name: sum(part[name] for part in heard.values()) for name in ("videos", "with_audio")}
        about["audio"] = {**total, "share": round(total["with_audio"] / max(total["videos"], 1), 4)}
    return about
