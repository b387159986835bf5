"""Freed memory stays for the next step; what a stage or a chunk held is gone before the next one is made."""

from __future__ import annotations

import ctypes
import gc
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from stages import at_stage

import dfcore.training.trainer as trainer
from dfcore.config import TrainConfig, override
from dfcore.data.records import Scan
from dfcore.models import factory
from dfcore.training.curriculum import train_curriculum
from dfcore.training.inputs.data import TrainingData
from dfcore.training.run import Run
from dfcore.training.runtime.distributed import World
from dfcore.training.runtime.machine import make_machine
from dfcore.training.runtime.memory import keep_freed_memory
from dfcore.training.runtime.time_limit import NO_LIMIT
from dfcore.training.trainer import train


@pytest.mark.slow
def test_a_stages_model_is_gone_when_the_next_one_is_made(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optimiser and data go with it: they are held by the same run."""
    create, init = factory.create, Run.__init__
    held: list[Any] = []
    alive: list[int] = []

    def made(*args: Any, **kwargs: Any) -> Any:
        alive.append(sum(one() is not None for one in held))
        model = create(*args, **kwargs)
        model.itself = [model]  # as a plugin's module may: only a collection frees it
        held.append(weakref.ref(model))
        return model

    def begun(self: Run, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        held.extend(map(weakref.ref, (self.optimiser, self.epoch_data)))

    monkeypatch.setattr(factory, "create", made)
    monkeypatch.setattr(Run, "__init__", begun)
    gc.disable()
    stages = [at_stage(toy, number, stage__epochs=1, stage__start="scratch") for number in (1, 2, 4)]
    try:
        train_curriculum(stages)
    finally:
        gc.enable()
    assert alive == [0, 0, 0]
    assert len(held) == 9


def stored_files_open() -> set[str]:
    """The store's files that this process has mapped or open."""
    maps = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return {name for name in [*maps, *links] if name.endswith(".safetensors")}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux to tell which files are open")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_chunks_files_are_closed_when_the_next_one_is_prepared(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    scan, prepare, draw = toy_plugin.ToyDataset.scan, trainer.prepare_inputs, TrainingData.__init__
    before = stored_files_open()
    open_files: list[int] = []
    data: list[Any] = []

    def in_parts(self: Any, root: Path) -> Scan:
        found = scan(self, root)
        for record in found.records:
            object.__setattr__(record, "part", f"part_{5 * (int(record.id.split('_')[1]) % 2)}")
        return found

    def preparing(*args: Any, **kwargs: Any) -> Any:
        open_files.append(len(stored_files_open() - before))  # another test's may be, while its garbage lies about
        assert not any(one() for one in data)
        return prepare(*args, **kwargs)

    def begun(self: TrainingData, *args: Any, **kwargs: Any) -> None:
        draw(self, *args, **kwargs)
        data.append(weakref.ref(self))

    monkeypatch.setattr(toy_plugin.ToyDataset, "scan", in_parts)
    monkeypatch.setattr(trainer, "prepare_inputs", preparing)
    monkeypatch.setattr(TrainingData, "__init__", begun)
    train(override(toy, {"stage.chunks": "0,1", "stage.epochs": 1, "data.workers": workers}))
    assert open_files == [0, 0]
    assert len(data) == 2


class FakeLibrary:
    """A C library that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: dict[int, int] = {}

    def mallopt(self, name: int, value: int) -> int:
        self.asked[name] = value
        return 1


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    library = FakeLibrary()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    for name in (
        "MALLOC_TRIM_THRESHOLD_",
        "MALLOC_MMAP_MAX_",
        "MALLOC_MMAP_THRESHOLD_",
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
    ):
        monkeypatch.delenv(name, raising=False)
    return library


def test_on_a_cpu_blocks_are_neither_mapped_anew_nor_trimmed(library: FakeLibrary, toy: TrainConfig) -> None:
    make_machine(override(toy, {"run.device": "cpu"}), World(), NO_LIMIT)
    assert library.asked == {-4: 0, -1: -1}  # M_MMAP_MAX, M_TRIM_THRESHOLD


def test_the_allocator_is_left_alone_where_a_key_or_the_environment_says_so(
    library: FakeLibrary, toy: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_machine(override(toy, {"run.device": "cpu", "run.keep_memory": False}), World(), NO_LIMIT)
    monkeypatch.setenv("LD_PRELOAD", "libjemalloc.so")
    assert not keep_freed_memory()
    assert library.asked == {}


def test_a_c_library_without_that_setting_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_freed_memory()
