"""From scored videos to everything that is reported of them: figures with intervals, by kind of video, controls.

Plain dictionaries that ``json`` takes, with the keys that ``docs/evaluate.md`` documents; what is undefined is None,
and a ``reason`` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.splits import components
from dfcore.evaluation.metrics.intervals import Interval, bootstrap
from dfcore.evaluation.metrics.leak_floor import leak_floor, leak_warning
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.scored import ScoredVideo

__all__ = ["SIZES", "Threshold", "bootstrap_groups", "measure"]

Ratios = Callable[[NDArray[np.float64]], NDArray[np.float64]]

SIZES = (80, 160, 320)
"""Bounds of the classes of face size, in pixels of the face's larger side."""
_SLICED = ("auc", "shift", "balanced_accuracy", "real_accuracy", "fake_accuracy")
_FLOOR = ("fps", "duration", "width", "height", "bit_rate", "codec", "face_size")
"""What the leak floor sees of a video."""
_CALIBRATED = ("log_loss", "brier", "calibration_error", "cllr")


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which margin on a video is called fake, and who said so.

    Attributes:
        margin: log-odds of the raw score.
        name: the operating point, or ``even`` for a probability of 0.5.
        source: what it was chosen on, in words.
        warning: what is wrong with it, if something is.
    """

    margin: float = 0.0
    name: str = "even"
    source: str = "nothing was validated: a raw probability of 0.5"
    warning: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The threshold as ``json`` takes it."""
        return {"margin": self.margin, "name": self.name, "source": self.source}


@dataclass(frozen=True, slots=True)
class _Bootstrap:
    draws: int
    seed: int

    def __call__(
        self, videos: VideoScores, groups: Sequence[Hashable], names: Sequence[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        found = bootstrap(videos, groups, names=names, draws=self.draws, seed=self.seed)
        return {name: interval.to_dict() for name, interval in found.items()}


def measure(
    videos: Sequence[ScoredVideo],
    *,
    threshold: Threshold = Threshold(),
    ratios: Ratios | None = None,
    no_control: str = "",
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one detector on some videos.

    Args:
        videos: each once, those that it abstains from among them.
        threshold: of the decisions.
        ratios: from margins to natural-log likelihood ratios (a calibration), as learnt on validation; or None.
        no_control: why no video has a background control, where none has.
        draws: bootstrap draws of each interval.
        seed: of the draws.

    Returns:
        ``coverage``, ``video``, ``frame``, ``cue``, ``calibrated``, ``by``, ``leak_floor``, ``control``, ``threshold``,
        ``intervals`` and ``warnings``; see ``docs/evaluate.md``.
    """
    judged = [video for video in videos if video.margin is not None]
    groups, drawn_by = bootstrap_groups(videos)
    mine = [groups[video.id] for video in judged]
    boot = _Bootstrap(draws, seed)
    label = [video.label for video in judged]
    margin = np.array([video.margin for video in judged], np.float64)
    llr = None if ratios is None else ratios(margin)
    scores = VideoScores(label, margin, llr=llr, threshold=threshold.margin)
    floor = leak_floor(label, _columns(judged), mine, draws=draws, seed=seed)
    found: dict[str, Any] = {
        "coverage": _coverage(videos),
        "threshold": threshold.to_dict(),
        "intervals": {"level": 0.95, "draws": draws, "seed": seed, "drawn_by": drawn_by},
        "video": boot(scores, mine),
        "frame": _frames(judged, mine, boot),
        "cue": _cue(judged, mine, boot),
        "calibrated": None if llr is None else boot(VideoScores(label, llr, llr=llr), mine, _CALIBRATED),
        "by": _by_kind(judged, groups, threshold, boot),
        "leak_floor": floor.to_dict(),
        "control": _control(judged, groups, boot, no_control),
    }
    found["warnings"] = _warnings(found, videos, threshold)
    return found


def bootstrap_groups(videos: Sequence[ScoredVideo]) -> tuple[dict[str, Hashable], str]:
    """What is drawn together in the bootstrap, by the video's id, and that in words.

    Videos that share an identity, directly or through others, are one group. Where that makes one group of more than
    half of the videos (each face swapped with many), those of one first identity (the target) are.
    """
    if not any(video.group for video in videos):
        return {video.id: None for video in videos}, "video (no identities are known)"
    records = [VideoRecord(video.id, Path(), video.label, group=video.group) for video in videos]
    parts = components(records)
    if max(map(len, parts)) <= len(videos) / 2:
        return {videos[i].id: number for number, part in enumerate(parts) for i in part}, "identity"
    first: dict[str, Hashable] = {video.id: video.group[0] if video.group else None for video in videos}
    return first, "first identity of each video, because nearly all are linked with each other by their identities"


def _coverage(videos: Sequence[ScoredVideo]) -> dict[str, Any]:
    judged = [video for video in videos if video.margin is not None]
    reasons = Counter(video.abstain_reason for video in videos if video.margin is None)
    counts = Counter(video.label for video in judged)
    return {
        "videos": len(videos),
        "judged": len(judged),
        "real": counts[REAL],
        "fake": counts[FAKE],
        "share": len(judged) / len(videos) if videos else None,
        "abstained": dict(reasons.most_common()),
    }


def _frames(judged: Sequence[ScoredVideo], groups: Sequence[Hashable], boot: _Bootstrap) -> dict[str, Any]:
    """Of the samples, each by itself; one of a video of which no identity is known belongs with the others of it."""
    rows = [
        (video.label, margin, ("video", video.id) if group is None else group)
        for video, group in zip(judged, groups, strict=True)
        for margin in video.sample_margins
    ]
    label, margins, own = zip(*rows, strict=True) if rows else ((), (), ())
    return {"samples": len(rows), **boot(VideoScores(label, margins), own, ["auc"])}


def _cue(judged: Sequence[ScoredVideo], groups: Sequence[Hashable], boot: _Bootstrap) -> dict[str, Any] | None:
    """The cue head alone; None where there is none (an ensemble, a probe)."""
    if not judged or any(video.cue_margin is None for video in judged):
        return None
    scores = VideoScores([video.label for video in judged], [float(video.cue_margin or 0.0) for video in judged])
    return boot(scores, groups, VideoScores.RANKING)


def _control(
    judged: Sequence[ScoredVideo], groups: Mapping[str, Hashable], boot: _Bootstrap, reason: str
) -> dict[str, Any]:
    """AUC and shift with the face replaced by background, of the videos where that is possible."""
    seen = [video for video in judged if video.control_margin is not None]
    if not seen:
        return {"videos": 0, "reason": reason or "no window shows a cell without face", "video": None, "cue": None}
    own = [groups[video.id] for video in seen]
    found: dict[str, Any] = {"videos": len(seen), "reason": None, "cue": None}
    for name, attribute in (("video", "control_margin"), ("cue", "control_cue_margin")):
        values = [getattr(video, attribute) for video in seen]
        if None not in values:
            found[name] = boot(VideoScores([video.label for video in seen], values), own, ["auc", "shift"])
    return found


def _columns(judged: Sequence[ScoredVideo]) -> dict[str, list[float | str | None]]:
    def column(name: str) -> list[float | str | None]:
        return [getattr(video, name) or None for video in judged]

    return {name: column(name) for name in _FLOOR}


def _by_kind(
    judged: Sequence[ScoredVideo], groups: Mapping[str, Hashable], threshold: Threshold, boot: _Bootstrap
) -> dict[str, Any]:
    """Manipulations (each against all reals), compressions, codecs, sizes of face (reals and fakes of the kind)."""
    reals = [video for video in judged if video.label == REAL]
    by_method: dict[str, list[ScoredVideo]] = {}
    for video in judged:
        if video.label == FAKE:
            by_method.setdefault(video.manipulation or "unknown", []).append(video)
    kinds: dict[str, dict[str, list[ScoredVideo]]] = {
        "manipulation": {name: [*reals, *fakes] for name, fakes in by_method.items()},
        "compression": _sorted_by(judged, lambda video: video.compression),
        "codec": _sorted_by(judged, lambda video: video.codec),
        "size": _sorted_by(judged, size_class),
    }
    return {
        kind: {name: _slice(found, groups, threshold, boot) for name, found in sorted(parts.items())}
        for kind, parts in kinds.items()
    }


def _sorted_by(videos: Sequence[ScoredVideo], key: Callable[[ScoredVideo], str]) -> dict[str, list[ScoredVideo]]:
    found: dict[str, list[ScoredVideo]] = {}
    for video in videos:
        if key(video):
            found.setdefault(key(video), []).append(video)
    return found


def size_class(video: ScoredVideo) -> str:
    """``"80 to 159 px"``, by the larger side of the face; "" where that is not known."""
    side = video.face_size
    if side <= 0:
        return ""
    bounds = (0, *SIZES)
    low = max(bound for bound in bounds if side >= bound)
    after = bounds.index(low) + 1
    if after == len(bounds):
        return f"{low} px and more"
    return f"under {bounds[after]} px" if not low else f"{low} to {bounds[after] - 1} px"


def _slice(
    videos: Sequence[ScoredVideo], groups: Mapping[str, Hashable], threshold: Threshold, boot: _Bootstrap
) -> dict[str, Any]:
    label = [video.label for video in videos]
    margins = [video.margin for video in videos if video.margin is not None]
    scores = VideoScores(label, margins, threshold=threshold.margin)
    return {
        "real": scores.n_real,
        "fake": scores.n_fake,
        **boot(scores, [groups[video.id] for video in videos], _SLICED),
    }


def _floor_warning(auc: Interval, floor: Mapping[str, Any]) -> str | None:
    """Where the figure is not clear of the leak floor, or there is none to compare it with."""
    reached = Interval(**floor["auc"])
    if reached.value is not None or auc.value is None:
        return leak_warning(auc, reached)
    best = max(floor["single"].items(), key=lambda item: item[1], default=None)
    alone = f" One property alone, {best[0]}, orders these videos with AUC {best[1]:.3f}, unfitted." if best else ""
    return f"there is no leak floor beside AUC {auc}: {reached.reason}.{alone}"


def _warnings(found: Mapping[str, Any], videos: Sequence[ScoredVideo], threshold: Threshold) -> list[str]:
    auc = Interval(**found["video"]["auc"])
    warnings = [threshold.warning, _floor_warning(auc, found["leak_floor"])]
    if found["control"]["video"] is not None:
        control = Interval(**found["control"]["video"]["auc"])
        warnings.append(leak_warning(auc, control, "background cells alone"))
    share = found["coverage"]["share"]
    if share is not None and share < 1:
        reasons = "; ".join(f"{count}: {why}" for why, count in found["coverage"]["abstained"].items())
        warnings.append(
            f"{len(videos) - found['coverage']['judged']} of {len(videos)} videos got no score and count in no figure "
            f"({reasons})."
        )
    return [warning for warning in warnings if warning]
