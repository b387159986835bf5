"""What a score says of a new video: capped, at a prior, and what cannot be promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.verdicts.calibration import Calibration
from dfcore.evaluation.verdicts.conformal import ConformalVerdicts
from dfcore.evaluation.verdicts.operating_points import choose_operating_points
from dfcore.evaluation.verdicts.rules import VerdictRules, check_alpha

LABEL, MARGIN = np.repeat([0, 1], [40, 50]), np.r_[np.linspace(-4, 1, 40), np.linspace(-1, 4, 50)]


def rules(slope: float = 1.0, offset: float = 0.0, **how: object) -> VerdictRules:
    """Of 40 reals and 50 fakes: ratios of 41 and 51 can be borne out."""
    calibration = Calibration("platt", slope, offset, n_real=40, n_fake=50, log_loss={"identity": 0.6, "platt": 0.25})
    conformal = ConformalVerdicts(LABEL, MARGIN, **{"alpha": 0.05, **how})  # type: ignore[arg-type]
    return VerdictRules(calibration, choose_operating_points(LABEL, MARGIN), conformal)


def test_a_ratio_within_what_the_videos_bear_out_is_left_as_it_is() -> None:
    found = rules(2.0, 0.5).judge(1.0)
    assert (found.log_likelihood_ratio, found.capped, found.margin, found.prior) == (2.5, False, 1.0, 0.5)
    assert found.probability == pytest.approx(1 / (1 + math.exp(-2.5)))
    assert found.p_value_real == pytest.approx(2 / 41)
    assert found.p_value_fake == pytest.approx(21 / 51)
    assert found.verdict == "fake"
    assert found.to_dict()["statement"] == found.statement == rules().conformal.statement()


@pytest.mark.parametrize(("slope", "margin", "kept"), [(1, 99, math.log(41)), (1, -99, -math.log(51))])
def test_a_ratio_is_capped_on_either_side(slope: float, margin: float, kept: float) -> None:
    found = rules(slope).judge(margin, prior=0.2)
    assert found.log_likelihood_ratio == pytest.approx(kept)
    assert found.capped
    odds = math.exp(kept) * 0.2 / 0.8
    assert found.probability == pytest.approx(odds / (1 + odds))
    at_the_end = rules(0.0, kept).judge(0.0)
    assert at_the_end.log_likelihood_ratio == pytest.approx(kept)
    assert at_the_end.capped  # what lies on the limit is only known to be that much at least


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, math.nan])
def test_a_prior_is_a_share(prior: float) -> None:
    with pytest.raises(UsageError, match="above 0 and below 1; found"):
        rules().judge(0.0, prior=prior)


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.01, math.nan])
def test_a_rate_that_cannot_be_promised_is_refused(alpha: float) -> None:
    with pytest.raises(UsageError, match=r"above 0 and below 0\.5; found"):
        check_alpha(alpha)
    check_alpha(0.49)
    check_alpha(0.001)


def test_the_summary_says_the_gain_and_what_cannot_be_promised() -> None:
    assert rules().summary() == "platt by 40 real and 50 fake validation videos, log-loss 0.600 -> 0.250 nats"
    strict = rules(alpha=0.0125, groups=[*range(40), *np.arange(50) // 2 + 100])
    assert strict.shortfalls() == [
        "1.25 % false alarms cannot be promised with 40 genuine videos (79 are needed)",
        "1.25 % missed fakes cannot be promised with 50 fake videos of 25 identities (79 are needed)",
    ]
    assert rules(alpha=0.02).shortfalls() == [
        "2 % false alarms cannot be promised with 40 genuine videos (49 are needed)"
    ]


def test_rules_are_kept_and_an_operating_point_under_another_name_is_refused() -> None:
    stored = rules().to_dict()
    assert VerdictRules.from_dict(stored).to_dict() == stored
    points = stored["operating_points"]
    points["equal_error"], points["false_alarms_1"] = points["false_alarms_1"], points["equal_error"]
    with pytest.raises(CheckpointError, match="'equal_error' has another name"):
        VerdictRules.from_dict(stored)


def test_rules_are_fitted_by_the_alpha_classes_and_identities_that_are_given() -> None:
    classes = ["a" if n % 2 else "b" for n in range(90)]
    found = VerdictRules.fit(LABEL, MARGIN, classes=classes, groups=[n // 2 for n in range(90)], alpha=0.1)
    assert found.conformal.alpha == 0.1
    judged = found.conformal.judge(2.0, "a")
    assert (judged.real_class, judged.n_real, judged.fake_identities) == ("a", 20, 25)
    assert found.calibration.kind in found.calibration.log_loss
    assert set(found.operating_points) == {"equal_error", "false_alarms_1", "false_alarms_5"}
    assert VerdictRules.fit([], []).operating_points == {}
    assert VerdictRules.fit([], []).conformal.alpha == 0.01
