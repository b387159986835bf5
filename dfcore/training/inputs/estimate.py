"""How much space and time preparing a dataset will take, from a few of its videos."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.config import TrainConfig
from dfcore.console.progress import TERMINAL, Progress
from dfcore.data.prepare.videos import prepare_videos, survey
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DatasetError
from dfcore.filesystem.writing import temporary_folder
from dfcore.kaggle import free_space
from dfcore.results import Result
from dfcore.specs import SpecialistSpec
from dfcore.text import count_of, name_bytes
from dfcore.training.inputs.choose import Chosen
from dfcore.training.inputs.prepare import clip_plan, needed_evidence, store_path
from dfcore.training.inputs.shards import Shard
from dfcore.training.inputs.store_watch import stored_size

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True, slots=True)
class Estimate(Result):
    """What preparing is likely to take.

    Attributes:
        store: where to.
        videos: still to be prepared.
        sampled: of these were prepared to find out, into a temporary folder.
        failed: of the sampled ones could not be used; they take time and no space.
        sizes: bytes of each of the others, evidence included.
        seconds_each: time for each sampled video, all processes together.
        free: bytes free on the store's disk.
        where: that disk, in words.
    """

    store: Path
    videos: int
    sampled: int
    failed: int
    sizes: tuple[int, ...]
    seconds_each: float
    free: float
    where: str

    @property
    def bytes(self) -> float:
        """All videos together."""
        return sum(self.sizes) / max(self.sampled, 1) * self.videos

    @property
    def seconds(self) -> float:
        """Likewise."""
        return self.seconds_each * self.videos

    @property
    def fits(self) -> bool:
        """Whether the disk is likely to hold them."""
        return self.bytes <= self.free

    def sentences(self) -> tuple[str, ...]:
        """For a person to read."""
        if not self.videos:
            return (f"nothing is to be prepared: the clip store {self.store} has all that is asked for.",)
        said = [f"{count_of(self.videos, 'video')} to be prepared; {self.sampled} of them were, to find out."]
        if self.sizes:
            mean, least, most = sum(self.sizes) / len(self.sizes), min(self.sizes), max(self.sizes)
            said.append(
                f"each took {mean / 1e6:.1f} MB ({least / 1e6:.1f} to {most / 1e6:.1f}) and {self.seconds_each:.1f} s"
                f"{f'; {self.failed} could not be used' if self.failed else ''}."
            )
        said.append(
            f"all will take about {self.bytes / 1e9:.2f} GB and {_time(self.seconds)}, in {self.store}; "
            f"{self.free / 1e9:.2f} GB are free in {self.where}."
        )
        if not self.fits:
            said.append(
                "The disk is not likely to hold them: put the store on another one (data.store), take fewer videos or "
                "clips (data.limit, data.clips_per_video), or code them (data.store_codec=compact)."
            )
        return tuple(said)


def estimate(
    config: TrainConfig,
    specs: Sequence[SpecialistSpec],
    chosen: Chosen,
    *,
    sample: int = 8,
    workers: int = 0,
    shard: Shard | None = None,
    progress: Progress = TERMINAL,
) -> Estimate:
    """Prepare some of the videos that the store lacks into a temporary folder, as they would be; nothing stays.

    Args:
        config: the data's options.
        specs: what is prepared serves all of these.
        chosen: the videos.
        sample: how many are prepared at most, drawn by a hash of their ids.
        workers: processes; 0 means one per core.
        shard: only this share.
        progress: shows a bar.

    Raises:
        DatasetError: not one of the sampled videos can be used.
        DfcoreError: whatever :func:`dfcore.data.prepare.videos.prepare_videos` raises.
    """
    root, plan, evidence = store_path(config), clip_plan(config, specs), needed_evidence(config, specs)
    records = chosen.records if shard is None else shard.of(chosen.records)
    todo, _ = survey(records, ClipStore(root), plan, evidence)
    space = free_space(root)
    if not todo:
        return Estimate(root, 0, 0, 0, (), 0.0, space.free, space.where)
    drawn = sorted(todo, key=lambda record: hashlib.sha256(name_bytes(record.id)).digest())[:sample]
    with temporary_folder() as folder:
        store = ClipStore(folder / "store", codec=config.data.store_codec)
        report = prepare_videos(drawn, store, plan, evidence, workers=workers, isolate=True, progress=progress)
        sizes = tuple(stored_size(store, entry) for entry in store.index.values())
    if not sizes:
        first = report.failed[0].reason if report.failed else "no reason is known."
        raise DatasetError(f"not one of {count_of(len(drawn), 'sampled video')} can be used; the first: {first}")
    each = report.seconds / len(drawn)
    return Estimate(root, len(todo), len(drawn), len(report.failed), sizes, each, space.free, space.where)


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
