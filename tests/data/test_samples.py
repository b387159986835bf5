from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dfcore.data.clips import Clip, ClipAccess
from dfcore.data.records import VideoRecord
from dfcore.data.sampler import BalancedSampler
from dfcore.data.samples import ClipSamples
from dfcore.data.spread import spread
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.views.augment import AUGMENTATIONS
from dfcore.errors import StoreError, UsageError

MakeClip = Callable[..., Clip]


@pytest.fixture(scope="module")
def store(make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Three videos of three clips with 6 frames; one photo."""
    found = ClipStore(tmp_path_factory.mktemp("samples"))
    for number, video in enumerate(("a", "b", "c")):
        clips = []
        for k in range(3):
            clip = make_clip(6, 80, 64, seed=10 * number + k)
            first = 100 * number + 10 * k
            clip.header = replace(clip.header, frames=tuple(range(first, first + 6)))
            clips.append(clip)
        found.write(video, clips)
    found.write("photo", [make_clip(1, 80, 64)])
    return found


@pytest.fixture
def records() -> list[VideoRecord]:
    return [VideoRecord(name, Path(name), label) for name, label in (("a", 0), ("b", 1), ("c", 1), ("photo", 0))]


def samples(store: ClipStore, records: list[VideoRecord], **how: Any) -> ClipSamples:
    names = how.pop("views", ["face", "tiles", "qp", "ghost"])
    return ClipSamples(records, store, names, **{"image_size": 24, "samples_per_video": 4, **how})


def key(item: dict[str, Any]) -> tuple[Any, ...]:
    return (item["label"], item["video"], item["frame"], *(view.numpy().tobytes() for view in item["views"].values()))


def says_no_to_fakes(access: ClipAccess) -> str | None:
    return "it is a fake" if access.header.frames[0] >= 100 else None


def test_in_evaluation_a_sample_knows_whether_it_is_judged(store: ClipStore, records: list[VideoRecord]) -> None:
    asked = samples(store, records, abstain_reason=f"{__name__}:says_no_to_fakes", views=["face"])
    found = [(item["video"], item["judged"]) for item in (asked[i] for i in range(len(asked)))]
    assert set(found) == {(0, True), (1, False), (2, False), (3, True)}
    assert "judged" not in samples(store, records, views=["face"])[0]


# -- which frames ------------------------------------------------------------------------------------------------------


def test_fixed_samples_are_spread_over_clips_and_frames() -> None:
    assert spread([8, 8, 8, 8], 4) == [(0, [4]), (1, [4]), (2, [4]), (3, [4])]
    assert spread([8, 8], 4) == [(0, [2]), (0, [6]), (1, [2]), (1, [6])]
    assert spread([8, 8, 8, 8], 2) == [(1, [4]), (3, [4])]
    assert spread([8, 8], 3, 8) == [(0, list(range(8))), (1, list(range(8)))]
    assert spread([10], 2, 5) == [(0, [1, 2, 3, 4, 5]), (0, [4, 5, 6, 7, 8])]


def test_no_fixed_sample_comes_twice() -> None:
    assert spread([1], 8) == [(0, [0])]
    assert spread([1, 3], 8) == [(0, [0]), (1, [0]), (1, [1]), (1, [2])]
    for lengths in ([3, 9, 1], [8] * 4, [5], [2, 2, 2, 2, 2, 2]):
        for wanted in range(1, 20):
            found = spread(lengths, wanted)
            assert len(found) == min(wanted, sum(lengths))
            assert len({(clip, frames[0]) for clip, frames in found}) == len(found)


def test_clips_that_are_too_short_are_left_out() -> None:
    assert spread([2, 8, 3], 2, 4) == [(1, [1, 2, 3, 4]), (1, [3, 4, 5, 6])]
    assert spread([2, 3], 4, 5) == [(1, [0, 1, 2, 2, 2])]


def test_evaluation_is_the_same_whatever_epoch_or_seed(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records)
    assert data.samples == [(v, d) for v in range(3) for d in range(4)] + [(3, 0)]
    first = [key(data[i]) for i in range(len(data))]
    data.set_epoch(5)
    other = samples(store, records, seed=9, augment=list(AUGMENTATIONS))
    assert [key(data[i]) for i in range(len(data))] == first
    assert [key(other[i]) for i in range(len(other))] == first
    assert [item[2] for item in first[:4]] == [1, 4, 13, 23]


def test_items(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records)
    batch = next(iter(DataLoader(data, batch_size=5)))
    assert batch["views"]["face"].shape == (5, 3, 24, 24)
    assert batch["views"]["ghost"].shape == (5, 49, 5, 4, 4)
    assert {name: batch[name].tolist() for name in ("label", "video")} == {
        "label": [0] * 4 + [1],
        "video": [0] * 4 + [1],
    }
    assert {batch[name].dtype for name in ("label", "video", "frame")} == {torch.int64}
    assert data.labels == [0] * 4 + [1] * 8 + [0]
    with pytest.raises(IndexError):
        data[len(data)]


def test_several_consecutive_frames(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records[:3], frames=4, train=True)
    for i in range(len(data)):
        item = data[i]
        assert item["views"]["tiles"].shape == (4, 49, 64, 64)
        clip, first = divmod(item["frame"] % 100, 10)
        luma = store.open(records[item["video"]].id).access(clip).luma(range(first, first + 4))
        assert np.array_equal(item["views"]["tiles"][:, 0], luma[:, :64, :64])


def test_a_clip_shorter_than_a_sample_repeats_its_last_frame(store: ClipStore, records: list[VideoRecord]) -> None:
    for train in (True, False):
        item = samples(store, records[3:], frames=3, train=train)[0]
        tiles = item["views"]["tiles"]
        assert tiles.shape[0] == 3
        assert torch.equal(tiles[0], tiles[2])


# -- training draws ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_draws_do_not_depend_on_order_or_processes(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records, train=True, augment=list(AUGMENTATIONS), seed=3)
    data.set_epoch(2)
    forwards = [key(data[i]) for i in range(len(data))]
    assert [key(data[i]) for i in reversed(range(len(data)))] == forwards[::-1]
    again = samples(ClipStore(store.root), records, train=True, augment=list(AUGMENTATIONS), seed=3)
    again.set_epoch(2)
    loader = DataLoader(again, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    assert [key(item) for item in loader] == forwards


def test_draws_do_not_depend_on_the_other_videos(store: ClipStore, records: list[VideoRecord]) -> None:
    whole = samples(store, records, train=True, augment=list(AUGMENTATIONS))
    part = samples(store, records[1:2], train=True, augment=list(AUGMENTATIONS))
    assert [key(part[i])[2:] for i in range(4)] == [key(whole[i])[2:] for i in range(4, 8)]


def test_epochs_and_seeds_draw_other_frames(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records[:3], train=True)
    drawn = []
    for epoch in range(15):
        data.set_epoch(epoch)
        drawn.append([data[i]["frame"] for i in range(len(data))])
    assert len({tuple(frames) for frames in drawn}) == 15
    assert {frame for frames in drawn for frame in frames if frame < 100} >= {0, 1, 2, 3, 4, 5, 10, 20}
    other = samples(store, records[:3], train=True, seed=1)
    assert [other[i]["frame"] for i in range(len(other))] != drawn[0]


def test_an_epoch_goes_through_the_clips_in_turn(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records[:1], train=True, samples_per_video=6)
    for epoch in range(5):
        data.set_epoch(epoch)
        assert Counter(data[i]["frame"] // 10 for i in range(6)) == {0: 2, 1: 2, 2: 2}


def test_repeated_samples_are_other_images(store: ClipStore, records: list[VideoRecord]) -> None:
    data = samples(store, records[:3], train=True, augment=list(AUGMENTATIONS), samples_per_video=2)
    assert len({key(data[2 + k * len(data)]) for k in range(8)}) == 8
    assert {data[2 + k * len(data)]["video"] for k in range(8)} == {1}
    sampler = BalancedSampler(data.labels, vary_repeats=True, num_samples=60)
    assert len({key(data[index]) for index in sampler}) > 50


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_videos_that_are_not_there_are_named(store: ClipStore, records: list[VideoRecord]) -> None:
    with pytest.raises(StoreError, match="missing is not in the clip store"):
        samples(store, [*records, VideoRecord("missing", Path("x"), 0)])


@pytest.mark.parametrize("how", [{"samples_per_video": 0}, {"frames": 0}, {"image_size": 0}])
def test_nonsense_is_refused(store: ClipStore, records: list[VideoRecord], how: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="must be at least 1, not 0"):
        samples(store, records, **how)
