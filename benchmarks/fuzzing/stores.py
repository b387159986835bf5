"""Clip stores: opening, reading, verifying and preparing again, with one file of the store damaged."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from .mutate import mutate_bytes, mutate_text
from .outcome import Mutant, Outcome, attempt
from .parts import DETECTOR

__all__ = ["Stores", "fill"]

VIDEOS = 3


def fill(store: Path, videos: Path) -> Any:
    """Prepare the videos of a folder into a store; the report."""
    from dfcore.data.clips.plan import ClipPlan
    from dfcore.data.prepare.videos import prepare_videos
    from dfcore.data.records import VideoRecord
    from dfcore.data.store.clip_store import ClipStore
    from dfcore.specs import EvidenceSpec

    plan = ClipPlan(clips=2, frames=3, detector=DETECTOR, speech=0.4)
    evidence = (EvidenceSpec("ghost", 1, "fake_parts:block_means", 2),)
    records = [VideoRecord(path.stem, path, i % 2, group=(str(i),)) for i, path in enumerate(sorted(videos.iterdir()))]
    return prepare_videos(records, ClipStore(store), plan, evidence, workers=1, isolate=False, progress=None)


def contents(store: Path) -> dict[str, str]:
    """SHA-256 of all that each video of a store holds, or why it cannot be read."""
    from dfcore.data.store.clip_store import ClipStore
    from dfcore.errors import StoreError

    opened, found = ClipStore(store), {}
    for video in opened.ids():
        try:
            found[video] = _digest(opened, video)
        except StoreError as error:
            found[video] = f"damaged: {error}"
    return found


def _digest(store: Any, video: str) -> str:
    digest, opened = hashlib.sha256(), store.open(video)
    for i in range(len(opened)):
        clip = opened.load(i)
        kept = [clip.y, clip.u, clip.v, clip.qp, clip.motion, clip.audio, opened.access(i).evidence("ghost")]
        for values in kept:
            digest.update(b"none" if values is None else values.tobytes())
        digest.update(repr(clip.header).encode())
    entry = store.entry(video)
    kept = (entry.label, entry.split, entry.manipulation, entry.frames, entry.tracks, entry.plan, entry.evidence)
    digest.update(repr(kept).encode())  # not the source's times: the file does not keep all that the index does
    return digest.hexdigest()


class Stores:
    """Clip stores."""

    kind, size = "store", 16

    def __init__(self, samples: Any) -> None:
        self.root, self.videos = samples.store, samples.root / "store_videos"

    @cached_property
    def expected(self) -> dict[str, str]:
        """What the good store holds."""
        found = contents(self.root)
        assert len(found) == VIDEOS, found
        assert not any("damaged" in text for text in found.values()), found
        return found

    def mutant(self, number: int, rng: random.Random) -> Mutant:
        """Of any file of the store."""
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        source = rng.choice(files)
        change = mutate_text if source.suffix == ".jsonl" else mutate_bytes
        content, steps = change(source.read_bytes(), rng)
        return Mutant(number, self.kind, source.relative_to(self.root).as_posix(), content, tuple(steps))

    def run(self, mutants: Sequence[Mutant], folder: Path) -> Iterator[Outcome]:
        """Read it, verify it, prepare it again."""
        from dfcore.data.store.clip_store import ClipStore

        for mutant in mutants:
            store = folder / f"store{mutant.number}"
            shutil.copytree(self.root, store)
            (store / mutant.source).write_bytes(mutant.content)
            own = mutant.source.rpartition("/")[2].partition(".")[0]
            named = (str(store), own)
            yield attempt(mutant, "read", lambda s=store: contents(s), *named, check=lambda c, o=own: self._read(c, o))[
                0
            ]
            yield attempt(mutant, "verify", lambda s=store: ClipStore(s).verify(), *named)[0]
            yield attempt(mutant, "prepare", lambda s=store: self._again(s), *named, check=self._whole)[0]
            shutil.rmtree(store)

    def _again(self, store: Path) -> dict[str, str]:
        report = fill(store, self.videos)
        found = contents(store)
        return found | {f"failed {one.id}": one.reason for one in report.failed}

    def _read(self, found: dict[str, str], own: str) -> str:
        """What can be read is what was written; only the damaged file's own video may be gone."""
        for video, expected in self.expected.items():
            said = found.get(video, "damaged: not in the store")
            if said != expected and not said.startswith("damaged"):
                return f"{video} reads as something else, without a word"
            if said != expected and own.startswith("v") and not own.startswith(video):
                return f"the neighbour {video} is harmed: {said}"
        return ""

    def _whole(self, found: dict[str, str]) -> str:
        failed = [key for key in found if key.startswith("failed")]
        if failed != ["failed v3"]:
            return f"after preparing again these fail: {failed}, {[found[key] for key in failed][:2]}"
        wrong = [video for video, expected in self.expected.items() if found.get(video) != expected]
        return f"after preparing again {wrong} differ: {[found.get(video) for video in wrong]}" if wrong else ""
