from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dfcore.data.clips import Clip
from dfcore.data.store import array_file
from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.coding import CODECS, RAW
from dfcore.data.store.damage import DamageLog
from dfcore.data.store.format import evidence_name
from dfcore.errors import StoreError

MakeClip = Callable[..., Clip]


@pytest.fixture(params=CODECS)
def store(tmp_path: Path, make_clip: MakeClip, request: pytest.FixtureRequest) -> ClipStore:
    """Two videos of two clips, with evidence."""
    store = ClipStore(tmp_path / "store", codec=request.param)
    for name in ("a", "deep/b"):
        store.write(name, [make_clip(seed=1), make_clip(2, 64, 96, seed=2)])
        store.write_evidence(name, "echo", 1, [np.ones((3, 2, 6, 8), np.float16), np.ones((2, 2, 6, 4), np.float16)])
    return ClipStore(store.root, codec=request.param)


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had been read before."""
    monkeypatch.setattr(array_file, "_compared", {})


def flip(path: Path, array: str, place: int = 0) -> None:
    """Change one bit of an array; size and time stay."""
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    first, last = json.loads(data[8 : 8 + length])[array]["data_offsets"]
    data[8 + length + (first + place if place >= 0 else last + place)] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("array", ["0/y", "1/u", "1/v"])
@pytest.mark.parametrize("place", [0, -1])
def test_one_changed_bit_is_noticed_when_the_array_is_first_read(store: ClipStore, array: str, place: int) -> None:
    path = store.root / "a.safetensors"
    flip(path, array, place)
    clip, plane = array.split("/")
    video = store.open("a")
    with pytest.raises(StoreError, match=rf"a\.safetensors is damaged \(the checksum of '{array}' differs\)"):
        video.access(int(clip)).planes([0])
    other = video.access(1 - int(clip)).planes([0])
    assert other[0].any()
    store.open("deep/b").load(int(clip))
    assert DamageLog(store.root) == {"a.safetensors": f"the checksum of '{array}' differs"}
    assert plane in "yuv"


def test_damaged_evidence_is_noticed(store: ClipStore) -> None:
    name = evidence_name("deep/b", "echo", 1)
    flip(store.root / name, "1/values")
    assert store.open("deep/b").access(0).evidence("echo") is not None
    with pytest.raises(StoreError, match=r"echo-v1.*is damaged"):
        store.open("deep/b").access(1).evidence("echo")
    assert list(DamageLog(store.root)) == [name]


def test_what_is_said_of_the_clips_is_protected_too(store: ClipStore) -> None:
    path = store.root / "a.safetensors"
    data = path.read_bytes()
    assert b'\\"fps\\":25.0' in data
    path.write_bytes(data.replace(b'\\"fps\\":25.0', b'\\"fps\\":24.0'))
    with pytest.raises(StoreError, match="the checksum of 'entries' differs"):
        ArrayFile(path)


def test_each_process_compares_each_array_once(store: ClipStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real, compared = array_file.checksum, list[int]()

    def counted(dtype: str, shape: tuple[int, ...], values: object) -> int:
        compared.append(1)
        return real(dtype, shape, values)

    monkeypatch.setattr(array_file, "checksum", counted)
    for _ in range(3):
        fresh = pickle.loads(pickle.dumps(store))  # as a loader's worker gets it, or when many videos are open
        fresh.open("a").access(0).luma([0])
        fresh.open("a").access(0).luma([1])
    assert len(compared) == 1
    ArrayFile(store.root / "a.safetensors").compare_all()
    assert len(compared) > 8


def as_before(path: Path) -> None:
    """The file as an earlier dfcore wrote it."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = header["__metadata__"]["dfcore"]
    header["__metadata__"]["dfcore"] = text.rpartition(',"checksums":')[0] + "}"
    assert json.loads(text).keys() - json.loads(header["__metadata__"]["dfcore"]).keys() == {"checksums"}
    new = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + data[8 + length :])


def test_a_file_without_checksums_is_read_as_it_is(store: ClipStore) -> None:
    if store.codec != RAW:
        pytest.skip("coded files have always had checksums")
    as_before(store.root / "a.safetensors")
    flip(store.root / "a.safetensors", "0/y")
    again = ClipStore(store.root)
    assert again.open("a").load(0).y.any()
    found = again.verify()
    assert (found.videos, found.unchecked, found.damaged) == (2, 1, ())


def test_verify_reads_all_and_names_what_is_damaged(store: ClipStore) -> None:
    found = store.verify()
    assert (found.videos, found.damaged, found.unchecked) == (2, (), 0)
    assert found.bytes == sum(path.stat().st_size for path in store.root.rglob("*.safetensors"))
    store.open("a").load(0)  # compared before, and damaged since
    flip(store.root / "a.safetensors", "0/y", 7)
    flip(store.root / evidence_name("deep/b", "echo", 1), "0/values")
    (store.root / "deep" / "c.safetensors").write_bytes(b"noise")
    damaged = {one.file: one.why for one in ClipStore(store.root).verify().damaged}
    assert list(damaged) == ["deep/c.safetensors", "a.safetensors", evidence_name("deep/b", "echo", 1)]
    assert damaged["a.safetensors"] == "the checksum of '0/y' differs"
    assert set(DamageLog(store.root)) == set(damaged) - {"deep/c.safetensors"}


def test_what_another_process_wrote_alike_is_left_with_its_evidence(store: ClipStore, make_clip: MakeClip) -> None:
    path = store.root / "a.safetensors"
    before = path.stat().st_ino
    store.write("a", [make_clip(seed=1), make_clip(2, 64, 96, seed=2)])
    assert path.stat().st_ino == before
    assert ClipStore(store.root).entry("a").evidence["echo"] == 1
    flip(path, "0/y")
    store.write("a", [make_clip(seed=1), make_clip(2, 64, 96, seed=2)])
    assert path.stat().st_ino != before
    assert "echo" not in ClipStore(store.root).entry("a").evidence


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"id":"a"', '"id":"z"'),
        ('"label":1', '"label":0'),
        ('"frames":3', '"frames":9'),
        ('"split":""', '"split":"test"'),
    ],
)
def test_a_line_of_the_index_that_says_something_else_is_dropped(store: ClipStore, old: str, new: str) -> None:
    index = store.root / "index.jsonl"
    store.index.save()
    text = index.read_text()
    expected = dict(ClipStore(store.root).index)
    changed = text.replace(old, new)
    assert changed != text
    index.write_text(changed)
    again = ClipStore(store.root).index
    assert {name: (entry.label, entry.split, entry.plan) for name, entry in again.items()} == {
        name: (entry.label, entry.split, entry.plan) for name, entry in expected.items()
    }
    assert not again.settled


def test_a_line_without_a_checksum_is_of_an_earlier_dfcore(store: ClipStore) -> None:
    index = store.root / "index.jsonl"
    store.index.save()
    lines = [json.loads(line) for line in index.read_text().splitlines()]
    assert all(line.pop("checksum") for line in lines)
    index.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert dict(ClipStore(store.root).index) == dict(store.index)


def test_checksums_of_which_one_is_missing_are_damage(store: ClipStore) -> None:
    path = store.root / "a.safetensors"
    data = path.read_bytes()
    assert data.count(b'entries\\"') == 1
    path.write_bytes(data.replace(b'entries\\"', b'antries\\"'))
    with pytest.raises(StoreError, match="its checksums are not complete"):
        ArrayFile(path)
