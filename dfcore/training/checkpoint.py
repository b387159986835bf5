"""``last.pt``: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dfcore.errors import CheckpointError, RunExistsError
from dfcore.filesystem.writing import replacing
from dfcore.models.files import archives
from dfcore.training.run import Run

__all__ = ["FORMAT", "capture", "kept_rng", "read_last", "restore", "rng_state", "save_last", "set_rng_state"]

FORMAT = 1
"""Raised by one when what is in the file changes its meaning."""

_AFRESH = "Start again with overwrite=True."
_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("conditions", "model", "optimiser", "scaler", "callbacks"), dict),
    **dict.fromkeys(("epoch", "batch", "step"), int),
    **dict.fromkeys(("history", "totals", "rng"), list),
    "lr": (int, float),
    "stop": str,
}
"""What a state holds at least."""


def save_last(run: Run) -> None:
    """Write ``last.pt``. Every process takes part; the first one writes.

    Raises:
        WriteError: it cannot be written (a full disk, ...); the one before is kept.
        RunError: another process took the run over.
    """
    state = capture(run)

    def write() -> None:
        run.check_lock()
        # Into an open file: given a path, torch keeps to itself why it cannot write.
        with replacing(run.folder.last, _size(state)) as temporary, temporary.open("wb") as file:
            torch.save(state, file)

    run.world.on_main(write)


def _size(state: Any) -> int:
    """Bytes of all tensors in a captured state."""
    if isinstance(state, torch.Tensor):
        return state.nbytes
    if isinstance(state, dict):
        return sum(map(_size, state.values()))
    return sum(map(_size, state)) if isinstance(state, (list, tuple)) else 0


def capture(run: Run) -> dict[str, Any]:
    """The run's whole state, readable by ``torch.load(weights_only=True)``. Every process takes part."""
    return {
        "format": FORMAT,
        "conditions": {**_conditions(run), **_data_condition(run)},
        "model": run.model.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "scaler": run.scaler.state_dict(),
        "epoch": run.epoch,
        "batch": run.batch,
        "step": run.step,
        "lr": run.lr,
        "stop": run.stop,
        "history": run.history,
        # Of every process: each has seen other samples and drawn other random numbers.
        "totals": run.world.gather(run.totals.sums.cpu()),
        "rng": run.world.gather(rng_state(run.device)),
        "callbacks": {_name(callback): callback.state_dict() for callback in run.callbacks},
    }


def _conditions(run: Run) -> dict[str, Any]:
    """What must be the same for a run to go on, beside its configuration."""
    return {
        "processes": run.world.size,
        "precision": run.precision.name,
        "videos, labels or splits": run.epoch_data.fingerprint,
    }


def _data_condition(run: Run) -> dict[str, Any]:
    """Likewise, of the data of the epoch under way; between two epochs the next ones count."""
    # In the middle of an epoch its samples are drawn already. At its end other videos may have become usable.
    return {"prepared videos": run.data.fingerprint if run.batch else ""}


def _require_same(run: Run, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [f"{key} (was {before.get(key)}, is {value})" for key, value in now.items() if before.get(key) != value]
    if changed:
        error = RunExistsError(
            f"{run.folder.last} was written under other conditions: {'; '.join(changed)}. It cannot go on as the "
            "same run: resume it as it was started, discard it with overwrite=True, or choose another run.out."
        )
        raise run.world.repeated(error)


def _name(callback: Any) -> str:
    return f"{type(callback).__module__}.{type(callback).__qualname__}"


def restore(run: Run, state: dict[str, Any]) -> None:
    """Put a captured state into a run built from the same configuration.

    Raises:
        RunExistsError: the run was started under other conditions; the message names them.
        CheckpointError: the state is not one of this run's model.
    """
    run.epoch, run.batch = state["epoch"], state["batch"]
    _require_same(run, state["conditions"], _conditions(run))  # first, for entering may prepare a chunk
    run.load_epoch()
    _require_same(run, state["conditions"], _data_condition(run))
    with _fitting(run.folder.last):
        run.model.load_state_dict(state["model"])
        run.optimiser.load_state_dict(state["optimiser"])
        run.scaler.load_state_dict(state["scaler"])
        run.step = state["step"]
        run.lr, run.stop, run.history = state["lr"], state["stop"], list(state["history"])
        run.totals.sums.copy_(state["totals"][run.world.rank])
        for callback in run.callbacks:
            if _name(callback) in state["callbacks"]:  # one that was added since starts afresh
                callback.load_state_dict(state["callbacks"][_name(callback)])
        set_rng_state(state["rng"][run.world.rank], run.device)  # last: what stands above may draw numbers


def read_last(path: Path) -> dict[str, Any]:
    """The state in ``path``, on the CPU; nothing in it is executed.

    Raises:
        CheckpointError: it is damaged, not a state, or of another format.
    """
    try:
        state = archives.load_plain(path, whole=True)
    except CheckpointError as error:
        raise CheckpointError(f"{error} {_AFRESH}") from error
    found = state.get("format") if isinstance(state, dict) else None
    if found != FORMAT:
        raise CheckpointError(
            f"{path} has format {found}, this dfcore reads format {FORMAT}. Resume with the dfcore that wrote it "
            "(its version is in config.json), or start again with overwrite=True."
        )
    wrong = [key for key, kind in _KINDS.items() if not isinstance(state.get(key), kind)]
    if wrong or not _is_plain(state) or len(state["history"]) != state["epoch"]:
        raise CheckpointError(
            f"{path} is not the state of a run ({', '.join(wrong) or 'it contradicts itself'}). {_AFRESH}"
        )
    return state


def _is_plain(value: Any) -> bool:
    """Whether no tensor claims more than it holds: a view with stride 0 can have any shape over four bytes."""
    if isinstance(value, torch.Tensor):
        return value.layout is torch.strided and value.untyped_storage().nbytes() >= value.nbytes
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, (list, tuple)) else True


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """What does not fit while a state is taken over is a CheckpointError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no details"])[0]
        raise CheckpointError(f"{path} does not fit this run ({type(error).__name__}: {reason}). {_AFRESH}") from error


def rng_state(device: torch.device) -> dict[str, Any]:
    """The state of every global random generator, as tensors and plain numbers."""
    version, words, gauss = random.getstate()
    legacy: Any = np.random.get_state()  # noqa: NPY002 (a callback or plugin may use the global generator)
    state = {
        "torch": torch.get_rng_state(),
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
        "numpy": [legacy[0], torch.from_numpy(legacy[1].astype(np.int64)), *legacy[2:]],
    }
    if device.type != "cpu":
        state["device"] = torch.get_device_module(device).get_rng_state().cpu()
    return state


@contextmanager
def kept_rng(device: torch.device) -> Iterator[None]:
    """Leave every global random generator as it was before: for what is done once in an unbroken run and again in a
    resumed one. (Even importing scikit-learn draws a number.)
    """
    state = rng_state(device)
    try:
        yield
    finally:
        set_rng_state(state, device)


def set_rng_state(state: dict[str, Any], device: torch.device) -> None:
    """The inverse of :func:`rng_state`. A state from another kind of device leaves that device's generator alone."""
    torch.set_rng_state(state["torch"])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    if device.type != "cpu" and "device" in state:
        torch.get_device_module(device).set_rng_state(state["device"])
