"""Which weights a stage starts from: the stage before, a file that is named, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dfcore.config import TrainConfig
from dfcore.errors import CheckpointError, RunError, RunExistsError
from dfcore.filesystem.paths import exists, require_file
from dfcore.models import factory
from dfcore.models.backbones.tuning import choose_trained
from dfcore.models.files import weights
from dfcore.models.specialist import Specialist
from dfcore.plugins import registry
from dfcore.runs.folder import RunFolder, read_json
from dfcore.runs.parents import outdated
from dfcore.training.runtime.distributed import World

__all__ = [
    "SCRATCH",
    "continue_from",
    "describe_rates",
    "describe_start",
    "lr_factors",
    "make_model",
    "random_parts",
    "recorded_parent",
    "require_same_parent",
    "starting_file",
]

SCRATCH = "scratch"
"""Value of ``stage.start`` that leaves the stage before out of account."""


def starting_file(config: TrainConfig) -> Path | None:
    """The weights that the stage starts from; None where it starts from the backbone alone.

    Raises:
        RunError: they are not there; the message names the file and the command that makes it.
    """
    start, number = config.stage.start, config.stage.number
    if start == SCRATCH:
        return None
    if start:
        path = Path(start).expanduser()
        require_file(path, RunError, "stage.start=", "Give a *_final.pt or a best epoch's .zip.")
        return path
    before = registry().stage(number).after
    if before is None:
        return None
    path = _final_of(config, before)
    if not exists(path):
        raise RunError(
            f"stage {number} starts from the weights of stage {before}, but {path} is not there. Train "
            f"{config.specialist!r} with stage={before} and the same run.out first, name other weights with "
            "stage.start=FILE, or start without any with stage.start=scratch."
        )
    return path


def _final_of(config: TrainConfig, stage: int) -> Path:
    name = f"{config.specialist}_stage{stage}"
    return RunFolder(Path(config.run.out) / name, name).final


def recorded_parent(folder: RunFolder) -> dict[str, Any]:
    """Where the weights came from that the run in a folder started from; {} where from no earlier stage.

    Raises:
        CheckpointError: the run's ``config.json`` is damaged.
    """
    parent = read_json(folder.config).get("parent")
    return parent if isinstance(parent, dict) else {}


def require_same_parent(config: TrainConfig) -> None:
    """Refuse to go on with a run, or to build on it, when the stage that it started from was trained again since
    (:func:`dfcore.runs.parents.outdated`).

    Raises:
        RunExistsError: it names the command that makes the run anew.
        CheckpointError: the run's ``config.json`` is damaged.
    """
    folder, stage = RunFolder.of(config), config.stage
    if not exists(folder.config):
        return
    found = outdated(folder, read_json(folder.config), _hash_of)
    if found is not None:
        raise RunExistsError(
            f"{folder.path} started from other weights than {found.parent.final} holds now ({found.then[:12]} then, "
            f"{found.now[:12]} now): stage {registry().stage(stage.number).after} was trained again since, and going "
            f"on would mix the two. Train it again from the new weights, {config.specialist!r} with "
            f"stage={stage.number} and overwrite=True, and then the stages after it; or put the earlier file back."
        )


def _hash_of(folder: RunFolder) -> str:
    """As the file of weights itself says."""
    try:
        return str(weights.describe(folder.final)["hash"])
    except CheckpointError:
        return ""


def continue_from(config: TrainConfig, model: Specialist, path: Path) -> dict[str, Any]:
    """Load the weights that a stage starts from; returns where they come from, for the run's record.

    Raises:
        CheckpointError: the file cannot be read or trusted, is another specialist's, or of another shape; or is not
            what the stage before makes.
    """
    state, meta = weights.read(path)
    if meta["specialist"] != config.specialist:
        raise CheckpointError(
            f"{path} holds specialist {meta['specialist']!r}, not {config.specialist!r}. Give the file of "
            f"{config.specialist!r}, or stage.start=scratch."
        )
    before = registry().stage(config.stage.number).after
    if not config.stage.start and meta.get("stage") != before:
        raise CheckpointError(
            f"{path} was written by stage {meta.get('stage')}, not by stage {before}. Train that stage again, or name "
            "the file with stage.start=FILE to use it all the same."
        )
    _check_backbone(config, path, meta)
    problems = weights.mismatches(model.state_dict(), state)
    if problems:
        raise CheckpointError(
            f"{path} does not fit the model that is configured: {weights.first(problems)}. It was written by dfcore "
            f"{meta['dfcore_version']}, plugin version {meta['plugin_version'] or 'unknown'}. Use the same attention "
            "head, classifier and plugin version, or stage.start=scratch."
        )
    model.load_state_dict(state)
    kept = ("specialist", "plugin_version", "dfcore_version", "hash")
    seen = {"identities": meta["identities"]} if "identities" in meta else {}
    return {"file": str(path), "stage": meta.get("stage"), **{key: meta[key] for key in kept}, **seen}


def _check_backbone(config: TrainConfig, path: Path, meta: dict[str, Any]) -> None:
    theirs = meta["model"].get("backbone")
    if theirs != config.model.backbone:
        raise CheckpointError(
            f"{path} does not fit the model that is configured: it has the backbone {theirs}, the configuration says "
            f"{config.model.backbone}. Use model.backbone={theirs}, or stage.start=scratch."
        )


def random_parts(config: TrainConfig) -> tuple[bool, bool]:
    """Whether the backbone starts at random, and whether everything else does.

    The configuration alone says it, so a resumed run, which reads no starting weights, is told the same.
    """
    earlier = config.stage.start != SCRATCH and (
        bool(config.stage.start) or registry().stage(config.stage.number).after is not None
    )
    model = config.model
    return not (earlier or model.pretrained or model.backbone_weights), not earlier


def lr_factors(config: TrainConfig) -> Callable[[str], float]:
    """The factor on a parameter's learning rate; ``stage.head_lr_factor`` for what starts at random."""
    factor = config.stage.head_lr_factor
    backbone, others = (factor if random else 1.0 for random in random_parts(config))
    return lambda name: backbone if name.startswith("backbone.") else others


def describe_rates(config: TrainConfig) -> str:
    """The peak learning rates in words; "" where everything has ``stage.lr``."""
    stage = config.stage
    if stage.head_lr_factor == 1:
        return ""
    rate, said = stage.lr * stage.head_lr_factor, f"stage.head_lr_factor={stage.head_lr_factor:g}"
    match random_parts(config):
        case True, _:
            return f"{rate:.2g}, for everything starts at random ({said})"
        case _, True:
            return f"backbone {stage.lr:.2g}, everything else {rate:.2g}, for it starts at random ({said})"
        case _:
            return f"{stage.lr:.2g}: nothing starts at random, so {said} has no effect"


def describe_start(config: TrainConfig) -> str:
    """What the weights start from, in words."""
    before = registry().stage(config.stage.number).after
    if config.stage.start not in ("", SCRATCH):
        return f"from {config.stage.start}"
    if before is not None and config.stage.start != SCRATCH:
        return f"from the final weights of stage {before}"
    if config.model.backbone_weights:
        return f"from {config.model.backbone_weights}"
    return "from ImageNet weights" if config.model.pretrained else "from a random start"


def make_model(
    config: TrainConfig, world: World | None = None, *, resuming: bool = False
) -> tuple[Specialist, dict[str, Any]]:
    """The specialist at the start of the stage: an earlier stage's final weights, or a backbone from ImageNet; and
    where earlier weights come from.

    A run that is resumed brings its own weights, so nothing is downloaded for it. Of several processes only the first
    reads weights: the others are given them when the model is wrapped (:meth:`World.wrap`).

    Raises:
        RunError: the stage starts from another one that is not there.
        CheckpointError: its weights do not fit.
        ModelError: the model cannot be built.
    """
    bare = resuming or not (world or World()).is_main
    file = None if bare else starting_file(config)
    fresh = file is None and not bare
    model = factory.create(
        config.specialist,
        backbone=config.model.backbone,
        pretrained=config.model.pretrained and fresh,
        backbone_weights=config.model.backbone_weights if fresh and config.model.backbone_weights else None,
        attention_head=config.model.attention_head,
        classifier=config.model.classifier,
        heads=config.model.heads,
        image_size=config.model.image_size,
        backbone_input_size=config.model.backbone_input_size,
        normalize_features=config.model.normalize_features,
        dropout=config.model.dropout,
        seed=config.run.seed,
    )
    parent = {} if file is None else continue_from(config, model, file)
    choose_trained(model, config.model.tune)
    return model, parent
