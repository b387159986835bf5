"""``dfcore datasets``, and ``find``, ``verify`` and ``download`` below it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfcore import config
from dfcore.api.places import attached
from dfcore.cli.options import PATH
from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import printable, table
from dfcore.errors import DatasetError, UsageError
from dfcore.filesystem.paths import exists, is_folder
from dfcore.kaggle import kaggle
from dfcore.text import count_of

if TYPE_CHECKING:
    from dfcore.data.checks.verify import Report
    from dfcore.specs import DatasetSpec

SHOWN = 5
"""Cases of a problem that are printed; ``--json`` gives all."""


@click.group("datasets", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the datasets that can be read, and where each is."""
    if ctx.invoked_subcommand is not None:
        return
    from dfcore.plugins import registry

    rows = [_entry(spec) for spec in registry().datasets().values()]
    if as_json:
        print_json(rows)
        return
    click.echo(table(("name", "dataset", "where", "reads"), [_row(entry) for entry in rows]))
    click.echo(
        "\nSay where a dataset is with --data, with DFCORE_DATASET_<NAME> in the environment, or in dfcore.toml:\n"
        '  [datasets]\n  faceforensics = "/path/to/it"\n'
        "`dfcore datasets find FOLDER` looks for them by their layout."
    )


def _entry(spec: DatasetSpec) -> dict[str, Any]:
    root = config.dataset_root(spec.name)
    variable = f"DFCORE_DATASET_{spec.name.upper()}"
    source = variable if os.environ.get(variable) else str(config.find_file()) if root else ""
    found = [] if root else [one.root for one in attached() if one.dataset == spec.name]
    if len(found) == 1:
        root, source = found[0], "its layout"
    return {
        "name": spec.name,
        "title": spec.title,
        "summary": spec.summary,
        "url": spec.url,
        "generated": spec.generated,
        "root": str(root) if root else None,
        "configured_by": source,
        "exists": bool(root and exists(root)),
        "attached": [str(folder) for folder in found],
    }


def _row(entry: dict[str, Any]) -> tuple[str, str, str, str]:
    if entry["root"]:
        where = f"{entry['root']} (by {entry['configured_by']}{'' if entry['exists'] else '; no such folder'})"
    else:
        where = f"made when asked for: --data {entry['name']}" if entry["generated"] else "not configured"
        if entry["attached"]:
            where = f"one of {', '.join(entry['attached'])}: say which"
    return entry["name"], entry["title"], where, entry["summary"]


@command.command("find")
@click.argument("folder", required=False, type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def find_command(folder: Path | None, as_json: bool) -> None:
    """Look for datasets in FOLDER and below, by their layout (default on Kaggle: what is attached).

    Only names are looked at, six levels deep. Exits with 4 when there is none.
    """
    from dfcore.data.datasets.find import find_datasets
    from dfcore.plugins import registry

    here = kaggle()
    if folder is None and here is None:
        raise UsageError("which folder is to be looked through? dfcore datasets find /data")
    top = folder or here.input  # type: ignore[union-attr]  # one of them is there
    found = find_datasets(top, registry().datasets().values())
    if as_json:
        rows = [{"dataset": one.dataset, "title": one.title, "root": str(one.root)} for one in found]
        print_json(rows)
    elif found:
        click.echo(table(("name", "dataset", "where"), [(one.dataset, one.title, one.root) for one in found]))
    if not found:
        raise DatasetError(
            f"no dataset was recognised in {top}, six levels deep. The layouts are in docs/data.md; what has another "
            "one is read with --dataset folder (real/ and fake/) or --dataset csv (a table of your own)."
        )


@command.command("download")
@click.argument("name")
@click.option("--from-kaggle", "handle", metavar="OWNER/NAME", help="A copy on Kaggle.  [default: the owners' own]")
@click.option("--part", "parts", type=int, multiple=True, metavar="N", help="DFDC: the folder dfdc_train_part_N of it.")
@click.option("--path", "paths", multiple=True, metavar="PATH", help="Only this file or folder of it.")
@click.option("--to", type=PATH, metavar="DIR", help="Where to.  [default: kagglehub's cache]")
def download_command(
    name: str, handle: str | None, parts: tuple[int, ...], paths: tuple[str, ...], to: Path | None
) -> None:
    """Download the dataset NAME from Kaggle, through kagglehub (pip install 'dfcore[kaggle]').

    A download that was broken off goes on when the command is given again. Datasets that their owners give out by a
    form are not on Kaggle; a copy there that you have access to is named with --from-kaggle.

    \b
    dfcore datasets download dfdc --to /data
    dfcore datasets download dfdc --from-kaggle OWNER/NAME --part 3 --part 7
    """
    from dfcore.data.datasets.download import download, source_of
    from dfcore.data.datasets.find import find_datasets
    from dfcore.plugins import registry

    spec = registry().dataset(name)
    wanted = [*paths, *(f"dfdc_train_part_{part}" for part in parts)]
    if parts and not handle:
        raise UsageError(
            f"--part is for a copy that holds the parts as folders: name it with --from-kaggle OWNER/NAME. The owners' "
            f"own on Kaggle ({spec.kaggle or 'none'}) is downloaded whole, or by --path."
        )
    folders = download(source_of(spec, handle), wanted, to)
    for folder in folders:
        click.echo(f"downloaded to {printable(folder)}")
    tops = {folder if is_folder(folder) else folder.parent for folder in folders}
    tops = {folder.parent if folder.name in wanted else folder for folder in tops}
    found = [one.root for top in sorted(tops) for one in find_datasets(top, [spec])]
    for root in found:
        where = printable(root)
        click.echo(f"{spec.title} in {where}: use it with --data {where} or DFCORE_DATASET_{name.upper()}={where}")
    if not found:
        click.echo(f"{spec.title} is not recognised in it yet; archives have to be unpacked first.")


@command.command("verify")
@click.argument("name")
@click.argument("root", required=False, type=PATH)
@click.option("--decode", "frames", is_flag=True, help="Decode the first frames of each file too.")
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Files read at a time.  [default: by cores]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every case of every problem.")
def verify_command(name: str, root: Path | None, frames: bool, workers: int | None, as_json: bool) -> None:
    """Check a copy of the dataset NAME in the folder ROOT (default: where it is configured to be).

    Counts what is there and what is missing; looks for labels that contradict the files, identities or files that are
    in several splits, unreadable files, and properties of the files that give the class away. Exits with 0 when the
    copy can be used, in part or in whole, else with 4.
    """
    from dfcore.api.places import locate_data
    from dfcore.data.scanning import scan_dataset
    from dfcore.plugins import registry

    if root is None:
        _, root = locate_data(None, name, "runs")
    scan = scan_dataset(registry().dataset(name), root)
    from dfcore.data.checks.verify import verify

    report = verify(scan, frames=frames, workers=workers)
    print_json(report.to_json()) if as_json else click.echo(_text(report))
    fatal = [problem.message for problem in report.problems if problem.fatal]
    if fatal:
        raise DatasetError(
            f"{report.root} cannot be used as it is. {' '.join(fatal)} Mend what is listed and run again."
        )


def _text(report: Report) -> str:
    lines = [f"{report.dataset} in {printable(report.root)}: {count_of(report.videos, 'file')}", "", _counts(report)]
    if report.missing:
        rows = [(part, f"{count:,}") for part, count in report.missing.items()]
        lines += [
            "",
            f"Missing of the official files: {sum(report.missing.values()):,}",
            table(("part", "missing"), rows),
        ]
    where = report.localised
    if where.fakes:
        lines += [
            "",
            f"Whose face was forged, where a fake shows several people, is told by a mask ({where.with_mask:,} of "
            f"{count_of(where.fakes, 'fake')}) or by the original ({where.with_original:,}); {where.with_neither:,} "
            "have neither",
        ]
    if report.notes:
        lines += ["", "Notes", *(f"  {printable(note)}" for note in report.notes)]
    if report.shortcuts:
        lines += ["", "What a property of the file alone tells of the class (AUC; 0.5 is nothing)"]
        lines += [
            f"  {s.auc:.2f}  {s.name}{'' if s.certain else ', within chance'}" for s in report.shortcuts if s.auc > 0.5
        ]
    for problem in report.problems:
        lines += ["", f"{'PROBLEM' if problem.fatal else 'Warning'} ({problem.kind}): {problem.message}"]
        lines += [f"  {printable(item)}" for item in _shown(problem.kind, problem.items)]
    worst = "can be used" if report.usable else "cannot be used as it is"
    warnings = sum(not problem.fatal for problem in report.problems)
    fatal = len(report.problems) - warnings
    return "\n".join([*lines, "", f"Verdict: {worst} ({fatal} problems, {warnings} warnings)."])


def _shown(kind: str, items: tuple[str, ...]) -> list[str]:
    """Unreadable files are all listed, of other problems a few."""
    limit = len(items) if kind == "unreadable" else SHOWN
    more = [f"and {len(items) - limit:,} more (--json lists all)"] if len(items) > limit else []
    return [*items[:limit], *more]


def _counts(report: Report) -> str:
    """One row for each method, compression and label, one column for each split; what is known of none is left out."""
    splits = [split for split in ("train", "val", "test", "") if any(c.split == split for c in report.counts)]
    cells: dict[tuple[str, ...], dict[str, int]] = {}
    heard = ["audio"] if any(count.audio for count in report.counts) else []
    for count in report.counts:
        kind = (count.manipulation, count.compression, count.label, *([count.audio or "unknown"] if heard else []))
        cells.setdefault(kind, {})[count.split] = count.videos
    rows = [
        (*kind, *(f"{row.get(split, 0):,}" for split in splits), f"{sum(row.values()):,}")
        for kind, row in cells.items()
    ]
    totals = [sum(row.get(split, 0) for row in cells.values()) for split in splits]
    rows.append(("all", "", "", *("" for _ in heard), *(f"{total:,}" for total in totals), f"{sum(totals):,}"))
    return table(("method", "compression", "label", *heard, *(split or "undecided" for split in splits), "files"), rows)
