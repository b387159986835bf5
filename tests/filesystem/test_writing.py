"""Writing on a disk that is full: nothing that was there is lost, and the message says what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dfcore.errors import DfcoreError, WriteError
from dfcore.filesystem.writing import (
    append,
    is_full,
    replacing,
    require_place,
    require_writable,
    size_text,
    temporary_file,
    write_error,
    writing,
)
from dfcore.kaggle import free_space

FULL = OSError(errno.ENOSPC, "No space left on device")


def raised(first: BaseException, second: BaseException, *, cause: bool) -> BaseException:
    try:
        try:
            raise first
        except BaseException as error:
            raise second from (error if cause else None)
    except BaseException as error:
        return error


def test_a_full_disk_is_found_behind_other_errors() -> None:
    assert is_full(FULL)
    assert is_full(OSError(errno.EDQUOT, "quota"))
    assert is_full(raised(FULL, RuntimeError("unexpected pos"), cause=True))
    assert is_full(raised(FULL, RuntimeError("unexpected pos"), cause=False))
    assert not is_full(OSError(errno.EACCES, "no"))
    assert not is_full(raised(ValueError(), RuntimeError(), cause=True))
    assert not is_full(None)


def test_the_message_says_which_file_how_much_and_what_to_do(tmp_path: Path) -> None:
    free = free_space(tmp_path).free
    said = str(write_error(tmp_path / "new" / "last.pt", FULL, 3 * 2**20))
    for words in (
        f"{tmp_path}/new/last.pt cannot be written: no space left",
        f"(3.0 MiB needed, {size_text(free)[:2]}",
        f"free in {tmp_path}; so a quota",
        "`dfcore runs prune`",
        "run.out",
        "resume=True",
    ):
        assert words in said, words
    assert "needed," not in str(write_error(tmp_path / "x", FULL))
    assert "quota" not in str(write_error(tmp_path / "x", FULL, 2**60))
    assert str(write_error(tmp_path / "x", OSError(errno.EACCES, "Permission denied"))).startswith(
        f"{tmp_path}/x cannot be written: Permission denied."
    )
    assert "/x cannot be written: unexpected pos 3." in str(
        write_error(tmp_path / "x", RuntimeError("unexpected pos 3"))
    )


def test_sizes_for_people() -> None:
    sizes = [0, 1023, 1024, 1.5 * 2**20, 2**30, 3 * 2**40]
    assert [size_text(size) for size in sizes] == ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "1.0 GiB", "3.0 TiB"]


def test_what_was_there_stays_when_its_successor_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def write_half_and(raised: BaseException) -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise raised

    for error in (FULL, RuntimeError("torch")):
        with pytest.raises(WriteError, match="a cannot be written"):
            write_half_and(error)
    with pytest.raises(KeyboardInterrupt):
        write_half_and(KeyboardInterrupt())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_folders_on_the_way_to_a_new_file_are_made(tmp_path: Path) -> None:
    with replacing(tmp_path / "a" / "b" / "c") as temporary:
        assert temporary.parent == tmp_path / "a" / "b"
        temporary.write_text("new")
    assert (tmp_path / "a" / "b" / "c").read_text() == "new"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c"]


def test_an_append_is_whole_or_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "lines", os.write
    append(path, b"one\n", sync=True)
    left = [3]

    def almost_full(handle: int, content: memoryview) -> int:
        count = write(handle, content[: left[0]])
        if not count:
            raise FULL
        left[0] -= count
        return count

    with monkeypatch.context() as full:
        full.setattr(os, "write", almost_full)
        with pytest.raises(WriteError, match=r"lines cannot be written: no space left.*4 B needed"):
            append(path, b"two\n")
    assert path.read_bytes() == b"one\n"
    append(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("name", ["null", "zero", "full"])
def test_no_device_is_written_to_or_replaced(name: str) -> None:
    device = Path("/dev") / name
    if not device.exists():
        pytest.skip(f"this system has no {device}")
    with pytest.raises(WriteError, match=f"/dev/{name}: this is a device, not a file"):
        append(device, b"x")
    with pytest.raises(WriteError, match=f"/dev/{name}: this is a device, not a file"), replacing(device):
        pytest.fail("it was about to be replaced")
    with pytest.raises(WriteError, match=f"/dev/{name}: this is a device, not a folder"):
        require_writable(device)
    assert device.is_char_device()


def test_another_error_inside_is_none_of_writings(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="Permission denied"), writing(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(ValueError, match="other"), writing(tmp_path / "x"):
        raise ValueError("other")


@pytest.mark.parametrize(("code", "exit_code"), [(errno.ENOSPC, 74), (errno.EIO, 1)])
def test_the_command_line_explains_a_full_disk_wherever_it_is_met(tmp_path: Path, code: int, exit_code: int) -> None:
    script = (
        "import dfcore.cli as c, dfcore.plugins.discovery as d\n"
        f"def full(): raise OSError({code}, 'the reason', '/somewhere/file')\n"
        "d.discover = full\n"
        "import sys; sys.argv[1:] = ['plugins']; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == exit_code
    assert ("Traceback" in done.stderr) == (code == errno.EIO)
    assert ("/somewhere/file cannot be written: no space left" in done.stderr) == (code == errno.ENOSPC)


def test_one_exit_code_for_all_files() -> None:
    assert WriteError.exit_code == 74
    assert issubclass(WriteError, DfcoreError)


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_in_the_way_of_a_place_is_named(tmp_path: Path, folder: bool) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dead").symlink_to("gone")
    check = require_writable if folder else require_place
    for part, said in (("file", "is a file, not a folder"), ("dead", "leads to gone, where no folder is")):
        place = tmp_path / part / "below" / "x"
        with pytest.raises(WriteError, match=rf"^{place}: .*{tmp_path / part} {said}\. Name a \w+ elsewhere\.$"):
            check(place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead", "file"]


def test_a_place_is_tried_and_nothing_is_left_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_place(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WriteError, match="this is a folder, not a file"):
        require_place(tmp_path)

    def read_only(*_: object, **how: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", read_only)
    with pytest.raises(WriteError, match=rf"{tmp_path / 'x'} cannot be written: Read-only file system"):
        require_place(tmp_path / "x")


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"file/store: \S+/file is a file, not a folder\. Name a folder elsewhere\."):
        require_writable(tmp_path / "file" / "store")

    def read_only(*_: object, **how: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", read_only)
    with pytest.raises(WriteError, match=r"a cannot be written: Read-only file system"):
        require_writable(tmp_path / "a")


def test_a_temporary_file_goes_with_its_context() -> None:
    with temporary_file("a.txt", lambda path: path.write_text("made")) as path:
        assert path.name == "a.txt"
        assert path.read_text() == "made"
    assert not path.parent.exists()


def test_only_what_makes_a_temporary_file_is_told_of_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    def full(path: Path) -> None:
        raise WriteError(f"{path.name} is too large.")

    told = pytest.raises(WriteError, match=r"^a\.mp4 is too large\. \(Temporary files lie in .*; TMPDIR names another")
    with told, temporary_file("a.mp4", full):
        pytest.fail("there is no file")
    with pytest.raises(WriteError, match=r"^the store is full\.$"), temporary_file("a.mp4", Path.touch):
        raise WriteError("the store is full.")
    assert list(tmp_path.iterdir()) == []
