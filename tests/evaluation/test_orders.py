"""In what order things are told, and what is told of things that are missing: the same in every process."""

from __future__ import annotations

import string
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from plain_specialist import CHANNELS, SPEC

from dfcore.errors import CheckpointError, DataError
from dfcore.evaluation.genuine import GenuineStatistics, GenuineVideo
from dfcore.evaluation.metrics import intervals
from dfcore.evaluation.metrics.folds import fold_numbers
from dfcore.evaluation.metrics.intervals import Interval, bootstrap
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.plots import evaluation as plots
from dfcore.evaluation.report import measure
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration import KINDS, Calibration, choose_calibration
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibrate_scores
from dfcore.evaluation.verdicts.ensemble import EnsembleMember, StoredEnsemble
from dfcore.evaluation.verdicts.fusion import Fusion
from dfcore.evaluation.verdicts.fusion_fit import fit_fusion
from dfcore.evaluation.verdicts.rules import VerdictRules
from dfcore.evaluation.verdicts.stored import only

LETTERS = list(string.ascii_lowercase[:12])
"""So many that a set has them in order by chance in one of 500 million processes."""
MIXED = LETTERS[::-2] + LETTERS[::2]


def test_what_genuine_videos_measure_is_told_by_name() -> None:
    numbers = dict.fromkeys(MIXED, (1.0, 2.0))
    videos = [GenuineVideo(np.zeros((CHANNELS, 7, 7), np.float32), numbers) for _ in range(3)]
    found = GenuineStatistics.fit(videos, SPEC, stage=1, weights="a", dataset="")
    assert found is not None
    assert list(found.numbers) == LETTERS


def scored(number: int, **more: Any) -> ScoredVideo:
    how = {"margin": float(number % 5), "split": "val", "group": (f"p{number // 2}",), "codec": "h264", **more}
    return ScoredVideo(f"v{number}", number % 2, **how)  # type: ignore[arg-type]


def test_kinds_of_videos_are_told_by_name() -> None:
    names = ["c", "a", "d", "b"]
    videos = [scored(k, manipulation=name, codec=name) for k, name in enumerate(n for n in names for _ in range(2))]
    by = measure(videos, draws=2)["by"]
    for kind in ("manipulation", "codec"):
        assert list(by[kind]) == sorted(names)


def test_the_share_that_was_judged_and_why_the_others_were_not() -> None:
    videos = [scored(k) for k in range(6)] + [
        scored(k, margin=None, abstain_reason=reason) for k, reason in ((6, "no face"), (7, "no audio"), (8, "no face"))
    ]
    found = measure(videos, draws=5)["coverage"]
    assert found["share"] == pytest.approx(6 / 9)
    assert (found["videos"], found["judged"], found["real"], found["fake"]) == (9, 6, 3, 3)
    assert found["abstained"] == {"no face": 2, "no audio": 1}


def calibrated(videos: list[ScoredVideo], **how: Any) -> CalibrationFile:
    return calibrate_scores(videos, specialist="toy", stage=1, weights="a", dataset="made", **how)


def test_reasons_to_abstain_are_counted_by_name_and_no_reason_is_no_score() -> None:
    videos = [scored(k, margin=None, abstain_reason=name) for k, name in enumerate([*MIXED, "", "a", ""])]
    found = calibrated(videos)
    assert found.abstained == {"a": 2, "no score": 2, **dict.fromkeys(LETTERS[1:], 1)}
    assert list(found.abstained) == sorted(found.abstained)
    assert found.judged_nothing
    assert not calibrated([scored(k) for k in range(40)]).judged_nothing


def test_calibration_begins_from_seed_0() -> None:
    rng = np.random.default_rng(1)
    videos = [scored(k, margin=float(rng.normal() + k % 2), cue_margin=float(rng.normal())) for k in range(120)]
    assert calibrated(videos).to_dict() == calibrated(videos, seed=0).to_dict()
    assert calibrated(videos, seed=1).to_dict() != calibrated(videos, seed=0).to_dict()


def test_kinds_of_calibration_are_tried_from_the_simplest_on() -> None:
    rng, label = np.random.default_rng(0), np.arange(60) % 2
    margin = rng.normal(size=60) + label
    found = choose_calibration(label, margin, kinds=KINDS[::-1])
    assert list(found.log_loss or ()) == list(KINDS)
    assert found == choose_calibration(label, margin)


def test_weights_are_learnt_for_each_set_of_members_in_order() -> None:
    rng, label, names = np.random.default_rng(0), np.arange(80) % 2, ["e", "a", "d", "b"]
    llr = rng.normal(scale=3.0, size=(80, 4))
    llr[:, 0] = rng.normal(size=80) + 4.0 * label - 2.0  # the others say nothing, loudly
    found = fit_fusion(names, llr, np.ones((80, 4), bool), label, draws=30)
    assert found.kind == "stacking"
    sets = [tuple(names.index(name) for name in fit.members) for fit in found.fits]
    assert sets == sorted(chosen for size in (2, 3, 4) for chosen in combinations(range(4), size))


def test_the_first_unknown_name_is_told() -> None:
    rules = VerdictRules.fit([0, 1] * 6, [-1.0, 1.0] * 6, groups=range(12), classes=["h264"] * 12)
    member = EnsembleMember("cm", "cm", 1, None, "cm", Calibration(), 1.0)  # type: ignore[arg-type]
    ensemble = StoredEnsemble((member,), Fusion(("cm",), "mean"), rules, "toy")
    with pytest.raises(DataError, match=r"^'a' is no member of this ensemble of cm$"):
        ensemble.ratios({"cm": 1.0, **dict.fromkeys(MIXED, 1.0)})
    assert ensemble.ratios({"cm": 1.5}) == {"cm": 1.5}

    @dataclass
    class Kept:
        a: int

    with pytest.raises(CheckpointError, match=r"^'b' is unknown$"):
        only(dict.fromkeys(MIXED, 1), Kept)


@pytest.mark.parametrize(
    ("label", "groups"),
    [([0, 0, 1, 1], ["p", "p", "q", "r"]), ([], None), ([0, 1, 1], ["p", "q", "q"])],
)
def test_nothing_is_drawn_where_no_interval_can_be(
    label: list[int], groups: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "draw_weights", lambda *_, **__: pytest.fail("it was drawn"))
    found = bootstrap(VideoScores(label, [float(k) for k in range(len(label))]), groups, names=["auc"])
    assert {(one.low, one.high) for one in found.values()} == {(None, None)}
    assert all(one.reason for one in found.values())


def test_a_curve_that_is_not_defined_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    label, margin = [0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0]
    scores: dict[str, Any] = {"none": ([0, 0], [0.0, 1.0]), "empty": ([], []), "cm": (label, margin)}
    for plot in (plots.roc_plot, plots.precision_recall_plot, plots.reliability_plot):
        axes = plot(scores, "T").axes[0]
        names = [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []
        drawn = names or [str(line.get_label()) for line in axes.lines]
        assert any(name.startswith("cm") for name in drawn)
        assert not any(name.startswith("empty") for name in drawn)


@pytest.mark.parametrize("floor", [None, Interval(None, None, None, reason="no videos")])
def test_bars_have_no_line_of_a_floor_that_is_not_known(floor: Interval | None) -> None:
    figure = plots.auc_bars_plot({"a": Interval(0.9, 0.8, 0.95)}, "AUC", floor)
    assert not figure.legends
    assert len(figure.axes[0].lines) == 2  # of chance, and the interval


def test_a_plot_grows_with_its_bars() -> None:
    heights = [
        plots.auc_bars_plot({str(k): Interval(0.9, 0.8, 0.95) for k in range(n)}, "A").get_figheight()
        for n in (1, 2, 11)
    ]
    assert heights == pytest.approx([2.0, 2.4, 6.0])


def test_whichever_fold_stands_aside_both_classes_remain() -> None:
    rng = np.random.default_rng(0)
    cases = [(np.array([1, 0, 1, 0, 1]), np.array([3, 2, 0, 3, 0]))]
    cases += [(rng.integers(0, 2, 6), rng.integers(0, 4, 6)) for _ in range(40)]
    made = 0
    for label, groups in cases:
        fold = fold_numbers(label, groups)
        if fold is not None:
            made += 1
            assert len(set(fold)) > 1
            assert all(set(label[fold != aside]) == {0, 1} for aside in set(fold)), (label, groups)
            assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
    assert made >= 5


def test_videos_are_counted_in_whole_numbers() -> None:
    axes = plots.histogram_plot([0, 1], [0.0, 1.0], "H").axes[0]
    assert all(float(tick).is_integer() for tick in axes.get_yticks())
