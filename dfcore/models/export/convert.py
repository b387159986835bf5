"""A specialist in PyTorch to an ONNX file, and whether the two say the same."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dfcore.errors import ModelError, UsageError
from dfcore.models.protocols import Views
from dfcore.models.specialist import Specialist
from dfcore.text import described

__all__ = [
    "OPSET",
    "OUTPUTS",
    "TOLERANCE",
    "export_module",
    "reason_of",
    "require_packages",
    "save_onnx",
    "size_of",
    "to_onnx",
    "worst_difference",
]

OPSET = 18
"""The least that has an antialiased resize, and the one that PyTorch's exporter is written in."""
OUTPUTS = ("logits", "cue_logits", "attention", "cue_map")
TOLERANCE = 1e-4
"""Largest difference of a logit between PyTorch and ONNX Runtime, of logits above 1 as a share."""
_REFUSED = "No file was written; judge with PyTorch."
_OPERATOR = re.compile(r"target=torch\.ops\.([\w.]+)\]")
BATCHES = 4096
"""Largest batch that the file is made for."""


class _ByPosition(nn.Module):
    """A specialist that takes its views in order and gives :data:`OUTPUTS`."""

    def __init__(self, model: Specialist) -> None:
        super().__init__()
        self.model = model

    def forward(self, *views: Tensor) -> tuple[Tensor, ...]:
        output = self.model(dict(zip(self.model.view_names, views, strict=True)))
        return output.logits, output.cue_logits, output.attention, output.cue_map


def require_packages() -> None:
    """Check that the packages which export are installed.

    Raises:
        UsageError: it says what to install.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"exporting to ONNX needs the package{'s' if len(missing) > 1 else ''} {' and '.join(missing)}: "
            f"pip install 'dfcore[onnx]' (or {' '.join(missing)})."
        )


def size_of(model: Specialist) -> int:
    """Bytes of a model's weights."""
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def to_onnx(model: Specialist, views: Views, metadata: Mapping[str, Any]) -> Any:
    """A specialist with its operators as PyTorch's ``ONNXProgram``.

    The batch's size is free. Inputs are the views by name, outputs :data:`OUTPUTS`.

    Args:
        model: on the CPU, in evaluation mode.
        views: a batch of three that it is traced with.
        metadata: of the program; each value as JSON.

    Raises:
        UsageError: a package is missing.
        ModelError: PyTorch cannot export a part of it; the message names that.
    """
    require_packages()
    by_position, arguments = _ByPosition(model).eval(), tuple(views[name] for name in model.view_names)
    with torch.no_grad():
        by_position(*arguments)  # constants that operators keep are made here, not while it is traced
    try:
        program = export_module(by_position, arguments, model.view_names, OUTPUTS)
    except MemoryError:
        raise
    except Exception as error:  # PyTorch's exporter raises whatever it meets, from inside a plugin's code too
        backbone = model.model_config.get("backbone", "")
        raise ModelError(
            f"specialist {model.spec.name!r} with the backbone {backbone!r} cannot be exported to ONNX by PyTorch "
            f"{torch.__version__}: {reason_of(error)}"
        ) from error
    for name, value in metadata.items():
        program.model.metadata_props[name] = json.dumps(value)
    return program


def export_module(
    module: nn.Module, arguments: tuple[Tensor, ...], inputs: Sequence[str], outputs: Sequence[str]
) -> Any:
    """A module as PyTorch's ``ONNXProgram``, with a free size of batch, which is the first axis of all.

    Args:
        module: in evaluation mode; its ``forward`` takes ``*views``.
        arguments: a batch of at least two that it is traced with.
        inputs: names of its arguments.
        outputs: names of the tensors that it gives.

    Raises:
        Exception: whatever PyTorch meets; see :func:`reason_of`.
    """
    from dfcore.models.export.operators import translations

    sizes = ({0: torch.export.Dim("batch", min=1, max=BATCHES)},) * len(arguments)
    with torch.no_grad(), _quiet():
        traced = torch.export.export(module, arguments, dynamic_shapes=(sizes,), strict=False)
        program: Any = torch.onnx.export(
            traced,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            custom_translation_table=translations(),
            verbose=False,
        )
    _name_batch(program.model.graph)
    return program


def _name_batch(graph: Any) -> None:
    """Call the free size ``batch``, of which the exporter makes ``s26`` or so."""
    own = re.compile(rf"\b{graph.inputs[0].shape[0]}\b")
    for value in (*graph.inputs, *graph.outputs, *(out for node in graph.all_nodes() for out in node.outputs)):
        for place, size in enumerate(value.shape or ()):
            if not isinstance(size, int) and size.value is not None:
                value.shape[place] = own.sub("batch", str(size.value))


def save_onnx(program: Any, path: Path) -> None:
    """Write what :func:`to_onnx` gave as one file."""
    with _quiet():
        program.save(str(path), external_data=False)


def reason_of(error: Exception) -> str:
    """What PyTorch's exporter could not do, and what helps.

    Args:
        error: that it raised.
    """
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    said = " ".join(str(one) for one in chain)
    if "your code specialized it to be a constant" in said:
        return (
            "its code holds the size of the batch fast. Where it says len(view) or int(view.shape[0]), write "
            "view.shape[0]; do not loop over samples while torch.compiler.is_compiling() is true. "
            "TORCH_LOGS=+dynamic shows the line."
        )
    operator = _OPERATOR.search(said)
    if operator:
        return (
            f"the operator {operator[1]} has no ONNX form ({described(chain[-1])[:300]}). Judge with PyTorch, or write "
            "it in other operators, where torch.compiler.is_compiling() is true."
        )
    return f"{described(chain[-1])[:600]} Judge with PyTorch, or choose another backbone."


def worst_difference(model: Specialist, session: Any, batches: Sequence[tuple[str, Views]], path: Path) -> float:
    """The largest difference of a logit between PyTorch and the exported file.

    Args:
        model: in PyTorch.
        session: the file, opened with ONNX Runtime.
        batches: what is compared, each with a word for the message.
        path: of the file, for the message.

    Raises:
        ModelError: it is above :data:`TOLERANCE`, or a value is not a number on one side alone.
    """
    worst = 0.0
    for what, views in batches:
        with torch.inference_mode():
            output = model(views)
        try:
            found = session.run(["logits", "cue_logits"], {name: views[name].numpy() for name in model.view_names})
        except Exception as error:  # its exceptions have no common class
            raise ModelError(
                f"ONNX Runtime cannot run {path} on {what}: {described(error)[:300]} {_REFUSED}"
            ) from error
        for title, ours, theirs in zip(
            ("logits", "cue_logits"), (output.logits, output.cue_logits), found, strict=True
        ):
            expected = ours.numpy()
            apart = np.abs(expected - theirs) / np.maximum(1.0, np.abs(expected))
            most = float(np.max(apart))
            if not most <= TOLERANCE:
                raise ModelError(
                    f"{path} does not say what PyTorch says: on {what} the {title} differ by {most:.2g}, at most "
                    f"{TOLERANCE:g} is allowed. An operator of specialist {model.spec.name!r}, or its backbone, is "
                    f"computed otherwise by ONNX Runtime. {_REFUSED}"
                )
            worst = max(worst, most)
    return worst


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter prints and warns of on its way."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
