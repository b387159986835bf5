"""Temporary files that pruning finds in a run's folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dfcore.runs import prune


def test_those_that_nobody_has_written_for_an_hour_are_found_in_the_order_of_their_names(tmp_path: Path) -> None:
    now = time.time()
    ages = {f".part{number}.tmp": 3700 for number in (7, 3, 9, 1, 5, 0, 8)} | {".new.tmp": 3500, "seen.tmp": 9000}
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / ".deep.tmp").write_bytes(b"x")
    os.utime(tmp_path / "tensorboard" / ".deep.tmp", (now - 7200, now - 7200))
    run: Any = SimpleNamespace(folder=SimpleNamespace(path=tmp_path))
    found = [path.relative_to(tmp_path).as_posix() for path in prune._temporary(run)]
    assert found == [f".part{number}.tmp" for number in (0, 1, 3, 5, 7, 8, 9)] + ["tensorboard/.deep.tmp"]
