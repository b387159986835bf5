"""Whole texts that commands print, letter by letter: of a dataset, of runs, of verdicts, of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from dfcore.api.configure import configure
from dfcore.cli import datasets, doctor, predict, runs
from dfcore.cli.output import announce
from dfcore.cli.output.verdicts import JsonArray
from dfcore.config import override
from dfcore.data.checks.scan import Problem
from dfcore.data.checks.shortcuts import Shortcut
from dfcore.data.checks.verify import Count, Localised, Report
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore
from dfcore.runs.folder import RunFolder
from dfcore.runs.prune import Removal
from dfcore.runs.report import RunReport, Store

FREE = SimpleNamespace(free=3 * 2**30, where=Path("/disk"))


def report(**changes: Any) -> Report:
    how: dict[str, Any] = {
        "dataset": "folder",
        "root": Path("/data"),
        "videos": 1234,
        "counts": (
            Count("original", "c23", "real", "train", 1000),
            Count("original", "c23", "real", "", 34),
            Count("swap", "c23", "fake", "train", 200),
        ),
        "missing": {},
        "notes": (),
        "unreadable": (),
        "shortcuts": (),
        "problems": (),
        "localised": Localised(0, 0, 0, 0),
    }
    return Report(**{**how, **changes})


def test_a_copy_without_anything_amiss() -> None:
    assert datasets._text(report()).splitlines() == [
        "folder in /data: 1,234 files",
        "",
        "method    compression  label  train  undecided  files",
        "--------  -----------  -----  -----  ---------  -----",
        "original  c23          real   1,000  34         1,034",
        "swap      c23          fake   200    0          200",
        "all                           1,200  34         1,234",
        "",
        "Verdict: can be used (0 problems, 0 warnings).",
    ]


def test_a_copy_with_something_of_everything() -> None:
    items = tuple(f"v{k}" for k in range(datasets.SHOWN + 1))
    found = report(
        counts=(Count("swap", "", "fake", "val", 5, "real"), Count("swap", "", "fake", "test", 1)),
        missing={"a": 1000, "b": 2},
        notes=("one\x07", "two"),
        shortcuts=(Shortcut("size", 0.75, True), Shortcut("rate", 0.6, False), Shortcut("none", 0.5, True)),
        problems=(
            Problem("leak", True, "It leaks.", items),
            Problem("copies", False, "Copies.", items[:-1]),
            Problem("unreadable", False, "Unread.", items),
        ),
        localised=Localised(2000, 1500, 400, 100),
    )
    assert datasets._text(found).splitlines()[2:] == [
        "method  compression  label  audio    val  test  files",
        "------  -----------  -----  -------  ---  ----  -----",
        "swap                 fake   real     5    0     5",
        "swap                 fake   unknown  0    1     1",
        "all                                  5    1     6",
        "",
        "Missing of the official files: 1,002",
        "part  missing",
        "----  -------",
        "a     1,000",
        "b     2",
        "",
        "Whose face was forged, where a fake shows several people, is told by a mask (1,500 of 2,000 fakes) or by the "
        "original (400); 100 have neither",
        "",
        "Notes",
        "  one\\x07",
        "  two",
        "",
        "What a property of the file alone tells of the class (AUC; 0.5 is nothing)",
        "  0.75  size",
        "  0.60  rate, within chance",
        "",
        "PROBLEM (leak): It leaks.",
        *(f"  v{k}" for k in range(5)),
        "  and 1 more (--json lists all)",
        "",
        "Warning (copies): Copies.",
        *(f"  v{k}" for k in range(5)),
        "",
        "Warning (unreadable): Unread.",
        *(f"  v{k}" for k in range(6)),
        "",
        "Verdict: cannot be used as it is (1 problems, 2 warnings).",
    ]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"root": "/d", "configured_by": "X", "exists": True}, "/d (by X)"),
        ({"root": "/d", "configured_by": "X", "exists": False}, "/d (by X; no such folder)"),
        ({"root": None, "generated": True, "attached": []}, "made when asked for: --data demo"),
        ({"root": None, "generated": False, "attached": []}, "not configured"),
        ({"root": None, "generated": False, "attached": ["/a", "/b"]}, "one of /a, /b: say which"),
    ],
)
def test_where_a_dataset_is(given: dict[str, Any], where: str) -> None:
    entry = {"name": "demo", "title": "T", "summary": "S", **given}
    assert datasets._row(entry) == ("demo", "T", where, "S")


def run_report(name: str = "cm_stage1", **changes: Any) -> RunReport:
    how: dict[str, Any] = {
        "name": name,
        "folder": RunFolder(Path("runs") / name, name),
        "specialist": "cm",
        "stage": 1,
        "dataset": "dfdc",
        "state": "finished",
        "problem": "",
        "epoch": 1,
        "epochs": 6,
        "step": 12,
        "best": 0,
        "metrics": {"video_auc": 0.98765, "frame_auc": 1, "cue_video_auc": None},
        "start": "ImageNet",
        "parent": {},
        "outdated": False,
        "store": "",
        "holder": None,
        "sizes": {"last": 2048, "final": 1024},
    }
    return RunReport(**{**how, **changes})


def test_runs_and_stores_are_listed_with_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "free_space", lambda path: FREE)
    old = run_report("cm_stage2", stage=2, outdated=True, best=3, state="unfinished", start="cm_stage1_final.pt")
    text = runs._text(Path("runs"), [run_report(), old], [Store(Path("runs/store/x"), 4096, ())])
    lists, stores, outdated, total = text.split("\n\n")
    rows = [line.split("  ") for line in lists.splitlines()]
    assert [cell.strip() for cell in rows[2] if cell] == [
        "cm_stage1", "dfdc", "finished, 1 epoch", "-", "0.988", "1.000", "-", "2.0 KiB", "3.0 KiB", "ImageNet",
    ]  # fmt: skip
    assert "unfinished, 1 of 6 epochs, step 12  3 " in lists
    assert lists.endswith("cm_stage1_final.pt (made again since)")
    assert stores.splitlines()[-1].split("  ") == ["runs/store/x", "4.0 KiB"]
    assert outdated == (
        "cm_stage2 started from weights that were made again since: dfcore train cm --stage 2 --overwrite trains it "
        "from the new ones."
    )
    assert total.startswith("10.0 KiB of runs and stores in runs, 3.0 GiB free")
    assert runs._text(Path("runs"), [], []).startswith("No runs in runs. Make one")
    assert runs._text(Path("runs"), [], [Store(Path("s"), 1, ())]).startswith("clip store")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "finished, 1 epoch"),
        ({"epoch": 2}, "finished, 2 epochs"),
        ({"state": "unfinished", "epochs": 1, "epoch": 0}, "unfinished, 0 of 1 epoch, step 12"),
        ({"state": "damaged", "problem": "no config.json"}, "damaged: no config.json"),
        (
            {"holder": SimpleNamespace(pid=7, host="h"), "problem": "late"},
            "in use by process 7 on h; finished, 1 epoch: late",
        ),
    ],
)
def test_how_far_a_run_is(given: dict[str, Any], words: str) -> None:
    assert runs._state(run_report(**given)) == words


def test_what_would_be_deleted() -> None:
    files = (Path("a"), Path("b"))
    text = runs._plan([Removal("last.pt", files, 5120, "cannot go on"), Removal("store", (), 1024)])
    assert text.splitlines()[2].split() == ["last.pt", "2", "5.0", "KiB", "cannot", "go", "on"]
    assert text.splitlines()[-2:] == ["", "6.0 KiB would be freed."]


def result(verdict: str, people: int = 1, seen: int | None = 1, *, passing: bool = False) -> FileResult:
    one = PersonResult(0, verdict, 0.5, 0.0, 0.5, 0.0, "", {"cm": SpecialistScore(0.5)}, 0, 0.0, (0, 0, 1, 1))
    return FileResult(Path("x"), verdict, people=(one,) * people, person=0, people_seen=seen, passing=passing)


def test_what_stands_under_the_verdicts() -> None:
    member = SimpleNamespace(origin="cm: stage 1", warnings=("old",))
    roster = SimpleNamespace(members=[member], notes=("a",))
    predictor: Any = SimpleNamespace(roster=roster, judge=SimpleNamespace(notes=("b",)))
    tally = predict._Tally()
    head = ["cm: stage 1", "warning: old", "note: a", "note: b"]
    tally.add(result("fake"))
    tally.add(result("real", 2, 2))
    assert predict._under(predictor, tally) == head
    tally.add(result("none", 0, 3))
    assert predict._under(predictor, tally) == [*head, "1 of 3 files could not be judged."]
    tally.add(result("none", 0, None, passing=True))
    tally.add(result("fake", 1, 2))
    assert predict._under(predictor, tally) == [
        *head,
        "note: in 1 files there are more people than were judged: --people all",
        "2 of 5 files could not be judged; 1 may be judged by another try.",
    ]
    assert (tally.fakes, tally.none, tally.passing, tally.files) == (2, 2, 1, 5)


def test_an_array_is_valid_json_with_none_one_or_two_results(capsys: pytest.CaptureFixture[str]) -> None:
    for count in range(3):
        with JsonArray() as array:
            for _ in range(count):
                array.show(result("fake"))
            array.close_with(["said"])
        shown = capsys.readouterr()
        assert [one["verdict"] for one in json.loads(shown.out)] == ["fake"] * count
        assert shown.out.count("\n") == count + 2
        assert shown.err == "said\n"


def test_what_kaggle_keeps_is_told_and_how_much_is_free(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    here = SimpleNamespace(reason="a sign", keeps=lambda path: Path(path).name == "kept")
    monkeypatch.setattr(announce, "kaggle", lambda: here)
    monkeypatch.setattr(announce, "free_space", lambda path: SimpleNamespace(free=2.04e9, where=Path(path).name))
    found = (SimpleNamespace(title="Mine", root=tmp_path), SimpleNamespace(title="Other", root=tmp_path / "other"))
    monkeypatch.setattr(announce, "attached", lambda: found)
    base = configure("cm", data=tmp_path, dataset="folder", out="kept", store="gone")
    announce.announce([base, override(base, {"data.store": "kept"}), override(base, {"data.store": ""})])
    assert capsys.readouterr().out.splitlines() == [
        "kaggle     known by a sign; runs go to kept, which is kept when the session ends",
        "           clips of folder go to gone, gone when the session ends",
        "           clips of folder go to kept, kept, and counted with the runs",
        "           free: 2.0 GB for runs in kept, 2.0 GB for clips in gone",
        f"           Mine was recognised by its folders in {tmp_path}",
    ]
    announce.announce([override(base, {"run.out": "lost"})])
    assert "runs go to lost, which is NOT kept when the session ends" in capsys.readouterr().out


@pytest.mark.parametrize(("rank", "said"), [("0", True), ("1", False)])
def test_a_configuration_file_that_writes_elsewhere_is_named_once(
    rank: str, said: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(announce, "redirected", lambda names: asked.append(list(names)) or ["it does\x07"])
    announce.announce_file(out="x", store=None, **{"run.seed": 3})
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "config     it does\\x07\n" if said else "")
    assert asked == [["run.out", "run.seed"]]


@pytest.mark.parametrize("here", [None, SimpleNamespace(reason="a sign")])
def test_this_machine_is_told_with_the_disk_that_runs_would_go_to(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "kaggle", lambda: here)
    monkeypatch.setattr(doctor, "free_space", lambda path: FREE if path == Path("mine") else None)
    for name in ("_versions", "_training", "_decoding", "_detector", "_plugins", "_datasets"):
        monkeypatch.setattr(doctor, name, dict)
    done = CliRunner().invoke(doctor.command, ["--out", "mine", "--json"], catch_exceptions=False)
    machine = json.loads(done.output)["machine"]
    assert machine["disk free"] == "3.0 GiB at /disk"
    assert machine["cores"] >= 1
    assert machine.get("kaggle") == (None if here is None else "known by a sign")
