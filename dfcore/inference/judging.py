"""One specialist's score of one person: the mean log-odds over fixed samples of the person's clips."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.samples import spread
from dfcore.data.views import build_views
from dfcore.errors import DataError, DfcoreError
from dfcore.inference.extraction import own_clip
from dfcore.inference.models import Member
from dfcore.inference.results import SpecialistScore
from dfcore.plugin_code import plugin_error
from dfcore.specs import resolve

__all__ = ["BATCH", "Draws", "judge", "probability", "read_batch", "specialists_code", "usable_clips"]

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
        usable, reason = usable_clips(member, clips)
        if not usable:
            return SpecialistScore(abstained=reason, counted=member.counted)
        margins, cues = _margins(member, usable, device)
    margin, cue = math.fsum(margins) / len(margins), math.fsum(cues) / len(cues)
    if not (math.isfinite(margin) and math.isfinite(cue)):
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


def usable_clips(member: Member, clips: Sequence[Clip]) -> tuple[list[Clip], str]:
    """The clips that the specialist can judge, as its own plan has them, and why there is none.

    Args:
        member: the specialist.
        clips: of a job that serves its plan.
    """
    own = [own_clip(clip, member.plan, member.model.spec.evidence) for clip in clips]
    path = member.model.spec.abstain_reason
    if not path:
        return own, ""
    abstain_reason = resolve(path, f"specialist {member.model.spec.name!r}")
    reasons = [abstain_reason(MemoryClip(clip)) for clip in own]
    usable = [clip for clip, reason in zip(own, reasons, strict=True) if reason is None]
    why = next((str(reason) for reason in reasons if reason is not None), "it has no clip that it can judge")
    return usable, "" if usable else why


Draws = Sequence[tuple[int, list[int]]]
"""Samples: the place of a clip in a list of clips, and positions in it."""


def read_batch(member: Member, clips: Sequence[Clip], draws: Draws, device: str) -> dict[str, torch.Tensor]:
    """The views of some samples, ``[B, ...]`` each, on ``device``."""
    model = member.model
    views = [
        build_views(MemoryClip(clips[index]), model.view_names, frames, image_size=model.image_size)
        for index, frames in draws
    ]
    return {name: torch.stack([view[name] for view in views]).to(device) for name in views[0]}


@torch.inference_mode()
def _margins(member: Member, clips: Sequence[Clip], device: str) -> tuple[list[float], list[float]]:
    """The log-odds of each sample: of the classifier, and of the cue head alone."""
    model = member.model
    draws = spread([len(clip.header.frames) for clip in clips], member.samples, model.spec.frames)
    fused: list[float] = []
    cue: list[float] = []
    for start in range(0, len(draws), BATCH):
        output = model(read_batch(member, clips, draws[start : start + BATCH], device))
        for logits, found in ((output.logits, fused), (output.cue_logits, cue)):
            wide = logits.float().cpu().double()
            found.extend((wide[:, 1] - wide[:, 0]).tolist())
    return fused, cue


def _is_the_plugins(member: Member, error: Exception) -> bool:
    """Whether an exception came through the code of the specialist's plugin."""
    package = member.model.spec.module.partition(":")[0].partition(".")[0]
    frames = traceback.extract_tb(error.__traceback__)
    return any(package in (*Path(frame.filename).parts, Path(frame.filename).stem) for frame in frames)
