"""One specialist's score of one person: the mean log-odds over fixed samples of the person's clips."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from dfcore.announcement.source import place_of
from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.spread import spread
from dfcore.data.views import build_views
from dfcore.data.views.finish import move_views
from dfcore.errors import DataError, DfcoreError
from dfcore.inference.clips import own_clip
from dfcore.inference.models import Member
from dfcore.inference.results import SpecialistScore
from dfcore.models.guard import not_finite_cues, run_cue_module
from dfcore.models.specialist import Specialist
from dfcore.plugins.calls import plugin_error
from dfcore.plugins.discovery import distribution_of
from dfcore.specs import resolve

__all__ = ["BATCH", "Sample", "judge", "probability", "read_batch", "samples_of", "specialists_code"]

BATCH = 8
"""Samples that are in memory at once."""


def probability(margin: float) -> float:
    """The probability that belongs to log-odds: the logistic function, without overflow."""
    return 0.5 * (1.0 + math.tanh(margin / 2.0))


def judge(member: Member, clips: Sequence[Clip], device: str) -> SpecialistScore:
    """The specialist's score of a person.

    Args:
        member: the specialist.
        clips: of a job that serves its plan: the specialist gets of them what its own plan would give.
        device: where it is.

    Raises:
        DataError: the score is not a finite number.
        PluginError: the specialist's code raised something.
    """
    with specialists_code(member):
        draws, reason = samples_of(member, clips, member.samples)
        if not draws:
            return SpecialistScore(abstained=reason, counted=member.counted)
        margins, cues = _margins(member, draws, device)
    margin, cue = math.fsum(margins) / len(margins), math.fsum(cues) / len(cues)
    if not (math.isfinite(margin) and math.isfinite(cue)):
        _require_good_maps(member, draws, device)
        raise DataError(
            f"the score of {member.label} is not a finite number ({margin}): its weights or this file's values are too "
            "large for the computation. Judge it without this specialist, or on another device."
        )
    return SpecialistScore(probability(margin), margin, probability(cue), len(margins), counted=member.counted)


@contextmanager
def specialists_code(member: Member) -> Iterator[None]:
    """What comes out of the code of the specialist's plugin inside is a PluginError."""
    try:
        yield
    except (DfcoreError, MemoryError):
        raise
    except Exception as error:
        if _is_the_plugins(member, error):
            raise plugin_error(f"specialist {member.model.spec.name!r}", member.model.spec.module, error) from error
        raise


class Sample(NamedTuple):
    """A clip, positions of frames in it, and the same person's other clips of the video, in order of time."""

    clip: Clip
    frames: Sequence[int]
    others: Sequence[Clip] = ()


def samples_of(member: Member, clips: Sequence[Clip], samples: int) -> tuple[list[Sample], str]:
    """The samples that the specialist judges, of the clips as its own plan has them, and why there is none.

    They are spread over all clips before those without a score are left out, as evaluation does.

    Args:
        member: the specialist.
        clips: of a job that serves its plan.
        samples: how many at most.
    """
    own = [own_clip(clip, member.plan, member.model.spec.evidence) for clip in clips]
    reasons = _reasons(member, own)
    found = spread([len(clip.header.frames) for clip in own], samples, member.model.spec.frames)
    kept = [
        Sample(own[index], frames, [*own[:index], *own[index + 1 :]])
        for index, frames in found
        if reasons[index] is None
    ]
    why = next((reason for reason in reasons if reason is not None), "it has no clip that it can judge")
    return kept, "" if kept else why


def read_batch(member: Member, samples: Sequence[Sample], device: str) -> dict[str, torch.Tensor]:
    """The views of some samples, ``[B, ...]`` each, on ``device``."""
    model = member.model
    views = [
        build_views(
            MemoryClip(one.clip),
            model.view_names,
            one.frames,
            image_size=model.image_size,
            others=[MemoryClip(other) for other in one.others],
            finish=False,
        )
        for one in samples
    ]
    stacked = {name: torch.stack([view[name] for view in views]) for name in views[0]}
    return move_views(stacked, torch.device(device), channels_last=False)


def _reasons(member: Member, clips: Sequence[Clip]) -> list[str | None]:
    """Why the specialist cannot judge a clip, or None where it can, for each."""
    path = member.model.spec.abstain_reason
    if not path:
        return [None] * len(clips)
    abstain_reason = resolve(path, f"specialist {member.model.spec.name!r}")
    reasons = [abstain_reason(MemoryClip(clip)) for clip in clips]
    return [None if reason is None else str(reason) for reason in reasons]


@torch.inference_mode()
def _margins(member: Member, draws: Sequence[Sample], device: str) -> tuple[list[float], list[float]]:
    """The log-odds of each sample: of the classifier, and of the cue head alone."""
    model = member.model
    fused: list[float] = []
    cue: list[float] = []
    for views in _batches(member, draws, device):
        output = model(views)
        for logits, found in ((output.logits, fused), (output.cue_logits, cue)):
            wide = logits.float().cpu().double()
            found.extend((wide[:, 1] - wide[:, 0]).tolist())
    return fused, cue


def _batches(member: Member, draws: Sequence[Sample], device: str) -> Iterator[dict[str, torch.Tensor]]:
    """The views of the samples, some at a time."""
    for start in range(0, len(draws), BATCH):
        yield read_batch(member, draws[start : start + BATCH], device)


@torch.inference_mode()
def _require_good_maps(member: Member, draws: Sequence[Sample], device: str) -> None:
    """Say so where a score is no finite number because the cue module gave such values, on weights that are finite."""
    model = member.model
    if not isinstance(model, Specialist) or not all(torch.isfinite(one).all() for one in model.parameters()):
        return
    for views in _batches(member, draws, device):
        cue_map = run_cue_module(model.spec, model.cue_module, views)
        odd = not_finite_cues(model.spec, (~torch.isfinite(cue_map)).sum(dim=(0, 2, 3)))
        if odd:
            package, version = distribution_of(model.spec.module)
            raise DataError(
                f"the cue module of specialist {model.spec.name!r}, {model.spec.module} "
                f"({place_of(type(model.cue_module).forward)}), gave values that are not finite numbers for this file, "
                f"in {odd}. This is a fault of the plugin {package} {version}: report it to its authors, and judge "
                "this file without the specialist."
            )


def _is_the_plugins(member: Member, error: Exception) -> bool:
    """Whether an exception came through the code of the specialist's plugin."""
    package = member.model.spec.module.partition(":")[0].partition(".")[0]
    frames = traceback.extract_tb(error.__traceback__)
    return any(package in (*Path(frame.filename).parts, Path(frame.filename).stem) for frame in frames)
