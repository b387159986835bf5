"""What loaded plugins announce: each hook of each plugin asked by itself and once, so that a fault stays its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dfcore.announcement.hooks import call_hook
from dfcore.announcement.source import line_with
from dfcore.errors import PluginError

if TYPE_CHECKING:
    import pluggy

__all__ = ["Announcements"]


class Announcements:
    """The announcements of the plugins that are registered.

    Attributes:
        faults: what cannot be used of what a plugin announces, by plugin.

    Args:
        titles: how messages name each plugin.
    """

    def __init__(self, titles: Mapping[str, str]) -> None:
        import pluggy

        from dfcore import hookspecs

        self.faults: dict[str, list[PluginError]] = {}
        self._titles = titles
        self._results: dict[tuple[str, str], list[Any]] = {}
        self._manager: pluggy.PluginManager = pluggy.PluginManager("dfcore")
        self._manager.add_hookspecs(hookspecs)

    def register(self, name: str, module: ModuleType) -> None:
        """Take an announcement in.

        Raises:
            PluginError: pluggy refuses it; nothing of it is kept.
        """
        import pluggy

        try:
            self._manager.register(module, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise self.fault(name, f"it announces what dfcore does not know: {error}.") from error

    def of(self, hook: str, only: str | None = None) -> Iterator[tuple[str, Any]]:
        """What each plugin announces by a hook and can be used, with the plugin's name; ``only`` one plugin's."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            owner = str(implementation.plugin_name)
            if only is None or owner == only:
                yield from ((owner, spec) for spec in self._ask(owner, hook, implementation.function))

    def merged(self, hook: str, key: str) -> list[Any]:
        """The same of all plugins, each value of the field ``key`` once: the first one's. Later ones are faults."""
        found: dict[Any, tuple[str, Any]] = {}
        for owner, spec in self.of(hook):
            first, other = found.setdefault(getattr(spec, key), (owner, spec))
            if other is not spec:
                self._taken(hook, getattr(spec, key), owner, first)
        return [spec for _, spec in found.values()]

    def line_of(self, owner: str, hook: str, *words: str) -> str:
        """``file:line`` where a plugin's hook has the first of these words in quotes; else where the hook begins."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == owner:
                return line_with(implementation.function, [mark + word + mark for word in words for mark in "\"'"])
        return ""

    def fault(self, owner: str, text: str) -> PluginError:
        """A fault of a plugin, as the error that names it."""
        return PluginError(f"{self._titles.get(owner, owner)}: {text}")

    def _ask(self, owner: str, hook: str, function: Callable[[], Any]) -> list[Any]:
        if (owner, hook) in self._results:
            return self._results[owner, hook]
        from dfcore.announcement.fields import mistakes

        found, texts = call_hook(function, hook)
        good = []
        for spec in found:
            wrong = mistakes(spec)
            texts += [f"{line_with(function, mistake.words)}: {mistake.text}" for mistake in wrong]
            good += [] if wrong else [spec]
        self._results[owner, hook] = good
        for text in texts:
            self._keep(owner, text)
        return good

    def _taken(self, hook: str, name: Any, owner: str, first: str) -> None:
        by = self._titles.get(first, "dfcore itself")
        self._keep(
            owner,
            f"{self.line_of(owner, hook, str(name))}: {hook} announces {name!r}, which {by} announces already; this "
            "one is ignored. Choose another name.",
        )

    def _keep(self, owner: str, text: str) -> None:
        fault, known = self.fault(owner, text), self.faults.setdefault(owner, [])
        if str(fault) not in map(str, known):
            known.append(fault)
