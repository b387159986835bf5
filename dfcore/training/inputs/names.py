"""Looking up every name that a configuration gives, before hours are spent on preparing and not after."""

from __future__ import annotations

from collections.abc import Sequence

from dfcore.config import TrainConfig
from dfcore.data.faces.look import detector_class
from dfcore.data.views.augment import AUGMENTATIONS
from dfcore.errors import UnknownNameError, UsageError
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec, resolve
from dfcore.training.features import build_feature_augmentations, build_feature_losses
from dfcore.training.losses import build_loss, loss_options

__all__ = ["augmentations", "check_names"]


def check_names(config: TrainConfig, specs: Sequence[SpecialistSpec]) -> None:
    """Refuse a configuration that names what is not there: a dataset, loss, callback, detector, part of the model or
    augmentation; or a loss that takes not the options that are set. What the specialists announce for preparing and
    validating is imported too. The backbone is looked for when the model is made, which is before preparing too.

    Raises:
        UnknownNameError: nothing of that name is announced.
        UsageError: an augmentation would harm a specialist's cue, or the loss does not take an option.
        PluginError: something announced cannot be imported.
    """
    known = registry()
    known.dataset(config.stage.dataset)
    for kind, name in (("attention_head", config.model.attention_head), ("classifier", config.model.classifier)):
        known.component(kind, name)
    for name in config.run.callbacks:
        known.component("callback", name)
    loss = known.component("loss", config.stage.loss)
    build_loss(loss.name, resolve(loss.factory, f"loss {loss.name!r}"), None, loss_options(config.stage))
    _check_features(config)
    detector_class(config.data.detector)
    for spec in specs:
        augmentations(config, spec)
        for evidence in spec.evidence:
            resolve(evidence.extractor, f"evidence {evidence.name}")
        for path in (spec.abstain_reason, spec.pseudo_fake if config.data.pseudo_fakes else ""):
            if path:
                resolve(path, f"specialist {spec.name!r}")


def _check_features(config: TrainConfig) -> None:
    stage = config.stage
    build_feature_losses(stage)
    build_feature_augmentations(stage)
    for key in ("feature_losses", "feature_augment"):
        asked = getattr(stage, key)
        if asked and not config.model.normalize_features:
            raise UsageError(
                f"stage.{key}={','.join(asked)} is for features of length 1: set model.normalize_features=true too."
            )
    if stage.final_lr > stage.lr:
        raise UsageError(f"stage.final_lr={stage.final_lr:g} lies above the peak, stage.lr={stage.lr:g}. Lower it.")
    if config.data.sampler == "pairs" and stage.batch_size % 2:
        raise UsageError(
            f"data.sampler=pairs puts a fake and its original into one batch: stage.batch_size must be even, not "
            f"{stage.batch_size}."
        )


def augmentations(config: TrainConfig, spec: SpecialistSpec) -> Sequence[str]:
    """The training augmentations that are asked for, or all that the specialist admits.

    Raises:
        UnknownNameError: there is no such augmentation.
        UsageError: one is asked for that would harm the specialist's cue.
    """
    asked = config.data.augment
    if asked is None:
        return spec.augmentations
    for name in asked:
        if name not in AUGMENTATIONS:
            raise UnknownNameError("augmentation (data.augment)", name, AUGMENTATIONS)
    harmful = [name for name in asked if name not in spec.augmentations]
    if harmful:
        raise UsageError(
            f"data.augment={','.join(harmful)}: specialist {spec.name!r} does not admit it, because it may erase or "
            f"forge its cue. It admits {', '.join(spec.augmentations) or 'none'}."
        )
    return asked
