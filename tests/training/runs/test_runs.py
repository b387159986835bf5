"""What is told of runs without reading their weights, and what can be deleted of them."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from writers import ELSEWHERE, temporary_of

from dfcore.errors import RunInterrupted, RunLockedError
from dfcore.models.files.weights import read_final
from dfcore.runs.folder import read_json
from dfcore.runs.lock import RunLock
from dfcore.runs.prune import Removal, in_use, plan_removals, remove
from dfcore.runs.report import RunReport, Store, find_runs, find_stores, read_run
from dfcore.training.protocols import BaseCallback


class Interrupt(BaseCallback):
    def on_step(self, run: Any) -> None:
        if run.step == 8:  # in the second of three epochs
            os.kill(os.getpid(), 15)


@pytest.fixture(scope="module")
def made(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and an unfinished one in a folder of its own."""
    out = tmp_path_factory.mktemp("runs")
    tiny.tiny_run(tiny.tiny_config(out))
    with pytest.raises(RunInterrupted):
        tiny.tiny_run(tiny.tiny_config(out / "more", stage__epochs=4), extra=(Interrupt(),))
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A copy of them, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "runs"))


def make_store(path: Path) -> Path:
    (path / "deep").mkdir(parents=True)
    for name in ("index.jsonl", "failed.jsonl", "a.safetensors", "deep/b.safetensors", "deep/.c.safetensors.x.tmp"):
        (path / name).write_bytes(b"12345")
    os.utime(path / "deep" / ".c.safetensors.x.tmp", (1, 1))
    return path


def test_each_runs_state_epochs_metrics_and_sizes(out: Path) -> None:
    unfinished, finished = find_runs(out)
    assert (finished.name, finished.specialist, finished.stage) == ("tiny_stage1", "tiny", 1)
    assert (finished.state, finished.problem, finished.epoch, finished.epochs) == ("finished", "", 3, 3)
    summary = read_json(finished.folder.summary)
    assert (finished.best, finished.metrics) == (summary["best_epoch"], summary["metrics"])
    assert finished.dataset == "faceforensics"
    assert finished.start == "ImageNet"
    assert (unfinished.name, unfinished.state) == ("more/tiny_stage1", "unfinished")
    assert (unfinished.epoch, unfinished.epochs, unfinished.step, unfinished.best) == (1, 4, 8, 1)
    assert unfinished.metrics["video_auc"] is not None
    for run in (finished, unfinished):
        files = [path for path in run.folder.path.rglob("*") if path.is_file()]
        assert run.size == sum(path.stat().st_size for path in files)
        assert run.sizes["last"] == run.folder.last.stat().st_size
        assert run.sizes["epochs"] == sum(path.stat().st_size for path in run.folder.epoch_zips())
    assert unfinished.sizes["final"] == 0
    assert json.loads(json.dumps(finished.to_json()))["path"] == str(out / "tiny_stage1")


def test_the_summary_names_the_final_weights(out: Path) -> None:
    run = read_run(out / "tiny_stage1")
    assert read_json(run.folder.summary)["hash"] == read_final(run.folder.final)["hash"]


def test_epochs_over_chunks_are_counted_together(out: Path) -> None:
    run = read_run(out / "tiny_stage1")
    facts = read_json(run.folder.config)
    facts["data"] = {"chunks": {"9": {}, "8": {}}, "store": "somewhere"}
    run.folder.config.write_text(json.dumps(facts))
    again = read_run(run.folder.path)
    assert (again.epochs, again.store) == (6, "somewhere")


DAMAGE = {
    "config.json": ("{", "config.json cannot be read"),
    "summary.json": ("[]", "summary.json cannot be read"),
    "last.pt": ("half", "last.pt is cut short"),
    "tiny_stage1_final.pt": ("", "tiny_stage1_final.pt is cut short"),
    "tiny_stage1_epoch01.zip": ("half", "tiny_stage1_epoch01.zip is cut short"),
    "metrics.jsonl": ('{"kind": "epoch"}\n', "metrics.jsonl cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_listed_with_what_is_damaged(out: Path, name: str) -> None:
    text, words = DAMAGE[name]
    (out / "tiny_stage1" / name).write_text(text)
    found = {run.name: run for run in find_runs(out)}
    assert (found["tiny_stage1"].state, found["tiny_stage1"].problem) == ("damaged", words)
    assert found["more/tiny_stage1"].state == "unfinished"


@pytest.mark.parametrize(
    "text", ["{}", '{"config": 5, "parent": [], "data": {"chunks": 3}}', '{"config": {"stage": {"epochs": "x"}}}', "5"]
)
def test_a_configuration_of_other_kinds_is_no_fault_of_the_list(out: Path, text: str) -> None:
    (out / "tiny_stage1" / "config.json").write_text(text)
    assert len(find_runs(out)) == 2


def test_what_is_missing_is_said(out: Path) -> None:
    (out / "tiny_stage1" / "tiny_stage1_final.pt").unlink()
    (out / "more" / "tiny_stage1" / "last.pt").unlink()
    unfinished, finished = find_runs(out)
    assert (finished.state, finished.problem) == ("finished", "its final weights are not there")
    assert (unfinished.state, unfinished.problem) == ("unfinished", "nothing was saved yet")
    (out / "tiny_stage1" / "config.json").unlink()
    assert read_run(out / "tiny_stage1").problem.startswith("config.json is missing")


def test_other_folders_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "empty_stage1").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    (tmp_path / "file").write_text("")
    assert find_runs(tmp_path) == []
    assert find_runs(tmp_path / "nowhere") == []


def test_stores_are_found_and_not_searched_for_runs(out: Path) -> None:
    path = make_store(out / "store" / "demo-1")
    (path / "x_stage1").mkdir()
    (path / "x_stage1" / "last.pt").write_bytes(b"12345")
    (store,) = find_stores(out)
    assert (store.path, store.size, len(store.files)) == (path, 25, 5)
    assert len(find_runs(out)) == 2


# -- pruning -------------------------------------------------------------------------------------------------------


def names(removals: list[Removal]) -> set[str]:
    return {f"{file.parent.name}/{file.name}" for removal in removals for file in removal.files}


def test_by_default_only_what_nothing_needs(out: Path) -> None:
    for folder in ("tiny_stage1", "more/tiny_stage1"):
        elsewhere = temporary_of(out / folder / "last.pt", where=ELSEWHERE)
        temporary_of(out / folder / "last.pt", pid=os.getpid())
    temporary_of(out / "tiny_stage1" / "last.pt")
    removals = plan_removals(find_runs(out))
    assert [(removal.what, len(removal.files), removal.cost) for removal in removals] == [
        ("tiny_stage1: temporary files", 1, ""),
        ("tiny_stage1: last.pt, finished", 1, ""),
    ]
    assert removals[1].size == (out / "tiny_stage1" / "last.pt").stat().st_size
    hour = time.time() - 3700
    os.utime(out / "more/tiny_stage1" / elsewhere.name, (hour, hour))
    assert "more/tiny_stage1: temporary files" in [removal.what for removal in plan_removals(find_runs(out))]


def test_the_best_epochs_stay_and_of_an_unfinished_run_always_one(out: Path) -> None:
    unfinished, finished = find_runs(out)
    best = finished.folder.epoch_zip(finished.best).name
    gone = names(plan_removals([finished], keep=1))
    assert {f"tiny_stage1/{path.name}" for path in finished.folder.epoch_zips()} - gone == {f"tiny_stage1/{best}"}
    assert f"tiny_stage1/{best}" in names(plan_removals([finished], keep=0))
    assert not any("epoch" in removal.what for removal in plan_removals([finished]))
    assert names(plan_removals([unfinished], keep=0)) == set()
    assert names(plan_removals([unfinished], keep=0, unfinished=True)) == {
        "tiny_stage1/last.pt",
        "tiny_stage1/tiny_stage1_epoch01.zip",
    }


def test_epochs_that_are_not_in_the_metrics_stay(out: Path) -> None:
    (out / "tiny_stage1" / "metrics.jsonl").write_text("")
    assert not any("epoch" in name for name in names(plan_removals(find_runs(out), keep=0)))


def test_final_weights_and_unfinished_states_only_when_asked_for(out: Path) -> None:
    runs = find_runs(out)
    plain = names(plan_removals(runs, keep=0, stores=[Store(out, 0, ())]))
    assert not any("final" in name for name in plain)
    assert plan_removals(runs[:1]) == []
    assert "tiny_stage1/tiny_stage1_final.pt" in names(plan_removals(runs, final=True))
    (removal,) = plan_removals(runs[:1], unfinished=True)
    assert (removal.what, removal.cost) == ("more/tiny_stage1: last.pt, unfinished", "it starts again")
    (out / "more/tiny_stage1/config.json").write_text("{")
    damaged = read_run(out / "more/tiny_stage1")
    assert plan_removals([damaged]) == []
    assert names(plan_removals([damaged], unfinished=True)) == {"tiny_stage1/last.pt"}


def test_a_pruned_run_is_still_finished_and_an_unfinished_one_goes_on(tiny: ModuleType, out: Path) -> None:
    remove(plan_removals(find_runs(out), keep=1))
    assert [run.state for run in find_runs(out)] == ["unfinished", "finished"]
    result = tiny.tiny_run(tiny.tiny_config(out / "more", stage__epochs=4), resume=True)
    whole = tiny.tiny_run(tiny.tiny_config(out / "whole", stage__epochs=4))
    assert read_final(result.final)["hash"] == read_final(whole.final)["hash"]


def test_a_store_goes_whole_but_for_what_is_not_its_own(out: Path) -> None:
    path, other = make_store(out / "store" / "a"), make_store(out / "store" / "b")
    (other / "notes.txt").write_text("the user's own")
    facts = read_json(out / "more/tiny_stage1/config.json")
    (out / "more/tiny_stage1/config.json").write_text(json.dumps({**facts, "data": {"store": str(path)}}))
    runs: list[RunReport] = find_runs(out)
    removals = [removal for removal in plan_removals(runs, stores=find_stores(out)) if "store" in removal.what]
    assert [removal.cost for removal in removals] == [
        "more/tiny_stage1 would prepare it again",
        "made again when it is needed",
    ]
    remove(removals)
    remove(removals)  # what is gone is passed over
    assert not path.exists()
    assert [entry.name for entry in other.iterdir()] == ["notes.txt"]


# -- in use ----------------------------------------------------------------------------------------------------------


def test_what_is_in_use_is_listed_so_and_not_pruned(out: Path) -> None:
    store = make_store(out / "store" / "a")
    facts = read_json(out / "more/tiny_stage1/config.json")
    (out / "more/tiny_stage1/config.json").write_text(json.dumps({**facts, "data": {"store": str(store)}}))
    before = plan_removals(find_runs(out), unfinished=True, stores=find_stores(out))
    with RunLock(out / "more" / "tiny_stage1", "training"):
        runs, stores = find_runs(out), find_stores(out)
        assert [run.holder is None for run in runs] == [False, True]
        assert "(training, since" in runs[0].to_json()["in_use_by"]
        planned = [removal.what for removal in plan_removals(runs, keep=0, unfinished=True, stores=stores)]
        assert planned
        assert not any(what.startswith(("more/", "clip store")) for what in planned)
        assert [sentence.partition(" is in use by ")[0] for sentence in in_use(runs, stores)] == [
            "more/tiny_stage1",
            f"clip store {store}",
        ]
        with pytest.raises(RunLockedError, match="in use by process"):
            remove(before)  # it was planned before the run began
    assert (out / "more/tiny_stage1/last.pt").exists()
    assert in_use(find_runs(out), find_stores(out)) == []


def test_a_store_that_somebody_writes_to_is_not_pruned(out: Path) -> None:
    store = make_store(out / "store" / "a")
    temporary_of(store / "x.safetensors")
    assert [removal.what for removal in plan_removals([], stores=find_stores(out))] == [f"clip store {store}"]
    temporary_of(store / "x.safetensors", pid=os.getpid())
    assert plan_removals([], stores=find_stores(out)) == []
    assert "a process that writes .x.safetensors" in in_use([], find_stores(out))[0]
