"""Where things are when nobody says: datasets by their layout, and Kaggle's folders. Imports nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dfcore import config
from dfcore.errors import UsageError
from dfcore.kaggle import free_space, kaggle
from dfcore.specs import DatasetSpec

if TYPE_CHECKING:
    from dfcore.config import TrainConfig
    from dfcore.data.datasets.find import Found

__all__ = ["announce", "attached", "dataset_root", "nothing_attached", "store_folder"]


@cache
def _below(top: Path) -> tuple[Found, ...]:
    from dfcore.data.datasets.find import find_datasets
    from dfcore.plugins import registry

    return tuple(find_datasets(top, registry().datasets().values()))


def attached() -> tuple[Found, ...]:
    """The datasets in Kaggle's input folder; () elsewhere."""
    here = kaggle()
    return _below(here.input) if here is not None and here.input.is_dir() else ()


def dataset_root(spec: DatasetSpec) -> Path | None:
    """Where the dataset is: as configured, else where Kaggle has it attached; None where neither says.

    Raises:
        UsageError: it is attached more than once.
    """
    named = config.dataset_root(spec.name)
    if named is not None:
        return named
    roots = [one.root for one in attached() if one.dataset == spec.name]
    if len(roots) > 1:
        raise UsageError(
            f"{len(roots)} of the attached folders hold {spec.title}:\n"
            + "".join(f"  {root}\n" for root in roots)
            + f"Say which with --data FOLDER or DFCORE_DATASET_{spec.name.upper()}=FOLDER. Parts of one dataset that "
            "are attached one by one become one in a folder of links: mkdir parts; ln -s FOLDER/* parts/ for each; "
            "--data parts."
        )
    return roots[0] if roots else None


def nothing_attached() -> str:
    """On Kaggle a sentence for the message that a dataset is nowhere; "" elsewhere."""
    here = kaggle()
    if here is None:
        return ""
    others = ", ".join(f"{one.title} in {one.root}" for one in attached()) or "nothing that an adapter recognises"
    return (
        f"On Kaggle: attach it to the notebook (Add Input). Attached under {here.input} is {others}; what lies "
        "there in another layout is named with --data.\n"
    )


def store_folder(out: str, dataset: str, root: Path) -> str | None:
    """Where clips go; None leaves them beside the runs. In Kaggle's working folder they would eat up what it may hold,
    and be packed up with the notebook's results.
    """
    here = kaggle()
    if here is None or not here.keeps(Path(out)):
        return None
    return str(here.scratch / "dfcore" / "store" / config.store_name(dataset, str(root)))


def announce(configs: Sequence[TrainConfig]) -> None:
    """Say what was found and chosen, and why, where that was not the user's doing."""
    here = kaggle()
    if here is None or os.environ.get("RANK", "0") != "0":
        return
    out = Path(configs[0].run.out)
    kept = "which is kept when the session ends" if here.keeps(out) else "which is NOT kept when the session ends"
    click.echo(f"kaggle     known by {here.reason}; runs go to {out}, {kept}")
    for one in configs:
        if one.data.store:
            store = Path(one.data.store)
            fate = "kept, and counted with the runs" if here.keeps(store) else "gone when the session ends"
            click.echo(f"           clips of {one.stage.dataset} go to {store}, {fate}")
    space = free_space(out)
    click.echo(f"           room: {space.free / 1e9:.1f} GB for runs in {space.where}, {_scratch_room(configs)}")
    for known in attached():
        if any(Path(one.data.root) == known.root for one in configs):
            click.echo(f"           {known.title} was recognised by its folders in {known.root}")


def _scratch_room(configs: Sequence[TrainConfig]) -> str:
    space = free_space(Path(configs[0].data.store or configs[0].run.out))
    return f"{space.free / 1e9:.1f} GB for clips in {space.where}"
