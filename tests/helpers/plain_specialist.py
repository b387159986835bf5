"""A whole specialist whose score is a known function of its cue map and of its face's detail: what an explanation must
find is known.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dfcore.data.records import FAKE, REAL
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.calibration_file import calibrate_scores, calibration_path
from dfcore.inference.models import Member
from dfcore.models.findings import Trace
from dfcore.models.protocols import Attended
from dfcore.models.specialist import Parts, Specialist
from dfcore.specs import CueSpec, SpecialistSpec

CHANNELS = 4
SPEC = SpecialistSpec(
    "plain",
    "Plain",
    (CueSpec("speaks", 2), CueSpec("silent", 2)),
    module="plain_specialist:TileLight",
    views=("tiles",),
    clip_frames=4,
)


class Detail(nn.Module):
    """Tokens: each cell's mean absolute step from pixel to pixel."""

    num_features, image_size = 3, 28

    def forward(self, face: Tensor) -> Tensor:
        steps = nn.functional.pad(face.diff(dim=-1).abs(), (0, 1))
        return nn.functional.adaptive_avg_pool2d(steps, 7)


class TileLight(nn.Module):
    """Each cell's mean luma, 0 at 125 and 1 at 225, in all channels; or the view ``given`` as it is."""

    channels = CHANNELS

    def forward(self, views: Any) -> Tensor:
        if "given" in views:
            return views["given"]
        light = (views["tiles"].float().mean((2, 3)) - 125) / 100
        return light.unflatten(1, (7, 7))[:, None].expand(-1, CHANNELS, -1, -1)


class PassThrough(nn.Module):
    """Both halves as they came; attention on the first cue cell alone."""

    def forward(self, tokens: Tensor, cues: Tensor) -> Attended:
        attention = torch.zeros(len(cues), 49, 49)
        attention[..., 0] = 1
        return Attended(tokens.mean((2, 3)), cues.flatten(1), attention)


class Weighted(nn.Module):
    """The margin is the weighted sum of what it is given."""

    def __init__(self, face: float, cells: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", torch.cat([torch.full((3,), face), cells.flatten()]))

    def forward(self, features: Tensor) -> Tensor:
        margin = features @ self.weights
        return torch.stack([torch.zeros_like(margin), margin], 1)


def plain(face: float = 0.0, cells: Tensor | None = None, spec: SpecialistSpec = SPEC) -> Specialist:
    """A specialist with the margin ``face`` * mean detail + sum of ``cells`` ``[4, 7, 7]`` * the cue map."""
    cells = torch.zeros(CHANNELS, 7, 7) if cells is None else cells
    model = Specialist(spec, Parts(Detail(), TileLight(), PassThrough(), Weighted(face, cells)), {})
    model.token_norm = model.cue_norm = nn.Identity()  # type: ignore[assignment]
    return model.eval()


def mean_of_speaks(scale: float = 1.0) -> Tensor:
    """Weights by which the margin is the mean of the cue ``speaks``, times ``scale``."""
    weights = torch.zeros(CHANNELS, 7, 7)
    weights[:2] = scale / 98
    return weights


def calibrated(member: Member, folder: Path, threshold: float) -> Member:
    """The member with a calibration beside its weights (which are not there): from ``threshold`` on it says fake."""
    member = replace(member, path=folder / "plain_stage1_final.pt")
    margins = [(REAL, threshold - 1e-3 - k / 10) for k in range(20)] + [(FAKE, threshold + k / 10) for k in range(20)]
    videos = [ScoredVideo(str(k), label, split="val", margin=m) for k, (label, m) in enumerate(margins)]
    found = calibrate_scores(videos, specialist="plain", stage=1, weights=member.hash, dataset="made", alpha=0.1)
    found.write(calibration_path(member.path))
    return member


class Light:
    """A finding: the mean light of the window, in hundreds of luma levels about 125."""

    traces = (Trace("light_levels", "the window is brighter", "the window is darker", "levels", 1),)

    def measure(self, views: Any, cue_module: nn.Module) -> dict[str, Tensor]:
        return {"light_levels": views["tiles"].float().mean((1, 2, 3))}
