"""Whether what is named as a reason is one, measured on an evaluated split.

Of the videos called fake: how many are called so no longer when the cue with the largest effect is taken away, or the
five cells of the face, or of the cue map, that speak most for "fake"; beside that as many channels or cells drawn at
random. Of the fakes that have a mask or an original, called so or not: whether the maps of these effects lie on what
was forged. The same functions make the explanations of ``dfcore predict --explain`` (:mod:`dfcore.inference.explain`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dfcore.assessment.decisions import Decisions
from dfcore.assessment.explanations.samples import Samples, read_samples
from dfcore.data.forged.cells import cells_over, forged_cells, forged_maps
from dfcore.data.records import FAKE, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import CheckpointError, MediaError
from dfcore.evaluation.genuine import GenuineStatistics, cue_slices, genuine_path
from dfcore.evaluation.metrics.localisation import chance_iou, flip_share, pointing_hit, top_iou
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.rules import class_key
from dfcore.inference.explain.effects import (
    DRAWS,
    Halves,
    cue_effects,
    cue_map_region,
    face_region,
    hide_face_cells,
    replace_cues,
)
from dfcore.inference.explanation import RegionEffect
from dfcore.models.specialist import Specialist
from dfcore.progress import Bar
from dfcore.specs import MAP_SIZE

__all__ = ["MOST_VIDEOS", "measure_faithfulness"]

MOST_VIDEOS = 60
"""Videos called fake, and fakes, that are looked at: hiding each cell of a face takes the backbone 200 times."""
Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Tally:
    """Margins without the named part, ``[N]``, and without random ones, ``[N][D]``, by what the part is; and how the
    maps lie on what was forged.
    """

    named: dict[str, list[float]] = field(default_factory=dict)
    drawn: dict[str, list[Floats]] = field(default_factory=dict)
    limits: dict[str, list[float]] = field(default_factory=dict)
    cues: Counter[str] = field(default_factory=Counter)
    maps: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    means: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)

    def add(self, part: str, limit: float, named: float, drawn: Floats) -> None:
        self.named.setdefault(part, []).append(named)
        self.drawn.setdefault(part, []).append(drawn)
        self.limits.setdefault(part, []).append(limit)

    def flips(self, part: str) -> dict[str, Any] | None:
        if part not in self.named:
            return None
        limits = np.array(self.limits[part])
        return {
            "videos": len(limits),
            "flips": flip_share(np.array(self.named[part]), limits),
            "flips_random": flip_share(np.stack(self.drawn[part]), limits),
        }

    def to_dict(self) -> dict[str, Any]:
        """As ``json`` takes it."""
        return {
            **{part: self.flips(part) for part in ("cue", "cue_map_cells", "face_cells")},
            "named_cues": dict(self.cues.most_common()),
            "localisation": {on: self.lies(on) for on in ("face", "cue_map")},
            "forged_region_by": dict(self.means),
            "forged_region_unknown": len(self.unknown),
            "forged_region_reason": next(iter(self.unknown), ""),
        }

    def lies(self, on: str) -> dict[str, Any] | None:
        found = self.maps.get(on)
        if not found:
            return None
        return {"videos": len(found), **{key: float(np.mean([one[key] for one in found])) for key in found[0]}}


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
        seed: of all random parts.
    """
    limits, basis = _limits(videos, decisions)
    by_id = {record.id: record for record in records}
    called = _spread([video for video in videos if video.id in limits and video.id in by_id])
    judged = [video for video in videos if video.margin is not None and video.id in by_id]
    fakes = _spread([video for video in judged if by_id[video.id].video_label == FAKE])
    looked = {video.id: video for video in (*called, *fakes)}
    wanted = {video.id for video in called}
    genuine, note = _genuine(model, weights, weights_hash)
    tally = _Tally()
    with _evaluating(model), closing(bar(len(looked))) as shown:
        for number, video in enumerate(looked.values()):
            record = by_id[video.id]
            read = read_samples(model, store, record, samples, clip_frames, device)
            if read is not None and video.margin is not None:
                limit = limits[video.id] if video.id in wanted else None
                _take_away(model, read, video.margin, limit, genuine, tally, seed + number, record)
            shown.update()
    return {
        "called_fake": len(limits),
        "basis": basis,
        "videos": len(called),
        "fakes": sum(video.label == FAKE for video in called),
        "note": note,
        **tally.to_dict(),
    }


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


def _take_away(
    model: Specialist,
    read: Samples,
    margin: float,
    limit: float | None,
    genuine: GenuineStatistics | None,
    tally: _Tally,
    seed: int,
    record: VideoRecord,
) -> None:
    """Take the named parts away, and random ones, of a video that is called fake from ``limit`` on; and see where the
    maps of a fake lie, called so or not (None).
    """
    rng = np.random.default_rng(seed)
    regions = {"face": face_region(model, read.face, read.face_halves, draws=1)}
    if genuine is not None and model.spec.spatial_map:
        regions["cue_map"] = cue_map_region(model, read.halves, genuine.mean, draws=1)
    if record.video_label == FAKE:
        _place(read, regions, record, tally)
    if limit is None:
        return
    if genuine is not None:
        _without_cue(model, read.halves, margin, limit, genuine, tally, rng)
    for on, region in regions.items():
        masks = _cell_masks(region, rng)
        if masks is None:  # nothing speaks for "fake" there, and nothing is named
            continue
        if on == "face" or genuine is None:
            margins, base = hide_face_cells(model, read.face, read.face_halves, masks), read.face_halves.margins
        else:
            shape = (len(masks), model.spec.channels, MAP_SIZE, MAP_SIZE)
            margins = replace_cues(model, read.halves, genuine.mean, np.broadcast_to(masks[:, None], shape).copy())
            base = read.halves.margins
        left = margin - (base.mean() - margins.mean(axis=1))
        tally.add(f"{on}_cells", limit, float(left[0]), left[1:])


def _without_cue(
    model: Specialist,
    halves: Halves,
    margin: float,
    limit: float,
    genuine: GenuineStatistics,
    tally: _Tally,
    rng: np.random.Generator,
) -> None:
    """Without the cue that has the largest effect, and without as many channels of others."""
    named = max(cue_effects(model, halves, genuine, draws=1), key=lambda one: one.effect)
    own = np.arange(model.spec.channels)[cue_slices(model.spec.cues)[named.cue]]
    others = np.setdiff1d(np.arange(model.spec.channels), own)
    sets = [own, *(rng.choice(others, min(len(own), len(others)), replace=False) for _ in range(DRAWS))]
    masks = np.zeros((len(sets), model.spec.channels, MAP_SIZE, MAP_SIZE), bool)
    for mask, channels in zip(masks, sets, strict=True):
        mask[channels] = True
    left = margin - (halves.margins.mean() - replace_cues(model, halves, genuine.mean, masks).mean(axis=1))
    tally.add("cue", limit, float(left[0]), left[1:])
    tally.cues[named.cue] += 1


def _cell_masks(region: RegionEffect, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """The named cells, then as many at random, several times; None where none is named."""
    if not region.cells:
        return None
    masks = np.zeros((1 + DRAWS, MAP_SIZE * MAP_SIZE), bool)
    masks[0, [row * MAP_SIZE + column for row, column in region.cells]] = True
    for mask in masks[1:]:
        mask[rng.choice(mask.size, len(region.cells), replace=False)] = True
    return masks.reshape(-1, MAP_SIZE, MAP_SIZE)


def _place(read: Samples, regions: Mapping[str, RegionEffect], record: VideoRecord, tally: _Tally) -> None:
    """How the maps of the effects lie on what was forged, where that is known."""
    known = [(frame, squares) for frame, squares in zip(read.frames, read.squares, strict=True) if squares is not None]
    try:
        maps, means = forged_maps(record, [frame for frame, _ in known])
    except MediaError as error:
        tally.unknown.append(str(error))
        return
    tally.means[means] += 1
    for on, region in regions.items():
        if not region.cells:  # nothing is named
            continue
        which = 0 if on == "face" else 1
        over = [cells_over(maps[frame], squares[which]) for frame, squares in known if frame in maps]
        if not over:
            continue
        forged, effects = forged_cells(np.mean(over, axis=0), means), np.array(region.effects)
        hit, iou = pointing_hit(effects, forged), top_iou(effects, forged)
        if hit is None or iou is None:
            continue
        chance = {"pointing_chance": float(forged.mean()), "iou_chance": chance_iou(forged)}
        tally.maps.setdefault(on, []).append({"pointing": float(hit), "iou": iou, **chance})
