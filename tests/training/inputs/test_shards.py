"""Preparing in shares, with a time limit, and what it is likely to take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import dfcore.training.inputs.estimate as estimating
import dfcore.training.inputs.prepare
import dfcore.training.runtime.time_limit as time_limit
from dfcore.api.prepare import estimate_store, prepare
from dfcore.config import TrainConfig, override
from dfcore.console.progress import SILENT
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DatasetError, TimeLimitReached, UsageError
from dfcore.kaggle import FreeSpace
from dfcore.training.inputs.estimate import Estimate
from dfcore.training.inputs.shards import Shard

TOLD = Estimate(Path("s"), 3000, 8, 2, (4_000_000, 6_000_000), 2.0, 1e12, "the disk")


def records(count: int) -> list[VideoRecord]:
    return [VideoRecord(f"a/v{n:03d}", Path(f"v{n}.mp4"), n % 2) for n in range(count)]


@pytest.fixture
def toy(toy: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """With a store of its own, and estimates without processes as the others."""
    monkeypatch.setattr(estimating, "prepare_videos", dfcore.training.inputs.prepare.prepare_videos)
    return override(toy, {"data.store": str(tmp_path / "store")})


def content(root: Path) -> dict[str, list[bytes]]:
    store = ClipStore(root)
    return {video: [store.open(video).load(0).y.tobytes(), *map(str.encode, stamps(store, video))] for video in store}


def stamps(store: ClipStore, video: str) -> list[str]:
    return [store.open(video).file.entry("video")["stamp"], *sorted(store.entry(video).evidence)]


def test_every_video_is_in_one_share_whatever_the_others_are() -> None:
    videos = records(300)
    shares = [Shard(number, 7).of(videos) for number in range(1, 8)]
    assert sorted(record.id for share in shares for record in share) == sorted(record.id for record in videos)
    assert min(map(len, shares)) > 20
    half = set(map(id, videos[::2]))
    assert Shard(3, 7).of(videos[::2]) == [record for record in shares[2] if id(record) in half]
    # As it was on the first day: machines with different versions must deal alike.
    assert [record.id for record in Shard(1, 7).of(videos)][:3] == FIRST


FIRST = ["a/v008", "a/v022", "a/v029"]


@pytest.mark.parametrize("text", ["3", "a/b", "0/4", "5/4", "1/0", "-1/4", "1/2/3"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"a shard (is written I/N|must be 1/N to N/N)"):
        Shard.parse(text)


@pytest.mark.slow
def test_shares_fill_a_store_as_one_process_does(toy: TrainConfig, tmp_path: Path) -> None:
    whole = override(toy, {"data.store": str(tmp_path / "whole")})
    shared = override(toy, {"data.store": str(tmp_path / "shared")})
    done = prepare(whole, progress=SILENT).report.done
    parts = [prepare(shared, shard=f"{number}/3", progress=SILENT).report.done for number in (3, 1, 2)]
    assert sum(parts) == done
    assert min(parts) > 0
    root = tmp_path / "shared"
    assert not (root / "index.jsonl").exists(), "each share has a file of its own"
    assert {path.name for path in root.glob("index*")} == {f"index-{number}.jsonl" for number in (1, 2, 3)}
    assert content(root) == content(tmp_path / "whole")
    assert len(ClipStore(root)) == done, "a store is read as it is, before anything is merged"
    assert prepare(shared, progress=SILENT).report.reused == done
    assert {path.name for path in root.glob("index*")} == {"index.jsonl"}


def test_the_time_limit_keeps_what_is_done(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10_000, 40))
    monkeypatch.setattr(time_limit.TimeLimit.__init__, "__defaults__", ("", lambda: float(next(moments))))
    with pytest.raises(TimeLimitReached, match=r"limit of 2m .*What is done is kept: prepare again to go on"):
        prepare(override(toy, {"run.time_limit": "2m"}), progress=SILENT)
    assert 0 < len(ClipStore(toy.data.store)) < 12


def test_an_estimate_prepares_a_few_and_leaves_nothing(
    toy: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    before = set(tmp_path.iterdir())
    toy = override(toy, {"data.store": str(tmp_path / "later" / "store")})
    found = estimate_store(toy, sample=4, workers=1, progress=SILENT)
    assert set(tmp_path.iterdir()) == before
    assert not Path(toy.data.store).exists()
    report = prepare(toy, progress=SILENT).report
    assert (found.videos, found.sampled, found.failed, len(found.sizes)) == (report.done + len(report.failed), 4, 0, 4)
    real = sum(path.stat().st_size for path in Path(toy.data.store).rglob("*.safetensors"))
    assert found.bytes == pytest.approx(real, rel=0.2)
    assert found.seconds > 0
    assert estimate_store(toy, progress=SILENT).sentences() == (
        f"nothing is to be prepared: the clip store {toy.data.store} has all that is asked for.",
    )


def test_an_estimate_of_a_share_counts_its_videos_alone(toy: TrainConfig, tmp_path: Path) -> None:
    parts = [estimate_store(toy, sample=1, shard=f"{n}/2", progress=SILENT).videos for n in (1, 2)]
    assert min(parts) > 0
    assert sum(parts) == estimate_store(toy, sample=1, progress=SILENT).videos


def test_what_is_said_of_an_estimate() -> None:
    said = TOLD.sentences()
    assert said[0] == "3,000 videos to be prepared; 8 of them were, to find out."
    assert said[1] == "each took 5.0 MB (4.0 to 6.0) and 2.0 s; 2 could not be used."
    assert "about 3.75 GB and 1 h 40 min" in said[2], "those that cannot be used take none"
    assert len(said) == 3
    full = replace(TOLD, free=1e9).sentences()
    assert "not likely to hold them" in full[-1]
    assert "data.store_codec=compact" in full[-1]


def test_videos_none_of_which_can_be_used_give_no_estimate(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: object, **how: object) -> object:
        from dfcore.data.prepare.videos import PrepareReport
        from dfcore.data.store.index import Failure

        return PrepareReport(0, 0, (Failure("a", "a.mp4", "a.mp4: no face found."),))

    monkeypatch.setattr(estimating, "prepare_videos", none)
    with pytest.raises(DatasetError, match=r"not one of .* sampled videos can be used; the first: a\.mp4"):
        estimate_store(toy, progress=SILENT)


def test_training_says_what_a_store_will_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dfcore.training.inputs.store_watch as watching
    from dfcore.testing.views import made_clip

    monkeypatch.setattr(watching, "free_space", lambda path: FreeSpace(10**12, "the disk"))
    store, said = ClipStore(tmp_path), list[str]()
    for n in range(4):
        store.write(f"a/v{n:03d}", [made_clip(n, frames=2, size=96)])
    for count, lines in ((300, 0), (300_000, 1)):
        watching.StoreWatch(tmp_path, records(4), said.append, later=count, say=said.append)
        assert len(said) == lines
    assert "300,000 videos still to be prepared, likely" in said[0]
    assert "1000.0 GB are free in the disk" in said[0]
