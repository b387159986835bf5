"""``python killed_run.py PLACE:N[:WHAT] dfcore-arguments...``: the command, and what happens to it at the N-th time at
that place: a signal (``KILL``, unless ``INT`` or another is named), or ``--``, after which comes another command that
is run there first: ``PLACE:N:-- runs prune -- train ...``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import dfcore.training.loop as loop
import dfcore.training.trainer as trainer
from dfcore.assessment.scores.file import ScoresFile
from dfcore.cli import main
from dfcore.data.store.clip_store import ClipStore

PLACES: dict[str, tuple[Any, str]] = {
    "step": (loop, "apply_gradients"),
    "saving": (loop, "save_last"),
    "validating": (loop, "validate"),
    "preparing": (trainer, "prepare_inputs"),
    "dropping": (ClipStore, "remove"),
    "prepared": (ClipStore, "add"),
    "scored": (ScoresFile, "append"),
}


def then(function: Callable[..., Any], count: int, action: Callable[[], None]) -> Callable[..., Any]:
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = function(*args, **kwargs)
        if calls == count:
            action()
        return result

    return wrapped


def beside(arguments: list[str]) -> Callable[[], None]:
    """Another command, in a process of its own."""
    return lambda: subprocess.run([sys.executable, "-m", "dfcore", *arguments], check=True) and None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's jobs in the background begin with it ignored
    place, number, *what = sys.argv.pop(1).split(":")
    if what == ["--"]:
        end = sys.argv.index("--")
        happens, sys.argv[1 : end + 1] = beside(sys.argv[1:end]), []
    else:
        happens = lambda: os.kill(os.getpid(), getattr(signal, f"SIG{what[0] if what else 'KILL'}"))  # noqa: E731
    owner, name = PLACES[place]
    setattr(owner, name, then(getattr(owner, name), int(number), happens))
    main()
