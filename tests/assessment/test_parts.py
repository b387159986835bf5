"""What an evaluation is put together from, each part by itself: options, names, decisions, tables of scores."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dfcore.assessment import probing, scoring
from dfcore.assessment.cells import cell, escape
from dfcore.assessment.cross import cross_table
from dfcore.assessment.decisions import by_rules, even, may_validate
from dfcore.assessment.ensemble import judged_before
from dfcore.assessment.identities import _listed
from dfcore.assessment.options import Options, options_of
from dfcore.assessment.result import Evaluation
from dfcore.assessment.scoring import ScoredDetector
from dfcore.assessment.targets import Target, _labels, as_trained
from dfcore.assessment.write import COLUMNS, scores_table, verdict_shares
from dfcore.data.records import VideoRecord
from dfcore.errors import CheckpointError, UnknownNameError, UsageError
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.rules import VerdictRules

RULES = VerdictRules.fit([0, 1] * 50, [-3.0, 3.0] * 50, alpha=0.1)
"""Of fifty real and fifty fake videos that lie far apart."""


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"split": "tset"}, "there is no split 'tset'; choose from train, val, test, all"),
        ({"split": "all", "probe": "resnet18"}, "a probe is fitted to the training videos"),
        ({"split": "train"}, "the training split gives no figures"),
        ({"operating_point": "best"}, "unknown operating point 'best'; choose from equal_error"),
        ({"draws": 0}, "draws must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"emulate": ("youtube_361",)}, "youtube_360"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=said):
        Options(**given)


def test_what_can_be_evaluated_is_not() -> None:
    for given in ({"split": "all"}, {"split": "train", "force": True}, {"split": "val", "probe": "x"}, {"draws": 1}):
        assert Options(**given).batch_size == 8  # type: ignore[arg-type]
    record = VideoRecord("a", Path("a"), 0, split="val")
    assert [Options(split=split).takes(record) for split in ("val", "test", "all")] == [True, False, True]


@pytest.mark.parametrize(
    ("given", "platforms"),
    [("youtube_360", ("youtube_360",)), (["youtube_360", "x_720"], ("youtube_360", "x_720")), ("", ()), ((), ())],
)
def test_one_platform_may_be_named_by_itself(given: Any, platforms: tuple[str, ...]) -> None:
    assert options_of({"emulate": given}).emulate == platforms


# -- what weights are called, and by what they are evaluated ----------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (("a/x.pt", "b/y.pt"), ["a/cm", "b/cm"]),
        (("a/one/x.pt", "b/one/x.pt"), ["a/one/cm", "b/one/cm"]),
        (("a/x.pt",), ["cm"]),
        ((), []),
    ],
)
def test_weights_of_one_name_are_told_apart_by_as_many_folders_as_it_takes(
    tmp_path: Path, paths: tuple[str, ...], labels: list[str]
) -> None:
    assert _labels([("cm", tmp_path / path) for path in paths]) == labels
    others = _labels([("rr", tmp_path / "c/z.pt"), *(("cm", tmp_path / path) for path in paths)])
    assert others == ["rr", *labels]


def test_weights_of_one_name_in_one_folder_are_numbered(tmp_path: Path) -> None:
    first, second = _labels([("cm", tmp_path / "a/x.pt"), ("cm", tmp_path / "a/y.pt")])
    assert (first[-7:], second[-7:]) == ("/a/cm#1", "/a/cm#2")


def target(**config: Any) -> Target:
    return Target("cm_stage1", Path("cm.pt"), {"specialist": "cm", "config": config})


TRAINED = {
    "stage": {"dataset": "faceforensics", "chunks": (1,)},
    "data": {"people": 2, "eval_samples": 5, "val_share": 0.3, "compressions": ["c23"], "limit": 7, "root": "/d"},
    "run": {"seed": 9},
}
ALONE = {"data.pseudo_fakes": 0.0, "data.pseudo_only": False, "data.emulate": (), "data.limit": 0, "stage.chunks": ()}


def test_weights_are_evaluated_as_they_were_validated() -> None:
    clips = {"data.people": 2, "data.eval_samples": 5}
    splits = {"data.val_share": 0.3, "data.compressions": ["c23"], "run.seed": 9}
    assert as_trained(target(**TRAINED), "faceforensics") == {**clips, **splits, **ALONE}
    assert as_trained(target(**TRAINED), "celebdf") == {**clips, **ALONE}
    given = as_trained(target(**TRAINED), "faceforensics", ("data.people", "run.seed"))
    assert set(given) == {"data.eval_samples", "data.val_share", "data.compressions", *ALONE}
    assert as_trained(target(stage=5, data="x"), "celebdf") == ALONE
    assert (target(**TRAINED).root, target().root, target().dataset) == ("/d", "", "")


def test_weights_may_not_name_code_to_import_unless_another_is_given() -> None:
    odd = target(data={"detector": "os:system"})
    with pytest.raises(CheckpointError, match=r"must not name code to import\. Set data\.detector yourself"):
        as_trained(odd, "celebdf")
    assert "data.detector" not in as_trained(odd, "celebdf", ("data.detector",))


@pytest.mark.parametrize(
    ("config", "split", "said"),
    [
        (TRAINED, "val", ""),
        (TRAINED, "train", "there is no validation split"),
        ({"stage": {"dataset": "celebdf"}}, "val", "FaceForensics++ is not the dataset that cm_stage1 was trained on"),
        ({}, "val", "cm_stage1 does not say what it was trained on"),
    ],
)
def test_who_may_choose_a_threshold(config: dict[str, Any], split: str, said: str) -> None:
    records = [VideoRecord("a", Path("a"), 0, split=split)]
    assert may_validate(target(**config), "faceforensics", records) == said


@pytest.mark.parametrize(
    ("metrics", "judged"), [(None, True), ({}, True), ({"coverage": 0}, False), ({"coverage": 0.1}, True), ("x", True)]
)
def test_without_a_calibration_the_metrics_say_whether_anything_was_judged(
    tmp_path: Path, metrics: Any, judged: bool
) -> None:
    meta = {"specialist": "cm", "hash": "abc", "metrics": metrics}
    assert judged_before(Target("cm", tmp_path / "cm_stage1_final.pt", meta)) == judged


@pytest.mark.parametrize(("count", "shown"), [(5, "n0, n1, n2, n3, n4"), (6, "n0, n1, n2, n3, n4, ... (6 in all)")])
def test_five_identities_are_named(count: int, shown: str) -> None:
    assert _listed({f"n{n}" for n in range(count)}) == shown


# -- decisions and tables ---------------------------------------------------------------------------------------------


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
