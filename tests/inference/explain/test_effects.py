"""Effects with known answers: what carries the score is found, and what does not has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_specialist import CHANNELS, SPEC, mean_of_speaks, plain

from dfcore.evaluation.genuine import GenuineStatistics
from dfcore.inference.explain.effects import (
    attention_map,
    blurred,
    cue_effects,
    cue_map_region,
    face_region,
    halves_of,
    hide_face_cells,
    replace_cues,
    top_cells,
)
from dfcore.specs import CueSpec


def genuine(mean: float = 0.0, sd: float = 0.5) -> GenuineStatistics:
    shape = (CHANNELS, 7, 7)
    return GenuineStatistics("plain", 1, "abc", "made", 30, np.full(shape, mean), np.full(shape, sd), {"speaks": 1.2})


def views(cue_map: torch.Tensor | None = None, samples: int = 3) -> dict[str, torch.Tensor]:
    given = torch.zeros(samples, CHANNELS, 7, 7) if cue_map is None else cue_map.expand(samples, -1, -1, -1)
    return {"face": torch.zeros(samples, 3, 28, 28), "tiles": torch.zeros(1), "given": given}


def test_the_halves_give_the_margin_of_the_whole_model() -> None:
    model = plain(2.0, torch.rand(CHANNELS, 7, 7))
    batch = views(torch.rand(CHANNELS, 7, 7))
    batch["face"] = torch.rand(3, 3, 28, 28)
    logits = model(batch).logits.double().detach()
    assert halves_of(model, batch).margins == pytest.approx((logits[:, 1] - logits[:, 0]).numpy(), abs=1e-6)


def test_the_cue_that_carries_the_score_has_all_of_the_effect_and_the_other_none() -> None:
    cue_map = torch.full((CHANNELS, 7, 7), 2.0)
    model = plain(cells=mean_of_speaks())
    speaks, silent = cue_effects(model, halves_of(model, views(cue_map)), genuine())
    assert (speaks.cue, speaks.channels, speaks.usual) == ("speaks", 2, 1.2)
    assert speaks.effect == pytest.approx(2.0, abs=1e-5)
    assert speaks.random_effect == pytest.approx(0.0, abs=1e-5)  # the channels of the other cue carry nothing
    assert speaks.deviation == pytest.approx(4.0)  # 2 above a mean of 0, in units of .5
    assert silent.effect == pytest.approx(0.0, abs=1e-5)
    assert silent.random_effect == pytest.approx(2.0, abs=1e-5)
    assert silent.usual is None


def test_a_cue_that_is_as_in_genuine_videos_has_no_effect() -> None:
    model = plain(cells=mean_of_speaks())
    speaks, _ = cue_effects(model, halves_of(model, views(torch.full((CHANNELS, 7, 7), 0.7))), genuine(mean=0.7))
    assert (speaks.effect, speaks.deviation) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))


def test_the_effect_is_the_mean_over_the_samples_and_signed() -> None:
    given = torch.stack([torch.full((CHANNELS, 7, 7), value) for value in (1.0, -4.0)])
    model = plain(cells=mean_of_speaks())
    batch = {"face": torch.zeros(2, 3, 28, 28), "tiles": torch.zeros(1), "given": given}
    speaks, _ = cue_effects(model, halves_of(model, batch), genuine())
    assert speaks.effect == pytest.approx(-1.5, abs=1e-5)


def test_the_cell_that_carries_the_score_is_found_and_random_cells_seldom_hit_it() -> None:
    weights = torch.zeros(CHANNELS, 7, 7)
    weights[1, 2, 5] = 3.0
    model = plain(cells=weights)
    halves = halves_of(model, views(torch.ones(CHANNELS, 7, 7)))
    region = cue_map_region(model, halves, genuine().mean, draws=400)
    assert (region.on, region.cells) == ("cue map", ((2, 5),))
    assert region.effects[2][5] == pytest.approx(3.0, abs=1e-5)
    assert sum(abs(value) for row in region.effects for value in row) == pytest.approx(3.0, abs=1e-4)
    assert region.effect == pytest.approx(3.0, abs=1e-5)
    assert region.random_effect == pytest.approx(3.0 / 49, abs=0.06)


def test_detail_in_one_cell_of_the_face_is_found_by_blurring_it_away() -> None:
    batch = views()
    batch["face"][:, :, 4:8, 12:16] = torch.tensor([0.0, 1.0, 0.0, 1.0])  # row 1, column 3
    model = plain(face=1000.0)
    halves = halves_of(model, batch)
    region = face_region(model, batch["face"], halves)
    assert region.on == "face"
    assert region.cells[0] == (1, 3)
    assert region.effects[1][3] == max(value for row in region.effects for value in row)
    assert region.effect > 0.5 * halves.margins.mean()
    assert region.effect > 3 * region.random_effect


def test_a_part_that_speaks_for_real_is_no_reason_for_fake() -> None:
    model = plain(cells=-mean_of_speaks())
    region = cue_map_region(model, halves_of(model, views(torch.ones(CHANNELS, 7, 7))), genuine().mean)
    assert region.cells == ()
    assert (region.effect, region.random_effect) == (0.0, 0.0)
    assert top_cells(np.array(region.effects)) == ()


def test_random_draws_follow_their_seed() -> None:
    model = plain(cells=torch.rand(CHANNELS, 7, 7, generator=torch.manual_seed(1)))
    halves = halves_of(model, views(torch.rand(CHANNELS, 7, 7)))
    first, again, other = (cue_map_region(model, halves, genuine().mean, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.random_effect != other.random_effect


def test_many_parts_are_replaced_in_batches_as_one_by_one() -> None:
    model = plain(cells=torch.rand(CHANNELS, 7, 7))
    halves = halves_of(model, views(torch.rand(CHANNELS, 7, 7), samples=5))
    masks = np.random.default_rng(0).random((17, CHANNELS, 7, 7)) < 0.5
    together = replace_cues(model, halves, genuine().mean, masks)
    apart = [replace_cues(model, halves, genuine().mean, mask[None])[0] for mask in masks]
    assert together.shape == (17, 5)
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_nothing_hidden_changes_nothing_and_all_hidden_is_the_blurred_face() -> None:
    batch = views()
    batch["face"] = torch.rand(3, 3, 28, 28)
    model = plain(face=10.0)
    halves = halves_of(model, batch)
    none, everything = hide_face_cells(
        model, batch["face"], halves, np.array([np.zeros((7, 7)), np.ones((7, 7))], bool)
    )
    np.testing.assert_allclose(none, halves.margins, atol=1e-5)
    batch["face"] = blurred(batch["face"])
    np.testing.assert_allclose(everything, halves_of(model, batch).margins, atol=1e-4)


def test_the_attention_is_shown_as_shares_that_sum_to_one() -> None:
    shares = np.array(attention_map(halves_of(plain(), views())))
    assert shares[0, 0] == pytest.approx(1.0)
    assert shares.sum() == pytest.approx(1.0)


def test_a_single_cue_has_its_own_channels_as_control() -> None:
    model = plain(cells=mean_of_speaks(), spec=replace(SPEC, cues=(CueSpec("all", 4),)))
    (one,) = cue_effects(model, halves_of(model, views(torch.ones(CHANNELS, 7, 7))), genuine())
    assert one.effect == pytest.approx(one.random_effect, abs=1e-6)
