"""Configuration: sources, conversion, messages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from dfcore import config, configure
from dfcore.cli.options import parse_set
from dfcore.config import TrainConfig, override
from dfcore.config.reference import reference
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


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("stage.lr", 0, "a number above 0 and at most 10"),
        ("stage.lr", "nan", "a number above 0 and at most 10"),
        ("stage.lr", "inf", "a number above 0 and at most 10"),
        ("stage.clip_norm", "inf", "a number at least 0"),
        ("stage.clip_norm", "nan", "a number at least 0"),
        ("stage.epochs", 0, "a whole number at least 1"),
        ("stage.epochs", True, "a whole number at least 1"),
        ("stage.epochs", 10**20, "a whole number at most 1,000,000"),
        ("stage.clip_norm", 1e300, "a number at most 1,000,000"),
        ("data.val_share", 1.0, "a number at least 0 and below 1"),
        ("data.workers", "-2", "a whole number at least -1 and at most 1024"),
        ("data.workers", 100_000, "a whole number at least -1 and at most 1024"),
        ("run.time_limit", "soon", "a time as 11h30m or 45m"),
        ("stage.focal_alpha", 1.5, "a number above 0 and below 1 or none"),
        ("run.precision", "fp8", "one of auto, fp32, bf16, fp16"),
        ("run.out", ["a"], "a text"),
    ],
)
def test_every_door_refuses_a_value_out_of_range(
    key: str, value: object, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = re.escape(f"{key} takes {expected}, not {value!r}.")
    with pytest.raises(ConfigError, match=words):
        override(TrainConfig(), {key: value})
    with pytest.raises(ConfigError, match=words):
        configure("cm", data=tmp_path, set={key: value})
    values = TrainConfig().to_json()
    values[key.partition(".")[0]][key.partition(".")[2]] = value
    with pytest.raises(ConfigError, match=words):
        TrainConfig.from_json(values)
    file = tmp_path / "dfcore.toml"
    bare = value in ("nan", "inf") or not isinstance(value, str)
    file.write_text(f"[set]\n'{key}' = {str(value).lower() if bare else repr(value)}\n")
    monkeypatch.setenv("DFCORE_CONFIG", str(file))
    with pytest.raises(ConfigError, match=re.escape(f"{key} takes {expected}")):
        configure("cm", data=tmp_path)


def test_every_numeric_key_has_a_range_that_its_default_is_in() -> None:
    for name, (kind, about) in config.keys().items():
        section, _, short = name.partition(".")
        default = getattr(getattr(TrainConfig(), section), short)
        numeric = {int, float} & {kind, *get_args(kind)}
        assert bool(about.range) == bool(numeric or about.choices), name
        assert config.convert(name, default, kind, about) == default, name
        assert about.meaning.endswith("."), name


def test_the_page_of_all_keys_is_made_from_them() -> None:
    """If this fails: ``python -m dfcore.config.reference > docs/config.md``."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
    assert page == reference()
    assert page.count("\n| `") == len(config.keys())


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
