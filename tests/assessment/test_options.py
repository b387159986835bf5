"""Options of an evaluation, what weights are called in it, and by what they are evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dfcore.assessment.fitting.ensemble import judged_before
from dfcore.assessment.identities import _listed
from dfcore.assessment.options import Options, options_of
from dfcore.assessment.scores.decisions import may_validate
from dfcore.assessment.targets import Target, _labels, as_trained
from dfcore.data.records import VideoRecord
from dfcore.errors import CheckpointError, UnknownNameError, UsageError

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
