from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

import dfcore.data.prepare.videos
from dfcore.config import TrainConfig, override
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.records import Scan, VideoRecord
from dfcore.errors import DatasetError, MediaError
from dfcore.training.inputs import choose
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import store_path
from dfcore.training.inputs.samples import data_table
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


@pytest.mark.slow
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


def test_what_pseudo_fakes_are_made_is_among_the_notes(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    spec: Any = SimpleNamespace(name="toy", uses_audio=False)
    monkeypatch.setattr(choose, "forged_pairs", lambda real, spec, share, seed: list(real[:2]) * 3)
    chosen = choose_videos(override(toy, {"data.pseudo_fakes": 0.5}), [spec])
    assert chosen.notes[-1] == "3 pairs of pseudo-fakes of toy and their controls are made of real videos."
    assert len(chosen.records) == len(choose_videos(toy, [spec]).records) + 6
    assert not any("pseudo" in note for note in choose_videos(toy, [spec]).notes)


def test_the_table_of_videos_has_a_line_for_each_compression_in_order() -> None:
    kinds = ["raw", "c40", "c23", "hq", "b", "a"]
    records = [VideoRecord(f"{kind}{i}", Path("x"), int(i > 0), split="train", compression=kind) for kind in kinds
               for i in range(3)]  # fmt: skip
    test = VideoRecord("t", Path("x"), 1, split="test", compression="c23")
    chosen: Any = SimpleNamespace(records=[*records, test])
    lines = data_table(chosen, cast(Any, SimpleNamespace(records=records)))
    assert lines[0].split() == ["train", "test", "(not", "read)"]
    assert lines[1].split() == ["real", "fake"] * 2
    assert [line.split() for line in lines[2:]] == [
        [kind, "1", "2", "0", "1" if kind == "c23" else "0"] for kind in sorted(kinds)
    ]
    assert len({len(line) for line in lines}) == 1
