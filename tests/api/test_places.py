"""What is found and chosen on Kaggle when nobody says where things are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dfcore.api import places
from dfcore.api.configure import configure, configure_curriculum
from dfcore.cli.datasets import command
from dfcore.cli.output.announce import announce
from dfcore.errors import DatasetError, UsageError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An imitation with FaceForensics++ two folders deep and Celeb-DF."""
    root = tmp_path / "kaggle"
    for folder in (
        "working",
        "input/datasets/owner/ff-c23/FF/original_sequences/youtube/c23/videos",
        "input/celeb-df-v2/Celeb-real",
    ):
        (root / folder).mkdir(parents=True)
    monkeypatch.setenv("DFCORE_KAGGLE", str(root))
    return root


def second_copy(root: Path) -> Path:
    folder = root / "input/other"
    (folder / "manipulated_sequences").mkdir(parents=True)
    return folder


def test_data_runs_and_clips(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = configure("cm")
    ff = root / "input/datasets/owner/ff-c23/FF"
    assert (made.stage.dataset, made.data.root) == ("faceforensics", str(ff))
    assert made.run.out == str(root / "working/runs")
    assert Path(made.data.store).parent == root / "temp/dfcore/store"
    assert Path(made.data.store).name.startswith("faceforensics-")
    announce([made])
    said = capsys.readouterr().out
    assert f"known by DFCORE_KAGGLE={root}; runs go to {root}/working/runs, which is kept" in said
    assert f"clips of faceforensics go to {made.data.store}, gone when the session ends" in said
    assert f"FaceForensics++ was recognised by its folders in {ff}" in said
    assert "Celeb-DF" not in said


def test_only_the_main_process_says_so(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    announce([configure("cm")])
    assert capsys.readouterr().out == ""


def test_elsewhere_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = configure("cm", data=tmp_path)
    assert (made.run.out, made.data.store) == ("runs", "")
    announce([made])
    assert capsys.readouterr().out == ""


def test_what_the_user_says_wins(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert configure("cm", data=tmp_path).data.root == str(tmp_path)
    monkeypatch.setenv("DFCORE_DATASET_FACEFORENSICS", "/ff")
    assert configure("cm").data.root == "/ff"
    assert configure("cm", store="s").data.store == "s"
    elsewhere = configure("cm", out=tmp_path / "out")
    assert elsewhere.data.store == "", "beside the runs, where these are not under the working folder's limit"


def test_two_copies_are_named_and_none_is_guessed(root: Path) -> None:
    other = second_copy(root)
    with pytest.raises(UsageError, match="2 of the attached folders hold FaceForensics") as error:
        configure("cm")
    assert f"  {root}/input/datasets/owner/ff-c23/FF\n  {other}\n" in str(error.value)
    assert "data.root=FOLDER" in str(error.value)
    assert configure("cm", data=other).data.root == str(other)


def test_what_is_not_attached_is_said_with_what_is(root: Path) -> None:
    with pytest.raises(UsageError, match="Add Input") as error:
        configure("cm", stage=4)
    assert f"Celeb-DF in {root}/input/celeb-df-v2" in str(error.value)
    with pytest.raises(UsageError, match="DFCORE_DATASET_DFDC") as error:
        configure_curriculum("cm")
    assert "FACEFORENSICS=" not in str(error.value)
    assert "Add Input" in str(error.value)
    (root / "input/dfdc/dfdc_train_part_0").mkdir(parents=True)
    places._below.cache_clear()
    assert [one.stage.number for one in configure_curriculum("cm")] == [1, 2, 4]


def test_nothing_is_written_to_the_input(root: Path) -> None:
    before = sorted(root.rglob("*"))
    configure("cm")
    CliRunner().invoke(command, ["find"])
    assert sorted(root.rglob("*")) == before


class TestDatasets:
    def test_the_list_shows_what_was_recognised(self, root: Path) -> None:
        second_copy(root)
        lines = {line.split()[0]: line for line in CliRunner().invoke(command, []).output.split("\n\n")[0].splitlines()}
        assert f"{root}/input/celeb-df-v2 (by its layout)" in lines["celebdf"]
        assert f"one of {root}/input/datasets/owner/ff-c23/FF, {root}/input/other: say which" in lines["faceforensics"]

    def test_find(self, root: Path) -> None:
        rows = json.loads(CliRunner().invoke(command, ["find", "--json"]).output)
        assert [(row["dataset"], row["root"]) for row in rows] == [
            ("celebdf", f"{root}/input/celeb-df-v2"),
            ("faceforensics", f"{root}/input/datasets/owner/ff-c23/FF"),
        ]
        words = [line.split() for line in CliRunner().invoke(command, ["find", str(root)]).output.splitlines()]
        assert ["celebdf", "Celeb-DF", f"{root}/input/celeb-df-v2"] in words

    def test_find_nothing(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        error = CliRunner().invoke(command, ["find", str(root / "working")]).exception
        assert isinstance(error, DatasetError)
        assert "--dataset csv" in str(error)
        monkeypatch.delenv("DFCORE_KAGGLE")
        assert isinstance(CliRunner().invoke(command, ["find"]).exception, UsageError)
