from __future__ import annotations

import json

import numpy as np
import pytest

from dfcore.errors import CheckpointError, DataError, UsageError
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.verdicts.calibration import (
    KINDS,
    Calibration,
    balanced_log_loss,
    choose_calibration,
    fit_calibration,
)


def normal_scores(n: int, seed: int = 0, *, distance: float = 2.0, share: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels and the true log likelihood ratios of two normal distributions one standard deviation wide."""
    random = np.random.default_rng(seed)
    label = (np.arange(n) < share * n).astype(int)
    x = random.normal(size=n) + distance * label
    return label, distance * x - distance**2 / 2


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_true_likelihood_ratio_is_found_whatever_the_mix_of_classes(share: float) -> None:
    label, true = normal_scores(8000, share=share)
    over = Calibration()
    for kind, margin, tolerance in (
        ("temperature", 3 * true, 0.15),
        ("platt", 3 * true + 4, 0.15),
        ("isotonic", true**3, 0.6),
    ):
        over = fit_calibration(kind, label, margin)
        inner = np.abs(true) < 2
        error = over.log_likelihood_ratio(margin)[inner] - true[inner]
        assert np.sqrt(np.mean(error**2)) < tolerance, kind


def test_platt_is_the_balanced_logistic_regression_with_softened_targets() -> None:
    from sklearn.linear_model import LogisticRegression

    label, margin = normal_scores(300, share=0.3)
    n_fake, n_real = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (n_fake + 1) / (n_fake + 2), 1 / (n_real + 2))
    weight = np.where(label == 1, 1 / n_fake, 1 / n_real) * 1000
    twice = np.r_[margin, margin][:, None]
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10000).fit(
        twice, np.repeat([1, 0], len(label)), np.r_[weight * target, weight * (1 - target)]
    )
    found = fit_calibration("platt", label, margin)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-4)
    assert found.offset == pytest.approx(oracle.intercept_[0], abs=1e-4)


def test_temperature_agrees_with_the_best_of_a_fine_grid() -> None:
    label, margin = normal_scores(400, share=0.4)
    found = fit_calibration("temperature", label, 5 * margin + 1)
    n_fake, n_real = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (n_fake + 1) / (n_fake + 2), 1 / (n_real + 2))
    grid = np.linspace(0.001, 1, 20000)
    odds = grid[:, None] * (5 * margin + 1)
    loss = np.logaddexp(0, odds) - target * odds
    best = grid[np.argmin(loss[:, label == 1].mean(axis=1) + loss[:, label == 0].mean(axis=1))]
    assert found.slope == pytest.approx(best, abs=1e-4)
    assert found.offset == 0


@pytest.mark.slow  # these run where the extra `dev` is installed, with the library that is asked
def test_isotonic_and_platt_agree_with_lir() -> None:
    isotonic = pytest.importorskip("lir.algorithms.isotonic_regression")
    logistic = pytest.importorskip("lir.algorithms.logistic_regression")
    label, margin = normal_scores(2000, share=0.3)
    found = fit_calibration("isotonic", label, margin)
    lir_llr = isotonic.IsotonicCalibrator().fit(margin, label).transform(margin) * np.log(10)  # lir's are decimal
    finite = np.isfinite(lir_llr) & (np.abs(lir_llr) < min(map(abs, found.supported)))
    assert finite.sum() > 500
    assert found.log_likelihood_ratio(margin)[finite] == pytest.approx(lir_llr[finite], abs=1e-9)
    platt = logistic.LogitCalibrator(C=np.inf).fit(margin, label)
    ours = fit_calibration("platt", label, margin).log_likelihood_ratio(margin)
    theirs = platt.transform(margin[:, None])[:, 0] * np.log(10)
    assert ours == pytest.approx(theirs, abs=0.01, rel=0.03)  # ours has Platt's softened targets


def test_isotonic_never_says_more_than_the_number_of_videos_bears_out() -> None:
    label, margin = np.repeat([0, 1], [20, 5]), np.arange(25.0)
    found = fit_calibration("isotonic", label, margin)
    llr = found.log_likelihood_ratio([-100, 0, 24, 1000])
    assert llr.tolist() == pytest.approx([-np.log(6), -np.log(6), np.log(21), np.log(21)])
    assert found.supported == pytest.approx((-np.log(6), np.log(21)))
    assert len(found.knots[0]) == 4  # the ends of the two steps


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_rises_and_survives_json(kind: str) -> None:
    label, margin = normal_scores(200, share=0.4)
    found = fit_calibration(kind, label, margin)
    grid = np.linspace(-30, 30, 500)
    assert (np.diff(found.log_likelihood_ratio(grid)) >= 0).all()
    again = Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    assert (again.log_likelihood_ratio(grid) == found.log_likelihood_ratio(grid)).all()


@pytest.mark.parametrize("kind", ["temperature", "platt"])
def test_scores_the_wrong_way_round_say_nothing_rather_than_turn_over(kind: str) -> None:
    label, margin = normal_scores(200)
    assert fit_calibration(kind, label, -margin).log_likelihood_ratio([-9.0, 9.0]) == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("kind", ["temperature", "platt"])
def test_separated_classes_give_a_finite_slope(kind: str) -> None:
    found = fit_calibration(kind, np.repeat([0, 1], 30), np.repeat([-1.0, 1.0], 30))
    # The softened target of 31/32 is met at a log-odds of ln 31.
    assert found.log_likelihood_ratio([1.0]) == pytest.approx([np.log(31)], rel=1e-3)


def test_the_prior_moves_the_probability_and_not_the_ratio() -> None:
    known = Calibration("platt", 1.0, 0.0)
    assert known.probability(0.0) == pytest.approx(0.5)
    assert known.probability(np.log(9), prior=0.1) == pytest.approx(0.5)
    assert known.probability(0.0, prior=0.01) == pytest.approx(0.01)
    for prior in (0, 1, np.nan):
        with pytest.raises(UsageError, match="prior share of fakes"):
            known.probability(0.0, prior=prior)


@pytest.mark.parametrize(
    ("kind", "slope", "offset"), [("identity", 1.0, 0.0), ("temperature", 4.0, 0.0), ("platt", 2.0, 5.0)]
)
def test_the_kind_that_undoes_the_distortion_is_chosen(kind: str, slope: float, offset: float) -> None:
    label, true = normal_scores(3000, seed=4, distance=1.5)
    found = choose_calibration(label, slope * true + offset)
    assert found.kind == kind
    assert min(found.log_loss, key=found.log_loss.get) == kind
    assert set(found.log_loss) == set(KINDS)
    assert (found.n_real, found.n_fake) == (1500, 1500)


def test_isotonic_is_chosen_where_the_ratio_moves_in_steps() -> None:
    random = np.random.default_rng(5)
    margin = random.uniform(-3, 3, 3000)
    share = np.select([margin < -2, margin > 2], [0.05, 0.95], 0.5)
    found = choose_calibration((random.random(3000) < share).astype(int), margin)
    assert found.kind == "isotonic"
    assert found.probability([-2.7, 0.0, 2.7]) == pytest.approx([0.05, 0.5, 0.95], abs=0.06)


def test_the_choice_is_by_loss_on_videos_that_were_not_fitted() -> None:
    # Random scores of 12 identities: isotonic fits them well in the sample, and is worse than nothing outside it.
    random = np.random.default_rng(0)
    label, margin = np.arange(60) % 2, random.normal(size=60)
    found = choose_calibration(label, margin, kinds=["temperature", "isotonic"])
    inside = balanced_log_loss(fit_calibration("isotonic", label, margin).log_likelihood_ratio(margin), label)
    assert inside < np.log(2) < found.log_loss["isotonic"]
    assert found.kind == "temperature"


def test_too_few_videos_or_identities_leave_the_margin_as_it_is() -> None:
    label, margin = np.arange(18) % 2, np.arange(18.0)
    few = choose_calibration(label, margin)
    assert few.kind == "identity"
    assert "9 real and 9 fake" in few.note
    assert few.log_likelihood_ratio([3.5]) == [3.5]
    one = choose_calibration(np.arange(40) % 2, np.arange(40.0), ["a"] * 40)
    assert one.kind == "identity"
    assert one.note
    assert choose_calibration([1] * 20, np.arange(20.0)).note
    assert Calibration.from_dict(few.to_dict()) == few


def test_balanced_log_loss_is_cllr_in_nats() -> None:
    from dfcore.evaluation.metrics.scores import VideoScores

    label, llr = normal_scores(100, share=0.2)
    cllr = VideoScores(label, llr, llr=llr).figures(["cllr"])["cllr"]
    assert balanced_log_loss(llr, label) == pytest.approx(cllr * np.log(2))
    assert balanced_log_loss([1.0], [1]) is None


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(DataError, match="not finite"):
        choose_calibration([0, 1], [0.0, np.nan])
    with pytest.raises(DataError, match="no likelihood ratio"):
        Calibration().log_likelihood_ratio([np.nan])
    with pytest.raises(DataError, match="both classes"):
        fit_calibration("platt", [1, 1], [0.0, 1.0])
    with pytest.raises(UsageError, match="'beta'; choose from identity, temperature"):
        choose_calibration([0, 1], [0.0, 1.0], kinds=["beta"])
    good = Calibration("isotonic", knots=((0.0, 1.0), (-1.0, 1.0))).to_dict()
    for change in (
        {"kind": "beta"},
        {"knots": [[0, 1], [1, -1]]},
        {"knots": [[1, 0], [-1, 1]]},
        {"knots": [[], []]},
        {"knots": [[0, 1], [-1, float("nan")]]},
        {"knots": 3},
        {"slope": -1.0},
        {"what": 1},
    ):
        with pytest.raises(CheckpointError, match="Calibrate again"):
            Calibration.from_dict(good | change)


def test_folds_part_identities_and_keep_both_classes_on_either_side() -> None:
    label = np.array([0, 1, 1, 1] * 15)
    groups = np.repeat(np.arange(15), 4)
    fold = fold_numbers(label, groups)
    assert fold is not None
    assert len(np.unique(fold)) == 5
    for group in range(15):
        assert len(np.unique(fold[groups == group])) == 1
    for i in range(5):
        assert set(label[fold != i]) == {0, 1}
        assert abs((fold == i).sum() - 12) <= 4
    assert (fold_numbers(label, groups) == fold).all()
    assert (fold_numbers(label, groups, seed=1) != fold).any()
    # Two real identities: two folds at most.
    two = fold_numbers(np.array([0, 0, 1, 1, 1, 1]), np.array([0, 1, 2, 3, 4, 5]))
    assert two is not None
    assert two[0] != two[1]
    assert fold_numbers(label, np.zeros(60, int)) is None
    assert fold_numbers(np.ones(10, int)) is None


def test_a_calibration_of_no_videos_is_stored_and_one_of_fewer_than_none_refused() -> None:
    assert Calibration.from_dict(Calibration().to_dict()) == Calibration()
    for name in ("n_real", "n_fake"):
        with pytest.raises(CheckpointError, match="a number of videos is negative"):
            Calibration.from_dict(Calibration().to_dict() | {name: -1})
