"""Opening networks in onnxruntime, on the CPU."""

from __future__ import annotations

from typing import Any

from dfcore.errors import DataError

__all__ = ["open_session"]


def open_session(model: bytes, threads: int) -> Any:
    """An ``onnxruntime.InferenceSession`` of a serialised ONNX model.

    Args:
        model: the model.
        threads: of one run; 0 means one per core.

    Raises:
        DataError: onnxruntime is not installed.
        Exception: the model is damaged; onnxruntime has a dozen unrelated classes for that.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise DataError(
            f"the face detector needs onnxruntime, which cannot be imported: {error}. "
            "Run `python -m pip install onnxruntime`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    # Threads that wait by spinning would take the cores that decode the next frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
