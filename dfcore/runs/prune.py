"""What can be deleted of runs and stores to make space, and deleting it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dfcore.errors import RunLockedError
from dfcore.filesystem.owner import TEMPORARY_SUFFIX, is_left_behind
from dfcore.runs.folder import HOUR, read_lines
from dfcore.runs.hold import holders_of
from dfcore.runs.lock import RunLock
from dfcore.runs.ranking import best_epochs
from dfcore.runs.report import FINISHED, RunReport, Store

__all__ = ["Removal", "in_use", "plan_removals", "remove"]


@dataclass(frozen=True, slots=True)
class Removal:
    """Files that would go together.

    Attributes:
        what: what they are, in words.
        files: their paths.
        size: their bytes.
        cost: what is lost with them, in words; "" where nothing is.
        root: a folder that goes too once it is empty, or None.
        run: the folder of the run that they belong to, which is locked while they go; None for a store.
    """

    what: str
    files: tuple[Path, ...]
    size: int
    cost: str = ""
    root: Path | None = None
    run: Path | None = None


def plan_removals(
    runs: Sequence[RunReport],
    *,
    keep: int | None = None,
    unfinished: bool = False,
    final: bool = False,
    stores: Iterable[Store] = (),
) -> list[Removal]:
    """What would be deleted. By default only what nothing needs any more: the ``last.pt`` of finished runs and
    temporary files of writers that were killed. What is in use (:func:`in_use`) is left out.

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
        if run.holder is not None:
            continue
        done, folder = run.state == FINISHED, run.folder
        planned.append(_removal(run, "temporary files", _temporary(run)))
        if done:
            planned.append(_removal(run, "last.pt, finished", [folder.last]))
        elif unfinished:
            planned.append(_removal(run, f"last.pt, {run.state}", [folder.last], "it starts again"))
        if keep is not None:
            planned.append(_removal(run, f"epochs but the best {keep}", _worse(run, keep, spare=not unfinished)))
        if final:
            files = [folder.final, folder.calibration, folder.genuine]
            planned.append(_removal(run, "final weights", files, "what it was trained for"))
    for store in stores:
        if _busy(store, runs):
            continue
        users = [
            run.name for run in runs if run.state != FINISHED and Path(run.store).absolute() == store.path.absolute()
        ]
        cost = f"{', '.join(users)} would prepare it again" if users else "made again when it is needed"
        planned.append(Removal(f"clip store {store.path}", store.files, store.size, cost, store.path))
    return [removal for removal in planned if removal.files]


def in_use(runs: Iterable[RunReport], stores: Iterable[Store] = ()) -> list[str]:
    """Sentences about what is left out of pruning, for somebody is writing to it."""
    runs = list(runs)
    said = [f"{run.name} is in use by {run.holder}: it is left as it is." for run in runs if run.holder is not None]
    busy = [(store.path, _busy(store, runs)) for store in stores]
    return said + [f"clip store {path} is in use by {who}: it is left as it is." for path, who in busy if who]


def remove(removals: Iterable[Removal]) -> None:
    """Delete what was planned; files that are gone already are passed over.

    Raises:
        RunLockedError: a run or store is in use by now; what was planned before it is gone.
        OSError: a file may not be deleted.
    """
    for removal in removals:
        with ExitStack() as stack:
            folder = removal.run or removal.root
            if folder is not None and folder.is_dir():
                stack.enter_context(RunLock(folder, "pruning"))
            if removal.root is not None and (users := holders_of(removal.root)):
                raise RunLockedError(f"the clip store {removal.root} is in use by {users[0]}. It is left as it is.")
            for file in removal.files:
                file.unlink(missing_ok=True)
        if removal.root is not None:
            _remove_empty(removal.root)


def _removal(run: RunReport, what: str, files: Iterable[Path], cost: str = "") -> Removal:
    there = tuple(file for file in files if file.is_file())
    size = sum(file.stat().st_size for file in there)
    return Removal(f"{run.name}: {what}", there, size, cost, run=run.folder.path)


def _busy(store: Store, runs: Iterable[RunReport]) -> str:
    """Who is at work on a store, in words, or ""."""
    users = [run for run in runs if run.holder is not None and Path(run.store).absolute() == store.path.absolute()]
    if users:
        return f"{users[0].name}, {users[0].holder}"
    holders = holders_of(store.path)
    if holders:
        return str(holders[0])
    writing = [file for file in store.files if file.suffix == TEMPORARY_SUFFIX and not is_left_behind(file, HOUR)]
    return f"a process that writes {writing[0].name}" if any(file.exists() for file in writing) else ""


def _temporary(run: RunReport) -> list[Path]:
    """Those that nobody is writing."""
    return [file for file in sorted(run.folder.path.rglob(".*.tmp")) if is_left_behind(file, HOUR)]


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
