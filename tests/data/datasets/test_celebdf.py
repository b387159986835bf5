from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dfcore.data.checks.scan import check_leaks, check_polarity
from dfcore.data.datasets.celebdf import CelebDF
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL, Scan
from dfcore.data.splits import assign_splits
from dfcore.errors import DatasetError

from .conftest import touch

PEOPLE = range(59)
REALS = [f"Celeb-real/id{n}_{take:04d}" for take in range(10) for n in PEOPLE]
TUBES = [f"YouTube-real/{n:05d}" for n in range(300)]
PAIRS = [(a, b, take) for take in range(2) for a in PEOPLE for b in PEOPLE if a != b][:5639]
FAKES = [f"Celeb-synthesis/id{a}_id{b}_{take:04d}" for a, b, take in PAIRS]
TESTS = [*REALS[::5][:108], *TUBES[:70], *FAKES[::16][:340]]


def write_list(root: Path, names: list[str]) -> None:
    lines = [f"{int('synthesis' not in name)} {name}.mp4" for name in names]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 2 in its published size: 590 and 300 real, 5,639 fake, 518 of them listed for testing."""
    root = touch(tmp_path_factory.mktemp("celeb"), *(f"{name}.mp4" for name in (*REALS, *TUBES, *FAKES)))
    write_list(root, TESTS)
    return root


@pytest.fixture(scope="module")
def whole(tree: Path) -> Scan:
    return CelebDF().scan(tree)


def test_it_is_a_dataset() -> None:
    assert isinstance(CelebDF(), Dataset)


def test_the_published_counts(whole: Scan) -> None:
    assert (len(REALS), len(TUBES), len(FAKES), len(TESTS)) == (590, 300, 5639, 518)
    assert Counter(r.label for r in whole.records if r.split == "test") == {REAL: 178, FAKE: 340}
    assert whole.missing == {}


def test_one_means_real_in_the_list(whole: Scan) -> None:
    labels = {r.id: r.label for r in whole.records}
    assert labels[TUBES[0]] == REAL
    assert labels[FAKES[0]] == FAKE
    assert check_polarity(whole) == []


def test_listed_videos_are_test_and_nothing_else(whole: Scan) -> None:
    assert {r.id for r in whole.records if r.split == "test"} == set(TESTS)
    assert len({r.id for r in whole.records}) == len(whole.records)


def test_the_first_line_of_the_list_counts(whole: Scan) -> None:
    """It has no heading."""
    assert {r.id: r.split for r in whole.records}[TESTS[0]] == "test"


def test_youtube_videos_are_not_lost(whole: Scan) -> None:
    tubes = Counter(r.split for r in whole.records if r.id.startswith("YouTube"))
    assert tubes == {"test": 70, "train": 207, "val": 23}


def test_validation_shares_nobody_with_train(whole: Scan) -> None:
    people = {split: {p for r in whole.records if r.split == split for p in r.group} for split in ("train", "val")}
    assert not people["train"] & people["val"]
    assert sum(person.startswith("celeb:") for person in people["val"]) == 6  # a tenth of 59
    for split in ("train", "val"):
        assert {r.label for r in whole.records if r.split == split} == {REAL, FAKE}
    left_out = len(FAKES) + len(REALS) + len(TUBES) - len(whole.records)
    assert 0 < left_out < 0.25 * len(FAKES)
    assert f"{left_out:,} fakes" in " ".join(whole.notes)


def test_the_core_keeps_these_splits(whole: Scan) -> None:
    records, _ = assign_splits(whole.records)
    assert [r.split for r in records] == [r.split for r in whole.records]


def test_the_owners_overlap_is_said_and_any_other_is_fatal(whole: Scan) -> None:
    problems = check_leaks(whole)
    assert problems
    assert not any(problem.fatal for problem in problems)
    stranger = next(r for r in whole.records if r.split == "val" and r.label == REAL)
    moved = type(stranger)(**{name: getattr(stranger, name) for name in stranger.__slots__} | {"split": "train"})
    leaking = Scan("celebdf", whole.root, (*whole.records, moved), shared_splits=whole.shared_splits)
    assert any(problem.fatal for problem in check_leaks(leaking))


def test_a_fake_has_both_people_and_its_targets_video(tmp_path: Path) -> None:
    touch(tmp_path, "Celeb-real/id3_0001.mp4", "Celeb-real/id7_0001.mp4", "Celeb-synthesis/id3_id7_0001.mp4")
    fake = next(r for r in CelebDF().scan(tmp_path).records if r.label == FAKE)
    assert fake.group == ("celeb:id3", "celeb:id7")
    assert fake.original == "Celeb-real/id3_0001"


def test_other_spellings(tmp_path: Path) -> None:
    touch(
        tmp_path / "Celeb-DF-v2",
        "celeb-real/videos/id0_0000.mp4",
        "Youtube-real/videos/00001.mp4",
        "Celeb-Synthesis/videos/id0_id1_0000.mp4",
    )
    (tmp_path / "Celeb-DF-v2" / "List_of_testing_videos.txt").write_text("1 Youtube-real/videos/00001.mp4\n")
    scan = CelebDF().scan(tmp_path)
    assert [(r.id, r.label, r.split) for r in scan.records] == [
        ("Celeb-real/id0_0000", REAL, "train"),
        ("YouTube-real/00001", REAL, "test"),
        ("Celeb-synthesis/id0_id1_0000", FAKE, "train"),
    ]
    assert scan.records[2].original == "Celeb-real/id0_0000"


def test_a_partial_copy_counts_what_is_missing(tree: Path, tmp_path: Path) -> None:
    touch(tmp_path, *[f"{name}.mp4" for name in (*REALS[:30], *FAKES[:60])])
    write_list(tmp_path, TESTS)
    missing = CelebDF().scan(tmp_path).missing
    listed = set(TESTS) - {*REALS[:30], *FAKES[:60]}
    assert missing == {
        "Celeb-real": 560,
        "YouTube-real": 300,
        "Celeb-synthesis": 5579,
        "List_of_testing_videos.txt": len(listed),
    }


def test_without_a_list(tmp_path: Path) -> None:
    touch(tmp_path, "Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-real/notes.mp4")
    scan = CelebDF().scan(tmp_path)
    assert {r.split for r in scan.records} == {"train"}
    assert "no List_of_testing_videos.txt" in " ".join(scan.notes)
    assert "notes.mp4" in " ".join(scan.notes)


@pytest.mark.parametrize(
    ("line", "words"),
    [("0 Celeb-real/id0_0000.mp4", "turned round"), ("real Celeb-real/id0_0000.mp4", "line 1"), ("1 x.mp4", "line 1")],
)
def test_a_wrong_list(tmp_path: Path, line: str, words: str) -> None:
    touch(tmp_path, "Celeb-real/id0_0000.mp4")
    (tmp_path / "List_of_testing_videos.txt").write_text(line)
    with pytest.raises(DatasetError, match=words):
        CelebDF().scan(tmp_path)


def test_wrong_roots(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        CelebDF().scan(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="holds none of Celeb-real"):
        CelebDF().scan(touch(tmp_path / "other", "a.mp4"))
    part = touch(tmp_path / "copy", "Celeb-real/id0_0000.mp4") / "Celeb-real"
    with pytest.raises(DatasetError, match="only a part"):
        CelebDF().scan(part)
    (tmp_path / "hollow" / "Celeb-real").mkdir(parents=True)
    with pytest.raises(DatasetError, match="none of its videos"):
        CelebDF().scan(tmp_path / "hollow")
