"""The linear probe in an evaluation: learnt on the dataset's own training videos, measured like everybody."""

from __future__ import annotations

from pathlib import Path

from dfcore.assessment.options import SCRATCH, Options
from dfcore.assessment.scores.decisions import Decisions, by_rules
from dfcore.assessment.scores.scoring import ScoredDetector, say_prepared, unusable
from dfcore.config import TrainConfig
from dfcore.data.store.clip_store import ClipStore
from dfcore.evaluation.probe import VideoFeatures, encode_videos, fit_probe
from dfcore.evaluation.report import Threshold
from dfcore.evaluation.verdicts.calibration_file import calibrate_scores
from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import Prepared
from dfcore.training.inputs.sharing import prepare_together
from dfcore.training.loaders import worker_count
from dfcore.training.runtime.machine import Machine

__all__ = ["score_probe"]


def score_probe(config: TrainConfig, options: Options, machine: Machine) -> ScoredDetector:
    """Encode the faces of the training, validation and evaluated videos, fit on the first, choose on the second.

    Its labels are those of the images. The first process does it; every process calls this and has the same result.

    Raises:
        DataError: the dataset has no training videos of both classes.
        UnknownNameError: timm knows no such encoder.
        WeightsError: its weights cannot be had.
    """
    world = machine.world
    chosen = world.on_main(lambda: choose_videos(config, ()))
    splits = tuple(dict.fromkeys(("train", "val", options.split)))
    prepared = prepare_together(config, [], chosen, splits, machine)
    records = [record for record in chosen.records if record.split == options.split]
    say_prepared(f"probe of {options.probe}", len(records), options.split, prepared, machine)
    found = world.on_main(lambda: _score(config, options, machine, prepared))
    return ScoredDetector(
        found.name,
        found.kind,
        found.about,
        [*found.videos, *unusable(records, prepared)],
        found.decisions,
        found.warnings,
        "a probe has no cue map",
    )


def _score(config: TrainConfig, options: Options, machine: Machine, prepared: Prepared) -> ScoredDetector:
    random = options.probe_weights == SCRATCH
    file = Path(options.probe_weights) if options.probe_weights and not random else None
    pretrained = not random and file is None
    encoder = TimmBackbone(options.probe, pretrained=pretrained, weights=file).to(machine.device).eval()
    store = ClipStore(prepared.store)

    def encode(split: str) -> VideoFeatures:
        return encode_videos(
            encoder,
            store,
            [record for record in prepared.records if record.split == split],
            device=machine.device,
            samples=config.data.eval_samples,
            workers=worker_count(config.data.workers, machine.device),
            check=machine.limit.check,
        )

    val = encode("val")
    probe = fit_probe(encode("train"), val if val.records else None)
    decisions, warnings = Decisions(Threshold()), []
    if val.records:
        rules = calibrate_scores(
            probe.score(val, store), specialist="probe", stage=None, weights="", dataset=config.stage.dataset
        ).rules
        decisions = by_rules(rules, options.operating_point, f"validation videos of {config.stage.dataset}")
    if options.split != "test":
        warnings.append(f"the probe was fitted on train and chosen on val; its figures are of {options.split}.")
    if random:
        warnings.append("the encoder starts at random: this is no baseline to report.")
    about = {
        "encoder": options.probe,
        "pretrained": not random,
        "features": encoder.num_features,
        "strength": probe.strength,
        "trained_on": config.stage.dataset,
    }
    return ScoredDetector(
        f"probe of {options.probe}", "probe", about, probe.score(encode(options.split), store), decisions, warnings
    )
