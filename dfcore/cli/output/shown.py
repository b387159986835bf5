"""A configuration as text, as ``dfcore.toml`` takes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dfcore.cli.output.text import printable

if TYPE_CHECKING:
    from dfcore.config import TrainConfig

__all__ = ["shown"]


def shown(config: TrainConfig) -> str:
    """Every key with its value, a line each; those that the recipe set, and those that it lost, are marked."""
    from dfcore.plugins import registry

    recipe = dict(registry().recipe(config.run.recipe).values) if config.run.recipe else {}
    lines = [f"# {config.specialist}, stage {config.stage.number}", "[set]"]
    for section, content in config.to_json().items():
        if not isinstance(content, dict):
            continue
        for name, value in content.items():
            key = f"{section}.{name}"
            lines.append(f'"{key}" = {_written(value)}{_mark(key, value, recipe, config.run.recipe)}')
    return printable("\n".join(lines), lines=True)


def _mark(key: str, value: Any, recipe: dict[str, Any], name: str) -> str:
    if key not in recipe:
        return ""
    wanted = recipe[key]
    same = list(value) == list(wanted) if isinstance(wanted, (tuple, list)) else value == wanted
    return f"  # recipe {name}" if same else f"  # in place of {_written(wanted)} of recipe {name}"


def _written(value: Any) -> str:
    if value is None:
        return '"none"'
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
