"""Media through predict, prepare and verify, many mutants a call, each between good neighbours."""

from __future__ import annotations

import hashlib
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .judge import fault_of_reason
from .mutate import mutate_bytes
from .outcome import FAULT, GIVEN_UP, REASON, RESULT, Mutant, Outcome
from .parts import DETECTOR
from .samples import Samples

__all__ = ["Media"]

Found = Iterator[tuple[Path, str, str, bool, float]]
"""Of each file: what came of it, the reason why not, whether the machine is blamed, and seconds."""
BETWEEN = 4
"""Mutants from one good neighbour to the next."""
_LIMITS = ("a decoder crashed", "did not end within", "far more memory than its size")
_ALL = 8
"""Every so many calls of predict and prepare are for two specialists and their evidence, the others for one without."""


class Media:
    """Videos and photos."""

    kind, size = "media", 32

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self._expected: dict[tuple[str, bool], dict[str, str]] = {}

    def mutant(self, number: int, rng: random.Random) -> Mutant:
        """Of any of the good files; now and then under the suffix of another."""
        source = rng.choice(self.samples.media)
        content, steps = mutate_bytes(source.read_bytes(), rng)
        name = source.name
        if rng.random() < 0.05:
            name = source.stem + rng.choice(self.samples.media).suffix
            steps.append(f"named {name}")
        return Mutant(number, self.kind, name, content, tuple(steps))

    def run(self, mutants: Sequence[Mutant], folder: Path) -> Iterator[Outcome]:
        """Every mutant at every door; faults of the good neighbours too, under the number of the mutant before them."""
        files, good = self._write(mutants, folder)
        every = mutants[0].number // self.size % _ALL == 0
        by_path = {files[mutant]: mutant for mutant in mutants}
        usable: dict[str, dict[int, bool]] = {}
        for door, action in (("predict", self._predict), ("prepare", self._prepare), ("verify", self._verify)):
            expected = self._expect(door, every, folder.with_name(f"{folder.name}_good"))
            seen: set[Path] = set()
            last, usable[door] = mutants[0], {}
            for path, result, reason, passing, seconds in action(sorted([*by_path, *good]), every, folder):
                seen.add(path)
                if path in by_path:
                    last = by_path[path]
                    usable[door][last.number] = not reason
                    yield _outcome(last, door, reason, passing, seconds, path)
                elif reason or result != expected[good[path]]:
                    yield Outcome(
                        last.number, self.kind, door, FAULT, f"a good neighbour is harmed: {reason or result}"
                    )
            for path in sorted({*by_path, *good} - seen):
                mutant = by_path.get(path, mutants[0])
                yield Outcome(mutant.number, self.kind, door, FAULT, f"{path.name} is lost: no result and no reason")
        yield from self._agreed(mutants, usable)

    def _agreed(self, mutants: Sequence[Mutant], usable: dict[str, dict[int, bool]]) -> Iterator[Outcome]:
        """What is judged can be prepared, and the other way round."""
        for mutant in mutants:
            predicted, prepared = (usable[door].get(mutant.number) for door in ("predict", "prepare"))
            if predicted is not None and prepared is not None and predicted != prepared:
                said = f"predict {'judges' if predicted else 'refuses'} it, prepare does not"
                yield Outcome(mutant.number, self.kind, "predict and prepare", FAULT, said)

    def _write(self, mutants: Sequence[Mutant], folder: Path) -> tuple[dict[Mutant, Path], dict[Path, str]]:
        folder.mkdir(parents=True)
        files, good = {}, {}
        for i, mutant in enumerate(mutants):
            files[mutant] = folder / f"{i:03d}_{mutant.name}"
            files[mutant].write_bytes(mutant.content)
            if i % BETWEEN == 0 or i == len(mutants) - 1:
                source = self.samples.good[i // BETWEEN % len(self.samples.good)]
                path = folder / f"{i:03d}_z_{source.name}"  # right after the mutant
                shutil.copy(source, path)
                good[path] = source.name
        return files, good

    def _expect(self, door: str, every: bool, folder: Path) -> dict[str, str]:
        """What the good files give alone."""
        if (door, every) not in self._expected:
            action: Any = {"predict": self._predict, "prepare": self._prepare, "verify": self._verify}[door]
            found = list(action(list(self.samples.good), every, folder))
            assert len(found) == len(self.samples.good), found
            assert not any(reason for _, _, reason, *_ in found), found
            self._expected[door, every] = {path.name: result for path, result, *_ in found}
        return self._expected[door, every]

    def _predict(self, files: Sequence[Path], every: bool, folder: Path) -> Found:
        import dfcore
        from dfcore.text import to_json

        names = ("rr", "cm") if every else ("rr",)
        models = [self.samples.models / f"{name}_stage1_final.pt" for name in names]
        begun = time.monotonic()
        for found in dfcore.predict(files, models, detector=DETECTOR, device="cpu"):
            to_json(found.to_dict())
            people = [(person.score, sorted(person.specialists)) for person in found.people]
            reason = (found.reason or "no verdict, and no reason") if found.verdict == "none" else ""
            if "every specialist abstained" in reason:  # it was decoded, and judged to be no case for them
                reason = ""
            now = time.monotonic()
            yield found.path, repr(people), reason, found.passing, now - begun
            begun = now

    def _prepare(self, files: Sequence[Path], every: bool, folder: Path) -> Found:
        from dfcore.data.clips.plan import ClipPlan
        from dfcore.data.prepare.videos import prepare_videos
        from dfcore.data.records import VideoRecord
        from dfcore.data.store.clip_store import ClipStore
        from dfcore.plugins import registry

        plan = ClipPlan(clips=2, frames=3, detector=DETECTOR, speech=0.4 if every else 0.0)
        evidence = registry().specialist("cm").evidence if every else ()
        root = folder.with_name(f"{folder.name}_store")
        records = [VideoRecord(path.name, path, i % 2) for i, path in enumerate(files)]
        begun = time.monotonic()
        report = prepare_videos(records, ClipStore(root), plan, evidence, workers=1, isolate=True, progress=None)
        each = (time.monotonic() - begun) / len(files)
        store, failed = ClipStore(root), {one.id: one for one in report.failed}
        for record in records:
            if record.id in failed:
                yield record.path, "", failed[record.id].reason, failed[record.id].again, each
            elif record.id in store:
                yield record.path, _digest(store, record.id), "", False, each
        shutil.rmtree(root, ignore_errors=True)

    def _verify(self, files: Sequence[Path], every: bool, folder: Path) -> Found:
        from dfcore.data.checks.verify import verify
        from dfcore.data.records import Scan, VideoRecord
        from dfcore.text import to_json

        records = tuple(VideoRecord(path.name, path, i % 2) for i, path in enumerate(files))
        begun = time.monotonic()
        report = verify(Scan("made", files[0].parent, records), frames=True, workers=1, progress=False)
        to_json(report.to_json())
        each = (time.monotonic() - begun) / len(files)
        why = {one.id: one.reason for one in report.unreadable}
        for record in records:
            yield record.path, "", why.get(record.id, ""), False, each


def _digest(store: Any, video: str) -> str:
    digest, opened = hashlib.sha256(), store.open(video)
    for i in range(len(opened)):
        clip = opened.load(i)
        for values in (clip.y, clip.u, clip.v, clip.audio if clip.audio is not None else clip.y[:0]):
            digest.update(values.tobytes())
    return digest.hexdigest()


def _outcome(mutant: Mutant, door: str, reason: str, passing: bool, seconds: float, path: Path) -> Outcome:
    if not reason:
        return Outcome(mutant.number, mutant.kind, door, RESULT, "", seconds)
    wrong = fault_of_reason(reason.replace(str(path), path.name), path.name)
    if not wrong and passing:
        wrong = "the machine is blamed"
    if wrong:
        return Outcome(mutant.number, mutant.kind, door, FAULT, f"{wrong}: {reason}", seconds)
    outcome = GIVEN_UP if any(text in reason for text in _LIMITS) else REASON
    return Outcome(mutant.number, mutant.kind, door, outcome, reason, seconds)
