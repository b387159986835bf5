"""``dfcore.export``: trained weights to an ONNX file that says what it reads, checked against PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dfcore.data.views import IMAGENET_MEAN, IMAGENET_STD
from dfcore.errors import CheckpointError, UsageError
from dfcore.evaluation.verdicts.calibration_file import CalibrationFile, calibration_path
from dfcore.filesystem.paths import exists
from dfcore.filesystem.writing import replacing, require_place
from dfcore.inference.models import find_models, refuse_run_state
from dfcore.inference.onnx.compared import batches_of
from dfcore.kaggle import run_folder
from dfcore.models.export.convert import OPSET, OUTPUTS, require_packages, save_onnx, size_of, to_onnx, worst_difference
from dfcore.models.export.session import open_session
from dfcore.models.factory import load_to_judge
from dfcore.models.specialist import Specialist
from dfcore.plugins import registry
from dfcore.results import Result
from dfcore.testing.views import made_views
from dfcore.version import __version__

__all__ = ["FORMAT", "Exported", "export", "find_weights", "origin_of"]

FORMAT = 1
"""Raised by one when files of before cannot be read any more."""
CLASSES = ("real", "fake")


@dataclass(frozen=True, slots=True)
class Exported(Result):
    """An ONNX file that was written and checked.

    Attributes:
        path: of the file.
        specialist: its name.
        weights: SHA-256 of the weights that it was made from.
        opset: of ONNX.
        inputs: the views that it reads, each with dtype and shape; ``batch`` is free.
        outputs: what it gives, likewise.
        difference: the largest difference of a logit from PyTorch's, of logits above 1 as a share.
        compared: the batches that this was found on.
        calibrated: whether a calibration was written into it.
    """

    path: Path
    specialist: str
    weights: str
    opset: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    difference: float
    compared: tuple[str, ...]
    calibrated: bool


def export(weights: Path | str, onnx: Path | str | None = None) -> Exported:
    """Write a trained specialist as one ONNX file: backbone, cue module with all its operators, fusion and classifier.

    The file's inputs are the specialist's views by name, with a free batch size. Its outputs are ``logits``
    ``[batch, 2]`` (real, fake), ``cue_logits`` ``[batch, 2]`` of the cue head, ``attention`` ``[batch, 49, 49]`` and
    ``cue_map`` ``[batch, C, 7, 7]``. Its metadata say which specialist and weights it is, what it reads, the size, mean
    and standard deviation of its face view, its classes, and the calibration and operating points that lie beside the
    weights. Before it takes its name it is run by ONNX Runtime and compared with PyTorch, on made views of several
    batch sizes and on extreme ones.

    Args:
        weights: ``*_final.pt``, a best epoch's ``.zip``, a run's folder, or the name of a specialist that has a run in
            ``runs``.
        onnx: the file to write; its name ends in ``.onnx``. None: beside the weights, under their name.

    Raises:
        UsageError: a package is missing (``pip install 'dfcore[onnx]'``), or the name has another ending.
        ModelError: the weights cannot be read, a part cannot be exported, or the file says something else than PyTorch.
        WriteError: it cannot be written.
    """
    if onnx is not None and Path(onnx).suffix != ".onnx":
        raise UsageError(f"{onnx}: an exported specialist's name ends in .onnx.")
    require_packages()
    weights = find_weights(weights)
    path = weights.with_suffix(".onnx") if onnx is None else Path(onnx)
    require_place(path)
    refuse_run_state(weights)
    model, meta = load_to_judge(weights)
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    views = made_views(model.spec, 3, image_size=model.image_size)
    stored = _calibration(weights, str(meta["hash"]))
    inputs = {name: _shape_text(views[name]) for name in model.view_names}
    outputs = _output_shapes(model)
    metadata = {
        **origin_of(weights, meta),
        "title": model.spec.title,
        "stage": meta.get("stage"),
        "image_size": model.image_size,
        "mean": list(IMAGENET_MEAN),
        "std": list(IMAGENET_STD),
        "backbone": model.model_config["backbone"],
        "classes": list(CLASSES),
        "cues": [[cue.name, cue.channels] for cue in model.spec.cues],
        "opset": OPSET,
        "inputs": inputs,
        "outputs": outputs,
        "calibration": stored,
    }
    program, batches = to_onnx(model, views, metadata), batches_of(model)
    with replacing(path, 2 * size_of(model)) as temporary:  # what fails the comparison never takes the file's name
        save_onnx(program, temporary)
        difference = worst_difference(model, open_session(temporary), batches, path)
    compared = tuple(what for what, _ in batches)
    return Exported(
        path, model.spec.name, str(meta["hash"]), OPSET, inputs, outputs, difference, compared, stored is not None
    )


def find_weights(given: Path | str) -> Path:
    """The file of weights that is meant.

    Args:
        given: as :func:`export`.

    Raises:
        CheckpointError: there is none.
        UsageError: the folder holds those of several specialists.
    """
    path = Path(given)
    if not exists(path) and str(given) in registry().specialist_names():
        runs = Path(run_folder())
        found = [one.path for one in find_models([runs])[0] if one.path.name.startswith(f"{given}_stage")]
        if not found:
            raise CheckpointError(
                f"{runs} holds no finished run of {given}. Train it first, or give a file of weights."
            )
        return found[0]
    found = [one.path for one in find_models([path])[0]]
    if len(found) > 1:
        several = ", ".join(map(str, found))
        raise UsageError(f"{path} holds the weights of several specialists: {several}. Give one of these files.")
    return found[0]


def origin_of(weights: Path, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What an exported file and its weights must agree in: format, versions, name and hash.

    Args:
        weights: the file.
        meta: its description.
    """
    return {
        "format": FORMAT,
        "dfcore_version": __version__,
        "specialist": meta["specialist"],
        "plugin_version": meta["plugin_version"],
        "weights": str(meta["hash"]),
    }


def _calibration(weights: Path, digest: str) -> dict[str, Any] | None:
    """The calibration file's content, where one lies beside the weights and is theirs."""
    path = calibration_path(weights)
    if not path.is_file():
        return None
    try:
        return CalibrationFile.read(path, digest).to_dict()
    except CheckpointError:
        return None


def _shape_text(view: Tensor) -> str:
    return f"{str(view.dtype).removeprefix('torch.')} [batch, {', '.join(map(str, view.shape[1:]))}]"


def _output_shapes(model: Specialist) -> dict[str, str]:
    shapes = ("2", "2", "49, 49", f"{model.spec.channels}, 7, 7")
    return {name: f"float32 [batch, {shape}]" for name, shape in zip(OUTPUTS, shapes, strict=True)}
