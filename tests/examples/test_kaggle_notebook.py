"""The example notebook, run as it stands in an imitation of Kaggle with two pairs of made videos in each dataset."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from documents import SMALL

from dfcore.testing.demo import make_demo
from dfcore.testing.layouts import as_celebdf, as_dfdc

NOTEBOOK = json.loads((Path(__file__).parents[2] / "examples/kaggle.ipynb").read_text(encoding="utf-8"))


def test_it_is_a_clean_notebook() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(ids) == len(set(ids))
    for cell in NOTEBOOK["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


class Cells:
    """Runs a notebook's cells as IPython would: a line that begins with ``!`` is a command for the shell."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env, self.said = env, {}
        self.names: dict[str, Any] = {"_shell": self._shell}

    def run(self, cell: dict[str, Any]) -> None:
        source = re.sub(r"^( *)!(.+)$", lambda m: f"{m[1]}_shell({m[2]!r})", "".join(cell["source"]), flags=re.M)
        exec(compile(source, cell["id"], "exec"), self.names)

    def _shell(self, line: str) -> None:
        env = {**self.env, **{name: os.environ[name] for name in ("JUDGED",) if name in os.environ}}
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        self.said[line] = done.stdout


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kaggle")
    demo = make_demo(root / "made", pairs=(1, 1, 0), frames=10, size=256, workers=1)
    for folder in ("input/datasets/someone/ff-c23", "input/competitions", "working"):
        (root / folder).mkdir(parents=True)
    as_celebdf(demo, root / "input/celeb-df-v2")
    as_dfdc(demo, root / "input/competitions/deepfake-detection-challenge")
    demo.rename(root / "input/datasets/someone/ff-c23/FaceForensics++")
    (root / "working/dfcore.toml").write_text(SMALL)
    return root


@pytest.mark.slow
def test_every_cell_runs(kaggle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(kaggle / "working")
    monkeypatch.setenv("DFCORE_KAGGLE", str(kaggle))
    monkeypatch.delenv("DFCORE_CONFIG")
    monkeypatch.delenv("JUDGED", raising=False)
    scripts = str(Path(sys.executable).parent)
    cells = Cells({**os.environ, "COLUMNS": "200", "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"})
    before = {path: path.stat().st_mtime_ns for path in (kaggle / "input").rglob("*")}
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            cells.run(cell)
    monkeypatch.delenv("JUDGED")

    said = "".join(cells.said.values())
    assert (
        f"FaceForensics++ was recognised by its folders in {kaggle}/input/datasets/someone/ff-c23/FaceForensics" in said
    )
    assert "cm: stage 4, trained on" in said
    runs = kaggle / "working/runs"
    for stage in (1, 2, 4):
        assert torch.load(runs / f"cm_stage{stage}/cm_stage{stage}_final.pt", weights_only=True)["stage"] == stage
    printed = capsys.readouterr().out
    assert str(runs / "cm_stage4/cm_stage4_final.pt") in printed
    assert str(runs / "cm_stage1/curves.png") in printed
    assert before == {path: path.stat().st_mtime_ns for path in (kaggle / "input").rglob("*")}
    assert not list((kaggle / "working").rglob("*.safetensors")), "clips eat up what the working folder may hold"
    assert list((kaggle / "temp/dfcore/store").rglob("*.safetensors"))
