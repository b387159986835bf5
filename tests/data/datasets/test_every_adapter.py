"""What holds for every announced dataset: labels, splits that share nobody, and ``dfcore datasets verify``.

A dataset that is announced and has no copy here fails the first test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dfcore.cli.datasets import command
from dfcore.data.checks.scan import check_leaks, check_polarity
from dfcore.data.labels import labelled_for
from dfcore.data.records import FAKE, REAL, SPLITS, Scan
from dfcore.data.splits import assign_splits, find_leaks
from dfcore.errors import DatasetError
from dfcore.plugins import registry
from dfcore.specs import resolve
from dfcore.testing.demo import make_demo
from dfcore.testing.media import write_video

Labels = dict[str, tuple[int, int | None]]
Maker = Callable[[Path, Callable[..., Path]], Labels]


@dataclass(frozen=True)
class Copy:
    """A small copy of a dataset, its files readable, and what its videos' labels are: images, audio."""

    name: str
    root: Path
    labels: Labels

    def scan(self) -> Scan:
        found: Scan = resolve(registry().dataset(self.name).adapter)().scan(self.root)
        return found


def faceforensics(root: Path, video: Callable[..., Path]) -> Labels:
    reals = [f"original_sequences/youtube/c23/videos/{name}" for name in ("071", "054", "720", "672", "953", "974")]
    pairs = ("071_054", "054_071", "720_672", "953_974")
    fakes = [f"manipulated_sequences/Deepfakes/c23/videos/{name}" for name in pairs]
    for name in (*reals, *fakes):
        video(root / f"{name}.mp4")
    return {**dict.fromkeys(reals, (REAL, None)), **dict.fromkeys(fakes, (FAKE, None))}


def celebdf(root: Path, video: Callable[..., Path]) -> Labels:
    people = range(8)
    reals = [f"Celeb-real/id{n}_0000" for n in people] + [f"YouTube-real/0000{n}" for n in people]
    fakes = [f"Celeb-synthesis/id{a}_id{b}_0000" for a in people for b in people if a != b]
    for name in (*reals, *fakes):
        video(root / f"{name}.mp4")
    lines = ["1 Celeb-real/id0_0000.mp4", "1 YouTube-real/00000.mp4", "0 Celeb-synthesis/id0_id1_0000.mp4"]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines))
    return {**dict.fromkeys(reals, (REAL, None)), **dict.fromkeys(fakes, (FAKE, None))}


def dfdc(root: Path, video: Callable[..., Path]) -> Labels:
    labels: Labels = {}
    for part in (0, 1, 49):
        entries = {}
        for name, source in ((f"r{part}", ""), (f"f{part}", f"r{part}"), (f"g{part}", f"r{part}"), (f"h{part}", "r0")):
            video(root / f"dfdc_train_part_{part}/{name}.mp4")
            about = {"label": "FAKE", "original": f"{source}.mp4"} if source else {"label": "REAL"}
            entries[f"{name}.mp4"] = {"split": "train", **about}
            labels[f"dfdc_train_part_{part}/{name}"] = (FAKE, None) if source else (REAL, REAL)
        (root / f"dfdc_train_part_{part}/metadata.json").write_text(json.dumps(entries))
    return labels


def fakeavceleb(root: Path, video: Callable[..., Path]) -> Labels:
    labels: Labels = {}
    people = [f"id{number:05d}" for number in range(14)]
    for place, person in enumerate(people):
        for top, label, audio in (
            ("RealVideo-RealAudio", REAL, REAL),
            ("RealVideo-FakeAudio", REAL, FAKE),
            ("FakeVideo-RealAudio", FAKE, REAL),
            ("FakeVideo-FakeAudio", FAKE, FAKE),
        ):
            others = [""] if label == REAL else [f"_{people[(place + step) % 14]}_wavtolip" for step in (0, 1, 5)]
            for other in others:
                name = f"{top}/African/men/{person}/00001{other}"
                video(root / f"{name}.mp4")
                labels[name] = (label, audio)
    return labels


def folder(root: Path, video: Callable[..., Path]) -> Labels:
    labels = {f"{kind}/v{n}": (label, None) for n in range(6) for label, kind in enumerate(("real", "fake"))}
    for name in labels:
        video(root / f"{name}.mp4")
    return labels


def manifest(root: Path, video: Callable[..., Path]) -> Labels:
    kinds = [("real", "real"), ("real", "fake"), ("fake", "real"), ("fake", "")]
    rows, labels = ["path,label,audio,group"], {}
    for n in range(12):
        label, audio = kinds[n % 4]
        video(root / f"v{n}.mp4")
        rows.append(f"v{n}.mp4,{label},{audio},person {n // 4 * 2 + n % 2}")
        labels[f"v{n}"] = (int(label == "fake"), {"real": REAL, "fake": FAKE, "": None}[audio])
    (root / "manifest.csv").write_text("\n".join(rows))
    return labels


def real_videos(root: Path, video: Callable[..., Path]) -> Labels:
    names = ["a.mp4", "deep/er/b.mp4", "deep/c.mp4"]
    for name in names:
        video(root / name)
    return dict.fromkeys(names, (REAL, None))


def demo(root: Path, video: Callable[..., Path]) -> Labels:
    root.rmdir()
    make_demo(root, pairs=(1, 1, 1), frames=2, size=128, workers=1)
    found = {path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.mp4")}
    return {name: (int(name.startswith("manipulated")), None) for name in found}


MAKERS: dict[str, Maker] = {
    "faceforensics": faceforensics,
    "celebdf": celebdf,
    "dfdc": dfdc,
    "fakeavceleb": fakeavceleb,
    "folder": folder,
    "csv": manifest,
    "real_videos": real_videos,
    "demo": demo,
}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a small video that can be read; a spare box at its end (ISO/IEC 14496-12, 8.1.2) tells them apart."""
    content = write_video(tmp_path_factory.mktemp("video") / "v.mp4", width=64, height=64, frames=3).read_bytes()

    def write(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        spare = str(path).encode()
        path.write_bytes(content + (8 + len(spare)).to_bytes(4) + b"free" + spare)
        return path

    return write


@pytest.fixture(scope="module", params=MAKERS)
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, video: Callable[..., Path]) -> Copy:
    root = tmp_path_factory.mktemp(request.param)
    return Copy(request.param, root, MAKERS[request.param](root, video))


def verified(copy: Copy, *options: str) -> Result:
    return CliRunner().invoke(command, ["verify", copy.name, str(copy.root), *options])


def test_every_announced_dataset_is_tested_here() -> None:
    assert set(MAKERS) == set(registry().datasets())


def test_labels(copy: Copy) -> None:
    records = copy.scan().records
    assert records
    for record in records:
        assert (record.label, record.audio_label) == copy.labels[record.id], record.id
        assert record.visual_label is None


def test_wrong_labels_are_found(copy: Copy) -> None:
    scan = copy.scan()
    assert not any(problem.fatal for problem in check_polarity(scan))
    turned = replace(scan, records=tuple(replace(record, label=1 - record.label) for record in scan.records))
    found = [problem for problem in check_polarity(turned) if problem.kind == "polarity"]
    reals = sum(record.label == REAL for record in scan.records)
    assert found, "labels turned round were not noticed"
    assert len(found[0].items) >= reals, found[0].items


def test_no_person_is_in_two_splits(copy: Copy) -> None:
    scan = copy.scan()
    records, _ = assign_splits(scan.records)
    assert all(record.split in ("", *SPLITS) for record in records)
    assert len({record.id for record in records}) == len({record.path for record in records}) == len(records)
    allowed = {frozenset(pair) for pair in scan.shared_splits}
    assert all(frozenset(leak.examples) in allowed for leak in find_leaks(records))
    found = replace(scan, records=tuple(record for record in records if record.split))
    assert not any(problem.fatal for problem in check_leaks(found))
    splits = {record.id: record.split for record in records}
    pairs = [(splits[r.id], splits[r.original]) for r in records if r.original in splits and splits[r.id]]
    assert all(own == other or frozenset((own, other)) in allowed for own, other in pairs)


def test_a_leak_is_found(copy: Copy) -> None:
    scan = copy.scan()
    records = assign_splits(scan.records)[0]
    train = next(record for record in records if record.split == "train" and record.group)
    other = next(split for split in SPLITS if frozenset((split, "train")) not in map(frozenset, scan.shared_splits))
    stray = replace(train, id="stray", path=copy.root / "stray.mp4", split=other if other != "train" else "val")
    leaking = replace(scan, records=(*records, stray))
    assert any(problem.kind == "leak" and problem.fatal for problem in check_leaks(leaking))


def test_train_and_val_have_both_classes_for_all_specialists(copy: Copy) -> None:
    if set(copy.labels.values()) == {(REAL, None)}:
        pytest.skip("only real videos: for pre-training on pseudo-fakes")
    records, _ = assign_splits(copy.scan().records)
    for split in ("train", "val"):
        for uses_audio in (False, True):
            found = labelled_for([record for record in records if record.split == split], uses_audio=uses_audio)
            assert {record.label for record in found} == {REAL, FAKE}, (split, uses_audio)


def test_a_scan_is_always_the_same(copy: Copy) -> None:
    assert copy.scan() == copy.scan()


def test_verify_says_what_is_there(copy: Copy) -> None:
    result = verified(copy)
    assert result.exit_code == 0, result.output
    output = result.output
    assert output.startswith(f"{copy.name} in {copy.root}: ")
    assert "Verdict: can be used (0 problems" in output
    rows = [line.split() for line in output.splitlines()]
    records = copy.scan().records
    assert next(row for row in rows if row[:1] == ["all"])[-1] == str(len(records))
    assert ("audio" in next(row for row in rows if row[:1] == ["method"])) == any(
        audio is not None for _, audio in copy.labels.values()
    )
    found = json.loads(verified(copy, "--json").stdout)
    assert found["usable"] is True
    assert found["videos"] == sum(count["videos"] for count in found["counts"]) == len(records)
    assert found["unreadable"] == []


def test_verify_finds_the_same_file_in_two_classes(copy: Copy, video: Callable[..., Path]) -> None:
    records = {record.label: record for record in copy.scan().records}
    if len(records) < 2:
        pytest.skip("only real videos")
    kept = records[FAKE].path.read_bytes()
    records[FAKE].path.write_bytes(records[REAL].path.read_bytes())
    try:
        result = verified(copy)
    finally:
        records[FAKE].path.write_bytes(kept)
    assert isinstance(result.exception, DatasetError), result.output
    assert "there twice, in different splits or classes" in result.output


def test_verify_lists_what_cannot_be_read(copy: Copy) -> None:
    record = copy.scan().records[0]
    kept = record.path.read_bytes()
    record.path.write_bytes(b"")
    try:
        output = verified(copy).output
    finally:
        record.path.write_bytes(kept)
    assert "Files that cannot be read: 1 of" in output
    assert f"{record.id}: " in output


def test_verify_of_an_empty_folder_says_what_was_expected(copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    if copy.name == "demo":
        pytest.skip("made where it is asked for")
    error = verified(replace(copy, root=tmp_path)).exception
    assert isinstance(error, DatasetError)
    assert str(tmp_path) in str(error)
