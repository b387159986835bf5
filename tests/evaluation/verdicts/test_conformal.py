from __future__ import annotations

import json

import numpy as np
import pytest

from dfcore.errors import CheckpointError, DataError, UsageError
from dfcore.evaluation.verdicts.conformal import POOLED, ConformalVerdicts, enough


def overlapping(n: int, seed: int = 0) -> ConformalVerdicts:
    random = np.random.default_rng(seed)
    label = np.arange(2 * n) % 2
    return ConformalVerdicts(label, random.normal(size=2 * n) + 2 * label, alpha=0.05)


def test_p_values_and_verdicts_by_hand() -> None:
    reals, fakes = np.arange(19.0), np.arange(19.0) + 10
    judge = ConformalVerdicts(np.repeat([0, 1], 19), np.r_[reals, fakes], alpha=0.05)
    # 18 is the highest real: it counts against "fake", a little more does not.
    at, above = judge.judge(18.0), judge.judge(18.1)
    assert (at.p_value_real, above.p_value_real) == (2 / 20, 1 / 20)
    assert (at.verdict, above.verdict) == ("uncertain", "fake")
    assert above.p_value_fake == 10 / 20  # the fakes 10 to 18, and itself
    below = judge.judge(9.9)
    assert (below.verdict, below.p_value_fake) == ("real", 1 / 20)
    assert judge.judge(10.0).verdict == "uncertain"
    assert (above.n_real, above.n_fake, above.alpha) == (19, 19, 0.05)


def test_a_score_that_neither_class_has_is_uncertain() -> None:
    label, margin = np.repeat([0, 1], 30), np.r_[np.arange(30.0) - 50, np.arange(30.0) + 50]
    judge = ConformalVerdicts(label, margin, alpha=0.05)
    verdict = judge.judge(0.0)
    assert max(verdict.p_value_real, verdict.p_value_fake) <= 0.05
    assert verdict.verdict == "uncertain"
    assert "at most 5% of real videos score so high, and at most 5% of fakes so low" in verdict.reason
    assert judge.judge(60.0).verdict == "fake"
    assert judge.judge(-60.0).verdict == "real"


def binomial_excess(hits: int, n: int, rate: float) -> float:
    """P(as many hits or more | the rate is kept)."""
    from scipy.stats import binomtest

    return float(binomtest(hits, n, rate, alternative="greater").pvalue)


@pytest.mark.parametrize(("alpha", "n", "draws"), [(0.05, 37, 4000), (0.01, 120, 6000)])
def test_the_promised_rate_is_kept_over_many_validation_sets(alpha: float, n: int, draws: int) -> None:
    random = np.random.default_rng(0)
    label, alarms, misses, found = np.repeat([0, 1], n), 0, 0, 0
    for _ in range(draws):
        # Heavy tails, and a fifth of the scores tied: nothing is assumed of the distribution.
        margin = random.standard_t(2, 2 * n + 2)
        margin[random.random(len(margin)) < 0.2] = 1.5
        judge = ConformalVerdicts(label, margin[:-2] + 3 * label, alpha=alpha)
        real, fake = judge.judge(margin[-2]), judge.judge(margin[-1] + 3)
        alarms += real.verdict == "fake"
        misses += fake.verdict == "real"
        found += fake.verdict == "fake"
    assert binomial_excess(alarms, draws, alpha) > 1e-3
    assert binomial_excess(misses, draws, alpha) > 1e-3
    assert alarms > 0.4 * alpha * draws  # the promise is used, not kept by silence
    assert found > alarms


def test_the_promise_holds_in_each_class_where_scores_differ_between_classes() -> None:
    random, draws = np.random.default_rng(1), 3000
    n = 40
    label = np.tile(np.repeat([0, 1], n), 2)
    classes = ["c23"] * 2 * n + ["c40"] * 2 * n
    shift = {"c23": 0.0, "c40": 2.0}
    moved = np.repeat([shift["c23"], shift["c40"]], 2 * n)
    alarms = dict.fromkeys(shift, 0)
    pooled = 0
    for _ in range(draws):
        margin = random.normal(size=4 * n) + label + moved
        by_class, one = (ConformalVerdicts(label, margin, c, alpha=0.05) for c in (classes, None))
        for name, more in shift.items():
            score = random.normal() + more
            alarms[name] += by_class.judge(score, name).verdict == "fake"
            pooled += name == "c40" and one.judge(score).verdict == "fake"
    for name, hits in alarms.items():
        assert binomial_excess(hits, draws, 0.05) > 1e-3, name
        assert hits > 0.4 * 0.05 * draws
    # Without classes the more compressed videos bear nearly all the false alarms.
    assert binomial_excess(pooled, draws, 0.05) < 1e-3


@pytest.mark.slow  # these run where the extra `dev` is installed, with the library that is asked
def test_the_threshold_for_fake_agrees_with_mapie() -> None:
    regression = pytest.importorskip("mapie.regression")
    from sklearn.dummy import DummyRegressor

    reals = np.random.default_rng(0).gamma(2, size=163)
    for alpha in (0.02, 0.05, 0.1):
        zero = DummyRegressor(strategy="constant", constant=0.0).fit(np.zeros((2, 1)), [0.0, 0.0])
        oracle = regression.SplitConformalRegressor(zero, confidence_level=1 - alpha, prefit=True)
        oracle.conformalize(np.zeros((len(reals), 1)), reals)
        highest = float(oracle.predict_interval(np.zeros((1, 1)))[1][0, 1, 0])
        judge = ConformalVerdicts([*np.zeros(len(reals), int), *[1] * 200], [*reals, *[50.0] * 200], alpha=alpha)
        assert highest in reals
        assert judge.judge(highest).p_value_real > alpha
        assert judge.judge(np.nextafter(highest, 99)).p_value_real <= alpha


def test_too_few_videos_promise_nothing_and_say_so() -> None:
    judge = ConformalVerdicts(np.repeat([0, 1], [98, 200]), np.r_[np.arange(98.0), np.arange(200) + 500.0], alpha=0.01)
    verdict = judge.judge(1e9)
    assert verdict.verdict == "uncertain"
    assert "'fake' is never said: a rate of 1% cannot be promised with 98 real validation videos (99 are needed)" in (
        verdict.statement
    )
    assert "'real' is said of at most 1% of fake videos, by 200 validation videos" in verdict.statement
    assert judge.judge(-5.0).verdict == "real"
    more = ConformalVerdicts(np.repeat([0, 1], [99, 200]), np.r_[np.arange(99.0), np.arange(200) + 500.0], alpha=0.01)
    assert more.judge(1e9).verdict == "fake"
    nothing = ConformalVerdicts([], [])
    assert nothing.judge(0.0).verdict == "uncertain"
    assert enough(99, 0.01)
    assert not enough(98, 0.01)


def test_a_class_with_too_few_reals_is_judged_by_all_classes() -> None:
    label = np.r_[np.zeros(40), np.ones(40), np.zeros(5), np.ones(40)].astype(int)
    margin = np.r_[np.arange(40.0), np.arange(40) + 100.0, np.arange(5) + 60.0, np.arange(40) + 200.0]
    judge = ConformalVerdicts(label, margin, ["a"] * 80 + ["b"] * 45, alpha=0.05)
    own, small, unseen = judge.judge(45.0, "a"), judge.judge(45.0, "b"), judge.judge(45.0, "c")
    assert (own.real_class, own.n_real, own.p_value_real) == ("a", 40, 1 / 41)
    assert (small.real_class, small.n_real, small.p_value_real) == (POOLED, 45, 6 / 46)
    assert (small.fake_class, small.n_fake) == ("b", 40)
    assert (unseen.real_class, unseen.fake_class, unseen.n_fake) == (POOLED, POOLED, 80)
    assert "40 validation videos of class a" in own.statement
    assert "on average over the classes of the validation set, not for each" in small.statement
    assert "on average" not in own.statement
    assert judge.judge(45.0).p_value_real == small.p_value_real


def test_verdicts_survive_json() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 300)
    judge = ConformalVerdicts(label, random.normal(size=300) + label, random.choice(["a", "b"], 300), alpha=0.02)
    again = ConformalVerdicts.from_dict(json.loads(json.dumps(judge.to_dict(), allow_nan=False)))
    for margin in np.linspace(-4, 5, 40):
        for name in ("a", "b", None):
            assert again.judge(margin, name) == judge.judge(margin, name)
    json.dumps(judge.judge(0.0).to_dict(), allow_nan=False)


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(DataError, match="not finite"):
        ConformalVerdicts([0, 1], [0.0, np.nan])
    with pytest.raises(DataError, match="expected 2 classes"):
        ConformalVerdicts([0, 1], [0.0, 1.0], ["a"])
    with pytest.raises(DataError, match="nothing to judge"):
        overlapping(40).judge(float("nan"))
    for alpha in (0.0, 0.5, float("nan")):
        with pytest.raises(UsageError, match="alpha"):
            ConformalVerdicts([0, 1], [0.0, 1.0], alpha=alpha)
    good = overlapping(40).to_dict()
    for change in ({"alpha": 2}, {"scores": {"a": {"real": [float("nan")], "fake": []}}}, {"scores": 3}):
        with pytest.raises(CheckpointError, match="Calibrate again"):
            ConformalVerdicts.from_dict(good | change)
    with pytest.raises(CheckpointError, match="Calibrate again"):
        ConformalVerdicts.from_dict({})


def crowd(people: int, videos: int, random: np.random.Generator) -> np.ndarray:
    """Scores [people, videos] that are alike within a person."""
    return random.normal(size=(people, 1)) + 0.3 * random.normal(size=(people, videos))


def test_many_videos_of_few_people_promise_no_more_than_the_people_do() -> None:
    """104 videos look like plenty for 1 %; of 13 people they are 13 for a new person, and 1 in 14 for the best case."""
    random, draws, rates = np.random.default_rng(5), 600, {}
    for alpha in (0.01, 0.08):
        blind = aware = 0
        for _ in range(draws):
            margin, people = np.tile(crowd(13, 8, random).ravel(), 2), np.tile(np.repeat(np.arange(13), 8), 2)
            label, new = np.repeat([0, 1], 104), float(crowd(1, 1, random)[0, 0])
            blind += ConformalVerdicts(label, margin, alpha=alpha).judge(new).p_value_real <= alpha
            aware += ConformalVerdicts(label, margin, groups=people, alpha=alpha).judge(new).p_value_real <= alpha
        rates[alpha] = blind, aware
    assert binomial_excess(rates[0.01][0], draws, 0.01) < 1e-4, rates  # the promise of those who count videos is broken
    assert rates[0.01][1] == 0
    assert 0.02 * draws < rates[0.08][1], rates  # where 13 people are enough, something is said
    assert binomial_excess(rates[0.08][1], draws, 0.08) > 0.001, rates


def test_identities_weigh_one_each_by_hand() -> None:
    # Three people: one with the scores 1, 2 and 3, one with 4, one with 0.
    judge = ConformalVerdicts([0] * 5, [1.0, 2.0, 3.0, 4.0, 0.0], groups=["a", "a", "a", "b", "c"], alpha=0.3)
    assert judge.judge(2.5).p_value_real == pytest.approx((1 + 1 / 3 + 1) / 4)
    assert judge.judge(5.0).p_value_real == 1 / 4
    verdict = judge.judge(5.0)
    assert (verdict.n_real, verdict.real_identities, verdict.verdict) == (5, 3, "fake")
    assert "by 5 validation videos of 3 identities" in verdict.statement
    again = ConformalVerdicts.from_dict(json.loads(json.dumps(judge.to_dict())))
    assert again.judge(2.5) == judge.judge(2.5)
    strict = ConformalVerdicts([0] * 5, [1.0, 2.0, 3.0, 4.0, 0.0], groups=["a", "a", "a", "b", "c"], alpha=0.2)
    assert "cannot be promised with 5 real validation videos of 3 identities (4 identities are needed)" in (
        strict.statement()
    )
    assert strict.judge(5.0).verdict == "uncertain"


def test_the_threshold_for_fake_is_the_lowest_margin_that_is_called_so() -> None:
    reals, others = np.arange(19.0), np.arange(39.0) + 100
    label = np.r_[np.zeros(19), np.zeros(39), np.ones(5)].astype(int)
    classes = ["a"] * 19 + ["b"] * 39 + ["a"] * 5
    judge = ConformalVerdicts(label, np.r_[reals, others, np.full(5, 500.0)], classes, alpha=0.05)
    own = judge.fake_threshold("a")
    assert own == np.nextafter(18.0, np.inf)  # above all 19: 1 of 20 is .05
    assert judge.judge(own, "a").p_value_real <= 0.05 < judge.judge(18.0, "a").p_value_real
    assert judge.fake_threshold("b") == np.nextafter(137.0, np.inf)  # of 39, one may be higher
    assert judge.fake_threshold() == np.nextafter(137.0, np.inf)  # of 58 too: (1 + 2) / 59 is too much
    assert ConformalVerdicts([0] * 18, reals[:18], alpha=0.05).fake_threshold() is None


def test_what_a_promise_rests_on_is_said_in_words() -> None:
    label = np.repeat([0, 1], [40, 20])
    people = [*range(39), 0, *["one"] * 20]
    found = ConformalVerdicts(label, np.arange(60.0), groups=people, alpha=0.025)
    first, second, basis = found.statement().split(". ")
    assert first == "'fake' is said of at most 2.50% of real videos, by 40 validation videos of 39 identities"
    assert second == (
        "'real' is never said: a rate of 2.50% cannot be promised with 20 fake validation videos of 1 identity "
        "(39 identities are needed)"
    )
    assert basis.startswith("The video must be as if drawn at random")
    assert found.counts(0) == (40, 39)
    assert found.counts(1) == (20, 1)
    two = ConformalVerdicts(label, np.arange(60.0), ["a"] * 20 + ["b"] * 40, alpha=0.05)
    assert "by 40 validation videos, on average over the classes" in two.statement("c")
    assert "by 20 validation videos of class a." in two.statement("a")
    one = ConformalVerdicts(label, np.arange(60.0), ["a"] * 60, alpha=0.02)
    assert "on average" not in one.statement()
    assert "'fake' is never said" in one.statement("a")
    assert "on average" in ConformalVerdicts(label, np.arange(60.0), ["a"] * 60, alpha=0.05).statement("z")


def test_a_verdict_gives_its_reason() -> None:
    label, margin = np.repeat([0, 1], 39), np.r_[np.arange(39.0), np.arange(39.0) + 20]
    judge = ConformalVerdicts(label, margin, alpha=0.025)
    reasons = {score: judge.judge(score).reason for score in (60.0, -1.0, 30.0)}
    assert reasons == {
        60.0: "at most 2.50% of real videos score so high",
        -1.0: "at most 2.50% of fakes score so low",
        30.0: "such scores occur among real videos and among fakes, or there are too few to tell",
    }


def test_what_is_stored_does_not_depend_on_the_order_of_classes() -> None:
    names = [f"h264 c{n}" for n in range(12)]
    found = ConformalVerdicts([n % 2 for n in range(24)], np.arange(24.0), [names[-1 - n // 2] for n in range(24)])
    for part in ("scores", "groups"):
        assert list(found.to_dict()[part]) == sorted(names)
