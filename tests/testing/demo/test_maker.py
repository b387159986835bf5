"""The tree on disk: its layout, what is in the files, and what happens when making it is interrupted."""

from __future__ import annotations

import errno
import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import pytest

from dfcore.data.datasets.faceforensics_names import official_pairs
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL
from dfcore.errors import DatasetError, UsageError, WriteError
from dfcore.testing.demo import Demo, dataset, make_demo, maker

TINY = {"pairs": (1, 1, 1), "frames": 6, "size": 160}
SMALLEST = {"pairs": (1, 0, 0), "frames": 3, "size": 128, "workers": 1}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo") / "tree", **TINY, workers=1)


def contents(root: Path) -> dict[str, str]:
    """Digest by path."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_layout_is_the_official_one(tree: Path) -> None:
    expected = {maker.MARKER}
    for split in ("train", "val", "test"):
        a, b = official_pairs(split)[0]
        expected |= {f"original_sequences/youtube/c23/videos/{video}.mp4" for video in (a, b)}
        expected |= {f"manipulated_sequences/Deepfakes/c23/videos/{name}.mp4" for name in (f"{a}_{b}", f"{b}_{a}")}
    assert set(contents(tree)) == expected
    assert [path.name for path in tree.parent.iterdir()] == ["tree"]


def test_by_default_there_are_people_enough_to_measure_by() -> None:
    """An interval over four test videos would say nothing, and an epoch be chosen by luck."""
    train, val, test = inspect.signature(make_demo).parameters["pairs"].default
    assert train >= 8
    assert val >= 6
    assert test >= 8


def test_both_classes_are_the_same_kind_of_file(tree: Path) -> None:
    kinds = set()
    for path in tree.rglob("*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            images = [frame.pict_type for frame in container.decode(video=0)]
            what = (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height, len(container.streams))
            kinds.add((*what, stream.average_rate, len(images), float(stream.duration * stream.time_base)))
            assert b"crf=23.0" in path.read_bytes()
            assert av.video.frame.PictureType.B in images
    assert kinds == {("h264", "yuv420p", 160, 160, 1, 25, 6, 0.24)}


def test_scan_reads_it_back(tree: Path) -> None:
    demo = Demo()
    assert isinstance(demo, Dataset)
    scan = demo.scan(tree)
    assert scan.dataset == "demo"
    assert scan.root == tree
    assert scan.missing == {}
    assert "no accuracy" in scan.notes[0]
    assert Counter((record.split, record.label) for record in scan.records) == {
        (split, label): 2 for split in ("train", "val", "test") for label in (REAL, FAKE)
    }
    fakes = {record.id: record for record in scan.records if record.label == FAKE}
    record = fakes["manipulated_sequences/Deepfakes/c23/videos/071_054"]
    assert record.original == "original_sequences/youtube/c23/videos/071"
    assert record.compression == "c23"
    assert len(record.group) == 2


def test_the_same_seed_gives_the_same_bytes_in_any_number_of_processes(tree: Path, tmp_path: Path) -> None:
    assert contents(make_demo(tmp_path / "again", **TINY, workers=2)) == contents(tree)


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    one, two = (make_demo(tmp_path / str(seed), **SMALLEST, seed=seed) for seed in (0, 1))
    assert not set(contents(one).values()) & set(contents(two).values())


def test_what_is_made_is_not_made_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(maker, "_make_pair", never)
    monkeypatch.setattr(dataset, "make_demo", never)
    assert make_demo(tree, **TINY) == tree
    assert Demo().scan(tree).records == Demo().scan(tree).records


def test_scan_makes_what_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dataset, "make_demo", lambda root: make_demo(root, **SMALLEST))
    root = tmp_path / "deep" / "demo"
    assert len(Demo().scan(root).records) == 4
    monkeypatch.setattr(maker, "VERSION", maker.VERSION + 1)
    before = (root / maker.MARKER).read_text()
    assert len(Demo().scan(root).records) == 4
    assert (root / maker.MARKER).read_text() != before
    assert [path.name for path in root.parent.iterdir()] == ["demo"]


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a making that was stopped after two files."""
    real = maker.pair_videos

    def stopped(*arguments: object) -> Iterator[tuple[str, bytes]]:
        videos = real(*arguments)  # type: ignore[arg-type]
        yield next(videos)
        yield next(videos)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(maker, "pair_videos", stopped)
        with pytest.raises(KeyboardInterrupt):
            make_demo(tmp_path / "demo", **SMALLEST)
    return tmp_path / "demo"


def test_an_interrupted_making_leaves_no_tree_and_is_gone_on_with(interrupted: Path, tmp_path: Path) -> None:
    work = interrupted.parent / ".demo.making"
    assert not interrupted.exists()
    assert len(list(work.rglob("*.mp4"))) == 2
    (work / "original_sequences" / ".071.mp4.123").write_bytes(b"half")  # of a process that was killed
    make_demo(interrupted, **SMALLEST)
    assert contents(interrupted) == contents(make_demo(tmp_path / "whole", **SMALLEST))
    assert not work.exists()


def fill_pair(work: Path) -> None:
    """As if the first pair had been made."""
    for path in maker._paths(("071", "054")):
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(b"there already")


def test_whole_pairs_are_kept(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_pair(interrupted.parent / ".demo.making")
    monkeypatch.setattr(maker, "_make_pair", lambda job: pytest.fail(f"made again: {job}"))
    make_demo(interrupted, **SMALLEST)
    assert interrupted.is_dir()


def test_what_other_settings_left_is_not_used(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_pair(interrupted.parent / ".demo.making")
    made: list[object] = []
    monkeypatch.setattr(maker, "_make_pair", lambda job: made.append(job) or 4)
    make_demo(interrupted, **{**SMALLEST, "frames": 4})
    assert len(made) == 1


def test_nothing_else_is_ever_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    make_demo(folder, **SMALLEST)  # an empty folder will do
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match=r"thesis\.txt"):
        make_demo(folder, **SMALLEST, seed=1)
    assert len(Demo().scan(folder).records) == 4
    (folder / maker.MARKER).unlink()
    before = contents(folder)
    with pytest.raises(DatasetError, match="not a folder of demo data"):
        Demo().scan(folder)
    assert contents(folder) == before
    with pytest.raises(DatasetError, match="thesis"):
        make_demo(folder / "thesis.txt", **SMALLEST)


def test_other_settings_replace_demo_data(tmp_path: Path) -> None:
    first = contents(make_demo(tmp_path / "demo", **SMALLEST))
    second = contents(make_demo(tmp_path / "demo", **SMALLEST, seed=1))
    assert set(first) == set(second)
    assert not set(first.values()) & set(second.values())
    assert json.loads((tmp_path / "demo" / maker.MARKER).read_text())["seed"] == 1


def test_a_full_disk_is_said_and_keeps_what_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, budget = maker._write, [3]

    def full(path: Path, content: bytes) -> None:
        budget[0] -= 1
        if budget[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(maker, "_write", full)
        with pytest.raises(WriteError, match=r"demo cannot be written: no space left.*10.0 MiB needed"):
            make_demo(tmp_path / "demo", **SMALLEST)
    assert len(list((tmp_path / ".demo.making").rglob("*.mp4"))) == 2
    assert make_demo(tmp_path / "demo", **SMALLEST).is_dir()


def test_of_several_at_once_one_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads stand for the processes of a torchrun: the lock keeps both apart."""
    made: list[object] = []
    real = maker._make_pair
    monkeypatch.setattr(maker, "_make_pair", lambda job: made.append(job) or real(job))
    with ThreadPoolExecutor(3) as pool:
        roots = list(pool.map(lambda _: make_demo(tmp_path / "demo", **SMALLEST), range(3)))
    assert len(made) == 1
    assert len(Demo().scan(roots[0]).records) == 4
    assert not list(tmp_path.glob(".demo*"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pairs": (0, 0, 0)}, "at least one pair"),
        ({"pairs": (1, 71, 0)}, "360, 70, 70"),
        ({"pairs": (1, 1)}, "three counts"),
        ({"pairs": 3}, "three counts"),
        ({"frames": 0}, "frames"),
        ({"size": 129}, "even"),
        ({"size": 64}, "128"),
        ({"workers": 0}, "workers"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        make_demo(tmp_path / "demo", **{**SMALLEST, **settings})
    assert not (tmp_path / "demo").exists()
