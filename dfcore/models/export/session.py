"""A specialist that was exported to ONNX, run by ONNX Runtime in place of PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dfcore.errors import CheckpointError, UsageError
from dfcore.filesystem.paths import require_file
from dfcore.models.export.convert import OUTPUTS
from dfcore.models.protocols import SpecialistOutput
from dfcore.models.specialist import Specialist
from dfcore.specs import SpecialistSpec
from dfcore.text import described

__all__ = ["ExportedSpecialist", "open_session", "read_metadata"]


def open_session(path: Path, threads: int = 0) -> Any:
    """The file, ready to run on the CPU.

    Args:
        path: the file.
        threads: to compute with; 0 means as many as PyTorch uses.

    Raises:
        UsageError: ONNX Runtime is not installed.
        CheckpointError: the file cannot be read.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(f"ONNX Runtime cannot be imported ({error}): pip install onnxruntime") from error
    require_file(path, CheckpointError)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class
        raise CheckpointError(f"{path} cannot be run: {described(error)}. Export it again.") from error


def read_metadata(session: Any, path: Path) -> dict[str, Any]:
    """What :func:`dfcore.export` wrote of the specialist: texts, numbers and tables by name.

    Args:
        session: the file, opened.
        path: of the file, for the message.

    Raises:
        CheckpointError: dfcore did not write it.
    """
    try:
        found = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
    except ValueError:
        found = {}
    if "format" not in found:
        raise CheckpointError(f"{path} is no specialist that dfcore exported. Move it away, and export to that name.")
    return found


class ExportedSpecialist:
    """Judges a batch as the specialist does that it was exported from.

    What an explanation asks for beside (:meth:`~dfcore.models.specialist.Specialist.encode` and others) is PyTorch's:
    the weights are loaded when it is first needed.

    Args:
        spec: the installed specialist's.
        session: the exported file.
        weights: the file of weights that it was exported from.
        image_size: side of the face view.
    """

    training = False

    def __init__(self, spec: SpecialistSpec, session: Any, weights: Path, image_size: int) -> None:
        self.spec, self.session, self.weights, self.image_size = spec, session, weights, image_size
        self.view_names: tuple[str, ...] = tuple(one.name for one in session.get_inputs())

    def __call__(self, views: Mapping[str, Tensor], labels: Tensor | None = None) -> SpecialistOutput:
        """Judge a batch of views on the CPU; no loss of its own is computed."""
        given = {name: views[name].numpy() for name in self.view_names}
        logits, cue_logits, attention, cue_map = map(torch.from_numpy, self.session.run(list(OUTPUTS), given))
        return SpecialistOutput(logits, cue_logits, attention, cue_map, torch.zeros(()))

    @cached_property
    def in_pytorch(self) -> Specialist:
        """The same specialist in PyTorch."""
        from dfcore.models.factory import load_to_judge

        return load_to_judge(self.weights)[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.in_pytorch, name)
