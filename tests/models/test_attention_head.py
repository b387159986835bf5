"""The attention head: what it computes, how it starts, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dfcore.errors import ModelError
from dfcore.models.attention import CrossAttention, CrossAttentionHead


@pytest.fixture
def head() -> CrossAttentionHead:
    torch.manual_seed(0)
    return CrossAttentionHead(features=32, channels=6, heads=4, dropout=0.5, width=64)


@pytest.fixture
def maps() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    return torch.randn(3, 32, 7, 7, generator=source), torch.randn(3, 6, 7, 7, generator=source)


def test_shapes_and_rows_sum_to_one_also_in_training(head, maps):
    pooled, cues, attention = head.train()(*maps)
    assert pooled.shape == (3, 32)
    assert cues.shape == (3, 6 * 49)
    assert attention.shape == (3, 49, 49)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 49))
    assert attention.min() >= 0


def test_attention_is_torchs_own_and_weights_are_the_mean_over_heads():
    torch.manual_seed(2)
    layer, a, b = CrossAttention(width=12, heads=3), torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    reference = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        reference.in_proj_bias.copy_(torch.cat([layer.query.bias, torch.zeros(12), layer.value.bias]))
        reference.out_proj.load_state_dict(layer.output.state_dict())
        message, weights = layer(a, b)
        expected, expected_weights = reference(a, b, b, average_attn_weights=True)
    torch.testing.assert_close(message, expected)
    torch.testing.assert_close(weights, expected_weights)


def test_it_starts_near_the_identity(head, maps):
    tokens, cues = maps
    pooled, mixed, _ = head.eval()(tokens, cues)
    mean = tokens.mean((2, 3))
    assert 0 < (pooled - mean).norm() < 0.05 * mean.norm()
    assert 0 < (mixed - cues.flatten(1)).norm() < 0.05 * cues.norm()


def test_each_side_attends_to_the_other(head, maps):
    tokens, cues = maps
    head.eval()
    before = head(tokens, cues)
    assert not torch.equal(head(tokens, -cues).pooled, before.pooled)
    assert not torch.equal(head(-tokens, cues).cues, before.cues)


def test_attention_row_is_a_backbone_cell_and_column_a_cue_cell(head, maps):
    """A cue cell that is changed alone changes its own column's share, and no other logit."""
    tokens, cues = maps
    head.eval()
    changed = cues.clone()
    changed[:, :, 2, 3] += 5 * torch.randn(6, generator=torch.Generator().manual_seed(3))  # cell 2 * 7 + 3 = 17
    before, after = head(tokens, cues).attention[0], head(tokens, changed).attention[0]
    others = [cell for cell in range(49) if cell != 17]
    assert (after[:, 17] - before[:, 17]).abs().mean() > 20 * (after[:, others] - before[:, others]).abs().mean()


def test_without_positions_cue_cells_have_no_order(head, maps):
    tokens, cues = maps
    head.eval()
    order = torch.randperm(49, generator=torch.Generator().manual_seed(4))
    shuffled = cues.flatten(2)[:, :, order].unflatten(2, (7, 7))
    with torch.no_grad():
        with_positions = head(tokens, shuffled).pooled
        assert not torch.allclose(with_positions, head(tokens, cues).pooled, atol=1e-7, rtol=1e-6)
        head.cue_position.zero_()
        plain, moved = head(tokens, cues), head(tokens, shuffled)
    torch.testing.assert_close(moved.pooled, plain.pooled)
    torch.testing.assert_close(moved.attention, plain.attention[:, :, order])
    torch.testing.assert_close(moved.cues.unflatten(1, (6, 49)), plain.cues.unflatten(1, (6, 49))[:, :, order])


def test_every_parameter_has_a_gradient_from_the_first_step(head, maps):
    pooled, cues, _ = head.eval()(*maps)
    source = torch.Generator().manual_seed(5)
    (
        (pooled * torch.randn(3, 32, generator=source)).sum() + (cues * torch.randn(3, 294, generator=source)).sum()
    ).backward()
    dead = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.abs().max() > 1e-9]
    assert not dead


def test_pooling_before_the_last_projection_is_the_same_as_after(head, maps):
    tokens, cues = maps
    head.eval()
    rows = tokens.flatten(2).transpose(1, 2)
    a = head.token_norm(head.token_in(rows) + head.token_position)
    b = head.cue_norm(head.cue_in(cues.flatten(2).transpose(1, 2)) + head.cue_position)
    each = rows + head.token_out(F.gelu(head.token_attention(a, b)[0]))
    torch.testing.assert_close(head(tokens, cues).pooled, each.mean(1))


def test_half_precision_autocast(head, maps):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled, cues, attention = head(*maps)
    assert attention.dtype == torch.float32
    assert all(torch.isfinite(found).all() for found in (pooled, cues, attention))
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 49))


@pytest.mark.parametrize("heads", [0, -1, 7])
def test_heads_that_do_not_divide_the_width_are_refused(heads):
    with pytest.raises(ModelError, match=rf"256 wide.*{heads} heads.*model\.heads.*\[1, 2, 4, 8"):
        CrossAttentionHead(features=32, channels=6, heads=heads, dropout=0)
