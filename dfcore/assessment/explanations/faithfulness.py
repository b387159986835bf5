"""Whether what is named as a reason is one, measured on an evaluated split.

Of the videos called fake: how many are called so no longer when the cue with the largest effect is taken away, or the
five cells of the face, or of the cue map, that speak most for "fake"; beside that as many channels or cells drawn at
random. Of all fakes, called so or not: by how much the margin falls. Of those that have a mask or an original: whether
the maps of these effects lie on what was forged. The same functions make the explanations of ``dfcore predict
--explain`` (:mod:`dfcore.inference.explain`). Each figure has its interval, by identity.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dfcore.assessment.explanations.removal import Removed, remove_cells, remove_cue
from dfcore.assessment.explanations.samples import Samples, read_samples
from dfcore.assessment.explanations.tally import Tally
from dfcore.assessment.scores.decisions import Decisions
from dfcore.console.progress import Bar
from dfcore.data.forged.cells import cells_over, forged_cells, forged_maps
from dfcore.data.records import FAKE, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import CheckpointError, MediaError
from dfcore.evaluation.genuine import GenuineStatistics, cue_slices, genuine_path
from dfcore.evaluation.metrics.localisation import chance_iou, pointing_hit, top_iou
from dfcore.evaluation.report import bootstrap_groups
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.rules import class_key
from dfcore.inference.explain.effects import hide_face_cells, replace_cues
from dfcore.models.specialist import Specialist

__all__ = ["MOST_VIDEOS", "measure_faithfulness"]

MOST_VIDEOS = 60
"""Videos called fake, and fakes, that are looked at: hiding each cell of a face takes the backbone 200 times."""
Floats = NDArray[np.float64]


def measure_faithfulness(
    model: Specialist,
    weights: Path,
    weights_hash: str,
    store: ClipStore,
    records: Sequence[VideoRecord],
    videos: Sequence[ScoredVideo],
    decisions: Decisions,
    *,
    samples: int,
    clip_frames: int,
    device: torch.device,
    bar: Callable[[int], Bar],
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """The figures of one specialist, as ``docs/evaluate.md`` documents them.

    Args:
        model: on ``device``, in evaluation mode.
        weights: its file, beside which the statistics of genuine videos lie.
        weights_hash: by which these are known to be its own.
        store: has the videos.
        records: of the split.
        videos: scored.
        decisions: from which margin on a video is called fake.
        samples: of each video.
        clip_frames: frames that a clip has in the specialist's own plan.
        device: where the model is.
        bar: makes a bar of so many videos.
        draws: bootstrap draws of each interval.
        seed: of all random parts.
    """
    limits, basis = _limits(videos, decisions)
    looked = _looked_at(videos, records, limits, seed)
    genuine, note = _genuine(model, weights, weights_hash)
    tally = Tally(draws, seed)
    with _evaluating(model), closing(bar(len(looked))) as shown:
        for video in looked:
            read = read_samples(model, store, video.record, samples, clip_frames, device)
            if read is not None:
                _test(video, read, model, genuine, tally)
            shown.update()
    called = [video for video in looked if video.limit is not None]
    return {
        "called_fake": len(limits),
        "basis": basis,
        "videos": len(called),
        "fakes": sum(video.fake for video in called),
        "note": note,
        **tally.to_dict(len(limits)),
    }


@dataclass(frozen=True, slots=True)
class _Looked:
    """A video that is looked at.

    Attributes:
        record: of it.
        margin: its score's.
        limit: from which margin on it is called fake, where it is, and is looked at for that.
        fake: whether it is one.
        group: the identity that it is drawn with.
        seed: of its random parts.
    """

    record: VideoRecord
    margin: float
    limit: float | None
    fake: bool
    group: Hashable
    seed: int


def _looked_at(
    videos: Sequence[ScoredVideo], records: Sequence[VideoRecord], limits: Mapping[str, float], seed: int
) -> list[_Looked]:
    """Of those called fake, and of the fakes, up to ``MOST_VIDEOS`` each."""
    by_id, (groups, _) = {record.id: record for record in records}, bootstrap_groups(videos)
    judged = [video for video in videos if video.margin is not None and video.id in by_id]
    called = {video.id: video for video in _spread([video for video in judged if video.id in limits])}
    fakes = {video.id: video for video in _spread([v for v in judged if by_id[v.id].video_label == FAKE])}
    return [
        _Looked(
            record=by_id[video.id],
            margin=video.margin,
            limit=limits[video.id] if video.id in called else None,
            fake=by_id[video.id].video_label == FAKE,
            group=groups[video.id],
            seed=seed + number,
        )
        for number, video in enumerate({**called, **fakes}.values())
        if video.margin is not None
    ]


def _spread(videos: Sequence[ScoredVideo]) -> list[ScoredVideo]:
    """At most ``MOST_VIDEOS`` of them, spread evenly."""
    most = min(len(videos), MOST_VIDEOS)
    return [videos[(2 * k + 1) * len(videos) // (2 * most)] for k in range(most)]


@contextmanager
def _evaluating(model: Specialist) -> Iterator[None]:
    """The model in evaluation mode; then as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _limits(videos: Sequence[ScoredVideo], decisions: Decisions) -> tuple[dict[str, float], str]:
    """From which margin on each video that is called fake is so, and by what: the verdict that is promised where any
    is, else the operating point.
    """
    judged, rules = [video for video in videos if video.margin is not None], decisions.rules
    found: dict[str, float] = {}
    for video in judged:
        in_class = class_key(video.compression, video.codec)
        limit = None if rules is None else rules.conformal.fake_threshold(in_class)
        if limit is not None and video.margin is not None and video.margin >= limit:
            found[video.id] = limit
    if found:
        return found, "verdict"
    point = decisions.threshold
    over = {video.id: point.margin for video in judged if video.margin is not None and video.margin >= point.margin}
    return over, f"operating point {point.name}"


def _genuine(model: Specialist, weights: Path, weights_hash: str) -> tuple[GenuineStatistics | None, str]:
    path = genuine_path(weights)
    if not path.is_file():
        return (
            None,
            "no statistics of genuine videos lie beside these weights: only the face was tested. Calibrate them.",
        )
    try:
        return GenuineStatistics.read(path, model.spec, weights_hash), ""
    except CheckpointError as error:
        return None, f"only the face was tested: {error}"


def _regions(
    model: Specialist, read: Samples, genuine: GenuineStatistics | None, rng: np.random.Generator
) -> dict[str, Removed]:
    """What each map names, and the margins without it."""
    halves = read.face_halves
    found = {
        "face": remove_cells(lambda cells: hide_face_cells(model, read.face, halves, cells), halves.margins, rng),
    }
    if genuine is not None and model.spec.spatial_map:
        mean, channels = genuine.mean, model.spec.channels

        def without(cells: NDArray[np.bool_]) -> Floats:
            every = np.repeat(cells[:, None], channels, axis=1)
            return replace_cues(model, read.halves, mean, every)

        found["cue_map"] = remove_cells(without, read.halves.margins, rng)
    return found


def _test(video: _Looked, read: Samples, model: Specialist, genuine: GenuineStatistics | None, tally: Tally) -> None:
    """Take the named parts away, and random ones; and see where the maps of a fake lie."""
    rng = np.random.default_rng(video.seed)
    regions = _regions(model, read, genuine, rng)
    parts = {f"{on}_cells": removed for on, removed in regions.items()}
    if genuine is not None:
        cues = cue_slices(model.spec.cues)
        mean = genuine.mean
        parts["cue"] = remove_cue(
            lambda masks: replace_cues(model, read.halves, mean, masks),
            read.halves.margins,
            list(cues.values()),
            model.spec.channels,
            rng,
        )
        if video.limit is not None and parts["cue"].named:
            tally.cues[list(cues)[parts["cue"].named[0]]] += 1
    for part, removed in parts.items():
        _count(part, removed, video, tally)
    if video.fake:
        _place(read, regions, video, tally)


def _count(part: str, removed: Removed, video: _Looked, tally: Tally) -> None:
    tally.tested.add(part)
    if video.limit is not None:
        if removed.drops is None:
            tally.add_unnamed(part)
        else:
            named = video.margin - removed.drop
            tally.add_flip(part, video.group, video.limit, named, video.margin - removed.drops)
    if video.fake and removed.fall is not None and removed.fall_random is not None:
        tally.add_fall(part, video.group, removed.fall, removed.fall_random)


def _place(read: Samples, regions: Mapping[str, Removed], video: _Looked, tally: Tally) -> None:
    """How the maps of the effects lie on what was forged, where that is known."""
    known = [(frame, squares) for frame, squares in zip(read.frames, read.squares, strict=True) if squares is not None]
    try:
        maps, means = forged_maps(video.record, [frame for frame, _ in known])
    except MediaError as error:
        tally.unknown.append(str(error))
        return
    tally.means[means] += 1
    for on, region in regions.items():
        if not region.named:
            continue
        which = 0 if on == "face" else 1
        over = [cells_over(maps[frame], squares[which]) for frame, squares in known if frame in maps]
        if not over:
            continue
        forged = forged_cells(np.mean(over, axis=0), means)
        effects = region.effects.reshape(forged.shape)
        hit, iou = pointing_hit(effects, forged), top_iou(effects, forged)
        if hit is not None and iou is not None:
            tally.add_place(on, video.group, float(hit), float(forged.mean()), iou, chance_iou(forged))
