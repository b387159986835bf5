"""Finding and loading plugins, at three costs.

0. :func:`discover` reads installed metadata; nothing of a plugin is imported.
1. :class:`Registry` imports announcements (no torch), each guarded: a broken plugin is fatal only to the command that
   asks for it.
2. :func:`dfcore.specs.resolve` imports an implementation by its dotted path.

``DFCORE_PLUGINS`` restricts what is loaded to the names (or distributions) it lists, ``DFCORE_PLUGINS=none`` to
nothing; ``DFCORE_DISABLE_PLUGINS`` leaves out those it lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dfcore.announcement.asked import Announcements
from dfcore.errors import PluginError, UnknownNameError, UsageError
from dfcore.plugins.discovery import PluginEntry, discover, import_announcement, left_out

if TYPE_CHECKING:
    from dfcore.specs import ComponentSpec, DatasetSpec, RecipeSpec, SpecialistSpec, StageSpec

__all__ = ["COMPONENT_KINDS", "OFFICIAL", "PluginEntry", "Registry", "discover", "registry"]

BUILTINS = "dfcore.plugins.builtins"
OFFICIAL = {name: f"dfs-{name}" for name in ("bg", "av", "cm", "rr", "tm")}
"""The five specialists and the distributions that bring them."""

COMPONENT_KINDS = {
    "backbone": "dfcore_backbones",
    "attention_head": "dfcore_attention_heads",
    "classifier": "dfcore_classifiers",
    "loss": "dfcore_losses",
    "feature_loss": "dfcore_feature_losses",
    "feature_augmentation": "dfcore_feature_augmentations",
    "face_detector": "dfcore_face_detectors",
    "callback": "dfcore_callbacks",
}


_OTHER_KINDS = {"dataset": "dfcore_datasets", "stage": "dfcore_stages", "recipe": "dfcore_recipes"}


class Registry:
    """Everything announced: by the core, and by the plugins that load.

    Plugins are loaded when something is asked of them: one specialist loads one plugin, a list of components loads all.
    """

    def __init__(self, entries: list[PluginEntry] | None = None) -> None:
        self.entries = discover() if entries is None else entries
        self.errors: dict[str, PluginError] = {}
        """Of the plugins that did not load, by name."""
        self._loaded: set[str] = set()
        self._own_datasets: dict[str, DatasetSpec] = {}

    @cached_property
    def announcements(self) -> Announcements:
        """What the loaded plugins announce, hook by hook."""
        found = Announcements({entry.name: str(entry) for entry in reversed(self.entries)})
        found.register(BUILTINS, import_module(BUILTINS))
        return found

    @property
    def faults(self) -> Mapping[str, list[PluginError]]:
        """What loaded plugins announce that cannot be used, by plugin. The rest of what they announce can be."""
        return self.announcements.faults

    # -- loading ---------------------------------------------------------------------------------------------------

    def load(self, name: str) -> None:
        """Import and register the announcement of the plugin ``name``; once, whatever its outcome.

        Raises:
            PluginError: it cannot be loaded (also when that was found earlier).
            UnknownNameError: no such plugin.
        """
        if name not in self._loaded:
            self._loaded.add(name)
            try:
                self._register(name)
            except PluginError as error:
                self.errors[name] = error
        if name in self.errors:
            raise self.errors[name]

    def load_all(self) -> dict[str, PluginError]:
        """Load every plugin; the errors of those that do not load, by name."""
        for entry in self.entries:
            try:
                self.load(entry.name)
            except PluginError:
                continue  # kept in self.errors: fatal only to a command that asks for this plugin
        return self.errors

    def _register(self, name: str) -> None:
        self.announcements.register(name, import_announcement(self._entry(name)))

    def _entry(self, name: str) -> PluginEntry:
        found = [entry for entry in self.entries if entry.name == name]
        if not found:
            raise self._unknown("specialist", name, self.specialist_names())
        if len(found) > 1:
            owners = ", ".join(f"{entry.distribution} {entry.version}" for entry in found)
            raise PluginError(
                f"{len(found)} installed distributions bring a plugin named {name!r}: {owners}. "
                f"Uninstall all but one, or choose one with DFCORE_PLUGINS={found[0].distribution}."
            )
        return found[0]

    # -- asking ----------------------------------------------------------------------------------------------------

    def specialist_names(self) -> list[str]:
        """Names of the installed specialists; every announcement is imported, and plugins that announce none, or do not
        load, are left out.
        """
        self.load_all()
        return sorted({owner for owner, spec in self.announcements.of("dfcore_specialist") if spec.name == owner})

    def specialist(self, name: str) -> SpecialistSpec:
        """The specialist announced as ``name``; only its plugin is loaded.

        Raises:
            UnknownNameError, PluginError
        """
        self.load(name)
        found = self.announcements.of("dfcore_specialist", only=name)
        spec: SpecialistSpec | None = next((spec for _, spec in found), None)
        if spec is None:
            raise self._no_specialist(name)
        if spec.name != name:
            raise self._misnamed(name, spec.name)
        return spec

    def trainable(self, name: str) -> SpecialistSpec:
        """The specialist announced as ``name``, which has a cue module: what can be created, trained and prepared for.

        Raises:
            UnknownNameError, PluginError: as :meth:`specialist`.
            UsageError: its plugin announces it only.
        """
        spec = self.specialist(name)
        if not spec.trainable:
            brought = next((entry.distribution for entry in discover() if entry.name == name), f"dfs-{name}")
            raise UsageError(
                f"specialist {name!r} ({spec.title}) has no cue module yet: this release of {brought} announces "
                f"itself only. Upgrade it with `pip install -U {brought}`, or choose another specialist "
                "(`dfcore plugins` lists them)."
            )
        return spec

    def components(self, kind: str) -> dict[str, ComponentSpec]:
        """Announced components of a kind in :data:`COMPONENT_KINDS`, by name; the first of a name wins."""
        found: list[ComponentSpec] = self._merged(COMPONENT_KINDS[kind], "name")
        return {spec.name: spec for spec in found}

    def component(self, kind: str, name: str) -> ComponentSpec:
        """The component of a kind announced as ``name``.

        Raises:
            UnknownNameError
        """
        found = self.components(kind)
        if name not in found:
            raise self._unknown(kind.replace("_", " "), name, found)
        return found[name]

    def datasets(self) -> dict[str, DatasetSpec]:
        """Announced datasets, by name."""
        found: list[DatasetSpec] = self._merged("dfcore_datasets", "name")
        return {**{spec.name: spec for spec in found}, **self._own_datasets}

    def add_dataset(self, spec: DatasetSpec) -> None:
        """Take in a dataset that no plugin announces; one that was added under the same name before is replaced.

        Raises:
            UsageError: an installed dataset has the name.
        """
        self._own_datasets.pop(spec.name, None)
        if spec.name in self.datasets():
            raise UsageError(f"a dataset named {spec.name!r} is installed already. Choose another name.")
        self._own_datasets[spec.name] = spec

    def dataset(self, name: str) -> DatasetSpec:
        """The dataset announced as ``name``.

        Raises:
            UnknownNameError
        """
        found = self.datasets()
        if name not in found:
            raise self._unknown("dataset", name, found)
        return found[name]

    def stages(self) -> dict[int, StageSpec]:
        """Announced stages, by number, in order."""
        merged: list[StageSpec] = self._merged("dfcore_stages", "number")
        return {spec.number: spec for spec in sorted(merged, key=lambda spec: spec.number)}

    def stage(self, number: int) -> StageSpec:
        """The stage announced with ``number``.

        Raises:
            UnknownNameError
        """
        found = self.stages()
        if number not in found:
            numbers = ", ".join(str(n) for n in found)
            raise UnknownNameError(
                "stage",
                str(number),
                [str(n) for n in found],
                f"There are the stages {numbers}; see `dfcore stages`.",
            )
        return found[number]

    def recipes(self) -> dict[str, RecipeSpec]:
        """Announced recipes, by name."""
        merged: list[RecipeSpec] = self._merged("dfcore_recipes", "name")
        return {spec.name: spec for spec in merged}

    def recipe(self, name: str) -> RecipeSpec:
        """The recipe announced as ``name``.

        Raises:
            UnknownNameError
        """
        found = self.recipes()
        if name not in found:
            raise self._unknown("recipe", name, found)
        return found[name]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _misnamed(self, name: str, announced: str) -> PluginError:
        place = self.announcements.line_of(name, "dfcore_specialist", announced)
        return self.announcements.fault(
            name,
            f"{place}: it announces the specialist {announced!r}, but its entry point is named {name!r}, and that is "
            f"what a user types. Write name={name!r}, or name the entry point {announced!r} in pyproject.toml.",
        )

    def _no_specialist(self, name: str) -> PluginError:
        faults = self.announcements.faults.get(name)
        if faults:
            return PluginError("\n".join(map(str, faults)))
        others = [
            f"the {kind.replace('_', ' ')} {getattr(spec, 'name', '') or spec.number}"
            for kind, hook in {**COMPONENT_KINDS, **_OTHER_KINDS}.items()
            for _, spec in self.announcements.of(hook, only=name)
        ]
        has = f"It announces {', '.join(others)}." if others else "It announces nothing."
        names = ", ".join(self.specialist_names()) or "none"
        return self.announcements.fault(name, f"it announces no specialist. {has} Installed specialists: {names}.")

    def _merged(self, hook: str, key: str) -> list[Any]:
        """What all plugins announce by a hook, each value of ``key`` once: the first one's."""
        self.load_all()
        return self.announcements.merged(hook, key)

    def _unknown(self, kind: str, name: str, choices: Any) -> UnknownNameError:
        hints = []
        if kind == "specialist":
            if ignored := left_out(name):
                hints.append(f"{ignored}.")
            elif name in OFFICIAL:
                hints.append(f"Install it with `pip install {OFFICIAL[name]}`.")
            elif not choices:
                hints.append("No specialist is installed; for example: `pip install dfs-cm`.")
        broken = ", ".join(sorted(self.errors))
        if broken:
            hints.append(f"Plugins that did not load: {broken} (see `dfcore plugins --check`).")
        faulty = ", ".join(sorted(self.faults))
        if faulty:
            hints.append(f"Plugins with faults: {faulty} (see `dfcore plugins --check`).")
        return UnknownNameError(kind, name, choices, " ".join(hints), owner_fault=self._fault_of_owner(name, choices))

    def _fault_of_owner(self, name: str, choices: Iterable[str]) -> str:
        """What is wrong with the plugin after which something is named, where it brings nothing of the kind: then no
        other plugin's name is to be suggested.
        """
        wrong = {owner: [error] for owner, error in self.errors.items()} | dict(self.faults)
        owners = [owner for owner in wrong if name.startswith(f"{owner}_") and wrong[owner]]
        owner = max(owners, key=len, default="")
        return str(wrong[owner][0]) if owner and not any(one.startswith(f"{owner}_") for one in choices) else ""


@cache
def registry() -> Registry:
    """The process's one registry."""
    return Registry()
