from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dfcore.data.prepare.videos
from dfcore.config import TrainConfig, override
from dfcore.data.clip_plan import ClipPlan
from dfcore.data.records import Scan, VideoRecord
from dfcore.errors import DatasetError, MediaError
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import store_path
from dfcore.training.trainer import train


def test_one_class_is_refused_with_the_failures(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_fakes(path: Path, plan: ClipPlan, *, record: VideoRecord, **rest: Any) -> list[Any]:
        if record.label == 0:
            raise MediaError(f"{path}: no face was found.")
        return toy_plugin.made_clips(path, plan, record=record)

    monkeypatch.setattr(dfcore.data.prepare.videos, "extract_clips", only_fakes)
    toy = override(toy, {"data.store": ""})
    with pytest.raises(DatasetError, match=r"(?s)0 real and \d fake training videos.*no face was found.*and 6 more"):
        train(toy)


def test_compression_that_tells_the_class_is_warned_of(
    toy: TrainConfig, toy_plugin: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(self: Any, root: Path) -> Scan:
        found = original(self, root)
        return replace(found, records=tuple(r for r in found.records if (r.compression == "c40") == bool(r.label)))

    original = toy_plugin.ToyDataset.scan
    train(override(toy, {"data.compressions": "", "stage.epochs": 1}))
    assert "compression tells" not in capsys.readouterr().out
    monkeypatch.setattr(toy_plugin.ToyDataset, "scan", scan)
    train(override(toy, {"data.compressions": "", "stage.epochs": 1}), overwrite=True)
    printed = capsys.readouterr().out
    assert "warning: compression tells the classes apart by itself (c23 " in printed
    assert "0 real / " in printed


def test_limit_takes_so_many_of_each_split_and_class(toy: TrainConfig) -> None:
    few = choose_videos(override(toy, {"data.limit": 2}))
    more = choose_videos(override(toy, {"data.limit": 3}))
    kinds: dict[tuple[str, int], int] = {}
    for record in few.records:
        kinds[record.split, record.label] = kinds.get((record.split, record.label), 0) + 1
    assert kinds[("train", 0)] == kinds[("train", 1)] == 2
    assert kinds[("test", 0)] == 2
    assert {r.id for r in few.records} < {r.id for r in more.records}


def test_the_store_lies_beside_the_runs(toy: TrainConfig, tmp_path: Path) -> None:
    toy = override(toy, {"data.store": ""})
    path = store_path(toy)
    assert path.parent == tmp_path / "runs" / "store"
    assert path.name.startswith("toy-")
    assert store_path(override(toy, {"data.store": "x"})) == Path("x")
    other = override(toy, {"data.root": str(tmp_path)})
    assert store_path(other) != path
