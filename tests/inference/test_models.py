"""Which weights are taken, and what their files say of how they judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dfcore.data.clips.plan import ClipPlan
from dfcore.errors import CheckpointError, ModelError, UsageError
from dfcore.inference.models import find_models, load_models

Save = Callable[..., Path]


def touched(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).touch()


def test_the_highest_finished_stage_of_each_specialist_is_found_and_said(tmp_path: Path) -> None:
    touched(tmp_path, *(f"{name}/{name}_final.pt" for name in ("cm_stage1", "cm_stage2", "rr_stage1")))
    touched(tmp_path, "cm_stage4/last.pt")
    found, notes = find_models([tmp_path])
    assert [(one.path.name, one.named) for one in found] == [
        ("cm_stage2_final.pt", False),
        ("rr_stage1_final.pt", False),
    ]
    assert notes == ["cm: the weights of stage 2 are taken, not those of stage 1."]


def test_paths_of_several_kinds_are_joined_each_file_once(tmp_path: Path) -> None:
    touched(tmp_path, "cm_stage1/cm_stage1_final.pt", "rr_stage1/rr_stage1_epoch02.zip")
    final, epoch = tmp_path / "cm_stage1/cm_stage1_final.pt", tmp_path / "rr_stage1/rr_stage1_epoch02.zip"
    found, _ = find_models([tmp_path / "cm_stage1", epoch, final])
    assert [(one.path, one.named) for one in found] == [(final, True), (epoch, True)]


def test_a_run_that_is_not_finished_says_what_can_be_done(tmp_path: Path) -> None:
    touched(tmp_path, "cm_stage1/last.pt")
    with pytest.raises(CheckpointError, match=r"cm_stage1 holds a run that is not finished.*resume=True\)\.$"):
        find_models([tmp_path])
    touched(tmp_path, "cm_stage1/cm_stage1_epoch01.zip")
    with pytest.raises(CheckpointError, match=r"or name an epoch's weights, for example .*_epoch01.zip"):
        find_models([tmp_path / "cm_stage1"])
    with pytest.raises(CheckpointError, match="does not exist"):
        find_models([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"holds no \*_stage\*_final.pt. Train a specialist first"):
        find_models([tmp_path / "empty"])


def test_a_specialist_judges_with_what_it_was_trained_with(tmp_path: Path, save_specialist: Save) -> None:
    path = save_specialist(tmp_path, "tm", data={"clips_per_video": 3, "people": 2, "eval_samples": 5})
    found, _ = find_models([path])
    (member,) = load_models(found, "cpu").members
    assert member.plan == ClipPlan(clips=3, frames=16, people=2)
    assert (member.samples, member.stage, member.dataset, member.counted) == (5, 1, "faceforensics", True)
    assert member.origin == f"tm: stage 1, trained on faceforensics, {path}"
    (other,) = load_models(found, "cpu", people=4, samples=1, detector="other").members
    assert (other.plan.people, other.samples, other.plan.detector) == (4, 1, "other")


def test_demo_data_and_a_validation_without_scores_are_warned_of(tmp_path: Path, save_specialist: Save) -> None:
    from dfcore.models.files import weights

    path = save_specialist(tmp_path, metrics={"coverage": 0.0})
    content = weights.read_final(path)
    content["config"]["stage"]["dataset"] = "demo"
    torch.save(content, path)
    (member,) = load_models(find_models([path])[0], "cpu").members
    assert not member.counted
    assert ["demo data" in member.warnings[0], "judged nothing in its own validation" in member.warnings[1]] == [
        True
    ] * 2


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"detector": "os:system"}, "must not name code"),
        ({"clips_per_video": 10**9}, r"data.clips_per_video=1000000000; expected a number from 1 to 64"),
        ({"people": "all"}, "data.people='all'"),
        ({"eval_samples": True}, "data.eval_samples=True"),
    ],
)
def test_what_a_file_asks_for_has_limits(
    tmp_path: Path, save_specialist: Save, data: dict[str, object], match: str
) -> None:
    found, _ = find_models([save_specialist(tmp_path, data=data)])
    with pytest.raises(CheckpointError, match=match):
        load_models(found, "cpu")


def test_a_damaged_file_is_left_out_where_it_was_found_and_an_error_where_it_was_named(
    tmp_path: Path, save_specialist: Save
) -> None:
    good, bad = save_specialist(tmp_path), tmp_path / "rr_stage1/rr_stage1_final.pt"
    touched(tmp_path, "rr_stage1/rr_stage1_final.pt")
    bad.write_bytes(good.read_bytes()[:5000])
    roster = load_models(find_models([tmp_path])[0], "cpu")
    assert [member.label for member in roster.members] == ["cm"]
    assert len(roster.notes) == 1
    assert roster.notes[0].startswith(f"left out: {bad}")
    with pytest.raises(CheckpointError, match="rr_stage1_final"):
        load_models(find_models([good, bad])[0], "cpu")
    good.unlink()
    with pytest.raises(ModelError, match=r"no specialist can be loaded. left out: .*rr_stage1"):
        load_models(find_models([tmp_path])[0], "cpu")


def test_the_state_of_a_run_is_no_weights(tmp_path: Path, save_specialist: Save) -> None:
    final = save_specialist(tmp_path)
    last = final.with_name("last.pt")
    last.write_bytes(b"x")
    with pytest.raises(CheckpointError, match=rf"last.pt is the state of a run under way.*give {final}"):
        load_models(find_models([last])[0], "cpu")


def test_two_stages_of_one_specialist_have_labels_of_their_own(tmp_path: Path, save_specialist: Save) -> None:
    one, two = save_specialist(tmp_path, stage=1), save_specialist(tmp_path, stage=2, seed=1)
    roster = load_models(find_models([one, two])[0], "cpu")
    assert list(roster.hashes) == ["cm_stage1", "cm_stage2"]
    assert len(set(roster.hashes.values())) == 2
    copy = one.with_name("copy_final.pt")
    copy.write_bytes(one.read_bytes())
    with pytest.raises(UsageError, match="hold the same specialist"):
        load_models(find_models([one, copy])[0], "cpu")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, save_specialist: Save) -> None:
    from dfcore.models.files import weights

    path = save_specialist(tmp_path)
    content = weights.read_final(path)
    name = next(name for name, tensor in content["state_dict"].items() if tensor.is_floating_point())
    content["state_dict"][name].view(-1)[0] = float("nan")
    content["hash"] = weights.state_hash(content["state_dict"])
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=rf"1 of its tensors hold values .* \(the first: {name}\)"):
        load_models(find_models([path])[0], "cpu")
