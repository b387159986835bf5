"""Each kind of file at each door, and what a file says of its model: refused with the message that helps."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dfcore.errors import CheckpointError, UnknownNameError, WeightsError
from dfcore.inference.models import Found, load_models
from dfcore.models import factory
from dfcore.models.backbones import backbone
from dfcore.models.backbones.pretrained import read_file

Save = Callable[..., Path]


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory, save_specialist: Save) -> Path:
    return save_specialist(tmp_path_factory.mktemp("runs"))


def changed(final: Path, path: Path, model: dict[str, Any] | None = None, **meta: Any) -> Path:
    """The weights with another description."""
    content = torch.load(final, weights_only=True)
    content |= {**meta, "model": {**content["model"], **(model or {})}}
    torch.save(content, path)
    return path


@pytest.fixture(params=["legacy", "zip", "state", "bare", "noise"])
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A file that is no weights of dfcore, and its kind."""
    kind, path = request.param, tmp_path / f"{request.param}.pth"
    if kind == "legacy":  # of before torch 1.6, and damaged
        torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
        data = path.read_bytes()
        key = list(re.finditer(rb"\d{8,}", data))[-1].start()  # of a storage, in the list behind the tensors
        path.write_bytes(data[:key] + b"x" + data[key + 1 :])
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("notes.txt", "hello")
    elif kind == "state":
        torch.save({"format": 1, "conditions": {}, "optimiser": {}, "model": {}}, path)
    elif kind == "bare":
        torch.save({"conv.weight": torch.zeros(3)}, path)
    else:
        path.write_bytes(bytes(range(256)) * 9)
    return kind, path


def test_weights_of_a_specialist_are_wanted(foreign: tuple[str, Path]) -> None:
    kind, path = foreign
    said = {
        "legacy": "it is no torch archive",
        "zip": "a zip archive, but neither a best epoch's nor torch's: it holds 'notes.txt'",
        "state": "the state of a run under way",
        "bare": "a bare state dict of 1 tensors: .* model.backbone_weights=FILE",
        "noise": "it is no torch archive",
    }[kind]
    with pytest.raises(CheckpointError, match=said) as caught:
        factory.load(path)
    assert str(caught.value).startswith(str(path))
    assert "last.pt" not in str(caught.value)  # it is none of those that are accepted


def test_weights_of_a_backbone_are_wanted(foreign: tuple[str, Path], final: Path) -> None:
    kind, path = foreign
    if kind == "bare":
        assert list(read_file(path)) == ["conv.weight"]
        return
    said = {"state": "a whole specialist of dfcore.*stage.start=FILE"}.get(kind, "cannot be read as weights")
    with pytest.raises(WeightsError, match=said) as caught:
        read_file(path)
    assert str(caught.value).startswith(str(path))
    with pytest.raises(WeightsError, match=r"a whole specialist of dfcore.*stage.start=FILE"):
        read_file(final)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"heads": 10**9}, "model.heads takes a whole number at least 1 and at most 1024"),
        ({"heads": 0}, "model.heads takes"),
        ({"dropout": float("nan")}, "model.dropout takes a number at least 0 and below 1"),
        ({"dropout": -0.5}, "model.dropout takes"),
        ({"image_size": 10**9}, "model.image_size takes"),
        ({"backbone": "hf-hub:somebody/evil"}, "neither code nor a place to fetch it from"),
        ({"classifier": "evil:Module"}, "neither code nor a place to fetch it from"),
    ],
)
def test_what_a_file_says_of_its_model_is_checked_before_it_is_built(
    final: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(factory, "create", None)
    with pytest.raises(CheckpointError, match=said):
        factory.load(changed(final, tmp_path / "a.pt", model))


def test_a_huge_backbone_that_the_file_does_not_hold_is_never_built(
    final: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = changed(final, tmp_path / "a.pt", {"backbone": "vit_giant_patch14_clip_224", "image_size": 224})
    real, built = backbone._build, list[str]()

    def build(*args: Any) -> torch.nn.Module:
        made = real(*args)
        built.extend({parameter.device.type for parameter in made.parameters()})
        return made

    monkeypatch.setattr(backbone, "_build", build)
    with pytest.raises(
        CheckpointError, match=r"says that its backbone is 'vit_giant\S+, and its tensors are of another"
    ):
        factory.load(path)
    assert set(built) <= {"meta"}


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"specialist": "zz", "distribution": "dfs-zz"}, "the file says that dfs-zz brings it.*`pip install dfs-zz`"),
        ({"specialist": "zz", "distribution": "a; rm -r b"}, "install the plugin that brings it"),
        ({"specialist": "zz"}, "the file says that dfs-cm brings it"),
    ],
)
def test_an_absent_plugin_is_named_and_the_other_models_go_on(
    final: Path, tmp_path: Path, meta: dict[str, Any], said: str
) -> None:
    path = changed(final, tmp_path / "a.pt", **meta)
    with pytest.raises(UnknownNameError, match=said):
        load_models([Found(path, named=True)], "cpu")
    roster = load_models([Found(path, named=True), Found(final, named=True)], "cpu")
    assert [member.label for member in roster.members] == ["cm"]
    (note,) = roster.notes
    assert note.startswith("left out: unknown specialist 'zz'")
    assert str(path) in note
