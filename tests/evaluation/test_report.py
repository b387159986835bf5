from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dfcore.evaluation.metrics.intervals import bootstrap
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.report import Threshold, bootstrap_groups, measure, size_class
from dfcore.evaluation.scored import ScoredVideo


def video(number: int, label: int, margin: float | None, **more: object) -> ScoredVideo:
    about = {
        "manipulation": "swap" if label else "original",
        "group": (f"person {number // 2}",),
        "codec": "h264",
        "compression": "c23",
        "face_size": 100.0,
        "fps": 25.0,
        "sample_margins": () if margin is None else (margin - 1, margin + 1),
        "cue_margin": None if margin is None else -margin,
        **more,
    }
    return ScoredVideo(f"v{number}", label, margin=margin, **about)  # type: ignore[arg-type]


MARGINS = (-2.0, 1.0, -1.0, 3.0, 0.5, 2.0, -3.0, -0.5)
VIDEOS = [video(number, number % 2, margin) for number, margin in enumerate(MARGINS)]


def measured(videos=VIDEOS, **how) -> dict:
    found = measure(videos, **{"draws": 60, **how})
    json.dumps(found, allow_nan=False)
    return found


def test_figures_are_those_of_the_margins_drawn_by_identity() -> None:
    found = measured(threshold=Threshold(0.75, "equal_error", "validation"))
    scores = VideoScores([v.label for v in VIDEOS], MARGINS, threshold=0.75)
    expected = bootstrap(scores, [v.group for v in VIDEOS], draws=60)
    assert found["video"] == {name: interval.to_dict() for name, interval in expected.items()}
    # Called fake from 0.75 on: 1, 3, 2 of the fakes and none of the reals.
    assert found["video"]["fake_accuracy"]["value"] == 3 / 4
    assert found["video"]["real_accuracy"]["value"] == 1
    assert found["intervals"] == {"level": 0.95, "draws": 60, "seed": 0, "drawn_by": "identity"}
    # Each sample by itself: reals -3 -1 -2 0 -.5 1.5 -4 -2, fakes 0 2 2 4 1 3 -1.5 .5.
    assert found["frame"]["auc"]["value"] == pytest.approx(
        _pairs((-3, -1, -2, 0, -0.5, 1.5, -4, -2), (0, 2, 2, 4, 1, 3, -1.5, 0.5))
    )
    assert found["cue"]["auc"]["value"] == pytest.approx(1 - found["video"]["auc"]["value"])


def _pairs(reals: tuple[float, ...], fakes: tuple[float, ...]) -> float:
    return float(np.mean([(f > r) + (f == r) / 2 for f in fakes for r in reals]))


def test_likelihood_ratios_give_calibrated_figures() -> None:
    found = measured(ratios=lambda margin: 2 * margin - 1)
    assert measured()["calibrated"] is None
    assert "not calibrated" in measured()["video"]["cllr"]["reason"]
    by_hand = VideoScores([v.label for v in VIDEOS], [2 * m - 1 for m in MARGINS], llr=[2 * m - 1 for m in MARGINS])
    for name in ("log_loss", "brier", "calibration_error", "cllr"):
        assert found["calibrated"][name]["value"] == by_hand.figures([name])[name]
    assert found["video"]["cllr"] == found["calibrated"]["cllr"]


def test_a_manipulation_is_measured_against_all_reals() -> None:
    videos = [replace(v, manipulation="other") if v.id == "v3" else v for v in VIDEOS]
    by = measured(videos)["by"]["manipulation"]
    assert (by["other"]["real"], by["other"]["fake"], by["other"]["auc"]["value"]) == (4, 1, 1.0)
    assert (by["swap"]["real"], by["swap"]["fake"]) == (4, 3)
    assert by["swap"]["auc"]["value"] == pytest.approx(_pairs((-2, -1, 0.5, -3), (1, 2, -0.5)))


def test_other_kinds_hold_their_own_reals() -> None:
    videos = [replace(v, compression="c40", codec="vp9", face_size=200.0) if i < 2 else v for i, v in enumerate(VIDEOS)]
    by = measured(videos)["by"]
    for kind, small, large in (("compression", "c40", "c23"), ("codec", "vp9", "h264")):
        assert (by[kind][small]["real"], by[kind][large]["fake"]) == (1, 3)
    assert set(by["size"]) == {"80 to 159 px", "160 to 319 px"}


@pytest.mark.parametrize(
    ("side", "name"),
    [(0, ""), (79.9, "under 80 px"), (80, "80 to 159 px"), (319, "160 to 319 px"), (500, "320 px and more")],
)
def test_sizes(side: float, name: str) -> None:
    assert size_class(video(0, 0, 0.0, face_size=side)) == name


def test_what_abstains_counts_in_coverage_alone() -> None:
    silent = [video(8, 0, None, abstain_reason="no audio"), video(9, 1, None, abstain_reason="no audio")]
    found = measured([*VIDEOS, *silent])
    assert found["coverage"] == {
        "videos": 10,
        "judged": 8,
        "real": 4,
        "fake": 4,
        "share": 0.8,
        "abstained": {"no audio": 2},
    }
    assert found["video"] == measured()["video"]
    assert any("2 of 10 videos got no score" in warning and "2: no audio" in warning for warning in found["warnings"])


def test_all_abstaining_is_no_error() -> None:
    found = measured([video(0, 0, None, abstain_reason="no audio"), video(1, 1, None, abstain_reason="no audio")])
    assert found["video"]["auc"]["value"] is None
    assert found["control"]["video"] is None


def test_a_control_that_knows_as_much_is_a_warning() -> None:
    rng = np.random.default_rng(0)
    videos = [video(i, i % 2, float(3 * (i % 2) + rng.normal())) for i in range(40)]
    same = [replace(v, control_margin=v.margin, control_cue_margin=v.cue_margin) for v in videos]
    none = [replace(v, control_margin=float(rng.normal()), control_cue_margin=0.0) for v in videos]
    assert any("background cells alone" in warning for warning in measured(same)["warnings"])
    assert not any("background" in warning for warning in measured(none)["warnings"])
    assert measured(same)["control"]["video"]["auc"]["value"] == measured(same)["video"]["auc"]["value"]
    assert measured(videos, no_control="not asked for")["control"]["reason"] == "not asked for"


def test_a_file_property_that_tells_the_classes_apart_is_a_warning() -> None:
    rng = np.random.default_rng(0)
    videos = [
        video(i, i % 2, float(i % 2 + rng.normal()), duration=10.0 + 5 * (i % 2) + rng.normal()) for i in range(60)
    ]
    found = measured(videos)
    assert found["leak_floor"]["auc"]["value"] > 0.9
    assert any("file properties alone" in warning for warning in found["warnings"])
    assert "duration" in found["leak_floor"]["columns"]


def test_linked_identities_are_drawn_together_unless_all_are_linked() -> None:
    groups = bootstrap_groups([video(0, 0, 0.0, group=("a",)), video(1, 1, 0.0, group=("a", "b")),
                               video(2, 0, 0.0, group=("b",)), video(3, 0, 0.0, group=("c",)),
                               video(4, 0, 0.0, group=("d",)), video(5, 0, 0.0, group=("e",))])  # fmt: skip
    of, how = groups
    assert of["v0"] == of["v1"] == of["v2"] != of["v3"] != of["v4"]
    assert how == "identity"
    of, how = bootstrap_groups([video(i, 1, 0.0, group=(f"p{i}", f"p{i + 1}")) for i in range(4)])
    assert list(of.values()) == ["p0", "p1", "p2", "p3"]
    assert "first identity" in how
    assert bootstrap_groups([video(0, 0, 0.0, group=())]) == ({"v0": None}, "video (no identities are known)")


def test_where_there_is_no_leak_floor_it_says_so_and_names_the_property_that_tells_most() -> None:
    videos = [replace(video, face_size=300.0 - 100 * video.label + number) for number, video in enumerate(VIDEOS)]
    [warning] = [one for one in measured(videos)["warnings"] if "leak floor" in one]
    assert "4 real and 4 fake videos: at least 10 of each class are needed" in warning
    assert "face_size, orders these videos with AUC 1.000" in warning
