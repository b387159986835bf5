"""Ensembles of made scores: members that abstain, that learnt nothing, that are a third party's."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfcore.errors import CheckpointError, DataError, UsageError
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.ensemble import StoredEnsemble
from dfcore.evaluation.verdicts.ensemble_fit import FUSED, MEAN, MemberScores, fit_ensemble


def member(label: str, margins: np.ndarray, silent: np.ndarray | None = None, **rest: Any) -> MemberScores:
    """A member's scores of videos that are real and fake in turn, two of each person; None where silent."""
    videos = [
        ScoredVideo(
            f"v{i}",
            i % 2,
            split="val",
            group=(f"person {i // 2}",),
            codec="h264",
            margin=None if silent is not None and silent[i] else float(margin),
            abstain_reason="no audio" if silent is not None and silent[i] else "",
        )
        for i, margin in enumerate(margins)
    ]
    return MemberScores(
        label, label.partition("_")[0], 1, Path(f"{label}_final.pt"), f"hash of {label}", videos, **rest
    )


def scores(n: int, strengths: dict[str, float], seed: int = 0) -> dict[str, np.ndarray]:
    random, label = np.random.default_rng(seed), np.arange(2 * n) % 2
    return {name: random.normal(size=2 * n) + strength * label for name, strength in strengths.items()}


@pytest.fixture(scope="module")
def four() -> StoredEnsemble:
    """A good one; two of a third party that say the same weak thing twice; and a good one that abstains from every
    second person. A mean counts the weak thing double.
    """
    made = scores(300, {"cm_stage1": 2.0, "nose_stage9": 1.0, "av_stage1": 2.0})
    echo = made["nose_stage9"] + 0.05 * np.random.default_rng(1).normal(size=600)
    silent = np.arange(600) // 2 % 2 == 1
    return fit_ensemble(
        [
            member("cm_stage1", made["cm_stage1"]),
            member("nose_stage9", made["nose_stage9"]),
            member("ear_stage9", echo),
            member("av_stage1", made["av_stage1"], silent),
        ],
        dataset="made",
        alpha=0.05,
        draws=200,
    )


def test_stacking_is_kept_where_the_mean_counts_something_twice(four: StoredEnsemble) -> None:
    assert four.fusion.kind == "stacking"
    assert "beats the plain mean" in four.fusion.reason
    weights = four.fusion.weights_for(four.labels)
    of = dict(zip(weights.members, weights.weights, strict=True))
    assert of["cm_stage1"] > 1.5 * max(of["nose_stage9"], of["ear_stage9"])
    assert four.validation[FUSED]["log_loss"] < four.validation[MEAN]["log_loss"]
    assert four.validation[FUSED]["auc"] > max(four.validation[name]["auc"] for name in (MEAN, "cm_stage1"))
    assert [one.coverage for one in four.members] == [1.0, 1.0, 1.0, 0.5]
    assert four.validation["av_stage1"]["videos"] == 300


def test_a_member_that_abstains_drops_out_and_is_not_a_half(four: StoredEnsemble) -> None:
    silent = four.fuse({"cm_stage1": 2.5, "nose_stage9": 0.0, "ear_stage9": None, "av_stage1": None})
    assert "av_stage1" not in silent.ratios
    assert "av_stage1" not in silent.weights
    assert silent == four.fuse({"cm_stage1": 2.5, "nose_stage9": 0.0})
    fit = four.fusion.weights_for(["cm_stage1", "nose_stage9"])
    own = four.ratios({"cm_stage1": 2.5, "nose_stage9": 0.0})
    by_hand = fit.offset + sum(w * own[name] for name, w in zip(fit.members, fit.weights, strict=True))
    assert silent.judged is not None
    assert silent.judged.margin == pytest.approx(by_hand)
    assert four.fuse({"cm_stage1": 2.5, "nose_stage9": 0.0, "av_stage1": 2.5}).judged.margin > by_hand


def test_a_video_that_no_member_judges_has_no_verdict(four: StoredEnsemble) -> None:
    nothing = four.fuse(dict.fromkeys(four.labels))
    assert (nothing.verdict, nothing.judged) == ("none", None)
    assert "all members abstain" in nothing.reason
    with pytest.raises(DataError, match="'rr' is no member of this ensemble of cm_stage1"):
        four.fuse({"rr": 1.0})
    with pytest.raises(DataError, match="not a finite number"):
        four.fuse({"cm_stage1": math.nan})


def test_an_ensemble_is_read_back_as_it_was(four: StoredEnsemble, tmp_path: Path) -> None:
    path = tmp_path / "ensemble.json"
    four.save(path)
    again = StoredEnsemble.load(path, check_weights=False)
    margins = {"cm_stage1": 2.0, "nose_stage9": -1.0, "av_stage1": 1.0}
    assert again.fuse(margins, "h264", prior=0.01) == four.fuse(margins, "h264", prior=0.01)
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert again.label_of("hash of cm_stage1") == "cm_stage1"
    assert again.label_of("another") is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("members", {}),
        ("members", []),
        ("fusion", {"kind": "vote"}),
        ("left_out", {"a": 1}),
        ("videos", {"real": 1}),
        ("validation", {"cm": {"auc": "high"}}),
        ("conformal", None),
    ],
)
def test_a_tampered_ensemble_is_refused(four: StoredEnsemble, tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "ensemble.json"
    four.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(CheckpointError, match=r"not a stored ensemble.*Fit the ensemble again"):
        StoredEnsemble.load(path, check_weights=False)


@pytest.mark.parametrize("change", [{"offset": "high"}, {"weights": [1, -1, 1]}, {"weights": ["x"]}, {"colour": 1}])
def test_tampered_weights_are_refused(four: StoredEnsemble, tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "ensemble.json"
    four.save(path)
    stored = json.loads(path.read_text())
    stored["fusion"]["fits"][-1] |= change
    path.write_text(json.dumps(stored))
    with pytest.raises(CheckpointError, match="Fit the ensemble again"):
        StoredEnsemble.load(path, check_weights=False)


def test_who_learnt_nothing_is_left_out_and_named() -> None:
    made = scores(30, {"cm": 2.0, "rr": 1.0, "av": 1.0, "tm": 1.0})
    found = fit_ensemble(
        [
            member("cm", made["cm"]),
            member("rr", made["rr"]),
            member("av", made["av"], judged_before=False),
            member("tm", made["tm"], np.ones(60, bool)),
        ],
        draws=50,
    )
    assert found.labels == ("cm", "rr")
    assert "judged nothing in its own validation" in found.left_out["av"]
    assert "none of the validation videos" in found.left_out["tm"]
    with pytest.raises(DataError, match=r"no member can take part.*av: .*tm: "):
        fit_ensemble([member("av", made["av"], judged_before=False), member("tm", made["tm"], np.ones(60, bool))])


def test_a_video_is_fake_to_the_ensemble_where_it_is_to_any_member() -> None:
    """A real face with a forged voice: real to one that sees, fake to one that listens."""
    made = scores(30, {"cm": 2.0, "av": 2.0})
    seen, heard = member("cm", made["cm"]), member("av", made["av"])
    videos = [ScoredVideo("v0", 1, split="val", codec="h264", margin=3.0), *heard.videos[1:]]
    heard = MemberScores("av", "av", 1, heard.path, heard.weights, videos)
    found = fit_ensemble([seen, heard], draws=50)
    assert (found.n_real, found.n_fake) == (29, 31)


def test_members_need_names_of_their_own() -> None:
    made = scores(10, {"cm": 2.0})["cm"]
    for names in (["cm"], ["cm", "cm"], ["cm", "mean"]):
        with pytest.raises(UsageError, match="two members or more, with names of their own"):
            fit_ensemble([member(name, made) for name in names])


def test_the_ensembles_promise_is_kept() -> None:
    """Over many validation sets: new genuine videos, a third of them silent, called fake at most at the rate."""
    random, alpha, draws, new = np.random.default_rng(11), 0.05, 16, 200
    alarms, said = np.zeros(draws), 0
    for draw in range(draws):
        made = scores(60, {"cm": 2.5, "rr": 0.5, "av": 2.0}, seed=draw)
        silent = random.random(120) < 1 / 3
        found = fit_ensemble(
            [member("cm", made["cm"]), member("rr", made["rr"]), member("av", made["av"], silent)],
            alpha=alpha,
            draws=20,
        )
        for cm, rr, av in random.normal(size=(new, 3)).tolist():
            margins = {"cm": cm, "rr": rr, "av": av if random.random() > 1 / 3 else None}
            alarms[draw] += (found.fuse(margins).verdict == "fake") / new
        said += found.fuse({"cm": 4.0, "rr": 1.0, "av": 3.5}).verdict == "fake"
    assert alarms.mean() < alpha + 3 * alarms.std(ddof=1) / math.sqrt(draws), alarms.mean()
    assert said > draws / 2


@pytest.mark.filterwarnings("error")
def test_each_figure_is_of_the_videos_that_were_judged() -> None:
    """Sixty videos: av is silent in the last ten, cm in the last four of these."""
    made, place = scores(30, {"cm": 2.0, "av": 1.0}), np.arange(60)
    found = fit_ensemble([member("cm", made["cm"], place >= 56), member("av", made["av"], place >= 50)], draws=20)
    assert [one.coverage for one in found.members] == [56 / 60, 50 / 60]
    assert (found.abstained, found.n_real, found.n_fake) == (4, 30, 30)
    assert {name: figures["videos"] for name, figures in found.validation.items()} == {
        "cm": 56, "av": 50, MEAN: 56, FUSED: 56,
    }  # fmt: skip
    for figures in found.validation.values():
        assert 0.5 < figures["low"] <= figures["auc"] <= figures["high"] <= 1
        assert 0 < figures["log_loss"] < math.log(2)
    if found.fusion.kind == "mean":
        assert found.validation[MEAN] == found.validation[FUSED]
    reals = fit_ensemble([member(name, made[name], place % 2 == 1) for name in made], draws=20)
    assert {name: figures["auc"] for name, figures in reals.validation.items()} == dict.fromkeys(
        ("cm", "av", MEAN, FUSED)
    )


def test_weights_that_are_gone_or_other_ones_now_are_refused(
    four: StoredEnsemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {member.path.name: member.weights for member in four.members}
    monkeypatch.setattr("dfcore.models.files.weights.describe", lambda path: {"hash": now[path.name]})
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sub" / "ensemble.json"
    path.parent.mkdir()
    four.save(path)
    assert json.loads(path.read_text())["members"]["cm_stage1"]["path"] == "../cm_stage1_final.pt"
    with pytest.raises(CheckpointError, match=r"cm_stage1_final.pt, the weights of member cm_stage1, is not there"):
        StoredEnsemble.load(path)
    for name in now:
        (tmp_path / name).touch()
    assert StoredEnsemble.load(path).labels == four.labels
    now["av_stage1_final.pt"] = "another hash of av"
    said = r"other weights than .* \(hash of av_s then, another hash now\): av_stage1 was trained again"
    with pytest.raises(CheckpointError, match=said):
        StoredEnsemble.load(path)
    assert StoredEnsemble.load(path, check_weights=False).labels == four.labels
