"""Saved specialists: what is written, that it is written whole or not at all, and what fits."""

from __future__ import annotations

import errno
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from writers import ELSEWHERE, temporary_of

from dfcore import __version__
from dfcore.errors import CheckpointError, WriteError
from dfcore.models.files import archives, weights


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


# -- what is written -----------------------------------------------------------------------------------------------


def test_final_is_a_plain_dictionary_that_torch_reads_without_pickle(final, smallest):
    content = torch.load(final, weights_only=True)
    assert same(content["state_dict"], dict(smallest.state_dict()))
    assert content["format"] == 1
    assert content["specialist"] == "fake"
    assert content["dfcore_version"] == __version__
    assert content["plugin_version"] == ""  # no distribution brought the fake
    assert content["cues"] == [["level", 4], ["spread", 2]]
    assert content["model"] == smallest.model_config
    assert content["stage"] == 1
    assert content["metrics"] == {"auc": 0.5, "bad": None}
    assert content["config"] == {"out": "runs", "t": [1, 2]}
    assert content["hash"] == weights.state_hash(smallest.state_dict())


def test_both_kinds_say_the_same(final, best, smallest):
    state, meta = weights.read_zip(best)
    content = weights.read_final(final)
    assert same(state, content.pop("state_dict"))
    assert meta == content
    assert weights.describe(final) == weights.describe(best) == meta
    for path in (final, best):
        found, description = weights.read(str(path))
        assert same(found, dict(smallest.state_dict()))
        assert description == meta


def test_a_plugins_version_is_its_distributions(smallest, tmp_path):
    smallest.spec = replace(smallest.spec, module="safetensors.torch:x")  # stands in for dfs_xx.module
    weights.save_zip(tmp_path / "a.zip", smallest, {})
    assert weights.describe(tmp_path / "a.zip")["plugin_version"] == safetensors.__version__


def test_the_callers_meta_cannot_forge_the_models(smallest, tmp_path):
    weights.save_final(tmp_path / "a.pt", smallest, {"specialist": "other", "format": 9, "hash": "0", "note": "kept"})
    meta = weights.describe(tmp_path / "a.pt")
    assert (meta["specialist"], meta["format"], meta["note"]) == ("fake", 1, "kept")


def test_zip_is_compressed_and_the_same_each_time(best, smallest, tmp_path):
    for name in ("one", "two"):
        weights.save_zip(tmp_path / name, smallest, {"stage": 1})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(best) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        assert sorted(archive.namelist()) == ["meta.json", "model.safetensors"]
        raw = safetensors.torch.load(archive.read("model.safetensors"))
    assert same(raw, dict(smallest.state_dict()))


def test_only_plain_values_are_described(smallest, tmp_path):
    with pytest.raises(TypeError, match="plain values only, not object"):
        weights.save_final(tmp_path / "a.pt", smallest, {"config": {"x": object()}})
    assert list(tmp_path.glob("*a.pt*")) == []


def test_state_hash_known_answer_and_what_it_sees():
    state = {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}
    known = weights.state_hash(state)
    assert known == "ddcf16777ee7b8a8ebbebf1d9b5fd2c5dfa04816ef62aed48f4446013bc65eaf"
    assert weights.state_hash(dict(reversed(state.items()))) == known
    for other in (
        {"a": torch.tensor([1.0, 2.0]).nextafter(torch.tensor(9.0)), "n": torch.tensor(3)},
        {"a": torch.tensor([[1.0, 2.0]]), "n": torch.tensor(3)},
        {"b": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)},
        {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(3, dtype=torch.int32)},
    ):
        assert weights.state_hash(other) != known
    assert weights.state_hash({"a": torch.zeros(2, 3).bfloat16().T})  # any dtype, any strides


# -- written whole or not at all -----------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [weights.save_final, weights.save_zip])
def test_a_full_disk_leaves_the_old_file(smallest, tmp_path, monkeypatch, save):
    path = tmp_path / "a"
    save(path, smallest, {"stage": 1})
    before = path.read_bytes()

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights.torch, "save", full)
    monkeypatch.setattr(weights.zipfile.ZipFile, "writestr", full)
    with pytest.raises(WriteError, match=r"cannot be written: no space left.*KiB needed, .*free.*dfcore runs prune"):
        save(path, smallest, {"stage": 2})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file() and entry.name.startswith((".a", "a"))] == [
        "a"
    ]


@pytest.mark.parametrize("save", [weights.save_final, weights.save_zip])
def test_what_does_not_read_back_is_not_kept(smallest, tmp_path, monkeypatch, save):
    """A disk that lies: one bit of the description's first key is another when it is read again."""
    original = weights.replacing

    def broken(path, **_):
        raise CheckpointError("does not read back")

    monkeypatch.setattr(archives, "load_torch", broken)
    monkeypatch.setattr(archives, "read_meta", broken)
    with pytest.raises(CheckpointError, match="does not read back"):
        save(tmp_path / "b", smallest, {})
    assert original is weights.replacing
    assert not list(tmp_path.glob("*b*"))


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_kept(smallest, tmp_path):
    left = temporary_of(tmp_path / "a.zip")
    others = [temporary_of(tmp_path / "a.zip", where=ELSEWHERE), temporary_of(tmp_path / "b.zip")]
    weights.save_zip(tmp_path / "a.zip", smallest, {})
    assert not left.exists()
    assert all(path.exists() for path in others)
    assert weights.describe(tmp_path / "a.zip")["specialist"] == "fake"


def test_the_old_file_is_replaced_not_overwritten(smallest, tmp_path):
    """Who has the old file open, or linked, keeps it; a kill in mid-write leaves it."""
    weights.save_zip(tmp_path / "a.zip", smallest, {"stage": 1})
    (tmp_path / "link").hardlink_to(tmp_path / "a.zip")
    weights.save_zip(tmp_path / "a.zip", smallest, {"stage": 2})
    assert weights.describe(tmp_path / "link")["stage"] == 1
    assert weights.describe(tmp_path / "a.zip")["stage"] == 2


def test_a_missing_folder_is_made(smallest, tmp_path):
    weights.save_final(tmp_path / "new" / "deep" / "a.pt", smallest, {})
    assert weights.describe(tmp_path / "new" / "deep" / "a.pt")["stage"] is None


# -- what keeps weights from being loaded ---------------------------------------------------------------------------


def test_mismatches_put_wrong_shapes_first():
    expected = {"a": torch.zeros(1), "b": torch.zeros(2), "c": torch.zeros(3)}
    found = {"b": torch.zeros(2), "c": torch.zeros(4), "d": torch.zeros(1)}
    problems = weights.mismatches(expected, found)
    assert problems == ["c is [4], expected [3]", "a is missing", "d is unexpected"]
    assert weights.mismatches(expected, expected) == []
    assert weights.first(problems, 2) == "c is [4], expected [3]; a is missing; and 1 more"
    assert weights.first(problems) == "; ".join(problems)


def test_the_first_few_problems_stand_for_the_rest():
    problems = ["c is [1, 1], expected [1]", "a is missing", "d is unexpected"]
    assert weights.first(problems) == "; ".join(problems)
    assert weights.first(problems, 2) == "c is [1, 1], expected [1]; a is missing; and 1 more"
    assert weights.first([*problems, "x", "y"]) == "; ".join(problems) + "; and 2 more"


def test_a_hash_is_of_names_kinds_shapes_and_bytes_in_order_of_name():
    base = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3])}
    known = weights.state_hash(base)
    assert len(known) == 64
    assert weights.state_hash(dict(reversed(base.items()))) == known
    assert weights.state_hash({"a": torch.tensor([[1.0], [2.0]]).mT[0], "b": base["b"]}) == known
    for changed in (
        {"a": torch.tensor([1.0, 2.5])},
        {"a": torch.tensor([[1.0, 2.0]])},
        {"b": torch.tensor([3], dtype=torch.int32)},
        {"c": torch.zeros(0)},
    ):
        assert weights.state_hash({**base, **changed}) != known
    assert weights.state_hash({"x": base["a"], "b": base["b"]}) != known
    assert weights.state_hash({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


def test_a_description_has_plain_values_and_no_number_that_is_none():
    given = {1: (True, None, "x", 2), "n": np.float32(0.5), "t": torch.tensor(3), "p": Path("a/b")}
    given["l"] = [math.nan, math.inf, -1.5]
    assert weights._plain(given) == {"1": [True, None, "x", 2], "n": 0.5, "t": 3, "p": "a/b", "l": [None, None, -1.5]}
    with pytest.raises(TypeError, match="plain values only, not set"):
        weights._plain({"a": {1}})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_named(value):
    state = {"a": torch.zeros(2), "b": torch.tensor([0.0, value]), "n": torch.tensor([2**40])}
    with pytest.raises(CheckpointError, match=r"x.pt: 1 of its tensors hold values .*\(the first: b\)"):
        weights.check_state(Path("x.pt"), state, {"hash": weights.state_hash(state)})
    state["b"] = torch.zeros(2)
    weights.check_state(Path("x.pt"), state, {"hash": weights.state_hash(state)})
    with pytest.raises(CheckpointError, match="their SHA-256 differs"):
        weights.check_state(Path("x.pt"), state, {"hash": "0"})


def test_weights_that_were_saved_as_parameters_are_looked_at_too():
    state = {"weight": torch.nn.Parameter(torch.ones(2))}
    weights.check_state(Path("a.pt"), state, {"hash": weights.state_hash(state)})
    state = {"weight": torch.nn.Parameter(torch.full((2,), math.nan))}
    with pytest.raises(CheckpointError, match="not finite"):
        weights.check_state(Path("a.pt"), state, {"hash": weights.state_hash(state)})
