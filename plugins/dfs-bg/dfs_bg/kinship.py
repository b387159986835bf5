"""Kinship of colour: is the face's colour found again just outside of it?

Skin continues beyond the face: forehead, ears, neck. Its log chromaticity stays the same there, because it hardly
depends on the amount of light. A blended face has another one: the most similar colours around it differ from it, all
in the same direction.

For each ring around the face, two things are measured at two widths: the share of its pixels with the colour of the
face's core (a Parzen density), and the offset of their mean from that colour (one step of mean shift; Comaniciu and
Meer, TPAMI 2002). Hair, clothes and background differ much in colour and get no weight. Nirkin et al. (TPAMI 2021)
compare the same two regions by learned identities.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from dfs_bg.regions import Region, cells, log_chromaticity, polar_coordinates

__all__ = ["KINSHIP", "KINSHIP_CELL", "WIDTHS", "ZONES", "core_colour", "kinship", "zones"]

WIDTHS = (0.06, 0.15)
"""Standard deviations, in log chromaticity, within which a colour counts as alike."""
RINGS = (0.6, 0.75, 0.9, 1.05, 1.2, 1.4, 1.7)
"""Edges of the rings, in units of the face's half axes."""
ZONES = 3 * (len(RINGS) - 1)
KINSHIP = ZONES * len(WIDTHS) * 4
"""Features of the whole image."""
KINSHIP_CELL = len(WIDTHS) * 3 + 2
"""Features of a cell."""
_CORE = 0.6
_SIDE = 56
_BESIDE = 1e-4
"""Moves the zones' edges off places where pixels lie on them (those of a centred face): rounding would decide there."""
_NARROWING = (0.3, 0.15)
_RARE = 0.01
"""Share of a zone below which nothing alike is there."""


def zones(region: Region, side: int) -> Tensor:
    """Weights of the rings, of their lower quarter (the neck's side), and of their flanks (the ears' and cheeks'), 0 or
    1: ``[B, 18, side * side]``.
    """
    radius, angle = (grid.flatten(1) + _BESIDE for grid in polar_coordinates(region, side))
    rings = torch.stack([(radius >= low) & (radius < high) for low, high in pairwise(RINGS)], 1)
    below = ((angle > math.pi / 4) & (angle < 3 * math.pi / 4))[:, None]
    above = ((angle < -math.pi / 6) & (angle > -5 * math.pi / 6))[:, None]
    return torch.cat([rings, rings & below, rings & ~below & ~above], 1).float()


def core_colour(colour: Tensor, core: Tensor) -> Tensor:
    """The colour that most of the core has: its mean, then two steps of mean shift, so that eyes, mouth and light
    reflexes lose their say.

    Args:
        colour: float ``[B, 2, N]``.
        core: float ``[B, N]``, weights.

    Returns:
        float ``[B, 2, 1]``.
    """
    weight = core + 1e-6
    mean = (colour * weight[:, None]).sum(-1, keepdim=True) / weight.sum(-1)[:, None, None]
    for width in _NARROWING:
        alike = weight * torch.exp((colour - mean).square().sum(1) / (-2 * width**2))
        mean = (colour * alike[:, None]).sum(-1, keepdim=True) / alike.sum(-1)[:, None, None]
    return mean


def kinship(region: Region) -> tuple[Tensor, Tensor]:
    """Of the whole image ``[B, 144]``: for each zone and width the shift (2, in widths), its length, and the log
    share of what is alike. Of the cells ``[B, 8, 49]``: for each width the share and the shift, then how far the cell's
    mean colour lies from the core's.
    """
    colour = log_chromaticity(F.adaptive_avg_pool2d(region.rgb, _SIDE))
    radius, _ = polar_coordinates(region, _SIDE)
    off = colour.flatten(2) - core_colour(colour.flatten(2), (radius.flatten(1) + _BESIDE < _CORE).float())  # [B, 2, N]
    weight = zones(region, _SIDE)
    count = weight.sum(-1, keepdim=True).clamp(min=1)
    distance = off.square().sum(1, keepdim=True)
    whole, maps = [], []
    for width in WIDTHS:
        alike = torch.exp(distance / (-2 * width**2))
        held = torch.cat([alike, alike * off / width], 1)  # [B, 3, N]
        share, shift = (weight @ held.mT / count).split((1, 2), -1)  # [B, 18, 1], [B, 18, 2]
        shift = shift / (share + 2 * _RARE)
        whole += [shift, shift.square().sum(-1, keepdim=True).sqrt(), torch.log(share + _RARE)]
        share, shift = cells(held.unflatten(-1, (_SIDE, _SIDE))).split((1, 2), 1)
        maps += [share, shift / (share + 5 * _RARE)]
    maps.append(cells(off.unflatten(-1, (_SIDE, _SIDE))))
    return torch.cat(whole, -1).flatten(1), torch.cat(maps, 1)
