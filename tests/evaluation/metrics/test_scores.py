from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from dfcore.errors import DataError
from dfcore.evaluation.metrics.scores import VideoScores, margin_of, probability_of


def scored(n: int = 300, seed: int = 0, *, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Labels and margins that overlap; with ties, many videos share a margin."""
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.4).astype(int)
    margin = random.normal(size=n) * 1.5 + label
    return label, np.round(margin, 1) if ties else margin


def figure(name: str, label: object, margin: object, **more: object) -> float:
    value = VideoScores(label, margin, **more).figures([name])[name]
    assert value is not None
    return value


ORACLES = {
    "auc": lambda y, m, w: sk.roc_auc_score(y, m, sample_weight=w),
    "average_precision": lambda y, m, w: sk.average_precision_score(y, m, sample_weight=w),
    "log_loss": lambda y, m, w: sk.log_loss(y, probability_of(m), sample_weight=w),
    "brier": lambda y, m, w: sk.brier_score_loss(y, probability_of(m), sample_weight=w),
    "accuracy": lambda y, m, w: sk.accuracy_score(y, m >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, m, w: sk.balanced_accuracy_score(y, m >= 0.5, sample_weight=w),
    "fake_accuracy": lambda y, m, w: sk.recall_score(y, m >= 0.5, sample_weight=w),
    "real_accuracy": lambda y, m, w: sk.recall_score(y, m >= 0.5, pos_label=0, sample_weight=w),
    "f1": lambda y, m, w: sk.f1_score(y, m >= 0.5, sample_weight=w),
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("ties", [True, False])
def test_metrics_agree_with_scikit_learn(name: str, ties: bool) -> None:
    label, margin = scored(ties=ties)
    assert figure(name, label, margin, threshold=0.5) == pytest.approx(ORACLES[name](label, margin, None), abs=1e-12)


@pytest.mark.parametrize("name", ORACLES)
def test_weighted_metrics_agree_with_scikit_learn(name: str) -> None:
    label, margin = scored()
    weights = np.random.default_rng(1).poisson(1.0, (4, len(label)))
    rows = VideoScores(label, margin, threshold=0.5).measure(weights, [name])[name]
    assert rows == pytest.approx([ORACLES[name](label, margin, w) for w in weights], abs=1e-12)


@pytest.mark.parametrize("name", VideoScores.NAMES)
def test_a_weight_of_two_is_the_video_listed_twice(name: str) -> None:
    label, margin = scored(80, seed=3)
    weights = np.random.default_rng(2).integers(0, 4, len(label))
    llr = margin * 0.7 + 0.1
    weighed = VideoScores(label, margin, llr=llr).measure(weights[None], [name])[name][0]
    index = np.repeat(np.arange(len(label)), weights)
    assert weighed == pytest.approx(figure(name, label[index], margin[index], llr=llr[index]), abs=1e-10)


def test_equal_error_rate_of_a_hand_drawn_curve() -> None:
    # ROC: (0,0) (0,.5) (.5,.5) (.5,1) (1,1); misses equal false alarms at .5.
    assert figure("equal_error_rate", [1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx(0.5)
    # One of three fakes below two of three reals: (0, 2/3) -> (2/3, 2/3) crosses x = 1 - y at 1/3.
    assert figure("equal_error_rate", [1, 1, 0, 0, 1, 0], [6, 5, 4, 3, 2, 1]) == pytest.approx(1 / 3)
    # All scores equal: the diagonal.
    assert figure("equal_error_rate", [1, 0, 0], [1, 1, 1]) == pytest.approx(0.5)
    assert figure("equal_error_rate", [1, 0], [1, 0]) == 0
    assert figure("equal_error_rate", [0, 1], [1, 0]) == 1


def test_equal_error_rate_agrees_with_the_interpolated_roc_of_scikit_learn() -> None:
    from scipy.optimize import brentq

    label, margin = scored(500, seed=7)
    alarms, found, _ = sk.roc_curve(label, margin, drop_intermediate=False)
    expected = brentq(lambda x: 1 - x - np.interp(x, alarms, found), 0, 1)
    assert figure("equal_error_rate", label, margin) == pytest.approx(expected, abs=1e-9)
    threshold = VideoScores(label, margin).equal_error_threshold()
    called = margin >= threshold
    gap = abs(called[label == 0].mean() - (~called)[label == 1].mean())
    assert gap == min(abs((margin >= t)[label == 0].mean() - (margin < t)[label == 1].mean()) for t in margin)


def test_detection_at_a_false_alarm_rate_takes_a_real_threshold_and_does_not_interpolate() -> None:
    # 20 reals at 0..19; fakes above 20, and two between the highest two reals.
    reals = np.arange(20.0)
    label = np.r_[np.zeros(20), np.ones(4)].astype(int)
    margin = np.r_[reals, 30, 31, 18.5, 18.6]
    assert figure("tpr_at_fpr_1", label, margin) == 0.5
    assert figure("tpr_at_fpr_5", label, margin) == 1.0  # one of twenty reals is exactly 5 %
    assert figure("tpr_at_fpr_5", label[1:], margin[1:]) == 0.5  # one of nineteen is more


def test_exactly_one_of_a_hundred_false_alarms_is_one_per_cent() -> None:
    label = np.r_[np.zeros(100), np.ones(2)].astype(int)
    margin = np.r_[np.arange(100.0), 98.5, 200]
    assert figure("tpr_at_fpr_1", label, margin) == 1.0


def test_calibration_error_by_hand() -> None:
    # Bin [.2, .3): probabilities .25 and .25, one fake: |.25 - .5|; bin [.9, 1]: .95, fake: .05.
    margin = margin_of([0.25, 0.25, 0.95])
    assert figure("calibration_error", [0, 1, 1], margin) == pytest.approx((2 * 0.25 + 0.05) / 3)
    # Ten bins: 0.62 and 0.69 are in one.
    assert figure("calibration_error", [1, 0], margin_of([0.62, 0.69])) == pytest.approx((0.69 - 0.38) / 2)
    # The same bin's too high and too low probabilities cancel.
    assert figure("calibration_error", [0, 1], margin_of([0.45, 0.55 - 0.05 - 1e-9])) < 0.05


def test_cllr_by_hand() -> None:
    # A likelihood ratio of 1 costs one bit; 3 for a fake costs log2(4/3), for a real 2.
    assert figure("cllr", [0, 1], [0, 0], llr=[0.0, 0.0]) == pytest.approx(1)
    llr = np.log([3.0, 3.0])
    assert figure("cllr", [0, 1], [0, 0], llr=llr) == pytest.approx((np.log2(4 / 3) + 2) / 2)


@pytest.mark.slow  # these run where the extra `dev` is installed, with the library that is asked
def test_cllr_and_its_minimum_agree_with_lir() -> None:
    lir = pytest.importorskip("lir.metrics")
    data = pytest.importorskip("lir.data.models")
    label, margin = scored(200, seed=5)
    llr = margin * 0.8
    table = data.LLRData(features=(llr / np.log(10)).reshape(-1, 1), labels=label)
    assert figure("cllr", label, margin, llr=llr) == pytest.approx(lir.cllr(table), abs=1e-9)
    assert figure("cllr_min", label, margin) == pytest.approx(lir.cllr_min(table), abs=1e-9)


def test_minimum_cllr_is_zero_for_perfect_ranking_one_for_none_and_never_above_cllr() -> None:
    assert figure("cllr_min", [0, 0, 1], [0, 1, 2]) == 0
    assert figure("cllr_min", [0, 1, 0, 1], [1, 1, 1, 1]) == pytest.approx(1)
    assert figure("cllr_min", [1, 0], [0, 1]) == pytest.approx(1)  # upside down: the best monotone rule says nothing
    label, margin = scored()
    assert figure("cllr_min", label, margin) < figure("cllr", label, margin, llr=margin)


def test_shift_is_in_standard_deviations_of_the_reals() -> None:
    label, margin = scored(50, seed=9)
    real, fake = margin[label == 0], margin[label == 1]
    expected = (fake.mean() - real.mean()) / real.std(ddof=1)
    assert figure("shift", label, margin) == pytest.approx(expected)
    assert figure("shift", label, margin + 1e6) == pytest.approx(expected, rel=1e-6)


def test_what_is_undefined_is_none_with_a_reason() -> None:
    only_fakes = VideoScores([1, 1, 1], [0.1, 0.2, 0.3]).figures()
    assert only_fakes["auc"] is None
    assert only_fakes.reasons["auc"] == "there are no real videos"
    assert only_fakes["log_loss"] is not None
    assert only_fakes["fake_accuracy"] == 1.0
    only_reals = VideoScores([0, 0], [0.1, 0.2]).figures()
    assert only_reals["f1"] is None
    assert only_reals.reasons["f1"] == "there are no fake videos"
    assert VideoScores([0, 0, 1], [2, 2, 3]).figures().reasons["shift"].endswith("do not spread")
    assert "not calibrated" in VideoScores([0, 1], [0, 1]).figures().reasons["cllr"]
    nothing = VideoScores([], []).figures()
    assert set(nothing.reasons) == set(VideoScores.NAMES)
    for figures in (only_fakes, only_reals, nothing):
        assert set(figures.values) == set(VideoScores.NAMES)
        json.dumps(figures.to_dict(), allow_nan=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_a_number_is_an_error(bad: float) -> None:
    with pytest.raises(DataError, match=r"1 of 3 margins are not finite numbers \(the first at position 1"):
        VideoScores([0, 1, 1], [0.1, bad, 0.3])
    with pytest.raises(DataError, match="likelihood ratios"):
        VideoScores([0, 1], [0.1, 0.2], llr=[0.1, bad])
    with pytest.raises(DataError, match="probabilities"):
        margin_of([0.5, bad])


def test_labels_and_sizes_are_checked() -> None:
    with pytest.raises(DataError, match=r"0 \(real\) and 1 \(fake\)"):
        VideoScores([0, 2], [0.1, 0.2])
    with pytest.raises(DataError, match="expected 2 margins"):
        VideoScores([0, 1], [0.1])


def test_probabilities_become_margins_and_come_back() -> None:
    p = np.array([0, 1e-9, 0.3, 0.5, 1])
    assert np.isfinite(margin_of(p)).all()
    assert probability_of(margin_of(p)) == pytest.approx(p, abs=1e-15)
    assert probability_of([-800.0, 800.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", ["auc", "average_precision", "equal_error_rate", "shift", "cllr_min", "f1"])
@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_draw_without_one_class_leaves_a_metric_of_both_undefined(name: str, left: int) -> None:
    label, margin = np.array([0, 0, 1, 1, 0, 1]), np.array([0.0, 1.0, 2.0, 0.5, -1.0, 3.0])
    weights = np.stack([np.where(label == left, 1.0, 0.0), np.ones(6)])
    one, both = VideoScores(label, margin).measure(weights, [name])[name]
    assert np.isnan(one) or (name, left) in {("average_precision", 1), ("f1", 1)}  # which need fakes alone
    assert np.isfinite(both)


def test_the_equal_error_rate_lies_between_two_thresholds_where_none_has_it() -> None:
    # From none called fake: (0, 0), one real (1/2, 0), then all three fakes at once (1/2, 1).
    assert figure("equal_error_rate", [0, 1, 1, 1, 0], [3.0, 2.0, 2.0, 2.0, 1.0]) == pytest.approx(0.5)
    # (0, 1/4), then three of four reals and two more fakes at one margin: (3/4, 3/4); alarms = misses at .375 of .75.
    label, margin = [1, 0, 0, 0, 1, 1, 1, 0], [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 0.0]
    assert figure("equal_error_rate", label, margin) == pytest.approx(0.75 * 0.6)
