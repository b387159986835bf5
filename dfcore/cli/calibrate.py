"""``dfcore calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from dfcore.cli.options import PATH, data_options, keys_of
from dfcore.cli.output.announce import announce_file
from dfcore.cli.output.text import printable


@click.command("calibrate")
@click.argument("models", nargs=-1, required=True, type=PATH)
@data_options
@click.option(
    "--alpha", type=float, default=0.01, show_default=True, help="The false-alarm rate that verdicts promise."
)
@click.option("--device", default=None, metavar="auto|cpu|cuda|mps", help="Where to score.  [default: auto]")
def command(
    models: tuple[Path, ...],
    data: str | None,
    dataset: str | None,
    store: str | None,
    out: str | None,
    assignments: tuple[str, ...],
    alpha: float,
    device: str | None,
) -> None:
    """Learn from validation videos what the scores of MODELS are worth, and write it beside them.

    MODELS are files of weights or folders of runs. Training calibrates at its end; this is for weights without, for
    another false-alarm rate, or for validation videos that are nearer to those that are to be judged. Only the
    validation split is read, never the test split.

    \b
    dfcore calibrate runs
    dfcore calibrate runs/cm_stage1/cm_stage1_final.pt --data /data/FaceForensics++ --alpha 0.05
    """
    from dfcore.api.calibrate import calibrate

    announce_file(out=out, store=store)
    given = keys_of({"run.device": device}, assignments)
    for found in calibrate(models, data=data, dataset=dataset, store=store, out=out, alpha=alpha, set=given):
        click.echo(printable(f"{found.label}  {found.calibration.summary()}"))
        click.echo(printable(f"  {found.path}"))
