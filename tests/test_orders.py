"""Names are told in their order, in messages, of plugins, of keys; and what is told of what is not there."""

from __future__ import annotations

from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest
from any_order import LETTERS, MIXED

from dfcore.config.sections import NAMING_KEYS, code_named
from dfcore.errors import DataError, UnknownNameError
from dfcore.plugins.discovery import discover, distribution_of, is_plugin
from dfcore.version import __version__, package_versions


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


@pytest.mark.parametrize(
    ("path", "plugin", "distribution"),
    [
        ("dfs_b.module:Cue", True, ("of-b", "2")),
        ("dfs_b", True, ("of-b", "2")),
        ("dfs_bb.module:Cue", False, ("dfs-bb", "")),
        ("numpy.linalg:norm", False, ("numpy", metadata.version("numpy"))),
    ],
)
def test_a_path_is_a_plugins_where_it_begins_with_its_package(
    path: str, plugin: bool, distribution: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [
        SimpleNamespace(name=name, value=f"dfs_{name}.plugin", dist=SimpleNamespace(name=f"of-{name}", version="2"))
        for name in "abc"
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    assert is_plugin(path) is plugin
    assert distribution_of(path) == distribution


def test_the_first_key_that_names_code_is_told() -> None:
    first = min(NAMING_KEYS)
    assert code_named(dict.fromkeys(NAMING_KEYS, "os:system")) == (first, "os:system")
    assert code_named({"data.augment": ("hflip", "os:system"), "run.out": "a:b"}) == ("data.augment", "os:system")
    assert code_named({"data.augment": ("hflip",), "run.out": "a:b"}) is None


def test_a_package_that_is_no_distribution_is_said_to_be_none() -> None:
    found = package_versions(["numpy", "no-such-thing"])
    assert list(found) == ["dfcore", "python", "numpy", "no-such-thing"]
    assert found["numpy"] == metadata.version("numpy")
    assert found["no-such-thing"] == "not installed as a distribution"
    assert found["dfcore"] == __version__


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("it is odd", "it is odd"),
        ("Caught DataError in worker.\nTraceback:\n  ...\nDataError: it is odd\n", "it is odd"),
        ("Caught by nobody", "Caught by nobody"),
        ("Caught DataError: ", "Caught DataError: "),
        ("one DataError: two", "one DataError: two"),
    ],
)
def test_an_error_of_a_loader_process_is_told_without_its_traceback(message: str, shown: str) -> None:
    assert str(DataError(message)) == shown
