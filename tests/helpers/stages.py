"""A configuration at another stage, everything else as it is; configure() would take the stage's own values."""

from __future__ import annotations

import dataclasses

from dfcore.config import TrainConfig, override


def at_stage(config: TrainConfig, number: int, **values: object) -> TrainConfig:
    """``config`` at stage ``number``; keys with ``__`` for the dot are replaced."""
    moved = dataclasses.replace(config, stage=dataclasses.replace(config.stage, number=number))
    return override(moved, {key.replace("__", "."): value for key, value in values.items()})
