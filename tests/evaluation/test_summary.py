from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dfcore.errors import TrainingError
from dfcore.evaluation.predictions import Predictions
from dfcore.evaluation.summary import auc, calibrated_loss, summarise, video_level

# (video, label, probability of "fake", of the cue head)
SAMPLES = [
    (0, 0, 0.20, 0.9),
    (0, 0, 0.60, 0.9),
    (1, 1, 0.70, 0.1),
    (1, 1, 0.05, 0.1),
    (2, 1, 0.90, 0.1),
    (2, 1, 0.90, 0.1),
    (2, 1, 0.90, 0.1),
    (3, 0, 0.30, 0.1),
    (3, 0, 0.30, 0.1),
]


def predictions(samples: list[tuple[int, int, float, float]]) -> Predictions:
    video, label, fake, cue = (np.array(column) for column in zip(*samples, strict=True))

    def logits(probability: np.ndarray) -> np.ndarray:
        return (
            np.stack([np.log(1 - probability), np.log(probability)], axis=1).astype(np.float32) + 3
        )  # shift: no effect

    return Predictions(video.astype(np.int64), label.astype(np.int64), logits(fake), logits(cue))


def test_hand_computed_frame_metrics() -> None:
    found = summarise(predictions(SAMPLES))
    # Called fake (>= 0.5): samples 1 (wrong), 2, 4, 5, 6; so 3 of 4 real and 4 of 5 fake ones are right.
    assert found["frame_real_accuracy"] == pytest.approx(3 / 4)
    assert found["frame_fake_accuracy"] == pytest.approx(4 / 5)
    assert found["frame_balanced_accuracy"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert found["frame_accuracy"] == pytest.approx(7 / 9)
    assert found["frame_f1"] == pytest.approx(2 * 4 / (2 * 4 + 1 + 1))  # 4 hits, 1 false alarm, 1 miss
    # Of 5 * 4 fake/real pairs, 0.70 and three times 0.90 win all 4 of theirs, 0.05 none.
    assert found["frame_auc"] == pytest.approx(16 / 20)
    right = [0.8, 0.4, 0.7, 0.05, 0.9, 0.9, 0.9, 0.7, 0.7]
    assert found["loss"] == pytest.approx(-sum(map(math.log, right)) / 9, rel=1e-6)
    assert found["samples"] == 9


def test_hand_computed_video_metrics() -> None:
    found = summarise(predictions(SAMPLES))
    # Odds are geometric means: 0.38 real, 0.26 fake, 0.90 fake, 0.30 real. Of 4 pairs, 0.26 loses both of its.
    assert found["videos"] == 4
    assert found["video_auc"] == pytest.approx(2 / 4)
    assert found["video_real_accuracy"] == pytest.approx(1)
    assert found["video_fake_accuracy"] == pytest.approx(1 / 2)
    assert found["video_accuracy"] == pytest.approx(3 / 4)
    assert found["video_f1"] == pytest.approx(2 / 3)


def test_cue_head_is_measured_by_itself() -> None:
    found = summarise(predictions(SAMPLES))
    # Frames: fakes all 0.1; against two reals of 0.9 they lose, against two of 0.1 they tie.
    assert found["cue_frame_auc"] == pytest.approx(0.25)
    assert found["cue_video_auc"] == pytest.approx(0.25)
    cue_right = [0.1, 0.1] + [0.1] * 5 + [0.9, 0.9]
    assert found["cue_loss"] == pytest.approx(-sum(map(math.log, cue_right)) / 9, rel=1e-6)


def test_video_level_takes_the_mean_log_odds_in_video_order() -> None:
    labels, fake = video_level(np.array([7, 2, 7]), np.array([1, 0, 1]), np.array([3.0, 0.0, 1.0]))
    assert labels.tolist() == [0, 1]
    assert fake == pytest.approx([0.5, 1 / (1 + math.exp(-2))])  # not the mean probability, 0.842


@pytest.mark.parametrize(("kept", "missing"), [(0, "fake"), (1, "real")])
def test_one_class_only_is_undefined_with_a_note(kept: int, missing: str) -> None:
    found = summarise(predictions([sample for sample in SAMPLES if sample[1] == kept]))
    for name in ("frame_auc", "video_auc", "cue_frame_auc", "cue_video_auc", "frame_balanced_accuracy"):
        assert found[name] is None, name
    assert found[f"frame_{missing}_accuracy"] is None
    assert found["frame_accuracy"] is not None
    assert (found["frame_f1"] is None) == (missing == "fake")
    assert len(found["notes"]) == 1
    assert f"no {missing} videos" in found["notes"][0]


def test_no_samples_at_all() -> None:
    nothing = np.zeros((0, 2), np.float32)
    found = summarise(Predictions(np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, nothing))
    assert found["samples"] == 0
    assert found["loss"] is None
    assert found["video_auc"] is None
    assert "no samples" in found["notes"][0]


def test_what_the_specialist_abstains_from_is_counted_and_not_measured() -> None:
    judged = np.array([sample[0] != 0 for sample in SAMPLES])
    found = summarise(replace(predictions(SAMPLES), judged=judged))
    kept = summarise(predictions([sample for sample in SAMPLES if sample[0] != 0]))
    share = judged.mean()
    assert 0 < share < 1
    assert found["coverage"] == pytest.approx(share)
    assert kept["coverage"] == 1
    assert f"abstains from {(~judged).sum()} of 9 samples" in found["notes"][0]
    assert {**found, "coverage": 1, "notes": []} == {**kept, "notes": []}


def test_where_it_abstains_from_all_the_rest_of_the_model_is_measured() -> None:
    found = summarise(replace(predictions(SAMPLES), judged=np.zeros(9, bool)))
    assert found["coverage"] == 0
    assert found["samples"] == 9
    assert found["video_auc"] == pytest.approx(2 / 4)
    assert "abstains from all 9 samples" in found["notes"][0]


def test_ties_count_half() -> None:
    assert auc(np.array([0, 1]), np.array([0.5, 0.5])) == 0.5


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1000.0, -1000.0], [-1000.0, 1000.0]], np.float32)
    found = Predictions(np.arange(2), np.array([0, 1]), logits, logits)
    assert found.fake.tolist() == [0.0, 1.0]
    assert summarise(found)["loss"] == pytest.approx(0)


def test_non_finite_output_is_refused_by_name() -> None:
    made = predictions(SAMPLES)
    made.logits[4, 1] = np.nan
    with pytest.raises(TrainingError, match=r"1 of 9 samples \(the first in video number 2\)"):
        summarise(made)


# -- the calibrated loss, which epochs are compared by -----------------------------------------------------------------


def draw(count: int, gap: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and log-odds whose classes are ``gap`` deviations apart."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 2
    return label, rng.normal(size=count) + gap * label


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_the_calibrated_loss_is_that_of_a_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    label, x = draw(4000, 1.5)  # so many that Platt's targets are hardly other than 0 and 1
    fit = LogisticRegression(C=1e9).fit(x[:, None], label)
    expected = log_loss(label, fit.predict_proba(x[:, None])[:, 1])
    assert calibrated_loss(label, sigmoid(x)) == pytest.approx(expected, abs=1e-5)


def test_scale_and_offset_of_the_scores_do_not_matter_but_their_order_and_gaps_do() -> None:
    label, x = draw(24, 1.0)
    plain, overconfident = (calibrated_loss(label, sigmoid(a * x + b)) for a, b in ((1, 0), (2.5, -3)))
    assert plain == pytest.approx(overconfident, abs=1e-6)
    losses = [calibrated_loss(*(label, sigmoid(draw(24, gap)[1]))) for gap in (0.5, 1.0, 2.0, 4.0)]
    assert losses == sorted(losses, reverse=True)


def test_known_values_of_the_calibrated_loss() -> None:
    two = np.array([0, 1])
    # One video a class: targets 1/3 and 2/3, which two points always reach if they rise.
    assert calibrated_loss(two, np.array([0.2, 0.7])) == pytest.approx(-math.log(2 / 3))
    assert calibrated_loss(two, np.array([0.7, 0.2])) == pytest.approx(math.log(2))
    assert calibrated_loss(two, np.array([0.5, 0.5])) == pytest.approx(math.log(2))
    # All told apart: targets (n + 1) / (n + 2), reached where the scores of a class are equal, certain or not.
    label = np.array([0] * 4 + [1] * 4)
    assert calibrated_loss(label, np.where(label == 1, 1.0, 0.0)) == pytest.approx(-math.log(5 / 6), abs=1e-6)
    assert calibrated_loss(np.zeros(3, np.int64), np.array([0.1, 0.2, 0.3])) is None


def test_the_summary_has_the_calibrated_loss_of_the_samples() -> None:
    label, fake = (np.array(column) for column in list(zip(*SAMPLES, strict=True))[1:3])
    found = summarise(predictions(SAMPLES))
    assert found["calibrated_loss"] == pytest.approx(calibrated_loss(label, fake), abs=1e-5)
