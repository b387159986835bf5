"""How much is held out for validation, worked out by hand, and what is said of leaks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dfcore.data.records import VideoRecord
from dfcore.data.splits import assign_splits, components, find_leaks
from dfcore.errors import UsageError

SEEDS = range(6)


def record(name: str, label: int, *group: str, split: str = "train") -> VideoRecord:
    return VideoRecord(name, Path(f"{name}.mp4"), label, split=split, group=group)


def people(sizes: list[int]) -> list[VideoRecord]:
    """Of each person so many real videos and as many fakes."""
    return [
        record(f"{n}_{label}_{take}", label, f"p{n}")
        for n, size in enumerate(sizes)
        for label in (0, 1)
        for take in range(size)
    ]


def held(records: list[VideoRecord], share: float, seed: int) -> tuple[int, int]:
    """Real and fake videos held out; whatever is, leaks nothing and leaves both classes in train."""
    split, _ = assign_splits(records, val_share=share, seed=seed)
    assert find_leaks(split) == []
    assert {found.label for found in split if found.split == "train"} == {0, 1}
    counts = Counter(found.label for found in split if found.split == "val")
    return counts[0], counts[1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("sizes", "share", "expected"),
    [
        ([1] * 6, 0.1, (1, 1)),  # at least one of each class
        ([1] * 10, 0.25, (2, 2)),
        ([1] * 20, 0.5, (10, 10)),
        ([1] * 10, 0.01, (1, 1)),
        ([2] * 10, 0.05, (2, 2)),  # a whole person is twice what is wanted
        ([3] * 4, 0.1, (3, 3)),  # more than twice: any that leaves half
        ([3] * 2, 0.1, (3, 3)),
        ([4, 3], 0.1, (3, 3)),  # 4 of 7 would be more than half
        ([5, 2, 5], 0.1, (2, 2)),  # 2 wanted of 12, and no others fit at first
        ([6, 1, 1], 0.2, (2, 2)),
    ],
)
def test_whole_people_are_held_out_and_not_more_than_needed(
    sizes: list[int], share: float, expected: tuple[int, int], seed: int
) -> None:
    assert held(people(sizes), share, seed) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_each_class_gets_its_own_share(seed: int) -> None:
    records = [record(f"r{n}", 0, f"r{n}") for n in range(20)] + [record(f"f{n}", 1, f"f{n}") for n in range(60)]
    assert held(records, 0.1, seed) == (2, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_class_that_one_person_holds_is_not_held_out_whole(seed: int) -> None:
    records = [record(f"r{n}", 0, "one") for n in range(5)] + [record(f"f{n}", 1, f"f{n}") for n in range(10)]
    assert held(records, 0.2, seed) == (0, 2)


def linked(count: int, takes: int) -> list[VideoRecord]:
    """People, of each ``takes`` real videos, and every person swapped with every other: all hang together."""
    names = [f"id{n:02}" for n in range(count)]
    records = [record(f"{a}_{take}", 0, a) for a in names for take in range(takes)]
    return records + [record(f"{a}_{b}", 1, a, b) for a in names for b in names if a < b]


@pytest.mark.parametrize("seed", SEEDS)
def test_of_people_who_are_all_linked_so_many_are_held_out_that_half_of_each_share_is_reached(seed: int) -> None:
    """20 people, 60 reals and 190 fakes: wanted are 6 and 19, so 3 and 9.

    Four people have 12 reals and 6 fakes among themselves, five have 15 and 10; 95 of 190 fakes hold one of five.
    """
    records = linked(20, 3)
    assert len(components(records)) == 1
    assert held(records, 0.1, seed) == (15, 10)
    split, notes = assign_splits(records, seed=seed)
    assert Counter(found.split for found in split) == {"train": 45 + 105, "val": 25, "": 75}
    assert notes[0].endswith("by whole identities: 25 videos (15 real, 10 fake); 75 that mix held-out identities with "
                             "others are left out.")  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_not_more_than_half_of_train_is_lost_to_held_out_people(seed: int) -> None:
    """Five people and ten fakes: one fake is wanted, two people hold it, and 7 of 10 fakes hold one of the two."""
    split, notes = assign_splits(linked(5, 1), seed=seed)
    assert {found.split for found in split} == {"train"}
    assert "Training runs without validation" in notes[0]


@pytest.mark.parametrize(("count", "more"), [(5, None), (6, "... and 1 group more."), (8, "... and 3 groups more.")])
def test_five_leaks_are_named_and_the_rest_counted(count: int, more: str | None) -> None:
    records = [record(f"{split}{n}", n % 2, f"p{n}", split=split) for n in range(count) for split in ("train", "test")]
    _, notes = assign_splits([*records, record("v", 0, "v", split="val")])
    leaks = [note for note in notes if note.startswith("official splits leak:")]
    assert leaks == [f"official splits leak: p{n} is in train (train{n}), test (test{n})." for n in range(5)]
    assert notes[5:] == ([more] if more else [])


def test_how_many_were_undecided_or_left_out_is_said() -> None:
    records = [record("t", 0, "1"), record("u", 1, "2", split="test"), record("v", 0, "3", split="val")]
    records += [
        record("a", 1, "1", "2", split=""),
        record("b", 1, "2", "1", split=""),
        record("c", 1, "1", "2", split=""),
    ]
    records += [record("d", 0, "4", split=""), record("e", 0, "5", split="")]
    split, notes = assign_splits(records)
    assert [found.split for found in split] == ["train", "test", "val", "", "", "", "train", "train"]
    assert notes == [
        "no official split, used for training: 2 videos.",
        "left out, linked with several official splits by identities: 3 videos.",
    ]


@pytest.mark.parametrize(("share", "fits"), [(-0.01, False), (0.0, True), (0.5, True), (0.51, False)])
def test_a_share_lies_between_nothing_and_a_half(share: float, fits: bool) -> None:
    if fits:
        assign_splits(people([1] * 4), val_share=share)
    else:
        with pytest.raises(UsageError, match=f"not {share}"):
            assign_splits(people([1] * 4), val_share=share)


def test_the_first_record_of_a_split_stands_for_it() -> None:
    records = [
        record("a", 0, "1"),
        record("b", 0, "1"),
        record("c", 0, "1", split="test"),
        record("d", 0, "1", split="test"),
    ]
    assert find_leaks(records)[0].examples == {"train": "a", "test": "c"}
