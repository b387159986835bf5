"""Writing files so that a full disk or a kill costs nothing that was there before."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from dfcore.errors import WriteError
from dfcore.filesystem.owner import is_left_behind, temporary_path
from dfcore.filesystem.paths import is_folder, why_unwritable
from dfcore.kaggle import free_space

__all__ = [
    "append",
    "is_full",
    "replacing",
    "require_place",
    "require_target",
    "require_writable",
    "size_text",
    "sync_folder",
    "temporary_file",
    "temporary_folder",
    "write_error",
    "writing",
]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException | None) -> bool:
    """Whether a full disk, or a quota that is used up, is behind an error.

    torch hides it: the ``OSError`` of the file that it writes to is then the context of a ``RuntimeError``.
    """
    while error is not None:
        if getattr(error, "errno", None) in FULL:  # PyAV's are no OSErrors
            return True
        error = error.__cause__ or error.__context__
    return False


def size_text(size: float) -> str:
    """``"812 B"``, ``"3.4 MiB"``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def write_error(path: Path, error: BaseException, need: int = 0) -> WriteError:
    """The error for a file that cannot be written: why, how much space there is and is needed, and what to do.

    Args:
        path: the file.
        error: what went wrong.
        need: bytes that were to be written; 0 where that is not known.
    """
    if not is_full(error):
        reason = getattr(error, "strerror", None) or error
        return WriteError(
            f"{path} cannot be written: {reason}. What was there before is as it was. Check that the folder exists "
            "and may be written to, or choose another one."
        )
    space = free_space(path.absolute().parent)
    needed = f"{size_text(need)} needed, " if need else ""
    quota = "; so a quota may be used up" if space.free > need else ""
    figures = f"{needed}{size_text(space.free)} free in {space.where}{quota}"
    return WriteError(
        f"{path} cannot be written: no space left on the disk ({figures}). What was saved before is as it was. Make "
        "space (`dfcore runs` lists the runs and their sizes, `dfcore runs prune` removes what is no longer needed) or "
        "move the folder to a larger disk and name it (run.out, data.store); then start again, training with "
        "resume=True, and it goes on from there."
    )


@contextmanager
def writing(path: Path, need: int = 0) -> Iterator[None]:
    """Whatever goes wrong inside in writing ``path`` is a WriteError; see :func:`write_error`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error, need) from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that goes with this context.

    Raises:
        WriteError: it cannot be made.
    """
    place = Path(tempfile.gettempdir())
    with writing(place):
        folder = tempfile.TemporaryDirectory(prefix="dfcore-", dir=place)
    with folder:
        yield Path(folder.name)


@contextmanager
def temporary_file(name: str, write: Callable[[Path], object]) -> Iterator[Path]:
    """A file that is there while this context is open.

    Args:
        name: of the file; its folder is one of its own.
        write: makes the file at the path that it is given.

    Raises:
        WriteError: there is no space for it; the message says how to choose another place.
    """
    with temporary_folder() as folder:
        path = folder / name
        try:
            write(path)
        except WriteError as error:
            place = folder.parent
            raise WriteError(f"{error} (Temporary files lie in {place}; TMPDIR names another folder.)") from error
        yield path


def require_writable(folder: Path) -> None:
    """Make a folder, and see that files can be made in it, before the work begins whose results go there.

    Raises:
        WriteError: it is a file, an address, may only be read, ...
    """
    require_target(folder, folder=True)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)


def require_place(path: Path) -> None:
    """See that a file can be made or replaced, before the work begins whose result it holds. Nothing is left behind:
    of folders that are not there yet, the one that they would be made in is tried.

    Raises:
        WriteError: it is a folder, its folder may only be read, ...
    """
    require_target(path)
    with writing(path):
        _probe(next(folder for folder in path.absolute().parents if is_folder(folder)))


def _probe(folder: Path) -> None:
    probe = temporary_path(folder / "probe")
    try:
        probe.touch()
    finally:
        _remove(probe)


def require_target(path: Path, *, folder: bool = False) -> None:
    """Refuse what is no place for a file (or a folder), before it is opened or something takes its place.

    Raises:
        WriteError: it is a pipe, a device, an address, ...
    """
    if reason := why_unwritable(path, folder=folder):
        raise WriteError(reason)


@contextmanager
def replacing(path: Path, need: int = 0) -> Iterator[Path]:
    """A temporary file beside ``path`` to write to; it takes ``path``'s place when the block ends well.

    It has a name of this process's own (:mod:`dfcore.filesystem.owner`); what killed processes left of earlier
    ones is removed.

    Raises:
        WriteError: the disk is full, the folder is not writable, ...; ``path`` is as it was.
    """
    path = Path(path)
    require_target(path)
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for other in path.parent.glob(f".{escape(path.name)}.*tmp"):
            if is_left_behind(other):
                _remove(other)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        _remove(temporary)  # before the free space is measured
        raise write_error(path, error, need) from error
    finally:
        _remove(temporary)


def append(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Append to a file, which is made if need be: all of ``content`` or, where the disk is full, nothing.

    Raises:
        WriteError: it cannot be written; it is as it was.
    """
    require_target(path)
    with writing(path, len(content)):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            before = os.fstat(handle).st_size
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(handle, rest) :]
                if sync:
                    os.fsync(handle)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe against a power cut, where the system can."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
