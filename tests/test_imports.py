"""Imports go one way, and what must be light is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "dfcore"
LIGHT = (
    "__init__",
    "__main__",
    "collector",
    "results",
    "errors",
    "hookspecs",
    "kaggle",
    "notebook",
    "specs",
    "text",
    "version",
)
LIGHT_FOLDERS = ("announcement", "api", "cli", "config", "console", "filesystem", "plugins")
HEAVY = {"torch", "timm", "torchvision", "numpy", "rich", "av", "onnxruntime", "matplotlib", "sklearn", "PIL", "tqdm"}
MAY_IMPORT = {
    "light": {"light"},
    "runs": {"light", "runs"},
    "data": {"light", "data"},
    "models": {"light", "models"},
    "evaluation": {"light", "data", "models", "evaluation"},
    "training": {"light", "runs", "data", "models", "evaluation", "training"},
    "inference": {"light", "runs", "data", "models", "evaluation", "testing", "inference"},
    "assessment": {"light", "runs", "data", "models", "evaluation", "training", "inference", "assessment"},
    "testing": {"light", "data", "models", "testing"},
    "plugin_check": {"light", "data", "models", "testing", "training", "plugin_check"},
    "api": {"light", "runs", "data", "models", "evaluation", "training", "inference", "assessment", "api"},
    "cli": {
        "light",
        "runs",
        "data",
        "models",
        "evaluation",
        "training",
        "inference",
        "assessment",
        "api",
        "plugin_check",
        "cli",
    },
}
"""Layers and what each may import. What is reached by dotted path (the demo's maker) is not an import."""
EXCEPTIONS = {
    ("dfcore.__main__", "cli"),  # the module's whole purpose
    # the front door, on first use of each name
    *(
        ("dfcore.__init__", layer)
        for layer in ("api", "data", "models", "training", "evaluation", "inference", "assessment")
    ),
}


def layer(module: str) -> str:
    """``dfcore.data.store.clip_store`` -> ``data``; ``dfcore.errors`` -> ``light``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "light"


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _top_level(tree) if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "dfcore")


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run at import: not inside functions, nor under ``if TYPE_CHECKING``."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(node, ast.If | ast.Try | ast.With) and isinstance(child, ast.stmt):
                yield child


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def plugin_files() -> list[Path]:
    return sorted(path for path in (ROOT / "plugins").glob("dfs-*/dfs_*/**/*.py"))


@pytest.mark.parametrize("path", core_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    here = layer(module)
    for name in imports(path):
        assert not name.startswith("dfs_"), f"{module} imports the plugin {name}"
        if name.startswith("dfcore.") and (module, layer(name)) not in EXCEPTIONS:
            assert layer(name) in MAY_IMPORT[here], f"{module} ({here}) imports {name} ({layer(name)})"


@pytest.mark.parametrize("path", plugin_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_the_core_and_themselves_only(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[1]
    for name in imports(path):
        if name.startswith("dfs_"):
            assert name.split(".")[0] == own
        assert not name.startswith(("dfcore.training", "dfcore.cli", "dfcore.inference")), f"{name} is not for plugins"


def light_files() -> list[Path]:
    named = [CORE / f"{name}.py" for name in LIGHT]
    folders = [path for folder in LIGHT_FOLDERS for path in sorted((CORE / folder).rglob("*.py"))]
    return [*named, *folders, *sorted(ROOT.glob("plugins/dfs-*/dfs_*/plugin.py"))]


@pytest.mark.parametrize("path", light_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_light_files_import_nothing_heavy_at_module_level(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path, top_level_only=True)}
    assert not roots & HEAVY


def run(*code: str) -> set[str]:
    """The heavy modules that a fresh interpreter has loaded after running the code."""
    script = "\n".join([*code, "import sys", f"print(*sorted({HEAVY!r} & set(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["plugins"], ["train", "--help"], ["describe", "cm"], ["stages"], ["runs"]]
)
def test_commands_that_must_start_fast_load_nothing_heavy(arguments: list[str]) -> None:
    call = f"from dfcore.cli import cli; cli.main({arguments!r}, standalone_mode=False)"
    assert run(call) == set()


def test_import_dfcore_loads_nothing_heavy() -> None:
    assert run("import dfcore") == set()


def test_a_plan_is_read_without_numpy() -> None:
    """``predict`` starts a process by it, and imports numpy meanwhile."""
    assert run("from dfcore.data.clips.plan import ClipPlan") == set()


def test_announcements_load_nothing_heavy() -> None:
    assert run("from dfcore.plugins import Registry", "assert not Registry().load_all()") == set()


def test_no_file_or_function_is_overlong() -> None:
    tests = [*(ROOT / "tests").rglob("*.py"), *ROOT.glob("plugins/*/tests/*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    for path in (*core_files(), *plugin_files(), *tests):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 350, f"{path} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # A command's parameters are its options, one a line; those of the functions behind commands likewise.
                start = node.body[0].lineno if path.parts[-2] in ("cli", "api") else node.lineno
                length = (node.end_lineno or 0) - start + 1
                assert length <= 60, f"{path}: {node.name} has {length} lines"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def all_imports(path: Path, modules: set[str]) -> set[str]:
    """Modules of the core that a file imports at module level, also those under ``if TYPE_CHECKING``."""
    found = set[str]()
    nodes: list[ast.AST] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If | ast.Try | ast.With):
            nodes += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in modules else node.module for name in names}
    return found & modules


def test_modules_import_each_other_in_no_circle_not_even_for_type_checkers() -> None:
    paths = {module_name(path): path for path in core_files()}
    left = {name: all_imports(path, set(paths)) - {name} for name, path in paths.items()}
    while free := [name for name, needs in left.items() if not needs & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"these import each other, or something that does: {sorted(left)}"
