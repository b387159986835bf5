"""Light and colour balance of the face against those of its surround.

Irradiance on a convex body is nine-tenths described by spherical harmonics up to order 2 (Ramamoorthi and Hanrahan,
SIGGRAPH 2001). Seen from the front, their restriction to the image is a quadratic in x and y: it is fitted to the log
luminance of face and surround apart, by weighted least squares. Colour balance is the mean of the log ratios R/G and
B/G, which a change of the light's colour moves by the same amount everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_bg.kinship import KINSHIP, KINSHIP_CELL, kinship
from dfs_bg.regions import Region, broadcast, cells, contrast, log_chromaticity

__all__ = ["COEFFICIENTS", "LightingCue", "harmonics", "light_fit"]

COEFFICIENTS = 6
_SIDE = 28
"""Light is smooth: it is fitted at a quarter of the working size."""
_DARK = 0.02
_RIDGE = 1e-3


def harmonics(side: int, device: torch.device | None = None) -> Tensor:
    """1, x, y, xy, x^2 - y^2, x^2 + y^2 - 2/3 on a grid over -1..1: ``[side * side, 6]``."""
    places = (torch.arange(side, device=device) + 0.5) * 2 / side - 1
    y, x = (grid.flatten() for grid in torch.meshgrid(places, places, indexing="ij"))
    return torch.stack([torch.ones_like(x), x, y, x * y, x * x - y * y, x * x + y * y - 2 / 3], -1)


def light_fit(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted least squares of ``values`` ``[B, N]`` on the harmonics (N a square): coefficients ``[B, 6]``."""
    basis = harmonics(int(values.shape[1] ** 0.5), values.device)
    share = (weight + 1e-4) / (weight + 1e-4).sum(1, keepdim=True)
    gram = torch.einsum("bn,ni,nj->bij", share, basis, basis)
    ridge = torch.full((COEFFICIENTS,), _RIDGE, device=values.device)
    ridge[0] = 1e-6
    right = torch.einsum("bn,ni->bi", share * values, basis)
    found: Tensor = torch.linalg.solve_ex(gram + torch.diag(ridge), right[..., None]).result[..., 0]
    return found


class LightingCue(nn.Module):
    """The cue ``lighting``: ``[B, channels, 7, 7]``.

    The light's coefficients in the face, in the surround, and their difference; the face's and a near ring's colour
    balance; each cell's light and balance beside the fit's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = CueProjection(3 * COEFFICIENTS + 3 * 3 + 4 + KINSHIP + KINSHIP_CELL, channels, hidden=48)

    def forward(self, region: Region) -> Tensor:
        """The cue's part of the map."""
        with torch.no_grad():
            features = self.describe(region)
        out: Tensor = self.projection(features)
        return out

    def describe(self, region: Region) -> Tensor:
        """The operator alone: ``[B, 183, 49]``."""
        rgb = F.adaptive_avg_pool2d(region.rgb, _SIDE)
        mask = F.adaptive_avg_pool2d(region.mask, _SIDE).flatten(1)
        light = torch.log(F.adaptive_avg_pool2d(region.luma, _SIDE).flatten(1).clamp(min=0) + _DARK)
        inside, outside = light_fit(light, mask), light_fit(light, 1 - mask)
        colour = torch.cat([log_chromaticity(rgb), light.unflatten(1, (1, _SIDE, _SIDE))], 1)
        flat = colour.flatten(2)
        near = F.max_pool2d(mask.unflatten(1, (1, _SIDE, _SIDE)), 7, 1, 3).flatten(1)
        ring = near - mask
        core = mask * (mask > 0.99)
        balance = contrast(flat, mask)
        nearby = _mean(flat, core) - _mean(flat, ring)
        spread = (_mean(flat.square(), core) - _mean(flat, core).square()).clamp(min=0).sqrt()
        broad = torch.cat([inside, outside, inside - outside, balance, nearby, spread], 1)
        fitted = outside @ harmonics(_SIDE, light.device).T
        off = (light - fitted).unflatten(1, (1, _SIDE, _SIDE))
        local = cells(torch.cat([colour, off], 1))
        kin, kin_cells = kinship(region)
        return torch.cat([broadcast(torch.cat([broad, kin], 1)), local, kin_cells], 1)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    raised = (weight + 1e-4)[:, None]
    return (values * raised).sum(-1) / raised.sum(-1)
