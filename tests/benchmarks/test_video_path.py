from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "__init__": "",
    "first": "from way_of import second, third\ndef run():\n    second.step()\n    third.step()\n    second.step()\n",
    "second": "def step():\n    return helper()\ndef helper():\n    return 1\ndef back(work):\n    return work()\n",
    "third": "from way_of import second\ndef step():\n    for _ in range(3):\n        second.step()\n"
    "    second.back(work)\ndef work():\n    return 2\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / "way_of").mkdir(exist_ok=True)
        (tmp_path / f"way_of/{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield tmp_path / "way_of"
    for name in [name for name in sys.modules if name.partition(".")[0] == "way_of"]:
        del sys.modules[name]


def test_a_return_is_a_call_into_a_file_that_was_left_and_loops_count_once(package: Path) -> None:
    follow = importlib.import_module("video_path").follow
    first = importlib.import_module("way_of.first")
    # first, second; third, second again (a return); `work` of third while third is running is none.
    assert follow(first.run, f"{package}{os.sep}") == ["first.py", "second.py", "third.py", "second.py"]


def test_the_report_counts_files_and_returns(package: Path) -> None:
    report = importlib.import_module("video_path").report
    said = report(["a/x.py", "b/y.py", "a/x.py"], listed=True)
    assert "files entered: 2, in 2 folders" in said
    assert "returns to a file left before: 1" in said
    assert "2x a/x.py" in said
