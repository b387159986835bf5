"""``dfcore prepare``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dfcore.cli.options import data_options, keys_of
from dfcore.cli.output.announce import announce, announce_file
from dfcore.cli.output.text import printable

if TYPE_CHECKING:
    from dfcore.data.store.index import Failure


@click.command("prepare")
@click.argument("specialists", nargs=-1)
@data_options
@click.option("--workers", type=click.IntRange(min=0), default=None, help="Processes.  [default: one a core]")
@click.option("--shard", default="", metavar="I/N", help="Only share I of N, for many processes or machines.")
@click.option(
    "--time-limit", default=None, metavar="11h30m", help="Stop after this time; what is done is kept (exit code 75)."
)
@click.option("--estimate", is_flag=True, help="Only say how much space and time it will take, from a few videos.")
@click.option("--retry-failed", is_flag=True, help="Try again the videos listed in failed.jsonl.")
def command(
    specialists: tuple[str, ...],
    data: str | None,
    dataset: str | None,
    store: str | None,
    out: str | None,
    assignments: tuple[str, ...],
    workers: int | None,
    shard: str,
    time_limit: str | None,
    estimate: bool,
    retry_failed: bool,
) -> None:
    """Make the clip store of a dataset ahead of training.

    For the SPECIALISTS named, or for all that are installed. What is prepared already is kept; videos that cannot be
    used are listed with their reason in failed.jsonl.

    \b
    dfcore prepare cm --data /data/FaceForensics++
    dfcore prepare --dataset folder --data my_videos --store my_store
    dfcore prepare cm --data /data/FaceForensics++ --estimate
    dfcore prepare cm --data /data/FaceForensics++ --store /shared/store --shard 3/16
    """
    from dfcore.api.configure import configure
    from dfcore.api.prepare import estimate_store, prepare, trainable_specialists

    names = specialists or tuple(trainable_specialists())
    given = keys_of({"run.time_limit": time_limit}, assignments)
    announce_file(out=out, store=store, **given)
    config = configure(names[0], data=data, dataset=dataset, store=store, out=out, set=given)
    announce([config])

    if estimate:
        for sentence in estimate_store(config, names, workers=workers, shard=shard).sentences():
            click.echo(printable(sentence))
        return
    result = prepare(config, names, workers=workers, retry_failed=retry_failed, shard=shard)
    report = result.report
    click.echo(
        f"{report.done} prepared, {report.reused} there already, {len(report.failed)} not usable, "
        f"in {report.seconds:.1f} s: {printable(result.store)}"
    )
    for note in result.notes:
        click.echo(printable(note))
    for failure in report.failed[:20]:
        click.echo(f"  {printable(_line(failure))}", err=True)
    if len(report.failed) > 20:
        where = printable(result.store / "failed.jsonl")
        click.echo(f"  ... and {len(report.failed) - 20} more, in {where}", err=True)
    if report.failed and not report.done and not report.reused:
        sys.exit(4)


def _line(failure: Failure) -> str:
    """A failure in one line; most reasons begin with the path."""
    told = failure.reason if failure.reason.startswith(failure.path) else f"{failure.path}: {failure.reason}"
    return f"{told} It is tried again the next time." if failure.again else told
