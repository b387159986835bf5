"""A short version of benchmarks/kills.py: prepare and predict, killed at random moments and resumed, end the same."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kills.py"


@pytest.fixture(scope="module")
def kills() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kills", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare", "predict"])
def test_killed_and_resumed_it_ends_as_what_nobody_killed(kills: ModuleType, tmp_path: Path, name: str) -> None:
    ended, worst = kills.run(name, tmp_path, 5, random.Random(3))
    assert ended >= 2
    assert worst >= 1


def test_an_outcome_that_differs_is_noticed(kills: ModuleType, tmp_path: Path) -> None:
    for name, line in (("a", '{"id": 1, "time": "now"}'), ("b", '{"id": 1, "time": "later"}'), ("c", '{"id": 2}')):
        (tmp_path / name / "store").mkdir(parents=True)
        (tmp_path / name / "store" / "failed.jsonl").write_text(line + "\n")
    a, b, c = (kills.store_content(tmp_path / name) for name in "abc")
    assert a == b != c
    (tmp_path / "b" / "store" / "x.safetensors").write_bytes(b"1")
    assert kills.store_content(tmp_path / "b") != a
    (tmp_path / "run0.txt").write_text("said")
    with pytest.raises(SystemExit, match="run0 ended otherwise:\nsaid"):
        kills.require(False, tmp_path / "run0")
