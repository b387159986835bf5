"""``dfcore evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfcore.cli.options import PATH, data_options, parse_set
from dfcore.cli.output.announce import announce_file
from dfcore.cli.output.streams import print_json
from dfcore.console.progress import Terminal
from dfcore.text import printable

if TYPE_CHECKING:
    from dfcore.assessment.result import Evaluation


@click.command("evaluate")
@click.argument("models", nargs=-1, type=PATH)
@data_options
@click.option("--split", default="test", show_default=True, metavar="test|val|all", help="Which videos.")
@click.option(
    "--operating-point",
    default="equal_error",
    show_default=True,
    metavar="NAME",
    help="Decide at equal_error, false_alarms_1 or false_alarms_5, as chosen on validation.",
)
@click.option(
    "--control/--no-control", default=True, help="Also judge background in place of the face.  [default: yes]"
)
@click.option("--faithfulness", is_flag=True, help="Also measure whether what explanations name is a reason.")
@click.option("--draws", type=click.IntRange(min=1), default=1000, show_default=True, help="Bootstrap draws.")
@click.option("--device", default=None, metavar="auto|cpu|cuda|mps", help="Where to compute.  [default: auto]")
@click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True, help="Samples at once.")
@click.option("--probe", default="", metavar="NAME", help="A baseline: a linear probe on this frozen timm encoder.")
@click.option("--probe-weights", default="", metavar="FILE", help="The encoder's weights, where there is no network.")
@click.option(
    "--emulate",
    multiple=True,
    metavar="NAME",
    help="Also as a platform would deliver the videos: youtube_360, x_720, ...",
)
@click.option("--force", is_flag=True, help="Evaluate on what was trained on all the same.")
@click.option("--resume", is_flag=True, help="Keep the scores that are there.")
@click.option("--plots/--no-plots", default=True, help="Draw the curves.  [default: yes]")
@click.option(
    "--compare",
    multiple=True,
    type=PATH,
    help="Evaluate nothing: the table, trained on by tested on, of the evaluations in a folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    models: tuple[Path, ...],
    data: str | None,
    dataset: str | None,
    store: str | None,
    out: str | None,
    assignments: tuple[str, ...],
    split: str,
    operating_point: str,
    control: bool,
    faithfulness: bool,
    draws: int,
    device: str | None,
    batch_size: int,
    probe: str,
    probe_weights: str,
    emulate: tuple[str, ...],
    force: bool,
    resume: bool,
    plots: bool,
    compare: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Measure trained specialists on the test split of a dataset.

    MODELS are runs' folders, folders of runs, files of weights, or an ensemble.json. Without --data the dataset that
    the first was trained on is taken. Every figure has its 95 % interval, and beside it what the file's properties and
    the background alone reach. The report, a table of all scores and the plots go to {out}/evaluations/.

    \b
    dfcore evaluate runs/cm_stage1
    dfcore evaluate runs/cm_stage1 --dataset celebdf --data /data/Celeb-DF-v2
    dfcore evaluate runs/bg_stage1 --emulate youtube_360 --emulate x_720
    dfcore evaluate runs --data demo --json > figures.json
    dfcore evaluate --compare runs/evaluations
    torchrun --standalone --nproc-per-node 4 -m dfcore evaluate runs --data /data/dfdc --dataset dfdc
    """
    if compare:
        _compare(compare, as_json)
        return
    from dfcore.api.evaluate import evaluate
    from dfcore.console.progress import TERMINAL

    announce_file(out=out, store=store)

    given: dict[str, Any] = {**({"run.device": device} if device else {}), **parse_set(assignments)}
    found = evaluate(
        models or (_runs_folder(out),),
        data=data,
        dataset=dataset,
        split=split,
        store=store,
        out=out,
        set=given,
        operating_point=operating_point,
        control=control,
        faithfulness=faithfulness,
        draws=draws,
        batch_size=batch_size,
        force=force,
        resume=resume,
        plots=plots,
        probe=probe,
        probe_weights=probe_weights,
        emulate=emulate,
        progress=_OnStandardError() if as_json else TERMINAL,
    )
    _show(found, as_json)


class _OnStandardError(Terminal):
    """Standard output is for the report alone."""

    def say(self, text: str) -> None:
        """Print the line on standard error."""
        click.echo(printable(text, lines=True), err=True)


def _runs_folder(out: str | None) -> Path:
    from dfcore.kaggle import run_folder

    return Path(out or run_folder())


def _compare(sources: tuple[Path, ...], as_json: bool) -> None:
    from dfcore.assessment.output.cross import cross_table

    found = cross_table(sources)
    if as_json:
        print_json(found.to_dict(), indent=1)
        return
    from rich.console import Console

    from dfcore.assessment.output.tables import cross_dataset_table

    Console(highlight=False).print(cross_dataset_table(found))


def _show(found: Evaluation, as_json: bool) -> None:
    import os

    if os.environ.get("RANK", "0") != "0":
        return
    if as_json:
        print_json(found.report, indent=1)
        return
    from rich.console import Console

    from dfcore.assessment.output.tables import report_tables

    console = Console(highlight=False)
    for part in report_tables(found.report):
        console.print(part)
    click.echo(f"report     {printable(found.json)}")
    click.echo(f"scores     {printable(found.csv)}")
    for plot in found.plots:
        click.echo(f"plot       {printable(plot)}")
