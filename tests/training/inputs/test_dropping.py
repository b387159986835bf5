"""The clips of a finished chunk go, unless another process is at work on their store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import pytest

from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.filesystem.owner import process_start
from dfcore.runs.hold import StoreHold
from dfcore.runs.lock import Holder
from dfcore.testing.views import made_clip
from dfcore.training.inputs.choose import Chosen
from dfcore.training.inputs.epochs import ChunkedData
from dfcore.training.inputs.prepare import Prepared

CHUNKS = (0, 1, 2)


def _prepared_before(chosen: Chosen, *, later: int = 0) -> Prepared:
    raise AssertionError("everything is in the store already")


@pytest.fixture
def run(tiny: ModuleType, tmp_path: Path) -> Callable[[int], tuple[ChunkedData, ClipStore]]:
    """The data of three chunks with two videos each, all prepared; how many chunks are kept is given."""

    def make(keep: int) -> tuple[ChunkedData, ClipStore]:
        store = ClipStore(tmp_path / "store")
        videos = tuple(
            VideoRecord(f"{chunk}/{label}", Path("x"), label, split="train", chunk=chunk)
            for chunk in CHUNKS
            for label in (0, 1)
        )
        for video in videos:
            store.write(video.id, [made_clip(frames=2, size=96)])
        store.index.save()
        config = tiny.tiny_config(tmp_path, data__keep_chunks=keep, data__store=str(store.root), stage__epochs=1)
        chosen, machine = Chosen("x", videos, chunks=CHUNKS), tiny.tiny_machine(config)
        return ChunkedData(config, tiny.TinyModel(), chosen, _prepared_before, machine), store

    return make


def chunks_in(store: ClipStore) -> set[str]:
    return {video.partition("/")[0] for video in ClipStore(store.root).ids()}


@pytest.mark.parametrize(("keep", "left"), [(0, "012"), (1, "12"), (2, "012")])
def test_chunks_before_the_last_few_are_dropped(
    run: Callable[[int], tuple[ChunkedData, ClipStore]], keep: int, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data, store = run(keep)
    with StoreHold(store.root, "training"):  # this process's own hold keeps nothing
        data.done(1)
    assert chunks_in(store) == set(left)
    assert ("the clips of chunk 0 are dropped" in capsys.readouterr().out) == (left == "12")


def test_clips_that_another_process_may_read_stay_until_it_has_gone(
    run: Callable[[int], tuple[ChunkedData, ClipStore]], capsys: pytest.CaptureFixture[str]
) -> None:
    data, store = run(1)
    other = replace(Holder.here("preparing"), pid=os.getppid(), started=process_start(os.getppid()))
    mark = store.root / f".in-use.{other.token}"
    mark.write_text(json.dumps(asdict(other)))
    data.done(1)
    assert chunks_in(store) == {"0", "1", "2"}
    said = capsys.readouterr().out
    assert f"the clips of chunk 0 stay: process {os.getppid()}" in said
    assert "dropped" not in said
    mark.unlink()
    data.done(2)
    assert chunks_in(store) == {"2"}
