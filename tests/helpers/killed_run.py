"""``python killed_run.py PLACE:N dfcore-arguments...``: the command, killed at the N-th time at that place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import dfcore.training.loop as loop
import dfcore.training.trainer as trainer
from dfcore.cli import main
from dfcore.data.store.clip_store import ClipStore

PLACES: dict[str, tuple[Any, str]] = {
    "step": (loop, "apply_gradients"),
    "saving": (loop, "save_last"),
    "validating": (loop, "validate"),
    "preparing": (trainer, "prepare_inputs"),
    "dropping": (ClipStore, "remove"),
}


def kill_after(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = function(*args, **kwargs)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


if __name__ == "__main__":
    place, number = sys.argv[1].split(":")
    owner, name = PLACES[place]
    setattr(owner, name, kill_after(getattr(owner, name), int(number)))
    sys.argv[1:] = sys.argv[2:]
    main()
