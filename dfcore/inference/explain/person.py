"""One specialist's explanation of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dfcore.data.clips import Clip
from dfcore.data.samples import spread
from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.genuine import GenuineStatistics, genuine_path
from dfcore.inference.explain.course import Timeline, spans_of, threshold_of
from dfcore.inference.explain.effects import (
    Halves,
    attention_map,
    cue_effects,
    cue_map_region,
    face_region,
    halves_of,
)
from dfcore.inference.explain.sentence import sentence
from dfcore.inference.explanation import SpecialistExplanation
from dfcore.inference.judging import BATCH, read_batch, specialists_code, usable_clips
from dfcore.inference.models import Member
from dfcore.models.findings import finding_of, measured

__all__ = ["Samples", "explain_person", "find_genuine", "read_samples"]

MOST_SAMPLES = 16
"""Samples that cues are replaced in, at most."""
FACE_SAMPLES = 4
"""Samples whose faces are hidden cell by cell, at most: each takes the backbone dozens of times."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A person's samples as a specialist reads them.

    Attributes:
        halves: of all.
        face: the face view of those in ``chosen``, ``[b, 3, S, S]``.
        chosen: which of the samples these are.
        numbers: the plugin's, means over the samples in which they can be measured.
    """

    halves: Halves
    face: Tensor
    chosen: list[int]
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def face_halves(self) -> Halves:
        """The halves of the samples in ``chosen``."""
        halves, chosen = self.halves, self.chosen
        return Halves(halves.tokens[chosen], halves.cue_map[chosen], halves.margins[chosen], halves.attention[chosen])


def find_genuine(member: Member) -> tuple[GenuineStatistics | None, str]:
    """The statistics beside a specialist's weights; else None and why cues cannot be replaced."""
    path = genuine_path(member.path)
    if not path.is_file():
        return None, (
            "cues were not replaced: no statistics of genuine videos lie beside these weights "
            f"(dfcore calibrate {member.path} makes them)"
        )
    try:
        return GenuineStatistics.read(path, member.model.spec, member.hash), ""
    except CheckpointError as error:
        return None, f"cues were not replaced: {error}"


def read_samples(member: Member, clips: Sequence[Clip], device: str) -> Samples:
    """The samples that the specialist judges, at most :data:`MOST_SAMPLES` of them.

    Args:
        member: the specialist.
        clips: that it can judge (:func:`dfcore.inference.judging.usable_clips`).
        device: where it is.

    Raises:
        DataError: a margin is not a finite number.
    """
    model = member.model
    draws = spread([len(clip.header.frames) for clip in clips], min(member.samples, MOST_SAMPLES), model.spec.frames)
    total = min(FACE_SAMPLES, len(draws))
    chosen = sorted({(2 * k + 1) * len(draws) // (2 * total) for k in range(total)})
    parts, faces = [], []
    numbers: dict[str, list[NDArray[np.float64]]] = {}
    for start in range(0, len(draws), BATCH):
        views = read_batch(member, clips, draws[start : start + BATCH], device)
        parts.append(halves_of(model, views))
        faces.append(views["face"][[place - start for place in chosen if start <= place < start + BATCH]])
        for name, values in measured(model, views).items():
            numbers.setdefault(name, []).append(values)
    halves = Halves.joined(parts)
    if not np.isfinite(halves.margins).all():
        raise DataError(f"a score of {member.label} is not a finite number: there is nothing to explain.")
    whole = {name: np.concatenate(values) for name, values in numbers.items()}
    means = {name: float(np.nanmean(values)) for name, values in whole.items() if not np.isnan(values).all()}
    return Samples(halves, torch.cat(faces), chosen, means)


def explain_person(
    member: Member,
    clips: Sequence[Clip],
    genuine: GenuineStatistics | None,
    timeline: Timeline,
    device: str,
    *,
    in_class: str | None = None,
    note: str = "",
) -> SpecialistExplanation:
    """What a specialist's score of a person rests on.

    Args:
        member: the specialist.
        clips: the person's, of a job that serves its plan.
        genuine: what genuine videos look like to it; None takes no cue away.
        timeline: the person's clips along the video.
        device: where it is.
        in_class: of the video (:func:`dfcore.evaluation.verdicts.rules.class_key`).
        note: why there are no statistics.

    Raises:
        DataError: a margin is not a finite number.
        PluginError: the specialist's code raised something.
    """
    model, spec = member.model, member.model.spec
    moments = timeline.moments()
    threshold, words = threshold_of(member, in_class)
    with specialists_code(member):
        usable, reason = usable_clips(member, clips)
        if not usable:
            return SpecialistExplanation(member.label, spec.title, abstained=reason, course=moments)
        samples = read_samples(member, usable, device)
        finding = finding_of(spec)
        said, numbers = "", dict[str, float]()
        if finding is not None:
            said, numbers = sentence(finding.traces, samples.numbers, genuine, timeline)
        regions = [face_region(model, samples.face, samples.face_halves)]
        if genuine is not None and spec.spatial_map:
            regions.append(cue_map_region(model, samples.halves, genuine.mean))
        return SpecialistExplanation(
            label=member.label,
            title=spec.title,
            margin=float(samples.halves.margins.mean()),
            finding=said or "Its plugin says nothing in words.",
            numbers=numbers,
            cues=() if genuine is None else cue_effects(model, samples.halves, genuine),
            regions=tuple(regions),
            attention=attention_map(samples.halves) if spec.spatial_map else None,
            course=moments,
            spans=spans_of(moments, threshold),
            threshold=threshold,
            threshold_from=words,
            samples=len(samples.halves.margins),
            notes=(note,) if note else (),
        )
