from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import dfcore.training.inputs.estimate
import dfcore.training.inputs.prepare
from dfcore.cli.prepare import command
from dfcore.config import TrainConfig
from dfcore.data.prepare.videos import PrepareReport
from dfcore.data.store.index import Failure
from dfcore.training.inputs.estimate import Estimate
from dfcore.training.inputs.prepare import Prepared
from dfcore.training.inputs.shards import Shard


def test_it_says_what_was_prepared_and_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Prepared((), tmp_path / "store", PrepareReport(3, 2), ("4 fakes were compared with their originals.",))
    for name in ("real/a.mp4", "fake/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.setattr(dfcore.training.inputs.prepare, "prepare_data", lambda *args, **how: found)
    result = CliRunner().invoke(command, ["cm", "--dataset", "folder", "--data", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "3 prepared, 2 there already, 0 not usable" in result.output
    assert "4 fakes were compared with their originals." in result.output


def test_failures_are_said_in_one_line_each_and_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [
        Failure("a", "/x/a\x1b[31m.mp4", "/x/a\x1b[31m.mp4: no face found."),
        Failure("b", "/x/caf\udce9.mp4", "the worker was killed.", again=True),
    ]
    found = Prepared((), tmp_path / "store", PrepareReport(1, 0, failures), ("note\x07",))
    for name in ("real/a.mp4", "fake/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.setattr(dfcore.training.inputs.prepare, "prepare_data", lambda *args, **how: found)
    result = CliRunner().invoke(command, ["cm", "--dataset", "folder", "--data", str(tmp_path)])
    assert "  /x/a\\x1b[31m.mp4: no face found.\n" in result.output
    assert "  /x/caf\\xe9.mp4: the worker was killed. It is tried again the next time.\n" in result.output
    assert "note\\x07" in result.output
    assert not {"\x1b", "\x07", "\udce9"} & set(result.output)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("real/a.mp4", "fake/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


def test_a_share_and_a_time_limit_reach_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def prepare(config: TrainConfig, *args: object, shard: Shard, **how: object) -> Prepared:
        asked.extend((shard, config.run.time_limit))
        return Prepared((), folder / "store", PrepareReport(1, 0))

    monkeypatch.setattr(dfcore.training.inputs.prepare, "prepare_data", prepare)
    options = ["cm", "--dataset", "folder", "--data", str(folder), "--shard", "2/3", "--time-limit", "1h"]
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 0, result.output
    assert asked == [Shard(2, 3), "1h"]


def test_an_estimate_is_said_and_nothing_is_prepared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Estimate(folder / "store", 1000, 2, 0, (4_000_000, 6_000_000), 0.5, 1e12, "the disk")
    monkeypatch.setattr(dfcore.training.inputs.estimate, "estimate", lambda *args, **how: found)
    result = CliRunner().invoke(command, ["cm", "--dataset", "folder", "--data", str(folder), "--estimate"])
    assert result.exit_code == 0, result.output
    assert "1,000 videos to be prepared" in result.output
    assert "about 5.00 GB and 8 min" in result.output
    assert "prepared, " not in result.output
