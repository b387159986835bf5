"""``dfcore runs`` and ``dfcore runs prune``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfcore import config
from dfcore.cli.output.announce import announce_file
from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import printable, table
from dfcore.errors import UnknownNameError, UsageError
from dfcore.filesystem.paths import is_folder, what_it_is
from dfcore.filesystem.writing import size_text
from dfcore.kaggle import free_space, run_folder
from dfcore.text import count_of

if TYPE_CHECKING:
    from dfcore.runs.prune import Removal
    from dfcore.runs.report import RunReport, Store

out_option = click.option("--out", default=None, metavar="DIR", help="The folder of the runs.  [default: runs]")


@click.group("runs", invoke_without_command=True)
@out_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, out: str | None, as_json: bool) -> None:
    """List the runs in a folder: how far each is, what it came to, what it takes; `prune` makes space.

    Nothing of the weights is read. A damaged run is listed as such.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise UsageError("--json is for the list: `dfcore runs --json`.")
        ctx.obj = out
        return
    from dfcore.runs.report import find_runs, find_stores

    folder = _folder(out)
    runs, stores = find_runs(folder), find_stores(folder)
    if as_json:
        content = {
            "out": str(folder),
            "runs": [run.to_json() for run in runs],
            "stores": [{"path": str(store.path), "size": store.size} for store in stores],
            "free": free_space(folder).free,
        }
        print_json(content)
        return
    click.echo(_text(folder, runs, stores))


@command.command("prune")
@click.argument("names", nargs=-1)
@out_option
@click.option(
    "--keep", type=click.IntRange(min=0), default=None, metavar="N", help="Keep only the best N epochs' .zip."
)
@click.option("--unfinished", is_flag=True, help="The last.pt of unfinished runs too: they start again.")
@click.option("--final", is_flag=True, help="The final weights too.")
@click.option("--stores", is_flag=True, help="The clip stores in the folder too (of the runs named, or all).")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def prune_command(
    ctx: click.Context,
    names: tuple[str, ...],
    out: str | None,
    keep: int | None,
    unfinished: bool,
    final: bool,
    stores: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete what the runs NAMES (default: all) need no more, after saying what and asking.

    By default that is the last.pt of finished runs and what killed processes left half-written. The options add to it.
    Final weights and what an unfinished run goes on from stay, unless they are asked for.

    \b
    dfcore runs prune --dry-run
    dfcore runs prune cm_stage1 --keep 1 --yes
    dfcore runs prune --stores
    """
    from dfcore.runs.prune import in_use, plan_removals, remove
    from dfcore.runs.report import find_runs, find_stores

    if dry_run and yes:
        raise UsageError("--dry-run deletes nothing and --yes deletes without asking: give one of them.")
    announce_file(out=out or ctx.obj)
    folder = _folder(out if out is not None else ctx.obj)
    runs = _chosen(find_runs(folder), names)
    used = {Path(run.store).absolute() for run in runs}
    there = [s for s in find_stores(folder) if not names or s.path.absolute() in used] if stores else []
    removals = plan_removals(runs, keep=keep, unfinished=unfinished, final=final, stores=there)
    for sentence in in_use(runs, there):
        click.echo(printable(sentence), err=True)
    if not removals:
        click.echo("There is nothing to delete. --keep, --stores, --unfinished and --final name more (see --help).")
        return
    click.echo(_plan(removals))
    if dry_run:
        return
    if not yes:
        if not _asks():
            raise UsageError("nothing was deleted: there is no terminal to ask on. --yes deletes without asking.")
        click.confirm("Delete them?", abort=True)
    try:
        remove(removals)
    except OSError as error:
        raise UsageError(
            f"{error.filename} may not be deleted: {error.strerror}. Some of the others are gone."
        ) from error
    click.echo(f"Deleted. {size_text(free_space(folder).free)} are free now.")


def _asks() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _folder(out: str | None) -> Path:
    """The folder that is meant.

    Raises:
        UsageError: one was named that is not there.
    """
    folder = Path(out or str(config.file_values().get("run.out", run_folder()))).expanduser()
    if out == "":
        raise UsageError("--out is empty. Name the folder of the runs, or leave it out.")
    if out and not is_folder(folder):
        kind = what_it_is(folder)
        found = f"this is {kind}, not a folder" if kind else "no such folder"
        raise UsageError(f"--out {out}: {found}. Give the one that was --out of `dfcore train`.")
    return folder


def _chosen(runs: list[RunReport], names: tuple[str, ...]) -> list[RunReport]:
    known = {run.name: run for run in runs}
    for name in names:
        if name not in known:
            raise UnknownNameError("run", name, known)
    return [known[name] for name in dict.fromkeys(names)] if names else runs


def _text(folder: Path, runs: list[RunReport], stores: list[Store]) -> str:
    if not runs and not stores:
        return f"No runs in {printable(folder)}. Make one, for example: dfcore train cm --stage 1 --data demo"
    header = ("run", "dataset", "state", "best", "AUC video", "frame", "cue", "last.pt", "all files", "started from")
    lines = [table(header, [_row(run) for run in runs])] if runs else []
    if stores:
        lines.append(table(("clip store", "size"), [(store.path, size_text(store.size)) for store in stores]))
    lines += [
        f"{printable(run.name)} started from weights that were made again since: "
        f"dfcore train {printable(run.specialist)} --stage {run.stage} --overwrite trains it from the new ones."
        for run in runs
        if run.outdated
    ]
    total = sum(run.size for run in runs) + sum(store.size for store in stores)
    free = size_text(free_space(folder).free)
    lines.append(
        f"{size_text(total)} of runs and stores in {printable(folder)}, {free} free; `dfcore runs prune` makes space"
    )
    return "\n\n".join(lines)


def _row(run: RunReport) -> tuple[Any, ...]:
    scores = [run.metrics.get(key) for key in ("video_auc", "frame_auc", "cue_video_auc")]
    cells = [f"{score:.3f}" if isinstance(score, (int, float)) else "-" for score in scores]
    start = f"{run.start} (made again since)" if run.outdated else run.start
    return (
        run.name,
        run.dataset,
        _state(run),
        run.best or "-",
        *cells,
        size_text(run.sizes["last"]),
        size_text(run.size),
        start,
    )


def _state(run: RunReport) -> str:
    if run.state == "finished":
        words = f"finished, {count_of(run.epoch, 'epoch')}"
    elif run.state == "unfinished":
        words = f"unfinished, {run.epoch} of {count_of(run.epochs, 'epoch')}, step {run.step}"
    else:
        words = "damaged"
    if run.holder is not None:
        words = f"in use by process {run.holder.pid} on {run.holder.host}; {words}"
    return f"{words}: {run.problem}" if run.problem else words


def _plan(removals: list[Removal]) -> str:
    rows = [(removal.what, len(removal.files), size_text(removal.size), removal.cost) for removal in removals]
    total = sum(removal.size for removal in removals)
    return f"{table(('what', 'files', 'size', ''), rows)}\n\n{size_text(total)} would be freed."
