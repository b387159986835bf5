"""The real footage. One video is one person, so people are disjoint wherever videos are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dfcore.data.datasets.real_videos import RealVideos
from dfcore.data.prepare.footage import write_footage
from dfcore.errors import UsageError
from dfcore.testing.speech import made_footage

__all__ = ["Person", "demo_people", "folder_people", "pool"]

SIZE = 384
"""Side of the made videos in pixels; faces are about 0.4 of it high."""
_FAKE = ("manipulated", "fake")
"""Beginnings of folders' names that hold no real footage."""


@dataclass(frozen=True, slots=True)
class Person:
    """A real video of one person.

    Attributes:
        name: unique, fit for a file name.
        path: the video.
        partner: another person's video, whose voice may be lent; both always lie on the same side of a split.
        couple: number that partners share.
    """

    name: str
    path: Path
    partner: Path | None
    couple: int


def demo_people(folder: Path, count: int, *, frames: int, workers: int = 2) -> list[Person]:
    """Rendered people who talk, never compressed (H.264 at its lossless setting), made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"p{number:03d}-{frames}.mp4" for number in range(count)]
    jobs = [(path, number, frames) for number, path in enumerate(paths) if not path.exists()]
    with tqdm(total=len(jobs), desc="making people", unit="video", disable=None if jobs else True) as bar:
        for _ in pool(_make, jobs, workers):
            bar.update()
    return _couples([(f"p{number:03d}", path) for number, path in enumerate(paths)])


def folder_people(root: Path, limit: int | None = None, without: Sequence[str] = ()) -> list[Person]:
    """Every real video below ``root``, at any depth: what is named fake, by its folder or a DFDC list, is left out, and
    so are the names in ``without``: second videos of somebody, who would be trained and tested on.

    Raises:
        DatasetError: there is no video.
        UsageError: a name in ``without`` is none of them.
    """
    root = root.resolve()
    found = []
    for record in RealVideos().scan(root).records:
        parts = Path(record.id).parts
        if any(part.lower().startswith(_FAKE) for part in parts[:-1]) or _listed_fake(record.path):
            continue
        found.append(("_".join(Path(record.id).with_suffix("").parts), record.path))
    people = _couples(found[:limit])
    unknown = sorted(set(without) - {person.name for person in people})
    if unknown:
        raise UsageError(f"--without {','.join(unknown)}: not there. There are {', '.join(p.name for p in people)}.")
    return [person for person in people if person.name not in without]


def _listed_fake(path: Path) -> bool:
    """Whether a ``metadata.json`` of DFDC's form beside the file calls it fake."""
    try:
        listed: Any = json.loads((path.parent / "metadata.json").read_text(encoding="utf-8"))
        return str(listed[path.name]["label"]).upper() == "FAKE"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _couples(found: list[tuple[str, Path]]) -> list[Person]:
    people = []
    for number, (name, path) in enumerate(found):
        other = number ^ 1
        if other >= len(found):  # the last of an odd number borrows from the one before, and shares its couple
            other = number - 1
        partner = found[other][1] if 0 <= other < len(found) else None
        people.append(Person(name, path, partner, min(number, max(other, 0)) // 2))
    return people


def _make(job: tuple[Path, int, int]) -> None:
    path, number, frames = job
    own = int(np.random.SeedSequence([0, number, 0xB0]).generate_state(1)[0])
    part = path.with_name(f".{os.getpid()}-{path.name}")
    write_footage(made_footage(own % 2**20, frames=frames, size=SIZE), part, crf=None)
    part.replace(path)


def pool(work: Any, jobs: list[Any], workers: int) -> Iterator[Any]:
    """``work`` on every job, in processes of one thread each; results in the order in which they come."""
    if workers <= 1 or len(jobs) <= 1:
        yield from map(work, jobs)
        return
    executor = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_single)
    try:
        for done in as_completed([executor.submit(work, job) for job in jobs]):
            yield done.result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _single() -> None:
    import torch

    torch.set_num_threads(1)
