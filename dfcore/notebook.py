"""For the cells of a notebook: what training made, as download links, and its curves.

``!dfcore train ...`` runs in a process of its own that cannot show anything in the notebook; these functions do it in
the cell after it. After ``dfcore.training.trainer.train`` called in a cell, the links are shown unasked. IPython is not
needed: where there is none, paths are printed.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from dfcore.kaggle import kaggle, run_folder

__all__ = ["bring_back", "curves", "in_notebook", "links", "results"]

_PATTERNS = ("*_final.pt", "*_epoch*.zip", "curves.png", "metrics.jsonl")


def in_notebook() -> bool:
    """Whether this process runs the cells of a notebook: a terminal, also IPython's, shows no links."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython is not None else False


def results(folder: Path | str | None = None) -> list[Path]:
    """What is worth keeping of a run or of all runs in a folder: of each the final weights, the best epochs, the curves
    and the metrics. ``last.pt`` is not among them: it is for going on, not for keeping.

    Args:
        folder: a run or a folder of runs; None means where runs go (``runs``, on Kaggle in the working folder).
    """
    top = Path(folder if folder is not None else run_folder())
    runs = sorted({path.parent for pattern in _PATTERNS for path in (*top.glob(pattern), *top.glob(f"*/{pattern}"))})
    return [path for run in runs for pattern in _PATTERNS for path in sorted(run.glob(pattern))]


def bring_back(source: Path | str | None = None, folder: Path | str | None = None) -> list[Path]:
    """Copy the runs of an earlier session to where runs go, so that training goes on with them. Runs that are there
    already are left as they are.

    Args:
        source: where to look for folders ``runs``, up to four levels deep; None means Kaggle's input folder, where the
            output of an earlier session is attached. Elsewhere nothing is lost between sessions, and nothing is done.
        folder: where runs go; None as for :func:`results`.

    Returns:
        The runs that were copied.
    """
    here, target = kaggle(), Path(folder if folder is not None else run_folder())
    top = Path(source) if source is not None else here.input if here is not None else None
    if top is None:
        return []
    patterns = ["*/" * depth + "runs/*/config.json" for depth in range(4)]
    found = {path.parent.name: path.parent for pattern in patterns for path in sorted(top.glob(pattern))}
    copied = []
    for name, run in found.items():
        if not (target / name).exists():
            working = target / f".{name}.copying"
            shutil.rmtree(working, ignore_errors=True)
            shutil.copytree(run, working, copy_function=shutil.copyfile)  # the input's files cannot be written to
            copied.append(working.rename(target / name))
            print(f"{run} was copied to {target / name}")
    return copied


def links(folder: Path | str | None = None) -> None:
    """Offer the :func:`results` for download: a link each, with its size; paths outside of a notebook.

    A notebook serves what lies in or below its working directory; a file elsewhere gets its path alone.
    """
    found = results(folder)
    if not found:
        print(f"no results in {folder or run_folder()} yet")
    for path in found:
        size = f"  ({_size(path)})"
        if in_notebook() and path.absolute().is_relative_to(Path.cwd()):
            link = sys.modules["IPython"].display.FileLink(os.path.relpath(path), result_html_suffix=size)
            _display(link)
        else:
            print(f"{path}{size}")


def curves(folder: Path | str | None = None) -> None:
    """Show each run's curves in the notebook; paths outside of one."""
    for path in (path for path in results(folder) if path.suffix == ".png"):
        if in_notebook():
            print(path)
            _display(sys.modules["IPython"].display.Image(filename=str(path)))
        else:
            print(path)


def _display(thing: Any) -> None:
    sys.modules["IPython"].display.display(thing)


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
