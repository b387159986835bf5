"""``dfcore ensemble``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dfcore.cli.options import PATH, keys_of
from dfcore.cli.output.announce import announce_file
from dfcore.cli.output.text import printable

if TYPE_CHECKING:
    from dfcore.evaluation.verdicts.ensemble import StoredEnsemble


@click.group("ensemble")
def command() -> None:
    """Make one verdict of several specialists'."""


@command.command("fit")
@click.argument("models", nargs=-1, required=True, type=PATH)
@click.option("--data", default=None, metavar="ROOT|demo", help="Whose validation split.  [default: the members' own]")
@click.option("--dataset", default=None, metavar="NAME", help="Which adapter reads --data; see `dfcore datasets`.")
@click.option("--store", default=None, metavar="DIR", help="The clip store.  [default: beside the runs]")
@click.option("--out", default=None, metavar="FILE", help="Where to write.  [default: ensemble.json beside the runs]")
@click.option(
    "--alpha", type=float, default=0.01, show_default=True, help="The false-alarm rate that verdicts promise."
)
@click.option("--device", default=None, metavar="auto|cpu|cuda|mps", help="Where to score.  [default: auto]")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Override any configuration key.")
def fit(
    models: tuple[Path, ...],
    data: str | None,
    dataset: str | None,
    store: str | None,
    out: str | None,
    alpha: float,
    device: str | None,
    assignments: tuple[str, ...],
) -> None:
    """Learn from validation videos how to fuse MODELS: files of weights or folders of runs, two or more in all.

    Members may come from different stages and be anybody's. Where they were trained on different datasets, --data
    names the one whose validation split they are all shown. Weights are learnt only where that beats the plain mean
    clearly.

    \b
    dfcore ensemble fit runs
    dfcore ensemble fit runs/cm_stage1 runs/av_stage4 --data /data/FakeAVCeleb --dataset fakeavceleb
    """
    from dfcore.api.ensemble import Ensemble, default_place
    from dfcore.assessment.targets import find_targets
    from dfcore.filesystem.writing import require_place

    place = Path(out) if out else default_place(find_targets(models))
    require_place(place)  # before all the videos are scored
    announce_file(store=store)
    given = keys_of({"run.device": device}, assignments)
    ensemble = Ensemble.fit(models, data=data, dataset=dataset, store=store, alpha=alpha, set=given)
    ensemble.save(place)
    for line in _lines(ensemble):
        click.echo(printable(line))
    click.echo(printable(place))


def _lines(ensemble: StoredEnsemble) -> list[str]:
    """What was learnt, for people."""
    width = max(len(name) for name in ensemble.validation)
    lines = [f"{'':<{width}}  {'AUC':<22} {'log-loss':>8} {'judged':>7}"]
    for name, figures in ensemble.validation.items():
        auc = "undefined" if figures["auc"] is None else f"{figures['auc']:.3f}"
        ends = "" if figures["low"] is None else f" ({figures['low']:.3f} to {figures['high']:.3f})"
        loss = "" if figures["log_loss"] is None else f"{figures['log_loss']:.3f}"
        lines.append(f"{name:<{width}}  {auc + ends:<22} {loss:>8} {figures['videos'] or 0:>7.0f}")
    lines += [f"left out: {label}, because {why}." for label, why in ensemble.left_out.items()]
    lines.append(f"fusion: {ensemble.fusion.kind}; {ensemble.fusion.reason}")
    for fit in ensemble.fusion.fits:
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(fit.members, fit.weights, strict=True))
        lines.append(f"  {weights}, offset {fit.offset:+.2f} (by {fit.n_real} real and {fit.n_fake} fake videos)")
    lines.append(f"verdicts: {ensemble.rules.summary()}")
    return lines
