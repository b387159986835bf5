"""The sections of a run's configuration: every key with its type, default, range and meaning.

docs/config.md is generated from this file (:mod:`dfcore.config.reference`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_type_hints

from dfcore.config.keys import Key, convert, key, key_of
from dfcore.errors import ConfigError, UnknownNameError

__all__ = [
    "NAMING_KEYS",
    "STAGE_KEYS",
    "DataConfig",
    "ModelConfig",
    "RunConfig",
    "StageConfig",
    "TrainConfig",
    "checked",
    "code_named",
    "keys",
    "override",
    "replaced",
]

NAMING_KEYS = frozenset(
    {
        "stage.dataset", "stage.loss", "stage.feature_losses", "stage.feature_augment", "data.detector", "data.augment",
        "data.emulate", "model.backbone", "model.attention_head", "model.classifier", "run.callbacks", "run.recipe",
    }
)  # fmt: skip
"""Keys whose values name something that is announced."""
STAGE_KEYS = ("stage.dataset", "stage.lr", "stage.epochs", "stage.loss", "stage.chunks")
"""What a stage's announcement decides (:func:`dfcore.configure` fills them in)."""


@dataclass(frozen=True, slots=True)
class StageConfig:
    """What is optimised, and how. The defaults of the first keys are those that stage 1 announces."""

    number: int = key(1, "The stage of the curriculum; it decides the next five keys.", at_least=0)
    dataset: str = key("faceforensics", "The dataset, by the name of its adapter.")
    lr: float = key(1e-4, "Learning rate at its peak.", above=0, at_most=10)
    final_lr: float = key(0.0, "Learning rate at the end of the cosine, at most the peak.", at_least=0, at_most=10)
    epochs: int = key(6, "Epochs over the whole dataset, or over each of its chunks.", at_least=1)
    chunks: tuple[str, ...] = key(
        (),
        "The dataset's chunks in the order in which they are trained on; an empty list takes it whole, `present` those "
        "of the stage's order that are there.",
    )
    loss: str = key("cross_entropy", "The loss, by its announced name.")
    head_lr_factor: float = key(
        1.0,
        "Factor on the learning rate of what starts at random: all but a backbone with weights; nothing where the "
        "stage starts from the weights of another.",
        above=0,
        at_most=1000,
    )
    weight_decay: float = key(1e-2, "AdamW's weight decay.", at_least=0, at_most=10)
    warmup: float = key(
        0.05,
        "Share of all steps in which the learning rate rises linearly; a cosine to `stage.final_lr` follows.",
        at_least=0,
        at_most=1,
    )
    batch_size: int = key(8, "Samples a batch and process.", at_least=1)
    accumulate: int = key(1, "Batches per optimiser step.", at_least=1)
    clip_norm: float = key(1.0, "Gradients are scaled down to this norm; 0 leaves them.", at_least=0)
    cue_weight: float = key(0.3, "Weight of the cue head's loss beside the classifier's.", at_least=0)
    balance_power: float = key(
        1.0,
        "Share p of the class-balance correction that the sampler takes; the loss weights take 1 - p.",
        at_least=0,
        at_most=1,
    )
    label_smoothing: float = key(0.0, "Label smoothing of the loss.", at_least=0, below=1)
    focal_gamma: float = key(
        2.0, "Of the focal loss: how much less a sample counts that is classified right.", at_least=0
    )
    focal_alpha: float | None = key(
        None,
        "Of the focal loss: weight of fake, 1 - alpha being that of real; none weighs both alike.",
        above=0,
        below=1,
    )
    auxiliary_weight: float = key(0.3, "Weight of the cue module's own loss, where it has one.", at_least=0)
    feature_losses: tuple[str, ...] = key(
        (),
        "Losses of the features, by announced name, with their weights beside the classifier's "
        "(`uniformity=0.5,alignment=0.1`); they take `model.normalize_features`.",
    )
    feature_augment: tuple[str, ...] = key(
        (),
        "Augmentations of the features in training, by announced name, in this order (`slerp`); they take "
        "`model.normalize_features`.",
    )
    start: str = key(
        "",
        "A file of weights to start from, in place of those of the stage before; `scratch` starts without any.",
        path=True,
    )


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is read, and how."""

    root: str = key("", "The dataset's folder.", path=True)
    store: str = key(
        "", "The clip store's folder; empty means one beside the runs, named after the dataset's folder.", path=True
    )
    store_codec: str = key(
        "compact",
        "How clips are written: `compact` codes them without loss, in a fifth of the space; `raw` leaves them as they "
        "are, which is read faster. Both are read, also in one store.",
        choices=("compact", "raw"),
    )
    compressions: tuple[str, ...] = key((), "Only these (`c23,c40`); an empty list means all that is there.")
    manipulations: tuple[str, ...] = key(
        (), "Only these methods (originals are always read); an empty list means all that is there."
    )
    limit: int = key(
        0, "At most so many videos per split, class (of images and of audio) and chunk; 0 means all.", at_least=0
    )
    people: int = key(1, "Face tracks per video, most prominent first.", at_least=1)
    bystanders: str = key(
        "leave_out",
        "What the people in a fake are whose face was not forged, as the dataset's mask or the original tells: not "
        "used, `real`, or `fake` like the video.",
        choices=("leave_out", "real", "fake"),
    )
    clips_per_video: int = key(4, "Clips cut from each video.", at_least=1)
    clip_frames: int = key(8, "Consecutive frames of a clip; a specialist may need more.", at_least=1)
    detector: str = key("centerface", "The face detector, by its announced name.")
    sampler: str = key(
        "balanced",
        "How training samples are drawn: `balanced` over the classes, or in `pairs` of a fake and its original, both "
        "in the same batch.",
        choices=("balanced", "pairs"),
    )
    samples_per_video: int = key(8, "Training samples drawn per video and epoch.", at_least=1)
    eval_samples: int = key(
        8, "Samples read per video in evaluation, spread over its clips, always the same.", at_least=1
    )
    chunk_map: tuple[str, ...] = key(
        (),
        "Which parts make which chunk (`0=0-4,1=5+7+extra_videos`); an empty list means the dataset's own: chunk k of "
        "DFDC is parts 5k to 5k + 4, or a folder named as a chunk.",
    )
    keep_chunks: int = key(
        0, "Chunks whose prepared clips stay in the store, the one in training included; 0 keeps all.", at_least=0
    )
    val_share: float = key(
        0.1,
        "Share of the identities held out of train where there is no validation list.",
        at_least=0,
        below=1,
    )
    pseudo_fakes: float = key(
        0.0,
        "Pairs of a pseudo-fake and its control per real training video; 0.3 makes one of 30 % of them.",
        at_least=0,
    )
    pseudo_only: bool = key(False, "Train and validate on such pairs alone, and on no other video.")
    augment: tuple[str, ...] | None = key(
        None, "Training augmentations; none (the default) means all that the specialist admits."
    )
    emulate: tuple[str, ...] = key(
        (),
        "Platforms whose re-scaling and re-encoding is emulated for a share of the training videos, which are prepared "
        "once more so.",
    )
    emulate_share: float = key(
        0.5, "Share of the training videos that are emulated too; a fake goes with its original.", at_least=0, at_most=1
    )
    workers: int = key(-1, "Loader processes; -1 chooses by device and cores.", at_least=-1, at_most=1024)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What is built."""

    backbone: str = key("efficientnet_b4", "An announced backbone, or any timm model by its own name.")
    pretrained: bool = key(True, "Start the backbone from ImageNet weights.")
    backbone_weights: str = key("", "A file with the backbone's weights, in place of timm's own download.", path=True)
    attention_head: str = key("cross", "The attention head, by its announced name.")
    classifier: str = key("mlp", "The classifier, by its announced name.")
    heads: int = key(8, "Heads of the attention.", at_least=1, at_most=1024)
    dropout: float = key(0.3, "Dropout of attention head and classifier.", at_least=0, below=1)
    image_size: int = key(
        0,
        "Side of the face view in pixels; 0 lets the backbone choose (224 for efficientnet_b4).",
        at_least=0,
        at_most=4096,
    )
    backbone_input_size: int = key(
        0,
        "Side in pixels that the backbone computes at; faces of another size are resized on the device. 0 takes its "
        "own where it has a fixed one, else `model.image_size`.",
        at_least=0,
        at_most=4096,
    )
    tune: str = key(
        "all",
        "What is trained of the backbone: `all` of it, its `norms` alone (scales and shifts of the normalisation "
        "layers), or nothing (`head`). Everything else is always trained.",
        choices=("all", "norms", "head"),
    )
    normalize_features: bool = key(
        False, "Bring what the classifier sees to length 1, backbone and cue map with equal shares."
    )


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Where and on what it runs."""

    recipe: str = key("", "A recipe, by announced name: values that give way to whatever else is set.")
    out: str = key("runs", "The folder of the runs.", path=True, empty=False)
    device: str = key("auto", "`auto`, `cpu`, `cuda`, `cuda:N` or `mps`.")
    precision: str = key(
        "auto", "The number format; `auto` chooses by device.", choices=("auto", "fp32", "bf16", "fp16")
    )
    seed: int = key(0, "Seed of everything that is drawn.", at_least=0, at_most=2**32 - 1)
    save_every: int = key(
        200,
        "Optimiser steps between two writes of `last.pt`; it is also written at each epoch's end and on Ctrl-C, with 0 "
        "only then.",
        at_least=0,
    )
    keep: int = key(3, "Best-epoch checkpoints kept; the best one always is.", at_least=0)
    time_limit: str = key(
        "",
        "After this time (`11h30m`) training stops behind the step under way, resumable; empty means never.",
        duration=True,
    )
    patience: int = key(
        0, "Epochs without a better one (lowest calibrated validation loss) before stopping; 0 means never.", at_least=0
    )
    callbacks: tuple[str, ...] = key((), "Further callbacks, by announced name.")
    keep_memory: bool = key(
        True,
        "On a CPU under glibc: freed memory stays with the process, ready for the next step, in place of going "
        "back to the system. Steps are faster; the process stays as large as it once was.",
    )


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that a training run is made from; written to the run's folder as ``config.json``.

    :func:`dfcore.configure` makes one from the stage, the dataset, ``dfcore.toml`` and what the caller sets.
    """

    specialist: str = ""
    stage: StageConfig = field(default_factory=StageConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` takes."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The inverse of :meth:`to_json`."""
        flat = {
            f"{section}.{name}": value
            for section, content in values.items()
            if isinstance(content, Mapping)
            for name, value in content.items()
        }
        return replaced(cls(specialist=str(values.get("specialist", ""))), flat)


@cache
def keys() -> dict[str, tuple[Any, Key]]:
    """Every key (``"stage.lr"``), with its type and what it is."""
    found: dict[str, tuple[Any, Key]] = {}
    for section, kind in get_type_hints(TrainConfig).items():
        if dataclasses.is_dataclass(kind):
            hints = get_type_hints(kind)
            found |= {f"{section}.{one.name}": (hints[one.name], key_of(one)) for one in dataclasses.fields(kind)}
    return found


def code_named(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first key, and its value, that has a dotted path (``package.module:attribute``) in place of an announced
    name; None where there is none. What comes with a folder or a file of weights must not name code to import.
    """
    for name in sorted(NAMING_KEYS & values.keys()):
        value = values[name]
        for one in value if isinstance(value, (tuple, list)) else (value,):
            if ":" in str(one):
                return name, str(one)
    return None


def override(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """A copy of ``config`` with dotted keys replaced; strings are converted to each key's type.

    The stage's number is not replaced: it decides other keys, and which of these were set on purpose cannot be told
    any more. :func:`dfcore.configure` decides them together.

    Raises:
        UnknownNameError: no such key; the nearest is suggested.
        ConfigError: the value does not fit the key's type or range, or ``stage.number`` is to change.
    """
    made = replaced(config, values)
    if made.stage.number != config.stage.number:
        number = made.stage.number
        raise ConfigError(
            f"stage.number cannot be changed from {config.stage.number} to {number} by itself: a stage decides "
            f"{', '.join(STAGE_KEYS)} too. Make the configuration of stage {number} with "
            f"dfcore.configure({config.specialist or 'cm'!r}, stage={number}, set={{...}})."
        )
    return made


def replaced(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """As :func:`override`, the stage's number included: for who gives all that a stage decides with it."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in checked(values).items():
        section, _, short = name.partition(".")
        sections.setdefault(section, {})[short] = value
    new = {section: dataclasses.replace(getattr(config, section), **values) for section, values in sections.items()}
    return dataclasses.replace(config, **new)


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as their keys' types.

    Raises:
        UnknownNameError: no such key; the nearest is suggested.
        ConfigError: a value does not fit its key's type or range.
    """
    known = keys()
    for name in values:
        if name not in known:
            raise UnknownNameError("configuration key", name, known)
    return {name: convert(name, value, *known[name]) for name, value in values.items()}
