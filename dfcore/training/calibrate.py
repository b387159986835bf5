"""The last step of a run: what the validation videos teach of the final weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from dfcore.data.samples import ClipSamples
from dfcore.errors import RunInterrupted, TimeLimitReached
from dfcore.evaluation.genuine import GenuineStatistics, GenuineVideo
from dfcore.evaluation.scored import score_videos
from dfcore.evaluation.verdicts.calibration_file import calibrate_scores
from dfcore.models.backbones.device_views import use_channels_last
from dfcore.models.files import weights
from dfcore.training.run import Run
from dfcore.training.runtime.signals import StopSignals

if TYPE_CHECKING:
    from dfcore.models.specialist import Specialist

__all__ = ["calibrate_run"]


def calibrate_run(run: Run, signals: StopSignals) -> str:
    """Score the validation videos with the final weights, and write beside them the calibration, and what the genuine
    ones among them look like.

    The first process has the final weights in its model; every process calls this and takes part. What is written
    depends on the weights and the validation videos alone, so a resumed run writes the same.

    Returns:
        What came of it, in a line.

    Raises:
        RunInterrupted: a signal came to one of the processes, or the time limit; nothing is written.
        ModelError: an output is not a finite number.
        WriteError: the file cannot be written.
    """
    data = run.data.val
    if data is None:
        return "none: there are no validation videos, so a score of these weights is no verdict"
    if not isinstance(data, ClipSamples):
        return "none: the validation samples are not those of stored videos"
    run.world.share_state(run.model)
    # As a file of weights is loaded to judge: otherwise the last bits may differ.
    model = cast("Specialist", run.model.to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]
    use_channels_last(model, run.device)
    model.eval()
    model.fold_norms()  # nothing trains or saves it any more
    genuine: dict[str, GenuineVideo] = {}
    videos = score_videos(
        model,
        data.store,
        data.records,
        device=run.device,
        precision=run.precision,
        samples=data.samples_per_video,
        clip_frames=data.clip_frames,
        batch_size=run.config.stage.batch_size,
        workers=run.workers,
        world=run.world,
        genuine=genuine,
        check=lambda: _check(run, signals),
    )

    def write() -> str:
        if not run.folder.final.exists():
            return "none: no callback has written final weights"
        stage, dataset = run.config.stage.number, run.config.stage.dataset
        of = str(weights.describe(run.folder.final)["hash"])
        found = calibrate_scores(
            videos, specialist=model.spec.name, stage=stage, weights=of, dataset=dataset, seed=run.config.run.seed
        )
        in_order = [genuine[video.id] for video in videos if video.id in genuine]
        statistics = GenuineStatistics.fit(in_order, model.spec, stage=stage, weights=of, dataset=dataset)
        if statistics is not None:
            statistics.write(run.folder.genuine)
        found.write(run.folder.calibration)
        return found.summary()

    return run.world.on_main(write)


def _check(run: Run, signals: StopSignals) -> None:
    """Raise where the run is to stop."""
    if not signals.asked:
        return
    kind = TimeLimitReached if signals.limit.over else RunInterrupted
    raise run.world.repeated(
        kind(
            f"stopped by {signals.asked} while the final weights were being calibrated. They are in "
            f"{run.folder.final}: start again with resume=True for the rest."
        )
    )
