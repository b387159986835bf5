"""How the configuration comes together from its sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.cli.options import train_config
from dfcore.errors import UnknownNameError, UsageError
from dfcore.plugins import registry

STAGE = registry().stage(1)


def test_the_stage_gives_the_numbers(tmp_path: Path) -> None:
    made = train_config("cm", STAGE, str(tmp_path), None, (), {"run.out": "here"})
    assert (made.stage.number, made.stage.lr, made.stage.epochs, made.stage.loss) == (1, 1e-4, 6, "cross_entropy")
    assert (made.stage.dataset, made.data.root, made.run.out) == ("faceforensics", str(tmp_path), "here")


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dfcore.toml"
    file.write_text("[set]\n'stage.lr' = 1.0\n'stage.epochs' = 10\n'stage.batch_size' = 20\n")
    monkeypatch.setenv("DFCORE_CONFIG", str(file))
    options = {"stage.epochs": 11, "stage.batch_size": 21, "run.seed": None}
    made = train_config("cm", STAGE, str(tmp_path), None, ("stage.batch_size=22",), options)
    assert (made.stage.lr, made.stage.epochs, made.stage.batch_size, made.run.seed) == (1.0, 11, 22, 0)


def test_demo_is_a_dataset_without_a_folder(tmp_path: Path) -> None:
    made = train_config("cm", STAGE, "demo", None, (), {"run.out": str(tmp_path)})
    assert (made.stage.dataset, made.data.root) == ("demo", str(tmp_path / "data" / "demo"))
    assert made.model.pretrained is False
    assert made.model.backbone == "test_efficientnet"
    assert (made.stage.lr, made.stage.epochs, made.stage.head_lr_factor) == (
        1e-4,
        6,
        10,
    )  # the stage's own, and a factor
    assert train_config("cm", STAGE, "demo", None, ("model.pretrained=yes",), {}).model.pretrained is True
    chosen = train_config("cm", STAGE, "demo", None, (), {"model.backbone": "resnet50"})
    assert chosen.model.backbone == "resnet50"


def test_a_folder_named_demo_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert train_config("cm", STAGE, "demo", None, (), {}).stage.dataset == "faceforensics"


def test_the_environment_names_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DFCORE_DATASET_FACEFORENSICS", "/ff")
    assert train_config("cm", STAGE, None, None, (), {}).data.root == "/ff"


def test_another_adapter(tmp_path: Path) -> None:
    assert train_config("cm", STAGE, str(tmp_path), "folder", (), {}).stage.dataset == "folder"
    with pytest.raises(UnknownNameError, match="Did you mean 'folder'"):
        train_config("cm", STAGE, str(tmp_path), "foldr", (), {})


def test_without_stage_or_adapter_there_is_no_guess(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--dataset"):
        train_config("cm", None, str(tmp_path), None, (), {})
