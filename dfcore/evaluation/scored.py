"""What a specialist says of stored videos, one by one, beside what is known of each.

A sample's *margin* is the log-odds of "fake" (``logit[1] - logit[0]``); a video's is the **mean of its samples'**, and
its score the logistic function of that. A sample from whose clip the specialist abstains counts in nothing.

A batch holds samples of one video only. So a video's score depends on nothing but its clips, the weights and the
machine: not on the other videos, on how many processes share the work, or on where an earlier pass was cut off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from dfcore.data.faces.geometry import face_size
from dfcore.data.records import REAL, VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore, StoredVideo
from dfcore.data.views import CONTROL_VIEWS
from dfcore.data.views.finish import move_views
from dfcore.errors import DataError, ModelError
from dfcore.evaluation.genuine import GenuineTally, GenuineVideo
from dfcore.specs import resolve

if TYPE_CHECKING:
    from dfcore.models.protocols import SpecialistOutput
    from dfcore.models.specialist import Specialist

__all__ = ["ScoredVideo", "about_video", "score_videos", "sigmoid"]


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """One video: what it is, and what a specialist says of it.

    Attributes:
        id: of the record; unique in its dataset.
        path: where the file lay.
        label: 0 real, 1 fake, as the specialist is to say it.
        split, group, manipulation, compression: the record's; ``group`` are the identities seen in it.
        codec, width, height, fps: the source's; width and height in pixels of the coded frame, before rotation.
        duration: seconds.
        bit_rate: bits a second: the file's size by its duration; None where either is not known.
        face_size: larger side of the face's box in pixels, the median over the prepared frames.
        margin: log-odds of "fake", the mean of ``sample_margins``; None where the specialist abstains.
        cue_margin: the same of the cue head alone.
        control_margin, control_cue_margin: the same after the face was replaced by background
            (:mod:`dfcore.data.views.background`); None where that was not asked for or is not possible.
        sample_margins: of the samples that it judges.
        abstain_reason: why it abstains; "" where it does not.
    """

    id: str
    label: int
    path: str | None = None
    split: str = ""
    group: tuple[str, ...] = ()
    manipulation: str = "original"
    compression: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    duration: float = 0.0
    bit_rate: float | None = None
    face_size: float = 0.0
    margin: float | None = None
    cue_margin: float | None = None
    control_margin: float | None = None
    control_cue_margin: float | None = None
    sample_margins: tuple[float, ...] = ()
    abstain_reason: str = ""

    @property
    def score(self) -> float | None:
        """Probability of "fake" as the specialist gives it, uncalibrated; None where it abstains."""
        return None if self.margin is None else sigmoid(self.margin)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that ``json`` takes."""
        return asdict(self) | {"group": list(self.group), "sample_margins": list(self.sample_margins)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScoredVideo:
        """The inverse of :meth:`to_dict`; unknown keys are ignored.

        Raises:
            DataError: ``id`` or ``label`` is missing.
        """
        known = {field.name for field in fields(cls)}
        if not {"id", "label"} <= values.keys():
            raise DataError(f"a scored video needs an id and a label; found the keys {', '.join(sorted(values))}.")
        found: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key in known
        }
        return cls(**found)


class _Precision(Protocol):
    def autocast(self) -> AbstractContextManager[Any]: ...


class _World(Protocol):
    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def side_by_side(self, part: Callable[[Callable[[], None]], Any], check: Callable[[], None]) -> list[Any]: ...


def score_videos(
    model: Specialist,
    store: ClipStore,
    records: Sequence[VideoRecord],
    *,
    device: torch.device,
    precision: _Precision,
    samples: int = 8,
    clip_frames: int = 0,
    batch_size: int = 8,
    workers: int = 0,
    world: _World | None = None,
    progress: Callable[[ScoredVideo], None] | None = None,
    already: Iterable[ScoredVideo] = (),
    control: bool = False,
    genuine: dict[str, GenuineVideo] | None = None,
    check: Callable[[], None] | None = None,
) -> list[ScoredVideo]:
    """Run ``model`` over stored videos.

    Args:
        model: on ``device``; evaluated in evaluation mode, its mode is restored.
        store: has all of the records.
        records: with the label that ``model`` is to say (:func:`dfcore.data.labels.labelled_for`).
        device: where the model is.
        precision: its ``autocast()`` is the context of the forward pass.
        samples: of each video, at most; the same ones as in training's validation.
        clip_frames: frames that a clip has in the specialist's own plan (:class:`dfcore.data.samples.ClipSamples`).
        batch_size: samples in a forward pass, at most.
        workers: loader processes.
        world: the processes that share the work, video by video; None for this one alone.
        progress: told each video as it is done, on the process that did it.
        already: videos done before (with the same weights and clips); they are not read again.
        control: judge each sample once more on background (``Specialist.judge_background``), where that is possible.
        genuine: filled with what the model makes of the genuine videos read now, by id, on every process.
        check: called after each video; may raise to stop.

    Returns:
        One for each record, in their order, on every process; those in ``already`` as they are.

    Raises:
        StoreError: a video is not in the store.
        ModelError: the model's output is not a finite number.
    """
    done = {video.id: video for video in already}
    rank, size = (0, 1) if world is None else (world.rank, world.size)
    missing = [record for record in records if record.id not in done][rank::size]
    tally = None if genuine is None else GenuineTally(model)
    judge = _Judge(model, device, precision, control and model.spec.spatial_map, tally)

    def part(look: Callable[[], None]) -> tuple[list[ScoredVideo], dict[str, GenuineVideo]]:
        videos = _score(judge, store, missing, samples, clip_frames, batch_size, workers)
        return _told(videos, progress, look), {} if tally is None else tally.videos()

    look = check or (lambda: None)
    shares = [part(look)] if world is None else world.side_by_side(part, look)
    for share, held in shares:
        done |= {video.id: video for video in share}
        (genuine if genuine is not None else {}).update(held)
    return [done[record.id] for record in records]


def _told(
    videos: Iterator[ScoredVideo], progress: Callable[[ScoredVideo], None] | None, look: Callable[[], None]
) -> list[ScoredVideo]:
    found = []
    for video in videos:
        found.append(video)
        if progress is not None:
            progress(video)
        look()
    return found


@dataclass(frozen=True, slots=True)
class _Judge:
    """A model and how it is run."""

    model: Specialist
    device: torch.device
    precision: _Precision
    control: bool
    tally: GenuineTally | None = None

    @property
    def views(self) -> tuple[str, ...]:
        own = tuple(self.model.view_names)
        return (*own, *CONTROL_VIEWS) if self.control else own

    def rows(self, batch: Mapping[str, Any], record: VideoRecord) -> NDArray[np.float64]:
        """For each sample that the specialist judges its margins, ``[n, 4]``: of the classifier and of the cue head,
        and both once more on background; NaN where there is none.
        """
        views = move_views(batch["views"], self.device, channels_last=False)
        with self.precision.autocast():
            output = self.model(views)
        found = _margins(output)
        judged = batch["judged"].numpy() if "judged" in batch else np.ones(len(found), bool)
        if self.tally is not None and record.label == REAL:
            self.tally.add(record.id, views, output.cue_map, judged)
        rows = np.concatenate([found, np.full_like(found, np.nan)], axis=1)
        if self.control:
            there = views["background_cells"].flatten(1).any(dim=1)
            if there.any():
                with self.precision.autocast():
                    output = self.model.judge_background({name: view[there] for name, view in views.items()})
                rows[there.cpu().numpy(), 2:] = _margins(output)
        return rows[judged]


def _margins(output: SpecialistOutput) -> NDArray[np.float64]:
    logits = torch.stack([output.logits, output.cue_logits], dim=1).double().cpu().numpy()
    margins: NDArray[np.float64] = logits[..., 1] - logits[..., 0]
    return margins


@torch.no_grad()
def _score(
    judge: _Judge,
    store: ClipStore,
    records: Sequence[VideoRecord],
    samples: int,
    clip_frames: int,
    batch_size: int,
    workers: int,
) -> Iterator[ScoredVideo]:
    """The videos one after another."""
    if not records:
        return
    model = judge.model
    data = ClipSamples(
        records,
        store,
        judge.views,
        image_size=model.image_size,
        frames=model.spec.frames,
        samples_per_video=samples,
        abstain_reason=model.spec.abstain_reason,
        clip_frames=clip_frames,
        finish=False,
    )
    batches = _batches(data, batch_size)
    loader = DataLoader(data, batch_sampler=[indices for _, indices in batches], num_workers=workers)
    was_training = model.training
    model.eval()
    parts: list[NDArray[np.float64]] = []
    try:
        for (video, indices), batch in zip(batches, loader, strict=True):
            parts.append(judge.rows(batch, records[video]))
            if indices[-1] + 1 == len(data) or data.samples[indices[-1] + 1][0] != video:
                yield _scored(records[video], store.open(records[video].store_id), np.concatenate(parts), model)
                parts = []
    finally:
        model.train(was_training)


def _batches(data: ClipSamples, batch_size: int) -> list[tuple[int, list[int]]]:
    """``(video, indices of samples)``: the samples in order, no batch with those of two videos."""
    batches: list[tuple[int, list[int]]] = []
    for index, (video, _) in enumerate(data.samples):
        if not batches or batches[-1][0] != video or len(batches[-1][1]) == batch_size:
            batches.append((video, []))
        batches[-1][1].append(index)
    return batches


def _scored(record: VideoRecord, video: StoredVideo, rows: NDArray[np.float64], model: Specialist) -> ScoredVideo:
    about = about_video(record, video)
    if not len(rows):
        return ScoredVideo(**about, abstain_reason=_abstain_reason(model, video, record))
    controlled = rows[~np.isnan(rows[:, 2:]).all(axis=1)][:, 2:]
    if not (np.isfinite(rows[:, :2]).all() and np.isfinite(controlled).all()):
        raise ModelError(
            f"the model's output for {record.id} is not a finite number. Its weights or the number format are to "
            "blame: use fp32, or other weights."
        )
    margin, cue_margin = _means(rows[:, :2])
    control, control_cue = _means(controlled) if len(controlled) else (None, None)
    return ScoredVideo(
        **about,
        margin=margin,
        cue_margin=cue_margin,
        control_margin=control,
        control_cue_margin=control_cue,
        sample_margins=tuple(rows[:, 0].tolist()),
    )


def _means(rows: NDArray[np.float64]) -> tuple[float, float]:
    first, second = (math.fsum(column) / len(column) for column in rows.T.tolist())
    return first, second


def about_video(record: VideoRecord, video: StoredVideo) -> dict[str, Any]:
    """What is known of a stored video, under the names of :class:`ScoredVideo`."""
    source = video.source
    duration = source.frame_count / source.fps if source.fps > 0 else 0.0
    size = -1 if record.forgery or record.emulation else video.entry.origin.size  # no file of these was kept
    boxes = [box for clip in record.clips_of(len(video)) for box in video.header(clip).boxes]
    return {
        "id": record.id,
        "label": record.label,
        "path": str(record.path) if record.path != Path() else None,
        "split": record.split,
        "group": record.group,
        "manipulation": record.manipulation,
        "compression": record.compression,
        "codec": source.codec,
        "width": source.width,
        "height": source.height,
        "fps": source.fps,
        "duration": duration,
        "bit_rate": 8 * size / duration if size > 0 and duration > 0 else None,
        "face_size": face_size(boxes) if boxes else 0.0,
    }


def _abstain_reason(model: Specialist, video: StoredVideo, record: VideoRecord) -> str:
    """Why it abstains from every clip; that of the first clip that has a reason."""
    why = resolve(model.spec.abstain_reason) if model.spec.abstain_reason else None
    reasons = [] if why is None else [why(video.access(clip)) for clip in record.clips_of(len(video))]
    return next((str(reason) for reason in reasons if reason), "no clip could be judged")


def sigmoid(margin: float) -> float:
    """The probability that belongs to log-odds, without overflow."""
    return 0.5 * (1 + math.tanh(margin / 2))
