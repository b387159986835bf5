"""Sharpness of texture: how much fine detail the face has for its coarse detail, compared with the surround.

A blended face was resized, sharpened, or mixed of two images. Each of these changes its finest octave relative to the
others. Texture itself changes all octaves together, but not equally in hair, cloth and skin.

So the energies of four octaves are measured in every 16x16 block of the native tiles. A weighted regression on the
surround's blocks predicts the fine energies from the coarse ones; camera, codec and focus are the same for both. The
cue is what the face's blocks have beyond the prediction. After a codec pass, blocks without much detail say little, so
the blocks with more detail are also measured separately.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["OCTAVES", "TEXTURE", "expected", "octaves", "texture"]

OCTAVES = 4
TEXTURE = 6 * OCTAVES + 4 * (2 * OCTAVES - 1) + 2 * 7
"""Features of the whole image."""
_BLOCKS = 4
_FLOOR = 0.05
"""Energy in grey levels squared that 8-bit rounding leaves."""
_INSIDE = 0.99
_FINE = 2
"""The octaves that are expected from the other, coarser ones."""
_RIDGE = 1e-3


def octaves(tiles: Tensor) -> Tensor:
    """Mean energy of the Haar details of four octaves in each 16x16 block: ``[N, 64, 64]`` to ``[N, 4, 4, 4]`` (octave,
    finest first; row; column). The four add up to the block's variance.
    """
    found, low = [], tiles
    for octave in range(OCTAVES):
        rows = low.unflatten(1, (-1, 2))
        total, change = rows[:, :, 0] + rows[:, :, 1], rows[:, :, 0] - rows[:, :, 1]
        along = total[..., 0::2] - total[..., 1::2]
        first, second = change[..., 0::2], change[..., 1::2]
        energy = (along.square() + 2 * (first.square() + second.square())) / 16
        found.append(F.avg_pool2d(energy[:, None], 8 >> octave)[:, 0] if octave < OCTAVES - 1 else energy)
        low = (total[..., 0::2] + total[..., 1::2]) / 4
    return torch.stack(found, 1)


def expected(values: Tensor, regressors: Tensor, weight: Tensor) -> Tensor:
    """Weighted linear regression of ``values`` ``[B, K, N]`` on ``regressors`` ``[B, R, N]`` and a constant, with a
    small ridge; ``weight`` ``[B, N]``: what is expected everywhere, ``[B, K, N]``.
    """
    share = (weight + 1e-4) / (weight + 1e-4).sum(1, keepdim=True)
    centre = (regressors * share[:, None]).sum(-1, keepdim=True)
    mean = (values * share[:, None]).sum(-1, keepdim=True)
    off = regressors - centre
    weighted = off * share[:, None]
    gram = weighted @ off.mT + _RIDGE * torch.eye(off.shape[1], device=off.device)
    slopes: Tensor = torch.linalg.solve_ex(gram, weighted @ (values - mean).mT).result  # [B, R, K]
    return mean + slopes.mT @ off


def texture(energy: Tensor, face: Tensor) -> Tensor:
    """Of block energies ``[B, 49, 4, 4, 4]`` and the face's share of each block ``[B, 49, 4, 4]``: ``[B, 66]``.

    The octaves' log energies in the face's core, on its outline and outside of it (means of logs, and logs of means,
    in which the strongest edges have most say); the core's minus the other two's, and how that changes from octave to
    octave; what the two finest octaves have beyond what is expected, in all three, its spread in them, and in the more
    detailed half of the core.
    """
    share = face.flatten(1)
    power = energy.transpose(1, 2).flatten(2)  # [B, 4, 784]
    logs = torch.log(power + _FLOOR)
    core, outside = (share > _INSIDE).float(), (share < 1 - _INSIDE).float()
    places = torch.stack([core, 1 - core - outside, outside], 1) + 1e-4
    places = places / places.sum(-1, keepdim=True)  # [B, 3, 784]
    means, strong = places @ logs.mT, torch.log(places @ power.mT + _FLOOR)  # [B, 3, 4] each
    found = [means.flatten(1), strong.flatten(1)]
    for values in (means, strong):
        for other in (1, 2):
            step = values[:, 0] - values[:, other]
            found += [step, step[:, :-1] - step[:, 1:]]
    beyond = logs[:, :_FINE] - expected(logs[:, :_FINE], logs[:, _FINE:], outside)  # [B, 2, 784]
    mean = places @ beyond.mT  # [B, 3, 2]
    spread = ((places @ beyond.square().mT) - mean.square()).clamp(min=0).sqrt()
    typical = means[:, 0, _FINE, None]
    detailed = core * (logs[:, _FINE] > typical) + 1e-4
    best = (beyond * detailed[:, None]).sum(-1) / detailed.sum(-1, keepdim=True)
    return torch.cat([*found, mean.flatten(1), spread.flatten(1), best], 1)
