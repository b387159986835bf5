"""Ensembles in an evaluation: their members are scored like everybody, and fused video by video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from dfcore.assessment.options import Options
from dfcore.assessment.scores.decisions import by_rules, even
from dfcore.assessment.scores.scoring import ScoredDetector
from dfcore.assessment.targets import Target, find_targets
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.ensemble import NAME, StoredEnsemble
from dfcore.filesystem.paths import is_file, is_folder

__all__ = ["find_detectors", "fuse", "plain_mean"]

MEAN = "mean"


def find_detectors(paths: Sequence[Path]) -> tuple[list[Target], dict[str, StoredEnsemble]]:
    """The weights that are meant, those of ensembles' members among them, and the ensembles by name.

    An ensemble that lies in a folder of runs is meant with them, as it is when these judge a file.

    Raises:
        UsageError: none is named.
        CheckpointError: a path holds no weights, or an ensemble's members are other ones now.
    """
    beside = [path / NAME for path in paths if is_folder(path) and is_file(path / NAME)]
    files = list(dict.fromkeys([*(path for path in paths if path.suffix == ".json"), *beside]))
    loaded = [StoredEnsemble.load(path) for path in files]
    members = [member.path for ensemble in loaded for member in ensemble.members]
    names = [path.stem if len(files) == 1 else str(path.with_suffix("")) for path in files]
    return find_targets([*(path for path in paths if path not in files), *members]), dict(
        zip(names, loaded, strict=True)
    )


def fuse(name: str, ensemble: StoredEnsemble, scored: Sequence[ScoredDetector], options: Options) -> ScoredDetector:
    """An ensemble's scores, from its members'. A video's margin is the fused log likelihood ratio.

    A video is fake where it is to any member: one that uses the audio knows of forged audio.
    """
    members = {
        label: one
        for one in scored
        if one.kind == "specialist" and (label := ensemble.label_of(str(one.about["hash"]))) is not None
    }
    by_video: dict[str, dict[str, ScoredVideo]] = {}
    for label, one in members.items():
        for video in one.videos:
            by_video.setdefault(video.id, {})[label] = video
    videos = [_fused(ensemble, said) for said in by_video.values()]
    source = f"validation videos of {ensemble.dataset} ({name}.json)"
    about = {
        "members": {member.label: member.weights for member in ensemble.members},
        "fusion": ensemble.fusion.kind,
        "trained_on": ensemble.dataset or None,
    }
    seen = list(dict.fromkeys(f"{label}: {warning}" for label, one in members.items() for warning in one.warnings))
    controls = list(dict.fromkeys(one.no_control for one in members.values() if one.no_control))
    return ScoredDetector(
        name,
        "ensemble",
        about,
        videos,
        by_rules(ensemble.rules, options.operating_point, source),
        seen,
        "; ".join(controls),
    )


def plain_mean(scored: Sequence[ScoredDetector]) -> ScoredDetector:
    """The mean of all specialists' margins, as a baseline for what an ensemble has learnt: no weights, no calibration.

    One that an ensemble leaves out counts like the others: a plain mean knows no better.
    """
    members = [one for one in scored if one.kind == "specialist"]
    by_video: dict[str, list[ScoredVideo]] = {}
    for one in members:
        for video in one.videos:
            by_video.setdefault(video.id, []).append(video)
    about = {"members": {one.name: one.about["hash"] for one in members}, "fusion": MEAN}
    decisions = even("a plain mean is not calibrated: a raw probability of 0.5")
    videos = [_averaged(said) for said in by_video.values()]
    controls = list(dict.fromkeys(one.no_control for one in members if one.no_control))
    return ScoredDetector(MEAN, "mean", about, videos, decisions, [], "; ".join(controls))


def _averaged(said: Sequence[ScoredVideo]) -> ScoredVideo:
    judged = [video for video in said if video.margin is not None]
    margins = [video.margin for video in judged if video.margin is not None]
    controls = [video.control_margin for video in judged if video.control_margin is not None]
    return replace(
        max(said, key=lambda video: video.width),
        label=max(video.label for video in said),
        margin=fmean(margins) if margins else None,
        cue_margin=None,
        control_margin=fmean(controls) if controls and len(controls) == len(judged) else None,
        control_cue_margin=None,
        sample_margins=(),
        abstain_reason="" if margins else "; ".join(dict.fromkeys(video.abstain_reason for video in said)),
    )


def _fused(ensemble: StoredEnsemble, said: Mapping[str, ScoredVideo]) -> ScoredVideo:
    margins = {label: video.margin for label, video in said.items()}
    found = ensemble.fusion.fuse(dict(ensemble.ratios(margins)))
    controls = {label: video.control_margin for label, video in said.items() if video.margin is not None}
    complete = bool(controls) and None not in controls.values()
    control = ensemble.fusion.fuse(dict(ensemble.ratios(controls))).llr if complete else None
    reasons = dict.fromkeys(f"{label}: {video.abstain_reason}" for label, video in said.items() if video.abstain_reason)
    known = max(said.values(), key=lambda video: video.width)  # one that could not be prepared knows nothing of it
    return replace(
        known,
        label=max(video.label for video in said.values()),
        margin=found.llr,
        cue_margin=None,
        control_margin=control,
        control_cue_margin=None,
        sample_margins=(),
        abstain_reason="" if found.llr is not None else "; ".join(reasons),
    )
