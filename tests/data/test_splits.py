from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from dfcore.data.records import VideoRecord
from dfcore.data.splits import assign_splits, components, find_leaks
from dfcore.errors import UsageError


def record(name: str, label: int = 0, split: str = "", group: tuple[str, ...] = ()) -> VideoRecord:
    return VideoRecord(name, Path(f"{name}.mp4"), label, split=split, group=group)


def pairs(count: int, split: str = "") -> list[VideoRecord]:
    """Two originals and their two swaps, again and again, as in FaceForensics++."""
    found = []
    for n in range(count):
        a, b = f"{2 * n:03}", f"{2 * n + 1:03}"
        found += [record(a, 0, split, (a,)), record(b, 0, split, (b,))]
        found += [record(f"{a}_{b}", 1, split, (a, b)), record(f"{b}_{a}", 1, split, (b, a))]
    return found


def by_split(records: list[VideoRecord]) -> Counter[str]:
    return Counter(found.split for found in records)


def test_components_follow_chains_of_groups() -> None:
    records = [record("a", group=("1", "2")), record("b", group=("3",)), record("c", group=("2", "4")), record("d")]
    records += [record("e", group=("4", "5")), record("3", group=()), record("f", group=("3",))]
    assert sorted(map(sorted, components(records))) == [[0, 2, 4], [1, 6], [3], [5]]
    late = [record("a", group=("1", "2")), record("b", group=("3", "2")), record("c", group=("1",))]
    assert components(late) == [[0, 1, 2]]


def test_official_splits_are_kept() -> None:
    records = [*pairs(6, "train"), record("v", 0, "val", ("v",)), record("t", 1, "test", ("t",))]
    split, notes = assign_splits(records)
    assert split == records
    assert notes == []


def test_undecided_records_go_where_their_people_are() -> None:
    records = [record("o", 0, "test", ("1",)), record("f", 1, "", ("1", "2")), record("g", 1, "", ("2",))]
    records += [record("v", 0, "val", ("9",)), record("u", 0, "", ("7",))]
    split, notes = assign_splits(records)
    assert [found.split for found in split] == ["test", "test", "test", "val", "train"]
    assert notes == ["no official split, used for training: 1 video."]


def test_a_record_that_links_two_splits_is_left_out() -> None:
    records = [record("o", 0, "train", ("1",)), record("p", 0, "test", ("2",)), record("f", 1, "", ("1", "2"))]
    records += [record("v", 0, "val", ("3",))]
    split, notes = assign_splits(records)
    assert [found.split for found in split] == ["train", "test", "", "val"]
    assert "left out" in notes[0]
    assert find_leaks(split) == []


@pytest.mark.parametrize("seed", range(20))
def test_validation_is_held_out_by_whole_groups_of_both_classes(seed: int) -> None:
    records = [*pairs(20, "train"), record("t", 0, "test", ("t",))]
    split, notes = assign_splits(records, val_share=0.1, seed=seed)
    assert by_split(split) == {"train": 72, "val": 8, "test": 1}
    assert Counter(found.label for found in split if found.split == "val") == {0: 4, 1: 4}
    assert find_leaks(split) == []
    assert notes == ["there is no validation list: held out of train by whole groups: 8 videos (4 real, 4 fake)."]


def test_the_result_depends_on_the_seed_and_not_on_the_order() -> None:
    records = pairs(20)
    held = {found.id for found in assign_splits(records, seed=1)[0] if found.split == "val"}
    shuffled = random.Random(0).sample(records, len(records))
    assert {found.id for found in assign_splits(shuffled, seed=1)[0] if found.split == "val"} == held
    assert {found.id for found in assign_splits(records, seed=2)[0] if found.split == "val"} != held


@pytest.mark.parametrize("seed", range(10))
def test_a_small_uneven_copy_still_gets_both_classes(seed: int) -> None:
    """The parts of FaceForensics++ that a partial download may hold."""
    groups = [("515", "519"), ("743", "750"), ("183", "253"), ("866", "878")]
    records = [record("519", 0, "train", groups[0]), record("519_515", 1, "train", groups[0])]
    records += [record("750_743", 1, "train", groups[1]), record("actor", 0, "train", ("actor",))]
    for a, b in groups[2:]:
        records += [record(a, 0, "train", (a, b)), record(b, 0, "train", (a, b))]
        records += [record(f"{a}_{b}", 1, "train", (a, b)), record(f"{b}_{a}", 1, "train", (a, b))]
    split, _ = assign_splits(records, seed=seed)
    held = Counter(found.label for found in split if found.split == "val")
    kept = Counter(found.label for found in split if found.split == "train")
    assert 1 <= held[0] <= 2
    assert 1 <= held[1] <= 2
    assert kept[0] >= 3
    assert kept[1] >= 3
    assert find_leaks(split) == []


@pytest.mark.parametrize("seed", range(5))
def test_where_all_are_linked_identities_are_held_out(seed: int) -> None:
    """Every identity swapped with every other, as in Celeb-DF: one connected component."""
    names = [f"id{n}" for n in range(12)]
    records = [record(f"{a}_{take}", 0, "train", (a,)) for a in names for take in range(3)]
    records += [record(f"{a}_{b}", 1, "train", (a, b)) for a in names for b in names if a != b]
    split, notes = assign_splits(records, val_share=0.1, seed=seed)
    held = [found for found in split if found.split == "val"]
    assert {found.label for found in held} == {0, 1}
    assert find_leaks(split) == []
    assert by_split(split)["train"] > len(records) / 2
    assert by_split(split)[""] > 0
    assert "by whole identities" in notes[0]
    assert "left out" in notes[0]


def test_nothing_is_held_out_where_it_would_leak_or_empty_a_class() -> None:
    records = [record("a", 0, "train", ("1",)), record("b", 1, "train", ("1",))]
    split, notes = assign_splits(records)
    assert by_split(split) == {"train": 2}
    assert "Training runs without validation" in notes[0]
    assert assign_splits([])[0] == []


def test_no_share_holds_nothing_out() -> None:
    split, notes = assign_splits(pairs(20, "train"), val_share=0.0)
    assert by_split(split) == {"train": 80}
    assert notes == []


def test_leaks_between_official_splits_are_found_and_told() -> None:
    records = [record("a", 0, "train", ("1", "2")), record("b", 1, "test", ("2", "3")), record("c", 0, "val", ("2",))]
    records += [record("d", 0, "train", ("9",)), record("e", 0, "train", ("9",)), record("f", 0, "", ("3",))]
    (leak,) = find_leaks(records)
    assert leak.group == "2"
    assert leak.examples == {"train": "a", "val": "c", "test": "b"}
    assert str(leak) == "2 is in train (a), val (c), test (b)"
    _, notes = assign_splits(records)
    assert "official splits leak: 2 is in train (a), val (c), test (b)." in notes


def test_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match=r"between 0 and 0\.5"):
        assign_splits([], val_share=0.7)
    with pytest.raises(UsageError, match="a has the split 'dev'"):
        assign_splits([record("a", 0, "dev")])
