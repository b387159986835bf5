"""Configuration: sources, conversion, messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dfcore import config
from dfcore.cli.options import parse_set
from dfcore.config import TrainConfig, override
from dfcore.errors import ConfigError, UnknownNameError


def test_values_are_converted_to_each_keys_type() -> None:
    made = override(
        TrainConfig(),
        {
            "stage.lr": "2e-5",
            "stage.epochs": "3",
            "model.pretrained": "no",
            "data.compressions": "c23, c40",
            "data.augment": "hflip",
            "run.out": "elsewhere",
        },
    )
    assert (made.stage.lr, made.stage.epochs, made.model.pretrained) == (2e-5, 3, False)
    assert made.data.compressions == ("c23", "c40")
    assert made.data.augment == ("hflip",)
    assert made.run.out == "elsewhere"
    assert made.stage.weight_decay == TrainConfig().stage.weight_decay


def test_none_and_the_empty_list_differ() -> None:
    assert override(TrainConfig(), {"data.augment": "none"}).data.augment is None
    assert override(TrainConfig(), {"data.augment": ""}).data.augment == ()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("stage.epochs", "many", "a whole number"),
        ("stage.epochs", 1.5, "a whole number"),
        ("stage.lr", "fast", "a number"),
        ("model.pretrained", "maybe", "true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(key: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} takes {expected}"):
        override(TrainConfig(), {key: value})


def test_an_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'stage\.epochs'"):
        override(TrainConfig(), {"stage.epoch": 3})


def test_assignments() -> None:
    assert parse_set(["stage.lr=1e-3", "data.root=/a=b"]) == {"stage.lr": "1e-3", "data.root": "/a=b"}
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        parse_set(["stage.lr"])


def test_json_round_trip() -> None:
    made = override(TrainConfig(specialist="cm"), {"data.augment": "hflip", "data.compressions": "c23"})
    assert TrainConfig.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "dfcore.toml"
    monkeypatch.setenv("DFCORE_CONFIG", str(path))
    return path


def test_the_file_names_datasets_and_values(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[datasets]\nfaceforensics = "data/ff"\n[set]\n"stage.lr" = 0.5\n[set.run]\nseed = 7\n')
    assert config.read_file()["set"] == {"stage.lr": 0.5, "run.seed": 7}
    assert config.dataset_root("faceforensics") == file.parent / "data/ff"
    monkeypatch.setenv("DFCORE_DATASET_FACEFORENSICS", "/elsewhere")
    assert config.dataset_root("faceforensics") == Path("/elsewhere")
    assert config.dataset_root("dfdc") is None


@pytest.mark.parametrize("text", ["[datasets", "\xff", "datasets = 3"])
def test_a_damaged_file_is_named(file: Path, text: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"dfcore\.toml"):
        config.read_file()


def test_an_unknown_table_is_named(file: Path) -> None:
    file.write_text("[dataset]\n")
    with pytest.raises(UnknownNameError, match="'datasets'"):
        config.read_file()


def test_a_named_file_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DFCORE_CONFIG", "/nowhere/dfcore.toml")
    with pytest.raises(ConfigError, match="DFCORE_CONFIG"):
        config.find_file()


def test_the_file_is_found_in_a_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DFCORE_CONFIG")
    (tmp_path / "dfcore.toml").write_text("")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert config.find_file(below) == tmp_path / "dfcore.toml"
