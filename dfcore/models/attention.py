"""The default attention head: multi-head attention between backbone tokens and cue tokens, in both directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfcore.errors import ModelError
from dfcore.models.protocols import Attended
from dfcore.specs import MAP_SIZE

__all__ = ["CrossAttention", "CrossAttentionHead"]

CELLS = MAP_SIZE * MAP_SIZE
NEAR_ZERO = 1e-3
"""Standard deviation of the last projections' initial weights: small beside any feature, yet not 0, so that every
parameter has a gradient from the first step."""


class CrossAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, eq. 1) of one token set over another.

    The key projection has no bias: adding one vector to all keys shifts a row's scores by a constant, which the
    softmax takes away again, so the bias could never learn.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, queries: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, n, width]`` over ``[B, m, width]``: the message ``[B, n, width]`` and the weights ``[B, n, m]``.

        The weights are the mean over the heads, in float32; each row sums to 1.
        """
        q, k, v = self._split(self.query(queries)), self._split(self.key(context)), self._split(self.value(context))
        weights = torch.softmax((q * self.scale) @ k.transpose(-2, -1), dim=-1, dtype=torch.float32)
        message = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        return self.output(message), weights.mean(dim=1)

    def _split(self, tokens: Tensor) -> Tensor:
        """``[B, n, width]`` to ``[B, heads, n, width / heads]``."""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class CrossAttentionHead(nn.Module):
    """Two cross-attentions at a common width, each added to its own side as a small correction.

    Both token sets are normalised, projected to ``width`` and given learned positions. Backbone cells query cue
    cells and cue cells query backbone cells. What each side receives is projected back and added to what came in;
    these last projections start near zero, so a pretrained backbone's features pass through unchanged at first.

    Args:
        features: channels F of the backbone's map.
        channels: channels C of the cue map.
        heads: attention heads; must divide ``width``.
        dropout: probability with which a message's channel is left out in training.
        width: the common width.

    Raises:
        ModelError: ``heads`` does not divide ``width``.
    """

    def __init__(self, features: int, channels: int, heads: int = 8, dropout: float = 0.3, width: int = 256) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            fitting = [n for n in range(1, 65) if width % n == 0]
            raise ModelError(
                f"the attention head is {width} wide and cannot be split into {heads} heads. "
                f"Set model.heads to one of {fitting}."
            )
        self.token_in = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, width))
        self.cue_in = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))
        self.token_position = nn.Parameter(0.02 * torch.randn(CELLS, width))
        self.cue_position = nn.Parameter(0.02 * torch.randn(CELLS, width))
        self.token_norm = nn.LayerNorm(width)
        self.cue_norm = nn.LayerNorm(width)
        self.token_attention = CrossAttention(width, heads)
        self.cue_attention = CrossAttention(width, heads)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.token_out = _near_zero(width, features)
        self.cue_out = _near_zero(width, channels)

    def forward(self, tokens: Tensor, cues: Tensor) -> Attended:
        """``tokens`` [B, F, 7, 7] and ``cues`` [B, C, 7, 7]."""
        rows, columns = tokens.flatten(2).transpose(1, 2), cues.flatten(2).transpose(1, 2)
        a = self.token_norm(self.token_in(rows) + self.token_position)
        b = self.cue_norm(self.cue_in(columns) + self.cue_position)
        to_tokens, attention = self.token_attention(a, b)
        to_cues, _ = self.cue_attention(b, a)
        # The mean over cells and a linear map commute: 49 times less work than projecting each cell back.
        heard = self.dropout(self.activation(to_tokens)).mean(dim=1)
        pooled = rows.mean(dim=1) + self.token_out(heard)
        mixed = columns + self.cue_out(self.dropout(self.activation(to_cues)))
        return Attended(pooled, mixed.transpose(1, 2).flatten(1), attention)


def _near_zero(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=NEAR_ZERO)
    nn.init.zeros_(layer.bias)
    return layer
