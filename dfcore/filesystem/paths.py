"""What a path that somebody names leads to. Only regular files are read and written.

Opening a pipe waits for its other end, a device may never end, and to write to one (or to put a file in its place) does
what nobody meant. So each gets its own answer, before it is opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from dfcore.errors import DfcoreError

__all__ = [
    "LARGEST",
    "exists",
    "is_file",
    "is_folder",
    "name_trouble",
    "read_regular",
    "real_path",
    "require_file",
    "special",
    "what_it_is",
    "why_unreadable",
    "why_unwritable",
]

LARGEST = 2**30
"""Bytes that :func:`read_regular` reads at most, unless it is told otherwise: such files are lists and reports."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def is_file(path: Path | str) -> bool:
    """Whether there is a regular file; False for a name that no file can have, or below a folder that may not be read.

    ``Path.is_file`` raises for a name that is too long, and such names are in damaged lists.
    """
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: Path | str) -> bool:
    """Whether there is a folder; see :func:`is_file`."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def exists(path: Path | str) -> bool:
    """Whether anything is there; see :func:`is_file`."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def real_path(path: Path | str) -> Path:
    """The path with its links followed, as far as there are any; a circle of links is left as it is (``Path.resolve``
    raises there).
    """
    return Path(os.path.realpath(path))


def special(mode: int) -> str:
    """What a file of this mode is in place of a regular file or a folder: ``"a pipe"``; "" where it is one of them."""
    return next((name for test, name in _SPECIAL if test(mode)), "")


def what_it_is(path: Path | str) -> str:
    """``"a folder"``, ``"a file"``, ``"a pipe"``, ...; "" where nothing is there."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a text may hold what no path does
    except (OSError, ValueError):
        return ""
    return special(mode) or ("a folder" if stat.S_ISDIR(mode) else "a file")


def name_trouble(path: Path | str) -> str:
    """Why a text is the name of no file or folder at all, with what to do: ``-``, an address; "" where it may be.

    A file that is there under such a name is meant all the same: give it as ``./-``.
    """
    text = str(path)
    if text == "-":
        return "-: standard input and output are no files. Name a path."
    if _ADDRESS.match(text):
        return f"{text}: this is an address, not a path. Download or mount it, and name what is there."
    return f"{text!r}: no path holds a NUL character. Check the path." if "\0" in text else ""


def why_unreadable(path: Path | str) -> str:
    """Why a path cannot be read as a file, as a whole sentence with what to do; "" for a regular file, or a folder.

    Nothing is opened.
    """
    text = str(path)
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        if text == "-":
            return "-: standard input cannot be read, for a file is read more than once. Save it and name the file."
        if _ADDRESS.match(text):
            return f"{text}: this is an address, not a file. Download it and name the file."
        if isinstance(error, ValueError):
            return f"{text!r}: no such file. Check the path."
        if getattr(error, "errno", None) == errno.ELOOP:
            return f"{text}: this link leads to itself. Name a file that is there."
        if os.path.islink(path):  # noqa: PTH114 - see is_file
            return f"{text}: this link leads to {Path(path).readlink()}, which is not there. Name a file that is there."
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return f"{text}: no such file. Check the path."
        return f"{text}: cannot be read: {getattr(error, 'strerror', None) or error}. Check its permissions."
    kind = special(mode)
    return f"{text}: this is {kind}, not a file. Save its content to a file and name that." if kind else ""


def why_unwritable(path: Path | str, *, folder: bool = False) -> str:
    """Why nothing can be written to a path, or a folder made there, as a whole sentence with what to do; "" where it
    may be tried: what is there is of the right kind, or nothing is.
    """
    kind, wanted = what_it_is(path), "a folder" if folder else "a file"
    if not kind:
        return name_trouble(path) or _why_not_made(Path(path), wanted, folder=folder)
    return "" if kind == wanted else f"{path}: this is {kind}, not {wanted}. Name {wanted}."


def _why_not_made(path: Path, wanted: str, *, folder: bool) -> str:
    """Why no folder can be made on the way to a path where nothing is: the system's own words ("Not a directory", "File
    exists") do not say which part of the path is meant.
    """
    for part in (path, *path.parents) if folder else path.parents:
        if kind := what_it_is(part):
            return "" if kind == "a folder" else f"{path}: {part} is {kind}, not a folder. Name {wanted} elsewhere."
        if os.path.islink(part):  # noqa: PTH114 - see is_file
            return f"{path}: the link {part} {_where_to(part)}. Name {wanted} elsewhere."
    return ""


def _where_to(link: Path) -> str:
    """Of a link that no folder lies behind, where it leads."""
    try:
        link.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "leads to itself"
    return f"leads to {os.readlink(link)}, where no folder is"  # noqa: PTH115 - see is_file


def require_file(path: Path | str, error: type[DfcoreError], before: str = "", remedy: str = "") -> None:
    """Raise ``error`` unless ``path`` is a regular file: :func:`why_unreadable` between ``before`` and ``remedy``."""
    reason = why_unreadable(path)
    if not reason and is_folder(path):
        reason = f"{path}: this is a folder, not a file. Name a file."
    if reason:
        raise error(f"{before}{reason} {remedy}".rstrip())


def read_regular(path: Path | str, *, start: int = 0, most: int = LARGEST) -> bytes:
    """The content of a regular file from byte ``start`` on. It cannot hang, nor take more memory than ``most`` bytes.

    Raises:
        OSError: it cannot be read, is a pipe, a device or a folder, or is larger than ``most``: see ``strerror``.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if kind := special(found.st_mode):
            raise OSError(errno.EINVAL, f"this is {kind}, not a file", str(path))
        if found.st_size - start > most:
            raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, and at most {most:,} are read", str(path))
        file.seek(start)
        return file.read()
