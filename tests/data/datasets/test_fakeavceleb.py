from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dfcore.data.checks.scan import check_leaks, check_polarity
from dfcore.data.datasets.fakeavceleb import FakeAVCeleb
from dfcore.data.datasets.listing import list_folder
from dfcore.data.labels import labelled_for
from dfcore.data.protocols import Dataset
from dfcore.data.records import FAKE, REAL, Scan
from dfcore.data.splits import assign_splits, find_leaks
from dfcore.errors import DatasetError

from .conftest import touch

HEAD = "source,target1,target2,method,category,type,race,gender,path,"
STRATA = [
    f"{race}/{gender}"
    for race in ("African", "Asian (East)", "Asian (South)", "Caucasian (American)", "Caucasian (European)")
    for gender in ("men", "women")
]
PEOPLE = [(f"id{number:05d}", STRATA[number % 10]) for number in range(500)]
SIZES = {
    "RealVideo-RealAudio": 500,
    "RealVideo-FakeAudio": 500,
    "FakeVideo-RealAudio": 9709,
    "FakeVideo-FakeAudio": 10835,
}
Line = tuple[str, str, str, str, str, str, str]


def line(top: str, source: str, stratum: str, name: str, method: str, target1: str = "-", target2: str = "-") -> Line:
    return top, source, stratum, name, method, target1, target2


def lines() -> list[Line]:
    """A row for each official video; fakes link people of one race and gender, as the owners' do."""
    made = [line("RealVideo-RealAudio", person, stratum, "00109", "real") for person, stratum in PEOPLE]
    made += [line("RealVideo-FakeAudio", person, stratum, "00109_fake", "rtvc") for person, stratum in PEOPLE]
    for top, method in (("FakeVideo-RealAudio", "wav2lip"), ("FakeVideo-FakeAudio", "faceswap-wav2lip")):
        for number in range(SIZES[top]):
            person, stratum = PEOPLE[number % 500]
            other = PEOPLE[(number + 10 * (1 + number // 500 * 2 % 49)) % 500][0]
            made.append(line(top, person, stratum, f"00109_{other}_{number // 500}_wavtolip", method, other))
    return made


def write(root: Path, made: list[Line], table: list[Line] | None = None) -> Path:
    """The files of ``made``, and a table of all or of ``table``."""
    touch(root, *(f"{top}/{stratum}/{source}/{name}.mp4" for top, source, stratum, name, *_ in made))
    rows = [HEAD] + [
        f"{source},{target1},{target2},{method},X,{top},{stratum.replace('/', ',')},{name}.mp4,"
        f"FakeAVCeleb/{top}/{stratum}/{source}"
        for top, source, stratum, name, method, target1, target2 in (made if table is None else table)
    ]
    (root / "meta_data.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole dataset, its table with 22 files named twice, as the owners' has them."""
    made = lines()
    return write(tmp_path_factory.mktemp("fakeavceleb"), made, [*made, *made[-22:]])


@pytest.fixture(scope="module")
def whole(tree: Path) -> Scan:
    return FakeAVCeleb().scan(tree)


def people(scan: Scan, split: str) -> set[str]:
    return {person for r in scan.records if r.split == split for person in r.group}


def small(root: Path) -> Path:
    return write(
        root,
        [
            line("RealVideo-RealAudio", "id00076", STRATA[0], "00109", "real"),
            line("RealVideo-FakeAudio", "id00076", STRATA[0], "00109_fake", "rtvc"),
            line("FakeVideo-RealAudio", "id00076", STRATA[0], "00109_id00166_PQV2ZbJBLNk", "fsgan", "id00166"),
            line("FakeVideo-FakeAudio", "id00076", STRATA[0], "00109_id00166_x_2_id00701_wavtolip", "fsgan-wav2lip"),
            line("FakeVideo-FakeAudio", "id00076", STRATA[0], "00109_3_wavtolip", "wav2lip", "id00391", "id00475"),
        ],
    )


def test_it_is_a_dataset() -> None:
    assert isinstance(FakeAVCeleb(), Dataset)


def test_the_published_counts(tree: Path, whole: Scan) -> None:
    assert Counter(path.relative_to(tree).parts[0] for path in tree.rglob("*.mp4")) == SIZES
    assert whole.missing == {}
    assert "name a file again: 22." in " ".join(whole.notes)
    assert not any("without a row" in note for note in whole.notes)
    kept = Counter(r.id.partition("/")[0] for r in whole.records)
    assert (kept["RealVideo-RealAudio"], kept["RealVideo-FakeAudio"]) == (500, 500)
    left_out = sum(SIZES.values()) - len(whole.records)
    assert 0 < left_out < 0.55 * (9709 + 10835)
    assert f"{left_out:,} fakes that mix people" in " ".join(whole.notes)


def test_the_splits_share_nobody(whole: Scan) -> None:
    assert find_leaks(whole.records) == []
    assert check_leaks(whole) == []
    sizes = {split: len(people(whole, split)) for split in ("train", "val", "test")}
    assert sum(sizes.values()) == 500
    assert 60 < sizes["test"] < 140
    assert 30 < sizes["val"] < 70
    for split in sizes:
        for uses_audio in (False, True):
            found = labelled_for([r for r in whole.records if r.split == split], uses_audio=uses_audio)
            assert {r.label for r in found} == {REAL, FAKE}, split


def test_a_split_by_folders_would_leak(whole: Scan) -> None:
    """What a fake's name says beside its folder counts: so most fakes have people whom the folder does not name."""
    fakes = [r for r in whole.records if r.label == FAKE]
    assert all(len(r.group) == 2 for r in fakes)
    assert all(r.group[0].removeprefix("voxceleb:") in r.path.parent.name for r in fakes)


def test_the_core_keeps_these_splits_and_a_scan_is_always_the_same(tree: Path, whole: Scan) -> None:
    assert [r.split for r in assign_splits(whole.records)[0]] == [r.split for r in whole.records]
    again = FakeAVCeleb().scan(tree)
    assert again == whole


def test_a_part_is_split_as_the_whole(whole: Scan, tmp_path: Path) -> None:
    part = [made for made in lines() if made[2] == STRATA[3]]
    splits = {r.id: r.split for r in FakeAVCeleb().scan(write(tmp_path, part)).records}
    assert len(splits) > 500
    assert splits == {r.id: r.split for r in whole.records if r.id in splits}


def test_two_labels_each(tmp_path: Path) -> None:
    scan = FakeAVCeleb().scan(small(tmp_path))
    kinds = {(r.id.partition("/")[0], r.label, r.audio_label) for r in scan.records}
    assert kinds == {
        ("RealVideo-RealAudio", REAL, REAL),
        ("RealVideo-FakeAudio", REAL, FAKE),
        ("FakeVideo-RealAudio", FAKE, REAL),
        ("FakeVideo-FakeAudio", FAKE, FAKE),
    }
    heard = labelled_for(scan.records, uses_audio=True)
    assert {r.id.partition("/")[0] for r in heard if r.label == REAL} == {"RealVideo-RealAudio"}
    assert check_polarity(scan) == []


def test_wrong_polarity_of_either_is_found(tmp_path: Path) -> None:
    scan = FakeAVCeleb().scan(small(tmp_path))
    for change in ("label", "audio_label"):
        turned = tuple(replace(r, **{change: 1 - getattr(r, change)}) for r in scan.records)
        problems = check_polarity(replace(scan, records=turned))
        assert problems[0].fatal
        assert len(problems[0].items) == len(scan.records), problems[0].items


def test_wrong_audio_of_fake_images_are_found(tmp_path: Path) -> None:
    scan = FakeAVCeleb().scan(small(tmp_path))
    turned = tuple(replace(r, audio_label=1 - (r.audio_label or 0)) if r.label == FAKE else r for r in scan.records)
    assert len(check_polarity(replace(scan, records=turned))[0].items) == 3


def test_a_small_copy_has_both_classes_in_what_it_is_split_into(tmp_path: Path) -> None:
    """However few people it has: then more are held out, or it is left to the core."""
    split = 0
    for count in range(2, 14):
        few = [person for person, stratum in PEOPLE if stratum == STRATA[0]][:count]
        made = [made for made in lines() if made[1] in few and (made[5] == "-" or made[5] in few)]
        scan = FakeAVCeleb().scan(write(tmp_path / str(count), made))
        splits = {r.split for r in scan.records}
        split += "val" in splits
        for name in splits - {"test"}:
            for uses_audio in (False, True):
                found = labelled_for([r for r in scan.records if r.split == name], uses_audio=uses_audio)
                assert {r.label for r in found} == {REAL, FAKE}, (count, name)
    assert split > 5


def test_people_methods_and_originals(tmp_path: Path) -> None:
    found = {r.path.stem: r for r in FakeAVCeleb().scan(small(tmp_path)).records}
    groups = {name: tuple(person.removeprefix("voxceleb:") for person in r.group) for name, r in found.items()}
    assert groups == {
        "00109": ("id00076",),
        "00109_fake": ("id00076",),
        "00109_id00166_PQV2ZbJBLNk": ("id00076", "id00166"),
        "00109_id00166_x_2_id00701_wavtolip": ("id00076", "id00166", "id00701"),  # both named in the file alone
        "00109_3_wavtolip": ("id00076", "id00391", "id00475"),  # both named in the table alone
    }
    assert [r.manipulation for r in found.values()] == ["original", "rtvc", "fsgan", "wav2lip", "fsgan-wav2lip"]
    original = "RealVideo-RealAudio/African/men/id00076/00109"
    assert [r.original for r in found.values()] == ["", *[original] * 4]


def test_without_a_table(tmp_path: Path) -> None:
    (small(tmp_path) / "meta_data.csv").unlink()
    scan = FakeAVCeleb().scan(tmp_path)
    assert [r.manipulation for r in scan.records] == ["original", "rtvc", "unknown", "wav2lip", "wav2lip"]
    assert len(scan.records) == 5
    assert "There is no meta_data.csv" in " ".join(scan.notes)
    assert check_polarity(scan) == []


def test_with_a_part_of_the_table(tmp_path: Path) -> None:
    table = small(tmp_path) / "meta_data.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:3]))
    scan = FakeAVCeleb().scan(tmp_path)
    assert len(scan.records) == 5
    assert "Videos without a row in meta_data.csv: 3" in " ".join(scan.notes)


def test_other_columns_and_paths(tmp_path: Path) -> None:
    """The columns that are needed, the video's name wherever it stands, and rows of videos that are not there."""
    touch(tmp_path, "fakevideo-realaudio/African/men/id00076/00005.mp4")
    (tmp_path / "META_DATA.csv").write_text(
        "Source,target1,method,type,filename,path\n"
        "id00076,id00460,faceswap,FakeVideo-RealAudio,00005.mp4,FakeAVCeleb\\FakeVideo-RealAudio\\African\\men\\id00076\n"
        "id00076,-,real,RealVideo-RealAudio,00005.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076\n"
    )
    (record,) = FakeAVCeleb().scan(tmp_path).records
    assert record.group == ("voxceleb:id00076", "voxceleb:id00460")
    assert (record.manipulation, record.original) == ("faceswap", "")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "id00076,-,-,rtvc,B,RealVideo-FakeAudio,African,men,1.mp4,FakeAVCeleb/RealVideo-RealAudio/a",
            "line 2.*lies in",
        ),
        ("id00076,-,-,real,B,RealVideo-FakeAudio,African,men,1.mp4,", "line 2.*has the method 'real'"),
        ("id00076,-,-,rtvc,A,RealVideo-RealAudio,African,men,1.mp4,", "line 2.*has the method 'rtvc'"),
        ("id00076,-,-,rtvc,A,Real,African,men,1.mp4,", "line 2: type 'Real'"),
        ("id00076,-,-,rtvc,B,RealVideo-FakeAudio,African,men,,", "line 2.*name"),
    ],
)
def test_a_table_that_contradicts_itself(tmp_path: Path, row: str, words: str) -> None:
    (small(tmp_path) / "meta_data.csv").write_text(f"{HEAD}\n{row}\n")
    with pytest.raises(DatasetError, match=words):
        FakeAVCeleb().scan(tmp_path)


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"", b"\xff\xfe\x00\x81"])
def test_a_table_that_is_none(tmp_path: Path, content: bytes) -> None:
    (small(tmp_path) / "meta_data.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=r"meta_data\.csv"):
        FakeAVCeleb().scan(tmp_path)


def test_roots_above_and_below(tmp_path: Path) -> None:
    root = small(tmp_path / "FakeAVCeleb_v1.2")
    expected = FakeAVCeleb().scan(root)
    above, below = FakeAVCeleb().scan(tmp_path), FakeAVCeleb().scan(root / "FakeVideo-FakeAudio")
    assert above.records == below.records == expected.records
    assert "one level down" in " ".join(above.notes)
    assert "all parts in" in " ".join(below.notes)


def test_it_is_recognised_by_its_folders(tmp_path: Path) -> None:
    root = small(tmp_path / "copy")
    assert FakeAVCeleb().recognises(root, list_folder(root))
    assert not FakeAVCeleb().recognises(tmp_path, list_folder(tmp_path))


def test_strange_files_are_counted(tmp_path: Path) -> None:
    touch(small(tmp_path), "RealVideo-RealAudio/African/men/id00076/00109.txt", "RealVideo-RealAudio/stray.mp4")
    scan = FakeAVCeleb().scan(tmp_path)
    assert len(scan.records) == 5
    assert "not the dataset's videos: 2 (RealVideo-RealAudio/" in " ".join(scan.notes)
    assert scan.missing == {top: size - (2 if top == "FakeVideo-FakeAudio" else 1) for top, size in SIZES.items()}


def test_wrong_roots(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        FakeAVCeleb().scan(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="holds none of RealVideo-RealAudio"):
        FakeAVCeleb().scan(touch(tmp_path / "other", "a.mp4"))
    (tmp_path / "hollow" / "RealVideo-RealAudio").mkdir(parents=True)
    with pytest.raises(DatasetError, match="none of its videos"):
        FakeAVCeleb().scan(tmp_path / "hollow")
