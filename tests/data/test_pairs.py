"""Fakes and their originals in one batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfcore.data.pairs import PairSampler, original_of, partners
from dfcore.data.records import FAKE, REAL, Forgery, VideoRecord, emulated_id, pseudo_fake_id
from dfcore.errors import UsageError

EACH = 3


def record(name: str, label: int = REAL, original: str = "", forgery: Forgery | None = None) -> VideoRecord:
    return VideoRecord(name, Path(name), label, original=original, forgery=forgery)


RECORDS = [
    record("a"),
    record("b"),
    record("alone"),
    record("fake of a", FAKE, "a"),
    record("another of a", FAKE, "a"),
    record("fake of b", FAKE, "b"),
    record("orphan", FAKE, "not there"),
]


def sampler(records: list[VideoRecord] = RECORDS, **how) -> PairSampler:
    videos = [video for video in range(len(records)) for _ in range(EACH)]
    return PairSampler(videos, [one.label for one in records], partners(records), **how)


def drawn(found: PairSampler, epoch: int = 0, start: int = 0) -> list[int]:
    found.set_epoch(epoch, start)
    return list(found)


def pairs(indices: list[int], count: int = len(RECORDS) * EACH) -> list[tuple[str, str]]:
    names = [RECORDS[index % count // EACH].id for index in indices]
    return list(zip(names[::2], names[1::2], strict=True))


def test_partners_are_the_originals_that_are_there():
    assert partners(RECORDS) == [None, None, None, 0, 0, 1, None]


def test_a_pseudo_fake_is_paired_with_its_control():
    fake, control = (pseudo_fake_id("a", "cm", 7, half) for half in ("fake", "control"))
    forgery = Forgery("x:y", "kind", True, 7, 23.0)
    assert original_of(record(fake, FAKE, "a", forgery)) == control


def test_a_fake_from_a_platform_is_paired_with_its_original_from_there():
    assert original_of(record(emulated_id("fake of a", "x_720"), FAKE, "a")) == emulated_id("a", "x_720")


def test_each_fake_comes_with_its_original_every_pair_in_one_batch():
    found = pairs(drawn(sampler()))
    for fake, real in found:
        assert RECORDS[[one.id for one in RECORDS].index(fake)].label == FAKE
        assert RECORDS[[one.id for one in RECORDS].index(real)].label == REAL
    by_fake = {fake: {real for other, real in found if other == fake and real != "alone"} for fake, _ in found}
    assert by_fake["fake of a"] <= {"a"}
    assert by_fake["another of a"] <= {"a"}
    assert by_fake["fake of b"] <= {"b"}


def test_every_fake_sample_and_every_real_without_a_fake_comes_once_before_any_comes_again():
    rounds = 4 * EACH + EACH  # fakes, and the samples of the real video that is nobody's original
    indices = drawn(sampler(num_samples=2 * rounds))
    count = len(RECORDS) * EACH
    alone = {2 * EACH + i for i in range(EACH)}
    spare = [(fake, real) for fake, real in zip(indices[::2], indices[1::2], strict=True) if real % count in alone]
    assert alone <= {real % count for _, real in spare}
    fakes = {fake % count for fake in indices[::2]}
    assert fakes == set(range(3 * EACH, count))


def test_originals_have_different_samples_in_turn():
    reals = {index % 21 for epoch in range(12) for index in drawn(sampler(), epoch)[1::2]}
    assert set(range(6)) <= reals


def test_what_comes_again_has_other_frames():
    indices = drawn(sampler(num_samples=200))
    assert len(set(indices)) == len(indices)
    assert max(indices) > 21


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_the_pairs_of_one(world):
    whole = drawn(sampler(num_samples=24 * world))
    parts = [drawn(sampler(num_samples=24 * world, rank=rank, world=world)) for rank in range(world)]
    assert {len(part) for part in parts} == {24}
    merged = np.array(parts).reshape(world, -1, 2).swapaxes(0, 1).ravel()
    assert merged.tolist() == whole


def test_a_resumed_epoch_goes_on_where_it_was():
    assert drawn(sampler(seed=4), epoch=2, start=6) == drawn(sampler(seed=4), epoch=2)[6:]
    assert drawn(sampler(seed=4), epoch=2) != drawn(sampler(seed=4), epoch=1)


def test_lengths_are_even_and_known_beforehand():
    found = sampler(num_samples=9)
    assert len(found) == len(drawn(found)) == 10


def test_one_class_alone_makes_no_pairs():
    with pytest.raises(UsageError, match="none of one class"):
        sampler(RECORDS[:3])
