"""Optical flow from a local cost volume: how well each place matches its neighbourhood in the next frame.

The match is the normalised cross-correlation of small windows, for every displacement up to ``RADIUS`` pixels along
both axes: a local cost volume as in RAFT (Teed and Deng, ECCV 2020, section 3.2), on pixels instead of learned
features, and with no all-pairs part. Its soft-argmax is the flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.nn import functional as F

__all__ = ["GRID", "RADIUS", "STEP", "Flow", "correlation", "measure", "soft_argmax", "warped"]

RADIUS = 4
GRID = 14
"""Side of the flow field."""
STEP = 2
"""Pixels of the sequence per pixel of the images that are matched."""
_WINDOW = 8
_SHARPNESS = 40.0
"""Of the softmax over displacements, per unit of correlation: a match .05 better than the others takes most of it."""
_TEXTURE = 4.0
"""Squared luma levels of a window below which there is nothing to match."""


@dataclass(frozen=True, slots=True)
class Flow:
    """From each frame to the next, in pixels of the sequence.

    Attributes:
        vectors: float ``[B, T-1, 2, 14, 14]``, (x, y).
        peak: float ``[B, T-1, 14, 14]``, the best correlation.
        entropy: float, likewise, of the distribution over displacements, 0..1.
        second: float, likewise, the best correlation away from the peak, as a share of it.
        back: float, likewise, length of forward plus backward flow.
        residual: float ``[B, T-1, 14, 14]``, log mean squared difference after warping.
    """

    vectors: Tensor
    peak: Tensor
    entropy: Tensor
    second: Tensor
    back: Tensor
    residual: Tensor


def measure(luma: Tensor) -> Flow:
    """The flow of ``luma`` float ``[B, T, 112, 112]``."""
    small = F.avg_pool2d(luma, STEP)
    first, second = (part.flatten(0, 1) for part in (small[:, :-1], small[:, 1:]))
    volume = correlation(first, second)
    forward, share = soft_argmax(volume)
    backward, _ = soft_argmax(correlation(second, first))
    peak, place = volume.flatten(1, 2).max(1)
    entropy = -(share * torch.log(share + 1e-9)).sum(1) / torch.log(torch.tensor(float(share.shape[1])))
    back = (forward + _at(backward, forward)).square().sum(1).sqrt()
    error = (warped(first, forward) - second).square()
    residual = torch.log(F.adaptive_avg_pool2d(error[:, None], GRID)[:, 0] + 0.1)
    shape = luma.shape[0], luma.shape[1] - 1
    parts = (forward * STEP, peak, entropy, _second(volume, place) / peak.clamp(min=0.05), back * STEP, residual)
    return Flow(*(part.unflatten(0, shape) for part in parts))


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Normalised cross-correlation of 8x8 windows of two images ``[N, S, S]``, for every displacement of the second:
    ``[N, 9, 9, 14, 14]``, first axis down, second across. 0 where a window has no texture.
    """
    side, size = first.shape[-1], 2 * RADIUS + 1
    stride = side // GRID

    def mean(maps: Tensor, step: int = stride) -> Tensor:
        return F.avg_pool2d(maps[:, None], _WINDOW, step)[:, 0]

    # Windows near the edge see it repeated. The second image's window means are taken once, at every pixel, and
    # looked up for each displacement; only the product has to be taken anew.
    edge = (_WINDOW - stride) // 2
    first = F.pad(first[:, None], (edge,) * 4, "replicate")[:, 0]
    second = F.pad(second[:, None], (edge + RADIUS,) * 4, "replicate")[:, 0]
    width = first.shape[-1]
    own = mean(first)
    own_power = mean(first.square()) - own.square()
    others = mean(second, 1)
    other_powers = mean(second.square(), 1) - others.square()
    if is_compiling():
        return _row_by_row(first, second, own, own_power, others, other_powers)
    found = first.new_empty(len(first), size, size, GRID, GRID)
    for dy in range(size):
        for dx in range(size):
            other = others[:, dy : dy + side : stride, dx : dx + side : stride]
            power = other_powers[:, dy : dy + side : stride, dx : dx + side : stride]
            product = mean(first * second[:, dy : dy + width, dx : dx + width]) - own * other
            found[:, dy, dx] = product / (own_power * power).clamp(min=0).add(_TEXTURE**2).sqrt()
    return found


def _row_by_row(
    first: Tensor, second: Tensor, own: Tensor, own_power: Tensor, others: Tensor, other_powers: Tensor
) -> Tensor:
    """The same volume, all displacements across at once: a ninth of the operations, which makes a compiled graph small
    and quick, and 1.3 times the time where each is called by itself.
    """
    size, width = 2 * RADIUS + 1, first.shape[-1]
    stride = (width - _WINDOW) // (GRID - 1)
    side = stride * GRID

    def across(maps: Tensor, count: int, step: int) -> Tensor:
        at = (torch.arange(size)[:, None] + step * torch.arange(count)).flatten().to(maps.device)
        return maps.index_select(2, at).unflatten(2, (size, count)).transpose(1, 2)  # [N, 9, rows, count]

    wide = across(second, width, 1)
    means, powers = across(others, GRID, stride), across(other_powers, GRID, stride)
    found = []
    for dy in range(size):
        product = F.avg_pool2d(first[:, None] * wide[:, :, dy : dy + width], _WINDOW, stride)
        product = product - own[:, None] * means[:, :, dy : dy + side : stride]
        power = own_power[:, None] * powers[:, :, dy : dy + side : stride]
        found.append(product / power.clamp(min=0).add(_TEXTURE**2).sqrt())
    return torch.stack(found, 1)


def soft_argmax(volume: Tensor) -> tuple[Tensor, Tensor]:
    """Expected displacement (x, y) in pixels of the matched images ``[N, 2, 14, 14]``, and the distribution
    ``[N, 81, 14, 14]``.
    """
    share = torch.softmax(_SHARPNESS * volume.flatten(1, 2), 1)
    steps = torch.arange(-RADIUS, RADIUS + 1, device=volume.device, dtype=volume.dtype)
    down, across = (grid.flatten()[None, :, None, None] for grid in torch.meshgrid(steps, steps, indexing="ij"))
    return torch.stack([(share * across).sum(1), (share * down).sum(1)], 1), share


def warped(image: Tensor, flow: Tensor) -> Tensor:
    """``image`` ``[N, S, S]`` moved along ``flow`` ``[N, 2, 14, 14]`` (in its pixels), bilinearly."""
    side = image.shape[-1]
    dense = F.interpolate(flow, size=(side, side), mode="bilinear", align_corners=False)
    places = (torch.arange(side, device=image.device) + 0.5) * 2 / side - 1
    y, x = torch.meshgrid(places, places, indexing="ij")
    grid = torch.stack([x, y], -1) - dense.movedim(1, -1) * 2 / side
    return F.grid_sample(image[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def _at(backward: Tensor, forward: Tensor) -> Tensor:
    """``backward`` where ``forward`` leads to."""
    places = (torch.arange(GRID, device=forward.device) + 0.5) * 2 / GRID - 1
    y, x = torch.meshgrid(places, places, indexing="ij")
    side = GRID * 4  # matched pixels
    grid = torch.stack([x, y], -1) + forward.movedim(1, -1) * 2 / side
    return F.grid_sample(backward, grid, padding_mode="border", align_corners=False)


def _second(volume: Tensor, place: Tensor) -> Tensor:
    """The best correlation at least two steps from the best: ``[N, 14, 14]``."""
    size = volume.shape[1]
    steps = torch.arange(size, device=volume.device)
    down = (steps[None, :, None, None] - (place // size)[:, None]).abs()  # [N, 9, 14, 14]
    across = (steps[None, :, None, None] - (place % size)[:, None]).abs()
    near = (down[:, :, None] < 2) & (across[:, None] < 2)
    return volume.masked_fill(near, -1.0).flatten(1, 2).amax(1)
