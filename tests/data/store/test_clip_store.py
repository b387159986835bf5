from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from dfcore.data.clips import Clip, ClipAccess, MemoryClip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.store import write
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.coding import CODECS, RAW
from dfcore.data.store.format import parse_evidence_name, stem_of
from dfcore.data.store.index import Origin
from dfcore.data.views.kept import kept_views
from dfcore.errors import StoreError

MakeClip = Callable[..., Clip]


@pytest.fixture(params=CODECS)
def store(tmp_path: Path, request: pytest.FixtureRequest) -> ClipStore:
    return ClipStore(tmp_path / "store", codec=request.param)


@pytest.fixture
def clips(make_clip: MakeClip) -> list[Clip]:
    silent = replace_audio(make_clip(2, 64, 96, seed=2))
    return [make_clip(seed=1), silent]


def replace_audio(clip: Clip) -> Clip:
    clip.audio = clip.qp = clip.motion = None
    return clip


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# -- what is written is what is read ---------------------------------------------------------------------------------


def test_a_video_comes_back_as_it_was_written(store: ClipStore, clips: list[Clip]) -> None:
    store.write("folder/v", clips, ClipPlan(clips=9), Origin(5, 6))
    video = ClipStore(store.root).open("folder/v")
    assert video.plan == ClipPlan(clips=9)
    assert video.entry.origin == Origin(5, 6)
    assert len(video) == 2
    assert video.source == replace(clips[0].source, video="folder/v")
    assert video.clips == tuple(clip.header for clip in clips)
    for i, clip in enumerate(clips):
        loaded = video.load(i)
        for name in ("y", "u", "v", "qp", "motion", "audio"):
            want, got = getattr(clip, name), getattr(loaded, name)
            assert (want is None) == (got is None)
            if want is not None:
                assert got.dtype == want.dtype
                assert np.array_equal(got, want)


def test_access_reads_parts_and_equals_the_clip_in_memory(store: ClipStore, clips: list[Clip]) -> None:
    store.write("v", clips)
    access, memory = store.open("v").access(0), MemoryClip(clips[0])
    assert isinstance(access, ClipAccess)
    assert isinstance(memory, ClipAccess)
    for frames in ([0], [1, 2], [0, 2], [2, 2, 2], [2, 0]):
        for plane, same, whole in zip(
            access.planes(frames), memory.planes(frames), (clips[0].y, clips[0].u, clips[0].v), strict=True
        ):
            assert np.array_equal(plane, whole[frames])
            assert np.array_equal(same, whole[frames])
        assert np.array_equal(access.luma(frames), clips[0].y[frames])
        assert np.array_equal(access.qp(frames), clips[0].qp[frames])
        assert np.array_equal(access.motion(frames), memory.motion(frames))
    assert np.array_equal(access.evidence("ghost"), clips[0].evidence["ghost"])
    assert np.allclose(access.evidence_mean("ghost"), clips[0].evidence["ghost"].astype(float).mean(0), atol=1e-6)
    assert np.array_equal(access.evidence_mean("ghost"), memory.evidence_mean("ghost"))
    assert access.evidence("other") is None
    assert memory.evidence_mean("other") is None
    assert store.open("v").access(1).qp([0]) is None
    assert store.open("v").access(1).audio() is None
    with pytest.raises(IndexError, match="no clip 2"):
        store.open("v").access(2)


def test_the_files_are_plain_safetensors(store: ClipStore, clips: list[Clip]) -> None:
    store.write("v", clips)
    with safe_open(store.root / "v.safetensors", "np") as file:
        assert np.array_equal(file.get_tensor("0/y"), clips[0].y) == (store.codec == RAW)
        held = {"0/y", "0/u", "0/v", "0/qp", "0/motion", "0/audio", "0/landmarks"}
        images = ("face", "context") if store.codec == RAW else ("face",)
        views = {f"{clip}/{name}" for clip in (0, 1) for name in images}
        assert set(file.keys()) == {*held, "1/y", "1/u", "1/v", "1/landmarks", *views, "0/parts", "1/parts"}
        assert json.loads(file.metadata()["dfcore"])["source"]["video"] == "v"


def test_stored_arrays_cannot_be_written_to(store: ClipStore, clips: list[Clip]) -> None:
    store.write("v", clips)
    with pytest.raises(ValueError, match="read-only"):
        store.open("v").access(0).luma([0])[0, 0, 0] = 1


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "video",
    [
        "a",
        "a/b/c d",
        "../x",
        "a//b",
        ".hidden",
        "v.ghost-v1.evidence",
        'con:*?"<>|\\',
        "ü/日本",
        "x" * 400,
        " ",
        " other",
        "a%2Fb",
    ],
)
def test_every_id_gets_a_file_of_its_own_inside_the_store(store: ClipStore, clips: list[Clip], video: str) -> None:
    store.write("other", clips[:1])
    store.write(video, clips)
    again = ClipStore(store.root)
    assert again.ids() == sorted(["other", video])
    assert again.open(video).clips[1] == clips[1].header
    assert len(files(store.root)) == 5  # two videos with evidence each, and the index
    assert {path.name for path in store.root.parent.iterdir()} <= {"store", "dfcore-empty.toml"}


def test_different_ids_have_different_names() -> None:
    ids = ["a", "a.b", "a%2Eb", "a/b", "a%2Fb", "x" * 200, "x" * 201, "x" * 199 + "y", "a b", "a+b"]
    assert len({stem_of(video) for video in ids}) == len(ids)


def test_evidence_names() -> None:
    assert parse_evidence_name("v%2Ex.ghost-v12.evidence.safetensors") == ("v%2Ex", "ghost", 12)
    assert parse_evidence_name("v.safetensors") is None


# -- evidence --------------------------------------------------------------------------------------------------------


def test_a_new_version_replaces_the_old_one_alone(store: ClipStore, clips: list[Clip]) -> None:
    for clip in clips:
        clip.evidence.clear()
    store.write("v", clips)
    store.write("v%2E", clips)  # a neighbour with a similar name
    values = [np.full((len(clip.header.frames), 2, *np.array(clip.y.shape[1:]) // 16), 3.0) for clip in clips]
    for video in ("v", "v%2E"):
        store.write_evidence(video, "ghost", 1, values)
        store.write_evidence(video, "other", 1, values)
    before = (store.root / "v.safetensors").stat().st_mtime_ns
    store.write_evidence("v", "ghost", 2, [value + 1 for value in values])
    assert files(store.root) == [
        "index.jsonl",
        "v%252E.ghost-v1.evidence.safetensors",
        "v%252E.other-v1.evidence.safetensors",
        "v%252E.safetensors",
        "v.ghost-v2.evidence.safetensors",
        "v.other-v1.evidence.safetensors",
        "v.safetensors",
    ]
    assert (store.root / "v.safetensors").stat().st_mtime_ns == before
    again = ClipStore(store.root)
    assert again.entry("v").evidence == {"ghost": 2, "other": 1}
    assert again.open("v").access(0).evidence("ghost").max() == 4
    assert again.open("v").access(1).evidence("other").max() == 3


def test_new_clips_leave_no_evidence_of_the_old_ones(store: ClipStore, clips: list[Clip], make_clip: MakeClip) -> None:
    store.write("v", clips)
    assert store.entry("v").evidence == {"ghost": 0}
    other = make_clip(seed=9)
    other.evidence.clear()
    store.write("v", [other])
    assert files(store.root) == ["index.jsonl", "v.safetensors"]
    assert store.open("v").access(0).evidence("ghost") is None


def test_evidence_of_other_clips_is_never_read(store: ClipStore, clips: list[Clip], make_clip: MakeClip) -> None:
    store.write("v", clips)
    kept = (store.root / "v.ghost-v0.evidence.safetensors").read_bytes()
    longer = make_clip(5, seed=9)
    store.write("v", [longer])
    (store.root / "v.ghost-v0.evidence.safetensors").write_bytes(kept)  # as an interrupted copy might leave it
    assert ClipStore(store.root).open("v").access(0).evidence("ghost") is None


# -- the index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["missing", "empty", "torn", "foreign", "stale"])
def test_the_index_is_rebuilt_from_the_files(store: ClipStore, clips: list[Clip], damage: str) -> None:
    store.write("a", clips)
    store.write("b/c", clips[:1])
    index = store.root / "index.jsonl"
    whole = index.read_text()
    ClipStore(store.root)
    if damage == "missing":
        index.unlink()
    elif damage == "stale":
        index.write_text(whole.replace(f'"size":{store.entry("a").size}', '"size":1'))
    else:
        index.write_text({"empty": "", "torn": whole[: len(whole) // 3], "foreign": '{"id": 3}\n[]\n\n1'}[damage])
    again = ClipStore(store.root)
    assert again.index == store.index
    assert again.entry("b/c").frames == (3,)
    again.index.save()
    assert sorted(index.read_text().splitlines()) == sorted(
        ClipStore(store.root).index[i].to_line().strip() for i in again.ids()
    )


def test_an_undamaged_index_saves_opening_the_files(
    store: ClipStore, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("a", clips)
    monkeypatch.setattr("dfcore.data.store.index.ArrayFile", lambda path: pytest.fail(f"{path} was opened"))
    assert ClipStore(store.root).ids() == ["a"]


def test_a_file_that_is_gone_is_no_longer_listed(store: ClipStore, clips: list[Clip]) -> None:
    store.write("a", clips)
    store.write("b", clips)
    (store.root / "a.safetensors").unlink()
    again = ClipStore(store.root)
    assert again.ids() == ["b"]
    assert "a" not in again
    with pytest.raises(StoreError, match=r"a is not in the clip store .* `dfcore prepare` adds it"):
        again.open("a")


def test_removing_a_video(store: ClipStore, clips: list[Clip]) -> None:
    store.write("a", clips)
    store.write("b", clips)
    store.remove("a")
    assert files(store.root) == ["b.ghost-v0.evidence.safetensors", "b.safetensors", "index.jsonl"]
    assert ClipStore(store.root).ids() == store.ids() == ["b"]


def test_a_store_that_is_not_there_is_empty_and_a_file_is_refused(tmp_path: Path) -> None:
    assert len(ClipStore(tmp_path / "new")) == 0
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="must be a folder"):
        ClipStore(tmp_path / "file")


def test_a_store_travels_to_other_processes(store: ClipStore, clips: list[Clip]) -> None:
    store.write("a", clips)
    store.open("a")
    again = pickle.loads(pickle.dumps(store))
    assert np.array_equal(again.open("a").access(0).luma([1]), clips[0].y[[1]])


def test_only_so_many_files_stay_open(store: ClipStore, clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfcore.data.store.clip_store.HANDLES", 2)
    for name in "abc":
        store.write(name, clips)
    first = store.open("a")
    store.open("b")
    assert store.open("a") is first
    store.open("c")  # b is the one not used for longest
    assert list(store._open) == ["a", "c"]


def test_the_index_is_settled_where_its_lines_are_in_the_order_of_the_ids(tmp_path: Path, make_clip: MakeClip) -> None:
    store = ClipStore(tmp_path / "store")
    for video in ("a/b", "a-b"):  # as the files are listed: the folder first
        store.write(video, [make_clip(2)])
    assert not ClipStore(store.root).index.settled
    store.index.save()
    lines = (store.root / "index.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a-b", "a/b"]
    assert ClipStore(store.root).index.settled
    (store.root / "index.jsonl").write_text("\n".join(lines[::-1]) + "\n")
    assert not ClipStore(store.root).index.settled


@pytest.mark.parametrize("worker", [False, True])
def test_what_is_kept_of_views_is_imported_without_collecting_in_workers_alone(
    monkeypatch: pytest.MonkeyPatch, worker: bool
) -> None:
    entered: list[bool] = []

    @contextmanager
    def importing() -> Iterator[None]:
        entered.append(True)
        yield

    monkeypatch.setattr(write, "in_worker", lambda: worker)
    monkeypatch.setattr(write, "importing", importing)
    assert write._kept_views.__wrapped__() is kept_views
    assert bool(entered) == worker
