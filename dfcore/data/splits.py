"""Splits that no identity leaks across.

Records that share a group (an identity, a source video) belong together, and so do records linked through others:
splits are given to connected components, never to single videos. Official splits are kept as they are.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dfcore.data.records import LABEL_NAMES, SPLITS, VideoRecord
from dfcore.errors import UsageError
from dfcore.text import count_of, name_bytes

__all__ = ["Leak", "assign_splits", "components", "find_leaks"]


_SHOWN = 5
"""Leaks named one by one."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A group seen in more than one split, with one record's id of each."""

    group: str
    examples: dict[str, str]

    def __str__(self) -> str:
        where = ", ".join(f"{split} ({example})" for split, example in self.examples.items())
        return f"{self.group} is in {where}"


def find_leaks(records: Iterable[VideoRecord]) -> list[Leak]:
    """Groups that occur in more than one split, in order; [] when nothing leaks. Undecided records do not count."""
    seen: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for record in records:
        if record.split:
            for group in record.group:
                seen[group].setdefault(record.split, record.id)
    return [
        Leak(group, {split: examples[split] for split in SPLITS if split in examples})
        for group, examples in sorted(seen.items())
        if len(examples) > 1
    ]


def components(records: Sequence[VideoRecord]) -> list[list[int]]:
    """Positions of the records that hang together by shared groups; a record without a group stands alone.

    Union-find over the groups (Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm", JACM 1975).
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    keys = [tuple(f"group {group}" for group in record.group) or (f"record {record.id}",) for record in records]
    for names in keys:
        for other in names[1:]:
            parent[root(other)] = root(names[0])
    found: defaultdict[str, list[int]] = defaultdict(list)
    for position, names in enumerate(keys):
        found[root(names[0])].append(position)
    return list(found.values())


def assign_splits(
    records: Sequence[VideoRecord], *, val_share: float = 0.1, seed: int = 0
) -> tuple[list[VideoRecord], list[str]]:
    """Give every record a split, and sentences that say how.

    - Official splits are kept.
    - An undecided record goes where the records that it is linked with are; linked with several splits, it
      is left out (its split stays ""). All others go to train.
    - Where there is no validation split, about ``val_share`` of train is held out: whole components, both classes if
      possible. Where everybody is linked with everybody (each face swapped with many), identities are held out
      and the records that mix them with others are left out.

    The result depends on the records and the seed, not on their order.

    Raises:
        UsageError: ``val_share`` is not between 0 and 0.5, or a record has an unknown split.
    """
    if not 0 <= val_share <= 0.5:
        raise UsageError(f"the share held out for validation must lie between 0 and 0.5, not {val_share}.")
    wrong = next((record for record in records if record.split not in ("", *SPLITS)), None)
    if wrong is not None:
        raise UsageError(f"{wrong.id} has the split {wrong.split!r}; known: {', '.join(SPLITS)}, or none.")
    splits = [record.split for record in records]
    notes = _settle(records, splits)
    if "val" not in splits and "train" in splits and val_share > 0:
        notes += _hold_out(records, splits, val_share, seed)
    leaks = find_leaks(records)
    notes += [f"official splits leak: {leak}." for leak in leaks[:_SHOWN]]
    if len(leaks) > _SHOWN:
        notes.append(f"... and {count_of(len(leaks) - _SHOWN, 'group')} more.")
    return [replace(record, split=split) for record, split in zip(records, splits, strict=True)], notes


def _settle(records: Sequence[VideoRecord], splits: list[str]) -> list[str]:
    """Decide the undecided, component by component."""
    free = left_out = 0
    for members in components(records):
        decided = {splits[i] for i in members} - {""}
        undecided = [i for i in members if not splits[i]]
        if len(decided) > 1:
            left_out += len(undecided)
            continue
        free += len(undecided) if not decided else 0
        for i in undecided:
            splits[i] = next(iter(decided), "train")
    notes = []
    if free:
        notes.append(f"no official split, used for training: {count_of(free, 'video')}.")
    if left_out:
        notes.append(f"left out, linked with several official splits by identities: {count_of(left_out, 'video')}.")
    return notes


def _rank(seed: int, key: str) -> bytes:
    return hashlib.blake2b(name_bytes(f"{seed}/{key}"), digest_size=8).digest()


def _hold_out(records: Sequence[VideoRecord], splits: list[str], share: float, seed: int) -> list[str]:
    """Move part of train to val."""
    train = [i for i, split in enumerate(splits) if split == "train"]
    subset = [records[i] for i in train]
    counts = Counter(record.label for record in subset)
    wanted = {label: max(1, round(share * count)) for label, count in counts.items()}
    parts = [[train[i] for i in members] for members in components(subset)]
    parts.sort(key=lambda members: _rank(seed, min(records[i].id for i in members)))
    held = _fill(records, parts, wanted, counts)
    names, mixed = "groups", list[int]()
    if {records[i].label for i in held} != set(counts):
        by_identity, mixed = _hold_out_identities(records, train, wanted, seed)
        if by_identity:
            held, names = by_identity, "identities"
    if not held:
        return [
            "no validation videos could be held out: all videos are linked by their identities, or there are too few. "
            "Training runs without validation."
        ]
    for i in held:
        splits[i] = "val"
    for i in mixed:
        splits[i] = ""
    kinds = Counter(records[i].label for i in held)
    classes = ", ".join(f"{kinds[label]} {LABEL_NAMES[label]}" for label in sorted(kinds))
    note = (
        f"there is no validation list: held out of train by whole {names}: {count_of(len(held), 'video')} ({classes})"
    )
    return [f"{note}; {len(mixed)} that mix held-out identities with others are left out." if mixed else f"{note}."]


def _fill(
    records: Sequence[VideoRecord], parts: Sequence[Sequence[int]], wanted: dict[int, int], counts: Counter[int]
) -> list[int]:
    """Whole parts, in order, until each class has what is wanted.

    At first only parts that do not overshoot; then, for a class that got nothing, parts that overshoot twice; then any
    that leaves train half of each class.
    """
    held: list[int] = []
    have: Counter[int] = Counter()
    for limit in (wanted, {k: 2 * n for k, n in wanted.items()}, {k: max(1, n // 2) for k, n in counts.items()}):
        needed = wanted if limit is wanted else dict.fromkeys(wanted, 1)
        for members in parts:
            adds = Counter(records[i].label for i in members)
            useful = any(have[label] < needed[label] for label in adds)
            fits = all(have[label] + n <= limit[label] and have[label] + n < counts[label] for label, n in adds.items())
            if useful and fits and members[0] not in held:
                held.extend(members)
                have.update(adds)
    return held


def _hold_out_identities(
    records: Sequence[VideoRecord], train: Sequence[int], wanted: dict[int, int], seed: int
) -> tuple[list[int], list[int]]:
    """Records whose identities are all held out, and those that mix held-out with other identities.

    Identities are added until both classes have half of what is wanted, but never so many that more than half of
    train is lost, or all of a class.
    """
    groups = sorted({group for i in train for group in records[i].group}, key=lambda group: _rank(seed, group))
    chosen: set[str] = set()
    for group in groups:
        chosen.add(group)
        touched = [i for i in train if not chosen.isdisjoint(records[i].group)]
        inside = [i for i in touched if chosen.issuperset(records[i].group)]
        mixed = [i for i in touched if not chosen.issuperset(records[i].group)]
        left = {records[i].label for i in train if chosen.isdisjoint(records[i].group)}
        if len(touched) > len(train) / 2 or left != set(wanted):
            break
        have = Counter(records[i].label for i in inside)
        if all(have[label] >= max(1, wanted[label] // 2) for label in wanted):
            return inside, mixed
    return [], []
