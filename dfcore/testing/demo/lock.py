"""One process at a time, on one machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["alone"]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, waiting for whoever holds it; it is released when its holder dies, however it dies.

    On Windows nothing is locked: processes that start together may get in each other's way, and say so.
    """
    if sys.platform == "win32":
        yield
        return
    while True:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_still(path, file.fileno()):
            break
        file.close()  # the last holder has removed the file; lock its successor
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
