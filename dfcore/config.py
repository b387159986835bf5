"""A run's configuration: frozen sections, filled from defaults, files, the environment and ``--set``.

Later sources win: the stage's announcement, the dataset's ``defaults``, ``dfcore.toml``, command-line options,
``--set``. ``dfcore.toml`` is looked for in the working directory and its parents, or named by ``DFCORE_CONFIG``::

    [datasets]
    faceforensics = "/data/FaceForensics++"

    [set]
    "stage.batch_size" = 32

``DFCORE_DATASET_FACEFORENSICS=/data/ff`` names a dataset's folder too, and wins over the file.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from dfcore.errors import ConfigError, UnknownNameError

__all__ = [
    "DataConfig",
    "ModelConfig",
    "RunConfig",
    "StageConfig",
    "TrainConfig",
    "dataset_root",
    "override",
    "parse_set",
    "read_file",
    "store_name",
]


@dataclass(frozen=True, slots=True)
class StageConfig:
    """What is optimised, and how."""

    number: int = 1
    dataset: str = "faceforensics"
    lr: float = 1e-4
    epochs: int = 6
    """Over the whole dataset, or over each of its chunks."""
    chunks: tuple[str, ...] = ()
    """The dataset's chunks in the order in which they are trained on; () takes it whole, ``present`` those of the
    stage's order that are there."""
    loss: str = "cross_entropy"
    head_lr_factor: float = 1.0
    """Factor on the learning rate of what starts at random: all but a backbone with weights; nothing where the stage
    starts from the weights of another."""
    weight_decay: float = 1e-2
    warmup: float = 0.05
    """Share of all steps in which the learning rate rises linearly; a cosine to 0 follows."""
    batch_size: int = 8
    accumulate: int = 1
    """Batches per optimiser step."""
    clip_norm: float = 1.0
    cue_weight: float = 0.3
    """Weight of the cue head's loss beside the classifier's."""
    balance_power: float = 1.0
    """Share p of the class-balance correction that the sampler takes; the loss weights take 1 - p."""
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    """Of the focal loss: how much less a sample counts that is judged right."""
    focal_alpha: float | None = None
    """Of the focal loss: weight of fake, 1 - alpha being that of real; none weighs both alike."""
    auxiliary_weight: float = 0.3
    """Weight of the cue module's own loss, where it has one."""
    start: str = ""
    """Weights to start from (``--from``), in place of those of the stage before."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is read, and how."""

    root: str = ""
    """The dataset's folder, or ``demo``."""
    store: str = ""
    """The clip store's folder; "" means one beside the runs, named after the dataset and its root."""
    compressions: tuple[str, ...] = ()
    """Only these (``c23,c40``); () means all that is there."""
    manipulations: tuple[str, ...] = ()
    """Only these methods (originals are always read); () means all that is there."""
    limit: int = 0
    """At most so many videos per split, class (of images and of audio) and chunk; 0 means all."""
    people: int = 1
    """Face tracks per video, most prominent first."""
    clips_per_video: int = 4
    clip_frames: int = 8
    detector: str = "centerface"
    samples_per_video: int = 8
    """Training samples drawn per video and epoch."""
    eval_samples: int = 8
    """Samples read per video in evaluation, spread over its clips, always the same."""
    chunk_map: tuple[str, ...] = ()
    """Which parts make which chunk (``0=0-4,1=5+7+extra_videos``); () means the dataset's own: chunk k of DFDC is parts
    5k to 5k + 4, or a folder named as a chunk."""
    keep_chunks: int = 0
    """Chunks whose prepared clips stay in the store, the one in training included; 0 keeps all."""
    val_share: float = 0.1
    """Share of the identities held out of train where there is no validation list."""
    pseudo_fakes: float = 0.0
    """Pairs of a pseudo-fake and its control per real training video; 0.3 makes one of 30 % of them."""
    pseudo_only: bool = False
    """Train and validate on such pairs alone, and on no other video."""
    augment: tuple[str, ...] | None = None
    """Training augmentations; None means all that the specialist admits."""
    workers: int = -1
    """Loader processes; -1 chooses by device and cores."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What is built."""

    backbone: str = "efficientnet_b4"
    pretrained: bool = True
    backbone_weights: str = ""
    """A file with the backbone's weights, in place of timm's own download."""
    attention_head: str = "cross"
    classifier: str = "mlp"
    heads: int = 8
    dropout: float = 0.3
    image_size: int = 0
    """Side of the face view in pixels; 0 lets the backbone choose (224 for efficientnet_b4)."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Where and on what it runs."""

    out: str = "runs"
    device: str = "auto"
    precision: str = "auto"
    """``fp32``, ``bf16``, ``fp16`` or ``auto`` (by device)."""
    seed: int = 0
    save_every: int = 200
    """Optimiser steps between two writes of ``last``; it is also written at each epoch's end and on Ctrl-C."""
    keep: int = 3
    """Best-epoch checkpoints kept."""
    time_limit: str = ""
    """After this time (``11h30m``) training stops behind the step under way, resumable; "" means never."""
    patience: int = 0
    """Epochs without a better one (see :mod:`dfcore.runs.ranking`) before stopping; 0 means never."""
    callbacks: tuple[str, ...] = ()
    """Further callbacks, by announced name."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that a training run is made from; written to the run's folder as ``config.json``."""

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
            f"{section}.{key}": value
            for section, content in values.items()
            if isinstance(content, Mapping)
            for key, value in content.items()
        }
        return override(cls(specialist=str(values.get("specialist", ""))), flat)


def keys() -> dict[str, Any]:
    """Every key that ``--set`` takes, with its type."""
    found: dict[str, Any] = {}
    for section, kind in get_type_hints(TrainConfig).items():
        if dataclasses.is_dataclass(kind):
            for name, hint in get_type_hints(kind).items():
                found[f"{section}.{name}"] = hint
    return found


def override(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """A copy of ``config`` with dotted keys replaced; strings are converted to each key's type.

    Raises:
        UnknownNameError: no such key; the nearest is suggested.
        ConfigError: the value does not fit the key's type.
    """
    known = keys()
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key not in known:
            raise UnknownNameError("configuration key", key, known)
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = _convert(key, value, known[key])
    replaced = {section: dataclasses.replace(getattr(config, section), **new) for section, new in sections.items()}
    return dataclasses.replace(config, **replaced)


_EXPECTED = {int: "a whole number", float: "a number", bool: "true or false"}


def _convert(key: str, value: Any, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin is not None and origin is not tuple:  # X | None
        if value is None or value == "none":
            return None
        kind = next(option for option in get_args(kind) if option is not type(None))
        origin = get_origin(kind)
    try:
        if origin is tuple:
            items = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
            return tuple(str(item) for item in items if item != "")
        if kind is bool:
            return _boolean(value)
        if kind is int and isinstance(value, float):
            raise ValueError(value)
        return kind(value)
    except (TypeError, ValueError):
        expected = "a list (a,b,c)" if origin is tuple else _EXPECTED.get(kind, f"a {kind.__name__}")
        raise ConfigError(f"{key} takes {expected}, not {value!r}.") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


def parse_set(assignments: Iterable[str]) -> dict[str, str]:
    """``["stage.lr=2e-5"]`` to ``{"stage.lr": "2e-5"}``.

    Raises:
        ConfigError: one has no ``=``.
    """
    values = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set takes KEY=VALUE, not {assignment!r}; for example --set stage.lr=2e-5.")
        values[key.strip()] = value.strip()
    return values


def find_file(start: Path | None = None) -> Path | None:
    """The configuration file in force, or None."""
    named = os.environ.get("DFCORE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"DFCORE_CONFIG names {named}, which is not a file.")
        return Path(named)
    here = (start or Path.cwd()).resolve()
    return next(
        (folder / "dfcore.toml" for folder in (here, *here.parents) if (folder / "dfcore.toml").is_file()), None
    )


def read_file(path: Path | None = None) -> dict[str, Any]:
    """The configuration file's content: ``{"datasets": {...}, "set": {...}}``; both empty without a file.

    Raises:
        ConfigError: it is not TOML, or has other tables.
    """
    path = path or find_file()
    content: dict[str, Any] = {"datasets": {}, "set": {}}
    if path is None:
        return content
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}.") from error
    for name, table in found.items():
        if name not in content:
            raise UnknownNameError(f"table in {path}", name, content)
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: [{name}] must be a table.")
        content[name] = table
    content["set"] = dict(_flatten(content["set"]))
    for name, folder in content["datasets"].items():
        content["datasets"][name] = str(path.parent / Path(str(folder)).expanduser())
    return content


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def store_name(dataset: str, root: str) -> str:
    """The name of a clip store that nobody named: the dataset's, and a mark of its folder."""
    import hashlib

    return f"{dataset}-{hashlib.sha256(str(Path(root).resolve()).encode()).hexdigest()[:8]}"


def dataset_root(name: str) -> Path | None:
    """Where the user keeps the dataset ``name``: from the environment, else from the file, else None."""
    variable = os.environ.get(f"DFCORE_DATASET_{name.upper()}")
    if variable:
        return Path(variable).expanduser()
    folder = read_file()["datasets"].get(name)
    return Path(folder) if folder else None
