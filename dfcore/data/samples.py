"""Samples: what a loader reads. Each is a few frames of one clip of one video, as views.

In training, clip and frames are drawn afresh each epoch; in evaluation they are always the same and spread over the
video. Every random number comes from (seed, epoch, video id, draw), so a sample does not depend on the loader process
that reads it, nor on the order or the samples read before.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from dfcore.data.clips import ClipAccess
from dfcore.data.clips.part import part_of
from dfcore.data.protocols import ReadsViews
from dfcore.data.records import VideoRecord
from dfcore.data.spread import positions, spread
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.contents import require_prepared_for, stored_records
from dfcore.data.store.stored import StoredVideo
from dfcore.data.views import build_views
from dfcore.data.views.augment import augmentation
from dfcore.errors import UsageError
from dfcore.specs import VIDEO_VIEWS, resolve
from dfcore.text import name_bytes

__all__ = ["ClipSamples", "other_clips", "sample_generator"]


def other_clips(video: StoredVideo, record: VideoRecord, clip: int) -> list[ClipAccess]:
    """The same person's other clips of a stored video, of those that its record means, in order of time."""
    track = video.header(clip).track
    return [
        video.access(other)
        for other in record.clips_of(len(video))
        if other != clip and video.header(other).track == track
    ]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(name_bytes(text), digest_size=8).digest(), "little")


def sample_generator(seed: int, epoch: int, video: str, draw: int) -> random.Random:
    """The random generator of one training sample. (numpy's takes ten times as long to set up.)"""
    return random.Random(_number(f"{seed}/{epoch}/{draw}/{video}"))


class ClipSamples(Dataset[dict[str, Any]]):
    """Samples of stored videos, as a dataset for ``torch.utils.data.DataLoader``.

    An item is ``{"views": {name: tensor}, "label": 0 or 1, "video": position of its record, "frame": index of its first
    frame in the source}``; collated, the last three are int64 ``[B]``. With ``abstain_reason`` it has ``"judged"`` too,
    whether the specialist would give a score of its clip; collated, bool ``[B]``.

    In training an index may exceed ``len(self)``: index ``i + k * len(self)`` is sample ``i`` drawn for the k-th time
    more, with other frames and augmentations. So a sampler that repeats the samples of a rare class
    (:class:`dfcore.data.sampler.BalancedSampler` with ``vary_repeats``) need not repeat its images.

    Args:
        records: the videos; all must be in the store. Of one whose ``clips`` are set, these alone are read.
        store: where their clips are.
        views: names of the views (see :mod:`dfcore.data.views`).
        image_size: side of the face and context views.
        frames: consecutive frames per sample.
        samples_per_video: samples drawn of each video per epoch; in evaluation at most so many (see :func:`spread`).
        train: draw afresh each epoch, and augment.
        augment: names of training augmentations.
        seed: of all draws.
        abstain_reason: dotted path of the function that tells it (:class:`dfcore.specs.SpecialistSpec`), or "".
        clip_frames: frames that a clip has in the specialist's own plan: of longer clips, which were stored for another
            specialist, the middle is read, as if there were no more (:mod:`dfcore.data.clips.part`); 0 reads all.
        finish: False leaves to :func:`dfcore.data.views.finish.finish_views` what a device makes faster for a batch.

    Raises:
        StoreError: a video is not in the store; the message says why, where that is known.
        UnknownNameError: an augmentation of that name does not exist.
        UsageError: a number is below 1.
    """

    def __init__(
        self,
        records: Sequence[VideoRecord],
        store: ClipStore,
        views: Sequence[str],
        *,
        image_size: int,
        frames: int = 1,
        samples_per_video: int = 8,
        train: bool = False,
        augment: Sequence[str] = (),
        seed: int = 0,
        abstain_reason: str = "",
        clip_frames: int = 0,
        finish: bool = True,
    ) -> None:
        for name, value in (("samples per video", samples_per_video), ("frames", frames), ("image size", image_size)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}.")
        self.records, self.store, self.views = tuple(records), store, tuple(views)
        self.image_size, self.frames, self.train, self.seed, self.epoch = image_size, frames, train, seed, 0
        self.samples_per_video = samples_per_video
        self.abstain_reason, self.finish = abstain_reason, finish
        self.augment = augmentation(augment) if train else None
        self._of_video = any(name in VIDEO_VIEWS for name in self.views)
        self.clip_frames, self._most = clip_frames, clip_frames or sys.maxsize
        self._lengths = [
            [min(length, self._most) for length in store.entry(record.store_id).frames_of(record.clips)]
            for record in self.records
        ]
        self._fixed = [] if train else [spread(lengths, samples_per_video, frames) for lengths in self._lengths]
        counts = [samples_per_video] * len(self.records) if train else [len(fixed) for fixed in self._fixed]
        self.samples = [(video, draw) for video, count in enumerate(counts) for draw in range(count)]

    @classmethod
    def from_store(
        cls,
        store: ClipStore | Path | str,
        model: ReadsViews,
        *,
        split: str,
        train: bool | None = None,
        samples_per_video: int = 8,
        augment: Sequence[str] | None = None,
        pseudo_fakes: bool = False,
        bystanders: str = "leave_out",
        seed: int = 0,
    ) -> ClipSamples:
        """Samples of what a clip store has of a split, as a model reads them; the dataset need not be there.

        Args:
            store: the store, or its folder.
            model: a specialist (``dfcore.create``, ``dfcore.load``): its views, frames and labels are taken.
            split: ``train``, ``val`` or ``test``, as it was when the videos were prepared.
            train: draw afresh each epoch, and augment; None means for the split ``train``.
            samples_per_video: see the class.
            augment: training augmentations; None means all that the specialist admits.
            pseudo_fakes: take the specialist's prepared pseudo-fakes and their controls too.
            bystanders: what the people in a fake are whose face was not forged: ``leave_out``, ``real`` or ``fake``.
            seed: of all draws.

        Raises:
            StoreError: it has no labelled video of the split, or lacks what the model reads.
            UnknownNameError, UsageError: as the class.
        """
        store = store if isinstance(store, ClipStore) else ClipStore(store)
        spec, train = model.spec, split == "train" if train is None else train
        records = stored_records(store, spec, split, pseudo_fakes=pseudo_fakes, bystanders=bystanders)
        require_prepared_for(store, records, spec)
        return cls(
            records,
            store,
            model.view_names,
            image_size=model.image_size,
            frames=spec.frames,
            samples_per_video=samples_per_video,
            train=train,
            augment=spec.augmentations if augment is None else augment,
            seed=seed,
        )

    @property
    def labels(self) -> list[int]:
        """The label of each sample, for a sampler."""
        return [self.records[video].label for video, _ in self.samples]

    def set_epoch(self, epoch: int) -> None:
        """Draw clips, frames and augmentations for ``epoch`` from now on (training only)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index < 0 or (index >= len(self) and not self.train):
            raise IndexError(f"sample {index} of {len(self)}")
        repeat, place = divmod(index, len(self))
        row, draw = self.samples[place]
        draw += repeat * self.samples_per_video
        record = self.records[row]
        rng = sample_generator(self.seed, self.epoch, record.id, draw)
        clip, positions = self._drawn(row, draw, rng) if self.train else self._fixed[row][draw]
        number = clip if record.clips is None else record.clips[clip]
        video = self.store.open(record.store_id)
        access = part_of(video.access(number), self._most)
        views = build_views(
            access,
            self.views,
            positions,
            image_size=self.image_size,
            augment=self.augment,
            rng=rng,
            others=other_clips(video, record, number) if self._of_video else (),
            finish=self.finish,
        )
        item = {"views": views, "label": record.label, "video": row, "frame": access.header.frames[positions[0]]}
        if self.abstain_reason:
            item["judged"] = resolve(self.abstain_reason)(access) is None
        return item

    def _drawn(self, video: int, draw: int, rng: random.Random) -> tuple[int, list[int]]:
        """Clip and positions of a training sample. The draws of one epoch go through the clips in turn."""
        lengths = self._lengths[video]
        clips = [clip for clip, length in enumerate(lengths) if length >= self.frames]
        if not clips:
            return spread(lengths, 1, self.frames)[0]
        first = _number(f"{self.seed}/{self.epoch}/{self.records[video].id}")
        clip = clips[(first + draw) % len(clips)]
        start = rng.randrange(lengths[clip] - self.frames + 1)
        return clip, positions(start, self.frames, lengths[clip])
