"""``dfcore ensemble fit``: what is seen to before videos are scored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from dfcore.api.ensemble import Ensemble
from dfcore.cli import cli
from dfcore.errors import WriteError


@pytest.mark.parametrize("options", [[], ["--out", "OUT"]])
def test_a_place_that_takes_no_file_is_told_before_anything_is_scored(
    options: list[str], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        shutil.copytree(runs / "rr_stage1", tmp_path / name / "rr_stage1")
    place = tmp_path / ("other.json" if options else "ensemble.json")
    place.mkdir()
    monkeypatch.setattr(Ensemble, "fit", lambda *_, **__: pytest.fail("it began to score"))
    given = [str(place) if one == "OUT" else one for one in options]
    models = [str(tmp_path / name) for name in ("one", "two")]
    done = CliRunner().invoke(cli, ["ensemble", "fit", *models, *given])
    assert isinstance(done.exception, WriteError)
    assert str(place) in str(done.exception)
