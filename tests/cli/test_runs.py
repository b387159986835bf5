"""``dfcore runs``: the list, and pruning with its questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dfcore.cli import runs as module
from dfcore.cli.runs import command
from dfcore.errors import UnknownNameError, UsageError
from dfcore.runs.folder import RunFolder

METRICS = {"video_auc": 0.9, "frame_auc": 0.8, "cue_video_auc": None, "loss": 0.5}


def make_run(out: Path, name: str, *, finished: bool, parent: dict[str, object] | None = None, final: str = "") -> Path:
    """The small files of a run, and stand-ins for the large ones."""
    folder = RunFolder(out / name, name)
    folder.path.mkdir(parents=True)
    config = {"stage": {"dataset": "celebdf", "epochs": 2, "start": ""}, "model": {"pretrained": True}}
    folder.config.write_text(json.dumps({"config": config, "parent": parent or {}, "data": {}}))
    lines = [{"kind": "epoch", "epoch": 1, "step": 5, "val": METRICS}]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    archive = b"PK\x05\x06" + bytes(18)  # an empty one
    for path in (folder.last, folder.epoch_zip(1), *((folder.final,) if finished else ())):
        path.write_bytes(archive)
    if finished:
        folder.summary.write_text(json.dumps({"best_epoch": 1, "metrics": METRICS, "hash": final}))
    return folder.path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    make_run(tmp_path, "cm_stage1", finished=True, final="new")
    make_run(tmp_path, "cm_stage2", finished=False, parent={"file": "x/cm_stage1_final.pt", "stage": 1, "hash": "old"})
    return tmp_path


def run(*arguments: object, code: int = 0, **how: object) -> Result:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments], **how)  # type: ignore[arg-type]
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def test_the_list(out: Path) -> None:
    lines = run("--out", out).output.splitlines()
    first, second = lines[2:4]
    assert first.split()[:9] == ["cm_stage1", "celebdf", "finished,", "1", "epoch", "1", "0.900", "0.800", "-"]
    assert first.endswith("ImageNet")
    assert "unfinished, 1 of 2 epochs, step 5" in second
    assert second.endswith("cm_stage1_final.pt (made again since)")
    assert "dfcore train cm --stage 2 --overwrite trains it from the new ones." in lines[-3]
    assert f"of runs and stores in {out}, " in lines[-1]
    assert lines[-1].endswith("free; `dfcore runs prune` makes space")


def test_the_list_for_machines(out: Path) -> None:
    content = json.loads(run("--out", out, "--json").output)
    assert [entry["name"] for entry in content["runs"]] == ["cm_stage1", "cm_stage2"]
    assert [entry["outdated"] for entry in content["runs"]] == [False, True]
    assert content["runs"][0]["metrics"] == METRICS
    assert content["runs"][1]["parent"]["hash"] == "old"
    assert content["stores"] == []
    assert content["free"] > 0


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "dfcore train cm" in run().output
    with pytest.raises(UsageError, match="no such folder"):
        run("--out", tmp_path / "nowhere")


def test_the_folder_of_the_configuration_file(out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'[set]\n"run.out" = "{out}"\n')
    monkeypatch.setenv("DFCORE_CONFIG", str(file))
    assert "cm_stage1" in run().output


def test_a_dry_run_says_what_and_deletes_nothing(out: Path) -> None:
    said = run("prune", "--out", out, "--dry-run", "--keep", 0).output
    assert "cm_stage1: last.pt, finished" in said
    assert "cm_stage1: epochs but the best 0" in said
    assert "cm_stage2" not in said
    assert said.splitlines()[-1] == "44 B would be freed."
    assert (out / "cm_stage1" / "last.pt").exists()
    with pytest.raises(UsageError, match="give one of them"):
        run("prune", "--out", out, "--dry-run", "--yes")


def test_it_asks_and_without_a_terminal_it_deletes_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = out / "cm_stage1" / "last.pt"
    with pytest.raises(UsageError, match=r"nothing was deleted.*--yes"):
        run("prune", "--out", out)
    monkeypatch.setattr(module, "_asks", lambda: True)
    run("prune", "--out", out, input="n\n", code=1)
    assert last.exists()
    assert "Deleted." in run("prune", "--out", out, input="y\n").output
    assert not last.exists()
    assert (out / "cm_stage2" / "last.pt").exists()
    assert "nothing to delete" in run("prune", "--out", out).output


def test_names_choose(out: Path) -> None:
    assert "nothing to delete" in run("prune", "cm_stage2", "--out", out, "--yes").output
    with pytest.raises(UnknownNameError, match="unknown run 'cm_stage3'"):
        run("prune", "cm_stage3", "--out", out)
    run("prune", "cm_stage2", "--out", out, "--unfinished", "--yes")
    assert not (out / "cm_stage2" / "last.pt").exists()
    assert (out / "cm_stage1" / "last.pt").exists()
    run("--out", out, "prune", "--final", "--yes")
    assert not (out / "cm_stage1" / "cm_stage1_final.pt").exists()


def test_stores_of_the_runs_that_are_named(out: Path) -> None:
    for name in ("a", "b"):
        (out / "store" / name).mkdir(parents=True)
        (out / "store" / name / "index.jsonl").write_text("x")
    facts = json.loads((out / "cm_stage2" / "config.json").read_text())
    (out / "cm_stage2" / "config.json").write_text(json.dumps({**facts, "data": {"store": str(out / "store" / "a")}}))
    said = run("prune", "cm_stage2", "--out", out, "--stores", "--yes").output
    assert "cm_stage2 would prepare it again" in said
    assert not (out / "store" / "a").exists()
    assert (out / "store" / "b").exists()
    run("prune", "--out", out, "--stores", "--yes")
    assert not (out / "store").exists() or not list((out / "store").iterdir())


def test_the_list_is_for_json_alone(out: Path) -> None:
    with pytest.raises(UsageError, match="--json is for the list"):
        run("--out", out, "--json", "prune")


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "summary.json"])
def test_a_run_with_hostile_json_is_listed_as_damaged_and_the_others_as_they_are(out: Path, name: str) -> None:
    (out / "cm_stage2" / name).write_text("[" * 100_000)
    lines = run("--out", out).output.splitlines()
    assert "finished, 1 epoch " in lines[2]
    assert f"damaged: {name} cannot be read" in lines[3] or name == "metrics.jsonl"
    states = {one["name"]: one["state"] for one in json.loads(run("--out", out, "--json").output)["runs"]}
    assert states["cm_stage1"] == "finished"


def test_names_and_values_that_a_terminal_would_obey_are_escaped(out: Path) -> None:
    make_run(out, "a\x1b[31mred_stage1", finished=False)
    config = json.loads((out / "cm_stage2/config.json").read_text())
    config["config"]["stage"]["dataset"] = "two\nlines\u202e"
    (out / "cm_stage2/config.json").write_text(json.dumps(config))
    shown = run("--out", out).output
    assert "a\\x1b[31mred_stage1" in shown
    assert "two\\x0alines\\u202e" in shown
    assert "\x1b" not in shown
