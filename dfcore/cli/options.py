"""What several commands share: options, and the configuration made from them. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dfcore import config
from dfcore.cli.places import dataset_root, nothing_attached, store_folder
from dfcore.config import TrainConfig
from dfcore.errors import UsageError
from dfcore.kaggle import run_folder
from dfcore.specs import DatasetSpec, StageSpec

__all__ = ["data_options", "locate_data", "train_config"]

Command = TypeVar("Command", bound=Callable[..., Any])


def data_options(command: Command) -> Command:
    """Adds ``--data``, ``--dataset``, ``--store``, ``--out`` and ``--set``."""
    for option in (
        click.option(
            "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Override any configuration key."
        ),
        click.option(
            "--out", default=None, metavar="DIR", help="Where runs, stores and made data go.  [default: runs]"
        ),
        click.option("--store", default=None, metavar="DIR", help="The clip store.  [default: beside the runs]"),
        click.option(
            "--dataset", default=None, metavar="NAME", help="Which adapter reads --data; see `dfcore datasets`."
        ),
        click.option(
            "--data", default=None, metavar="ROOT|demo", help="The dataset's folder, or `demo` for made data."
        ),
    ):
        command = option(command)
    return command


def locate_data(data: str | None, dataset: str | None, stage: StageSpec | None, out: str) -> tuple[DatasetSpec, Path]:
    """The dataset that is meant and its folder, from the options, the environment or the configuration file; on Kaggle
    also from what is attached.

    Raises:
        UsageError: nothing says where the data is, or it is attached more than once.
        UnknownNameError: no such dataset.
    """
    from dfcore.plugins import registry

    known = registry()
    if data is not None and dataset is None and not Path(data).exists():
        made = known.datasets().get(data)
        if made is not None and made.generated:
            return made, Path(out) / "data" / made.name
    name = dataset or (stage.dataset if stage else None)
    if name is None:
        raise UsageError(f"which dataset is it? Name its adapter with --dataset: {', '.join(known.datasets())}.")
    spec = known.dataset(name)
    if spec.generated and data is None:
        return spec, Path(out) / "data" / spec.name
    root = Path(data).expanduser() if data is not None else dataset_root(spec)
    if root is None:
        raise UsageError(_no_data(spec))
    return spec, root


def _no_data(spec: DatasetSpec) -> str:
    ways = {
        f"--data /path/to/{spec.name}": "for this run",
        f"export DFCORE_DATASET_{spec.name.upper()}=/path/to/it": "for this shell",
        f'{spec.name} = "/path/to/it"': "under [datasets] in dfcore.toml, for this project",
    }
    width = max(map(len, ways))
    return (
        f"no data for {spec.title}. Say where it is, in one of these ways:\n"
        + "".join(f"  {way.ljust(width)}  {scope}\n" for way, scope in ways.items())
        + nothing_attached()
        + (f"The dataset is given out by its owners: {spec.url}\n" if spec.url else "")
        + "To try dfcore without data: --data demo (small made videos, for trying only)."
    )


def train_config(
    specialist: str,
    stage: StageSpec | None,
    data: str | None,
    dataset: str | None,
    assignments: tuple[str, ...],
    options: dict[str, Any],
) -> TrainConfig:
    """The configuration in force: announcements, then ``dfcore.toml``, then options, then ``--set``.

    ``options`` holds dotted keys; those that are None were not given.
    """
    given = {key: value for key, value in options.items() if value is not None}
    in_file = config.read_file()["set"]
    sets = config.parse_set(assignments)
    out = str({**in_file, **given, **sets}.get("run.out", run_folder()))
    spec, root = locate_data(
        data or _text(sets.get("data.root")), dataset or _text(sets.get("stage.dataset")), stage, out
    )
    values: dict[str, Any] = {} if stage is None else _stage_values(stage)
    for source in (spec.defaults, in_file, given, sets):
        values.update(source)
    values |= {"stage.dataset": spec.name, "data.root": str(root), "run.out": out}
    if not values.get("data.store"):
        values["data.store"] = store_folder(out, spec.name, root) or ""
    return config.override(TrainConfig(specialist=specialist), values)


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _stage_values(stage: StageSpec) -> dict[str, Any]:
    return {
        "stage.number": stage.number,
        "stage.dataset": stage.dataset,
        "stage.lr": stage.lr,
        "stage.epochs": stage.epochs,
        "stage.loss": stage.loss,
        "stage.chunks": [str(chunk) for chunk in stage.chunks],
        **({"data.pseudo_fakes": 2.0, "data.pseudo_only": True} if stage.pretraining else {}),
    }
