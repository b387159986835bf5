"""What was found and chosen without the user's doing, said before a command begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dfcore.api.places import attached
from dfcore.cli.output.text import printable
from dfcore.config import redirected
from dfcore.kaggle import free_space, kaggle

if TYPE_CHECKING:
    from dfcore.config import TrainConfig

__all__ = ["announce", "announce_file"]


def announce_file(**given: object) -> None:
    """Say what the configuration file has written elsewhere than in the working directory.

    Args:
        given: what the command's options say of ``out`` and ``store``.
    """
    keys = {"out": "run.out", "store": "data.store"}
    for sentence in redirected(keys.get(name, name) for name, value in given.items() if value):
        if os.environ.get("RANK", "0") == "0":
            click.echo(f"config     {printable(sentence)}", err=True)


def announce(configs: Sequence[TrainConfig]) -> None:
    """On Kaggle, say where data, runs and clips are, and why."""
    here = kaggle()
    if here is None or os.environ.get("RANK", "0") != "0":
        return
    out = Path(configs[0].run.out)
    kept = "which is kept when the session ends" if here.keeps(out) else "which is NOT kept when the session ends"
    click.echo(printable(f"kaggle     known by {here.reason}; runs go to {out}, {kept}"))
    for one in configs:
        if one.data.store:
            store = Path(one.data.store)
            fate = "kept, and counted with the runs" if here.keeps(store) else "gone when the session ends"
            click.echo(printable(f"           clips of {one.stage.dataset} go to {store}, {fate}"))
    space = free_space(out)
    free = f"{space.free / 1e9:.1f} GB for runs in {space.where}, {_scratch_space(configs)}"
    click.echo(printable(f"           free: {free}"))
    for known in attached():
        if any(Path(one.data.root) == known.root for one in configs):
            click.echo(printable(f"           {known.title} was recognised by its folders in {known.root}"))


def _scratch_space(configs: Sequence[TrainConfig]) -> str:
    space = free_space(Path(configs[0].data.store or configs[0].run.out))
    return f"{space.free / 1e9:.1f} GB for clips in {space.where}"
