from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import fake_parts
import pytest

from dfcore.data.checks.shortcuts import auc, best_word
from dfcore.data.checks.verify import Report, verify
from dfcore.data.datasets.folder import Folder
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord

Image = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path, image: Image) -> Path:
    """Ten real and ten fake images, all different, in train and test."""
    for n in range(20):
        label = "fake" if n % 2 else "real"
        image(tmp_path / ("test" if n > 15 else "train") / label / f"p{n}.png", seed=n)
    return tmp_path


def scan(root: Path) -> Scan:
    return Folder().scan(root)


def check(found: Scan, **options: object) -> Report:
    return verify(found, progress=False, **options)


def edit(found: Scan, **changes: object) -> Scan:
    """The scan with its first record changed."""
    first, *others = found.records
    return dataclasses.replace(found, records=(dataclasses.replace(first, **changes), *others))


def kinds(report: Report) -> list[tuple[str, bool]]:
    return [(problem.kind, problem.fatal) for problem in report.problems]


@pytest.mark.parametrize("frames", [False, True])
def test_a_good_copy(root: Path, frames: bool) -> None:
    report = check(scan(root), frames=frames)
    assert report.usable
    assert report.problems == ()
    assert report.unreadable == ()
    assert {(c.label, c.split): c.videos for c in report.counts} == {
        ("real", "train"): 8,
        ("fake", "train"): 8,
        ("real", "test"): 2,
        ("fake", "test"): 2,
    }
    assert json.loads(json.dumps(report.to_json()))["usable"] is True


def test_the_same_file_in_two_splits_is_found(root: Path) -> None:
    shutil.copy(root / "train/real/p0.png", root / "test/real/other.png")
    report = check(scan(root))
    assert kinds(report) == [("leak", True)]
    assert not report.usable
    assert "train/real/p0 (train, real)" in report.problems[0].items[0]
    assert "test/real/other (test, real)" in report.problems[0].items[0]


def test_the_same_file_in_two_classes_is_found(root: Path) -> None:
    shutil.copy(root / "train/real/p0.png", root / "train/fake/other.png")
    assert kinds(check(scan(root))) == [("leak", True)]


def test_the_same_file_in_one_class_and_split_only_warns(root: Path) -> None:
    shutil.copy(root / "train/real/p0.png", root / "train/real/other.png")
    report = check(scan(root))
    assert kinds(report) == [("copy", False)]
    assert report.usable


def test_files_of_equal_size_are_compared_by_content(tmp_path: Path, image: Image) -> None:
    """Uncompressed: all of one size, and of one head."""
    for n in range(4):
        image(tmp_path / ("fake" if n % 2 else "real") / f"p{n}.bmp", seed=n)
    assert check(scan(tmp_path)).problems == ()


def test_large_files_that_differ_at_the_end_are_different(tmp_path: Path, image: Image) -> None:
    for n in range(2):
        path = image(tmp_path / ("fake" if n else "real") / f"p{n}.bmp", seed=0, width=200, height=200)
        path.write_bytes(path.read_bytes()[:-1] + bytes([n]))
    assert check(scan(tmp_path)).problems == ()


def test_an_identity_in_two_splits_is_found(root: Path) -> None:
    report = check(edit(scan(root), group=("file:train/p0",)))
    assert kinds(report) == [("leak", True)]
    assert "file:train/p0" in report.problems[0].items[0]


def test_an_undecided_record_leaks_nowhere(root: Path) -> None:
    assert check(edit(scan(root), group=("file:train/p0",), split="")).usable


def test_a_fake_away_from_its_original_is_found(root: Path) -> None:
    found = scan(root)
    fake = next(r for r in found.records if r.label == FAKE and r.split == "train")
    original = next(r for r in found.records if r.label == REAL and r.split == "test")
    records = tuple(dataclasses.replace(r, original=original.id) if r is fake else r for r in found.records)
    report = check(dataclasses.replace(found, records=records))
    assert kinds(report) == [("leak", True)]
    assert fake.id in report.problems[0].items[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"label": FAKE, "manipulation": "swap"}, "its folder says real"),
        ({"label": FAKE}, "manipulation is 'original'"),
        ({"manipulation": "fake"}, "other files of 'fake' are labelled fake"),
        ({"original": "train/fake/p1"}, "which is labelled fake"),
        ({"original": "train/real/p2"}, "labelled real, but made from"),
        ({"label": 2}, "its label is 2"),
    ],
)
def test_wrong_polarity_is_found(root: Path, changes: dict[str, object], reason: str) -> None:
    report = check(edit(scan(root), **changes))
    assert ("polarity", True) in kinds(report)
    problem = next(p for p in report.problems if p.kind == "polarity")
    assert len(problem.items) == 1
    assert reason in problem.items[0]


def test_flipped_labels_are_found(root: Path) -> None:
    found = scan(root)
    records = tuple(dataclasses.replace(r, label=1 - r.label) for r in found.records)
    report = check(dataclasses.replace(found, records=records))
    assert len(next(p for p in report.problems if p.kind == "polarity").items) == 20


def test_one_class_warns(tmp_path: Path, image: Image) -> None:
    image(tmp_path / "real/a.png", seed=1)
    report = check(scan(tmp_path))
    assert kinds(report) == [("class", False)]
    assert report.shortcuts == ()


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (None, "they serve pre-training"),
        (REAL, "they serve pre-training"),
        (FAKE, "only a specialist that reads the audio"),
    ],
)
def test_one_class_of_images_says_what_can_be_done(tmp_path: Path, image: Image, audio: int | None, words: str) -> None:
    voice = "voice" if audio == FAKE else "original"
    names = [VideoRecord(n, image(tmp_path / f"{n}.png", seed=ord(n)), REAL, group=(n,)) for n in "ab"]
    records = (names[0], dataclasses.replace(names[1], audio_label=audio, manipulation=voice))
    report = check(Scan("csv", tmp_path, records))
    assert kinds(report) == [("class", False)]
    assert words in report.problems[0].message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audio_label": FAKE}, "labelled fake, but its manipulation is 'original'"),
        ({"audio_label": 2}, "that of its audio 2"),
        ({"original": "train/real/p2", "audio_label": REAL}, "labelled real, but made from"),
    ],
)
def test_wrong_labels_of_the_audio_are_found(root: Path, changes: dict[str, object], reason: str) -> None:
    problem = next(p for p in check(edit(scan(root), **changes)).problems if p.kind == "polarity")
    assert len(problem.items) == 1
    assert reason in problem.items[0]


def test_a_dubbed_video_may_name_its_method_and_its_original(root: Path) -> None:
    assert check(edit(scan(root), audio_label=FAKE, manipulation="voice", original="test/real/p18")).problems == ()


def test_the_same_file_with_two_labels_of_the_audio_is_found(root: Path) -> None:
    shutil.copy(root / "test/real/p16.png", root / "test/real/q.png")
    report = check(edit(scan(root), audio_label=FAKE, manipulation="voice"))
    assert kinds(report) == [("leak", True)]


def test_counts_tell_the_labels_of_the_audio_apart(root: Path) -> None:
    counts = check(edit(scan(root), audio_label=FAKE, manipulation="voice")).counts
    assert {(c.label, c.audio) for c in counts} == {("real", "fake"), ("real", ""), ("fake", "")}
    assert sum(c.videos for c in counts) == 20


def test_unreadable_files_are_listed_with_reasons(root: Path) -> None:
    (root / "train/fake/empty.mp4").touch()
    (root / "train/real/text.mp4").write_text("not a video\n" * 50)
    report = check(scan(root))
    assert report.usable
    assert kinds(report) == [("unreadable", False)]
    assert [one.id for one in report.unreadable] == ["train/real/text", "train/fake/empty"]
    assert all(one.reason and one.path.endswith(".mp4") for one in report.unreadable)


def test_a_damaged_image_is_found_by_decoding_only(root: Path, image: Image) -> None:
    path = image(root / "train/real/whole.jpg", seed=50, width=200, height=200)
    path.write_bytes(path.read_bytes()[:-2000])
    assert check(scan(root)).unreadable == ()
    assert [one.id for one in check(scan(root), frames=True).unreadable] == ["train/real/whole"]


def test_nothing_readable_is_fatal(tmp_path: Path) -> None:
    for name in ("real/a.mp4", "fake/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"\0" * 100)
    report = check(scan(tmp_path))
    assert kinds(report) == [("unreadable", True)]
    assert report.problems[0].message == "Not one file can be read."


def test_one_class_unreadable_is_fatal(tmp_path: Path, image: Image) -> None:
    image(tmp_path / "real/a.png", seed=1)
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake/b.mp4").touch()
    assert kinds(check(scan(tmp_path))) == [("unreadable", True), ("unreadable", False)]


def test_an_unexpected_failure_is_listed_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dfcore.data.checks import verify as module

    def broken(path: Path) -> object:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(module, "probe", broken)
    reason = module._read(root / "p0.png", frames=False)
    assert isinstance(reason, str)
    assert "p0.png: decoding it failed (ZeroDivisionError: odd)" in reason
    assert "re-encode it" in reason


def test_a_decoder_that_crashes_costs_one_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dfcore.data.checks import verify as module

    monkeypatch.setattr(module, "_read", fake_parts.reads_all_but_p0)
    report = check(scan(root))
    assert [(Path(one.path).name, "crashed" in one.reason) for one in report.unreadable] == [("p0.png", True)]


def test_ids_must_be_unique(root: Path) -> None:
    report = check(edit(scan(root), id="train/real/p2"))
    assert ("ids", True) in kinds(report)


def test_a_shortcut_is_found(tmp_path: Path, image: Image) -> None:
    for n in range(40):
        width = 48 if n % 2 else 24
        image(tmp_path / ("fake" if n % 2 else "real") / f"p{n}.png", seed=n, width=width)
    report = check(scan(tmp_path))
    assert report.usable
    assert kinds(report) == [("shortcut", False)]
    assert "frame size: AUC 1.00" in report.problems[0].items
    assert {s.name: s.auc for s in report.shortcuts}["duration"] == 0.5


def test_compression_as_a_shortcut(root: Path) -> None:
    found = scan(root)
    records = tuple(dataclasses.replace(r, compression="c40" if r.label else "c23") for r in found.records)
    items = next(p for p in check(dataclasses.replace(found, records=records)).problems if p.kind == "shortcut").items
    assert "compression (c23): AUC 1.00" in items


def test_few_files_prove_nothing(tmp_path: Path, image: Image) -> None:
    image(tmp_path / "real/a.png", seed=1)
    image(tmp_path / "fake/b.png", seed=2, width=48)
    report = check(scan(tmp_path))
    assert report.problems == ()
    assert not any(s.certain for s in report.shortcuts)


@pytest.mark.parametrize(
    ("real", "fake", "area"),
    [
        ([1, 2, 3], [4, 5], 1.0),
        ([4, 5], [1, 2, 3], 1.0),
        ([1, 1], [1, 1, 1], 0.5),
        ([1, 3], [2, 4], 0.75),  # pairs won: (1,2), (1,4), (3,4) of four
        ([1, 2], [2, 3], 0.875),  # three won, one tie
    ],
)
def test_auc(real: list[float], fake: list[float], area: float) -> None:
    assert auc(real, fake) == pytest.approx(area)


def test_best_word() -> None:
    assert best_word(["a", "a", "b", "c"], ["a", "b", "b", "b"]) == ("b", 0.75)
    assert best_word(["a"], ["a"]) == ("a", 0.5)


def test_missing_and_notes_are_passed_on(root: Path) -> None:
    found = dataclasses.replace(scan(root), missing={"part": 3}, notes=("A note.",))
    report = check(found)
    assert (report.missing, report.notes) == ({"part": 3}, ("A note.",))


def test_a_file_that_is_gone(tmp_path: Path, image: Image) -> None:
    gone = VideoRecord("real/gone", tmp_path / "real/gone.mp4", REAL)
    there = VideoRecord("fake/a", image(tmp_path / "fake/a.png", seed=1), FAKE, "fake")
    report = check(Scan("folder", tmp_path, (gone, there)))
    assert [one.id for one in report.unreadable] == ["real/gone"]
