"""What specialists and a frozen encoder see in clips of a video, computed once and kept.

A kept file holds, for the n clips of a video (or the 2n of its pairs), ``data`` with the cue module's fixed features by
name, ``cells`` ``[n, 49]`` with 1 for a cell that is background, and ``why`` where nothing was judged. The encoder's
mean features of the face lie beside under the specialist's name ``probe``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.clips.part import cut_part
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.data.prepare.extract import extract_for_plans
from dfcore.data.spread import spread
from dfcore.data.views import build_views
from dfcore.errors import DfcoreError
from dfcore.specs import SpecialistSpec, resolve
from dfcore.testing.recoded import recoded

from ..features import describe, make_backbone
from ..pairs import sources
from .training import Recipe, made_pairs

__all__ = ["PROBE", "Job", "Kept", "background_only", "look", "mark", "needs"]

PROBE = "probe"
"""The frozen encoder's name among the specialists."""
TRAIN_FRAMES = 24
"""Frames of a clip that pseudo-fakes are made of: dropping some leaves what TM needs."""
_SIZE = 224
Kept = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """A video and what is to be kept of it.

    Attributes:
        path: the video.
        specs: the specialists.
        places: where each one's features of the video's own clips go, by name.
        again: codecs that the video's clips are written with once more, and where each specialist's features of that
            go: genuine footage of another codec is as genuine.
        recipes: the pseudo-fakes to make of it, and where each specialist's features of them go.
        clips: of the video.
        backbone: the frozen encoder's name, or "".
    """

    path: Path
    specs: tuple[SpecialistSpec, ...]
    places: Mapping[str, Path]
    again: tuple[tuple[str, str, Path], ...]
    recipes: tuple[tuple[Recipe, Path], ...]
    clips: int
    backbone: str


def mark(spec: SpecialistSpec) -> str:
    """Changes with the specialist's operators."""
    parts = (sources(spec.module), *(sources(evidence.extractor) for evidence in spec.evidence), spec.frames)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


def needs(job: Job) -> bool:
    """Whether something is not there yet."""
    made = (*(place for _, _, place in job.again), *(place for _, place in job.recipes))
    return any(not place.exists() for place in (*job.places.values(), *made))


def look(job: Job) -> None:
    """Make what is not there yet, from one pass over the file."""
    dense = LANDMARKS if any(spec.uses_landmarks for spec in job.specs) else 0
    plans = [ClipPlan(clips=job.clips, frames=max(spec.clip_frames for spec in job.specs), landmarks=dense)]
    if job.recipes:
        plans.append(ClipPlan(clips=job.clips, frames=TRAIN_FRAMES, landmarks=dense))
    try:
        found = extract_for_plans(job.path, plans, threads=1)
        (clips, why), (whole, reason) = ((one.clips, one.reason) for one in (found[0], found[-1]))
    except DfcoreError as error:
        clips, whole = (), ()
        why = reason = str(error)
    for name, place in job.places.items():
        if not place.exists():
            spec = next((spec for spec in job.specs if spec.name == name), None)
            _save(place, _kept([(clip, 0) for clip in clips], spec, job.backbone, why))
    for codec, name, place in job.again:
        if not place.exists():
            spec = next(spec for spec in job.specs if spec.name == name)
            _save(place, _kept([(recoded(clip, codec), 0) for clip in clips], spec, "", why))
    for recipe, place in job.recipes:
        if not place.exists():
            spec = next(spec for spec in job.specs if spec.name == recipe.specialist)
            pairs = made_pairs(whole, spec, recipe)
            kept = _kept(pairs, spec, "", reason)
            if job.backbone:
                kept[PROBE] = _kept(pairs, None, job.backbone, reason)["data"].get(PROBE)
            _save(place, kept)


def _kept(clips: Sequence[tuple[Clip, int]], spec: SpecialistSpec | None, backbone: str, why: str) -> Kept:
    """Of clips and their labels; ``spec`` None is the encoder."""
    rows: list[dict[str, Tensor]] = []
    cells, labels = [], []
    for clip, label in clips:
        part = cut_part(clip, spec.clip_frames) if spec else clip
        reason = resolve(spec.abstain_reason)(MemoryClip(part)) if spec and spec.abstain_reason else None
        if reason is not None:
            why = reason
            continue
        row, background = _seen(part, spec, backbone)
        rows.append(row)
        cells.append(background)
        labels.append(label)
    data = {name: torch.cat([row[name] for row in rows]) for name in rows[0]} if rows else {}
    return {
        "data": data,
        "cells": torch.stack(cells) if cells else torch.zeros(0, 49),
        "label": torch.tensor(labels, dtype=torch.int64),
        "why": why,
    }


@torch.no_grad()
def _seen(clip: Clip, spec: SpecialistSpec | None, backbone: str) -> tuple[dict[str, Tensor], Tensor]:
    names = ["background_cells"]
    if spec is None:
        names.append("face")
        frames: Sequence[int] = [len(clip.header.frames) // 2]
    else:
        frames = spread([len(clip.header.frames)], 1, spec.frames)[0][1]
        for evidence in spec.evidence:
            clip.evidence[evidence.name] = resolve(evidence.extractor)(clip)
        names += [*spec.views, *(evidence.name for evidence in spec.evidence)]
    views = build_views(MemoryClip(clip), tuple(dict.fromkeys(names)), frames, image_size=_SIZE)
    cells = views.pop("background_cells").flatten()
    if spec is None:
        return {PROBE: _encoder(backbone)(views["face"][None]).mean((2, 3))}, cells
    return describe(_module(spec.module), {name: view[None] for name, view in views.items()}), cells


_BUILT: dict[str, Any] = {}


def _module(path: str) -> Any:
    if path not in _BUILT:
        _BUILT[path] = resolve(path)().eval()
    return _BUILT[path]


def _encoder(name: str) -> Any:
    if name not in _BUILT:
        _BUILT[name] = make_backbone(name, _SIZE)
    return _BUILT[name]


def _save(place: Path, kept: Kept) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{os.getpid()}-{place.name}")
    torch.save(kept, part)
    part.replace(place)


def background_only(data: Mapping[str, Tensor], cells: Tensor) -> dict[str, Tensor]:
    """Features of the background alone: the control that a figure is read beside.

    A feature that is the same in all cells of every sample speaks of the whole window, face and all, and becomes 0; in
    a cell that is not background every other takes its mean over the cells that are.

    Args:
        data: features ``[N, K, 49]`` or ``[N, 49, K]``; what has no 49 cells is left out.
        cells: ``[N, 49]``, 1 for background.
    """
    found = {}
    count = cells.sum(1).clamp(min=1)
    for name, values in data.items():
        last = values.ndim == 3 and values.shape[1] == 49 and values.shape[2] != 49
        if values.ndim != 3 or (not last and values.shape[2] != 49):
            continue
        maps = values.mT if last else values  # [N, K, 49]
        local = (maps.amax(2) - maps.amin(2)).amax(0) > 1e-5
        mean = (maps * cells[:, None]).sum(2) / count[:, None]
        kept = torch.where(cells[:, None] > 0, maps, mean[..., None]) * local[:, None]
        found[name] = kept.mT if last else kept
    return found
