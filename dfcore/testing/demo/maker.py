"""Writes the demo data: a small tree in FaceForensics++'s official layout.

The tree is built in a working folder beside its place (``.demo.making`` for ``demo``), file by file, and renamed when
it is whole: a folder with the marker file is complete. Everything follows from the seed, so an interrupted making
goes on with the files that it finds. Processes that ask for the same tree at once wait for the first.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dfcore.console.progress import TERMINAL
from dfcore.data.datasets.faceforensics_names import official_pairs
from dfcore.data.records import SPLITS
from dfcore.data.workers.machine import usable_cores
from dfcore.errors import DatasetError, UsageError
from dfcore.filesystem.writing import is_full, write_error
from dfcore.testing.demo.lock import alone
from dfcore.testing.demo.video import fake_path, original_path, pair_videos

__all__ = ["MARKER", "VERSION", "is_made", "make_demo"]

MARKER = "dfcore-demo.json"
"""The file that says that a folder was made here, and how."""

VERSION = 2
"""Raised when the same settings give other videos; an older tree is then made anew."""

_ABOUT = 10 * 2**20
"""Bytes that the default settings need."""
_OURS = {MARKER, "original_sequences", "manipulated_sequences"}
_NOTE = "Made by dfcore for trying and testing. The people do not exist; no accuracy may be claimed from these videos."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made."""

    pairs: tuple[int, int, int]
    frames: int
    size: int
    seed: int

    def chosen(self) -> list[tuple[str, str]]:
        """The first pairs of each official list."""
        return [pair for count, split in zip(self.pairs, SPLITS, strict=True) for pair in official_pairs(split)[:count]]

    def marker(self) -> str:
        """The marker file's text."""
        return json.dumps({"version": VERSION, "note": _NOTE, **asdict(self)}, indent=2) + "\n"


def make_demo(
    root: Path,
    *,
    pairs: tuple[int, int, int] = (10, 6, 8),
    frames: int = 32,
    size: int = 320,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Make the demo data at ``root``, unless it lies there already with these settings; returns ``root``, absolute.

    Args:
        root: a folder that does not exist, is empty, or was made by this function.
        pairs: how many pairs of people for train, val and test; each gives two originals and two fakes.
        frames: frames of each video, at 25 a second.
        size: width and height in pixels, even; faces are about 0.4 of it high.
        seed: decides everything.
        workers: processes; None means one for each core that this process may use. More than one needs a main
            module that can be imported (``if __name__ == "__main__":`` in a script).

    Raises:
        UsageError: a setting is out of range.
        WriteError: the disk is full; what is already made is kept.
        DatasetError: ``root`` holds something else, or cannot be written otherwise; or a worker process died.
    """
    plan = Plan(pairs, frames, size, seed)
    _check(plan, workers)
    root = Path(root).absolute()
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with alone(root.parent / f".{root.name}.lock"):
            if _read_marker(root) != json.loads(plan.marker()):
                _check_place(root)
                work = _working_folder(root, plan)
                _fill(work, plan, workers or usable_cores())
                _put_in_place(work, root)
    except OSError as error:
        if is_full(error):
            raise write_error(root, error, _ABOUT) from error
        raise DatasetError(
            f"the demo data cannot be written at {root}: {error}. Choose another folder; what is already made is kept."
        ) from error
    return root


def is_made(root: Path) -> bool:
    """Whether ``root`` holds demo data of this version, with whatever settings."""
    return _read_marker(Path(root)).get("version") == VERSION


def _read_marker(root: Path) -> dict[str, Any]:
    try:
        found = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # no marker, or not ours
    return found if isinstance(found, dict) else {}


def _check(plan: Plan, workers: int | None) -> None:
    longest = [len(official_pairs(split)) for split in SPLITS]
    if (
        not isinstance(plan.pairs, tuple | list)
        or len(plan.pairs) != 3
        or any(not 0 <= n <= most for n, most in zip(plan.pairs, longest, strict=False))
    ):
        raise UsageError(f"demo data: pairs must be three counts up to {longest} (train, val, test), not {plan.pairs}.")
    if sum(plan.pairs) == 0:
        raise UsageError("demo data: pairs are all 0; at least one pair is needed.")
    if plan.frames < 1 or plan.size < 128 or plan.size % 2:
        raise UsageError(
            f"demo data: frames must be at least 1 and size even and at least 128, not {plan.frames} and {plan.size}."
        )
    if workers is not None and workers < 1:
        raise UsageError(f"demo data: workers must be at least 1, not {workers}.")


def _check_place(root: Path) -> None:
    """Refuse to write over anything that is not demo data."""
    if not root.exists():
        return
    found = {entry.name for entry in root.iterdir()} if root.is_dir() else {root.name}
    if not found or (MARKER in found and found <= _OURS):
        return
    strange = sorted(found - _OURS) or sorted(found)
    raise DatasetError(
        f"{root} is not a folder of demo data: it holds {', '.join(strange[:3])}. "
        "Give a folder that does not exist yet, or remove this one."
    )


def _working_folder(root: Path, plan: Plan) -> Path:
    """The working folder, with what an interrupted making of the same plan left in it."""
    work = root.parent / f".{root.name}.making"
    if work.exists() and _read_marker(work) != json.loads(plan.marker()):
        shutil.rmtree(work)
    work.mkdir(exist_ok=True)
    _write(work / MARKER, plan.marker().encode())
    return work


def _fill(work: Path, plan: Plan, workers: int) -> None:
    """Write all videos that are not there yet."""
    todo = [pair for pair in plan.chosen() if not all((work / path).exists() for path in _paths(pair))]
    jobs = [(str(work), pair, plan.seed, plan.frames, plan.size) for pair in todo]
    bar = TERMINAL.bar("making demo data", 4 * len(jobs), unit="video")
    try:
        for written in _run(jobs, min(workers, len(jobs))):
            bar.update(written)
    finally:
        bar.close()


def _run(jobs: list[tuple[str, tuple[str, str], int, int, int]], workers: int) -> Iterator[int]:
    if workers <= 1:
        yield from map(_make_pair, jobs)
        return
    # Spawned, not forked: the caller may have torch's threads running.
    pool: Executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        for done in as_completed([pool.submit(_make_pair, job) for job in jobs]):
            yield done.result()
    except BrokenProcessPool as error:
        raise DatasetError(
            "making the demo data: a worker process died (out of memory, or the calling script has no "
            '`if __name__ == "__main__":`). Call make_demo(..., workers=1), or run it again to go on.'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make_pair(job: tuple[str, tuple[str, str], int, int, int]) -> int:
    folder, pair, seed, frames, size = job
    count = 0
    for path, content in pair_videos(pair, seed, frames, size):
        _write(Path(folder) / path, content)
        count += 1
    return count


def _paths(pair: tuple[str, str]) -> tuple[str, ...]:
    a, b = pair
    return original_path(a), original_path(b), fake_path(a, b), fake_path(b, a)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _put_in_place(work: Path, root: Path) -> None:
    for part in work.rglob(".*"):  # of a process that was killed while it wrote
        part.unlink()
    old = root.parent / f".{root.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if root.exists():
        root.rename(old)
    work.rename(root)
    shutil.rmtree(old, ignore_errors=True)
