"""``dfcore predict``."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfcore.kaggle import run_folder

if TYPE_CHECKING:
    from dfcore.inference.predict import FileVerdict


@click.command("predict")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--models", type=click.Path(path_type=Path), help="Runs, or one file.  [default: runs]")
@click.option("--people", type=click.IntRange(min=1), default=4, show_default=True, help="People to judge in a file.")
@click.option("--samples", type=click.IntRange(min=1), default=8, show_default=True, help="Samples a person.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|mps", help="Where to compute.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    files: tuple[Path, ...], models: Path | None, people: int, samples: int, device: str, as_json: bool
) -> None:
    """Judge videos and photos (or folders of them) with trained specialists.

    A score is the probability of fake, for each person and, as the highest of them, for the file. A file that cannot be
    judged gets the reason in place of a score, and the exit code is then 4.
    """
    from dfcore.device import choose_device
    from dfcore.inference.models import find_models, load_models

    chosen = str(choose_device(device))
    specialists = load_models(find_models(models or Path(run_folder())), chosen)
    from dfcore.data.prepare.extract import ClipPlan
    from dfcore.inference.predict import predict_files, scan_files

    frames = max(spec.spec.clip_frames for spec in specialists)
    plan = ClipPlan(frames=frames, people=people, speech=max(model.spec.speech for model in specialists))
    paths = scan_files(files)
    verdicts = list(_with_progress(predict_files(paths, specialists, plan, device=chosen, samples=samples), len(paths)))
    if as_json:
        click.echo(json.dumps([_to_json(verdict) for verdict in verdicts], indent=2))
    else:
        _show(verdicts, [spec.spec.name for spec in specialists])
    if any(verdict.score is None for verdict in verdicts):
        sys.exit(4)


def _with_progress(verdicts: Iterator[FileVerdict], total: int) -> Iterator[FileVerdict]:
    from tqdm import tqdm

    return iter(tqdm(verdicts, total=total, unit="file", desc="judging", disable=None, leave=False))


def _to_json(verdict: FileVerdict) -> dict[str, Any]:
    return {**dataclasses.asdict(verdict), "path": str(verdict.path), "verdict": verdict.verdict}


def _show(verdicts: Sequence[FileVerdict], names: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="probability of fake", title_justify="left")
    for column in ("file", "person", *names, "score", "verdict"):
        table.add_column(column, justify="left" if column in ("file", "verdict") else "right", overflow="fold")
    for verdict in verdicts:
        for row in _rows(verdict, names):
            table.add_row(*row)
    Console().print(table)


def _rows(verdict: FileVerdict, names: Sequence[str]) -> list[tuple[str, ...]]:
    """A row a person, and where there are several one for the file."""
    path = _escape(str(verdict.path))
    if not verdict.people:
        return [(path, "", *[""] * len(names), "", _verdict(verdict))]
    alone = len(verdict.people) == 1
    rows = []
    for person in verdict.people:
        scores = [_number(person.specialists.get(name)) for name in names]
        rows.append((path, str(person.person), *scores, _number(person.score), _verdict(verdict) if alone else ""))
    if not alone:
        rows.append((path, "all", *[""] * len(names), _number(verdict.score), _verdict(verdict)))
    return rows


def _escape(text: str) -> str:
    """A file's name may hold what rich takes for markup."""
    from rich.markup import escape as escaped

    return escaped(text)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _verdict(verdict: FileVerdict) -> str:
    if verdict.score is None:
        return _escape(f"none: {verdict.reason}")
    colour = "red" if verdict.verdict == "fake" else "green"
    return f"[{colour}]{verdict.verdict}[/{colour}]"
