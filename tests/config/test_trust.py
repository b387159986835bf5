"""A configuration file may come with a folder that somebody else made: what it may say, and what is told of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dfcore import config, configure
from dfcore.assessment.targets import Target, as_trained
from dfcore.cli import cli
from dfcore.config import TrainConfig, override
from dfcore.config.sections import NAMING_KEYS
from dfcore.errors import CheckpointError, ConfigError, DfcoreError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.delenv("DFCORE_CONFIG")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("key", sorted(NAMING_KEYS))
def test_it_cannot_name_code(folder: Path, key: str) -> None:
    (folder / "dfcore.toml").write_text(f'[set]\n"{key}" = "evil_module:Run"\n')
    (folder / "evil_module.py").write_text("raise SystemExit('it ran')")
    for command in (["train", "cm", "--stage", "1", "--data", "demo"], ["prepare", "cm", "--data", "demo"], ["runs"]):
        done = CliRunner().invoke(cli, command)
        assert isinstance(done.exception, ConfigError)
        assert str(done.exception).startswith(
            f"{folder / 'dfcore.toml'} gives {key} the value 'evil_module:Run', which"
        )
    assert "evil_module" not in sys.modules


def test_every_key_that_names_a_component_is_known() -> None:
    """Whoever adds one has to say so: of the texts these are all but places, words and lists of what is in the data."""
    texts = {name for name, (kind, about) in config.keys().items() if "str" in str(kind) and not about.choices}
    assert texts - NAMING_KEYS == {
        "stage.chunks", "stage.start", "data.root", "data.store", "data.compressions", "data.manipulations",
        "data.chunk_map", "model.backbone_weights", "run.out", "run.device", "run.time_limit",
    }  # fmt: skip


def test_the_user_may_name_code(folder: Path) -> None:
    found = configure("cm", data="demo", set={"data.detector": "mine:Detector"})
    assert found.data.detector == "mine:Detector"


def test_a_file_of_weights_cannot_name_code(tmp_path: Path) -> None:
    trained = override(TrainConfig("cm"), {"data.detector": "evil_module:Run"}).to_json()
    target = Target("cm", tmp_path / "cm.pt", {"specialist": "cm", "config": trained})
    with pytest.raises(CheckpointError, match=r"cm\.pt was trained with data\.detector=evil_module:Run, a dotted path"):
        as_trained(target, "demo")


@pytest.mark.parametrize(
    ("key", "option", "words"), [("run.out", "--out", "runs go to"), ("data.store", "--store", "clips go to")]
)
@pytest.mark.parametrize("name", ["prepare cm", "train cm --stage 1", "train cm"])
def test_writing_elsewhere_is_said_first(
    folder: Path, tmp_path: Path, name: str, key: str, option: str, words: str
) -> None:
    elsewhere = tmp_path.parent / "elsewhere"
    (folder / "dfcore.toml").write_text(f'[set]\n"{key}" = "{elsewhere}"\n')
    command = [*name.split(), "--data", "/nowhere"]
    done = CliRunner().invoke(cli, command)
    said = f"{words} {elsewhere}, outside of this folder: {folder / 'dfcore.toml'} says so ({key})"
    assert isinstance(done.exception, DfcoreError)
    assert said in done.output
    assert words not in CliRunner().invoke(cli, [*command, option, "x"]).output
    assert words not in CliRunner().invoke(cli, [*command, "--set", f"{key}=x"]).output
    (folder / "dfcore.toml").write_text(f'[set]\n"{key}" = "inside/of/it"\n')
    assert config.redirected() == []


def test_a_file_that_the_environment_names_is_no_better(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "other.toml"
    monkeypatch.setenv("DFCORE_CONFIG", str(path))
    path.write_text('[set]\n"run.out" = "/elsewhere"\n')
    assert config.redirected() == [
        f"runs go to /elsewhere, outside of this folder: {path} (named by DFCORE_CONFIG) says so (run.out)"
    ]
    path.write_text('[set]\n"run.callbacks" = ["metrics", "evil_module:Run"]\n')
    with pytest.raises(ConfigError, match="code to import"):
        configure("cm", data="demo")


def test_pruning_says_first_which_folder_it_prunes(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / "elsewhere"
    (folder / "dfcore.toml").write_text(f'[set]\n"run.out" = "{elsewhere}"\n')
    assert f"runs go to {elsewhere}" in CliRunner().invoke(cli, ["runs", "prune", "--yes"]).output
