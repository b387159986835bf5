"""The background control: a detector of the face loses what it knows, a detector of the file keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.device import Precision
from dfcore.evaluation.metrics.scores import VideoScores
from dfcore.evaluation.scored import ScoredVideo, score_videos
from dfcore.models.protocols import Attended
from dfcore.models.specialist import Parts, Specialist
from dfcore.specs import CueSpec, SpecialistSpec
from dfcore.testing.views import made_clip

SPEC = SpecialistSpec("light", "Light", (CueSpec("level", 1),), views=("tiles",))


class Cells(nn.Module):
    """The face view as 7x7 cells."""

    num_features, image_size = 3, 28

    def forward(self, face: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(face, 4)


class Tiles(nn.Module):
    channels = 1

    def forward(self, views: dict[str, Tensor]) -> Tensor:
        return views["tiles"].float().mean(dim=(2, 3)).unflatten(1, (7, 7))[:, None] / 255


class Beside(nn.Module):
    """No attention at all."""

    def forward(self, tokens: Tensor, cues: Tensor) -> Attended:
        return Attended(tokens.mean(dim=(2, 3)), cues.flatten(1), torch.zeros(len(tokens), 49, 49))


class Sum(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return torch.stack([-features.sum(dim=1), features.sum(dim=1)], dim=1)


class Nothing(nn.Module):
    """In place of a norm that would take the level away."""

    def forward(self, features: Tensor) -> Tensor:
        return features


def specialist() -> Specialist:
    model = Specialist(SPEC, Parts(Cells(), Tiles(), Beside(), Sum()), {})
    model.token_norm = model.cue_norm = Nothing()  # type: ignore[assignment]
    torch.nn.init.ones_(model.cue_head.weight[1:])
    torch.nn.init.zeros_(model.cue_head.weight[:1])
    torch.nn.init.zeros_(model.cue_head.bias)
    return model.eval()


def scored(folder: Path, *, bright_face: bool, bright_file: bool) -> list[ScoredVideo]:
    """Twenty videos of even background and face; those of fakes are brighter where that is asked for."""
    store, records, rng = ClipStore(folder), [], np.random.default_rng(1)
    for number in range(20):
        label = number % 2
        clip = made_clip(number, frames=1, size=192, audio=False)
        (x0, y0, width, height), (left, top, right, bottom) = clip.header.window, clip.header.boxes[0]
        x, y = np.arange(width) + x0 + 0.5, np.arange(height)[:, None] + y0 + 0.5
        centre = (2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top)
        level = rng.integers(90, 110)
        clip.y = np.full_like(clip.y, level + 60 * (bright_file and label))
        face = rng.integers(90, 110) + 60 * (bright_face and label)
        clip.y[:, centre[0] ** 2 + centre[1] ** 2 < 1] = face
        clip.source = replace(clip.source, video=f"v{number}")
        store.write(f"v{number}", [clip])
        records.append(VideoRecord(f"v{number}", Path("x"), label))
    return score_videos(
        specialist(), store, records, device=torch.device("cpu"), precision=Precision("fp32", "cpu"), control=True
    )


def auc(videos: list[ScoredVideo], name: str) -> float:
    found = VideoScores([v.label for v in videos], [getattr(v, name) for v in videos]).figures(["auc"])["auc"]
    assert found is not None
    return found


def test_who_looks_at_the_face_alone_knows_nothing_in_the_control(tmp_path: Path) -> None:
    videos = scored(tmp_path, bright_face=True, bright_file=False)
    assert auc(videos, "margin") == 1
    assert auc(videos, "cue_margin") > 0.95
    assert auc(videos, "control_margin") == pytest.approx(0.5, abs=0.2)
    by_chance = scored(tmp_path / "same", bright_face=False, bright_file=False)
    # The same backgrounds give the same scores, to the bit: no trace of the face is left.
    for name in ("control_margin", "control_cue_margin"):
        assert [getattr(v, name) for v in videos] == [getattr(v, name) for v in by_chance]


def test_what_the_whole_file_tells_stays_in_the_control(tmp_path: Path) -> None:
    videos = scored(tmp_path, bright_face=False, bright_file=True)
    assert auc(videos, "control_margin") == 1
    assert auc(videos, "control_cue_margin") == 1
