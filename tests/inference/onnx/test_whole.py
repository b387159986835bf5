"""Each specialist is exported whole: its file says what it is, and judges as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dfcore
from dfcore.inference.onnx.export import origin_of
from dfcore.models.export.convert import TOLERANCE
from dfcore.models.export.session import ExportedSpecialist, open_session, read_metadata
from dfcore.models.files import weights as weight_files
from dfcore.testing.views import made_views

ABSTAINS = {"av"}
"""From the video, in which mouths are too short in view."""
FACE = "fake_parts:FixedFace"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["av", "bg", "cm", "rr", "tm"])
def test_an_exported_specialist_is_whole_and_gives_pytorchs_verdicts(
    name: str, tmp_path: Path, two_people: Path, save_specialist: Callable[..., Path]
) -> None:
    pytest.importorskip("onnxscript")
    weights = save_specialist(tmp_path, name)
    made = dfcore.export(weights)
    assert made.difference <= TOLERANCE
    session, model = open_session(made.path), dfcore.load(weights)
    said, meta = read_metadata(session, made.path), weight_files.describe(weights)
    assert {key: said[key] for key in origin_of(weights, meta)} == origin_of(weights, meta)
    assert said["classes"] == ["real", "fake"]
    assert (said["image_size"], len(said["mean"]), len(said["std"])) == (model.image_size, 3, 3)
    assert tuple(said["inputs"]) == model.view_names
    assert {one.shape[0] for one in session.get_inputs()} == {"batch"}
    views = made_views(model.spec, 4, image_size=model.image_size, seed=77)
    exported = ExportedSpecialist(model.spec, session, weights, model.image_size)
    with torch.inference_mode():
        for ours, theirs in zip(model(views)[:4], exported(views)[:4], strict=True):
            assert torch.allclose(ours, theirs, atol=2e-4, rtol=1e-4)

    written = made.path.stat().st_mtime_ns
    (in_pytorch,) = dfcore.predict(two_people, weights, detector=FACE, isolate=False)
    (in_onnx,) = dfcore.predict(two_people, weights, detector=FACE, isolate=False, engine="onnxruntime")
    assert (in_pytorch.margin is None) == (name in ABSTAINS)
    assert in_onnx.margin == (None if in_pytorch.margin is None else pytest.approx(in_pytorch.margin, abs=2e-4))
    assert in_onnx.verdict == in_pytorch.verdict
    assert made.path.stat().st_mtime_ns == written, "it was exported again"
