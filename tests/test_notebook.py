"""Links and curves in a notebook's cells; IPython is stood in for."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dfcore import notebook


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for stage in (1, 2):
        run = tmp_path / f"runs/cm_stage{stage}"
        run.mkdir(parents=True)
        for name in (f"cm_stage{stage}_final.pt", f"cm_stage{stage}_epoch02.zip", "curves.png", "metrics.jsonl"):
            (run / name).write_bytes(b"x" * 1500)
        for name in ("last.pt", "config.json", "log.txt"):
            (run / name).touch()
    (tmp_path / "runs/store").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What a kernel's IPython displays: the kind and the path."""
    found: list[tuple[str, str]] = []
    module: Any = ModuleType("IPython")
    module.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display = SimpleNamespace(
        FileLink=lambda path, result_html_suffix="": ("link", path + result_html_suffix),
        Image=lambda filename: ("image", filename),
        display=found.append,
    )
    monkeypatch.setitem(sys.modules, "IPython", module)
    return found


NAMES = ["cm_stage1_final.pt", "cm_stage1_epoch02.zip", "curves.png", "metrics.jsonl"]


def test_results_are_what_is_worth_keeping(runs: Path) -> None:
    found = notebook.results()
    assert [str(path) for path in found[:4]] == [f"runs/cm_stage1/{name}" for name in NAMES]
    assert len(found) == 8
    assert [path.name for path in notebook.results(runs / "cm_stage1")] == NAMES


def test_results_are_in_order_however_a_folder_lists_them(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for epoch in (11, 3, 7):
        (runs / f"cm_stage1/cm_stage1_epoch{epoch:02d}.zip").touch()
    listed = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: sorted(listed(self, pattern), reverse=True))
    assert [path.name for path in notebook.results(runs / "cm_stage1") if path.suffix == ".zip"] == [
        f"cm_stage1_epoch{epoch:02d}.zip" for epoch in (2, 3, 7, 11)
    ]
    assert [path.parent.name for path in notebook.results(runs)][:: len(NAMES) + 3] == ["cm_stage1", "cm_stage2"]


def test_in_a_kernel_they_are_links_relative_to_the_working_directory(
    runs: Path, shown: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.links(runs)
    assert shown[0] == ("link", "runs/cm_stage1/cm_stage1_final.pt  (1.5 kB)")
    assert len(shown) == 8
    notebook.curves()
    assert shown[8:] == [("image", f"runs/cm_stage{stage}/curves.png") for stage in (1, 2)]
    assert "final" not in capsys.readouterr().out


def test_a_file_outside_is_a_path(
    runs: Path, shown: list[tuple[str, str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs / "store")
    notebook.links(runs)
    assert not shown
    assert f"{runs}/cm_stage1/cm_stage1_final.pt  (1.5 kB)" in capsys.readouterr().out


def test_without_a_kernel_they_are_paths(
    runs: Path, capsys: pytest.CaptureFixture[str], shown: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    notebook.links()
    notebook.curves()
    monkeypatch.delitem(sys.modules, "IPython")
    notebook.links()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:8] == lines[10:]
    assert lines[0] == "runs/cm_stage1/cm_stage1_final.pt  (1.5 kB)"
    assert lines[8] == "runs/cm_stage1/curves.png"
    assert not shown


def test_nothing_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook.links(tmp_path)
    assert f"no results in {tmp_path} yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0.0 kB"), (99_940, "99.9 kB"), (100_000, "0.1 MB"), (2_540_000, "2.5 MB")]
)
def test_sizes_are_in_decimal_units(tmp_path: Path, size: int, shown: str) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert notebook._size(tmp_path / "file") == shown


class TestBringBack:
    def test_an_earlier_sessions_runs_are_copied_once(self, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = runs.parent / "kaggle"
        (root / "working").mkdir(parents=True)
        earlier = root / "input/notebooks/me/training/runs"
        earlier.parent.mkdir(parents=True)
        runs.rename(earlier)
        monkeypatch.setenv("DFCORE_KAGGLE", str(root))
        (root / "working/runs/cm_stage1").mkdir(parents=True)
        assert notebook.bring_back() == [root / "working/runs/cm_stage2"]
        assert not list((root / "working/runs/cm_stage1").iterdir()), "what is there is left as it is"
        places = (earlier / "cm_stage2", root / "working/runs/cm_stage2")
        before, after = (sorted(path.name for path in place.iterdir()) for place in places)
        assert before == after
        assert notebook.bring_back() == []
        assert [path.name for path in (root / "working/runs").glob(".*")] == []

    def test_elsewhere_nothing_is_done(self, runs: Path) -> None:
        assert notebook.bring_back() == []
        assert len(notebook.bring_back(runs.parent, runs.parent / "new")) == 2
