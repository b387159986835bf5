"""What can be deleted of runs and stores to make space, and deleting it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dfcore.runs.folder import read_lines
from dfcore.runs.ranking import best_epochs
from dfcore.runs.report import FINISHED, RunReport, Store

__all__ = ["Removal", "plan_removals", "remove"]

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Removal:
    """Files that would go together.

    Attributes:
        what: what they are, in words.
        files: their paths.
        size: their bytes.
        cost: what is lost with them, in words; "" where nothing is.
        root: a folder that goes too once it is empty, or None.
    """

    what: str
    files: tuple[Path, ...]
    size: int
    cost: str = ""
    root: Path | None = None


def plan_removals(
    runs: Sequence[RunReport],
    *,
    keep: int | None = None,
    unfinished: bool = False,
    final: bool = False,
    stores: Iterable[Store] = (),
) -> list[Removal]:
    """What would be deleted. By default only what nothing needs any more: the ``last.pt`` of finished runs and
    temporary files of writers that were killed.

    Args:
        runs: the runs to prune.
        keep: best epochs whose files stay; None keeps all. The best of an unfinished run always stays, unless
            ``unfinished``: its final weights are made from it.
        unfinished: the ``last.pt`` of unfinished and damaged runs too; they start again.
        final: final weights too.
        stores: clip stores to delete whole.
    """
    planned = []
    for run in runs:
        done, folder = run.state == FINISHED, run.folder
        planned.append(_removal(f"{run.name}: temporary files", _temporary(run)))
        if done:
            planned.append(_removal(f"{run.name}: last.pt, finished", [folder.last]))
        elif unfinished:
            planned.append(_removal(f"{run.name}: last.pt, {run.state}", [folder.last], "it starts again"))
        if keep is not None:
            planned.append(_removal(f"{run.name}: epochs but the best {keep}", _worse(run, keep, spare=not unfinished)))
        if final:
            files = [folder.final, folder.calibration, folder.genuine]
            planned.append(_removal(f"{run.name}: final weights", files, "what it was trained for"))
    for store in stores:
        users = [
            run.name for run in runs if run.state != FINISHED and Path(run.store).absolute() == store.path.absolute()
        ]
        cost = f"{', '.join(users)} would prepare it again" if users else "made again when it is needed"
        planned.append(Removal(f"clip store {store.path}", store.files, store.size, cost, store.path))
    return [removal for removal in planned if removal.files]


def remove(removals: Iterable[Removal]) -> None:
    """Delete what was planned; files that are gone already are passed over.

    Raises:
        OSError: a file may not be deleted.
    """
    for removal in removals:
        for file in removal.files:
            file.unlink(missing_ok=True)
        if removal.root is not None:
            _remove_empty(removal.root)


def _removal(what: str, files: Iterable[Path], cost: str = "") -> Removal:
    there = tuple(file for file in files if file.is_file())
    return Removal(what, there, sum(file.stat().st_size for file in there), cost)


def _temporary(run: RunReport) -> list[Path]:
    """Those that nobody is writing: of a finished run all, of another those that are an hour old."""
    now = time.time()
    found = sorted(run.folder.path.rglob(".*.tmp"))
    return [file for file in found if run.state == FINISHED or now - file.stat().st_mtime > HOUR]


def _worse(run: RunReport, keep: int, *, spare: bool) -> list[Path]:
    """Files of epochs that are known not to be among the best."""
    history = [line for line in read_lines(run.folder.metrics) if line.get("kind") == "epoch"] if run.epoch else []
    least = 1 if spare and run.state != FINISHED else 0
    best = best_epochs(history, max(keep, least))
    return [run.folder.epoch_zip(line["epoch"]) for line in history if line["epoch"] not in best]


def _remove_empty(root: Path) -> None:
    """Folders that hold nothing any more, the deepest first."""
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    with suppress(OSError):
        root.rmdir()
