"""A small specialist with a fake cue module, found through a fake registry: no plugin is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfcore.errors import UnknownNameError
from dfcore.models import factory
from dfcore.models.files import weights
from dfcore.models.specialist import Parts, Specialist
from dfcore.plugins import Registry
from dfcore.specs import ComponentSpec, CueSpec, SpecialistSpec

CELL_CHANNELS = 6
SIZE = 64


class FakeCue(nn.Module):
    """Mean and deviation of each tile, and the share of the face, through one small learned layer."""

    channels = CELL_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, self.channels, 1)

    def forward(self, views: dict[str, Tensor]) -> Tensor:
        tiles = views["tiles"].float().flatten(2) / 255
        cells = torch.stack([tiles.mean(2), tiles.std(2), views["tile_face"].flatten(2).mean(2)], dim=1)
        return self.mix(cells.unflatten(2, (7, 7)))


SPEC = SpecialistSpec(
    name="fake",
    title="Fake traces",
    cues=(CueSpec("level", 4), CueSpec("spread", 2)),
    module="fake_plugin.module:FakeCue",
    views=("tiles", "tile_face"),
)


class FakeRegistry:
    """The core's own announcements, and the given ones."""

    def __init__(self, specialists: list[SpecialistSpec], backbones: list[ComponentSpec]) -> None:
        self.core = Registry(entries=[])
        self.specialists = {spec.name: spec for spec in specialists}
        self.backbones = {spec.name: spec for spec in backbones}

    def specialist(self, name: str) -> SpecialistSpec:
        if name not in self.specialists:
            raise UnknownNameError("specialist", name, self.specialists)
        return self.specialists[name]

    trainable = Registry.trainable

    def specialist_names(self) -> list[str]:
        return sorted(self.specialists)

    def components(self, kind: str) -> dict[str, ComponentSpec]:
        return {**self.core.components(kind), **(self.backbones if kind == "backbone" else {})}

    def component(self, kind: str, name: str) -> ComponentSpec:
        found = self.components(kind)
        return found[name] if name in found else self.core.component(kind, name)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """These models are too small to gain from threads, which only wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module ``fake_plugin.module``; a test may put more into it."""
    package, module = ModuleType("fake_plugin"), ModuleType("fake_plugin.module")
    module.FakeCue = FakeCue  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_plugin", package)
    monkeypatch.setitem(sys.modules, "fake_plugin.module", module)
    return module


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch, plugin: ModuleType) -> Callable[..., None]:
    """``announce(spec, ..., backbones=[...])`` makes the factory see these and nothing else."""

    def install(*specs: SpecialistSpec, backbones: list[ComponentSpec] | None = None) -> None:
        found = FakeRegistry(list(specs), backbones or [])
        monkeypatch.setattr(factory, "registry", lambda: found)

    install(SPEC)
    return install


@pytest.fixture
def build(announce: Callable[..., None]) -> Callable[..., Specialist]:
    """``build(**overrides)``: a tiny specialist that starts at random."""

    def make(name: str = "fake", **overrides: Any) -> Specialist:
        values = {"backbone": "test_efficientnet", "pretrained": False, "image_size": SIZE, "seed": 1, **overrides}
        return factory.create(name, **values)

    return make


@pytest.fixture
def views() -> Callable[..., dict[str, Tensor]]:
    """``views(batch, seed, frames=None)``: what the fake specialist reads."""

    def make(batch: int = 3, seed: int = 0, size: int = SIZE, frames: int | None = None) -> dict[str, Tensor]:
        source = torch.Generator().manual_seed(seed)
        lead = (batch,) if frames is None else (batch, frames)
        return {
            "face": torch.randn(*lead, 3, size, size, generator=source),
            "tiles": torch.randint(0, 256, (batch, 49, 64, 64), generator=source, dtype=torch.uint8),
            "tile_face": torch.rand(batch, 49, 4, 4, generator=source),
        }

    return make


DESCRIBED = {
    "stage": 1,
    "metrics": {"auc": np.float32(0.5), "bad": float("nan")},
    "config": {"out": Path("runs"), "t": (1, 2)},
}
"""What a trainer might have to say about saved weights."""


class Backbone(nn.Conv2d):
    num_features, image_size = 8, 14


@pytest.fixture
def smallest() -> Specialist:
    """As small as a specialist can be: nothing here runs it."""
    torch.manual_seed(0)
    parts = Parts(Backbone(3, 8, 2, stride=2), nn.Conv2d(3, 6, 1), nn.BatchNorm1d(8), nn.Linear(302, 2))
    return Specialist(SPEC, parts, {"backbone": "own", "heads": 8})


@pytest.fixture
def final(smallest, tmp_path) -> Path:
    path = tmp_path / "fake_stage1_final.pt"
    weights.save_final(path, smallest, DESCRIBED)
    return path


@pytest.fixture
def best(smallest, tmp_path) -> Path:
    path = tmp_path / "best.zip"
    weights.save_zip(path, smallest, DESCRIBED)
    return path
