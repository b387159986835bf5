from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard
from numpy.typing import NDArray

from dfcore.data.clips import Clip, MemoryClip, Speech
from dfcore.data.clips.part import part_of
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.clips.reduced import reduced
from dfcore.data.store import images
from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.coding import CODECS, COMPACT, RAW, Coded, code
from dfcore.data.store.format import checksum
from dfcore.data.views import build_views
from dfcore.errors import StoreError, UnknownNameError, UsageError

MakeClip = Callable[..., Clip]
RNG = np.random.default_rng(0)


def ramps(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Images that are smooth, each in its own way: it is not the differences between them that are small."""
    down, across, start = (RNG.integers(*limits, (count, 1, 1)) for limits in ((-9, 9), (-9, 9), (0, 256)))
    noise = RNG.integers(0, 3, (count, height, width))
    found = start + down * np.arange(height)[:, None] + across * np.arange(width) + noise
    return found.astype(np.uint8)


def smooth(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Images that hardly change, as footage: they take less than noise."""
    steps = RNG.integers(-1, 2, shape).cumsum(axis=-1) + RNG.integers(-1, 2, (shape[0], *[1] * (len(shape) - 1)))
    return (128 + steps).astype(np.uint8)


ARRAYS = {
    "images": RNG.integers(0, 256, (5, 64, 96), dtype=np.uint8),
    "smooth images": smooth((4, 48, 32)),
    "one image": smooth((1, 64, 64)),
    "a small image": smooth((2, 16, 16)),
    "an odd image": smooth((2, 33, 65)),
    "still images": np.repeat(smooth((1, 48, 64)), 5, axis=0),
    "images of channels": smooth((4, 3, 24, 40)),
    "one pixel": smooth((2, 1, 1)),
    "extremes": np.tile(np.array([0, 255, 7, 8, 128], np.uint8), (4, 40, 13)),
    "a group": smooth((16, 3, 112, 112)),
    "a group side by side": ramps(9, 40, 48),
    "a group of channels side by side": ramps(12, 24, 40).reshape(4, 3, 24, 40),
    "a still group": np.repeat(smooth((1, 96, 96)), 60, axis=0),
    "noise in a group": RNG.integers(0, 256, (3, 40, 40), dtype=np.uint8),
    "quantisers": RNG.integers(-1, 52, (8, 6, 9), dtype=np.int8),
    "motion": RNG.integers(-32768, 32768, (8, 6, 9, 2)).astype(np.int16),
    "audio": (3000 * np.sin(np.arange(38400) / 30)).astype(np.int16),
    "evidence": RNG.normal(size=(1, 18, 6, 9)).astype(np.float16),
    "flags": np.ones(60, np.uint8),
    "no audio": np.zeros(0, np.int16),
    "no images": np.zeros((0, 48, 32), np.uint8),
    "no images in a group": np.zeros((0, 48, 32), np.uint8),
    "no small images": np.zeros((0, 3, 112, 112), np.uint8),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_coded_comes_back_to_the_last_bit(name: str) -> None:
    values = ARRAYS[name]
    stored, how = code(values, group="group" in name)
    how = Coded.from_json(json.loads(json.dumps(how.to_json())))
    found = how.decode(stored)
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    assert np.array_equal(found, values)
    assert not found.flags.writeable
    if len(values) > 3:
        for rows in ([2], [1, 3], range(1, 3), [0, 0]):
            assert np.array_equal(how.decode(stored, rows), values[list(rows)])
    if name in ("smooth images", "a group", "a still group", "audio", "flags"):
        assert len(stored) < 0.8 * values.nbytes


def test_images_that_are_read_whole_are_coded_side_by_side_where_that_takes_less() -> None:
    kinds = {
        "a group side by side": "mosaic",
        "a group of channels side by side": "mosaic",
        "noise in a group": "values",
    }
    assert {name: code(ARRAYS[name], group=True)[1].kind for name in kinds} == kinds


def test_of_coded_images_only_those_that_are_asked_for_are_decoded() -> None:
    values = smooth((6, 64, 64))
    stored, how = code(values)
    assert how.reference == -1
    broken = stored.copy()
    broken[: how.sizes[0]] ^= 0x55  # the first packet alone
    assert np.array_equal(how.decode(broken, [3]), values[[3]])
    with pytest.raises(ValueError, match="cannot be decoded"):
        how.decode(broken, [0])


def test_images_that_repeat_what_is_in_another_are_decoded_with_that_one_alone() -> None:
    values = np.repeat(RNG.integers(0, 256, (1, 64, 64), dtype=np.uint8), 5, axis=0)
    values[:, 9, 9] = range(5)
    stored, how = code(values)
    assert how.reference == 2
    assert sum(how.sizes) < 1.5 * how.sizes[2]
    broken = stored.copy()
    broken[: how.sizes[0]] ^= 0x55
    assert np.array_equal(how.decode(broken, [3]), values[[3]])
    broken[sum(how.sizes[:2]) : sum(how.sizes[:3])] ^= 0x55  # the reference itself
    with pytest.raises(ValueError, match="cannot be decoded"):
        how.decode(broken, [3])


def test_a_coded_image_with_too_many_or_too_few_values_is_refused() -> None:
    image = smooth((1, 32, 48))[0]
    packed = images._packed(image)
    assert np.array_equal(images._image(packed, 32, 48), image)
    for wrong in (packed + b"x", packed[:-1], packed[:100]):
        with pytest.raises(ValueError, match="of 48x32 px"):
            images._image(wrong, 32, 48)


@pytest.mark.parametrize("change", [{"kind": "other"}, {"shape": [-1, 4, 4]}, {"sizes": [3]}, {"reference": 2}])
def test_a_description_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    stored, how = code(smooth((2, 32, 32)))
    with pytest.raises(ValueError, match=r"is no coded array|is no kind of|were expected"):
        Coded.from_json({**how.to_json(), **change}).decode(stored)


# -- stores of either kind -----------------------------------------------------------------------------------------


def talking(make_clip: MakeClip, frames: int = 16) -> Clip:
    clip = make_clip(frames, seed=3)
    clip.speech = Speech(smooth((60, 96, 96)), np.ones(60, bool), 0.4, RNG.integers(-9, 9, 38400).astype(np.int16))
    return replace(clip, header=replace(clip.header, speech_start=0.4))


VIEWS = ("face", "sequence", "sequence_mask", "motion", "mouth", "mouth_present", "log_mel", "audio_present")


@pytest.mark.parametrize("codec", CODECS)
def test_views_of_a_stored_clip_are_those_of_the_clip_in_memory(
    tmp_path: Path, make_clip: MakeClip, codec: str
) -> None:
    clip = talking(make_clip)
    clip.evidence = {"same": np.repeat(clip.evidence["ghost"][:1], 16, axis=0), "other": clip.evidence["ghost"]}
    store = ClipStore(tmp_path, codec=codec)
    store.write("v", [clip], ClipPlan(frames=16, native=8, sequence=True, speech=2.4))
    stored = ClipStore(tmp_path).open("v").access(0)
    memory = MemoryClip(clip)
    own = ("face", "context", "face_mask", "tiles", "tile_face", "qp", "mouth", "log_mel", "same", "other")
    for names, frames, length in ((VIEWS, range(16), 16), (own, [3], 8), (own, [0], 8), (own, [2, 5], 8)):
        parts = [part_of(access, length) for access in (stored, memory)]
        one, two = (build_views(part, names, frames, image_size=32) for part in parts)
        for name in names:
            assert np.array_equal(one[name].numpy(), two[name].numpy()), name
    assert np.array_equal(stored.evidence_mean("other"), memory.evidence_mean("other"))
    assert np.array_equal(stored.evidence_mean("same"), clip.evidence["same"].astype(np.float32).mean(axis=0))


@pytest.mark.parametrize("codec", CODECS)
def test_frames_that_no_view_reads_are_not_kept(tmp_path: Path, make_clip: MakeClip, codec: str) -> None:
    clip = make_clip(16)
    store = ClipStore(tmp_path, codec=codec)
    store.write("v", [clip], ClipPlan(frames=16, native=8, sequence=True))
    file = ArrayFile(tmp_path / "v.safetensors")
    assert [file.length(f"0/{name}") for name in ("y", "u", "v", "qp", "sequence", "motion")] == [8] * 4 + [16] * 2
    access = store.open("v").access(0)
    assert np.array_equal(access.planes(range(4, 12))[0], clip.y[4:12])
    assert np.array_equal(access.luma([5, 9]), clip.y[[5, 9]])
    for frames in ([3], [12], range(16)):
        with pytest.raises(StoreError, match="those from 4 to 11 are kept at native resolution"):
            access.planes(frames)
    loaded = store.open("v").load(0)
    assert (len(loaded.y), len(loaded.header.frames)) == (8, 16)


def test_a_clip_that_is_shorter_than_planned_keeps_all_its_frames(tmp_path: Path, make_clip: MakeClip) -> None:
    store = ClipStore(tmp_path)
    store.write("v", [make_clip(10)], ClipPlan(frames=16, native=1, sequence=True))
    assert len(store.open("v").access(0).luma(range(10))) == 10


def test_small_frames_that_are_not_kept_are_made_of_the_planes(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(4)
    store = ClipStore(tmp_path)
    store.write("v", [clip])
    assert ArrayFile(tmp_path / "v.safetensors").length("0/sequence") == 0
    assert np.array_equal(store.open("v").access(0).sequence([1, 2]), reduced(clip.y, clip.u, clip.v, 0)[1:3])


def test_one_store_may_hold_both_kinds(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(seed=5)
    for codec in CODECS:
        ClipStore(tmp_path, codec=codec).write(codec, [clip])
    store = ClipStore(tmp_path)
    assert store.ids() == [COMPACT, RAW]
    assert all(np.array_equal(store.open(name).load(0).v, clip.v) for name in CODECS)
    assert store.verify().damaged == ()


def test_coded_bytes_that_cannot_be_decoded_are_damage(tmp_path: Path, make_clip: MakeClip) -> None:
    path = tmp_path / "a.safetensors"
    ClipStore(tmp_path).write("a", [make_clip()])
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["dfcore"])
    first, last = header["0/y"]["data_offsets"]
    body = bytearray(data[8 + length :])
    body[first] ^= 0xFF
    # Its checksum is right, so that nothing but the decoder can notice it.
    about["checksums"]["0/y"] = checksum("uint8", (last - first,), bytes(body[first:last]))
    header["__metadata__"]["dfcore"] = json.dumps(about, separators=(",", ":"))
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    (tmp_path / "index.jsonl").unlink()
    with pytest.raises(StoreError, match=r"a\.safetensors is damaged .'0/y': it cannot be decoded"):
        ClipStore(tmp_path).open("a").load(0)
    assert [one.file for one in ClipStore(tmp_path).verify().damaged] == ["a.safetensors"]


def test_a_codec_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown store codec 'compakt'\. Did you mean 'compact'"):
        ClipStore(tmp_path, codec="compakt")


def test_a_plan_cannot_keep_more_frames_than_it_has() -> None:
    with pytest.raises(UsageError, match="native frames must be 0 to its 8, not 9"):
        ClipPlan(native=9)


@pytest.mark.parametrize("values", [np.zeros((2, 32, 48), np.uint8), np.arange(60, dtype=np.int16)])
def test_a_packet_that_claims_to_hold_far_more_is_not_unpacked(
    values: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(10**7))
    stored = np.frombuffer(bomb, np.uint8)
    _, how = code(values)
    large = replace(how, sizes=(len(bomb),), shape=(1, *values.shape[1:]) if values.ndim == 3 else values.shape)
    monkeypatch.setattr(images._decoders, "unpack", None)  # who unpacks it fails
    with pytest.raises(ValueError, match="the packet claims 10000000"):
        large.decode(stored)


@pytest.mark.parametrize(("kind", "differences"), [("mosaic", False), ("values", True)])
@pytest.mark.parametrize("count", [3, 60])
def test_how_a_group_is_coded_is_found_from_its_middle(kind: str, differences: bool, count: int) -> None:
    noise = np.random.default_rng(0)
    ramp = np.arange(64)[:, None] * 2 + np.arange(64)
    if kind == "mosaic":  # smooth in space, and all new each time
        images = [ramp + noise.integers(0, 60) + noise.integers(0, 3, (64, 64)) for _ in range(count)]
    else:  # rough in space, and changing evenly
        still = noise.integers(0, 100, (64, 64))
        images = [still + index for index in range(count)]
    values = np.array(images).astype(np.uint8)
    stored, how = code(values, group=True)
    assert (how.kind, how.shape, how.differences) == (kind, (count, 64, 64), differences)
    assert np.array_equal(how.decode(stored), values)
