"""A run's configuration: frozen sections, their keys with types and ranges, and the files that fill them.

:mod:`~dfcore.config.sections` holds the keys, :mod:`~dfcore.config.keys` what a key is, :mod:`~dfcore.config.files`
``dfcore.toml`` and the environment. Which source wins is decided by :func:`dfcore.configure`.
"""

from __future__ import annotations

from dfcore.config.files import dataset_root, file_values, find_file, read_file, redirected, store_name
from dfcore.config.keys import Key, convert
from dfcore.config.sections import (
    STAGE_KEYS,
    DataConfig,
    ModelConfig,
    RunConfig,
    StageConfig,
    TrainConfig,
    checked,
    code_named,
    keys,
    override,
    replaced,
)

__all__ = [
    "STAGE_KEYS",
    "DataConfig",
    "Key",
    "ModelConfig",
    "RunConfig",
    "StageConfig",
    "TrainConfig",
    "checked",
    "code_named",
    "convert",
    "dataset_root",
    "file_values",
    "find_file",
    "keys",
    "override",
    "read_file",
    "redirected",
    "replaced",
    "store_name",
]
