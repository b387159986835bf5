"""Checks of a scan, without a file being decoded: known answers on both sides of each rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dfcore.data.checks.scan import Problem, check_copies, check_ids, check_leaks, check_polarity
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord

ROOT = Path("/data/set")


def record(name: str, label: int = REAL, **changes: Any) -> VideoRecord:
    path = changes.pop("path", ROOT / f"{name}.mp4")
    known = {"manipulation": "swap" if label else "original", "split": "train", "group": (name,)}
    return VideoRecord(name, path, label, **{**known, **changes})


def scan(*records: VideoRecord, **changes: Any) -> Scan:
    return Scan("made", ROOT, records, **changes)


def wrong(*records: VideoRecord) -> list[str]:
    """What the labels contradict."""
    found = [problem for problem in check_polarity(scan(*records)) if problem.kind == "polarity"]
    return [item for problem in found for item in problem.items]


OTHERS = (record("r"), record("f", FAKE))


def test_only_ids_that_stand_for_several_files_are_named() -> None:
    same = [record("a", path=ROOT / f"{n}.mp4") for n in "12"]
    (problem,) = check_ids(scan(record("b"), *same))
    assert (problem.fatal, problem.message) == (True, "Ids that stand for several files: 1.")
    assert problem.items == (f"a: {ROOT / '1.mp4'}, {ROOT / '2.mp4'}",)


@pytest.mark.parametrize(
    ("place", "label", "said"),
    [
        ("Original-Videos/x.mp4", FAKE, "labelled fake, but its folder says real"),
        ("a/deepfakes_c23/x.mp4", REAL, "labelled real, but its folder says fake"),
        ("real/fake/x.mp4", FAKE, ""),  # the folders say both
        ("a/real.mp4", FAKE, ""),  # a file's name is no folder's
        ("realistic/x.mp4", FAKE, ""),  # a part of a word is no word
        ("../real/x.mp4", FAKE, ""),
    ],
)
def test_what_folders_below_the_root_say_of_a_file(place: str, label: int, said: str) -> None:
    found = wrong(*OTHERS, record("x", label, path=ROOT.parent / place[3:] if place[0] == "." else ROOT / place))
    assert found == ([f"x: {said}"] if said else [])


def test_what_folders_say_of_the_audio() -> None:
    place = {"path": ROOT / "FakeVideo-RealAudio" / "x.mp4"}
    assert wrong(*OTHERS, record("x", FAKE, audio_label=REAL, **place)) == []
    assert wrong(*OTHERS, record("x", FAKE, **place)) == []
    (said,) = wrong(*OTHERS, record("x", FAKE, audio_label=FAKE, **place))
    assert said == "x: its audio is labelled fake, but its folder says real"


@pytest.mark.parametrize(("label", "audio"), [(2, None), (REAL, 2), (-1, FAKE), (REAL, -1)])
def test_what_is_no_label_is_shown(label: int, audio: int | None) -> None:
    assert wrong(*OTHERS, record("x", label, audio_label=audio)) == [
        f"x: its label is {label}, that of its audio {audio}"
    ]


def test_a_method_of_real_files_alone_contradicts_nothing() -> None:
    filmed = record("x", manipulation="filmed again")
    assert wrong(*OTHERS, filmed) == []
    assert len(wrong(*OTHERS, filmed, record("y", FAKE, manipulation="filmed again"))) == 1


@pytest.mark.parametrize(
    ("labels", "audio", "said"),
    [
        ((REAL, REAL), None, "All files are real: they serve pre-training (stage 0)"),
        ((FAKE, FAKE), None, "All files are fake: nothing can be trained or measured"),
        ((FAKE, FAKE), FAKE, "All files are fake: nothing can be trained or measured"),
        ((REAL, REAL), FAKE, "All images are real: only a specialist that reads the audio"),
        ((2, 2), None, "All files are unlabelled: nothing"),
        ((REAL, FAKE), None, ""),
    ],
)
def test_files_of_one_class_serve_what_they_can(labels: tuple[int, int], audio: int | None, said: str) -> None:
    first, second = (record(name, label) for name, label in zip("ab", labels, strict=True))
    second = VideoRecord("b", second.path, labels[1], "voice", "train", group=("b",), audio_label=audio)
    found = [problem for problem in check_polarity(scan(first, second)) if problem.kind == "class"]
    assert [problem.fatal for problem in found] == ([False] if said else [])
    assert all(problem.message.startswith(said) for problem in found)


# -- leaks -------------------------------------------------------------------------------------------------------------


def leaks(*records: VideoRecord, **changes: Any) -> list[Problem]:
    return check_leaks(scan(*records, **changes))


def test_an_identity_in_several_splits_is_named_with_the_first_of_each() -> None:
    found = [record("a", group=("p", "q")), record("b", group=("p",)), record("c", split="test", group=("p",))]
    (problem,) = leaks(*found, record("d", split="", group=("q",)))
    assert (problem.message, problem.fatal) == ("Identities in more than one split: 1.", True)
    assert problem.items == ("p: train (a), test (c)",)


@pytest.mark.parametrize(
    ("splits", "fatal"), [(("train", "test"), False), (("train", "val"), True), (("train", "test", "val"), True)]
)
def test_splits_that_the_owners_let_share_people_are_no_error(splits: tuple[str, ...], fatal: bool) -> None:
    found = [record(split, split=split, group=("p",)) for split in splits]
    (problem,) = leaks(*found, shared_splits=(("test", "train"),))
    assert problem.fatal == fatal
    assert ("by the official lists" in problem.message) != fatal


@pytest.mark.parametrize(("mine", "others", "leak"), [("test", "train", True), ("train", "train", False)])
def test_a_fake_belongs_where_its_original_is(mine: str, others: str, leak: bool) -> None:
    found = leaks(record("a", split=others), record("b", FAKE, split=mine, original="a"))
    assert [problem.items for problem in found] == ([("b (test) was made from a (train)",)] if leak else [])


@pytest.mark.parametrize("changes", [{"split": ""}, {"original": "absent"}, {"original": "undecided"}])
def test_what_is_undecided_or_not_there_leaks_nowhere(changes: dict[str, str]) -> None:
    fake = record("b", FAKE, **{"split": "test", "original": "a", **changes})
    assert leaks(record("a"), record("undecided", split=""), fake) == []


# -- copies ------------------------------------------------------------------------------------------------------------

EDGE = 65536


def written(folder: Path, name: str, changed: int | None = None, size: int = 3 * EDGE, **how: Any) -> VideoRecord:
    """A file of zeros, with one byte changed; from the end where that is negative."""
    content = bytearray(size)
    if changed is not None:
        content[changed] = 1
    path = folder / f"{name}.mp4"
    path.write_bytes(content)
    return record(name, path=path, **how)


@pytest.mark.parametrize(
    ("place", "same"), [(0, False), (EDGE - 1, False), (EDGE, True), (-EDGE - 1, True), (-EDGE, False), (-1, False)]
)
def test_files_are_the_same_by_their_size_and_64_kib_at_each_end(tmp_path: Path, place: int, same: bool) -> None:
    found = check_copies([written(tmp_path, "a"), written(tmp_path, "b", place)])
    assert [(problem.kind, problem.fatal) for problem in found] == ([("copy", False)] if same else [])


def test_short_files_are_compared_whole_and_empty_ones_not_at_all(tmp_path: Path) -> None:
    short = [written(tmp_path, name, place, 5) for name, place in (("a", None), ("b", 4), ("c", None))]
    empty = [written(tmp_path, name, size=0) for name in ("d", "e")]
    longer, gone = written(tmp_path, "f", size=6), record("g", path=tmp_path / "absent.mp4")
    (problem,) = check_copies([*short, *empty, longer, gone])
    assert problem.items == ("a (train, real) = c (train, real)",)


def test_a_copy_that_is_undecided_is_no_leak_and_one_of_another_class_is(tmp_path: Path) -> None:
    one, other = written(tmp_path, "a"), written(tmp_path, "b", split="")
    (problem,) = check_copies([one, other])
    assert (problem.kind, problem.items) == ("copy", ("a (train, real) = b (undecided, real)",))
    for change in ({"label": FAKE}, {"audio_label": FAKE}, {"split": "val"}):
        (problem,) = check_copies([one, written(tmp_path, "b", **change)])
        assert (problem.kind, problem.fatal) == ("leak", True)
