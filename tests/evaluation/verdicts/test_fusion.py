from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.verdicts.calibration import balanced_log_loss
from dfcore.evaluation.verdicts.fusion import Fusion, MemberWeights
from dfcore.evaluation.verdicts.fusion_fit import fit_fusion, fuse_out_of_sample

NAMES = ("av", "bg", "cm")


def members(
    n: int, distances: tuple[float, ...], seed: int = 0, *, absent: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratios ``[N, M]`` of independent members (their classes so many standard deviations apart), presence, labels."""
    random = np.random.default_rng(seed)
    label = np.arange(n) % 2
    distance = np.array(distances)
    x = random.normal(size=(n, len(distances))) + distance * label[:, None]
    present = random.random(x.shape) >= absent
    return distance * x - distance**2 / 2, present, label


def noisy(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The third member is confident at random."""
    llr, present, label = members(n, (1.5, 1.5, 1.0), seed)
    llr[:, 2] = np.random.default_rng(seed + 1).normal(size=n) * 4
    return llr, present, label


def test_equal_members_are_averaged() -> None:
    chosen = [fit_fusion(NAMES, *members(300, (1.0, 1.0, 1.0), seed), draws=300, seed=seed).kind for seed in range(6)]
    assert chosen.count("mean") >= 5


def test_a_gain_whose_interval_reaches_zero_is_not_enough() -> None:
    found = [fit_fusion(NAMES, *members(80, (2.0, 1.0, 1.0), seed), draws=200) for seed in range(8)]
    assert all((fusion.kind == "stacking") == (fusion.gain.low > 0) for fusion in found)
    assert any(fusion.gain.value > 0 and fusion.kind == "mean" for fusion in found)


def test_members_that_are_all_noise_are_averaged() -> None:
    random = np.random.default_rng(0)
    llr, label = random.normal(size=(200, 3)), np.arange(200) % 2
    found = fit_fusion(NAMES, llr, np.ones((200, 3), bool), label)
    assert found.kind == "mean"
    assert found.fits == ()
    assert "does not clearly beat the plain mean" in found.reason
    assert found.fuse({"av": 1.0, "bg": 2.0, "cm": None}).llr == 1.5


def test_a_noisy_member_is_found_out_and_unseen_videos_gain() -> None:
    found = fit_fusion(NAMES, *noisy(400))
    assert found.kind == "stacking"
    assert found.gain.low > 0
    assert found.auc["stacking"] > found.auc["mean"]
    weights = found.weights_for(NAMES).weights
    assert weights[2] < 0.1 * min(weights[:2])
    llr, present, label = noisy(2000, seed=50)
    stacked = VideoScores(label, found.fuse_all(llr, present)).figures(["auc"])["auc"]
    mean = VideoScores(label, llr.mean(axis=1)).figures(["auc"])["auc"]
    assert stacked > mean + 0.1


def test_independent_members_get_the_sum_that_probability_theory_asks_for() -> None:
    llr, present, label = noisy(8000)
    weights = fit_fusion(NAMES, llr, present, label, draws=100).weights_for(("av", "bg"))
    assert weights.weights == pytest.approx((1, 1), abs=0.1)
    assert weights.offset == pytest.approx(0, abs=0.1)


def test_each_set_that_abstentions_leave_has_its_own_weights() -> None:
    # "bg" and "cm" say the same: together they weigh as one, and each alone with "av" as much as both.
    llr, present, label = members(6000, (1.2, 1.2, 1.2), absent=0.3)
    llr[:, 2] = llr[:, 1] + 0.01 * np.random.default_rng(1).normal(size=len(llr))
    found = fit_fusion(NAMES, llr, present, label)
    assert found.kind == "stacking"
    assert {fit.members for fit in found.fits} == {c for k in (2, 3) for c in combinations(NAMES, k)}
    whole = dict(zip(NAMES, found.weights_for(NAMES).weights, strict=True))
    assert whole["bg"] + whole["cm"] == pytest.approx(1, abs=0.2)
    for other in ("bg", "cm"):
        assert found.weights_for(("av", other)).weights == pytest.approx((1, 1), abs=0.2)
    assert found.weights_for(("bg", "cm")).members == ("bg", "cm")
    some = found.weights_for(("av", "bg"))
    assert some.n_real + some.n_fake == (present[:, 0] & present[:, 1]).sum()


def test_weights_are_not_negative() -> None:
    llr, present, label = members(600, (1.5, 1.5, 1.0))
    llr[:, 2] *= -1
    found = fit_fusion(NAMES, llr, present, label)
    assert found.kind == "stacking"
    assert found.weights_for(NAMES).weights[2] == 0
    # Where only the upside-down member and one other are left, the same holds.
    assert found.weights_for(("av", "cm")).weights[1] == 0


def test_a_set_of_few_videos_keeps_the_weights_of_the_mean() -> None:
    llr, present, label = noisy(400)
    present[:, 0] = np.arange(400) < 390
    present[10:390, 1] = False
    found = fit_fusion(NAMES, llr, present, label)
    assert found.kind == "stacking"
    assert found.weights_for(NAMES).weights == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert found.weights_for(("av", "cm")).weights[1] < 0.1


def test_a_single_member_speaks_for_itself_and_none_gives_a_reason() -> None:
    found = fit_fusion(NAMES, *noisy(400))
    assert found.kind == "stacking"
    assert [found.fuse({name: 2.5}).llr for name in NAMES] == [2.5] * 3
    assert found.fuse({"av": 2.5, "bg": 2.5}).llr != 2.5
    nobody = found.fuse({"av": None, "cm": None})
    assert nobody.llr is None
    assert nobody.reason == "all members abstain: av, bg, cm"
    assert found.fuse_all([[9.0, 9.0, 9.0]], [[False] * 3]) == [None]


@pytest.mark.parametrize("kind", ["mean", "stacking"])
def test_one_video_and_many_are_fused_alike(kind: str) -> None:
    found = fit_fusion(NAMES, *noisy(400)) if kind == "stacking" else Fusion(NAMES, "mean")
    assert found.kind == kind
    llr, present, _ = members(60, (1.0, 2.0, 1.0), absent=0.5)
    llr[~present] = np.nan  # what is not there may be anything
    singly = [
        found.fuse({name: float(x) if here else None for name, x, here in zip(NAMES, *row, strict=True)}).llr
        for row in zip(llr, present, strict=True)
    ]
    together = found.fuse_all(llr, present)
    assert None in together
    assert [x is None for x in singly] == [x is None for x in together]
    assert [x for x in singly if x is not None] == pytest.approx([x for x in together if x is not None])


def test_an_unfitted_set_takes_the_weights_of_the_smallest_set_that_holds_it() -> None:
    fits = (
        MemberWeights(("a", "b", "c"), (0.6, 0.3, 0.3), 0.5),
        MemberWeights(("a", "b", "c", "d"), (1.0, 1.0, 1.0, 1.0)),
        MemberWeights(("c", "d", "e"), (0.0, 0.0, 2.0)),
    )
    found = Fusion(("a", "b", "c", "d", "e"), "stacking", fits)
    assert found.weights_for(("a", "b")).weights == pytest.approx((0.8, 0.4))  # the sum stays 1.2
    assert found.weights_for(("a", "b")).offset == 0.5
    assert found.weights_for(("a", "d")).weights == pytest.approx((2, 2))
    assert found.weights_for(("c", "d")).weights == (2.0, 2.0) or found.weights_for(("c", "d")).weights == (0.5, 0.5)
    assert found.weights_for(("a", "e")).weights == (0.5, 0.5)  # nothing holds it


def test_with_many_members_only_the_sets_that_occur_are_fitted() -> None:
    names = tuple("abcdefgh")
    llr, present, label = members(400, (1.0,) * 8)
    llr[:, 7] = np.random.default_rng(0).normal(size=400) * 12
    present[::4, 0] = False
    found = fit_fusion(names, llr, present, label)
    assert found.kind == "stacking"
    assert {fit.members for fit in found.fits} == {names, names[1:]}
    assert found.fuse(dict.fromkeys("ab", 1.0)).llr > 0


def test_identities_stay_together_in_folds_and_intervals() -> None:
    # One copy of 12 videos, 40 times over: with videos as their own groups every fold knows the answer.
    random = np.random.default_rng(3)
    label = np.tile(np.arange(24) % 2, 20)
    llr = np.tile(random.normal(size=(24, 5)) * 2, (20, 1))
    present, groups = np.ones(llr.shape, bool), np.tile(np.arange(24), 20)
    names = tuple("abcde")
    alone, together = fit_fusion(names, llr, present, label), fit_fusion(names, llr, present, label, groups)
    assert alone.kind == "stacking"
    assert together.kind == "mean"
    assert together.gain.value < alone.gain.value / 2
    # Twenty copies of a video say no more of the gain than one.
    assert together.gain.high - together.gain.low > 3 * (alone.gain.high - alone.gain.low)


def test_the_videos_that_it_was_learnt_from_are_fused_by_weights_that_have_not_seen_them() -> None:
    llr, present, label = noisy(60, seed=3)
    llr[:, :2] += np.where(np.arange(60) % 2, 0.5, -0.5)[:, None]
    present[5], present[6, 1:] = False, False
    found = fit_fusion(NAMES, llr, present, label)
    assert found.kind == "stacking"
    outside = fuse_out_of_sample(found, llr, present, label)
    inside = found.fuse_all(llr, present)
    assert outside[5] is None
    assert outside[6] == llr[6, 0]
    kept = np.arange(60) != 5
    loss = [balanced_log_loss([x for x in fused if x is not None], label[kept]) for fused in (inside, outside)]
    assert loss[0] < loss[1]
    # The first video's ratio is that of a fusion which was fitted on the other folds alone.
    fold = fold_numbers(label[present.sum(axis=1) > 1])
    rest = np.flatnonzero(present.sum(axis=1) > 1)[fold != fold[0]]
    alone = fit_fusion(NAMES, llr[rest], present[rest], label[rest])
    assert outside[0] == pytest.approx(alone.fuse_all(llr[:1], present[:1])[0], rel=1e-3)
    mean = Fusion(NAMES, "mean")
    assert fuse_out_of_sample(mean, llr, present, label) == mean.fuse_all(llr, present)
    with pytest.raises(DataError, match="not the videos that the fusion was learnt from"):
        fuse_out_of_sample(found, llr, present, np.ones(60, int))


def test_too_few_videos_give_the_mean_and_say_so() -> None:
    llr, present, label = noisy(18)
    found = fit_fusion(NAMES, llr, present, label)
    assert (found.kind, found.gain) == ("mean", None)
    assert "9 real and 9 fake validation videos" in found.reason
    alone = np.zeros((400, 3), bool)
    alone[:, 0] = True
    llr, _, label = noisy(400)
    assert "0 real and 0 fake" in fit_fusion(NAMES, llr, alone, label).reason


def test_a_fusion_survives_json() -> None:
    for found in (fit_fusion(NAMES, *noisy(400)), fit_fusion(NAMES, *noisy(10))):
        again = Fusion.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
        assert again == found
        assert again.fuse({"av": 1.0, "cm": -2.0}) == found.fuse({"av": 1.0, "cm": -2.0})
    good = fit_fusion(NAMES, *noisy(400)).to_dict()
    bad = good["fits"][0]
    for change in (
        {"kind": "vote"},
        {"fits": [bad | {"weights": [-1.0] * len(bad["weights"])}]},
        {"fits": [bad | {"weights": [1.0]}]},
        {"fits": [bad | {"offset": float("nan")}]},
        {"fits": [bad | {"members": ["x", "y"]}]},
        {"fits": 3},
        {"what": 1},
    ):
        with pytest.raises(CheckpointError, match="Fit the ensemble again"):
            Fusion.from_dict(good | change)


def test_what_cannot_be_used_is_refused() -> None:
    llr, present, label = noisy(40)
    llr[3, 1] = np.nan
    with pytest.raises(DataError, match="row 3, bg"):
        fit_fusion(NAMES, llr, present, label)
    with pytest.raises(DataError, match="shape"):
        fit_fusion(("av", "bg"), llr, present, label)
    with pytest.raises(DataError, match="40 rows of likelihood ratios for 39 labels"):
        fit_fusion(NAMES, np.zeros((40, 3)), present, label[:-1])
    mean = Fusion(NAMES, "mean")
    with pytest.raises(DataError, match="score of bg is not a finite number"):
        mean.fuse({"av": 1.0, "bg": float("nan")})
    with pytest.raises(DataError, match="was asked for av, rr"):
        mean.fuse({"av": 1.0, "rr": 1.0})
