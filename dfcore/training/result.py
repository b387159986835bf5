"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfcore.errors import CheckpointError
from dfcore.models.files import weights
from dfcore.results import Result
from dfcore.runs.folder import RunFolder, read_json, write_json
from dfcore.runs.ranking import best_epochs
from dfcore.training.calibrate import calibrate_run
from dfcore.training.callbacks.progress import number
from dfcore.training.protocols import tell
from dfcore.training.run import Run
from dfcore.training.runtime.signals import StopSignals

__all__ = ["RunResult", "finish", "finished_result"]


@dataclass(frozen=True, slots=True)
class RunResult(Result):
    """What a run came to.

    Attributes:
        folder: the run's folder.
        final: the best epoch's weights.
        metrics: the best epoch's validation metrics; {} without validation samples.
        plot: the curves.
        best_epoch: its number, from 1.
    """

    folder: Path
    final: Path
    metrics: dict[str, Any]
    plot: Path
    best_epoch: int


def finished_result(folder: RunFolder) -> RunResult:
    """The result of a run that is finished.

    Raises:
        CheckpointError: its summary is damaged.
    """
    summary = read_json(folder.summary)
    try:
        return RunResult(folder.path, folder.final, dict(summary["metrics"]), folder.plot, int(summary["best_epoch"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.summary} does not hold what a finished run came to ({error}). Start again with overwrite=True."
        ) from error


def _final_hash(folder: RunFolder) -> str:
    """Names the final weights for those who will not open them; "" where no callback made any."""
    return str(weights.describe(folder.final)["hash"]) if folder.final.exists() else ""


def finish(run: Run, signals: StopSignals) -> RunResult:
    """End a run: its callbacks' last words, what the validation videos teach of the final weights, its summary, and
    what it came to.

    Raises:
        RunInterrupted: a signal came, or the time limit; the run can be resumed and does then what is left.
    """
    tell(run, "on_finish")
    calibrated = calibrate_run(run, signals)
    best = best_epochs(run.history, 1)[0]
    metrics = run.history[best - 1]["val"]
    summary = {
        "best_epoch": best,
        "epochs": run.epoch,
        "steps": run.step,
        "metrics": metrics,
        "final": run.folder.final.name,
        "plot": run.folder.plot.name,
        "stopped": run.stop,
    }
    # Last of all: it says "finished".
    run.world.on_main(lambda: write_json(run.folder.summary, {**summary, "hash": _final_hash(run.folder)}))
    if run.stop:
        run.log.say(f"stopped early: {run.stop}")
    scores = (
        f"lowest calibrated loss {number(metrics.get('calibrated_loss'))}, validation AUC "
        f"{number(metrics['video_auc'])} per video, {number(metrics['frame_auc'])} per frame, "
        f"cue head {number(metrics['cue_video_auc'])}"
        if metrics
        else "no validation videos, so it is the last"
    )
    run.log.say(f"best epoch {best} of {run.epoch}: {scores}")
    run.log.say(f"plot       {run.folder.plot}")
    run.log.say(f"weights    {run.folder.final}")
    run.log.say(f"calibration  {calibrated}")
    return RunResult(run.folder.path, run.folder.final, metrics, run.folder.plot, best)
