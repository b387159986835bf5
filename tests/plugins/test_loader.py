"""The plugin loader, on made distributions: a folder on the path with metadata and a module."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dfcore.errors import PluginApiError, PluginError, PluginImportError, UnknownNameError
from dfcore.hookspecs import API
from dfcore.plugin_check import check_plugins
from dfcore.plugins import Registry, discovery
from dfcore.plugins.discovery import PluginEntry, discover

GOOD = """
from dfcore.hookspecs import hookimpl
from dfcore.specs import ComponentSpec, CueSpec, SpecialistSpec
DFCORE_API = 1

@hookimpl
def dfcore_specialist():
    return SpecialistSpec(name={name!r}, title="Made up", cues=(CueSpec("one", 3), CueSpec("two", 4)))
"""

STAGES = """
@hookimpl
def dfcore_stages():
    return [StageSpec(7, "Seven", "folder", 1e-4, 1, "focall", after=6)]
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a made distribution that brings one plugin; only made plugins are seen."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    seen: list[str] = []
    monkeypatch.setenv("DFCORE_PLUGINS", "none")

    def _install(name: str, source: str = GOOD, distribution: str | None = None) -> None:
        distribution = distribution or f"made-{name}"
        module = f"{distribution.replace('-', '_')}_module"
        info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[dfcore.plugins]\n{name} = {module}\n")
        (site / f"{module}.py").write_text(source.replace("{name!r}", repr(name)))
        seen.append(distribution)
        monkeypatch.setenv("DFCORE_PLUGINS", ",".join(seen))

    yield _install
    for module in [module for module in sys.modules if module.startswith("made_")]:
        del sys.modules[module]


@pytest.mark.usefixtures("install")
def test_no_plugin_says_what_to_install() -> None:
    registry = Registry()
    assert registry.entries == []
    with pytest.raises(UnknownNameError, match="pip install dfs-cm"):
        registry.specialist("foo")
    assert list(registry.stages()) == [0, 1, 2, 4]


def test_discovery_imports_nothing(install: Install) -> None:
    install("solo", "raise RuntimeError('imported')")
    assert discover() == [PluginEntry("solo", "made-solo", "1.5", "made_solo_module")]
    assert "made_solo_module" not in sys.modules


def test_one_plugin(install: Install) -> None:
    install("solo")
    spec = Registry().specialist("solo")
    assert (spec.name, spec.channels, spec.features, spec.trainable) == ("solo", 7, 343, False)


def test_asking_for_one_specialist_loads_one_plugin(install: Install) -> None:
    install("solo")
    install("other")
    Registry().specialist("solo")
    assert "made_other_module" not in sys.modules


def test_two_of_the_same_name_are_fatal_only_to_who_asks(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("original_path", distribution="made-a")
    install("original_path", distribution="made-b")
    install("solo")
    registry = Registry()
    assert registry.specialist("solo").name == "solo"
    with pytest.raises(PluginError, match=r"made-a 1\.5, made-b 1\.5.*DFCORE_PLUGINS=made-a"):
        registry.specialist("original_path")
    monkeypatch.setenv("DFCORE_PLUGINS", "made-b")
    assert Registry().specialist("original_path").name == "original_path"


def test_a_broken_import_is_fatal_only_to_who_asks(install: Install) -> None:
    install("broken", "import a_module_that_is_not_there")
    install("solo")
    registry = Registry()
    assert registry.specialist("solo").name == "solo"
    with pytest.raises(PluginImportError, match="a_module_that_is_not_there") as caught:
        registry.specialist("broken")
    assert "made-broken" in str(caught.value)
    with pytest.raises(PluginImportError):  # the second time too, without importing again
        registry.specialist("broken")
    assert set(registry.load_all()) == {"broken"}
    with pytest.raises(UnknownNameError, match="did not load: broken"):
        registry.dataset("nowhere")


def test_an_import_that_exits_is_still_guarded(install: Install) -> None:
    install("deep", GOOD.replace("DFCORE_API = 1", "DFCORE_API = 1\nraise ValueError('half way')"))
    with pytest.raises(PluginImportError, match="half way"):
        Registry().specialist("deep")


def test_a_misspelt_hook_is_found_and_leaves_nothing_behind(install: Install) -> None:
    install("typo", GOOD + "\n@hookimpl\ndef dfcore_dataset():\n    return []\n")
    registry = Registry()
    with pytest.raises(PluginError, match="dfcore_dataset"):
        registry.specialist("typo")
    assert not registry.announcements._manager.has_plugin("typo")
    assert registry.datasets()


@pytest.mark.parametrize(("spoken", "upgrade"), [(API + 1, "dfcore"), (API - 1, "made-old")])
def test_another_api_says_which_package_to_upgrade(install: Install, spoken: int, upgrade: str) -> None:
    install("old", GOOD.replace("DFCORE_API = 1", f"DFCORE_API = {spoken}"))
    with pytest.raises(PluginApiError, match=f"--upgrade {upgrade}`"):
        Registry().specialist("old")


def test_no_api_number(install: Install) -> None:
    install("mute", GOOD.replace("DFCORE_API = 1", ""))
    with pytest.raises(PluginApiError, match=f"DFCORE_API = {API}"):
        Registry().specialist("mute")


def test_a_hook_that_raises_does_not_end_the_loop(install: Install) -> None:
    hook = "\n@hookimpl\ndef dfcore_losses():\n    {body}\n"
    install("bad", GOOD + hook.replace("{body}", "raise KeyError('boom')"))
    install("good", GOOD + hook.replace("{body}", "return [ComponentSpec('hinge', 'made:Hinge')]"))
    registry = Registry()
    assert set(registry.components("loss")) >= {"hinge", "cross_entropy"}
    assert "boom" in str(registry.faults["bad"][0])


def test_a_hook_that_returns_something_else_is_named(install: Install) -> None:
    install("bad", GOOD + "\n@hookimpl\ndef dfcore_losses():\n    return ['hinge']\n")
    registry = Registry()
    registry.components("loss")
    assert "not a ComponentSpec" in str(registry.faults["bad"][0])


def test_a_name_that_is_taken_is_ignored_and_reported(install: Install) -> None:
    source = GOOD + "\n@hookimpl\ndef dfcore_losses():\n    return [ComponentSpec('cross_entropy', 'made:X')]\n"
    install("thief", source)
    registry = Registry()
    assert registry.component("loss", "cross_entropy").factory.startswith("dfcore.")
    assert "which dfcore itself announces already" in str(registry.faults["thief"][0])


def test_an_entry_point_of_another_name_than_its_specialist(install: Install) -> None:
    install("alias", GOOD.replace("{name!r}", "'real_name'"))
    with pytest.raises(PluginError, match="real_name"):
        Registry().specialist("alias")


def test_unknown_name_suggests_the_nearest_and_the_package(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("solo")
    installed = discovery._installed
    monkeypatch.setattr(discovery, "_installed", lambda: [one for one in installed() if one.name != "tm"])
    with pytest.raises(UnknownNameError, match="Did you mean 'solo'"):
        Registry().specialist("sollo")
    with pytest.raises(UnknownNameError, match="pip install dfs-tm"):
        Registry().specialist("tm")


def test_the_switch_disables(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("solo")
    install("other")
    monkeypatch.setenv("DFCORE_DISABLE_PLUGINS", "solo")
    assert [entry.name for entry in discover()] == ["other"]
    monkeypatch.setenv("DFCORE_DISABLE_PLUGINS", "made-other, solo")
    assert discover() == []


@pytest.mark.parametrize(("variable", "value"), [("DFCORE_DISABLE_PLUGINS", "tm"), ("DFCORE_PLUGINS", "other")])
def test_who_asks_for_what_is_switched_off_is_told_of_the_switch(
    variable: str, value: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("tm")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UnknownNameError, match=f"is installed and left out by {variable}: change") as caught:
        Registry().specialist("tm")
    assert "pip install" not in str(caught.value)


def test_the_check_names_each_problem(install: Install) -> None:
    install("fine")
    install("dangling", GOOD.replace('title="Made up"', 'title="Made up", module="made_nowhere:Module"'))
    install("broken", "1/0")
    install("empty", "DFCORE_API = 1")
    problems = check_plugins(Registry())
    assert problems["fine"] == []
    assert "no package 'made_nowhere'" in problems["dangling"][0]
    assert "ZeroDivisionError" in problems["broken"][0]
    assert "announces nothing" in problems["empty"][0]


def test_stages_are_checked_for_the_names_that_they_use(install: Install) -> None:
    install("steps", GOOD.replace("CueSpec, Sp", "CueSpec, StageSpec, Sp") + STAGES)
    found = check_plugins(Registry())["steps"]
    assert len(found) == 2
    assert "stage 7 names the loss 'focall'" in found[0]
    assert "made_steps_module.py" in found[0]
    assert "stage 7 comes after stage 6, which nothing announces" in found[1]


def test_stages_are_in_the_order_of_their_numbers_whoever_announces_them(install: Install) -> None:
    between = STAGES.replace("StageSpec(7", "StageSpec(9, 'Nine', 'folder', 1e-4, 1, 'focal'), StageSpec(3")
    install("steps", GOOD.replace("CueSpec, Sp", "CueSpec, StageSpec, Sp") + between)
    assert list(Registry().stages()) == [0, 1, 2, 3, 4, 9]


def test_a_fault_is_told_with_a_name_that_its_plugin_would_bring() -> None:
    registry = Registry([])
    for owner in ("cm_more", "cm", "bg"):
        registry.faults[owner] = [f"{owner} is odd"]  # type: ignore[list-item]
    assert registry._fault_of_owner("cm_one", ["rr_one"]) == "cm is odd"
    assert registry._fault_of_owner("cm_more_one", ["rr_one"]) == "cm_more is odd"  # the longest name that fits
    assert registry._fault_of_owner("cm_one", ["cm_other"]) == ""  # it brings others of the kind
    assert registry._fault_of_owner("cmone", []) == ""
    with pytest.raises(UnknownNameError, match=r"Plugins with faults: bg, cm, cm_more \(see"):
        registry.specialist("foo")


def test_a_component_that_two_plugins_announce_names_the_first(install: Install) -> None:
    hook = "\n@hookimpl\ndef dfcore_losses():\n    return [ComponentSpec('hinge', 'made:X')]\n"
    install("first", GOOD + hook)
    install("second", GOOD + hook)
    registry = Registry()
    assert "hinge" in registry.components("loss")
    assert list(registry.faults) == ["second"]
    assert "which plugin 'first' (made-first 1.5) announces already" in str(registry.faults["second"][0])


def test_a_fault_of_one_hook_leaves_the_others_of_its_plugin_in_use(install: Install) -> None:
    install("half", GOOD + "\n@hookimpl\ndef dfcore_losses():\n    return None\n")
    registry = Registry()
    registry.components("loss")
    assert registry.faults["half"]
    assert registry.specialist("half").channels == 7


def test_one_spec_with_a_fault_leaves_the_others_of_its_hook_in_use(install: Install) -> None:
    specs = "ComponentSpec('hinge', 'made:X'), ComponentSpec('bad', 'made.X')"
    install("half", GOOD + f"\n@hookimpl\ndef dfcore_losses():\n    return [{specs}]\n")
    registry = Registry()
    assert "hinge" in registry.components("loss")
    assert "bad" not in registry.components("loss")
    assert "Write factory='made:X'" in str(registry.faults["half"][0])


def test_the_core_announces_through_the_same_hooks() -> None:
    from dfcore.plugins import builtins

    assert builtins.DFCORE_API == API
    assert check_plugins(Registry([])) == {}
