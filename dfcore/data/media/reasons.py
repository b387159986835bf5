"""What is wrong with a file, by what was raised for it; and whether that is the file's fault at all."""

from __future__ import annotations

import errno
from pathlib import Path

from dfcore.data.workers.machine import free_memory
from dfcore.errors import DataError
from dfcore.text import described

__all__ = ["is_passing", "reason_of"]

_MACHINE = frozenset(
    getattr(errno, name)
    for name in (
        "EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT", "ENODEV", "EREMOTEIO", "ENOLINK", "EHOSTDOWN", "EHOSTUNREACH",
        "ENETDOWN", "ENETUNREACH", "ECONNRESET", "ECONNABORTED", "ENOTCONN",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""What a disk, a network or this machine says when it fails: the next time the file may be read."""
_PLENTY = 2**30
"""Bytes of free memory with which an allocation that fails was one that the file asked for."""


def is_passing(path: Path, error: BaseException) -> bool:
    """Whether what was raised for a file lies with the machine, not with the file, and may be gone the next time.

    FFmpeg calls both a file that ends early and a disk that fails EIO, and both a file that claims too much and a
    machine that has no more ENOMEM: so the disk and the memory are asked.
    """
    number = getattr(error, "errno", None)
    if number == errno.EIO:
        return not _can_be_read(path)
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return free_memory() < _PLENTY
    return number in _MACHINE


def _can_be_read(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            while file.read(1 << 22):
                pass
    except OSError:
        return False
    return True


def reason_of(path: Path, error: Exception, *, passing: bool = False) -> str:
    """What is wrong with a file, and what to do, by what was raised for it; beginning with its path.

    ``passing`` is what :func:`is_passing` says.
    """
    if isinstance(error, DataError):
        return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"
    if passing and isinstance(error, MemoryError):
        return f"{path}: there is not enough memory for it. Try again with fewer programs or workers running."
    if passing:
        return f"{path}: the disk or this machine failed while it was read ({described(error)}). Try again later."
    return (
        f"{path}: decoding it failed ({described(error)}). The file is damaged, or of a kind that the decoder does not "
        "expect: see whether a player shows it whole, re-encode it, or leave it out."
    )
