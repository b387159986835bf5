"""Finding and loading plugins, at three costs.

0. :func:`discover` reads installed metadata; nothing of a plugin is imported.
1. :class:`Registry` imports announcements (no torch), each guarded: a broken plugin is fatal only to the command that
   asks for it.
2. :func:`dfcore.specs.resolve` imports an implementation by its dotted path.

``DFCORE_PLUGINS`` restricts what is loaded to the names (or distributions) it lists, ``DFCORE_PLUGINS=none`` to
nothing; ``DFCORE_DISABLE_PLUGINS`` leaves out those it lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from dfcore.discovery import PluginEntry, discover, import_announcement
from dfcore.errors import DfcoreError, PluginError, UnknownNameError, UsageError

if TYPE_CHECKING:
    import pluggy

    from dfcore.specs import ComponentSpec, DatasetSpec, SpecialistSpec, StageSpec

__all__ = ["COMPONENT_KINDS", "OFFICIAL", "PluginEntry", "Registry", "discover", "registry"]

BUILTINS = "dfcore.builtins"
OFFICIAL = {name: f"dfs-{name}" for name in ("bg", "av", "cm", "rr", "tm")}
"""The five specialists and the distributions that bring them."""

COMPONENT_KINDS = {
    "backbone": "dfcore_backbones",
    "attention_head": "dfcore_attention_heads",
    "classifier": "dfcore_classifiers",
    "loss": "dfcore_losses",
    "face_detector": "dfcore_face_detectors",
    "callback": "dfcore_callbacks",
}

Spec = TypeVar("Spec")


class Registry:
    """Everything announced: by the core, and by the plugins that load.

    Plugins are loaded when something is asked of them: one specialist loads one plugin, a list of components loads all.
    """

    def __init__(self, entries: list[PluginEntry] | None = None) -> None:
        self.entries = discover() if entries is None else entries
        self.errors: dict[str, PluginError] = {}
        self._loaded: set[str] = set()
        self._own_datasets: dict[str, DatasetSpec] = {}

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        import pluggy

        from dfcore import hookspecs

        manager = pluggy.PluginManager("dfcore")
        manager.add_hookspecs(hookspecs)
        manager.register(import_module(BUILTINS), name=BUILTINS)
        manager.check_pending()
        return manager

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
        entry = self._entry(name)
        module = import_announcement(entry)
        manager = self._manager
        import pluggy

        try:
            manager.register(module, name=name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if manager.has_plugin(name):
                manager.unregister(name=name)
            raise PluginError(
                f"plugin {name!r} ({entry.distribution} {entry.version}) announces what dfcore does not know: {error}. "
                "The hooks are listed in dfcore/hookspecs.py; is one misspelt?"
            ) from error

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
        """Names of the installed specialists, from metadata alone."""
        return sorted({entry.name for entry in self.entries})

    def specialist(self, name: str) -> SpecialistSpec:
        """The specialist announced as ``name``; only its plugin is loaded.

        Raises:
            UnknownNameError, PluginError
        """
        self.load(name)
        from dfcore.specs import SpecialistSpec

        for owner, spec in self._announced("dfcore_specialist", SpecialistSpec, only=name):
            if spec.name != name:
                raise PluginError(
                    f"plugin {owner!r} announces the specialist {spec.name!r}; its entry point must have the same name."
                )
            return spec
        raise PluginError(f"plugin {name!r} announces no specialist (its hook dfcore_specialist is missing).")

    def trainable(self, name: str) -> SpecialistSpec:
        """The specialist announced as ``name``, which has a cue module: what can be created, trained and prepared for.

        Raises:
            UnknownNameError, PluginError: as :meth:`specialist`.
            UsageError: its plugin announces it only.
        """
        spec = self.specialist(name)
        if not spec.trainable:
            raise UsageError(
                f"specialist {name!r} ({spec.title}) has no cue module yet: this release of dfs-{name} announces "
                f"itself only. Upgrade it with `pip install -U dfs-{name}`, or choose another specialist "
                "(`dfcore plugins` lists them)."
            )
        return spec

    def components(self, kind: str) -> dict[str, ComponentSpec]:
        """Announced components of a kind in :data:`COMPONENT_KINDS`, by name; the first of a name wins."""
        from dfcore.specs import ComponentSpec

        return {spec.name: spec for spec in self._merged(COMPONENT_KINDS[kind], ComponentSpec, lambda spec: spec.name)}

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
        from dfcore.specs import DatasetSpec

        found = {spec.name: spec for spec in self._merged("dfcore_datasets", DatasetSpec, lambda spec: spec.name)}
        return {**found, **self._own_datasets}

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
        from dfcore.specs import StageSpec

        merged = self._merged("dfcore_stages", StageSpec, lambda spec: spec.number)
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

    # -- inside ----------------------------------------------------------------------------------------------------

    def _merged(self, hook: str, kind: type[Spec], key: Callable[[Spec], Any]) -> list[Spec]:
        self.load_all()
        found: dict[Any, Spec] = {}
        for owner, spec in self._announced(hook, kind):
            if key(spec) in found:
                self.errors.setdefault(
                    owner,
                    PluginError(f"plugin {owner!r} announces {key(spec)!r} in {hook}, which is taken; it is ignored."),
                )
                continue
            found[key(spec)] = spec
        return list(found.values())

    def _announced(self, hook: str, kind: type[Spec], only: str | None = None) -> Iterator[tuple[str, Spec]]:
        """Each plugin's hook called by itself, so that one that raises does not end the loop."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            owner = implementation.plugin_name
            if only is not None and owner != only:
                continue
            try:
                result = implementation.function()
                specs = result if isinstance(result, list) else [result]
                wrong = next((spec for spec in specs if not isinstance(spec, kind)), None)
                if wrong is not None:
                    raise TypeError(f"it returned {type(wrong).__name__}, not {kind.__name__}")
            except Exception as error:
                failure = PluginError(f"plugin {owner!r}: {hook} failed: {type(error).__name__}: {error}.")
                self.errors.setdefault(owner, failure)
                if only is not None:
                    raise failure from error
                continue
            yield from ((owner, spec) for spec in specs)

    def _unknown(self, kind: str, name: str, choices: Any) -> UnknownNameError:
        hints = []
        if kind == "specialist":
            if name in OFFICIAL:
                hints.append(f"Install it with `pip install {OFFICIAL[name]}`.")
            elif not choices:
                hints.append("No specialist is installed; for example: `pip install dfs-cm`.")
        broken = ", ".join(sorted(self.errors))
        if broken:
            hints.append(f"Plugins that did not load: {broken} (see `dfcore plugins --check`).")
        return UnknownNameError(kind, name, choices, " ".join(hints))

    def check(self) -> dict[str, list[str]]:
        """Load every plugin and import all that each announces; the problems found, by plugin (empty: it is fine)."""
        from dfcore.specs import resolve

        problems: dict[str, list[str]] = {entry.name: [] for entry in self.entries}
        self.load_all()
        hooks: Counter[str] = Counter()
        for hook in (*COMPONENT_KINDS.values(), "dfcore_datasets", "dfcore_stages", "dfcore_specialist"):
            for owner, spec in self._announced(hook, object):
                hooks[owner] += 1
                for path in _paths(spec):
                    try:
                        resolve(path, owner)
                    except DfcoreError as error:
                        problems.setdefault(owner, []).append(str(error))
        for kind in COMPONENT_KINDS:
            self.components(kind)
        self.datasets()
        self.stages()
        for name, failure in self.errors.items():
            problems.setdefault(name, []).insert(0, str(failure))
        for name, found in problems.items():
            if not found and not hooks[name]:
                found.append("it announces nothing.")
        return problems


def _paths(spec: Any) -> list[str]:
    """The dotted paths that an announcement holds."""
    paths = [getattr(spec, name, "") for name in ("factory", "adapter", "module", "abstain_reason")]
    paths += [evidence.extractor for evidence in getattr(spec, "evidence", ())]
    return [path for path in paths if path]


@cache
def registry() -> Registry:
    """The process's one registry."""
    return Registry()
