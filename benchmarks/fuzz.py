"""Damaged files at every door: each must end with a result or a true reason, and harm no neighbour.

    python benchmarks/fuzz.py [--count 1000] [--minutes M] [--seed 0] [--kinds media,store]
    python benchmarks/fuzz.py --seed 3 --only 417          # one mutant again
    python benchmarks/fuzz.py --hostile                    # what attackers write, at every door: the messages

Made media (over 30 codecs and containers, photos, with and without audio) go through predict, prepare and verify,
each call with 32 mutants and a good file after every fourth; weights are loaded, alone and beside a good model; clip
stores are read, verified and prepared again; lists are scanned; runs are listed and resumed. A mutant is made of its
seed and number alone. What fails is saved, with a note that tells what was done to it and how to try it again.

The doors are in a process of their own: its end, or its silence, is the fault of the mutant under way. Good files
must give, to the bit, what they give alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing.driver import KINDS, Driver, doors_of, kind_of, mutants_of
from fuzzing.outcome import FAULT, GIVEN_UP, REASON, RESULT, Outcome
from fuzzing.samples import Samples, make_samples
from tqdm import tqdm

tqdm.set_lock(threading.RLock())  # its own is for several processes, which these are not
CHUNK = 512
"""Numbers that are looked at together: those of one kind make calls of their own."""


@dataclass
class Tally:
    """Counts, the slowest file, and the faults."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    mutants: set[int] = field(default_factory=set)
    slowest: Outcome | None = None
    faults: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.mutants.add(outcome.number)
        self.counts[outcome.kind, outcome.door, outcome.outcome] += 1
        if outcome.outcome == FAULT:
            self.faults.append(outcome)
        if self.slowest is None or outcome.seconds > self.slowest.seconds:
            self.slowest = outcome

    def table(self) -> str:
        """A line for each kind and door."""
        rows: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for (kind, door, outcome), count in self.counts.items():
            rows[kind, door][outcome] += count
        head = f"{'kind':<8} {'door':<20}" + "".join(f"{name:>10}" for name in (RESULT, REASON, GIVEN_UP, FAULT))
        lines = [
            f"{kind:<8} {door:<20}" + "".join(f"{row[name]:>10,}" for name in (RESULT, REASON, GIVEN_UP, FAULT))
            for (kind, door), row in sorted(rows.items())
        ]
        return "\n".join((head, *lines))


def batches(numbers: Sequence[int], kinds: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Numbers of one kind, as many as one call takes."""
    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        for kind in KINDS:
            own = [number for number in part if kind_of(number) == kind] if kind in kinds else []
            size = doors_of(kind).size
            yield from ((kind, own[at : at + size]) for at in range(0, len(own), size))


def save(samples: Samples, seed: int, outcome: Outcome, folder: Path) -> None:
    """Keep a mutant that failed, with what is known of it."""
    folder.mkdir(parents=True, exist_ok=True)
    [mutant] = mutants_of(doors_of(outcome.kind)(samples), seed, [outcome.number])
    place = folder / f"seed{seed}_{mutant.name}"
    place.write_bytes(mutant.content)
    note = {
        "seed": seed, "number": outcome.number, "kind": outcome.kind, "door": outcome.door, "source": mutant.source,
        "steps": mutant.steps, "what": outcome.text,
        "again": f"python benchmarks/fuzz.py --seed {seed} --only {outcome.number}",
    }  # fmt: skip
    place.with_name(place.name + f".{outcome.door.replace(' ', '_')}.json").write_text(json.dumps(note, indent=1))


def fuzz(numbers: Sequence[int], seed: int, kinds: Sequence[str], root: Path, keep: Path, minutes: float = 0) -> Tally:
    """Try the mutants of these numbers; prints what it found."""
    begun = time.monotonic()
    samples = make_samples(root, kinds=tuple(kinds))
    skipped = ", ".join(samples.skipped) or "none"
    print(f"{len(samples.media)} good videos and photos; not written by this build: {skipped}", flush=True)
    tally, driver = Tally(), Driver(samples)
    wanted = [number for number in numbers if kind_of(number) in kinds]
    try:
        with tqdm(total=len(wanted), unit="mutant", disable=None) as bar:
            for kind, part in batches(wanted, kinds):
                if minutes and time.monotonic() - begun > 60 * minutes:
                    break
                for outcome in driver.run(kind, seed, part):
                    tally.add(outcome)
                    if outcome.outcome == FAULT:
                        bar.write(f"{outcome.number} {outcome.kind}, {outcome.door}: {outcome.text[:500]!a}")
                        save(samples, seed, outcome, keep)
                bar.update(len(part))
                bar.set_postfix(faults=len(tally.faults))
    except KeyboardInterrupt:
        print("stopped; so far:")
    finally:
        driver.end()
    slowest = tally.slowest
    print(tally.table())
    print(
        f"seed {seed}: {len(tally.mutants):,} mutants, {len(tally.faults)} faults, peak {driver.peak >> 20:,} MiB, "
        f"{time.monotonic() - begun:,.0f} s"
    )
    if slowest is not None:
        print(f"slowest: number {slowest.number}, {slowest.kind}, {slowest.door}, {slowest.seconds:.1f} s")
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="mutants [1000]")
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant [0]")
    parser.add_argument("--only", type=int, action="append", help="the mutant of this number alone; may be repeated")
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of: %(default)s")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="where what fails is saved")
    parser.add_argument("--hostile", action="store_true", help="print the table of hostile files instead")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        if options.hostile:
            from fuzzing.hostile import main as hostile

            sys.exit(hostile(root))
        numbers = options.only or range(options.first, options.first + options.count)
        tally = fuzz(numbers, options.seed, kinds, root / "work", options.keep, options.minutes)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()
