"""A made specialist, its dataset and clips, for the tests of whole runs: what an installed plugin would bring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.records import Scan, VideoRecord
from dfcore.errors import DatasetError, MediaError
from dfcore.hookspecs import API, hookimpl
from dfcore.specs import ComponentSpec, CueSpec, DatasetSpec, SpecialistSpec
from dfcore.testing.views import made_clip
from dfcore.training.protocols import BaseCallback

DFCORE_API = API
COMPRESSIONS = ("c23", "c40")


class ToyCues(nn.Module):
    channels = 4

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 4)

    def forward(self, views: Any) -> torch.Tensor:
        tiles = views["tiles"].float() / 255
        numbers = torch.stack([tiles.mean(dim=(2, 3)), tiles.std(dim=(2, 3))], dim=-1)
        return self.layer(numbers).unflatten(1, (7, 7)).permute(0, 3, 1, 2)


class ToyDataset:
    """Twelve people, each with a real and a fake video in each compression; the last three are the test split."""

    def scan(self, root: Path) -> Scan:
        if not root.is_dir():
            raise DatasetError(f"{root} does not exist.")
        records = []
        for person in range(12):
            for label, kind in enumerate(("real", "fake")):
                for compression in COMPRESSIONS:
                    path = root / f"{kind}_{person:02d}_{compression}.mp4"
                    path.write_bytes(b"made")
                    records.append(
                        VideoRecord(
                            id=path.stem,
                            path=path,
                            label=label,
                            manipulation="swap" if label else "original",
                            split="test" if person >= 9 else "",
                            group=(f"person {person}",),
                            compression=compression,
                        )
                    )
        return Scan("toy", root, tuple(records), {"part": 7}, ("a note of the adapter",))


class Count(BaseCallback):
    steps = 0

    def on_step(self, run: Any) -> None:
        type(self).steps += 1


class Ledger(BaseCallback):
    """Keeps a count over kills and resumes, and tells each call."""

    entries: ClassVar[list[tuple[str, int]]] = []

    def __init__(self) -> None:
        self.count = 0

    def _enter(self, what: str) -> None:
        self.entries.append((what, self.count))

    def on_start(self, run: Any) -> None:
        self._enter("start")

    def on_step(self, run: Any) -> None:
        self.count += 1
        self._enter("step")

    def on_epoch(self, run: Any) -> None:
        self._enter("epoch")

    def on_finish(self, run: Any) -> None:
        self._enter("finish")

    def on_exit(self, run: Any) -> None:
        self._enter("exit")

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        "toy",
        "Toy",
        (CueSpec("light", 4),),
        module="toy_plugin:ToyCues",
        views=("tiles",),
        clip_frames=2,
        augmentations=("hflip", "lattice_jitter"),
    )


@hookimpl
def dfcore_datasets() -> list[DatasetSpec]:
    return [DatasetSpec("toy", "Toy videos", "toy_plugin:ToyDataset")]


@hookimpl
def dfcore_callbacks() -> list[ComponentSpec]:
    return [ComponentSpec("count", "toy_plugin:Count"), ComponentSpec("ledger", "toy_plugin:Ledger")]


def made_clips(path: Path, plan: ClipPlan, *, record: VideoRecord, **rest: Any) -> list[Any]:
    """In place of decoding: brighter images for fake ones."""
    if record.id == "real_03_c23":
        raise MediaError(f"{path}: no face was found.")
    clips = []
    for number in range(2):
        clip = made_clip(int(record.id.split("_")[1]) * 10 + number, frames=plan.frames, size=96, audio=False)
        y = (clip.y // 2 + 100 * record.video_label).astype(clip.y.dtype)
        clips.append(replace(clip, y=y))
    return clips
