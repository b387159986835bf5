"""Which specialists judge with ONNX Runtime: an exported file beside the weights, made where there is none.

Weights may lie where nothing can be written (a dataset on Kaggle): their file is then kept with the runs.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from dfcore.errors import WriteError
from dfcore.filesystem.paths import is_file
from dfcore.filesystem.writing import require_place
from dfcore.inference.onnx.export import export, origin_of
from dfcore.kaggle import run_folder
from dfcore.models.export.session import ExportedSpecialist, open_session, read_metadata
from dfcore.models.files import weights as weight_files
from dfcore.plugins import registry

__all__ = ["exported_path", "open_exported"]

_log = logging.getLogger(__name__)


def exported_path(weights: Path) -> Path:
    """Where the exported file of weights lies: beside them, with the ending ``.onnx``."""
    return weights.with_suffix(".onnx")


def open_exported(weights: Path) -> tuple[ExportedSpecialist, dict[str, Any], str]:
    """A specialist that judges with ONNX Runtime, the description of its weights, and a note of the file.

    The file beside the weights is used if it is of these weights, of this dfcore and of the installed plugin; else it
    is exported anew, once. Where nothing can be written beside the weights, ``onnx`` in the folder of runs takes it.

    Args:
        weights: the file of weights.

    Raises:
        ModelError, UsageError, WriteError: as :func:`dfcore.inference.onnx.export.export`; or the file beside the
            weights is none that dfcore exported, and is not replaced.
    """
    meta = weight_files.describe(weights)
    path = exported_path(weights)
    found = _usable(path, weights, meta)
    if found is None and not _takes_files(path):
        path = Path(run_folder()) / "onnx" / f"{weights.stem}-{meta['hash'][:12]}.onnx"
        found = _usable(path, weights, meta)
    note = f"ONNX Runtime runs {path}."
    if found is None:
        _log.warning("%s is exported to ONNX first, once; that takes a minute or two.", weights)
        made = export(weights, path)
        note += f" It was exported now, and differs from PyTorch by {made.difference:.1g} at most."
        found = open_session(path)
    spec = registry().trainable(meta["specialist"])
    return ExportedSpecialist(spec, found, weights, int(read_metadata(found, path)["image_size"])), meta, note


def _takes_files(path: Path) -> bool:
    try:
        require_place(path)
    except WriteError:
        return False
    return True


def _usable(path: Path, weights: Path, meta: dict[str, Any]) -> Any:
    """The session of an exported file that fits the weights; None where there is none."""
    if not is_file(path):
        return None
    session = open_session(path)
    said = read_metadata(session, path)
    return session if {key: said.get(key) for key in origin_of(weights, meta)} == origin_of(weights, meta) else None
