"""Names are told in their order: in messages, of plugins, of keys."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from any_order import LETTERS, MIXED, list_in_any_order

from dfcore.config.sections import NAMING_KEYS, code_named
from dfcore.discovery import discover
from dfcore.errors import UnknownNameError
from dfcore.notebook import results


def test_an_unknown_names_choices_are_sorted() -> None:
    error = UnknownNameError("thing", "q9", set(MIXED))
    assert error.choices == LETTERS
    assert f"Known: {', '.join(LETTERS)}." in str(error)
    assert "Known: none." in str(UnknownNameError("thing", "q9", ()))


def test_plugins_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(group: str) -> list[Any]:
        assert group == "dfcore.plugins"
        return [
            SimpleNamespace(name=name, value=f"dfs_{name}", dist=SimpleNamespace(name=f"dfs-{name}", version="1"))
            for name in MIXED
        ] + [SimpleNamespace(name="zz", value="zz", dist=None)]

    monkeypatch.setattr(metadata, "entry_points", points)
    found = discover()
    assert [entry.name for entry in found] == [*LETTERS, "zz"]
    assert (found[-1].distribution, found[-1].version) == ("unknown", "unknown")


def test_the_first_key_that_names_code_is_told() -> None:
    first = min(NAMING_KEYS)
    assert code_named(dict.fromkeys(NAMING_KEYS, "os:system")) == (first, "os:system")
    assert code_named({"data.augment": ("hflip", "os:system"), "run.out": "a:b"}) == ("data.augment", "os:system")
    assert code_named({"data.augment": ("hflip",), "run.out": "a:b"}) is None


def test_results_are_listed_run_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MIXED:
        run = tmp_path / f"{name}_stage1"
        run.mkdir()
        for epoch in (1, 2, 3):
            (run / f"{run.name}_epoch{epoch:02d}.zip").touch()
    list_in_any_order(monkeypatch)
    names = [path.name for path in results(tmp_path)]
    assert names == [f"{name}_stage1_epoch{epoch:02d}.zip" for name in LETTERS for epoch in (1, 2, 3)]
