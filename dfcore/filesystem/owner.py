"""Which process a file belongs to that is being written, and whether that process still lives.

A temporary file's name says so: ``.NAME.MACHINE-PID.tmp``. ``MACHINE`` stands for a host since it was started, and on
Linux for the container too: a process number means something there only. Elsewhere (a network disk), a file's age has
to do.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["TEMPORARY_SUFFIX", "is_alive", "is_left_behind", "machine", "process_start", "temporary_path"]

TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY = re.compile(rf"^\..+\.(?P<machine>[0-9a-f]{{8}})-(?P<pid>\d+)\{TEMPORARY_SUFFIX}$")
_DAY = 86_400.0
_LINUX = (Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid"))


@cache
def machine() -> str:
    """Eight hexadecimal digits for what process numbers are counted on: the host, since it was started, and the
    container.
    """
    found = [socket.gethostname()]
    boot, space = _LINUX
    with suppress(OSError):
        found.append(boot.read_text())
        found.append(str(space.readlink()))
    return hashlib.blake2b("\0".join(found).encode(), digest_size=4).hexdigest()


def process_start(pid: int) -> str:
    """When a process of this machine began, in the system's own count; "" where that cannot be told.

    Together with the number it names a process for good: numbers are given again.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process of this machine lives; True where the system cannot be asked without harm."""
    if os.name != "posix":
        return True  # os.kill would end the process there
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def temporary_path(path: Path) -> Path:
    """The temporary file beside ``path`` that this process writes to."""
    return path.with_name(f".{path.name}.{machine()}-{os.getpid()}{TEMPORARY_SUFFIX}")


def is_left_behind(path: Path, age: float = _DAY) -> bool:
    """Whether ``path`` is named as a temporary file is and its writer is gone: dead, or silent for ``age`` seconds,
    which is all that can be known of another machine's.
    """
    if not (path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)):
        return False
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > age:
            return True
    found = _TEMPORARY.match(path.name)
    return found is not None and found["machine"] == machine() and not is_alive(int(found["pid"]))
