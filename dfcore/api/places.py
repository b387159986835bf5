"""Where things are when nobody says: datasets as configured or by their layout, runs and clips on Kaggle."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dfcore import config
from dfcore.errors import UsageError
from dfcore.filesystem.paths import name_trouble
from dfcore.kaggle import kaggle
from dfcore.specs import DatasetSpec

if TYPE_CHECKING:
    from dfcore.data.datasets.find import Found

__all__ = ["attached", "dataset_root", "locate_data", "nothing_attached", "store_folder"]


def locate_data(data: str | None, dataset: str, out: str) -> tuple[DatasetSpec, Path]:
    """The dataset that is meant and its folder: as given, else from the environment or ``dfcore.toml``; on Kaggle also
    from what is attached.

    Args:
        data: the dataset's folder, or the name of a generated dataset; None where it was not given.
        dataset: the name of the adapter.
        out: the folder of the runs; generated data goes below it.

    Raises:
        UsageError: nothing says where the data is, or it is attached more than once.
        UnknownNameError: no such dataset.
    """
    from dfcore.plugins import registry

    spec = registry().dataset(dataset)
    if data is not None:
        if not data or name_trouble(data):
            raise UsageError(f"data.root={name_trouble(data) or ': this names no folder.'} {_no_data(spec)}")
        return spec, Path(data).expanduser()
    if spec.generated:
        return spec, Path(out) / "data" / spec.name
    root = dataset_root(spec)
    if root is None:
        raise UsageError(_no_data(spec))
    return spec, root


def _no_data(spec: DatasetSpec) -> str:
    ways = {
        f"data.root=/path/to/{spec.name}": "for this run",
        f"export DFCORE_DATASET_{spec.name.upper()}=/path/to/it": "for this shell",
        f'{spec.name} = "/path/to/it"': "under [datasets] in dfcore.toml, for this project",
    }
    width = max(map(len, ways))
    return (
        f"no data for {spec.title}. Say where it is, in one of these ways:\n"
        + "".join(f"  {way.ljust(width)}  {scope}\n" for way, scope in ways.items())
        + nothing_attached()
        + (f"The dataset is given out by its owners: {spec.url}\n" if spec.url else "")
        + "To try dfcore without data: data.root=demo (small made videos, for trying only)."
    )


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
            + f"Say which with data.root=FOLDER or DFCORE_DATASET_{spec.name.upper()}=FOLDER. Parts of one dataset "
            "that are attached one by one become one in a folder of links: mkdir parts; ln -s FOLDER/* parts/ for "
            "each; data.root=parts."
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
        "there in another layout is named with data.root.\n"
    )


def store_folder(out: str, dataset: str, root: Path) -> str | None:
    """Where clips go; None leaves them beside the runs. In Kaggle's working folder they would eat up what it may hold,
    and be packed up with the notebook's results.
    """
    here = kaggle()
    if here is None or not here.keeps(Path(out)):
        return None
    return str(here.scratch / "dfcore" / "store" / config.store_name(dataset, str(root)))
