"""Correlation at 31 delays by sums, which may be added over a video's clips before the correlation is taken.

A clip of 2.4 s holds a dozen syllables, too few to tell a foreign voice. Pooled lag by lag, several clips say nearly as
much as one of their whole length; the mean of their own best correlations says less, for a foreign voice has its best
at another delay in each clip.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dfs_av.speech_view import delayed

__all__ = ["correlation_of", "correlation_sums"]


def correlation_sums(seen: Tensor, audio: Tensor, weight: Tensor, heard: Tensor) -> Tensor:
    """Of each signal seen and its own of the audio, at each delay: ``[B, R, V, 31, 4]``.

    The last axis holds, over the points that count, the sum of products about the means, both sums of squares about the
    means, and how many points there are. Audio that comes k points late is at +k. Points at which the delayed audio is
    absent are left out.

    Args:
        seen: ``[B, V, n]``.
        audio: ``[B, V, n]``.
        weight: R weightings of the mouth's points, ``[B, R, n]``.
        heard: 1 where there is audio, ``[B, n]``.
    """
    later, _ = delayed(audio)  # [B, V, 31, n]
    held, _ = delayed(heard)  # [B, 31, n]
    each = held[:, None] * weight[:, :, None]  # [B, R, 31, n]
    total = each.sum(-1, keepdim=True)
    share = each / (total + 1e-6)
    here = torch.einsum("brdn,bvn->brvd", share, seen)
    there = torch.einsum("brdn,bvdn->brvd", share, later)
    both = torch.einsum("brdn,bvn,bvdn->brvd", share, seen, later) - here * there
    own = torch.einsum("brdn,bvn->brvd", share, seen.square()) - here.square()
    its = torch.einsum("brdn,bvdn->brvd", share, later.square()) - there.square()
    means = torch.stack([both, own.clamp(min=0), its.clamp(min=0), torch.ones_like(own)], -1)
    return means * total[:, :, None]


def correlation_of(sums: Tensor) -> Tensor:
    """Correlations, -1..1, of what :func:`correlation_sums` gave, or of a total of such: ``[..., 4]`` to ``[...]``."""
    both, own, its = (sums[..., :3] / (sums[..., 3:] + 1e-6)).unbind(-1)
    found: Tensor = both / (own * its + 1e-6).sqrt()
    return found
