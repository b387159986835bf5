"""What the documents say is so."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

from dfcore import hookspecs
from dfcore.data.datasets.faceforensics_names import official_pairs
from dfcore.data.views import VIEWS
from dfcore.plugins import COMPONENT_KINDS, OFFICIAL, Registry
from dfcore.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def hooks() -> dict[str, str]:
    """Each hook's signature as its source has it."""
    tree = ast.parse(inspect.getsource(hookspecs))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f.name: f"{f.name}({ast.unparse(f.args)}) -> {ast.unparse(f.returns)}" for f in functions if f.returns}


@pytest.mark.parametrize("signature", hooks().values())
def test_every_hook_stands_in_the_docs_with_its_signature(signature: str) -> None:
    assert f"`{signature}`" in (ROOT / "docs/plugins.md").read_text()


def test_the_docs_name_no_other_hook_and_the_api_in_force() -> None:
    text = (ROOT / "docs/plugins.md").read_text()
    assert set(re.findall(r"dfcore_\w+(?=\()", text)) == set(hooks())
    assert f"API number: {hookspecs.API}." in text


def test_every_hook_is_used() -> None:
    asked = {*COMPONENT_KINDS.values(), "dfcore_specialist", "dfcore_datasets", "dfcore_stages", "dfcore_recipes"}
    assert asked == set(hooks())


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_table_of_specialists_has_the_announced_numbers(name: str) -> None:
    spec = Registry().specialist(name)
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2] == ", ".join(cue.name for cue in spec.cues)
    assert [int(cell) for cell in cells[3:6]] == [spec.channels, spec.features, 1792 + spec.features]


FIXED = {"bg": (44, 2156), "av": (48, 2352), "cm": (40, 1960), "rr": (36, 1764), "tm": (52, 2548)}


@pytest.mark.parametrize("name", FIXED)
def test_the_fixed_numbers(name: str) -> None:
    spec = Registry().specialist(name)
    assert (spec.channels, spec.features) == FIXED[name]


def test_six_distributions_have_one_version() -> None:
    for path in ROOT.glob("plugins/*/pyproject.toml"):
        assert tomllib.loads(path.read_text())["project"]["version"] == __version__, path
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_tree_names_what_is_there() -> None:
    tree = (ROOT / "README.md").read_text().split("## What is where")[1].split("```")[1]
    for line in tree.strip().splitlines():
        name = line.split()[0]
        base = ROOT / "dfcore" if line.startswith("  ") else ROOT
        assert list(base.glob(name.rstrip("/"))), f"README names {name}, which is not there"


def test_the_readmes_first_command_judges_a_video_that_the_demo_makes() -> None:
    judged = re.search(r"dfcore predict runs/data/demo/(\S+)\.mp4", (ROOT / "README.md").read_text())
    assert judged
    target, source = official_pairs("test")[0]  # the demo always makes the first test pair
    assert judged[1] == f"manipulated_sequences/Deepfakes/c23/videos/{target}_{source}"


DOCUMENTS = sorted(path for pattern in ("*.md", "docs/*.md", "plugins/*/README.md") for path in ROOT.glob(pattern))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if "://" in link:
            continue
        file, _, heading = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), f"{link} leads nowhere"
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.M)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, f"{link}: no such heading; there are {sorted(anchors)}"


def test_the_index_names_every_page() -> None:
    text = (ROOT / "docs/index.md").read_text("utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert [page for page in sorted(pages) if f"({page})" not in text] == []


def test_the_glossary_names_what_is_in_the_code() -> None:
    rows = [
        line.split("|") for line in (ROOT / "docs/glossary.md").read_text("utf-8").splitlines() if "`dfcore." in line
    ]
    names = [name for row in rows for name in re.findall(r"`(dfcore\.[\w.]+)`", row[3])]
    assert len(names) > 10
    for name in names:
        found = pkgutil.resolve_name(name)
        assert found is not None


def test_the_table_of_views_has_every_view() -> None:
    table = (ROOT / "docs/data.md").read_text("utf-8").split("| view |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.M)) == set(VIEWS)


def test_the_drawing_of_the_layers_has_every_layer_and_no_arrow_that_is_not_allowed() -> None:
    drawing = (ROOT / "docs/architecture.md").read_text("utf-8").split("```mermaid")[1].split("```")[0]
    arrows = re.findall(r"^    (\w+) --> (\w+)$", drawing, re.M)
    allowed = layers()
    assert {name for arrow in arrows for name in arrow} == set(allowed) - {"testing"}
    assert [arrow for arrow in arrows if arrow[1] not in allowed[arrow[0]]] == []


def layers() -> dict[str, set[str]]:
    """The table in ``tests/test_imports.py``."""
    tree = ast.parse((ROOT / "tests/test_imports.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MAY_IMPORT":
            table: dict[str, set[str]] = ast.literal_eval(node.value)
            return table
    raise AssertionError("tests/test_imports.py has no MAY_IMPORT")


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy dfcore plugins/dfs-*/dfs_*"])
def test_pre_commit_does_the_lint_of_ci(command: str) -> None:
    assert command in (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert f".venv/bin/{command}" in (ROOT / ".ci/run").read_text("utf-8")


def test_ci_runs_the_tests_that_the_readmes_command_leaves_out() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    assert "-m 'not slow'" in options["addopts"]
    command = (ROOT / "README.md").read_text("utf-8").split("<!-- test command -->")[1].split("```")[1]
    assert "python -m pytest" in command
    assert " -m slow" not in command
    assert re.search(r"-m pytest -m slow\b", (ROOT / ".ci/run").read_text("utf-8"))
