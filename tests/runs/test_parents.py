"""Whether the stage that a run started from was trained again since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dfcore.runs.folder import RunFolder
from dfcore.runs.parents import Outdated, hash_in_summary, outdated

RUN = RunFolder(Path("runs/my_cm_stage2"), "my_cm_stage2")


def asked(facts: dict[str, Any], now: str) -> tuple[Outdated | None, list[Path]]:
    """What is said where the parent's weights have the hash ``now``, and whose hash was asked for."""
    of: list[Path] = []

    def hash_of(folder: RunFolder) -> str:
        of.append(folder.path)
        return now

    return outdated(RUN, facts, hash_of), of


def test_a_run_is_outdated_where_its_parent_has_other_weights_now() -> None:
    facts = {"parent": {"stage": 1, "hash": "a"}, "config": {"stage": {"start": ""}}}
    parent = RunFolder(Path("runs/my_cm_stage1"), "my_cm_stage1")
    assert asked(facts, "b") == (Outdated("a", "b", parent), [parent.path])
    assert asked(facts, "a") == (None, [parent.path])
    assert asked(facts, "") == (None, [parent.path])  # gone or damaged: the run has its own


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"parent": None},
        {"parent": []},
        {"parent": {"stage": 1}},
        {"parent": {"stage": 1, "hash": ""}},
        {"parent": {"stage": 1, "hash": "a"}, "config": {"stage": {"start": "weights.pt"}}},  # named by the user
    ],
)
def test_without_a_parent_that_was_found_by_itself_nothing_is_asked(facts: dict[str, Any]) -> None:
    assert asked(facts, "b") == (None, [])
    odd = {"parent": {"stage": 1, "hash": "a"}, "config": "damaged"}
    assert asked(odd, "b")[0] is not None


def test_a_summary_names_the_hash_or_none_can_be_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "cm_stage1")
    assert hash_in_summary(folder) == ""
    for content, found in ((json.dumps({"hash": "a"}), "a"), ("{}", ""), ("[", ""), ("[]", "")):
        folder.summary.write_text(content)
        assert hash_in_summary(folder) == found
