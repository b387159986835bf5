"""Each way to break a plugin has its message, in the check and where a user meets it, and disturbs no other plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from broken_plugins import HARMLESS, PARTS, SPECIALISTS, WAYS, Way
from plugin_doors import installed, met

import dfcore
from dfcore.plugin_check import check_plugins
from dfcore.plugins import Registry

BROKEN = (*SPECIALISTS, *PARTS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def known(site: Path) -> Iterator[Registry]:
    """All of the plugins are installed, beside one that works."""
    with installed(site) as registry:
        yield registry


@pytest.fixture(scope="module")
def problems(known: Registry) -> dict[str, list[str]]:
    return check_plugins(known)


def named(way: Way) -> str:
    return way.made.name


def line(way: Way, site: Path) -> str:
    """``file:line`` of what is wrong."""
    if way.line is None:
        return ""
    path = site / way.made.package / way.line[0]
    lines = path.read_text().splitlines()
    return f"{path}:{next(number for number, text in enumerate(lines, 1) if way.line[1] in text)}"


@pytest.mark.slow
@pytest.mark.parametrize("way", BROKEN, ids=named)
def test_the_check_names_what_is_wrong_and_what_to_write(way: Way, problems: dict[str, list[str]], site: Path) -> None:
    text = "\n".join(problems[way.made.name])
    for part in (*way.says, line(way, site)):
        assert part in text


@pytest.mark.parametrize("way", [way for way in WAYS if way.door], ids=named)
def test_a_user_who_meets_it_is_told_the_same(way: Way, known: Registry, site: Path, tmp_path: Path) -> None:
    text = met(way, tmp_path)
    for part in way.meets or (*way.says, line(way, site)):
        assert part in text


@pytest.mark.slow
def test_a_broken_plugin_disturbs_no_other(known: Registry, problems: dict[str, list[str]]) -> None:
    assert problems["good"] == []
    assert "good" in dfcore.specialists()
    assert dfcore.create("good", backbone="test_efficientnet", pretrained=False).spec.channels == 4
    assert {"good_loss", "cross_entropy"} <= set(known.components("loss"))
    assert known.component("loss", "focal").factory.startswith("dfcore.")


@pytest.mark.slow
@pytest.mark.parametrize("way", HARMLESS, ids=named)
def test_what_is_only_unusual_is_no_problem(way: Way, problems: dict[str, list[str]]) -> None:
    assert problems[way.made.name] == []


def test_a_plugin_without_a_specialist_is_not_listed_as_one(known: Registry) -> None:
    assert "only_data" not in dfcore.specialists()
    assert "only_data_videos" in known.datasets()


def test_a_fault_in_one_hook_leaves_the_plugins_specialist_usable(known: Registry) -> None:
    known.components("loss")
    assert known.specialist("losses_none").channels == 4
    assert known.specialist("taken").channels == 4


def test_every_case_of_the_table_is_a_plugin_of_its_own() -> None:
    names = [way.made.name for way in WAYS]
    assert len(set(names)) == len(names)


@pytest.mark.slow
def test_the_command_prints_the_problems_and_exits_with_three(site: Path, known: Registry) -> None:
    call = f"import sys; sys.path.insert(0, {str(site)!r}); from dfcore.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", call, "plugins", "--check"],
        capture_output=True,
        text=True,
        env={**os.environ, "DFCORE_PLUGINS": "good,misspelt"},
        check=False,
    )
    assert done.returncode == 3
    assert "good" in done.stdout
    assert "Did you mean 'dfcore_losses'?" in done.stderr
