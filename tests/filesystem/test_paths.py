from __future__ import annotations

import os
from pathlib import Path

import pytest

from dfcore.errors import RunError
from dfcore.filesystem.paths import (
    exists,
    is_file,
    is_folder,
    name_trouble,
    read_regular,
    real_path,
    require_file,
    why_unreadable,
    why_unwritable,
)

LONG = "a" * 300


def test_names_that_no_file_can_have_are_nothing() -> None:
    for name in (LONG, "a\0b"):
        assert (exists(name), is_file(name), is_folder(name)) == (False, False, False)
        assert why_unreadable(name)
    assert "NUL" in name_trouble("a\0b")


def test_only_regular_files_are_read_and_at_most_so_much(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"0123456789")
    assert read_regular(file) == b"0123456789"
    assert read_regular(file, start=7, most=3) == b"789"
    with pytest.raises(OSError, match="it has 10 bytes, and at most 9 are read"):
        read_regular(file, most=9)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="this is a pipe, not a file"):
        read_regular(tmp_path / "pipe")
    assert why_unreadable(file) == why_unreadable(tmp_path) == ""
    assert why_unwritable(file) == why_unwritable(tmp_path / "new") == why_unwritable(tmp_path, folder=True) == ""
    assert "this is a file, not a folder" in why_unwritable(file, folder=True)
    assert "this is a folder, not a file" in why_unwritable(tmp_path)


@pytest.mark.parametrize("address", ["s3://bucket/runs", "https://example.org/a.mp4", "http:/example.org/a"])
def test_an_address_is_no_path(address: str) -> None:
    assert "this is an address" in name_trouble(address)
    assert "this is an address" in why_unwritable(address, folder=True)
    with pytest.raises(RunError, match=r"stage\.start=.*this is an address.* Give another\."):
        require_file(address, RunError, "stage.start=", "Give another.")


def test_a_file_that_is_there_is_required_and_nothing_else_will_do(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    require_file(tmp_path / "a", RunError)
    require_file(tmp_path / "link", RunError)
    with pytest.raises(RunError, match=rf"^x: {tmp_path}: this is a folder, not a file. Name a file. So\.$"):
        require_file(tmp_path, RunError, "x: ", "So.")
    with pytest.raises(RunError, match=r"b: no such file\. Check the path\.$"):
        require_file(tmp_path / "b", RunError)


def test_no_more_than_a_gibibyte_is_read_unless_more_is_asked_for(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(2**30 + 9)
    with pytest.raises(OSError, match="it has 1,073,741,833 bytes, and at most 1,073,741,824 are read"):
        read_regular(tmp_path / "holes")
    assert read_regular(tmp_path / "holes", start=2**30 + 4) == bytes(5)


def test_windows_drives_and_colons_in_names_are_paths() -> None:
    assert name_trouble("C:\\data") == name_trouble("c:/data") == name_trouble("a: b.mp4") == ""


def test_a_circle_of_links_has_a_real_path(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert real_path(tmp_path / "loop") == tmp_path.resolve() / "loop"
