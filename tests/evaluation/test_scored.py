from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfcore.data.clips import ClipAccess
from dfcore.data.records import Forgery, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.index import Origin
from dfcore.device import Precision
from dfcore.errors import DataError, ModelError
from dfcore.evaluation.genuine import GenuineVideo
from dfcore.evaluation.scored import ScoredVideo, about_video, score_videos
from dfcore.models.protocols import SpecialistOutput
from dfcore.specs import CueSpec, SpecialistSpec
from dfcore.testing.views import made_clip
from dfcore.training.runtime.distributed import World

CPU, FP32 = torch.device("cpu"), Precision("fp32", "cpu")
LEVELS = {"a": (10, 60), "b": (200, 30), "c": (90, 90), "d": (120, 130)}
"""Luma of the two clips of each video."""


class Brightness(nn.Module):
    """Log-odds: a tenth of the tiles' mean luma; of the cue head its negative. ``sizes`` are those of its batches."""

    view_names = ("tiles",)
    image_size = 32

    def __init__(self, abstain_reason: str = "") -> None:
        super().__init__()
        self.spec = SpecialistSpec("bright", "Bright", (CueSpec("light", 1),), abstain_reason=abstain_reason)
        self.sizes: list[int] = []
        self.drop = nn.Dropout(0.9)

    def forward(self, views: dict[str, Tensor]) -> SpecialistOutput:
        margin = self.drop(views["tiles"].float().flatten(1).mean(1) / 10)
        self.sizes.append(len(margin))
        logits = torch.stack([torch.full_like(margin, 2.0), margin + 2], dim=1)
        return SpecialistOutput(logits, -logits, logits, logits, torch.zeros(()))


def refuses_the_bright(access: ClipAccess) -> str | None:
    return "too bright" if access.luma([0]).mean() > 125 else None


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Videos a to d of two even clips with 4 frames."""
    found = ClipStore(tmp_path_factory.mktemp("scored"))
    for video, levels in LEVELS.items():
        clips = []
        for level in levels:
            clip = made_clip(frames=4, size=96, audio=False)
            clip.y = np.full_like(clip.y, level)
            clip.source = replace(clip.source, video=video)
            clips.append(clip)
        found.write(video, clips, origin=Origin(size=50_000))
    return found


@pytest.fixture
def records() -> list[VideoRecord]:
    return [VideoRecord(name, Path(f"{name}.mp4"), i % 2, group=(f"person {i}",)) for i, name in enumerate("abcd")]


def score(model: Any, store: ClipStore, records: list[VideoRecord], **how: Any) -> list[ScoredVideo]:
    return score_videos(model, store, records, device=CPU, precision=FP32, **how)


def test_a_videos_margin_is_the_mean_log_odds_of_its_samples(store: ClipStore, records: list[VideoRecord]) -> None:
    model = Brightness().train()
    found = score(model, store, records, samples=4)
    for video, levels in zip(found, LEVELS.values(), strict=True):
        assert video.margin == pytest.approx(sum(levels) / 20)
        assert video.cue_margin == pytest.approx(-sum(levels) / 20)
        assert video.sample_margins == pytest.approx([levels[0] / 10] * 2 + [levels[1] / 10] * 2)
        assert video.score == pytest.approx(1 / (1 + math.exp(-sum(levels) / 20)))
    assert [(video.id, video.label, video.group) for video in found[:2]] == [
        ("a", 0, ("person 0",)),
        ("b", 1, ("person 1",)),
    ]
    assert model.training


def test_what_is_known_of_the_file_comes_along(store: ClipStore, records: list[VideoRecord]) -> None:
    [video] = score(Brightness(), store, records[:1])
    source = store.open("a").source
    assert (video.codec, video.width, video.height, video.fps) == (
        source.codec,
        source.width,
        source.height,
        source.fps,
    )
    assert video.duration == source.frame_count / source.fps
    assert video.bit_rate == pytest.approx(8 * 50_000 / video.duration)
    box = store.open("a").header(0).boxes[0]
    assert video.face_size == max(box[2] - box[0], box[3] - box[1])
    made = replace(records[0], forgery=Forgery("x:Y", "seam", True, 0, 23.0))
    assert score(Brightness(), store, [made])[0].bit_rate is None  # that file never was


def test_a_batch_never_holds_two_videos(store: ClipStore, records: list[VideoRecord]) -> None:
    model = Brightness()
    score(model, store, records, samples=5, batch_size=3)
    assert model.sizes == [3, 2] * 4


def test_samples_that_it_abstains_from_count_in_nothing(store: ClipStore, records: list[VideoRecord]) -> None:
    found = score(Brightness(f"{__name__}:refuses_the_bright"), store, records, samples=4)
    assert found[1].margin == pytest.approx(3)  # its bright clip is left out
    assert found[1].sample_margins == pytest.approx([3.0, 3.0])
    assert found[3].margin == pytest.approx(12)
    both = replace(records[1], id="b2")
    bright = made_clip(frames=4, size=96, audio=False)
    bright.y = np.full_like(bright.y, 200)
    bright.source = replace(bright.source, video="b2")
    store.write("b2", [bright])
    [none] = score(Brightness(f"{__name__}:refuses_the_bright"), store, [both])
    assert (none.margin, none.score, none.sample_margins, none.abstain_reason) == (None, None, (), "too bright")


def test_what_is_done_already_is_not_read_again(store: ClipStore, records: list[VideoRecord]) -> None:
    told: list[str] = []
    before = ScoredVideo("b", 1, margin=-7.0)
    found = score(Brightness(), store, records, already=[before], progress=lambda video: told.append(video.id))
    assert [video.id for video in found] == ["a", "b", "c", "d"]
    assert found[1] is before
    assert told == ["a", "c", "d"]


class OneOf(World):
    """A process of two, whose shares are put together afterwards."""

    def side_by_side(self, part: Any, check: Any) -> list[Any]:
        SHARES[self.rank] = part(check)
        return [SHARES.get(rank, ([], {})) for rank in range(self.size)]


SHARES: dict[int, tuple[list[ScoredVideo], dict[str, GenuineVideo]]] = {}


def test_processes_share_the_videos(store: ClipStore, records: list[VideoRecord]) -> None:
    SHARES.clear()
    alone = score(Brightness(), store, records[:3])
    genuine = GenuineVideo(np.zeros((1, 7, 7), np.float32))
    score_alone = score(Brightness(), store, [records[1]])
    SHARES[1] = score_alone, {"b": genuine}
    found: dict[str, GenuineVideo] = {}
    assert score(Brightness(), store, records[:3], world=OneOf(0, 2), genuine=found) == alone
    assert score_alone == alone[1:2]
    assert [video.id for video in SHARES[0][0]] == ["a", "c"]
    assert found == {**SHARES[0][1], "b": genuine}  # what every process saw
    assert set(SHARES[0][1]) == {record.id for record in (records[0], records[2]) if record.label == 0} != set()


class Broken(Brightness):
    def forward(self, views: dict[str, Tensor]) -> SpecialistOutput:
        found = super().forward(views)
        return found._replace(cue_logits=found.cue_logits * float("nan"))


def test_what_is_not_a_number_is_an_error_that_names_the_video(store: ClipStore, records: list[VideoRecord]) -> None:
    with pytest.raises(ModelError, match="output for c is not a finite number"):
        score(Broken(), store, records[2:])


def test_a_scored_video_goes_through_json(store: ClipStore, records: list[VideoRecord]) -> None:
    [video] = score(Brightness(), store, records[:1])
    assert ScoredVideo.from_dict(json.loads(json.dumps(video.to_dict()))) == video
    assert ScoredVideo.from_dict({"id": "x", "label": 1, "later": 3}) == ScoredVideo("x", 1)
    with pytest.raises(DataError, match="an id and a label"):
        ScoredVideo.from_dict({"id": "x"})


def test_of_longer_clips_the_middle_is_read(store: ClipStore, records: list[VideoRecord]) -> None:
    clip = made_clip(frames=8, size=96, audio=False)
    clip.y = np.full_like(clip.y, 100)
    clip.y[2:6] = 50
    clip.source = replace(clip.source, video="long")
    store.write("long", [clip])
    [video] = score(Brightness(), store, [replace(records[0], id="long")], clip_frames=4)
    assert video.sample_margins == pytest.approx([5.0] * 4)
    [video] = score(Brightness(), store, [replace(records[0], id="long")])
    assert len(set(video.sample_margins)) == 2


@pytest.mark.parametrize(
    ("source", "size", "duration", "bit_rate"),
    [
        ({"fps": 25.0, "frame_count": 100}, 50_000, 4.0, 100_000.0),
        ({"fps": 0.0, "frame_count": 100}, 50_000, 0.0, None),
        ({"fps": 25.0, "frame_count": 0}, 50_000, 0.0, None),
        ({"fps": 25.0, "frame_count": 100}, 0, 4.0, None),
    ],
)
def test_what_a_file_does_not_say_is_left_open(
    store: ClipStore,
    records: list[VideoRecord],
    source: dict[str, float],
    size: int,
    duration: float,
    bit_rate: float | None,
) -> None:
    video = store.open("a")
    entry = SimpleNamespace(origin=SimpleNamespace(size=size))

    class Stored(SimpleNamespace):
        def __len__(self) -> int:
            return 0

    stored: Any = Stored(source=replace(video.source, **source), entry=entry)  # type: ignore[arg-type]
    found = about_video(replace(records[0], path=Path()), stored)
    assert (found["duration"], found["bit_rate"]) == (duration, bit_rate)
    assert (found["path"], found["face_size"]) == (None, 0.0)


class Nowhere(Brightness):
    """The classifier's output is no number for one sample."""

    def forward(self, views: dict[str, Tensor]) -> SpecialistOutput:
        found = super().forward(views)
        found.logits[-1, 1] = float("inf")
        return found


def test_one_sample_that_is_not_a_number_is_enough(store: ClipStore, records: list[VideoRecord]) -> None:
    with pytest.raises(ModelError, match="output for a is not a finite number"):
        score(Nowhere(), store, records[:1], samples=4)


def test_the_check_is_made_behind_each_video_and_may_stop(store: ClipStore, records: list[VideoRecord]) -> None:
    told: list[str] = []

    def check() -> None:
        if len(told) == 2:
            raise KeyboardInterrupt

    model = Brightness().train()
    with pytest.raises(KeyboardInterrupt):
        score(model, store, records, progress=lambda video: told.append(video.id), check=check)
    assert told == ["a", "b"]
    assert model.training
