"""``dfcore train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dfcore.cli.options import data_options, train_config
from dfcore.cli.places import announce, dataset_root, nothing_attached
from dfcore.errors import UsageError

if TYPE_CHECKING:
    from dfcore.specs import StageSpec


@click.command("train")
@click.argument("specialist")
@click.option(
    "--stage",
    type=int,
    default=None,
    help="Stage: 1 FaceForensics++, 2 Celeb-DF, 4 DFDC; 0 pre-trains.  [default: 1, 2 and 4, one after the other]",
)
@data_options
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
    dfcore train cm
    dfcore train cm --stage 4 --data /data/dfdc --keep-chunks 1
    torchrun --standalone --nproc-per-node 4 -m dfcore train cm --stage 1
    """
    from dfcore.plugins import registry

    spec = registry().specialist(specialist)
    stages = _whole_curriculum(data, dataset, start, from_scratch) if stage is None else [registry().stage(stage)]
    _refuse_both({"--from": start, "--from-scratch": from_scratch}, "names weights to start from, {} takes none")
    _refuse_both({"--resume": resume, "--overwrite": overwrite}, "goes on with a run, {} deletes it")
    if not spec.trainable:
        raise UsageError(
            f"this release of dfs-{spec.name} announces {spec.name!r} only; there is no cue module to train yet."
        )
    options = {
        "data.store": store,
        "run.out": out,
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
    if chunks and not any(one.chunks for one in stages):
        raise UsageError(f"--chunks is for stage 4: stage {stages[0].number} is taken whole.")
    whole = {**options, "stage.chunks": None}
    configs = [
        train_config(specialist, one, data, dataset, assignments, options if one.chunks else whole) for one in stages
    ]
    announce(configs)
    if stage is None:
        from dfcore.training.curriculum import train_curriculum

        train_curriculum(configs, overwrite=overwrite)
    else:
        from dfcore.training.trainer import train

        train(configs[0], resume=resume, overwrite=overwrite)


def _refuse_both(options: dict[str, object], words: str) -> None:
    """Refuse two options that contradict each other; ``words`` follow the first and name the second as ``{}``."""
    first, second = options
    if all(options.values()):
        raise UsageError(f"{first} {words.format(second)}: give one of them.")


def _whole_curriculum(data: str | None, dataset: str | None, start: str | None, from_scratch: bool) -> list[StageSpec]:
    """All stages but pre-training, in order.

    Raises:
        UsageError: an option is given that only one stage can take.
    """
    from dfcore.plugins import registry

    stages = [stage for _, stage in sorted(registry().stages().items()) if not stage.pretraining]
    options = {"--data": data, "--dataset": dataset, "--from": start, "--from-scratch": from_scratch}
    for option, value in options.items():
        if value:
            numbers = ", ".join(f"{stage.number} ({stage.title})" for stage in stages)
            raise UsageError(f"{option} is for one stage: say which with --stage N. The curriculum has {numbers}.")
    known = registry()
    unknown = [stage for stage in stages if dataset_root(known.dataset(stage.dataset)) is None]
    if unknown:
        raise UsageError(
            "without --stage the whole curriculum is trained, and it is not known where the data of these stages is:\n"
            + "".join(
                f"  {s.number} ({s.title}): export DFCORE_DATASET_{s.dataset.upper()}=/path/to/it\n" for s in unknown
            )
            + nothing_attached()
            + "Paths can also stand under [datasets] in dfcore.toml. To train one stage: --stage N --data /path/to/it. "
            "To try dfcore without data: --stage 1 --data demo (small made videos, for trying only)."
        )
    return stages
