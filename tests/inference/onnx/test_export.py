"""Exported specialists say what they are, and what PyTorch says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import dfcore
from dfcore.errors import CheckpointError, ModelError, UnknownNameError, UsageError, WriteError
from dfcore.inference.onnx import export as exporting
from dfcore.inference.onnx.compared import batches_of, extreme_views
from dfcore.inference.onnx.export import find_weights
from dfcore.inference.predict import engine_device
from dfcore.models.export import convert
from dfcore.models.export.convert import worst_difference
from dfcore.models.export.session import ExportedSpecialist
from dfcore.models.factory import create
from dfcore.testing.views import made_views

Save = Callable[..., Path]


class Session:
    """What ONNX Runtime would give for a specialist, with logits moved by ``off``."""

    def __init__(self, model: dfcore.Specialist, off: float) -> None:
        self.model, self.off = model, off

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.model.view_names]

    def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            output = self.model({name: torch.from_numpy(view) for name, view in given.items()})
        found = {name: getattr(output, name).numpy() for name in names}
        return [value + self.off if name == "logits" else value for name, value in found.items()]


@pytest.fixture(scope="module")
def model() -> dfcore.Specialist:
    return create("rr", backbone="test_efficientnet", pretrained=False, seed=0).eval()


def test_a_file_that_says_something_else_is_refused_with_what_differs(model: dfcore.Specialist) -> None:
    batches = [("a batch of 2", made_views(model.spec, 2, image_size=model.image_size))]
    assert worst_difference(model, Session(model, 0.0), batches, Path("out.onnx")) == 0
    for off in (3e-4, float("nan")):
        with pytest.raises(ModelError, match=r"out.onnx .* on a batch of 2 the logits differ"):
            worst_difference(model, Session(model, off), batches, Path("out.onnx"))


def test_the_difference_is_the_largest_of_all_batches_and_of_logits_above_1_a_share(model: dfcore.Specialist) -> None:
    views = made_views(model.spec, 2, image_size=model.image_size)
    with torch.inference_mode():
        found = model(views)
    given = {"logits": found.logits.numpy(), "cue_logits": found.cue_logits.numpy()}

    class Moved:
        """Each run moves one logit by the next of ``steps``."""

        def __init__(self, title: str, *steps: float) -> None:
            self.title, self.steps = title, iter(steps)

        def run(self, names: list[str], _: object) -> list[np.ndarray]:
            moved = {name: value.astype(np.float64) for name, value in given.items()}
            moved[self.title][1, 0] += next(self.steps)
            return [moved[name] for name in names]

    def told(title: str, *steps: float) -> float:
        batches = [(f"batch {k}", views) for k in range(len(steps))]
        return worst_difference(model, Moved(title, *steps), batches, Path("out.onnx"))

    for title, value in given.items():
        scale = max(1.0, abs(float(value[1, 0])))
        assert told(title, 1e-5 * scale, -4e-5 * scale, 2e-5 * scale) == pytest.approx(4e-5, rel=1e-3)
    with pytest.raises(ModelError, match="on batch 1 the cue_logits differ"):
        told("cue_logits", 0.0, 2 * convert.TOLERANCE * max(1.0, abs(float(given["cue_logits"][1, 0]))))


def test_an_exported_specialist_judges_as_the_one_in_pytorch(model: dfcore.Specialist) -> None:
    views = made_views(model.spec, 2, image_size=model.image_size)
    exported = ExportedSpecialist(model.spec, Session(model, 0.0), Path("none.pt"), model.image_size)
    with torch.inference_mode():
        ours = model(views)
    theirs = exported(views)
    assert torch.equal(ours.logits, theirs.logits)
    assert torch.equal(ours.cue_map, theirs.cue_map)
    assert exported.view_names == model.view_names


def test_what_an_explanation_asks_for_is_pytorchs(model: dfcore.Specialist, tmp_path: Path) -> None:
    path = tmp_path / "rr.pt"
    model.save(path)
    exported = ExportedSpecialist(model.spec, Session(model, 0.0), path, model.image_size)
    views = made_views(model.spec, 1, image_size=model.image_size)
    with torch.inference_mode():
        tokens, cue_map = exported.encode(views)
    assert tokens.shape[-2:] == cue_map.shape[-2:] == (7, 7)


def test_extreme_views_keep_shapes_and_types(model: dfcore.Specialist) -> None:
    views = made_views(model.spec, 2, image_size=model.image_size)
    for kind in ("constant images", "missing evidence", "black images"):
        found = extreme_views(views, kind)
        assert {name: (view.shape, view.dtype) for name, view in found.items()} == {
            name: (view.shape, view.dtype) for name, view in views.items()
        }
    assert (extreme_views(views, "missing evidence")["qp"] == -1).all()
    assert torch.equal(extreme_views(views, "missing evidence")["face"], views["face"])
    assert extreme_views(views, "constant images")["face"][0].unique().numel() == 1


def test_it_is_compared_on_batches_of_several_sizes_and_on_extreme_ones(model: dfcore.Specialist) -> None:
    found = batches_of(model)
    sizes = {what: {len(view) for view in views.values()} for what, views in found}
    extremes = ("constant images", "missing evidence", "black images")
    assert sizes == {**{f"a batch of {size}": {size} for size in (1, 2, 5)}, **{what: {5} for what in extremes}}
    for what, views in found:
        assert set(views) == set(model.view_names)
        assert bool(views["face"].any()) == (what != "black images")


class Program:
    """What PyTorch's exporter gives, of something that is no model."""

    def save(self, path: str, **_: Any) -> None:
        Path(path).write_text("no model")


def test_a_file_that_fails_the_comparison_is_not_left_and_does_not_replace_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, save_specialist: Save
) -> None:
    weights, out = save_specialist(tmp_path, "rr"), tmp_path / "onnx" / "out.onnx"
    out.parent.mkdir()
    out.write_text("of before")
    model = dfcore.load(weights)
    monkeypatch.setattr(exporting, "require_packages", lambda: None)
    monkeypatch.setattr(exporting, "to_onnx", lambda *_: Program())
    monkeypatch.setattr(
        exporting,
        "batches_of",
        lambda model: [("a batch of 1", made_views(model.spec, 1, image_size=model.image_size))],
    )
    monkeypatch.setattr(exporting, "open_session", lambda path: Session(model, 1e-3))
    asked: list[int] = []
    replacing = exporting.replacing
    monkeypatch.setattr(exporting, "replacing", lambda path, size: asked.append(size) or replacing(path, size))
    with pytest.raises(ModelError, match=r"onnx/out.onnx does not say .* No file was written"):
        dfcore.export(weights, out)
    assert out.read_text() == "of before"
    assert [one.name for one in out.parent.iterdir()] == ["out.onnx"]
    monkeypatch.setattr(exporting, "open_session", lambda path: Session(model, 0.0))
    made = dfcore.export(weights, out)
    assert (out.read_text(), made.compared, made.calibrated) == ("no model", ("a batch of 1",), False)
    held = sum(one.numel() * one.element_size() for one in model.state_dict().values())
    assert all(held < size < 3 * held for size in asked), "space is asked for the weights and the graph beside them"


def test_the_place_is_tried_before_the_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rr_stage1_final.pt").write_text("no weights")
    monkeypatch.setattr(exporting, "require_packages", lambda: None)
    (tmp_path / "taken.onnx").mkdir()
    with pytest.raises(WriteError, match=r"taken\.onnx"):
        dfcore.export(tmp_path / "rr_stage1_final.pt", tmp_path / "taken.onnx")


def test_weights_are_named_by_file_by_folder_or_by_a_specialist_of_the_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    made = [Path("runs") / f"{name}_stage{stage}" / f"{name}_stage{stage}_final.pt"
            for name, stage in (("rr", 1), ("rr", 2), ("cm", 1))]  # fmt: skip
    for path in made:
        path.parent.mkdir(parents=True)
        path.touch()
    assert find_weights("rr") == made[1]
    assert find_weights("cm") == find_weights("runs/cm_stage1") == find_weights(made[2]) == made[2]
    with pytest.raises(UsageError, match="several specialists"):
        find_weights("runs")
    with pytest.raises(CheckpointError, match="no finished run of tm"):
        find_weights("tm")
    with pytest.raises(CheckpointError, match="rrr does not exist"):
        find_weights("rrr")


def test_missing_packages_are_named_with_what_installs_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(convert, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(UsageError, match=r"the package onnxscript: pip install 'dfcore\[onnx\]'"):
        dfcore.export(tmp_path / "any.pt", tmp_path / "out.onnx")


def test_another_ending_than_onnx_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        dfcore.export(tmp_path / "any.pt", tmp_path / "out.pt")


def test_an_engine_has_a_name_and_a_device() -> None:
    assert engine_device("torch", "cuda") == "cuda"
    assert engine_device("onnxruntime", "auto") == "cpu"
    with pytest.raises(UsageError, match="on the CPU here, not on cuda"):
        engine_device("onnxruntime", "cuda")
    with pytest.raises(UnknownNameError, match="onnxruntime"):
        engine_device("onnx", "cpu")


def test_the_result_becomes_plain_values(tmp_path: Path) -> None:
    made = dfcore.Exported(tmp_path, "rr", "ab", 18, {"face": "float32"}, {}, 1e-6, ("a batch of 1",), False)
    assert json.loads(json.dumps(made.to_dict()))["opset"] == 18
