"""What the library's functions choose and refuse before anything is read: which data, which names, which rate."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dfcore
from dfcore.api import prepare as preparing
from dfcore.api.ensemble import Ensemble
from dfcore.api.evaluate import _configuration
from dfcore.api.specialists import ModelInfo, SpecialistInfo
from dfcore.api.validation import validation_config
from dfcore.assessment.targets import Target
from dfcore.cli.calibrate import command as calibrate_command
from dfcore.cli.ensemble import command as ensemble_command
from dfcore.errors import UnknownNameError, UsageError
from dfcore.evaluation.verdicts.rules import ALPHA
from dfcore.plugins import registry
from dfcore.training.inputs.shards import Shard

NOTHING = {"data": None, "dataset": None, "store": None, "out": None}


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders that may be datasets."""
    found = tmp_path / "first", tmp_path / "second"
    for place in found:
        place.mkdir()
    return found


def trained(root: Path | str, dataset: str = "folder", label: str = "cm_stage1") -> Target:
    config = {"stage": {"dataset": dataset}, "data": {"root": str(root)}}
    return Target(label, Path("cm.pt"), {"specialist": "cm", "stage": 1, "config": config})


def test_the_rate_that_is_promised_is_the_same_for_functions_and_commands() -> None:
    for function in (dfcore.calibrate, Ensemble.fit):
        assert inspect.signature(function).parameters["alpha"].default == ALPHA
    for command in (calibrate_command, ensemble_command.commands["fit"]):
        assert next(one.default for one in command.params if one.name == "alpha") == ALPHA


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.7, -0.1])
def test_a_rate_that_cannot_be_promised_is_refused_before_the_weights_are_looked_for(alpha: float) -> None:
    for function in (dfcore.calibrate, Ensemble.fit):
        with pytest.raises(UsageError, match="alpha, the false-alarm rate"):
            function("nowhere.pt", alpha=alpha)


def test_members_that_were_trained_on_different_data_need_a_named_dataset(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = places
    second.joinpath("link").symlink_to(first)
    targets = [trained(first), trained(second, label="other")]
    monkeypatch.setattr("dfcore.assessment.targets.find_targets", lambda paths: targets)
    monkeypatch.setattr(
        "dfcore.assessment.fitting.validation.on_machine", lambda config, run: pytest.fail("it was scored")
    )
    with pytest.raises(UsageError, match=r"different datasets \(cm_stage1 on folder, other on folder\)"):
        Ensemble.fit(["a", "b"])
    monkeypatch.setattr("dfcore.assessment.fitting.validation.on_machine", lambda config, run: config)
    for root, given in ((second, {"data": first}), (second / "link", {})):  # named; or the same folder by a link
        targets[1] = trained(root, label="other")
        with pytest.raises(AssertionError):  # what stands in for the scoring makes no ensemble
            Ensemble.fit(["a", "b"], **given)


def test_validation_is_of_the_data_that_is_named_else_of_the_trainings(places: tuple[Path, Path]) -> None:
    first, second = places
    target = trained(first)
    made = validation_config(target)
    assert (made.stage.dataset, made.data.root) == ("folder", str(first))
    made = validation_config(target, data=second)
    assert (made.stage.dataset, made.data.root) == ("folder", str(second))
    made = validation_config(target, data=second, dataset="celebdf")
    assert (made.stage.dataset, made.data.root) == ("celebdf", str(second))
    assert validation_config(target, data="demo").stage.dataset == "demo"


def test_a_validation_lies_with_the_runs_that_the_weights_lie_in(tmp_path: Path) -> None:
    for folder, found in (("cm_stage1", tmp_path), ("elsewhere", Path("runs")), ("cm_stage2", Path("runs"))):
        target = replace(trained("/data"), path=tmp_path / folder / "cm_stage1_final.pt")
        assert Path(validation_config(target, data="demo").run.out) == found
    assert validation_config(target, data="demo", out="mine").run.out == "mine"


def test_an_evaluation_is_of_the_data_that_is_named_else_of_the_first_models(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = places
    target, leader = trained(second), trained(first)

    def chosen(given: dict[str, Any] | None = None, **named: Any) -> tuple[str, str]:
        made = _configuration(target, leader, {**NOTHING, **named}, given or {})
        return made.stage.dataset, made.data.root

    assert chosen() == ("folder", str(first))
    assert chosen(data=second) == ("folder", str(second))
    assert chosen({"data.root": str(second)}) == ("folder", str(second))
    assert chosen(data=second, dataset="celebdf") == ("celebdf", str(second))
    assert chosen({"data.root": str(second), "stage.dataset": "celebdf"}) == ("celebdf", str(second))
    assert chosen(data="demo")[0] == "demo"
    monkeypatch.chdir(first)
    Path("demo").mkdir()
    assert chosen(data="demo") == ("folder", "demo")  # a folder of that name


def test_specialists_that_are_broken_or_only_announced_are_not_prepared_for(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"whole": True, "announced": False}
    known = SimpleNamespace(
        load_all=lambda: {"broken": "why"},
        specialist_names=lambda: ["broken", *there],
        specialist=lambda name: SimpleNamespace(trainable=there[name]),
    )
    monkeypatch.setattr("dfcore.plugins.registry", lambda: known)
    assert preparing.trainable_specialists() == ["whole"]
    there["whole"] = False
    with pytest.raises(UsageError, match="no specialist with a cue module"):
        preparing.trainable_specialists()


def test_names_are_looked_up_before_the_videos_are(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfcore.training.inputs.choose.choose_videos", lambda *_: pytest.fail("videos were looked for"))
    config = dfcore.configure("cm", data=places[0], dataset="folder", set={"run.callbacks": ["no_such"]})
    with pytest.raises(UnknownNameError, match="no_such"):
        preparing._chosen(config, ())


def test_a_description_has_a_model_where_a_backbone_was_named() -> None:
    found = SpecialistInfo(registry().specialist("cm"), "dfs-cm", "1.2")
    assert "model" not in found.to_dict()
    model = ModelInfo("vit", 384, 224, 196, (14, 14), None, None, {"total": 3})
    named = SpecialistInfo(found.spec, "dfs-cm", "1.2", model).to_dict()
    assert (named["model"]["backbone"], named["model"]["grid"]) == ("vit", [14, 14])
    assert named["fused_features"] == 384 + 1960


@pytest.mark.parametrize(("workers", "used"), [(3, 3), (None, 0)])
def test_an_estimate_uses_the_workers_and_the_share_that_are_asked_for(
    workers: int | None, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_chosen", lambda *_: ((), ()))
    monkeypatch.setattr("dfcore.training.inputs.estimate.estimate", lambda *_, **how: how)
    found: Any = preparing.estimate_store(SimpleNamespace(), ("cm",), workers=workers, shard="2/3", sample=5)  # type: ignore[arg-type]
    assert (found["workers"], found["shard"], found["sample"]) == (used, Shard(2, 3), 5)
