"""Recipes that plugins announce: keys that exist, and values that they take."""

from __future__ import annotations

from dfcore.config import checked
from dfcore.errors import PluginError
from dfcore.plugin_check.problems import Problems
from dfcore.specs import RecipeSpec

__all__ = ["NOT_OF_A_RECIPE", "check_recipe"]

NOT_OF_A_RECIPE = ("stage.number", "stage.dataset", "data.root", "run.recipe")
"""Keys that say which stage, data and recipe are meant."""


def check_recipe(spec: RecipeSpec, problems: Problems) -> None:
    """Each value is one that its key takes."""
    with problems.kept(f"recipe {spec.name!r}", spec.name):
        checked(spec.values)
        for key in NOT_OF_A_RECIPE:
            if key in spec.values:
                raise PluginError(f"recipe {spec.name!r} sets {key}, which says what it is used on. Leave it out.")
