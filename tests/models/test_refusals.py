"""Files that are damaged, foreign or hostile are refused, and nothing in them is executed."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from dfcore.errors import CheckpointError
from dfcore.models.files import archives, weights


def refused(path: Path, match: str) -> None:
    for reader in (weights.read, weights.describe):
        with pytest.raises(CheckpointError, match=match) as caught:
            reader(path)
        assert str(path) in str(caught.value)


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_pickled_objects_are_not_executed(final, tmp_path):
    content = torch.load(final, weights_only=True)
    torch.save({**content, "config": Evil(tmp_path / "executed")}, final)
    refused(final, r"would have to be executed to be read, and is refused \(it calls for _?io\.open\)\. Use")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["final", "best"])
def test_a_file_cut_short(request, kind, share):
    path = request.getfixturevalue(kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path, "no torch archive|cannot be read")


def test_one_flipped_bit_in_the_weights(final, best, smallest):
    data = bytearray(final.read_bytes())
    data[data.index(smallest.cue_head.weight.detach().numpy().tobytes())] ^= 1
    final.write_bytes(data)
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        weights.read(final)
    data = bytearray(best.read_bytes())
    data[len(data) // 2] ^= 1
    best.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        weights.read(best)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"epoch": 3, "model": {}}, "a dictionary of 2 other things"),
        ([1, 2], "it is list"),
        ({"a": torch.zeros(2)}, "does not say that dfcore wrote it"),
    ],
)
def test_other_peoples_files(tmp_path, content, match):
    torch.save(content, tmp_path / "theirs.pt")
    refused(tmp_path / "theirs.pt", match)


def test_text_folder_and_nothing(tmp_path):
    (tmp_path / "a.pt").write_text("hello")
    refused(tmp_path / "a.pt", "no torch archive")
    refused(tmp_path, "it is a folder")
    refused(tmp_path / "none.pt", "no such file")


@pytest.mark.parametrize("value", [2, 0, "1", None])
def test_another_format_number(final, value):
    content = torch.load(final, weights_only=True)
    torch.save({**content, "format": value}, final)
    refused(final, f"has format {value!r}; this dfcore .* reads format 1.*newer one")


@pytest.mark.parametrize("key", ["specialist", "cues", "model", "hash"])
def test_a_description_of_other_kinds(final, key):
    content = torch.load(final, weights_only=True)
    torch.save({**content, key: 5}, final)
    refused(final, f"'{key}' should be a")


@pytest.mark.parametrize(
    "state",
    [None, {"a": 5}, {1: torch.zeros(1)}, {"a": torch.zeros(1).expand(10**12)}, {"a": torch.zeros(2).to_sparse()}],
)
def test_state_that_is_not_plain_tensors(final, state):
    content = torch.load(final, weights_only=True)
    torch.save({**content, "state_dict": state}, final)
    with pytest.raises(CheckpointError, match=r"not a dictionary of tensors|not plain contiguous"):
        weights.read(final)


def test_a_torch_archive_with_one_compressed_member(final):
    members = members_of(final)
    with zipfile.ZipFile(final, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name.endswith("version") else zipfile.ZIP_STORED)
    refused(final, "compressed or declares more than the file holds")


def test_a_torch_archive_that_declares_more_than_it_holds(final):
    data = bytearray(final.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"data.pkl"))
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**30)
    final.write_bytes(data)
    refused(final, "compressed or declares more than the file holds")


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def rewrite(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/x", "more.txt", "a/model.safetensors", "model.pkl"])
@pytest.mark.parametrize("instead", [True, False])
def test_unexpected_members(best, tmp_path, name, instead):
    members = members_of(best)
    members[name] = members.pop("model.safetensors") if instead else b"x"
    rewrite(best, members)
    before = sorted(tmp_path.parent.rglob("*"))
    refused(best, "expected exactly 'meta.json' and 'model.safetensors'")
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(best):
    members = members_of(best)
    rewrite(best, members)
    with zipfile.ZipFile(best, "a") as archive:
        archive.writestr("meta.json", b"{}")
    refused(best, "expected exactly")


def test_a_zip_bomb_is_not_unpacked(best, monkeypatch):
    monkeypatch.setattr(archives, "FREE_SIZE", 1000)
    rewrite(best, {**members_of(best), "model.safetensors": bytes(30 * 2**20)})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("unpacked"))
    refused(best, f"'model.safetensors' declares {30 * 2**20} bytes, more than is plausible")


def test_a_huge_description_is_not_unpacked(best):
    rewrite(best, {**members_of(best), "meta.json": b" " * (archives.MAX_META + 1)})
    refused(best, "'meta.json' declares")


def test_a_member_that_unpacks_to_more_than_it_declares(best):
    """The directory says 10 bytes; 10 bytes are unpacked, and their checksum does not fit."""
    rewrite(best, {**members_of(best), "meta.json": b" " * 2**20})
    data = bytearray(best.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"meta.json"))
    data[entry + 24 : entry + 28] = struct.pack("<I", 10)
    best.write_bytes(data)
    refused(best, "cannot be read")


def test_other_compressions_are_refused(best):
    rewrite(best, members_of(best), zipfile.ZIP_LZMA)
    refused(best, "compressed in a way that dfcore does not write")


@pytest.mark.parametrize("text", [b"", b"not json", b"[]", b"[" * 100_000, b"\xff\xfe"])
def test_a_description_that_is_not_one(best, text):
    rewrite(best, {**members_of(best), "meta.json": text})
    refused(best, "damaged or not a checkpoint|does not say that dfcore wrote it")


def header(text: str, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        header("{}", 2**62),  # a header longer than the file
        header('{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}') + bytes(8),  # beyond the end
        header('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}') + bytes(8),  # shape against bytes
        header('{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}'),  # overflow
        header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}') + bytes(8),
        header("not json") + bytes(8),
        header('{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}') + bytes(8),  # half as many bytes as the type's
        header('{"a":{"dtype":"P99","shape":[2],"data_offsets":[0,8]}}') + bytes(8),  # no such type
        header(
            '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'
        )
        + bytes(12),  # two tensors over the same bytes
        header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}') + bytes(12),  # bytes that belong to none
    ],
)
def test_safetensors_with_a_lying_header(best, data):
    rewrite(best, {**members_of(best), "model.safetensors": data})
    with pytest.raises(CheckpointError, match=r"best\.zip cannot be read: it is damaged"):
        weights.read(best)


def test_a_member_that_is_a_link(best):
    """Its content would be the path that it points to: nothing is followed."""
    meta = members_of(best)["meta.json"]
    link = zipfile.ZipInfo("model.safetensors")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(best, "w") as archive:
        archive.writestr("meta.json", meta)
        archive.writestr(link, "/etc/hostname")
    with pytest.raises(CheckpointError, match="damaged"):
        weights.read(best)


def test_weights_of_another_file(best):
    state = safetensors.torch.load(members_of(best)["model.safetensors"])
    state["cue_head.bias"] += 1
    rewrite(best, {**members_of(best), "model.safetensors": safetensors.torch.save(state)})
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        weights.read(best)


def test_the_description_needs_no_weights(best):
    meta = json.loads(members_of(best)["meta.json"])
    rewrite(best, {**members_of(best), "model.safetensors": b"damaged"})
    assert weights.describe(best) == meta
