"""``dfcore train``."""

from __future__ import annotations

import click

from dfcore.cli.options import data_options, keys_of
from dfcore.cli.output.announce import announce, announce_file
from dfcore.cli.output.shown import shown
from dfcore.errors import UsageError


@click.command("train")
@click.argument("specialist")
@click.option(
    "--stage",
    type=int,
    default=None,
    help="Stage: 1 FaceForensics++, 2 Celeb-DF, 4 DFDC; 0 pre-trains.  [default: 1, 2 and 4, one after the other]",
)
@data_options
@click.option(
    "--recipe", default=None, metavar="NAME", help="A set of values: `record`; whatever you set wins over it."
)
@click.option("--show-config", is_flag=True, help="Train nothing: print the configuration, as dfcore.toml takes it.")
@click.option("--backbone", default=None, metavar="NAME", help="Any timm model.  [default: efficientnet_b4]")
@click.option(
    "--backbone-weights", default=None, metavar="FILE", help="The backbone's weights, where there is no network."
)
@click.option(
    "--pretrained/--no-pretrained", default=None, help="Start from ImageNet weights.  [default: yes; demo: no]"
)
@click.option("--epochs", type=click.IntRange(min=1), default=None, help="Epochs.  [default: the stage's]")
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=None, help="Samples a batch and process.  [default: 8]"
)
@click.option("--device", default=None, metavar="auto|cpu|cuda|mps", help="Where to train.  [default: auto]")
@click.option("--seed", type=int, default=None, help="Seed of everything that is drawn.  [default: 0]")
@click.option(
    "--from", "start", default=None, metavar="FILE", help="Weights to start from.  [default: the stage before]"
)
@click.option("--from-scratch", is_flag=True, help="Start without the stage before.")
@click.option(
    "--chunks", default=None, metavar="9,8,...|present", help="Stage 4: DFDC's chunks, in order.  [default: all ten]"
)
@click.option(
    "--keep-chunks",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Prepared chunks that stay on disk, the one in training included.  [default: all]",
)
@click.option("--time-limit", default=None, metavar="11h30m", help="Stop after this time, resumable (exit code 75).")
@click.option("--resume", is_flag=True, help="Go on with the run that is there.")
@click.option("--overwrite", is_flag=True, help="Start again, deleting the run that is there.")
def command(
    specialist: str,
    stage: int | None,
    data: str | None,
    dataset: str | None,
    store: str | None,
    out: str | None,
    assignments: tuple[str, ...],
    recipe: str | None,
    show_config: bool,
    backbone: str | None,
    backbone_weights: str | None,
    pretrained: bool | None,
    epochs: int | None,
    batch_size: int | None,
    device: str | None,
    seed: int | None,
    start: str | None,
    from_scratch: bool,
    chunks: str | None,
    keep_chunks: int | None,
    time_limit: str | None,
    resume: bool,
    overwrite: bool,
) -> None:
    """Train a SPECIALIST through one stage of the curriculum, or without --stage through all of it.

    The whole curriculum takes each stage's dataset from dfcore.toml or the environment (see `dfcore datasets`), leaves
    finished stages as they are and goes on with an unfinished one.

    Clips are prepared on the way where the store lacks them. The run's folder ends with curves.png, metrics.jsonl, the
    best epochs and {name}_stage{N}_final.pt.

    \b
    dfcore train cm --stage 1 --data demo
    dfcore train cm --stage 1 --data /data/FaceForensics++ --set data.compressions=c23
    dfcore train cm --stage 0 --data my_real_videos
    dfcore train cm --stage 1 --from runs/cm_stage0/cm_stage0_final.pt
    dfcore train cm --stage 1 --data /data/FaceForensics++ --recipe record --set data.compressions=c23
    dfcore train cm
    dfcore train cm --stage 4 --data /data/dfdc --keep-chunks 1
    torchrun --standalone --nproc-per-node 4 -m dfcore train cm --stage 1
    """
    from dfcore.api.configure import configure, configure_curriculum
    from dfcore.runs.folder import require_one_start

    require_one_start(resume=resume, overwrite=overwrite)
    if start and from_scratch:
        raise UsageError("--from names weights to start from, --from-scratch takes none: give one of them.")
    options = {
        "model.backbone": backbone,
        "model.backbone_weights": backbone_weights,
        "model.pretrained": pretrained,
        "stage.epochs": epochs,
        "stage.batch_size": batch_size,
        "stage.start": "scratch" if from_scratch else start,
        "stage.chunks": chunks,
        "data.keep_chunks": keep_chunks,
        "run.time_limit": time_limit,
        "run.device": device,
        "run.seed": seed,
    }
    given = keys_of(options, assignments)
    announce_file(out=out, store=store, **given)
    if stage is None and "stage.number" not in given:
        given |= {key: value for key, value in (("data.root", data), ("stage.dataset", dataset)) if value}
        configs = configure_curriculum(specialist, store=store, out=out, recipe=recipe, set=given)
        if show_config:
            click.echo("\n".join(map(shown, configs)))
            return
        announce(configs)
        from dfcore.training.curriculum import train_curriculum

        train_curriculum(configs, overwrite=overwrite)
    else:
        places = {"data": data, "dataset": dataset, "store": store, "out": out}
        config = configure(specialist, stage=stage, recipe=recipe, set=given, **places)
        if show_config:
            click.echo(shown(config))
            return
        announce([config])
        from dfcore.training.trainer import train

        train(config, resume=resume, overwrite=overwrite)
