"""Warnings before a disk is full."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from torch import nn

import dfcore.training.callbacks.disk_watch as run_disk
import dfcore.training.inputs.store_watch as disk
from dfcore.config import TrainConfig, override
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.kaggle import FreeSpace
from dfcore.testing.views import made_clip
from dfcore.training.inputs.choose import Chosen
from dfcore.training.inputs.epochs import ChunkedData
from dfcore.training.inputs.prepare import Prepared
from dfcore.training.inputs.store_watch import StoreWatch, mean_size
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run
from dfcore.training.trainer import train


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the free space that the disk is said to have."""

    def set_free(count: int) -> None:
        for module in (disk, run_disk):
            monkeypatch.setattr(module, "free_space", lambda path: FreeSpace(count, "the disk"))

    set_free(10**15)
    return set_free


def records(count: int) -> list[VideoRecord]:
    return [VideoRecord(f"v{n:02d}", Path(f"v{n}.mp4"), n % 2) for n in range(count)]


def fill(store: ClipStore, watch: StoreWatch | None, first: int, count: int) -> None:
    for n in range(first, first + count):
        clip = made_clip(n, frames=2, size=96)
        clip.evidence["ghost"] = np.zeros((2, 3, 6, 6), np.float16)
        store.write(f"v{n:02d}", [clip])
        if watch:
            watch.count()


def test_the_size_of_a_video_counts_its_evidence(tmp_path: Path) -> None:
    store = ClipStore(tmp_path)
    assert mean_size(store) == 0
    fill(store, None, 0, 2)
    files = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    assert mean_size(store) == files / 2
    assert any(".evidence." in path.name for path in tmp_path.rglob("*.safetensors"))


def test_the_first_few_videos_give_the_estimate(tmp_path: Path, free: Callable[[int], None]) -> None:
    store, said = ClipStore(tmp_path), []
    watch = StoreWatch(tmp_path, records(12), said.append)
    free(1)
    fill(store, watch, 0, 3)
    assert not said
    fill(store, watch, 3, 1)
    assert len(said) == 1
    each = mean_size(store)
    assert f"8 videos still to be prepared, likely {8 * each / 1e9:.2f} GB at {each / 1e6:.1f} MB" in said[0]
    for words in ("in the disk", "(data.store)", "data.limit", "dfcore runs prune"):
        assert words in said[0]
    assert "keep_chunks" not in said[0]
    fill(store, watch, 4, 4)
    assert len(said) == 1, "once is enough"


def test_what_is_there_already_gives_it_at_once(tmp_path: Path, free: Callable[[int], None]) -> None:
    store, said = ClipStore(tmp_path), []
    fill(store, None, 0, 5)
    each = mean_size(store)
    free(int(10 * each))
    StoreWatch(tmp_path, records(15), said.append)
    assert not said, "just enough"
    StoreWatch(tmp_path, records(16), said.append)
    assert len(said) == 1
    StoreWatch(tmp_path, records(5), said.append, later=11, chunked=True)
    assert "11 videos still" in said[1]
    assert "data.keep_chunks=1" in said[1]


def test_known_failures_take_no_space(tmp_path: Path, free: Callable[[int], None]) -> None:
    store, said = ClipStore(tmp_path), []
    fill(store, None, 0, 4)
    store.failures.add("v04", Path("v4.mp4"), "no face", store.entry("v00").origin)
    free(1)
    StoreWatch(tmp_path, records(5), said.append)
    assert not said


@pytest.mark.slow
def test_a_run_warns_while_it_prepares_and_trains(
    toy: TrainConfig, tmp_path: Path, free: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    free(1000)
    result = train(override(toy, {"data.store": str(tmp_path / "store")}))
    said = capsys.readouterr().out
    assert said.count("warning: the disk may not hold all clips") == 1
    assert said.count("warning: checkpoints may not fit on the disk") == 1
    assert said == (result.folder / "log.txt").read_text()
    free(10**12)
    train(override(toy, {"run.out": str(tmp_path / "again"), "data.store": str(tmp_path / "store")}))
    assert "may not" not in capsys.readouterr().out


def test_what_a_run_is_said_to_need_is_no_less_than_it_takes(
    tiny: ModuleType, tmp_path: Path, free: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    class Big(tiny.TinyModel):  # type: ignore[name-defined, misc]
        """Weights that outweigh the logs."""

        def __init__(self) -> None:
            super().__init__()
            self.more = nn.Linear(1000, 1000)

        def forward(self, views: object, labels: object = None) -> object:
            output = super().forward(views, labels)
            return output._replace(auxiliary=self.more.weight.square().mean())

    class Peak(BaseCallback):
        most = 0

        def on_epoch(self, run: Run) -> None:
            files = [path for path in run.folder.path.iterdir() if path.suffix != ".png"]
            last = run.folder.last.stat().st_size  # the next is written beside it
            type(self).most = max(self.most, sum(path.stat().st_size for path in files) + last)

    free(0)
    tiny.tiny_run(
        tiny.tiny_config(tmp_path, stage__epochs=5), model=Big(), first=(run_disk.DiskWatch(),), extra=(Peak(),)
    )
    asked = float(re.search(r"may still need ([\d.]+) GB", capsys.readouterr().out)[1])  # type: ignore[index]
    assert 1 < asked * 1e9 / Peak.most < 2


def _never(chosen: Chosen, *, later: int = 0) -> Prepared:
    raise AssertionError("nothing is prepared before its chunk's turn")


@pytest.mark.parametrize(("keep", "later"), [(0, [4, 2, 0]), (1, [0, 0, 0]), (2, [2, 0, 0]), (9, [4, 2, 0])])
def test_later_chunks_count_where_they_are_kept_together(
    tiny: ModuleType, tmp_path: Path, keep: int, later: list[int]
) -> None:
    videos = [
        VideoRecord(f"{chunk}/{label}", Path("x"), label, split="train", chunk=chunk)
        for chunk in range(3)
        for label in (0, 1)
    ]
    config = tiny.tiny_config(tmp_path, data__keep_chunks=keep)
    found = ChunkedData(
        config, tiny.TinyModel(), Chosen("x", tuple(videos), chunks=(0, 1, 2)), _never, tiny.tiny_machine(config)
    )
    assert [found._later(place) for place in range(3)] == later
