"""The command line's words for what the library's messages call by parameter or key.

Below the command line a message says ``resume=True`` or ``stage.lr=2e-5``; whoever typed a command reads ``--resume``
and ``--set stage.lr=2e-5``. This is the only place that knows both.
"""

from __future__ import annotations

import re
from functools import cache

from dfcore.config import keys

__all__ = ["as_options"]

ARGUMENTS = {
    "resume=True": "--resume",
    "overwrite=True": "--overwrite",
    "force=True": "--force",
    "retry_failed=True": "--retry-failed",
    "model.pretrained=False": "--no-pretrained",
    "pretrained=False": "--no-pretrained",
    "stage.start=scratch": "--from-scratch",
}
PARAMETERS = {"stage": "--stage", "backbone_weights": "--backbone-weights", "handle": "--from-kaggle"}
"""What is an everyday word too, or a part of a key: taken for a parameter only where a value follows."""
OPTIONS = {
    "data.root": "--data",
    "stage.dataset": "--dataset",
    "data.store": "--store",
    "run.out": "--out",
    "stage.start": "--from",
    "stage.epochs": "--epochs",
    "stage.batch_size": "--batch-size",
    "stage.chunks": "--chunks",
    "data.keep_chunks": "--keep-chunks",
    "model.backbone": "--backbone",
    "model.backbone_weights": "--backbone-weights",
    "run.time_limit": "--time-limit",
    "run.device": "--device",
    "run.seed": "--seed",
}
"""Keys that have an option of their own; every other key is given with ``--set``."""


def as_options(text: str) -> str:
    """A message of the library in the words of the command line."""
    return _pattern().sub(_option, text)


@cache
def _pattern() -> re.Pattern[str]:
    arguments, parameters = "|".join(map(re.escape, ARGUMENTS)), "|".join(PARAMETERS)
    names = "|".join(map(re.escape, keys()))
    # Not inside of a path or of a longer word, such as another key that begins so.
    return re.compile(
        rf"(?<![\w./-])(?:(?P<argument>{arguments})|(?P<key>{names})(?![\w/]|\.\w)(?P<equals>=)?"
        rf"|(?P<parameter>{parameters})=)"
    )


def _option(found: re.Match[str]) -> str:
    if found["argument"]:
        return ARGUMENTS[found["argument"]]
    if found["parameter"]:
        return f"{PARAMETERS[found['parameter']]} "
    key = found["key"]
    option = OPTIONS.get(key)
    if found["equals"]:
        return f"{option} " if option else f"--set {key}="
    return option or key
