"""What a plugin's installation says: its requirements against what is there, and what its announcement imports."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from dfcore.plugin_check.problems import Problems
from dfcore.plugins.discovery import HEAVY, PluginEntry

__all__ = ["check_distribution", "check_import"]

TIME_LIMIT = 120
"""Seconds that the import of one announcement may take."""

_PROBE = """
import importlib, json, sys
path, module, heavy = json.loads(sys.argv[1])
sys.path[:] = path
found = {}

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in heavy and name not in found:
            frame, lines = sys._getframe(1), []
            while frame is not None:
                file = frame.f_code.co_filename
                if not file.startswith("<") and "importlib" not in file:
                    lines.append([frame.f_globals.get("__name__", ""), file, frame.f_lineno])
                frame = frame.f_back
            found[name] = lines
        return None

sys.meta_path.insert(0, Watch())
importlib.import_module(module)
print(json.dumps({name: lines for name, lines in found.items() if name in sys.modules}))
"""


def check_distribution(entry: PluginEntry, problems: Problems) -> None:
    """Compare what the plugin's distribution requires with what is installed."""
    try:
        required = metadata.requires(entry.distribution) or []
    except metadata.PackageNotFoundError:
        return
    for text in required:
        try:
            one = Requirement(text)
        except InvalidRequirement as error:
            problems.add(f"{entry} requires {text!r}, which is no requirement ({error}). Correct its pyproject.toml.")
            continue
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            problems.add(f"{entry} requires {text}, which is not installed: `pip install '{one.name}{one.specifier}'`.")
            continue
        if not one.specifier.contains(version, prereleases=True):
            problems.add(
                f"{entry} requires {text}, but {one.name} {version} is installed: `pip install "
                f"'{one.name}{one.specifier}'`, or `pip install --upgrade {entry.distribution}`."
            )


def check_import(entry: PluginEntry, problems: Problems) -> None:
    """Import the announcement in a process of its own, and say which line imports what it must not."""
    given = json.dumps([sys.path, entry.module, HEAVY])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, given], capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        problems.add(f"{entry}: the import of {entry.module} takes more than {TIME_LIMIT} seconds.")
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        problems.add(
            f"{entry}: {entry.module} does not import in a process of its own (exit {done.returncode}): {last}"
        )
        return
    found = json.loads(done.stdout.splitlines()[-1])
    lines = {name: _own_line(entry, stack) for name, stack in found.items()}
    for line in dict.fromkeys(lines.values()):
        names = ", ".join(name for name, other in lines.items() if other == line)
        problems.add(
            f"{entry}: {line}: this import loads {names}, which takes seconds, and every `dfcore describe` waits. "
            "Import it in the module that a dotted path names, or inside a function."
        )


def _own_line(entry: PluginEntry, stack: list[tuple[str, str, int]]) -> str:
    """The announcement's own line on the way to an import, the innermost first; else the very first."""
    own = [line for line in stack if line[0] == entry.module]
    _, file, number = (own or stack)[0]
    return f"{file}:{number}"
