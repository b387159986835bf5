from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dfcore.assessment.identities import check_identities
from dfcore.config import TrainConfig, override
from dfcore.data.records import VideoRecord
from dfcore.errors import DataError
from dfcore.training.inputs.identities import identities_seen


def record(name: str, split: str, *group: str) -> VideoRecord:
    return VideoRecord(name, Path(name), 0, split=split, group=group)


RECORDS = [
    record("a", "train", "ann"),
    record("b", "val", "bob"),
    record("c", "test", "cid", "cas"),
    record("d", "test"),
]


def meta(dataset: str = "faceforensics", root: str = "/data", records: Any = RECORDS) -> dict[str, Any]:
    config = override(TrainConfig(), {"stage.dataset": dataset, "data.root": root})
    return {"identities": identities_seen(config, records, {})}


def check(meta: dict[str, Any], dataset: str = "faceforensics", root: str = "/data", **how: Any) -> list[str]:
    records, split = how.get("records", RECORDS), how.get("split", "test")
    return check_identities(meta, "cm_stage1", dataset, root, records, split)


def test_weights_know_whom_they_saw_in_this_and_earlier_stages() -> None:
    config = override(TrainConfig(), {"stage.dataset": "celebdf", "data.root": "/celeb"})
    first = meta()["identities"]
    found = identities_seen(config, [record("x", "train", "zoe"), record("y", "test", "yan")], {"identities": first})
    assert found[0] == {"dataset": "faceforensics", "root": "/data", "train": ["ann"], "val": ["bob"]}
    assert found[1] == {"dataset": "celebdf", "root": "/celeb", "train": ["zoe"], "val": []}


def test_other_people_are_no_overlap() -> None:
    assert check(meta()) == []


@pytest.mark.parametrize("moved", ["a", "b"])
def test_people_trained_or_validated_on_are_named(moved: str) -> None:
    now = [replace(r, split="test" if r.id == moved else r.split) for r in RECORDS]
    with pytest.raises(
        DataError, match=rf"1 of the 4 identities in the test split .*: {RECORDS['ab'.index(moved)].group[0]}\."
    ):
        check(meta(), records=now)


def test_a_video_without_identities_is_known_by_itself() -> None:
    before = [replace(r, split="train" if r.id == "d" else r.split) for r in RECORDS]
    with pytest.raises(DataError, match="video d"):
        check(meta(records=before))


def test_validation_people_may_be_looked_at_in_validation_but_not_training_people() -> None:
    assert check(meta(), split="val") == []
    before = [replace(r, split="train" if r.id == "b" else r.split) for r in RECORDS]
    with pytest.raises(DataError, match="bob"):
        check(meta(records=before), split="val")


def test_names_mean_the_same_in_the_same_dataset_only() -> None:
    seen = meta(records=[record("a", "train", "cid")])
    with pytest.raises(DataError, match="cid"):
        check(seen, root="/elsewhere")  # FaceForensics++ is the same wherever it lies
    assert check(seen, dataset="celebdf") == []
    own = meta("folder", "/mine", [record("a", "train", "cid")])
    with pytest.raises(DataError, match="cid"):
        check(own, "folder", "/mine")
    assert check(own, "folder", "/yours") == []


def test_official_splits_that_overlap_are_a_warning() -> None:
    records = [record("a", "train", "ann"), record("b", "test", "ann")]
    [warning] = check(meta("celebdf", records=records), "celebdf", records=records)
    assert "by the dataset's own official splits (ann)" in warning


def test_old_weights_are_a_warning() -> None:
    [warning] = check({})
    assert "does not say which identities" in warning
