"""``dfcore stages``."""

from __future__ import annotations

import dataclasses

import click

from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import table


@click.command("stages")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the stages of the curriculum, in order."""
    from dfcore.plugins import registry

    known = registry()
    stages = list(known.stages().values())
    if as_json:
        print_json([dataclasses.asdict(stage) for stage in stages])
        return
    datasets, losses = known.datasets(), known.components("loss")
    rows = []
    for stage in stages:
        start = "ImageNet backbone" if stage.after is None else f"{{name}}_stage{stage.after}_final.pt"
        ready = "yes" if stage.dataset in datasets and stage.loss in losses else "not in this release"
        rows.append((stage.number, stage.title, stage.lr, stage.epochs, stage.loss, start, ready))
    click.echo(table(("stage", "dataset", "lr", "epochs", "loss", "starts from", "ready"), rows))
