"""Recipes: named values, which give way to all that is set."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import dfcore
from dfcore import config
from dfcore.cli.train import command
from dfcore.errors import UnknownNameError
from dfcore.plugin_check.problems import Problems
from dfcore.plugin_check.recipes import check_recipe
from dfcore.plugins import registry
from dfcore.specs import RecipeSpec


def test_the_recipe_of_the_record_is_in_force_and_recorded(tmp_path: Path) -> None:
    made = dfcore.configure("cm", recipe="record", data=tmp_path)
    assert made.run.recipe == "record"
    for key, value in config.checked(registry().recipe("record").values).items():
        section, _, name = key.partition(".")
        assert getattr(getattr(made, section), name) == value, key
    assert config.TrainConfig.from_json(made.to_json()) == made


def test_without_a_recipe_the_curriculum_is_as_ever(tmp_path: Path) -> None:
    made = dfcore.configure("cm", data=tmp_path)
    assert (made.run.recipe, made.model.tune, made.data.sampler, made.stage.final_lr) == ("", "all", "balanced", 0.0)


def test_it_wins_over_stage_and_dataset_and_gives_way_to_file_and_set(file: Path) -> None:
    file.write_text("[set]\n'stage.batch_size' = 32\n")
    made = dfcore.configure("cm", recipe="record", data="demo", set={"stage.lr": 1e-3})
    assert made.model.backbone.startswith("vit_pe_core")  # the demo data's own is a small one
    assert made.model.pretrained is False  # of which the recipe says nothing
    assert (made.stage.batch_size, made.stage.lr, made.stage.final_lr) == (32, 1e-3, 5e-5)


def test_the_file_and_set_may_name_it(file: Path, tmp_path: Path) -> None:
    asked = dfcore.configure("cm", recipe="record", data=tmp_path)
    assert dfcore.configure("cm", data=tmp_path, set={"run.recipe": "record"}) == asked
    file.write_text("[set]\n'run.recipe' = 'record'\n")
    assert dfcore.configure("cm", data=tmp_path) == asked


def test_the_whole_curriculum_takes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FACEFORENSICS", "CELEBDF", "DFDC"):
        monkeypatch.setenv(f"DFCORE_DATASET_{name}", str(tmp_path))
    made = dfcore.configure_curriculum("bg", recipe="record")
    assert [(one.stage.number, one.model.tune, one.stage.lr) for one in made] == [
        (1, "norms", 8e-5),
        (2, "norms", 8e-5),
        (4, "norms", 8e-5),
    ]


def test_an_unknown_recipe_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'record'"):
        dfcore.configure("cm", recipe="recrod", data="demo")


def test_the_configuration_is_shown_as_the_file_takes_it(file: Path, tmp_path: Path) -> None:
    arguments = ["cm", "--stage", "1", "--data", str(tmp_path), "--recipe", "record", "--show-config"]
    shown = CliRunner().invoke(command, [*arguments, "--set", "stage.lr=2e-4"])
    assert shown.exit_code == 0, shown.output
    assert '"model.tune" = "norms"  # recipe record' in shown.output
    assert '"stage.lr" = 0.0002  # in place of 8e-05 of recipe record' in shown.output
    assert not (tmp_path / "runs").exists()
    values = tomllib.loads(shown.output)["set"]
    assert values.keys() == config.keys().keys()
    file.write_text(shown.output)
    made = dfcore.configure("cm", recipe="record", data=tmp_path, set={"stage.lr": 2e-4})
    assert dfcore.configure("cm") == made


def test_what_a_plugin_announces_is_checked() -> None:
    for values, words in (
        ({"stage.lrr": 1.0}, "stage.lrr"),
        ({"stage.lr": "fast"}, "stage.lr takes"),
        ({"data.root": "x"}, "sets data.root"),
    ):
        problems = Problems()
        check_recipe(RecipeSpec("mine", "Mine", values), problems)
        assert words in str(problems.found)
    problems = Problems()
    check_recipe(registry().recipe("record"), problems)
    assert not problems.found
