"""Which exported file judges: the one beside the weights, if it is of these; else one that is made first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dfcore.errors import CheckpointError, WriteError
from dfcore.inference.models import Found, load_models
from dfcore.inference.onnx import engine
from dfcore.inference.onnx.engine import exported_path, open_exported
from dfcore.inference.onnx.export import origin_of
from dfcore.models.export.session import ExportedSpecialist, open_session
from dfcore.models.files import weights as weight_files


class Session:
    """A file that says of itself what it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_modelmeta(self) -> Any:
        lines = (line.split("=", 1) for line in self.path.read_text().splitlines())
        return SimpleNamespace(custom_metadata_map=dict(lines))

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="face")]


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is exported meanwhile; files are texts, which :class:`Session` reads."""
    made: list[Path] = []

    def export(weights: Path, path: Path) -> Any:
        said = {**origin_of(weights, weight_files.describe(weights)), "image_size": 64}
        path.write_text("\n".join(f"{key}={json.dumps(value)}" for key, value in said.items()))
        made.append(path)
        return SimpleNamespace(difference=1e-6)

    monkeypatch.setattr(engine, "export", export)
    monkeypatch.setattr(engine, "open_session", Session)
    return made


def test_a_file_is_exported_once_and_again_for_other_weights(
    exports: list[Path], tmp_path: Path, save_specialist: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    weights = save_specialist(tmp_path, "rr")
    model, meta, note = open_exported(weights)
    assert "is exported to ONNX first" in caplog.text
    assert (model.spec.name, model.image_size, meta["stage"]) == ("rr", 64, 1)
    assert exports == [exported_path(weights)] == [weights.with_suffix(".onnx")]
    assert "was exported now, and differs from PyTorch by 1e-06" in note
    assert open_exported(weights)[2] == f"ONNX Runtime runs {exported_path(weights)}."
    assert len(exports) == 1, "it was exported twice"
    save_specialist(tmp_path, "rr", seed=1)
    open_exported(weights)
    assert len(exports) == 2, "the exported file of other weights was used"


def test_where_nothing_can_be_written_beside_the_weights_the_file_is_kept_with_the_runs(
    exports: list[Path], tmp_path: Path, save_specialist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = save_specialist(tmp_path / "input", "rr")

    def require_place(path: Path) -> None:
        raise WriteError(f"{path}: read-only")

    monkeypatch.setattr(engine, "require_place", require_place)
    monkeypatch.setattr(engine, "run_folder", lambda: str(tmp_path / "runs"))
    (tmp_path / "runs/onnx").mkdir(parents=True)
    for _ in range(2):
        note = open_exported(weights)[2]
    digest = weight_files.describe(weights)["hash"]
    assert exports == [tmp_path / "runs/onnx" / f"{weights.stem}-{digest[:12]}.onnx"]
    assert note == f"ONNX Runtime runs {exports[0]}."


@pytest.mark.parametrize("content", ["", "producer=another program", "note=1"])
def test_a_file_of_another_program_is_not_replaced(
    exports: list[Path], tmp_path: Path, save_specialist: Callable[..., Path], content: str
) -> None:
    weights = save_specialist(tmp_path, "rr")
    exported_path(weights).write_text(content)
    with pytest.raises(CheckpointError, match="no specialist that dfcore exported"):
        open_exported(weights)
    assert exported_path(weights).read_text() == content
    assert not exports


def test_predict_loads_specialists_of_that_engine_and_says_what_was_exported(
    exports: list[Path], tmp_path: Path, save_specialist: Callable[..., Path]
) -> None:
    weights = save_specialist(tmp_path, "rr")
    roster = load_models([Found(weights, named=True)], "cpu", engine="onnxruntime")
    (member,) = roster.members
    assert isinstance(member.model, ExportedSpecialist)
    assert member.hash == weight_files.describe(weights)["hash"]
    assert any("was exported" in note for note in roster.notes)


@pytest.mark.parametrize(("asked", "used"), [(0, 7), (3, 3)])
def test_a_session_computes_with_the_threads_that_are_asked_for_else_with_pytorchs(
    asked: int, used: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    (tmp_path / "cm.onnx").touch()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda path, options, providers: (options, providers))
    options, providers = open_session(tmp_path / "cm.onnx", asked)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (used, 1)
    assert providers == ["CPUExecutionProvider"]


def test_a_file_that_is_no_model_is_told_with_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "cm.onnx").write_text("no model")
    with pytest.raises(CheckpointError, match=r"cm\.onnx cannot be run: .* Export it again"):
        open_session(tmp_path / "cm.onnx")
    with pytest.raises(CheckpointError, match="no such file"):
        open_session(tmp_path / "none.onnx")
