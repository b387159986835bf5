"""Taking parts away from scores that are known: a sum over cells, and over channels."""

from __future__ import annotations

import numpy as np
import pytest

from dfcore.assessment.explanations.removal import remove_cells, remove_cue
from dfcore.assessment.explanations.tally import Tally

SPEAKING = 10, 11, 12
"""Cells that carry the margin."""


def margins_without(weights: np.ndarray) -> tuple[object, np.ndarray]:
    """Of samples whose margin is a sum over parts, ``[n, B]``: the margins without parts, and with all."""
    base = weights.sum(axis=0)
    return lambda masks: base - masks.reshape(len(masks), -1).astype(float) @ weights, base


def cells(samples: int = 4) -> np.ndarray:
    weights = np.zeros((49, samples))
    weights[list(SPEAKING)] = np.array([[3.0], [2.0], [1.0]])
    return weights


def test_the_cells_that_carry_the_margin_are_named_and_it_falls_by_what_they_carry() -> None:
    without, base = margins_without(cells())
    found = remove_cells(without, base, np.random.default_rng(0))
    assert found.named == SPEAKING, "the strongest first, and none that carries nothing"
    assert found.drop == pytest.approx(6.0)
    assert found.fall == pytest.approx(6.0)
    assert found.drops is not None
    assert found.drops.shape == (8,)
    assert 0 <= found.drops.mean() < 3.0
    assert found.fall_random == pytest.approx(found.drops.mean())


def test_what_is_strong_by_chance_in_one_half_of_the_samples_does_not_fall_in_the_other() -> None:
    noise = np.random.default_rng(3).normal(size=(49, 40))
    found = remove_cells(*margins_without(noise), np.random.default_rng(0))
    assert found.drop > 0.8, "chosen and measured on the same samples, noise looks like a reason"
    assert found.fall is not None
    assert abs(found.fall) < 0.5
    flat = np.tile([1.0, -1.0], (49, 2))  # each half of the samples speaks against the other
    crossed = remove_cells(*margins_without(flat), np.random.default_rng(0))
    assert crossed.fall is None, "a half that names nothing measures nothing"


def test_one_sample_has_no_other_half_and_a_map_that_speaks_for_real_names_nothing() -> None:
    single = remove_cells(*margins_without(cells(1)), np.random.default_rng(0))
    assert (single.named, single.fall) == (SPEAKING, None)
    against = remove_cells(*margins_without(-cells()), np.random.default_rng(0))
    assert (against.named, against.drops) == ((), None)


def test_the_cue_with_the_largest_effect_is_named_and_the_control_takes_other_channels() -> None:
    carried = np.array([0.0, 0.0, 1.0, 1.5, 0.1, 0.1, 0.1])  # by channel; three cues of 2, 2 and 3

    def without(masks: np.ndarray) -> np.ndarray:
        return carried.sum() - (masks[:, :, 0, 0] @ carried)[:, None] * np.ones(4)

    cues = [slice(0, 2), slice(2, 4), slice(4, 7)]
    found = remove_cue(without, np.full(4, carried.sum()), cues, 7, np.random.default_rng(0))
    assert found.named == (1,)
    assert (found.drop, found.fall) == (pytest.approx(2.5), pytest.approx(2.5))
    assert found.drops is not None
    assert found.drops.max() <= 0.2 + 1e-9, "never a channel of the named cue"


def test_figures_are_paired_and_drawn_by_identity() -> None:
    tally = Tally(draws=200)
    tally.tested.add("cue")
    for group in range(12):
        for _ in range(3):  # three videos of one person tell no more than one
            tally.add_flip("cue", group, 0.0, -1.0 if group < 8 else 1.0, np.array([1.0, -1.0 if group < 8 else 1.0]))
            tally.add_fall("cue", group, 2.0 + group, 1.0 + group)
    found = tally.to_dict(called=36)["cue"]
    assert (found["videos"], found["fakes"]) == (36, 36)
    assert found["flips"]["value"] == pytest.approx(2 / 3)
    assert found["flips_random"]["value"] == pytest.approx(1 / 3)
    width = found["flips"]["high"] - found["flips"]["low"]
    assert 0.35 < width < 0.7, "as of 12 persons: 36 videos would have 0.31"
    assert found["flips_difference"]["low"] > 0
    gap = found["fall_difference"]
    assert (gap["value"], gap["low"], gap["high"]) == pytest.approx((1.0, 1.0, 1.0)), "the same draws for both"
    assert found["fall"]["high"] - found["fall"]["low"] > 1.0


def test_a_part_that_was_never_taken_away_has_no_figures_and_nothing_called_fake_says_so() -> None:
    tally = Tally(draws=10)
    assert tally.to_dict(called=3)["cue"] is None
    tally.tested.add("cue")
    assert tally.to_dict(called=0)["cue"]["flips"]["reason"] == "no video is called fake"
    tally.add_unnamed("cue")
    assert "nothing is named" in tally.to_dict(called=1)["cue"]["flips"]["reason"]
    tally.add_flip("cue", "one", 0.0, -1.0, np.array([1.0]))
    alone = tally.to_dict(called=1)["cue"]["flips"]
    assert (alone["value"], alone["low"]) == (1.0, None)
    assert "one identity" in alone["reason"]
