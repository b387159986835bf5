"""Learned similarity of mouth and voice at 31 delays.

Two light towers (Chung and Zisserman, SyncNet, 2016) put 0.2 s of the mouth's shape (five points of its cosine
transform) and 0.2 s of the voice's (19 columns of its cepstra) into one space. Where a mouth resembles the voice of
another time more than that of its own, the two are apart. As in AVAD (Feng et al., CVPR 2023) the evidence is the
distribution over delays and how it goes.

The towers learn it from real footage alone: a mouth must find its own voice among the 31 candidates of the same clip
(InfoNCE; AVH-Align, Smeu et al., CVPR 2025), so that who speaks cannot help.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.cues import CueProjection
from dfs_av.speech_view import CEPSTRA, LAGS, POINTS, SHAPES, SpeechView, aligned, cells, grouped, segments

__all__ = ["EMBEDDING", "LipSyncCue", "SyncTowers", "contrastive_loss", "delay_curve", "similarities"]

EMBEDDING = 64
DELAYS = 2 * LAGS + 1
FEATURES = 21
_HIDDEN = 128
_FLOOR = 1e-4
_POOLED = 4.0
"""How much sharper the clip's distribution is than a single window's: it pools many."""


class SyncTowers(nn.Module):
    """The two towers, each two linear maps over 0.2 s, and the token that stands for audio where there is none.

    They start from fixed transforms (:func:`~dfs_av.speech_view.mouth_shapes`,
    :func:`~dfs_av.speech_view.cepstra`), not from images: on a processor that costs a twentieth of convolutions over
    the images.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mouth_in = nn.Conv1d(SHAPES * SHAPES, _HIDDEN, 5, padding=2)
        self.mouth_out = nn.Linear(_HIDDEN, EMBEDDING)
        self.audio_in = nn.Conv1d(CEPSTRA, _HIDDEN, 19, stride=4, padding=9)
        self.audio_out = nn.Linear(_HIDDEN, EMBEDDING)
        self.no_audio = nn.Parameter(torch.randn(EMBEDDING) / math.sqrt(EMBEDDING))
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, shapes: Tensor, cepstra: Tensor, audio_present: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors of each point's mouth and voice.

        Args:
            shapes: float ``[B, 60, 144]``.
            cepstra: float ``[B, 20, 240]``.
            audio_present: float ``[B, 60]``; where 0 the voice is the token.

        Returns:
            Two of ``[B, 60, 64]``.
        """
        seen = self.mouth_out(F.gelu(self.mouth_in(shapes.mT)).mT)
        voice = self.audio_out(F.gelu(self.audio_in(cepstra)).mT)
        voice = torch.where(audio_present[..., None] > 0, voice, self.no_audio.expand_as(voice))
        return F.normalize(seen, dim=-1), F.normalize(voice, dim=-1)


def similarities(seen: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine of the mouth at t and the voice at t + delay: ``[B, n, E]`` twice to ``[B, n, 31]``; and where t + delay
    lies within, ``[n, 31]``. Voice that comes k points late is most similar at +k.
    """
    count = seen.shape[1]
    every = F.pad(seen @ voice.mT, (LAGS, LAGS))
    at = torch.arange(count, device=seen.device)[:, None] + torch.arange(DELAYS, device=seen.device)
    inside = ((at >= LAGS) & (at < LAGS + count)).to(seen.dtype)
    return every.gather(2, at.expand(seen.shape[0], -1, -1)), inside


def delay_curve(found: Tensor, inside: Tensor, weight: Tensor) -> Tensor:
    """Mean similarity at each delay over the weighted points: ``[B, n, 31]`` to ``[B, 31]``."""
    each = inside * weight[..., None]
    return (found * each).sum(1) / (each.sum(1) + _FLOOR)


def contrastive_loss(found: Tensor, inside: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """InfoNCE: the voice at delay 0 against the other 30 candidates of the same clip.

    Per window over the points that have all candidates, and for the clip's whole curve; a clip whose weights are 0
    counts for nothing.

    Args:
        found: :func:`similarities`.
        inside: likewise.
        weight: of the points ``[B, n]``.
        scale: 1 / temperature.
    """
    whole = weight * inside.amin(1)
    chosen = torch.log_softmax(scale * found, -1)[..., LAGS]
    own = (whole.sum(1) > 0).to(found.dtype)
    windows = -(chosen * whole).sum() / whole.sum().clamp(min=1)
    curve = torch.log_softmax(_POOLED * scale * delay_curve(found, inside, weight), -1)[:, LAGS]
    return windows - (curve * own).sum() / own.sum().clamp(min=1)


class LipSyncCue(nn.Module):
    """The cue ``lip_sync``: ``[B, channels, 7, 7]``; rows are time segments, columns groups of delays.

    Args:
        channels: of the map.
        invariant: measure delays from the clip's own most likely one, so that a constant offset changes nothing.
    """

    def __init__(self, channels: int, *, invariant: bool = False) -> None:
        super().__init__()
        self.invariant = invariant
        self.towers = SyncTowers()
        self.projection = CueProjection(FEATURES, channels)

    def forward(self, speech: SpeechView) -> Tensor:
        """The cue's part of the map."""
        return self.project(speech.shapes, speech.cepstra, speech.audio_present, speech.weight)

    def project(self, shapes: Tensor, cepstra: Tensor, audio_present: Tensor, weight: Tensor) -> Tensor:
        """All that is learned, behind the fixed transforms: ``[B, channels, 7, 7]``."""
        seen, voice = self.towers(shapes, cepstra, audio_present)
        found, inside = similarities(seen, voice)
        token = (seen * F.normalize(self.towers.no_audio, dim=0)).sum(-1)
        out: Tensor = self.projection(self.describe(found, inside, token, weight))
        return out

    def loss(self, shapes: Tensor, cepstra: Tensor, audio_present: Tensor, weight: Tensor) -> Tensor:
        """:func:`contrastive_loss` of clips known to be in time."""
        found, inside = similarities(*self.towers(shapes, cepstra, audio_present))
        return contrastive_loss(found, inside, weight, self.scale)

    @property
    def scale(self) -> Tensor:
        """1 / temperature of the similarities, 1 to 100."""
        return self.towers.log_scale.clamp(0.0, math.log(100)).exp()

    def describe(self, found: Tensor, inside: Tensor, token: Tensor, weight: Tensor) -> Tensor:
        """The operator alone: ``[B, 21, 49]``.

        Per cell the share of the delay distribution, as it is and from the clip's own delay; per row its entropy, the
        best and the own similarity, the best above the median (SyncNet's confidence), its delay against the clip's,
        similarity to the token, weight; per column the clip's curve (mean; maximum above its mean), two sharpnesses
        of its distribution, the curve from its own delay; per clip its delay (signed, absolute, expected), confidence,
        the best above the own, the distribution's entropy, and how far the rows' delays scatter.
        """
        curve = delay_curve(found, inside, weight)
        place = curve.argmax(-1)
        if self.invariant:
            found = aligned(found, place[:, None].expand(-1, POINTS))
            curve, place = aligned(curve, place), torch.full_like(place, LAGS)
        steps = torch.arange(-LAGS, LAGS + 1, device=found.device, dtype=found.dtype)
        rows = self._row_curves(found, inside, weight)  # [B, 7, 31]
        share = torch.softmax(2 * self.scale * rows, -1)
        own = torch.softmax(_POOLED * self.scale * curve, -1)
        drift = (share * steps).sum(-1) - (own * steps).sum(-1)[:, None]
        entropy = -(share * (share + 1e-9).log()).sum(-1) / math.log(DELAYS)
        summary = [
            entropy,
            rows.amax(-1),
            rows[..., LAGS],
            rows.amax(-1) - rows.median(-1).values,
            drift / LAGS,
            segments(token).mean(-1),
            segments(weight).mean(-1),
        ]
        mean, most = grouped(curve)
        rolled, _ = grouped(aligned(curve, place))
        single = torch.softmax(self.scale * curve, -1)
        columns = [mean, most - curve.mean(-1, keepdim=True), *(grouped(part)[0] for part in (own, single)), rolled]
        expected = (own * steps).sum(-1) / LAGS
        clip = [
            (place - LAGS) / LAGS,
            (place - LAGS).abs() / LAGS,
            expected,
            curve.amax(-1) - curve.median(-1).values,
            curve.amax(-1) - curve[:, LAGS],
            -(own * (own + 1e-9).log()).sum(-1) / math.log(DELAYS),
            drift.std(1) / LAGS,
        ]
        local = [grouped(part)[0] for part in (share, aligned(share, place[:, None].expand(-1, 7)))]
        table = cells(torch.stack(summary, 1), torch.stack(columns, 1), torch.stack(clip, 1))
        return torch.cat([torch.stack(local, 1).flatten(2), table], 1)

    @staticmethod
    def _row_curves(found: Tensor, inside: Tensor, weight: Tensor) -> Tensor:
        """The delay curve of each time segment: ``[B, 7, 31]``."""
        each = segments((inside * weight[..., None]).mT)  # [B, 31, 7, 24]
        product = segments(found.mT) * each
        return (product.sum(-1) / (each.sum(-1) + _FLOOR)).mT
