"""The examples in README and docs do what they say: parsed each time, run by the slow tests.

``/data/`` is a folder of made videos here, the backbone is a tiny one, and installing is left out: `.ci/run` does that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import documents
import pytest
from documents import DOCUMENTS, ROOT, Block

from dfcore.cli import cli
from dfcore.config import TrainConfig, override
from dfcore.models.factory import create
from dfcore.models.files.weights import save_final

ELSEWHERE = {"library", "config", "predict", "evaluate", "verdicts"}
"""Pages whose examples are run by tests of their own."""
DATASETS = {"faceforensics": "FaceForensics++", "celebdf": "Celeb-DF-v2", "dfdc": "dfdc"}
"""Configured on the reader's machine."""
RUN_HERE = [document for document in DOCUMENTS if document.stem not in ELSEWHERE]
INSTALLS = re.compile(r"^(python -m )?pip install|^python3 -m venv|^\. \.venv/bin/activate|^source ")


def of(documents_: list[Path], language: str) -> list[Block]:
    return [block for document in documents_ for block in documents.blocks(document, language)]


def parse(words: list[str]) -> None:
    """Have the command line parse the words; nothing is run."""
    context, group, rest = cli.make_context("dfcore", [words[1]] if len(words) > 1 else []), cli, words[1:]
    command: click.Command = group
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None, f"no command {name}"
        command = found
        if isinstance(command, click.Group) and not rest:
            return
    context = command.make_context(command.name, list(rest), parent=context)
    for value in context.params.get("sets") or ():
        assert "=" in str(value)


def dfcore_words(words: list[str]) -> list[str] | None:
    """The words from ``dfcore`` on, if the command is one of ours (also under torchrun)."""
    if words[0] == "dfcore":
        return words
    if words[0] == "torchrun" and "dfcore" in words:
        return words[words.index("dfcore") :]
    return None


@pytest.mark.parametrize("block", documents.all_blocks("bash"), ids=str)
def test_each_command_is_one_that_dfcore_knows(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in documents.commands(block):
        ours = dfcore_words(words)
        if ours and "..." not in ours:
            parse(ours)
            keys = [ours[at + 1] for at, word in enumerate(ours) if word == "--set"]
            override(TrainConfig("cm"), dict(key.split("=", 1) for key in keys))


@pytest.mark.parametrize("block", documents.all_blocks("toml"), ids=str)
def test_each_toml_block_is_toml_with_known_keys(block: Block) -> None:
    override(TrainConfig("cm"), tomllib.loads(block.text).get("set", {}))


def test_a_block_that_no_test_runs_says_why() -> None:
    for language in ("bash", "python"):
        for block in documents.all_blocks(language):
            assert not block.skipped or len(block.skipped) > 20, block
    unknown = [
        f"{document.name}: ```{line}"
        for document in DOCUMENTS
        for line in re.findall(r"^```(\w+)$", document.read_text("utf-8"), re.M)
        if line not in {"bash", "python", "toml", "mermaid", "text"}
    ]
    assert unknown == []


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return documents.make_playground(tmp_path_factory.mktemp("playground"))


@pytest.fixture(scope="module")
def trained(playground: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: stage 1 of `cm`, and the final weights of stage 2."""
    here = tmp_path_factory.mktemp("trained")
    (here / "dfcore.toml").write_text(documents.SMALL)
    done = run_bash("dfcore train cm --stage 1", here, playground)
    assert done.returncode == 0, done.stdout + done.stderr
    finished_run(here, stage=2)
    return here / "runs"


@pytest.fixture
def folder(playground: Path, tmp_path: Path) -> Path:
    """A fresh folder with a reader's own files; the datasets stay in the playground."""
    for path in playground.iterdir():
        if path.name != "data":
            (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
    for name in ("plugins", "benchmarks", "examples", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run_bash(text: str, folder: Path, playground: Path) -> subprocess.CompletedProcess[str]:
    scripts = str(Path(sys.executable).parent)
    env = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "DFCORE_CONFIG": str(folder / "dfcore.toml"),
        "COLUMNS": "200",
        "TMPDIR": str(folder),
        **{f"DFCORE_DATASET_{name.upper()}": str(playground / "data" / place) for name, place in DATASETS.items()},
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def without_installing(text: str) -> str:
    joined = text.replace("\\\n", " ")
    return "\n".join(line for line in joined.splitlines() if not INSTALLS.match(line.strip()))


def finished_run(folder: Path, stage: int = 1) -> Path:
    """``runs/cm_stage1/cm_stage1_final.pt``, as training would leave it, but untrained."""
    path = folder / f"runs/cm_stage{stage}/cm_stage{stage}_final.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_final(path, create("cm", backbone="test_efficientnet", pretrained=False, seed=0), {"stage": stage})
    return path


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in of(RUN_HERE, "bash") if not block.skipped], ids=str)
def test_the_commands_run(block: Block, playground: Path, trained: Path, folder: Path) -> None:
    text = documents.as_played(without_installing(block.text), playground)
    if "--stage 1" not in text and text.count("train cm\n") == 0:  # what earlier commands of a page have trained
        shutil.copytree(trained, folder / "runs")
    done = run_bash(text, folder, playground)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"


SNIPPETS = [document for document in RUN_HERE if documents.blocks(document, "python")]


@pytest.mark.parametrize("document", SNIPPETS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_snippets_run_one_after_the_other(
    document: Path,
    tmp_path: Path,
    playground: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    finished_run(tmp_path)
    found = [block for block in documents.blocks(document, "python") if not block.skipped and not file_of(block)]
    if any("runs/store" in block.text for block in found):
        prepare(playground, tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    for block in found:
        exec(compile(block.text, str(block), "exec"), names)
    if "views" in names:
        assert tuple(names["cue_map"].shape[2:]) == (7, 7)  # type: ignore[attr-defined]


def prepare(playground: Path, folder: Path) -> None:
    """A clip store in ``runs/store``."""
    (folder / "dfcore.toml").write_text(documents.SMALL)
    done = run_bash(f"dfcore prepare cm --data {playground}/data/FaceForensics++ --workers 1", folder, playground)
    assert done.returncode == 0, done.stdout + done.stderr


def file_of(block: Block) -> str:
    """The file that a block is, by its first line, or ""."""
    match = re.match(r"# (\S+/\S+)\n", block.text)
    return match[1] if match else ""


def write_plugin(tmp_path: Path) -> dict[str, str]:
    """Write the complete plugin of the page, as installing it would; the environment in which it is found."""
    page = ROOT / "docs/plugins.md"
    for block in (*documents.blocks(page, "python"), *documents.blocks(page, "toml")):
        if file_of(block):
            path = tmp_path / file_of(block)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    project = tomllib.loads((tmp_path / "my_plugin/pyproject.toml").read_text())["project"]
    (entry,) = project["entry-points"]["dfcore.plugins"].items()
    about = tmp_path / f"my_plugin/my_plugin-{project['version']}.dist-info"  # what installing it would write
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (about / "entry_points.txt").write_text(f"[dfcore.plugins]\n{entry[0]} = {entry[1]}\n")
    path = os.pathsep.join([str(tmp_path / "my_plugin"), *sys.path])
    return {**os.environ, "PYTHONPATH": path, "DFCORE_PLUGINS": project["name"]}


@pytest.mark.slow
def test_the_complete_plugin_passes_the_contract(tmp_path: Path) -> None:
    environment = write_plugin(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "my_plugin/tests"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.slow
def test_the_check_of_plugins_prints_what_the_page_shows(tmp_path: Path) -> None:
    environment, plugin = write_plugin(tmp_path), tmp_path / "my_plugin/my_plugin/plugin.py"
    call = [sys.executable, "-m", "dfcore", "plugins", "--check"]
    good = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    plugin.write_text(plugin.read_text().replace('views=("tiles", "tile_face")', 'views=("tiles",)'))
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    printed = (done.stdout + done.stderr).replace(f"{tmp_path}/", "")
    (shown,) = documents.blocks(ROOT / "docs/plugins.md", "text")
    assert printed.split() == shown.text.split()
