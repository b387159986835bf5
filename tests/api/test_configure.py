"""How the configuration comes together from its sources."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import dfcore
from dfcore.config import StageConfig, TrainConfig, override
from dfcore.errors import ConfigError, UnknownNameError, UsageError
from dfcore.plugins import registry


@pytest.mark.parametrize("number", sorted(registry().stages()))
def test_the_stage_gives_the_numbers(tmp_path: Path, number: int) -> None:
    made, stage = dfcore.configure("cm", stage=number, data=tmp_path, out="here"), registry().stage(number)
    assert (made.stage.number, made.stage.lr, made.stage.epochs) == (number, stage.lr, stage.epochs)
    assert (made.stage.loss, made.stage.dataset) == (stage.loss, stage.dataset)
    assert made.stage.chunks == tuple(map(str, stage.chunks))
    assert (made.data.root, made.run.out) == (str(tmp_path), "here")
    assert made.data.pseudo_only is stage.pretraining


def test_the_sections_defaults_are_what_stage_1_announces(tmp_path: Path) -> None:
    assert dfcore.configure("cm", stage=1, data=tmp_path).stage == StageConfig()


def test_later_sources_win(file: Path, tmp_path: Path) -> None:
    file.write_text("[set]\n'stage.lr' = 1.0\n'run.out' = 'file'\n'data.store' = 'file'\n'stage.epochs' = 10\n")
    made = dfcore.configure("cm", data=tmp_path, out="given", store="given", set={"data.store": "set"})
    assert (made.stage.lr, made.stage.epochs, made.run.out, made.data.store) == (1.0, 10, "given", "set")


def test_a_datasets_defaults_give_way_to_the_file(file: Path) -> None:
    assert dfcore.configure("cm", data="demo").data.samples_per_video == 4
    file.write_text("[set]\n'data.samples_per_video' = 5\n")
    assert dfcore.configure("cm", data="demo").data.samples_per_video == 5


def test_the_file_may_name_data_and_dataset_and_set_wins(file: Path) -> None:
    file.write_text("[set]\n'data.root' = '/one'\n'stage.dataset' = 'folder'\n")
    made = dfcore.configure("cm")
    assert (made.data.root, made.stage.dataset) == ("/one", "folder")
    made = dfcore.configure("cm", data="/two", dataset="csv", set={"data.root": "/three"})
    assert (made.data.root, made.stage.dataset) == ("/three", "csv")


def test_demo_is_a_dataset_without_a_folder(tmp_path: Path) -> None:
    made = dfcore.configure("cm", stage=1, data="demo", out=tmp_path)
    assert (made.stage.dataset, made.data.root) == ("demo", str(tmp_path / "data" / "demo"))
    assert made.model.pretrained is False
    assert made.model.backbone == "test_efficientnet"
    assert (made.stage.lr, made.stage.epochs, made.stage.head_lr_factor) == (1e-4, 6, 10)  # the stage's, and a factor
    chosen = dfcore.configure("cm", data="demo", set={"model.backbone": "resnet50"})
    assert chosen.model.backbone == "resnet50"
    assert dfcore.configure("cm", data="demo", set={"model.pretrained": "yes"}).model.pretrained is True


def test_a_folder_named_demo_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert dfcore.configure("cm", data="demo").stage.dataset == "faceforensics"


def test_the_environment_names_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DFCORE_DATASET_FACEFORENSICS", "/ff")
    assert dfcore.configure("cm").data.root == "/ff"


def test_without_data_all_ways_to_name_it_are_said() -> None:
    with pytest.raises(UsageError, match=r"(?s)data\.root=.*DFCORE_DATASET_DFDC=.*dfcore\.toml") as error:
        dfcore.configure("cm", stage=4)
    assert "--" not in str(error.value), "a library user has no options"


def test_another_adapter(tmp_path: Path) -> None:
    assert dfcore.configure("cm", data=tmp_path, dataset="folder").stage.dataset == "folder"
    with pytest.raises(UnknownNameError, match="Did you mean 'folder'"):
        dfcore.configure("cm", data=tmp_path, dataset="foldr")


def test_unknown_names_are_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown specialist 'xm'"):
        dfcore.configure("xm", data=tmp_path)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'stage\.epochs'"):
        dfcore.configure("cm", data=tmp_path, set={"stage.epoch": 3})
    with pytest.raises(UnknownNameError, match="There are the stages 0, 1, 2, 4"):
        dfcore.configure("cm", stage=3, data=tmp_path)


class TestStageNumber:
    def test_override_does_not_change_the_stage_alone(self) -> None:
        """It would keep another stage's rate, loss and dataset."""
        with pytest.raises(ConfigError, match=r"dfcore\.configure\('cm', stage=4"):
            override(TrainConfig("cm"), {"stage.number": 4})
        assert override(TrainConfig("cm"), {"stage.number": "1"}) == TrainConfig("cm")

    def test_set_and_file_name_the_stage_with_all_that_it_decides(self, file: Path, tmp_path: Path) -> None:
        wanted = dfcore.configure("cm", stage=2, data=tmp_path)
        assert wanted.stage.loss == "focal"
        assert dfcore.configure("cm", data=tmp_path, set={"stage.number": "2"}) == wanted
        file.write_text("[set]\n'stage.number' = 2\n")
        assert dfcore.configure("cm", data=tmp_path) == wanted
        assert dfcore.configure("cm", stage=1, data=tmp_path).stage.number == 1

    def test_two_stages_contradict_each_other(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"two stages are named: 1, and stage\.number=2"):
            dfcore.configure("cm", stage=1, data=tmp_path, set={"stage.number": 2})

    def test_chunks_are_for_a_stage_in_chunks_or_a_dataset_that_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"stage\.chunks is for.*stage 1 \(FaceForensics\+\+\) is taken whole"):
            dfcore.configure("cm", stage=1, data=tmp_path, set={"stage.chunks": "0,1"})
        made = dfcore.configure("cm", stage=1, data=tmp_path, dataset="dfdc", set={"stage.chunks": "0,1"})
        assert made.stage.chunks == ("0", "1")


class TestCurriculum:
    @pytest.fixture
    def datasets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("faceforensics", "celebdf", "dfdc"):
            monkeypatch.setenv(f"DFCORE_DATASET_{name.upper()}", f"/data/{name}")

    @pytest.mark.usefixtures("datasets")
    def test_every_stage_is_as_if_configured_by_itself(self) -> None:
        made = dfcore.configure_curriculum("cm", out="here", set={"stage.batch_size": 3})
        alone = [dfcore.configure("cm", stage=n, out="here", set={"stage.batch_size": 3}) for n in (1, 2, 4)]
        assert made == alone
        assert [one.data.root for one in made] == ["/data/faceforensics", "/data/celebdf", "/data/dfdc"]

    @pytest.mark.usefixtures("datasets")
    def test_chunks_concern_the_stages_that_have_them(self) -> None:
        made = dfcore.configure_curriculum("cm", set={"stage.chunks": "present"})
        assert [one.stage.chunks for one in made] == [(), (), ("present",)]

    @pytest.mark.usefixtures("datasets")
    def test_what_only_one_stage_can_take_is_refused(self) -> None:
        for key in ("data.root", "stage.dataset", "stage.start"):
            with pytest.raises(UsageError, match=rf"{key} is for one stage.*1 \(FaceForensics\+\+\), 2 \(Celeb-DF\)"):
                dfcore.configure_curriculum("cm", set={key: "x"})

    def test_the_stages_without_data_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DFCORE_DATASET_DFDC", "/data/dfdc")
        with pytest.raises(UsageError, match="DFCORE_DATASET_CELEBDF") as error:
            dfcore.configure_curriculum("cm")
        assert "DFCORE_DATASET_DFDC" not in str(error.value)


def test_a_specialist_without_a_cue_module_is_refused_by_every_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = dataclasses.replace(registry().specialist("cm"), module="")
    monkeypatch.setattr(type(registry()), "specialist", lambda self, name: spec)
    config = TrainConfig("cm")
    doors = (
        lambda: dfcore.configure("cm", data=tmp_path),
        lambda: dfcore.configure_curriculum("cm"),
        lambda: dfcore.create("cm"),
        lambda: dfcore.prepare(config),
        lambda: dfcore.train(config),
    )
    for door in doors:
        with pytest.raises(UsageError, match=r"'cm' .* has no cue module yet"):
            door()
