"""What several commands share: options, and the keys that they stand for. Imports nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from dfcore.errors import ConfigError

__all__ = ["PATH", "GivenPath", "People", "data_options", "keys_of", "parse_set"]

Command = TypeVar("Command", bound=Callable[..., Any])


class GivenPath(click.Path):
    """A path that is not empty: ``""`` (a variable of the shell that is not set) would mean the working directory."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path."""
        if value == "":
            self.fail("the path is empty. Name a file or folder.", param, ctx)
        return super().convert(value, param, ctx)


PATH = GivenPath(path_type=Path)
"""The type of every argument and option that names a file or folder."""


class People(click.ParamType):
    """A number from 1, or ``all``."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """The number, or the word."""
        if value == "all" or isinstance(value, int):
            return value
        if not (value.isdigit() and int(value) >= 1):
            self.fail(f"{value!r} is neither a number from 1 nor 'all'.", param, ctx)
        return int(value)


def data_options(command: Command) -> Command:
    """Adds ``--data``, ``--dataset``, ``--store``, ``--out`` and ``--set``."""
    for option in (
        click.option(
            "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Override any configuration key."
        ),
        click.option(
            "--out", default=None, metavar="DIR", help="Where runs, stores and made data go.  [default: runs]"
        ),
        click.option("--store", default=None, metavar="DIR", help="The clip store.  [default: beside the runs]"),
        click.option(
            "--dataset", default=None, metavar="NAME", help="Which adapter reads --data; see `dfcore datasets`."
        ),
        click.option(
            "--data", default=None, metavar="ROOT|demo", help="The dataset's folder, or `demo` for made data."
        ),
    ):
        command = option(command)
    return command


def keys_of(options: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """The options that were given, by their keys, and ``--set``, which wins over them."""
    return {**{key: value for key, value in options.items() if value is not None}, **parse_set(assignments)}


def parse_set(assignments: Iterable[str]) -> dict[str, str]:
    """``["stage.lr=2e-5"]`` to ``{"stage.lr": "2e-5"}``.

    Raises:
        ConfigError: one has no ``=``.
    """
    values = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set takes KEY=VALUE, not {assignment!r}; for example --set stage.lr=2e-5.")
        values[key.strip()] = value.strip()
    return values
