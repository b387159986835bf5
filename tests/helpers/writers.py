"""Files of writers that are gone, or on another machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from dfcore.filesystem.owner import machine
from dfcore.runs.lock import LOCK, Holder

ELSEWHERE = "00000000"
"""In place of this machine."""


@cache
def dead_process() -> int:
    """The number of a process that has ended."""
    command = [sys.executable, "-c", "import os; print(os.getpid())"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def temporary_of(path: Path, pid: int = 0, where: str = "") -> Path:
    """A half-written temporary file beside ``path``: of a dead process of this machine, or as given."""
    made = path.with_name(f".{path.name}.{where or machine()}-{pid or dead_process()}.tmp")
    made.write_bytes(b"half")
    return made


def leave_lock(folder: Path, silence: float = 0.0, **changes: Any) -> Holder:
    """A lock that another process left, touched so many seconds ago."""
    holder = replace(Holder.here("training"), **{"token": "another", **changes})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOCK).write_text(json.dumps(asdict(holder)))
    then = time.time() - silence
    os.utime(folder / LOCK, (then, then))
    return holder
