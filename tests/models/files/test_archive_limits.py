"""What an archive may declare, at each limit and one beyond it, and the names that torch does not write."""

from __future__ import annotations

import json
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from dfcore.errors import CheckpointError
from dfcore.models.files import archives


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def zipped(path: Path, tensors: torch.Tensor, meta: bytes = b"{}") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(archives.META, meta)
        archive.writestr(archives.TENSORS, safetensors.torch.save({"a": tensors}))
    return path


def size_of(path: Path, name: str) -> int:
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(name).file_size


def test_a_small_member_may_be_compressed_as_much_as_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", torch.zeros(50_000))
    declared = size_of(path, archives.TENSORS)
    assert declared > 2 * archives.MAX_RATIO * path.stat().st_size
    monkeypatch.setattr(archives, "FREE_SIZE", declared)
    assert torch.equal(archives.read_tensors(path)["a"], torch.zeros(50_000))
    monkeypatch.setattr(archives, "FREE_SIZE", declared - 1)
    with pytest.raises(CheckpointError, match=f"declares {declared} bytes, more than is plausible"):
        archives.read_tensors(path)


def test_a_large_member_may_be_compressed_twenty_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4000 numbers each stands so often in a row that the file is a tenth to a thirtieth of them."""
    monkeypatch.setattr(archives, "FREE_SIZE", 10)
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    near, beyond = (zipped(tmp_path / f"{n}.zip", noise.repeat_interleave(n)) for n in (12, 40))
    for path, fits in ((near, True), (beyond, False)):
        ratio = size_of(path, archives.TENSORS) / path.stat().st_size
        assert (5 < ratio < 20) if fits else (20 < ratio < 60)
        if fits:
            archives.read_tensors(path)
        else:
            with pytest.raises(CheckpointError, match="more than is plausible"):
                archives.read_tensors(path)


def test_the_limit_of_a_description_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long, and hardly packed: only :data:`MAX_META` counts; the tensors may be longer."""
    meta = json.dumps({"format": 1, "words": [f"{n * 7919 % 99991:x}" for n in range(4000)]}).encode()
    path = zipped(tmp_path / "a.zip", torch.randn(20_000), meta)
    for limit, fits in ((len(meta), True), (len(meta) - 1, False)):
        monkeypatch.setattr(archives, "MAX_META", limit)
        if fits:
            archives.read_tensors(path)
        else:
            with pytest.raises(CheckpointError, match=f"'meta.json' declares {len(meta)} bytes"):
                archives.read_tensors(path)


def rewritten(path: Path, rename: dict[str, str], mode: int = 0) -> None:
    """The torch file with members renamed, or made links."""
    members = members_of(path)
    prefix = next(iter(members)).split("/")[0]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(rename.get(name.removeprefix(f"{prefix}/"), name))
            entry.external_attr = (mode if name.endswith("version") else stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)


@pytest.mark.parametrize("name", ["/etc/x", "\\x", "../x", "a/../x", "a\\..\\x", "a/.."])
def test_a_torch_archive_with_a_member_outside_of_it(final: Path, name: str) -> None:
    rewritten(final, {"version": name})
    with pytest.raises(CheckpointError, match=r"a member that torch does not write \("):
        archives.load_torch(final)


@pytest.mark.parametrize("name", ["a..b/x", "...", "a/x.."])
def test_dots_in_a_name_are_no_way_out(final: Path, name: str) -> None:
    rewritten(final, {"byteorder": name})
    archives.look_at_torch_archive(final)


def test_a_torch_archive_with_a_link(final: Path) -> None:
    rewritten(final, {}, stat.S_IFLNK | 0o777)
    with pytest.raises(CheckpointError, match=r"does not write \('.*version'\)"):
        archives.load_torch(final)
    rewritten(final, {}, stat.S_IFREG | 0o755)
    archives.look_at_torch_archive(final)


def test_a_torch_archive_with_a_member_twice(final: Path) -> None:
    name = next(name for name in members_of(final) if name.endswith("byteorder"))
    with warnings.catch_warnings(), zipfile.ZipFile(final, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(name, b"little")
    with pytest.raises(CheckpointError, match=rf"does not write \('{name}'\)"):
        archives.load_torch(final)


def test_every_checksum_is_compared_where_the_whole_file_is_asked_for(final: Path) -> None:
    """torch itself never looks at them."""
    assert archives.load_plain(final, whole=True)["format"] == archives.FORMAT
    data = bytearray(final.read_bytes())
    name = next(name for name in members_of(final) if name.endswith("data/0"))
    with zipfile.ZipFile(final) as archive:
        start = archive.getinfo(name).header_offset
    data[start + 200] ^= 1
    final.write_bytes(data)
    archives.load_plain(final)
    with pytest.raises(CheckpointError, match=rf"the checksum of '{name}' differs"):
        archives.load_plain(final, whole=True)


@pytest.mark.parametrize("name", [archives.META, archives.TENSORS])
def test_an_archive_with_one_member_of_ours_is_ours(tmp_path: Path, final: Path, name: str) -> None:
    path = tmp_path / "part.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    assert archives.is_zip_of_ours(path)
    assert not archives.is_zip_of_ours(final)


def test_what_was_loaded_does_not_change_with_the_file_unless_it_stays_on_the_disk(final: Path) -> None:
    kept, mapped = archives.load_torch(final), archives.load_torch(final, mmap=True)
    whole = archives.load_plain(final)
    name = next(iter(kept["state_dict"]))
    before = kept["state_dict"][name].clone()
    with final.open("r+b") as file:  # in place: the same file
        file.write(bytes(final.stat().st_size))
    assert torch.equal(kept["state_dict"][name], before)
    assert torch.equal(whole["state_dict"][name], before)
    assert not torch.equal(mapped["state_dict"][name], before)
