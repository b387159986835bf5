"""What a score rests on, tested by taking it away.

All of it works on a model and a batch of views. The two halves of a specialist, the backbone's tokens and the cue map,
are computed once; then parts of the cue map are replaced by what genuine videos have there, and the score is computed
again through the attention head and the classifier. Parts of the face are hidden by blurring them, and the backbone
runs again.

An *effect* is the margin (log-odds of "fake") minus the margin without the part, the mean over the samples: positive
where the part speaks for "fake". Each stands beside that of parts of the same size drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dfcore.evaluation.genuine import GenuineStatistics, cue_slices
from dfcore.inference.explanation import CueEffect, Map, RegionEffect
from dfcore.models.protocols import Views
from dfcore.models.specialist import Specialist
from dfcore.specs import MAP_SIZE

__all__ = [
    "TOP_CELLS",
    "Halves",
    "as_map",
    "attention_map",
    "blurred",
    "cue_effects",
    "cue_map_region",
    "face_region",
    "halves_of",
    "hide_face_cells",
    "replace_cues",
    "strongest",
    "top_cells",
]

TOP_CELLS = 5
"""Cells that are taken away together: a tenth of the map."""
DRAWS = 8
"""Random draws that a control is the mean of."""
AT_ONCE = 32
"""Samples that go through the model together."""
CELLS = MAP_SIZE * MAP_SIZE

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
_MarginsOf = Callable[[Masks], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """A batch before its two halves meet.

    Attributes:
        tokens: the backbone's, ``[B, F, 7, 7]``.
        cue_map: ``[B, C, 7, 7]``.
        margins: float64 ``[B]``, of the whole model.
        attention: ``[B, 49, 49]``.
    """

    tokens: Tensor
    cue_map: Tensor
    margins: Floats
    attention: Tensor

    @property
    def mean_cue_map(self) -> NDArray[np.float32]:
        """Over the samples: float32 ``[C, 7, 7]``."""
        found: NDArray[np.float32] = self.cue_map.float().mean(0).cpu().numpy()
        return found

    @classmethod
    def joined(cls, parts: Sequence[Halves]) -> Halves:
        """Several batches as one."""
        return cls(
            torch.cat([part.tokens for part in parts]),
            torch.cat([part.cue_map for part in parts]),
            np.concatenate([part.margins for part in parts]),
            torch.cat([part.attention for part in parts]),
        )


def _margins(logits: Tensor) -> Floats:
    wide = logits.detach().float().cpu().double()
    found: Floats = (wide[:, 1] - wide[:, 0]).numpy()
    return found


@torch.inference_mode()
def halves_of(model: Specialist, views: Views) -> Halves:
    """The halves of a batch of views, and what the whole model says of it."""
    tokens, cue_map = model.encode(views)
    output = model.decide(tokens, cue_map)
    return Halves(tokens, cue_map, _margins(output.logits), output.attention)


@torch.inference_mode()
def replace_cues(model: Specialist, halves: Halves, mean: NDArray[np.floating], masks: Masks) -> Floats:
    """The margins after parts of the cue map are replaced: float64 ``[V, B]``.

    Args:
        model: the specialist.
        halves: the batch.
        mean: what comes in their place, ``[C, 7, 7]``: the genuine videos' mean.
        masks: bool ``[V, C, 7, 7]``, the parts, each replaced alone.
    """
    size = len(halves.margins)
    instead = torch.as_tensor(mean, dtype=halves.cue_map.dtype, device=halves.cue_map.device)
    found, step = [], max(1, AT_ONCE // size)
    for start in range(0, len(masks), step):
        chosen = torch.as_tensor(masks[start : start + step], device=halves.cue_map.device)[:, None]
        changed = torch.where(chosen, instead, halves.cue_map)  # [v, B, C, 7, 7]
        tokens = halves.tokens.expand(len(chosen), *halves.tokens.shape)
        logits = model.decide(tokens.flatten(0, 1), changed.flatten(0, 1)).logits
        found.append(_margins(logits).reshape(len(chosen), size))
    return np.concatenate(found)


@torch.inference_mode()
def hide_face_cells(model: Specialist, face: Tensor, halves: Halves, masks: Masks) -> Floats:
    """The margins after cells of the face view are blurred away: float64 ``[V, B]``.

    Args:
        model: the specialist.
        face: the view, ``[B, 3, S, S]``.
        halves: of the same batch; its cue map is left as it is.
        masks: bool ``[V, 7, 7]``, the cells, each set hidden alone.
    """
    size, hidden = len(face), blurred(face)
    found, step = [], max(1, AT_ONCE // size)
    for start in range(0, len(masks), step):
        weight = _soft(torch.as_tensor(masks[start : start + step], device=face.device), face.shape[-1])
        count = len(weight)
        changed = face + weight[:, None, None] * (hidden - face)  # [v, B, 3, S, S]
        cues = halves.cue_map.expand(count, *halves.cue_map.shape)
        logits = model.decide(model.tokens(changed.flatten(0, 1)), cues.flatten(0, 1)).logits
        found.append(_margins(logits).reshape(count, size))
    return np.concatenate(found)


def blurred(face: Tensor) -> Tensor:
    """A face of which only light and shade are left: means over its 49 cells, smoothly joined."""
    coarse = F.adaptive_avg_pool2d(face, MAP_SIZE)
    return F.interpolate(coarse, size=face.shape[-2:], mode="bilinear", align_corners=False)


def _soft(masks: Tensor, side: int) -> Tensor:
    """Cells ``[V, 7, 7]`` as weights of an image's pixels ``[V, side, side]``, with edges soft over a quarter cell: a
    hard edge would be a seam, which is what detectors look for.
    """
    width = max(1, side // (4 * MAP_SIZE)) | 1
    whole = F.interpolate(masks[:, None].float(), size=(side, side), mode="nearest")
    return F.avg_pool2d(F.pad(whole, (width // 2,) * 4, "replicate"), width, 1)[:, 0]


def cue_effects(
    model: Specialist, halves: Halves, genuine: GenuineStatistics, *, draws: int = DRAWS, seed: int = 0
) -> tuple[CueEffect, ...]:
    """Each announced cue: how unlike genuine videos it is, and what the score is without it.

    The control takes as many channels of other cues, or of all where the others have fewer.

    Args:
        model: the specialist.
        halves: the samples.
        genuine: what genuine videos have.
        draws: of the control.
        seed: of these.
    """
    rng = np.random.default_rng(seed)
    off = genuine.deviations(halves.mean_cue_map)
    base, found = float(halves.margins.mean()), []
    for name, channels in cue_slices(model.spec.cues).items():
        own = np.arange(model.spec.channels)[channels]
        others = np.setdiff1d(np.arange(model.spec.channels), own)
        pool = others if len(others) >= len(own) else np.arange(model.spec.channels)
        sets = [own, *(rng.choice(pool, len(own), replace=False) for _ in range(draws))]
        masks = np.zeros((len(sets), model.spec.channels, MAP_SIZE, MAP_SIZE), bool)
        for mask, chosen in zip(masks, sets, strict=True):
            mask[chosen] = True
        effects = base - replace_cues(model, halves, genuine.mean, masks).mean(axis=1)
        found.append(
            CueEffect(
                cue=name,
                channels=len(own),
                deviation=float(np.sqrt(np.square(off[channels]).mean())),
                effect=float(effects[0]),
                random_effect=float(effects[1:].mean()),
                usual=genuine.usual.get(name),
            )
        )
    return tuple(found)


def cue_map_region(
    model: Specialist, halves: Halves, mean: NDArray[np.floating], *, draws: int = DRAWS, seed: int = 0
) -> RegionEffect:
    """The cells of the cue map: each alone, the strongest together, and as many at random.

    Args:
        model: the specialist.
        halves: the samples.
        mean: what comes in a cell's place, ``[C, 7, 7]``.
        draws: of the control.
        seed: of these.
    """

    def margins(cells: Masks) -> Floats:
        shape = (len(cells), model.spec.channels, MAP_SIZE, MAP_SIZE)
        return replace_cues(model, halves, mean, np.broadcast_to(cells[:, None], shape).copy())

    return _region("cue map", float(halves.margins.mean()), margins, draws, seed)


def face_region(model: Specialist, face: Tensor, halves: Halves, *, draws: int = DRAWS, seed: int = 0) -> RegionEffect:
    """The cells of the face view, likewise; hidden by blurring them.

    Args:
        model: the specialist.
        face: the view, ``[B, 3, S, S]``.
        halves: of the same samples.
        draws: of the control.
        seed: of these.
    """
    return _region(
        "face",
        float(halves.margins.mean()),
        lambda cells: hide_face_cells(model, face, halves, cells),
        draws,
        seed,
    )


def top_cells(effects: Floats, count: int = TOP_CELLS) -> tuple[tuple[int, int], ...]:
    """Row and column of the cells that speak most for "fake", the strongest first; those that do not are left out.

    Args:
        effects: ``[7, 7]``.
        count: at most.
    """
    return tuple(divmod(cell, effects.shape[1]) for cell in strongest(effects.reshape(-1), count))


def strongest(effects: Floats, count: int) -> tuple[int, ...]:
    """Which of ``[n]`` effects are the largest, the largest first; those that are not above 0 are left out."""
    return tuple(int(one) for one in np.argsort(-effects, kind="stable")[:count] if effects[one] > 0)


def _region(on: str, base: float, margins: _MarginsOf, draws: int, seed: int) -> RegionEffect:
    each = np.eye(CELLS, dtype=bool).reshape(CELLS, MAP_SIZE, MAP_SIZE)
    effects = (base - margins(each).mean(axis=1)).reshape(MAP_SIZE, MAP_SIZE)
    cells = top_cells(effects)
    if not cells:
        return RegionEffect(on, as_map(effects), (), 0.0, 0.0)
    rng = np.random.default_rng(seed)
    masks = np.zeros((1 + draws, CELLS), bool)
    masks[0, [row * MAP_SIZE + column for row, column in cells]] = True
    for mask in masks[1:]:
        mask[rng.choice(CELLS, len(cells), replace=False)] = True
    together = base - margins(masks.reshape(-1, MAP_SIZE, MAP_SIZE)).mean(axis=1)
    return RegionEffect(on, as_map(effects), cells, float(together[0]), float(together[1:].mean()))


def attention_map(halves: Halves) -> Map:
    """The share of the attention that each cell of the cue map gets, the mean over backbone cells and samples."""
    return as_map(halves.attention.float().mean((0, 1)).reshape(MAP_SIZE, MAP_SIZE).cpu().double().numpy())


def as_map(values: NDArray[np.floating]) -> Map:
    """``[7, 7]`` as rows of numbers."""
    return tuple(tuple(float(one) for one in row) for row in values)
