from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import dfcore.training.inputs.prepare
from dfcore.cli.prepare import command
from dfcore.data.prepare.videos import PrepareReport
from dfcore.training.inputs.prepare import Prepared


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
