"""One place where a configuration comes together: which source wins, and what a stage and a dataset decide.

Later sources win: the stage's announcement, the dataset's defaults, the recipe's values, ``dfcore.toml``, the arguments
(``data``, ``store``, ...), ``set``. The command line calls the functions below and adds nothing of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dfcore import config
from dfcore.api.places import dataset_root, locate_data, nothing_attached, store_folder
from dfcore.config import TrainConfig
from dfcore.errors import ConfigError, UsageError
from dfcore.filesystem.paths import exists
from dfcore.kaggle import run_folder

if TYPE_CHECKING:
    from dfcore.specs import StageSpec

__all__ = ["configure", "configure_curriculum"]

FIRST_STAGE = 1


def configure(
    specialist: str,
    *,
    stage: int | None = None,
    data: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the word of the command line and of dfcore.toml)
) -> TrainConfig:
    """The configuration of one stage.

    Args:
        specialist: an installed specialist (``cm``).
        stage: the stage of the curriculum; None means stage 1, or what ``dfcore.toml`` says.
        data: the dataset's folder, or ``demo`` for made data. None asks the environment
            (``DFCORE_DATASET_FACEFORENSICS``) and ``dfcore.toml``.
        dataset: the adapter that reads it; None means the stage's dataset.
        store: the clip store's folder; None means one beside the runs.
        out: the folder of runs, stores and made data; None means ``runs``.
        recipe: an announced recipe (``record``), whose values give way to all that is set otherwise.
        set: any other key, dotted (``{"stage.lr": 2e-5}``); docs/config.md lists them. Strings are converted.

    Raises:
        UnknownNameError: no such specialist, stage, dataset, recipe or key.
        PluginError: the specialist's plugin cannot be loaded.
        ConfigError: a value does not fit its key, or two of the arguments contradict each other.
        UsageError: nothing says where the data is, or the specialist cannot be trained yet.
    """
    from dfcore.plugins import registry

    registry().trainable(specialist)
    given = _given(data=data, dataset=dataset, store=store, out=out, recipe=recipe, more=set)
    in_file = config.file_values()
    return _assembled(specialist, registry().stage(_stage_number(stage, given, in_file)), in_file, given)


def configure_curriculum(
    specialist: str,
    *,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    recipe: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (as above)
) -> list[TrainConfig]:
    """The configurations of all stages in their order, pre-training left out, for :func:`dfcore.train_curriculum`.

    Each stage's dataset is where the environment, ``dfcore.toml`` or Kaggle have it. ``stage.chunks`` concerns the
    stages that are trained on in chunks only; what ``[set]`` in ``dfcore.toml`` says for one stage (``data.root``,
    ``stage.dataset``, ``stage.start``, ``stage.number``) concerns none.

    Raises:
        UsageError: it is not known where a stage's data is, or a key is set that only one stage can take.
        DfcoreError: as :func:`configure`.
    """
    from dfcore.plugins import registry

    registry().trainable(specialist)
    known = registry()
    stages = [stage for stage in known.stages().values() if not stage.pretraining]
    given = _given(store=store, out=out, recipe=recipe, more=set)
    _require_common(given, stages)
    in_file = config.file_values()
    in_file = {key: value for key, value in in_file.items() if key not in _OF_ONE_STAGE}
    unknown = [stage for stage in stages if dataset_root(known.dataset(stage.dataset)) is None]
    if unknown:
        raise UsageError(_nowhere(unknown))
    whole = {key: value for key, value in given.items() if key != "stage.chunks"}
    return [_assembled(specialist, stage, in_file, given if stage.chunks else whole) for stage in stages]


def _given(*, more: Mapping[str, Any] | None, **arguments: str | os.PathLike[str] | None) -> dict[str, Any]:
    """What the caller says, as keys; ``more`` (the argument ``set``) wins."""
    names = {
        "data": "data.root",
        "dataset": "stage.dataset",
        "store": "data.store",
        "out": "run.out",
        "recipe": "run.recipe",
    }
    found: dict[str, Any] = {names[name]: value for name, value in arguments.items() if value is not None}
    return config.checked({**found, **(more or {})})


def _stage_number(stage: int | None, given: Mapping[str, Any], in_file: Mapping[str, Any]) -> int:
    """The stage that is meant; the key ``stage.number`` may say so too."""
    named = given.get("stage.number")
    if stage is None:
        return int(named if named is not None else in_file.get("stage.number", FIRST_STAGE))
    if named is not None and named != stage:
        raise ConfigError(f"two stages are named: {stage}, and stage.number={named}. Name one of them.")
    return stage


def _assembled(specialist: str, stage: StageSpec, in_file: Mapping[str, Any], given: Mapping[str, Any]) -> TrainConfig:
    if given.get("stage.chunks") and not stage.chunks and not given.get("stage.dataset"):
        raise UsageError(
            f"stage.chunks is for stages that are trained on in chunks; stage {stage.number} ({stage.title}) is taken "
            "whole. Leave it out, or name the dataset that has chunks (stage.dataset)."
        )
    said = {**in_file, **given}
    out = said.get("run.out") or run_folder()
    data, dataset = said.get("data.root") or None, said.get("stage.dataset") or stage.dataset
    if data and _is_generated(data) and not given.get("stage.dataset"):
        data, dataset = None, data
    spec, root = locate_data(data, dataset, out)
    values: dict[str, Any] = {**_stage_values(stage), **spec.defaults, **_recipe_values(said), **said}
    values |= {"stage.number": stage.number, "stage.dataset": spec.name, "data.root": str(root), "run.out": out}
    if not values.get("data.store"):
        values["data.store"] = store_folder(out, spec.name, root) or ""
    return config.replaced(TrainConfig(specialist=specialist), values)


def _is_generated(data: str) -> bool:
    """``demo`` names made data, unless there is a folder of that name."""
    from dfcore.plugins import registry

    spec = registry().datasets().get(data)
    return spec is not None and spec.generated and not exists(data)


def _stage_values(stage: StageSpec) -> dict[str, Any]:
    """What a stage decides."""
    return {
        "stage.lr": stage.lr,
        "stage.epochs": stage.epochs,
        "stage.loss": stage.loss,
        "stage.chunks": [str(chunk) for chunk in stage.chunks],
        **({"data.pseudo_fakes": 2.0, "data.pseudo_only": True} if stage.pretraining else {}),
    }


def _recipe_values(said: Mapping[str, Any]) -> dict[str, Any]:
    """What the recipe says that is asked for."""
    from dfcore.plugins import registry

    name = said.get("run.recipe")
    return dict(registry().recipe(str(name)).values) if name else {}


_OF_ONE_STAGE = ("stage.number", "stage.dataset", "data.root", "stage.start")


def _require_common(given: Mapping[str, Any], stages: list[StageSpec]) -> None:
    for key in _OF_ONE_STAGE:
        if given.get(key) is not None:
            numbers = ", ".join(f"{stage.number} ({stage.title})" for stage in stages)
            raise UsageError(f"{key} is for one stage: say which with stage=N. The curriculum has {numbers}.")


def _nowhere(stages: list[StageSpec]) -> str:
    exports = "".join(
        f"  {stage.number} ({stage.title}): export DFCORE_DATASET_{stage.dataset.upper()}=/path/to/it\n"
        for stage in stages
    )
    return (
        "the whole curriculum is to be trained, and it is not known where the data of these stages is:\n"
        + exports
        + nothing_attached()
        + "Paths can also stand under [datasets] in dfcore.toml. One stage alone is configured with stage=N and its "
        "data.root. To try dfcore without data: stage=1, data.root=demo (small made videos, for trying only)."
    )
