"""From prepared videos to what the loop reads."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dfcore.config import TrainConfig
from dfcore.data.pairs import PairSampler, pairs_each, partners
from dfcore.data.records import FAKE, REAL, SPLITS, VideoRecord
from dfcore.data.sampler import BalancedSampler, class_weights
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.models.specialist import Specialist
from dfcore.specs import SpecialistSpec
from dfcore.text import count_of
from dfcore.training.inputs.choose import Chosen
from dfcore.training.inputs.data import TrainingData
from dfcore.training.inputs.names import augmentations
from dfcore.training.inputs.prepare import Prepared, clip_plan
from dfcore.training.runtime.distributed import World

__all__ = ["audio_share", "data_table", "draws", "draws_each", "make_data"]


def draws(config: TrainConfig, records: Sequence[VideoRecord]) -> int:
    """Training samples that an epoch over the records draws, on all processes together."""
    return config.data.samples_per_video * len(records)


def draws_each(config: TrainConfig, total: int, world: int) -> int:
    """Samples that each process draws of ``total`` that all draw together."""
    return 2 * pairs_each(total, world) if config.data.sampler == "pairs" else -(-total // world)


def make_data(
    config: TrainConfig,
    model: Specialist,
    chosen: Chosen,
    prepared: Prepared,
    world: World,
    *,
    total: int | None = None,
    title: str = "",
) -> TrainingData:
    """Samples, sampler and class weights for a run, or for a chunk of it.

    ``total`` samples are drawn an epoch, by all processes together; None means as many as there are.

    Raises:
        UsageError: an augmentation is asked for that would harm the specialist's cue.
    """
    spec, seed, data = model.spec, config.run.seed, config.data
    store = ClipStore(prepared.store)
    by_split = {name: [record for record in prepared.records if record.split == name] for name in SPLITS}

    def samples(split: str, count: int, *, train: bool) -> ClipSamples:
        return ClipSamples(
            by_split[split],
            store,
            model.view_names,
            image_size=model.image_size,
            frames=spec.frames,
            samples_per_video=count,
            train=train,
            augment=augmentations(config, spec) if train else (),
            seed=seed,
            abstain_reason="" if train else spec.abstain_reason,
            clip_frames=clip_plan(config, [spec]).frames,
            finish=False,
        )

    train = samples("train", data.samples_per_video, train=True)
    # Pairs are balanced as they are drawn: there is nothing left for the loss to correct.
    power = 1.0 if data.sampler == "pairs" else config.stage.balance_power
    sampler = _sampler(config, train, power, world, total)
    return TrainingData(
        train=train,
        sampler=sampler,
        val=samples("val", data.eval_samples, train=False) if by_split["val"] else None,
        class_weights=class_weights(train.labels, power) if power < 1 else None,
        fingerprint=_fingerprint(prepared.records, store),
        counts=_counts(spec, chosen, prepared),
        audio=_heard(store, by_split["train"]) if spec.speech else None,
        title=title,
    )


def _sampler(
    config: TrainConfig, train: ClipSamples, power: float, world: World, total: int | None
) -> BalancedSampler | PairSampler:
    seed, rank, size = config.run.seed, world.rank, world.size
    if config.data.sampler == "pairs":
        videos, labels = [video for video, _ in train.samples], [record.label for record in train.records]
        found = partners(train.records)
        return PairSampler(videos, labels, found, seed=seed, rank=rank, world=size, num_samples=total)
    return BalancedSampler(
        train.labels, power=power, seed=seed, rank=rank, world=size, vary_repeats=True, num_samples=total
    )


def _fingerprint(records: Sequence[VideoRecord], store: ClipStore) -> str:
    """Changes when other videos, labels, splits or clips are used."""
    lines = sorted([r.id, r.label, r.split, list(store.entry(r.store_id).frames_of(r.clips))] for r in records)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:16]


def _counts(spec: SpecialistSpec, chosen: Chosen, prepared: Prepared) -> dict[str, Any]:
    """For ``config.json``: videos used, by split and class; those not usable."""
    used = Counter((record.split, record.label) for record in prepared.records)
    return {
        "store": str(prepared.store),
        "videos": {
            split: {"real": used[split, REAL], "fake": used[split, FAKE]}
            for split in SPLITS
            if used[split, REAL] + used[split, FAKE]
        },
        "not_usable": len(prepared.report.failed),
        "missing": chosen.missing,
        "notes": list(chosen.notes),
        **({"audio": audio_share(prepared)} if spec.speech else {}),
    }


def audio_share(prepared: Prepared) -> str:
    """How many of the videos have audio, in words: ``"12 of 40 videos (30 %)"``."""
    found = _heard(ClipStore(prepared.store), prepared.records)
    heard, total = found["with_audio"], found["videos"]
    return f"{heard} of {count_of(total, 'video')} have audio ({heard / max(total, 1):.0%})"


def _heard(store: ClipStore, records: Sequence[VideoRecord]) -> dict[str, int]:
    heard = sum(store.open(record.store_id).source.has_audio for record in records)
    return {"videos": len(records), "with_audio": heard}


def data_table(chosen: Chosen, prepared: Prepared) -> list[str]:
    """Videos by compression, split and class, as lines of text; the test split as it was found, for it is not read.

    The class is the specialist's: see :mod:`dfcore.data.labels`.
    """
    usable = {record.id for record in prepared.records}
    tests = [record for record in chosen.records if record.split == "test" and record.id not in usable]
    counted = [*prepared.records, *tests]
    counts = Counter((record.compression, record.split, record.label) for record in counted)
    splits = [name for name in SPLITS if any(record.split == name for record in counted)]
    heads = [f"{name} (not read)" if name == "test" else name for name in splits]
    names = sorted({record.compression for record in counted})
    width = max([6, *map(len, names)])
    lines = [
        " " * width + "".join(f"{head:>18}" for head in heads),
        " " * width + f"{'real':>9}{'fake':>9}" * len(splits),
    ]
    for name in names:
        cells = "".join(f"{counts[name, split, kind]:>9}" for split in splits for kind in (REAL, FAKE))
        lines.append(f"{name or 'videos':<{width}}{cells}")
    return lines
