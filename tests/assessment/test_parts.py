"""What an evaluation is put together from, each part by itself: decisions, tables of scores, plots."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dfcore.assessment.fitting import validation
from dfcore.assessment.options import Options
from dfcore.assessment.output import write
from dfcore.assessment.output.cells import cell, escape
from dfcore.assessment.output.cross import cross_table
from dfcore.assessment.output.write import COLUMNS, scores_table, verdict_shares
from dfcore.assessment.result import Evaluation
from dfcore.assessment.scores import probing, scoring
from dfcore.assessment.scores.decisions import by_rules, even
from dfcore.assessment.scores.scoring import ScoredDetector
from dfcore.config import TrainConfig, override
from dfcore.data.records import VideoRecord
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.rules import VerdictRules
from dfcore.runs.hold import holders_of

RULES = VerdictRules.fit([0, 1] * 50, [-3.0, 3.0] * 50, alpha=0.1)
"""Of fifty real and fifty fake videos that lie far apart."""


def detector(name: str, *videos: ScoredVideo, rules: VerdictRules | None = None) -> ScoredDetector:
    decisions = even("nothing") if rules is None else by_rules(rules, "equal_error", "made videos")
    return ScoredDetector(name, "specialist", {"hash": name}, list(videos), decisions, [])


def test_decisions_rest_on_what_was_learnt_or_say_that_nothing_was() -> None:
    learnt = by_rules(RULES, "equal_error", "made videos")
    assert (learnt.threshold.name, learnt.source) == ("equal_error", "made videos")
    assert learnt.threshold.source == "made videos, 50 real and 50 fake"
    assert (learnt.threshold.margin, learnt.threshold.warning) == (0.0, "")  # in the middle between the two
    assert "50 real validation videos are too few" in by_rules(RULES, "false_alarms_1", "x").threshold.warning
    about = learnt.about() or {}
    assert (about["source"], about["real"], about["fake"]) == ("made videos", 50, 50)
    one_class = VerdictRules.fit([0] * 5, [0.0] * 5)
    for found, rules in ((by_rules(one_class, "equal_error", "some"), one_class), (even("some"), None)):
        assert (found.threshold.margin, found.threshold.name, found.rules) == (0.0, "even", rules)
        assert bool(found.source) == (rules is not None)
        assert found.threshold.warning.startswith("the threshold is not one that was chosen: some")
    assert (even("x").about(), even("x").ratios) == (None, None)


def test_videos_that_could_not_be_prepared_are_there_without_a_score() -> None:
    records = [VideoRecord(name, Path(f"/d/{name}.mp4"), 1, "swap", "test", ("p",), "c23") for name in "abc"]
    failed = [SimpleNamespace(id="b", reason="/d/b.mp4: no face found in 3 frames looked at.")]
    prepared: Any = SimpleNamespace(records=records[:1], report=SimpleNamespace(failed=failed))
    found = scoring.unusable(records, prepared)
    assert [video.id for video in found] == ["b", "c"]
    assert [video.abstain_reason for video in found] == [
        "not prepared: no face found in 3 frames looked at.",
        "not prepared: no reason is known",
    ]
    assert (found[0].path, found[0].label, found[0].split, found[0].group) == ("/d/b.mp4", 1, "test", ("p",))
    assert (found[0].manipulation, found[0].compression, found[0].margin) == ("swap", "c23", None)


def test_a_score_is_written_before_it_is_counted_for_all_processes() -> None:
    told: list[object] = []
    bar: Any = SimpleNamespace(update=lambda steps: told.append(steps))
    scoring._both(told.append, bar, 3)(VIDEOS[0])
    assert told == [VIDEOS[0], 3]


def test_all_videos_are_those_of_every_split_and_of_none() -> None:
    assert scoring._evaluated(Options(split="all")) == ("train", "val", "test", "")
    assert scoring._evaluated(Options(split="val")) == ("val",)


@pytest.mark.parametrize(("splits", "said"), [(("val", "train", "val", ""), "train, val"), (("",), "no split")])
def test_which_splits_there_are_is_said(splits: tuple[str, ...], said: str) -> None:
    records = [VideoRecord(str(n), Path("a"), 0, split=split) for n, split in enumerate(splits)]
    chosen: Any = SimpleNamespace(dataset="Toy", records=records)
    assert f"Toy in /d has no test videos. It has those of: {said}. Evaluate" in scoring._no_videos(
        chosen, "test", "/d"
    )


@pytest.mark.parametrize(
    ("control", "spatial", "said"),
    [
        (True, True, ""),
        (False, True, "it was not asked for"),
        (True, False, "the cells of this specialist"),
    ],
)
def test_why_there_is_no_background_control(control: bool, spatial: bool, said: str) -> None:
    spec: Any = SimpleNamespace(spatial_map=spatial)
    found = scoring._no_control(spec, Options(control=control))
    assert found.startswith(said)
    assert bool(found) == bool(said)


VIDEOS = (
    ScoredVideo("a", 0, "a.mp4", "test", ("p", "q"), codec="h264", margin=-5.0, sample_margins=(-4.0, -6.0)),
    ScoredVideo("b", 1, margin=0.0, control_margin=1.5),
    ScoredVideo("c", 1, abstain_reason="no, audio"),
    ScoredVideo("d", 1, margin=5.0),
)


def test_every_score_is_a_row_with_what_was_decided() -> None:
    text = scores_table({"cm": detector("cm", *VIDEOS, rules=RULES), "raw": detector("raw", *VIDEOS)})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert [(row["detector"], row["video"], row["label"]) for row in rows] == [
        (name, video, label)
        for name in ("cm", "raw")
        for video, label in zip("abcd", ("real", *["fake"] * 3), strict=True)
    ]
    a, b, c, d = rows[4:]
    assert [row["called"] for row in (a, b, c, d)] == ["real", "fake", "", "fake"]  # at the threshold it is fake
    assert {row["verdict"] + row["log_likelihood_ratio"] for row in rows[4:]} == {""}
    assert (a["group"], a["samples"], a["margin"], a["path"]) == ("p q", "2", "-5.0", "a.mp4")
    assert [row["score"] for row in (b, c)] == ["0.5", ""]
    assert (b["control_margin"], c["abstain_reason"], b["bit_rate"]) == ("1.5", "no, audio", "")
    a, b, c, d = rows[:4]
    assert [row["verdict"] for row in (a, c, d)] == ["real", "", "fake"]
    assert float(a["log_likelihood_ratio"]) < 0 < float(d["log_likelihood_ratio"])


def test_verdicts_are_counted_by_class() -> None:
    assert verdict_shares(VIDEOS, None) is None
    assert verdict_shares([*VIDEOS, VIDEOS[3]], RULES) == {
        "real": {"fake": 0, "real": 1, "uncertain": 0, "none": 0},
        "fake": {"fake": 2, "real": 0, "uncertain": 1, "none": 1},
    }


@pytest.mark.parametrize(
    ("interval", "digits", "shown"),
    [
        (None, 3, "-"),
        (Interval(None, None, None), 3, "-"),
        (Interval(0.9124, None, None), 3, "0.912 (no interval)"),
        (Interval(0.9124, 0.8, 0.9996), 3, "0.912 (0.800 to 1.000)"),
        (Interval(0.9124, 0.8, 0.9996), 2, "0.91 (0.80 to 1.00)"),
        (Interval(0.0, 0.0, 0.0), 2, "0.00 (0.00 to 0.00)"),
    ],
)
def test_a_figure_is_shown_with_its_interval(interval: Interval | None, digits: int, shown: str) -> None:
    assert cell(None if interval is None else interval.to_dict(), digits) == shown
    assert escape("[red]\x1b") == "\\[red]\\x1b"


def evaluation(title: str, **auc: float) -> Evaluation:
    detectors = [
        {"name": name, "weights": None, "video": {"auc": Interval(value, None, None).to_dict()}}
        for name, value in auc.items()
    ]
    report = {"format": 1, "title": title, "split": "test", "detectors": detectors}
    return Evaluation(Path("out"), report)


def test_an_evaluation_gives_its_files_and_figures_by_name() -> None:
    found = evaluation("A", cm=0.7, rr=0.8)
    assert (found.json, found.csv, found.names) == (Path("out/evaluation.json"), Path("out/scores.csv"), ("cm", "rr"))
    assert [found.figure().value, found.figure("auc", "rr").value] == [0.7, 0.8]
    with pytest.raises(KeyError):
        found.detector("tm")


def test_of_two_figures_for_one_cell_the_later_counts() -> None:
    table = cross_table([evaluation("A", cm=0.7), evaluation("B", cm=0.6), evaluation("A", cm=0.9)])
    assert (table.rows, table.columns) == (("cm, unknown",), ("A, test", "B, test"))
    assert [interval.value for interval in table.cells.values()] == [0.9, 0.6]


def test_calibrated_margins_are_drawn_beside_the_raw_ones_where_something_was_fitted() -> None:
    scored = {"cm": detector("cm", *VIDEOS, rules=RULES), "raw": detector("raw", *VIDEOS)}
    figure = Interval(0.9, 0.8, 1.0).to_dict()
    kinds = {"cm": {"swap": {"auc": figure}}, "raw": {}}
    detectors = [
        {"name": name, "video": {"auc": figure}, "threshold": {"name": "even", "margin": 0.0},
         "by": {"manipulation": kinds[name]}, "leak_floor": {"auc": figure}}
        for name in scored
    ]  # fmt: skip
    drawn = dict(write._plots({"title": "T", "split": "test", "detectors": detectors}, scored))
    assert set(drawn) == {"roc", "precision_recall", "reliability", "scores_cm", "manipulations_cm", "scores_raw"}
    curves: Any = drawn["reliability"]
    assert list(curves.args[0]) == ["cm", "raw", "cm, calibrated"]
    labels, margins = curves.args[0]["raw"]
    assert (labels, margins.tolist()) == ([0, 1, 1], [-5.0, 0.0, 5.0])  # those that were judged
    assert curves.args[0]["cm, calibrated"][1].tolist() == RULES.calibration.log_likelihood_ratio(margins).tolist()


def test_a_stores_hold_stays_in_the_first_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the first process's work returns is sent to the others."""
    sent: list[object] = []
    world: Any = SimpleNamespace(
        on_main=lambda work: sent.append(work()), let_speak=lambda: None, close=lambda: sent.append("closed")
    )
    monkeypatch.setattr(validation.World, "start", lambda choose: world)
    monkeypatch.setattr(validation, "make_machine", lambda *_: "machine")
    config = override(TrainConfig(specialist="cm"), {"data.store": str(tmp_path / "store"), "run.device": "cpu"})
    held = validation.on_machine(config, lambda machine: [one.purpose for one in holders_of(tmp_path / "store")])
    assert held == ["calibrating"]
    assert sent == [None, "closed"]
    assert holders_of(tmp_path / "store") == []


@pytest.mark.parametrize(
    ("given", "pretrained", "file"), [("", True, None), ("scratch", False, None), ("x.pth", False, Path("x.pth"))]
)
def test_a_probes_encoder_starts_from_timms_weights_a_file_or_at_random(
    monkeypatch: pytest.MonkeyPatch, given: str, pretrained: bool, file: Path | None
) -> None:
    class ToldError(Exception):
        """What the encoder was asked for."""

    def backbone(name: str, **how: object) -> object:
        raise ToldError(name, how)

    monkeypatch.setattr(probing, "TimmBackbone", backbone)
    options: Any = Options(probe="resnet18", probe_weights=given)
    with pytest.raises(ToldError) as found:
        probing._score(None, options, None, None)  # type: ignore[arg-type]
    assert found.value.args == ("resnet18", {"pretrained": pretrained, "weights": file})
