"""Plugins made in a folder on the path, with the metadata that an installer would write."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PLUGIN = '''\
"""The announcement."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import ComponentSpec, CueSpec, DatasetSpec, EvidenceSpec, SpecialistSpec, StageSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist():
    return SpecialistSpec(
        name="{name}",
        title="Made up",
        cues=(CueSpec("level", 3), CueSpec("spread", 1)),
        module="{package}.module:CueModule",
        views=("tiles", "tile_face", "ghost"),
        evidence=(EvidenceSpec("ghost", 1, "{package}.evidence:extract", channels=2),),
        clip_frames=2,
        augmentations=("hflip",),
        abstain_reason="{package}.evidence:abstain_reason",
        pseudo_fake="{package}.evidence:Darker",
    )


@hookimpl
def dfcore_losses():
    return [ComponentSpec("{name}_loss", "{package}.parts:Loss")]


@hookimpl
def dfcore_callbacks():
    return [ComponentSpec("{name}_notify", "{package}.parts:Notify")]


@hookimpl
def dfcore_datasets():
    return [DatasetSpec("{name}_videos", "Made videos", "{package}.parts:Videos")]
'''

MODULE = '''\
"""The cue module."""

import torch
from torch import nn

from dfcore.models.cues import CueProjection


class CueModule(nn.Module):
    channels = 4

    def __init__(self):
        super().__init__()
        self.mix = CueProjection(4, 4)

    def forward(self, views):
        tiles = views["tiles"].float().flatten(2) / 255
        face = views["tile_face"].flatten(2).mean(2)
        ghost = views["ghost"].flatten(2).mean(2)
        cells = torch.stack([tiles.mean(2), tiles.std(2), face, ghost], 1)
        return self.mix(cells)
'''

EVIDENCE = '''\
"""What is computed when clips are prepared, and pseudo-fakes."""

from dataclasses import replace

import numpy as np


def extract(clip):
    blocks = clip.y.reshape(len(clip.y), clip.y.shape[1] // 16, 16, -1, 16)
    values = np.stack([blocks.mean((2, 4)), blocks.std((2, 4))], 1)
    return values.astype(np.float16)


def abstain_reason(clip):
    return None


class Darker:
    kinds = ("dark",)

    def __call__(self, footage, kind, rng):
        return footage, replace(footage, y=footage.y // 2)
'''

PARTS = '''\
"""A loss, a callback and a dataset."""

from dfcore.data.records import Scan, VideoRecord
from dfcore.errors import DatasetError
from dfcore.training.protocols import BaseCallback
from torch import nn
from torch.nn import functional as F


class Loss(nn.Module):
    def __init__(self, class_weights=None):
        super().__init__()

    def forward(self, logits, labels):
        return F.cross_entropy(logits, labels, reduction="none")


class Notify(BaseCallback):
    def __init__(self):
        self.count = 0

    def on_epoch(self, run):
        self.count += 1


class Videos:
    def scan(self, root):
        if not (root / "real").is_dir():
            raise DatasetError(f"{root} holds no folder real.")
        records = [VideoRecord("real/000", root / "real/000.mp4", 0)]
        records.append(VideoRecord("fake/001", root / "fake/001.mp4", 1))
        return Scan("made", root, tuple(records))
'''

FILES = {"__init__.py": "", "plugin.py": PLUGIN, "module.py": MODULE, "evidence.py": EVIDENCE, "parts.py": PARTS}


@dataclass(frozen=True)
class Made:
    """A plugin to write.

    Attributes:
        name: of its entry point.
        changes: by file, the text that is replaced and what replaces it; a file ``METADATA`` is the distribution's.
        distribution: "" for ``made-NAME``.
    """

    name: str
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    distribution: str = ""

    @property
    def package(self) -> str:
        return f"made_{self.name}"

    def write(self, site: Path) -> None:
        """Write package and metadata below ``site``, a folder of Python's path."""
        distribution = self.distribution or f"made-{self.name}"
        info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        files = {**FILES, "METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"}
        for file, text in files.items():
            old, new = self.changes.get(file, ("", ""))
            text = text.replace("{name}", self.name).replace("{package}", self.package)
            assert old in text, f"{self.name}: {file} has no {old!r}"
            path = (info if file == "METADATA" else site / self.package) / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace(old, new, 1) if old else text + new)
        (info / "entry_points.txt").write_text(f"[dfcore.plugins]\n{self.name} = {self.package}.plugin\n")
